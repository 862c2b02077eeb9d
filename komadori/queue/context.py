"""What a step may use of the world, as this worker offers it."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from komadori.domain.calls import Calls
from komadori.domain.job import Job, Step
from komadori.domain.making import Making, Span
from komadori.domain.work import FileStore

PREVIEW_S = 1.0
ALIVE_S = 2.0
"""Oftener than this nothing is gained by it."""


class WorkerContext:
    """A StepContext: reports go to the heart, spans are kept for the attempt's row."""

    def __init__(
        self,
        job: Job,
        step: Step,
        *,
        files: FileStore,
        calls: Calls,
        report: Callable[[float, str], None],
        describe: Callable[[Making], None],
        preview: Callable[[bytes], None],
        alive: Callable[[], None],
        why_stopped: Callable[[], str | None],
    ) -> None:
        self.job = job
        self.step = step
        self.files = files
        self.calls = calls
        self.making: Making | None = None
        self._report = report
        self._describe = describe
        self._preview = preview
        self._alive = alive
        self._why_stopped = why_stopped
        self._shown_at = self._alive_at = 0.0
        self._began = time.perf_counter()
        self._spans: list[Span] = []

    @property
    def spans(self) -> Sequence[Span]:
        """The timed parts, in the order in which they began."""
        return sorted(self._spans, key=lambda span: span.start)

    def report(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is (0 to 1)."""
        self._report(fraction, message)

    def describe(self, making: Making) -> None:
        """Tell how the picture is made."""
        self.making = making
        self._describe(making)

    @property
    def is_cancelled(self) -> bool:
        """Whether a stopped step is not to go on later."""
        return self._why_stopped() == "cancelled"

    def preview(self, picture: bytes) -> None:
        """Show what is there of the result so far; at most one a second is kept."""
        now = time.monotonic()
        if now - self._shown_at >= PREVIEW_S:
            self._shown_at = now
            self._preview(picture)

    def alive(self) -> None:
        """Tell that the work goes on: its time limits begin anew."""
        now = time.monotonic()
        if now - self._alive_at >= ALIVE_S:
            self._alive_at = now
            self._alive()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time what happens inside."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.span(stage, began, time.perf_counter())

    def span(self, stage: str, began: float, ended: float) -> None:
        """Note a part that was timed, in seconds of `time.perf_counter`."""
        start, seconds = began - self._began, max(ended - began, 0.0)
        self._spans.append(Span(stage=stage, start=round(start, 4), seconds=round(seconds, 4)))
