"""What of an ended job can be made after all, and what only with a word from its reader."""

from collections import Counter

from komadori.domain.states import JobState, StepState
from komadori.domain.view import JobView
from komadori.ui.texts import Language, say

_MAY_RETRY = frozenset({JobState.PARTIAL, JobState.FAILED, JobState.CANCELLED})
_MISSING = (StepState.FAILED, StepState.CANCELLED)


def may_be_made(view: JobView) -> bool:
    """Whether something is missing that may be made again without asking."""
    states = _states(view)
    is_missing = any(states[state] for state in _MISSING)
    # A job that failed before it had steps to show has its story missing.
    return view.state in _MAY_RETRY and (is_missing or not states[StepState.UNKNOWN])


def may_be_resent(view: JobView) -> bool:
    """Whether something was sent and not answered, and may be sent again by a reader's word."""
    return view.state in _MAY_RETRY and _states(view)[StepState.UNKNOWN] > 0


def resend_why(view: JobView, language: Language) -> str:
    """Say what sending again may cost."""
    return say(language, "resend_why", count=_states(view)[StepState.UNKNOWN])


def _states(view: JobView) -> Counter[StepState]:
    """Count the states of the steps; lists know only those of the pictures."""
    return Counter(step.state for step in view.steps or view.frames)
