"""States of jobs and steps with one transition table each, and the kinds that go with them."""

from enum import StrEnum


class JobKind(StrEnum):
    """What was asked for."""

    STORYBOARD = "storyboard"
    PANEL = "panel"
    FRAME = "frame"
    CLIP = "clip"


class StepKind(StrEnum):
    """What one step does."""

    SCENES = "scenes"
    PANEL = "panel"
    DRAFT = "draft"
    FRAME = "frame"
    CLIP = "clip"

    @property
    def draws(self) -> bool:
        """Whether the step makes a picture or a clip."""
        return self is not StepKind.SCENES


class Stage(StrEnum):
    """Which part of its plan a job is in; shown beside the state."""

    SCENE_GENERATION = "SCENE_GENERATION"
    IMAGE_GENERATION = "IMAGE_GENERATION"
    REGENERATING = "REGENERATING"
    DRAFTING = "DRAFTING"
    APPROVAL = "APPROVAL"
    CLIP_GENERATION = "CLIP_GENERATION"


class Lane(StrEnum):
    """A queue of its own, with workers of its own."""

    IMAGE = "image"
    SPEECH = "speech"
    UPKEEP = "upkeep"


class JobState(StrEnum):
    """Where a job stands as a whole."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    CANCELLING = "CANCELLING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended (a retry may open it again)."""
        return self in FINAL_JOB_STATES

    def may_become(self, state: "JobState") -> bool:
        """Whether the transition table has this way."""
        return state in _NEXT_JOB_STATES[self]


class StepState(StrEnum):
    """Where one step stands. QUEUED steps may be claimed at once; WAITING ones are parked."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_final(self) -> bool:
        """Whether the step has ended (a retry may open it again)."""
        return self in FINAL_STEP_STATES

    def may_become(self, state: "StepState") -> bool:
        """Whether the transition table has this way."""
        return state in _NEXT_STEP_STATES[self]


FINAL_JOB_STATES = frozenset(
    {JobState.COMPLETED, JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED}
)
FINAL_STEP_STATES = frozenset(
    {StepState.COMPLETED, StepState.FAILED, StepState.CANCELLED, StepState.UNKNOWN}
)

_J = JobState
_S = StepState

_NEXT_JOB_STATES: dict[JobState, frozenset[JobState]] = {
    _J.QUEUED: frozenset({_J.RUNNING, _J.WAITING, _J.CANCELLING, _J.CANCELLED}),
    _J.RUNNING: frozenset({_J.QUEUED, _J.WAITING, _J.CANCELLING} | FINAL_JOB_STATES),
    _J.WAITING: frozenset({_J.QUEUED, _J.RUNNING, _J.CANCELLING} | FINAL_JOB_STATES),
    _J.CANCELLING: frozenset({_J.CANCELLED, _J.COMPLETED}),
    _J.COMPLETED: frozenset(),
    _J.PARTIAL: frozenset({_J.QUEUED}),
    _J.FAILED: frozenset({_J.QUEUED}),
    _J.CANCELLED: frozenset({_J.QUEUED}),
}

_NEXT_STEP_STATES: dict[StepState, frozenset[StepState]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.QUEUED, _S.WAITING} | FINAL_STEP_STATES),
    _S.WAITING: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.COMPLETED: frozenset(),
    # A redo may have made what was missing here.
    _S.FAILED: frozenset({_S.QUEUED, _S.COMPLETED}),
    _S.CANCELLED: frozenset({_S.QUEUED, _S.WAITING, _S.COMPLETED}),
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.COMPLETED}),
}
