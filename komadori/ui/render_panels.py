"""A storyboard's panels as cards, and what the large picture tells of each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from komadori.domain.states import StepKind, StepState
from komadori.domain.story import Line, Scene, TimeOfDay, Weather
from komadori.domain.view import JobView, PanelView, StepView, VersionView
from komadori.ui.render import age_words, esc, panel_count, problem_words, time_tag
from komadori.ui.render_acts import preview
from komadori.ui.render_makers import labels_of, panel_maker, provider_words
from komadori.ui.render_names import SHAPES, state_word
from komadori.ui.render_waits import retold
from komadori.ui.texts import Language, say


def cards(view: JobView, language: Language) -> list[str]:
    """Return one card for each panel; outlines while the story is still being split."""
    if view.panels:
        steps = {step.number: step for step in view.steps if step.kind is StepKind.PANEL}
        labels = labels_of(view)
        panels = [
            replace(panel, problem=retold(panel.problem, view, language)) for panel in view.panels
        ]
        return [card(panel, steps.get(panel.number), labels, language) for panel in panels]
    total = panel_count(view)[2]
    return [outline(number, language) for number in range(1, total + 1)]


def outline(number: int, language: Language) -> str:
    """Draw the outline of a panel that is to come."""
    name = say(language, "panel_number", number=number)
    return (
        f'<div class="panel is-queued" data-key="panel-{number}"><span class="picture">'
        f'<b class="number">{number}</b></span><span class="unseen">{esc(name)}</span></div>'
    )


def card(
    panel: PanelView, step: StepView | None, labels: Mapping[str, str], language: Language
) -> str:
    """Draw one panel: its picture or its state, and behind it what the large picture tells.

    `labels`: what those are called who have drawn for this job.
    """
    told = about(panel, step, labels, language)
    inner = f"{_so_far(panel, step)}{_picture(panel, language)}{_line_of(panel, step)}"
    word = panel_word(panel, language)
    name = f"{say(language, 'panel_open', number=panel.number)}: {word}"
    state = StepState.RUNNING if panel.redo else panel.state
    return (
        f'<button type="button" class="panel is-{state.value.lower()}" '
        f'data-key="panel-{panel.number}" data-panel="{panel.number}" '
        f'data-picture="{esc(panel.picture or "")}" aria-label="{esc(name)}">'
        f'<span class="picture">{inner}</span>'
        f'<span class="about" hidden>{told}</span></button>'
    )


def panel_word(panel: PanelView, language: Language) -> str:
    """Name a panel's state in one or two words."""
    if panel.redo:
        return say(language, "panel_redrawing")
    if panel.state is StepState.RUNNING:
        return say(language, "panel_drawing")
    return state_word(panel.state, language)


def about(
    panel: PanelView, step: StepView | None, labels: Mapping[str, str], language: Language
) -> str:
    """Tell what a panel shows: place, words, who speaks, who is there; and who drew it."""
    parts = [
        f"<h3>{esc(say(language, 'panel_number', number=panel.number))}</h3>",
        f'<p class="place">{esc(_place(panel, language))}</p>',
    ]
    if panel.problem is not None and panel.picture is None:
        lost = say(language, "panel_lost_nothing")
        reason = problem_words(panel.problem, language)
        parts.append(f'<p class="failed">{esc(reason[:1].upper() + reason[1:])}. {esc(lost)}</p>')
    parts.append(f"<h4>{esc(say(language, 'dialog_text'))}</h4>")
    parts.append(f'<p class="story">{esc(panel.text)}</p>')
    if panel.dialogue:
        parts.append(f"<h4>{esc(say(language, 'dialog_said'))}</h4>")
        parts.append("".join(_line(line) for line in panel.dialogue))
    parts.append(f"<h4>{esc(say(language, 'dialog_present'))}</h4>")
    parts.append(_present(panel.characters, language))
    if maker := panel_maker(panel, step, labels, language):
        parts.append(f"<h4>{esc(say(language, 'dialog_maker'))}</h4>")
        parts.append(f'<p class="maker">{esc(maker)}</p>')
    return "".join(parts)


