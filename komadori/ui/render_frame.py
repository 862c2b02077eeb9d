"""The stage of a first frame: drafts to approve, candidates to choose from, how they were made.

The pieces go over the wire as those of the storyboard do, and are patched in the same way.
"""

from dataclasses import replace
from typing import Any

from komadori.domain.states import JobState, StepKind, StepState
from komadori.domain.view import JobView, StepView
from komadori.ui.render import AWAITING_APPROVAL, esc, problem_words
from komadori.ui.render_acts import actions, button, code_of, preview, stage_word, trouble
from komadori.ui.render_comfy import step_words
from komadori.ui.render_making import SKETCH, cost_side, making_side, size_of
from komadori.ui.render_names import SHAPES, state_word
from komadori.ui.render_stage import folded
from komadori.ui.render_strip import strip
from komadori.ui.render_waits import retold, waits_for_server
from komadori.ui.texts import Language, say

_WITHOUT_PICTURE = frozenset({StepState.FAILED, StepState.UNKNOWN, StepState.WAITING})


def empty_frame(language: Language) -> dict[str, Any]:
    """Say what will be here, in a frame of the size that the form asks for."""
    body = (
        f'<div class="empty"><h2>{esc(say(language, "frame_empty_title"))}</h2>'
        f"<p>{esc(say(language, 'frame_empty_text'))}</p>"
        f'<button type="button" data-do="draw">{esc(say(language, "frame_draw"))}</button>'
        '<div class="takes is-one" style="--w:1280;--h:720" data-ghost data-keep '
        'aria-hidden="true">'
        '<span class="panel is-queued"><span class="picture"></span></span></div></div>'
    )
    return {"job": "", "alive": False, "head": body, "body": "", "foot": ""}


def frame_stage(view: JobView, language: Language) -> dict[str, Any]:
    """Draw a frame job: strip and sentence, its pictures, and what stands beside them."""
    return {
        "job": view.id,
        "alive": not view.state.is_final,
        "head": _head(view, language),
        "body": _body(view, language),
        "foot": folded(view, language),
    }


def drafts_of(view: JobView) -> list[StepView]:
    """Return a job's drafts in order."""
    return [step for step in view.steps if step.kind is StepKind.DRAFT]


def finals_of(view: JobView) -> list[StepView]:
    """Return the pictures that are not drafts, in order."""
    return [step for step in view.steps if step.kind is StepKind.FRAME]


def awaits_approval(view: JobView) -> bool:
    """Whether a person is asked for the next word: draw the final picture, or another draft."""
    return not view.state.is_final and any(
        step.state is StepState.WAITING and code_of(step) == AWAITING_APPROVAL
        for step in finals_of(view)
    )


def _head(view: JobView, language: Language) -> str:
    title = view.title or say(language, "jobs_untitled")
    is_told_by_stage = view.state is JobState.RUNNING or awaits_approval(view)
    acts = actions(view, "frame_missing", language)
    state = stage_word(view, language, is_told_by_stage=is_told_by_stage)
    return (
        f'<div class="about-job"><h2>{esc(title)}</h2>{state}</div>'
        f'<div class="progress is-{view.state.value.lower()}">'
        f"{strip(view, language)}{acts}</div>"
    )


def _body(view: JobView, language: Language) -> str:
    shown, is_asking = _shown(view)
    cards = "".join(_card(step, view, language) for step in shown) or _outlines(view)
    count = len(shown) or _wanted(view)
    return (
        f'<div class="shot" style="{_ratio(view)}">'
        f'<div class="main-side">{trouble(view, language)}'
        f'<div class="takes{_many(count, view)}" data-key="takes">{cards}</div>'
        f"{_approve(view, shown, language) if is_asking else ''}</div>"
        f"{_aside(view, shown, language)}</div>"
    )


def _shown(view: JobView) -> tuple[list[StepView], bool]:
    """Return the pictures to show large, and whether they are drafts that want an answer."""
    drafts, finals = drafts_of(view), finals_of(view)
    if awaits_approval(view):
        return drafts[::-1], True
    return finals or drafts, False


def _wanted(view: JobView) -> int:
    count = view.request.get("candidates")
    return count if isinstance(count, int) else 1


