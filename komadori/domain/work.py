"""What the queue and the pipeline hand each other, so that neither has to know the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from komadori.domain.calls import Calls
from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.job import Job, Step
from komadori.domain.making import Making
from komadori.domain.states import Lane, Stage, StepKind
from komadori.domain.view import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """A step that a plan wants. A higher `priority` is claimed first."""

    kind: StepKind
    number: int
    payload: Mapping[str, Any]
    lane: Lane = Lane.IMAGE
    priority: int = 0
    waits_for: Problem | None = None
    """What it is parked for, until a person lets it go on; None: it may be claimed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The next stage of a job and its steps. No steps: the job has nothing left to do."""

    stage: Stage | None = None
    steps: tuple[NewStep, ...] = ()


def slot_of(kind: StepKind, number: int) -> str:
    """Return the slot that holds the versions of a step's picture ("panel-003")."""
    return f"{kind.value}-{number:03d}"


def panel_slot(number: int) -> str:
    """Return the slot that holds the versions of a panel's picture."""
    return slot_of(StepKind.PANEL, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArtifact:
    """A stored file that a step offers as its result.

    It becomes the current version of `slot` ("panel-003") of `job_id` if the step's result is
    accepted, and is removed if it is not. `about` says how it was made (JSON).
    """

    job_id: JobId
    slot: str
    file: StoredFile
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step brings back: plain JSON for the next stage, and files."""

    data: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[NewArtifact, ...] = ()


class FileStore(Protocol):
    """Where files are kept by their artifact id."""

    def put_picture(self, data: bytes) -> StoredFile:
        """Check and keep a picture under a new id, with its thumbnail.

        Raises:
            RequestRejected: the bytes are not a picture we take; the message says why.
        """

    def put_reference(self, data: bytes) -> StoredFile:
        """Check and keep a reference picture as it is, with its thumbnail.

        Raises:
            RequestRejected: the bytes are not a picture we take; the message says why.
        """

    def put_clip(self, data: bytes) -> StoredFile:
        """Check and keep a clip (MP4, or animated WebP) as it is, with a still as its thumbnail.

        Raises:
            RequestRejected: the bytes are not a clip that can be played; the message says why.
        """

    def put_preview(self, step_id: StepId, picture: bytes) -> None:
        """Keep what is there of a step's result so far, in the place of what was kept before."""

    def preview_path(self, step_id: StepId) -> Path:
        """Return where a step's preview lies, if there is one."""

    def remove_preview(self, step_id: StepId) -> None:
        """Forget a step's preview; none there is fine."""

    def read(self, artifact_id: ArtifactId) -> bytes:
        """Return the whole file. Raises FileNotFoundError when it is gone."""

    def path(self, artifact_id: ArtifactId, *, thumbnail: bool = False) -> Path:
        """Return where the file lies."""

    def remove(self, artifact_id: ArtifactId) -> None:
        """Forget the file and its thumbnail; none there is fine."""

    def older_than(self, age_s: float) -> Iterator[ArtifactId]:
        """Yield the ids of files that were written so long ago, or earlier."""


class StepContext(Protocol):
    """What a step may use of the world around it."""

    @property
    def job(self) -> Job:
        """The job that the step belongs to."""

    @property
    def step(self) -> Step:
        """The step itself."""

    @property
    def files(self) -> FileStore:
        """Where results are put and references are read."""

    def report(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is (0 to 1). Cheap; may be called as often as one likes."""

    @property
    def calls(self) -> Calls:
        """The book of what was asked of backends for this step."""

    def timed(self, stage: str) -> AbstractContextManager[None]:
        """Time a part of the step for the waterfall. Parts may overlap."""

    def span(self, stage: str, began: float, ended: float) -> None:
        """Note a part that somebody else has timed, in seconds of `time.perf_counter`."""

    def describe(self, making: Making) -> None:
        """Tell how the picture is made; a later word replaces an earlier one. Cheap."""

    def preview(self, picture: bytes) -> None:
        """Show what is there of the result so far (JPEG, PNG or WebP). Cheap; may be dropped."""

    def alive(self) -> None:
        """Tell that the work goes on where nobody can know how long it takes.

        The step's time limits begin anew. Only for work whose silence is noticed by another watch.
        """

    @property
    def is_cancelled(self) -> bool:
        """Whether a stopped step is not to go on later: what it began elsewhere may be ended."""


class RunStep(Protocol):
    """Does a step's work; the pipeline's one entrance."""

    async def __call__(self, context: StepContext) -> StepResult:
        """Do the work.

        Raises:
            BackendRefused: it will fail again in the same way.
            BackendBusy: it is to be tried again when the error says; that is no failure.
            OutcomeUnknown: only a person may have it tried again.
            Exception: anything else is tried again, as often as the settings say.
        """


PlanJob = Callable[[Job, Sequence[Step]], Plan]
"""Given a job whose steps (all of them given) have all ended, return what comes next.

Called with no steps at all, it returns the first stage.
"""