def versions(
    items: Sequence[VersionView], labels: Mapping[str, str], now: float, language: Language
) -> str:
    """Draw the kept versions of a panel, newest first, each with its maker and a way back."""
    if not items:
        return f'<p class="quiet">{esc(say(language, "dialog_versions_none"))}</p>'
    rows = "".join(_version(item, labels, now, language) for item in reversed(items))
    return f'<ol class="versions">{rows}</ol>'


def _so_far(panel: PanelView, step: StepView | None) -> str:
    """Draw the preview of a panel that has no picture yet."""
    return preview(step) if step is not None and panel.picture is None else ""


def _picture(panel: PanelView, language: Language) -> str:
    number = f'<b class="number">{panel.number}</b>'
    if panel.picture is not None:
        source = f"/files/{esc(panel.picture)}/thumb"
        badge = ""
        if panel.redo:
            badge = f'<span class="badge">{esc(say(language, "panel_redrawing"))}</span>'
        elif panel.version > 1:
            version = say(language, "panel_version", version=panel.version)
            badge = f'<span class="badge is-plain">{esc(version)}</span>'
        full = f"/files/{esc(panel.picture)}"
        return f'<img src="{source}" data-full="{full}" alt="" decoding="async">{number}{badge}'
    if panel.state is StepState.QUEUED:
        return number
    if panel.state is StepState.CANCELLED:
        return f'{number}<span class="dash" aria-hidden="true">{SHAPES[panel.state]}</span>'
    return number + _without_picture(panel, language)


def _line_of(panel: PanelView, step: StepView | None) -> str:
    if panel.state is not StepState.RUNNING or step is None:
        return ""
    return f'<u style="--done:{min(max(step.progress, 0.0), 1.0):.2f}"></u>'


def _without_picture(panel: PanelView, language: Language) -> str:
    shape = SHAPES[panel.state]
    word = panel_word(panel, language)
    reason = ""
    if panel.problem is not None:
        reason = f"<small>{esc(problem_words(panel.problem, language))}</small>"
    return f'<span class="note"><b><i aria-hidden="true">{shape}</i> {esc(word)}</b>{reason}</span>'


def _place(panel: PanelView, language: Language) -> str:
    shot = say(language, f"shot_{panel.shot.value}")
    words = [shot, *_scene_words(panel.scene, language)]
    return " · ".join(word for word in words if word)


def _scene_words(scene: Scene, language: Language) -> list[str]:
    words = [scene.title, say(language, f"setting_{scene.setting.value}")]
    if scene.time_of_day is not TimeOfDay.DAY:
        words.append(say(language, f"time_{scene.time_of_day.value}"))
    if scene.weather is not Weather.CLEAR:
        words.append(say(language, f"weather_{scene.weather.value}"))
    return words


def _line(line: Line) -> str:
    speaker = f"<cite>{esc(line.speaker)}</cite>" if line.speaker else ""
    return f'<p class="said">{speaker}<q>{esc(line.text)}</q></p>'


def _present(names: Sequence[str], language: Language) -> str:
    if not names:
        return f'<p class="quiet">{esc(say(language, "dialog_nobody"))}</p>'
    return '<p class="names">' + "".join(f"<span>{esc(name)}</span>" for name in names) + "</p>"


def _version(item: VersionView, labels: Mapping[str, str], now: float, language: Language) -> str:
    key = "version_current" if item.is_current else "version_name"
    name = say(language, key, version=item.version)
    age = time_tag(item.made_at, age_words(now - item.made_at, language))
    maker = ""
    if item.provider:
        maker = f'<span class="maker">{esc(provider_words(item.provider, labels, language))}</span>'
    wish = f"<q>{esc(item.wish)}</q>" if item.wish else ""
    back = ""
    if not item.is_current:
        word = esc(say(language, "version_restore"))
        back = f'<button type="button" data-restore="{item.version}">{word}</button>'
    current = " is-current" if item.is_current else ""
    return (
        f'<li class="version{current}"><img src="/files/{esc(item.picture)}/thumb" alt="">'
        f"<span><b>{esc(name)}</b> {age}{maker}{wish}</span>{back}</li>"
    )
