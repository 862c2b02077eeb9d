"""The stage of clips: first frames that begin to move, what is there so far, and the clips.

The pieces go over the wire as those of a first frame do, and are patched in the same way.
"""

from collections.abc import Mapping
from typing import Any

from komadori.domain.states import JobState, StepState
from komadori.domain.view import ClipFacts, JobView, StepView
from komadori.ui.clip_names import clips_of, file_name, shot_of
from komadori.ui.render import esc, problem_words
from komadori.ui.render_acts import actions, preview, stage_word, trouble
from komadori.ui.render_comfy import step_words
from komadori.ui.render_making import row, why_words
from komadori.ui.render_names import SHAPES, state_word
from komadori.ui.render_parts import part_time
from komadori.ui.render_stage import folded
from komadori.ui.render_strip import strip
from komadori.ui.texts import Language, say

_FEW = 4
_QUIET = frozenset({StepState.QUEUED, StepState.CANCELLED})
"""States that need no words: the first frame, faint, says that nothing came of it yet."""


def empty_clip(language: Language) -> dict[str, Any]:
    """Say what will be here; where no ComfyUI can make clips, how to come by one."""
    body = (
        f'<div class="empty" data-with><h2>{esc(say(language, "clip_empty_title"))}</h2>'
        f"<p>{esc(say(language, 'clip_empty_text'))}</p>"
        '<div class="takes is-one" style="--w:1280;--h:720" data-ghost data-keep '
        'aria-hidden="true"><span class="panel is-queued"><span class="picture"></span></span>'
        f"</div></div>{_without(language)}"
    )
    return {"job": "", "alive": False, "head": body, "body": "", "foot": ""}


def _without(language: Language) -> str:
    """Explain ComfyUI to somebody who has none that makes clips."""
    setting = esc('comfyui:\n  servers:\n    - {name: a, url: "http://127.0.0.1:8188"}')
    return (
        f'<div class="empty comfy" data-without><h2>{esc(say(language, "comfy_title"))}</h2>'
        f"<p>{esc(say(language, 'comfy_text'))}</p><ol>"
        f"<li>{esc(say(language, 'comfy_step_start'))}</li>"
        f"<li>{esc(say(language, 'comfy_step_setting'))}<pre>{setting}</pre></li>"
        f"<li>{esc(say(language, 'comfy_step_again'))}</li></ol>"
        "<div data-missing data-keep></div>"
        f'<p class="quiet">{esc(say(language, "comfy_docs"))}</p></div>'
    )


def clip_stage(view: JobView, language: Language) -> dict[str, Any]:
    """Draw a clip job: strip and sentence, its clips, and what stands beside them."""
    title = view.title or say(language, "jobs_untitled")
    state = stage_word(view, language, is_told_by_stage=view.state is JobState.RUNNING)
    return {
        "job": view.id,
        "alive": not view.state.is_final,
        "head": (
            f'<div class="about-job"><h2>{esc(title)}</h2>{state}</div>'
            f'<div class="progress is-{view.state.value.lower()}">'
            f"{strip(view, language)}{actions(view, 'clip_missing', language)}</div>"
        ),
        "body": _body(view, language),
        "foot": folded(view, language),
    }


def clip_words(clip: ClipFacts, language: Language) -> str:
    """Say how long and how large a clip is."""
    time = say(language, "time_s", s=f"{clip.seconds:.1f}")
    frames = say(language, "clip_frames", count=clip.frames)
    return f"{time} · {frames} · {clip.width} × {clip.height}"


def _body(view: JobView, language: Language) -> str:
    clips = clips_of(view)
    is_one = len(clips) == 1
    look = " is-one" if is_one else " is-some" if len(clips) <= _FEW else " is-lot"
    cards = "".join(_card(step, view, language, is_one=is_one) for step in clips)
    return (
        f'<div class="shot"><div class="main-side">{trouble(view, language)}'
        f'<div class="takes{look}" data-key="takes">{cards}</div></div>'
        f"{_aside(view, clips, language)}</div>"
    )


def _card(step: StepView, view: JobView, language: Language, *, is_one: bool) -> str:
    shot = shot_of(view, step.number)
    size = step.clip or shot
    wide, high = (
        (size.width, size.height)
        if isinstance(size, ClipFacts)
        else (size.get("width", 1280), size.get("height", 720))
    )
    number = "" if is_one else f'<b class="number">{step.number}</b>'
    # Each player reads the head of its file: many at once would hold up everything else.
    preload = "metadata" if len(clips_of(view)) <= _FEW else "none"
    inner = _inner(step, shot, language, is_one=is_one, preload=preload) + number + _line(step)
    return (
        f'<figure class="take" data-key="clip-{step.number}" style="--w:{wide};--h:{high}">'
        f'<div class="panel is-{step.state.value.lower()}">'
        f'<span class="picture">{inner}</span></div>{_caption(step, view, language)}</figure>'
    )