def _ratio(view: JobView) -> str:
    width, height = size_of(view)
    return f"--w:{width};--h:{height}"


def _many(count: int, view: JobView) -> str:
    width, height = size_of(view)
    tall = " is-tall" if height > width else ""
    return (" is-one" if count == 1 else " is-some" if count <= 4 else " is-lot") + tall


def _outlines(view: JobView) -> str:
    return "".join(
        f'<figure class="take" data-key="outline-{number}"><span class="panel is-queued">'
        f'<span class="picture"></span></span></figure>'
        for number in range(1, _wanted(view) + 1)
    )


def picture_name(step: StepView, count: int, language: Language) -> str:
    """Name a picture among `count` of its kind."""
    is_draft = step.kind is StepKind.DRAFT
    if count == 1:
        return say(language, "frame_name_draft" if is_draft else "frame_name_picture")
    key = "frame_name_draft_number" if is_draft else "frame_name_candidate"
    return say(language, key, number=step.number)


def _card(step: StepView, view: JobView, language: Language) -> str:
    siblings = sum(one.kind is step.kind for one in view.steps)
    if waits_for_server(step.problem):  # of a single picture the sentence above tells it
        problem = retold(step.problem, view, language) if siblings > 1 else None
        step = replace(step, problem=problem)
    name = picture_name(step, siblings, language)
    key = f"{step.kind.value}-{step.number}"
    is_picked = _is_picked(step, view)
    classes = f"panel is-{step.state.value.lower()}{' is-picked' if is_picked else ''}"
    inner = _inner(step, siblings, language) + (_badge(language) if is_picked else "")
    if step.picture is None:
        shown = f'<div class="{classes}"><span class="picture">{inner}</span></div>'
    else:
        label = esc(say(language, "frame_open", name=name))
        shown = (
            f'<button type="button" class="{classes}" data-zoom="/files/{esc(step.picture)}" '
            f'aria-label="{label}"><span class="picture">{inner}</span></button>'
        )
    return (
        f'<figure class="take" data-key="{key}">{shown}'
        f"{_caption(step, view, siblings, language)}</figure>"
    )


def _is_picked(step: StepView, view: JobView) -> bool:
    return _is_choice(view) and step.kind is StepKind.FRAME and view.picked == step.number


def _is_choice(view: JobView) -> bool:
    """Whether there are several pictures: a single one needs no choosing."""
    return sum(step.picture is not None for step in finals_of(view)) > 1


def _badge(language: Language) -> str:
    return f'<span class="badge is-chosen">{esc(say(language, "frame_used"))}</span>'


def _inner(step: StepView, siblings: int, language: Language) -> str:
    number = f'<b class="number">{step.number}</b>' if siblings > 1 else ""
    line = ""
    if step.state is StepState.RUNNING:
        line = f'<u style="--done:{min(max(step.progress, 0.0), 1.0):.2f}"></u>'
    if step.picture is not None:
        source = f"/files/{esc(step.picture)}"
        return f'<img src="{source}" alt="" decoding="async">{number}'
    if step.state is StepState.RUNNING or step.state in _WITHOUT_PICTURE:
        return preview(step) + number + _note(step, siblings, language) + line
    return number


def _note(step: StepView, siblings: int, language: Language) -> str:
    is_running = step.state is StepState.RUNNING
    word = say(language, "panel_drawing") if is_running else state_word(step.state, language)
    reason = ""
    is_told = siblings == 1 and step.state is not StepState.WAITING  # the sentence tells it
    if step.problem is not None and not is_told:
        reason = f"<small>{esc(problem_words(step.problem, language))}</small>"
    elif is_running and step.making is not None:
        reason = f"<small>{esc(step_words(step, language))}</small>"
    shape = SHAPES[step.state]
    return f'<span class="note"><b><i aria-hidden="true">{shape}</i> {esc(word)}</b>{reason}</span>'


