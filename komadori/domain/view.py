"""What a follower sees of a job: one immutable picture of it, shared by all who watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from komadori.domain.backends import BackendFacts, Price
from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.making import Making, Span
from komadori.domain.servers import ServerReport
from komadori.domain.states import JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.story import Line, Scene, Shot
from komadori.domain.workflows import Field

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something failed or waits. `code` is for the page's words, `message` is English."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """A clip as it came. Sizes in pixels."""

    media_type: str
    seconds: float
    frames: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step as it stands now. Times are seconds since the epoch (UTC)."""

    id: StepId
    kind: StepKind
    number: int
    state: StepState
    attempt: int
    progress: float
    message: str
    problem: Problem | None
    waits_until: float | None = None
    """When a parked step goes on by itself; None: it is not parked, or waits for a person."""
    wish: str = ""
    """What a person asked to be different, of steps that draw."""
    started_at: float | None
    ended_at: float | None
    spans: tuple[Span, ...]
    """The timed parts of the last attempt, in the order in which they began."""
    making: Making | None
    """How the picture is or was made; None: nobody has said yet."""
    picture: ArtifactId | None
    """The picture that it has made."""
    preview: int = 0
    """Grows with each preview of what is being made; 0: there is none."""
    clip: ClipFacts | None = None
    """For a clip that is there: what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """One panel of a storyboard: its words, and its picture once there is one."""

    number: int
    scene: Scene
    text: str
    shot: Shot
    characters: tuple[str, ...]
    dialogue: tuple[Line, ...]
    state: StepState
    problem: Problem | None
    picture: ArtifactId | None
    version: int
    """The version shown; 0 while there is none."""
    versions: int
    """How many versions there are."""
    provider: str = ""
    """Which backend drew the picture shown; "" while there is none, and of old ones."""
    redo: JobId | None
    """The open job that draws it again, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a job's film strip: the panel's number, where it stands, what was drawn."""

    kind: StepKind
    number: int
    state: StepState
    picture: ArtifactId | None
    waits_until: float | None = None
    """When it goes on by itself, as of its step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as it stands now. Times are seconds since the epoch (UTC)."""

    id: JobId
    kind: JobKind
    state: JobState
    stage: Stage | None
    title: str
    progress: float
    """0 to 1."""
    position: int | None
    """How many jobs are before it, plus one; None unless it is QUEUED."""
    eta_s: float | None
    problem: Problem | None
    steps_total: int
    steps_done: int
    steps_failed: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    deleted: bool
    target: JobId | None
    """For a panel job: the storyboard whose panel is drawn again."""
    request: Mapping[str, Any]
    """The request as it was stored. In lists it is left out (empty)."""
    provider: str
    """Who draws: the backend that drew last, else the one that will; "" when none is known."""
    cost: tuple[Price, ...]
    """What it has cost so far, one sum for each currency. In lists it is left out (empty)."""
    cost_unknown: tuple[Price, ...]
    """What requests that were sent and not answered may have cost beside that."""
    picked: int | None
    """For a frame job: the number of the candidate that was chosen."""
    source: str | None
    """Who split the story: "rules" or "llm"; None before."""
    frames: tuple[Frame, ...]
    """Its pictures in order, in lists too; none before the scenes are known."""
    steps: tuple[StepView, ...]
    panels: tuple[PanelView, ...]
    servers: tuple[ServerReport, ...] = ()
    """While it waits for a ComfyUI server: how those stand. In lists it is left out (empty)."""
    sequence: int
    """Grows with every change of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of a job's log."""

    sequence: int
    at: float
    kind: str
    """What happened, as a code: "submitted", "step_completed", "step_died" and so on."""
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One kept version of a panel's picture."""

    version: int
    picture: ArtifactId
    is_current: bool
    made_at: float
    wish: str
    seed: int | None
    provider: str = ""
    """Which backend drew it; "" of old ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPart(Generic[T]):
    """A part of a longer list."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendView:
    """An image backend as it stands now. Times are seconds since the epoch (UTC)."""

    facts: BackendFacts
    is_auto: bool
    """Whether `auto` would take it now."""
    rests_until: float | None
    """It is left alone until then: it asked for that, or failed too often."""
    rest_reason: str
    typical_s: float | None
    """Median seconds of its newest pictures."""
    absence: str = ""
    """For a ComfyUI: why a job would have to wait now; "" when a server is there."""
    fields: tuple[Field, ...] = ()
    """For a ComfyUI: the form of the workflow's options."""
    servers: tuple[str, ...] = ()
    """For a ComfyUI: the servers that can run the workflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The timed parts of one ended attempt, to compare runs. Times are seconds since the epoch."""

    job_id: JobId
    kind: StepKind
    number: int
    provider: str
    ended_at: float
    seconds: float
    spans: tuple[Span, ...]
