"""What steps and states are called, and the shape that each state has."""

from komadori.domain.states import JobState, StepKind, StepState
from komadori.ui.render import esc
from komadori.ui.texts import Language, say

# Each state has a shape of its own: colour alone would not do.
SHAPES: dict[StepState, str] = {
    StepState.QUEUED: "",
    StepState.RUNNING: "●",
    StepState.WAITING: "…",
    StepState.COMPLETED: "✓",
    StepState.FAILED: "✕",
    StepState.CANCELLED: "–",
    StepState.UNKNOWN: "?",
}

JOB_SHAPES: dict[JobState, str] = {
    JobState.QUEUED: "○",
    JobState.RUNNING: "●",
    JobState.WAITING: "…",
    JobState.CANCELLING: "◌",
    JobState.COMPLETED: "✓",
    JobState.PARTIAL: "◐",
    JobState.FAILED: "✕",
    JobState.CANCELLED: "–",
}


def state_word(state: StepState, language: Language) -> str:
    """Name a step's state; what is queued is still to come."""
    key = "step_state_QUEUED" if state is StepState.QUEUED else f"state_{state.value}"
    return say(language, key)


def step_name(kind: StepKind, number: int, language: Language) -> str:
    """Name a step as the strip, the waterfall and the log do."""
    return say(language, f"step_{kind.value}", number=number)


def job_state(state: JobState, word: str) -> str:
    """Draw a job's state: its shape and a word for it."""
    return (
        f'<span class="state is-{state.value.lower()}">'
        f'<i aria-hidden="true">{JOB_SHAPES[state]}</i> {esc(word)}</span>'
    )
