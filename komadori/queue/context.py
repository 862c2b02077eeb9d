"""What a step may use of the world, as this worker offers it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from komadori.domain.job import Job, Step
from komadori.domain.work import FileStore


class WorkerContext:
    """A StepContext: reports go to the heart, timings are kept for the attempt's row."""

    def __init__(
        self, job: Job, step: Step, files: FileStore, report: Callable[[float, str], None]
    ) -> None:
        self.job = job
        self.step = step
        self.files = files
        self._report = report
        self.timings: dict[str, float] = {}

    def report(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is (0 to 1)."""
        self._report(fraction, message)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds spent inside to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.timings[stage] = round(self.timings.get(stage, 0.0) + took, 4)
