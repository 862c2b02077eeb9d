"""What can be done with a job on its stage, and what to do about what went wrong in it."""

from collections.abc import Sequence

from komadori.domain.states import JobState, StepState
from komadori.domain.view import JobView, StepView
from komadori.ui.render import esc
from komadori.ui.render_again import may_be_made, may_be_resent
from komadori.ui.render_names import SHAPES, job_state
from komadori.ui.texts import Language, has, say


def button(do: str, key: str, language: Language, look: str = "", more: str = "") -> str:
    """Draw a button of a stage; the page sends what it wants done."""
    word = esc(say(language, key))
    return (
        f'<button type="button" class="{look}" data-key="{do}" data-do="{do}"{more}>{word}</button>'
    )


def code_of(step: StepView) -> str:
    """Return why a step failed or waits, as a code; "" when it does neither."""
    return step.problem.code if step.problem else ""


def actions(view: JobView, missing: str, language: Language) -> str:
    """Draw what stands beside the sentence: cancel, or make what is missing, which has a name."""
    if view.state is JobState.CANCELLING:
        word = esc(say(language, "cancel_sent"))
        return f'<button type="button" data-key="cancelling" disabled>{word}</button>'
    if not view.state.is_final:
        return button("cancel", "cancel", language)
    if may_be_made(view):
        codes = {code_of(step) for step in view.steps if step.state is StepState.FAILED}
        # What was refused will be refused again: then it is not the thing to do.
        look = "" if codes == {"refused"} else "is-primary"
        return button("retry", missing, language, look=look)
    return ""


def stage_word(view: JobView, language: Language, *, is_told_by_stage: bool) -> str:
    """Draw a job's state in a word, or its stage while that tells more."""
    if may_be_resent(view) and not any(step.picture for step in view.steps):
        word = say(language, "state_UNKNOWN")  # nothing of it is done, whatever the job is called
        return (
            f'<span class="state is-unknown"><i aria-hidden="true">{SHAPES[StepState.UNKNOWN]}</i> '
            f"{esc(word)}</span>"
        )
    key = f"state_{view.state.value}"
    if is_told_by_stage and view.stage is not None and has(f"stage_{view.stage.value}"):
        key = f"stage_{view.stage.value}"
    return job_state(view.state, say(language, key))


def trouble(view: JobView, language: Language) -> str:
    """Say what to do about requests without an answer, and about what has failed."""
    parts = []
    unknown = [step for step in view.steps if step.state is StepState.UNKNOWN]
    if unknown and may_be_resent(view):
        parts.append(
            f'<div class="trouble is-unknown" data-key="unknown" role="alert">'
            f"<p>{esc(_unanswered(unknown, view, language))}</p>"
            f'<p class="quiet">{esc(say(language, "frame_unknown_note"))}</p>'
            f"{button('resend', 'frame_resend', language)}</div>"
        )
    failed = next((step for step in view.steps if step.state is StepState.FAILED), None)
    if failed is not None and view.state.is_final:
        key = f"frame_help_{code_of(failed)}"
        words = say(language, key if has(key) else "frame_help_other")
        parts.append(f'<div class="trouble" data-key="failed"><p>{esc(words)}</p></div>')
    return "".join(parts)


def _unanswered(unknown: Sequence[StepView], view: JobView, language: Language) -> str:
    label = next((step.making.label for step in unknown if step.making), view.provider)
    if len(unknown) == 1:
        return say(language, "frame_unknown", label=label)
    return say(language, "frame_unknown_many", count=len(unknown), label=label)


def preview(step: StepView) -> str:
    """Draw what there is so far of a picture that is being made; "" while there is nothing."""
    if step.state is not StepState.RUNNING or not step.preview:
        return ""
    source = f"/previews/{esc(step.id)}?v={step.preview}"
    return f'<img class="preview" src="{source}" alt="" decoding="async">'