def _caption(step: StepView, view: JobView, siblings: int, language: Language) -> str:
    """Say what a draft was wished to be, and offer what can be done with a picture."""
    about = ""
    if step.kind is StepKind.DRAFT and step.wish:
        about = f'<q class="wish">{esc(step.wish)}</q>'
    if step.picture is None:
        return f"<figcaption>{about}</figcaption>" if about else ""
    if siblings > 1 and step.making is not None and step.making.seed is not None:
        seed = say(language, "frame_seed_of", seed=str(step.making.seed))
        about += f'<span class="quiet">{esc(seed)}</span>'
    acts = _card_acts(step, view, siblings, language)
    if not about and not acts:
        return ""
    return f'<figcaption>{about}<span class="acts">{acts}</span></figcaption>'


def _card_acts(step: StepView, view: JobView, siblings: int, language: Language) -> str:
    more = f' data-number="{step.number}"'
    if awaits_approval(view):
        if siblings == 1:
            return ""
        return button("approve", "frame_approve_this", language, more=more)
    use = ""
    if _is_choice(view) and step.kind is StepKind.FRAME and view.picked != step.number:
        use = button("pick", "frame_use", language, more=more)
    if step.kind is StepKind.FRAME:
        use += button(
            "clip", "clip_of_it", language, look="" if siblings == 1 else "as-link", more=more
        )
    return use + _download(step, "button" if siblings == 1 else "as-link", language)


def _download(step: StepView, look: str, language: Language) -> str:
    name = f"{step.kind.value}-{step.number:03d}.webp"
    word = esc(say(language, "frame_download"))
    return (
        f'<a class="{look}" data-key="download" href="/files/{esc(step.picture or "")}" '
        f'download="{name}">{word}</a>'
    )


def _approve(view: JobView, shown: list[StepView], language: Language) -> str:
    """Ask what comes next. What is written into the wish stays while the rest changes."""
    done = [step for step in shown if step.picture is not None]
    final = ""
    if len(done) == 1:
        final = button(
            "approve",
            "frame_approve",
            language,
            look="is-primary",
            more=f' data-number="{done[0].number}"',
        )
    hint = esc(say(language, "frame_wish_hint"))
    return (
        f'<div class="approve" data-key="approve" data-job="{esc(view.id)}">{final}'
        f'<p class="quiet">{esc(_approve_note(view, done, language))}</p>'
        f'<div class="again"><input type="text" data-wish maxlength="1000" placeholder="{hint}" '
        f'aria-label="{hint}">{button("another", "frame_another", language)}</div></div>'
    )


def _approve_note(view: JobView, done: list[StepView], language: Language) -> str:
    """Say what the final picture has of a draft."""
    making = next((step.making for step in done if step.making), None)
    if making is not None and making.seed is None:
        return say(language, "frame_approve_note_seedless", label=making.label)
    is_by_another = making is not None and making.provider == SKETCH
    if is_by_another and view.request.get("provider") != SKETCH:
        return say(language, "frame_approve_note_sketch")
    return say(language, "frame_approve_note_many" if len(done) > 1 else "frame_approve_note")


def _aside(view: JobView, shown: list[StepView], language: Language) -> str:
    told = [step for step in shown if step.making is not None]
    picked = [step for step in told if step.kind is StepKind.FRAME and step.number == view.picked]
    done = [step for step in told if step.picture is not None]
    step = next(iter(picked + done + told), None)
    parts = making_side(step, view, language) if step else cost_side(view, language)
    parts += _earlier_drafts(view, shown, language)
    # It has its place from the beginning, so that nothing moves when there is something to tell.
    return f'<aside class="beside" data-key="beside">{parts}</aside>'


def _hint(step: StepView) -> str:
    return f'title="{esc(step.wish)}" ' if step.wish else ""


def _earlier_drafts(view: JobView, shown: list[StepView], language: Language) -> str:
    drafts = [step for step in drafts_of(view) if step.picture is not None and step not in shown]
    if not drafts:
        return ""
    total = len(drafts_of(view))
    cells = "".join(
        f'<button type="button" class="panel" data-key="draft-{step.number}" {_hint(step)}'
        f'data-zoom="/files/{esc(step.picture or "")}" aria-label="'
        f'{esc(say(language, "frame_open", name=picture_name(step, total, language)))}">'
        f'<span class="picture"><img src="/files/{esc(step.picture or "")}/thumb" alt=""></span>'
        "</button>"
        for step in drafts
    )
    return f'<h3>{esc(say(language, "frame_drafts"))}</h3><div class="drafts">{cells}</div>'
