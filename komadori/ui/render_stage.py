"""The whole stage of one job, in the pieces that the page patches one by one.

The pieces go over the wire as a dictionary: Gradio sends only those that have changed, and the
page touches only those nodes that differ, so pictures that are there stay there.
"""

from typing import Any

from komadori.domain.states import JobKind, JobState
from komadori.domain.view import JobView
from komadori.ui.render import esc, is_alive
from komadori.ui.render_again import may_be_made, may_be_resent, resend_why
from komadori.ui.render_makers import makers_sentence
from komadori.ui.render_names import job_state
from komadori.ui.render_panels import cards
from komadori.ui.render_strip import strip
from komadori.ui.render_waterfall import waterfall
from komadori.ui.texts import Language, has, say


def empty_stage(language: Language) -> dict[str, Any]:
    """Say what will be here, and offer the action that fills it."""
    # The page fills in one ghost for each panel that the form asks for.
    head = (
        f'<div class="empty"><h2>{esc(say(language, "empty_title"))}</h2>'
        f"<p>{esc(say(language, 'empty_text'))}</p>"
        f'<button type="button" data-do="draw">{esc(say(language, "empty_action"))}</button>'
        '<div class="ghosts" data-ghosts data-keep aria-hidden="true"></div></div>'
    )
    return {"job": "", "alive": False, "head": head, "panels": [], "foot": ""}


def stage(view: JobView, language: Language) -> dict[str, Any]:
    """Draw a job: strip and sentence, what can be done, panels, and the folded details."""
    return {
        "job": view.id,
        "alive": is_alive(view),
        "head": _head(view, language),
        "panels": cards(view, language),
        "foot": _foot(view, language),
    }


def _head(view: JobView, language: Language) -> str:
    title = view.title or say(language, "jobs_untitled")
    return (
        f'<div class="about-job"><h2>{esc(title)}</h2>{_stage_word(view, language)}</div>'
        f'<div class="progress is-{view.state.value.lower()}">'
        f"{strip(view, language)}{_actions(view, language)}</div>{_unanswered(view, language)}"
    )


def _stage_word(view: JobView, language: Language) -> str:
    key = f"state_{view.state.value}"
    if view.stage is not None and view.state is JobState.RUNNING:
        key = f"stage_{view.stage.value}"
    return job_state(view.state, say(language, key))


def _actions(view: JobView, language: Language) -> str:
    if view.kind is not JobKind.STORYBOARD:
        return ""
    if may_be_made(view):
        return _button("retry", "is-primary", "retry_missing", language)
    if view.state is JobState.CANCELLING:
        word = esc(say(language, "cancel_sent"))
        return f'<button type="button" data-key="cancelling" disabled>{word}</button>'
    if not view.state.is_final:
        return _button("cancel", "", "cancel", language)
    return _button("clips", "", "clip_of_all", language)


def _unanswered(view: JobView, language: Language) -> str:
    """Say what was sent and not answered, and offer to send it again."""
    if view.kind is not JobKind.STORYBOARD or not may_be_resent(view):
        return ""
    word = esc(say(language, "resend"))
    return (
        f'<div class="unanswered" data-key="unanswered"><p>{esc(resend_why(view, language))}</p>'
        f'<button type="button" data-key="resend" data-do="retry" data-resend>{word}</button></div>'
    )


def _button(do: str, look: str, key: str, language: Language) -> str:
    word = esc(say(language, key))
    return f'<button type="button" class="{look}" data-key="{do}" data-do="{do}">{word}</button>'


def _foot(view: JobView, language: Language) -> str:
    return f"{folded(view, language)}{_made(view, language)}"


def folded(view: JobView, language: Language) -> str:
    """Draw what is folded away below a job: its times, how they compare, and its log.

    The page asks for what stands in a slot when it is unfolded (`data-asks`).
    """
    job = esc(view.id)
    loading = esc(say(language, "log_loading"))
    return (
        f'<details data-key="timings" data-asks="show_runs">'
        f"<summary>{esc(say(language, 'timings_title'))}</summary>"
        f'{waterfall(view, language)}<div data-key="runs" data-slot="runs:{job}" data-keep></div>'
        f'</details><details data-key="log" data-asks="show_log">'
        f"<summary>{esc(say(language, 'log_title'))}</summary>"
        f'<div data-slot="log:{job}" data-keep><p class="quiet">{loading}</p></div></details>'
    )


def _made(view: JobView, language: Language) -> str:
    """Say who drew the pictures, and who split the story."""
    words = [makers_sentence(view, language)]
    if has(f"made_split_{view.source or ''}"):
        words.append(say(language, f"made_split_{view.source}"))
    between = "" if language == "zh" else " "
    text = between.join(word for word in words if word)
    return f'<p class="made quiet">{esc(text)}</p>' if text else ""
