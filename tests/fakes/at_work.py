"""A worker's side of one claimed step, without the worker: the step's calls and its context."""

from concurrent.futures import ThreadPoolExecutor

from komadori.domain.making import Making
from komadori.domain.work import FileStore
from komadori.queue.calls import StepCalls
from komadori.queue.context import WorkerContext
from komadori.queue.ledger import Claim
from komadori.queue.store import Store


class AtWork:
    """What a step has of the world, and what it told."""

    def __init__(
        self, store: Store, files: FileStore, executor: ThreadPoolExecutor, claim: Claim
    ) -> None:
        self.claim = claim
        self.calls = StepCalls(store, executor, claim.step, token=claim.token)
        self.told: list[tuple[float, str]] = []
        self.makings: list[Making] = []
        self.previews: list[bytes] = []
        self.signs_of_life = 0
        self.why_stopped: str | None = None
        self.context = WorkerContext(
            claim.job,
            claim.step,
            files=files,
            calls=self.calls,
            report=lambda fraction, message: self.told.append((fraction, message)),
            describe=self.makings.append,
            preview=self.previews.append,
            alive=self._lives,
            why_stopped=lambda: self.why_stopped,
        )

    def _lives(self) -> None:
        self.signs_of_life += 1

    @property
    def stages(self) -> list[str]:
        """The timed parts, in the order in which they began."""
        return [span.stage for span in self.context.spans]