def _inner(
    step: StepView, shot: Mapping[str, Any], language: Language, *, is_one: bool, preload: str
) -> str:
    begins = esc(shot.get("picture", ""))
    if step.picture is not None:
        return _player(step, begins, preload, language)
    first = f'<img class="begins" src="/files/{begins}" alt="" decoding="async">' if begins else ""
    if step.state in _QUIET:
        return first
    return (preview(step) or first) + _note(step, language, is_one=is_one)


def _player(step: StepView, begins: str, preload: str, language: Language) -> str:
    source = f"/files/{esc(step.picture or '')}"
    name = esc(say(language, "step_clip", number=step.number))
    if step.clip is not None and step.clip.media_type.startswith("image/"):
        return f'<img src="{source}" alt="{name}" decoding="async">'
    return (
        f'<video data-key="{esc(step.picture or "")}" src="{source}" poster="/files/{begins}" '
        f'controls loop muted playsinline preload="{preload}" aria-label="{name}"></video>'
    )


def _line(step: StepView) -> str:
    if step.state is not StepState.RUNNING:
        return ""
    return f'<u style="--done:{min(max(step.progress, 0.0), 1.0):.2f}"></u>'


def _note(step: StepView, language: Language, *, is_one: bool) -> str:
    is_running = step.state is StepState.RUNNING
    word = say(language, "clip_making") if is_running else state_word(step.state, language)
    reason = ""
    is_told = is_one and step.state is not StepState.WAITING  # the sentence tells it
    if step.problem is not None and not is_told:
        reason = f"<small>{esc(problem_words(step.problem, language))}</small>"
    elif is_running and (words := step_words(step, language)):
        reason = f"<small>{esc(words)}</small>"
    shape = SHAPES[step.state]
    return f'<span class="note"><b><i aria-hidden="true">{shape}</i> {esc(word)}</b>{reason}</span>'


def _caption(step: StepView, view: JobView, language: Language) -> str:
    if step.picture is None or step.clip is None:
        return ""
    word = esc(say(language, "frame_download"))
    look = "button" if len(clips_of(view)) == 1 else "as-link"
    return (
        f'<figcaption><span class="quiet">{esc(clip_words(step.clip, language))}</span>'
        f'<span class="acts"><a class="{look}" data-key="download" '
        f'href="/files/{esc(step.picture)}" download="{esc(file_name(view, step))}">{word}</a>'
        "</span></figcaption>"
    )


def _aside(view: JobView, clips: list[StepView], language: Language) -> str:
    told = [step for step in clips if step.making is not None]
    done = [step for step in told if step.picture is not None]
    rows = [row("clip_prompt", str(_motion(view, clips)), language)]
    if step := next(iter(done + told), None):
        rows += _made(step, language)
    wanted = say(language, "clip_wanted", **_wanted(view))
    rows.append(row("clip_length", wanted, language))
    options = view.request.get("options") or {}
    rows += [_option(name, value) for name, value in options.items()]
    makings = [step.making for step in told if step.making]
    if makings and makings[0].seed is not None:
        seed = str(makings[0].seed)
        rows.append(row("frame_made_seed", seed, language, copies=seed))
    title = esc(say(language, "clip_made"))
    facts = "".join(rows)
    return (
        f'<aside class="beside" data-key="beside"><h3>{title}</h3><dl class="made-of">{facts}</dl>'
        "</aside>"
    )


def _motion(view: JobView, clips: list[StepView]) -> str:
    """Return what was asked to move; for several clips each has words of its own besides."""
    if len(clips) > 1:
        return view.title
    return str(shot_of(view, clips[0].number).get("prompt", "")) if clips else ""


def _wanted(view: JobView) -> dict[str, object]:
    return {"seconds": f"{view.request.get('seconds', 0):g}", "fps": view.request.get("fps", 0)}


def _made(step: StepView, language: Language) -> list[str]:
    making = step.making
    if making is None:
        return []
    by = " · ".join(word for word in (making.label, making.model) if word)
    rows = [row("clip_made_by", by, language, note=why_words(making.why, language))]
    if step.started_at is not None and step.ended_at is not None:
        took = part_time(step.ended_at - step.started_at, language)
        rows.append(row("frame_made_time", took, language))
    return rows


def _option(name: str, value: object) -> str:
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f'<div data-key="option-{esc(name)}"><dt>{esc(name)}</dt><dd>{esc(shown)}</dd></div>'
