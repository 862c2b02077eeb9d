"""The list of a session's jobs: rows, filters, pages."""

from typing import Any

from komadori.domain.states import JobKind, JobState
from komadori.domain.view import JobView, ListPart
from komadori.ui.render import (
    age_words,
    clock_tag,
    duration_words,
    esc,
    problem_words,
    time_tag,
)
from komadori.ui.render_again import may_be_made, may_be_resent, resend_why
from komadori.ui.render_names import job_state
from komadori.ui.render_strip import frames_words, mini_strip
from komadori.ui.render_waits import retold, waits_for_server
from komadori.ui.texts import Language, say

PAGE_SIZE = 20
_COUNTED = frozenset({JobKind.STORYBOARD, JobKind.CLIP})


def job_list(
    part: ListPart[JobView],
    *,
    offset: int,
    state: JobState | None,
    kind: JobKind | None,
    now: float,
    language: Language,
) -> dict[str, Any]:
    """Draw a page of the list in the pieces that the page patches."""
    titles = {view.id: view.title for view in part.items}
    rows = [
        row(view, now, language, board=titles.get(view.target, "") if view.target else "")
        for view in part.items
    ]
    is_filtered = state is not None or kind is not None
    if not rows:
        rows = [_nothing(is_filtered, language)]
    return {
        "head": _filters(part.total, state, kind, is_filtered, language),
        "rows": rows,
        "foot": _pager(part.total, offset, len(part.items), language),
    }


def row(view: JobView, now: float, language: Language, board: str = "") -> str:
    """Draw one job. `board` is the title of the storyboard whose panel it draws, if known."""
    title = _title(view, language)
    word = say(language, f"state_{view.state.value}")
    log = esc(say(language, "log_loading"))
    return (
        f'<li class="job" data-key="{esc(view.id)}" data-job="{esc(view.id)}" '
        f'data-kind="{view.kind.value}" data-title="{esc(title)}"><span class="kind">'
        f"{esc(_kind(view, board, language))}</span>"
        f'<a class="title" href="?job={esc(_opens(view))}" data-do="open">{esc(title)}</a>'
        f"{job_state(view.state, word)}{mini_strip(view, language)}"
        f'<span class="when">{_when(view, now, language)}</span>'
        f'<span class="acts">{_acts(view, language)}</span>{_unanswered(view, language)}'
        f'<div class="joblog" data-slot="log:{esc(view.id)}" data-keep hidden>'
        f'<p class="quiet">{log}</p></div></li>'
    )


def _title(view: JobView, language: Language) -> str:
    if view.kind is not JobKind.PANEL:
        return view.title or say(language, "jobs_untitled")
    wish = view.title or say(language, "dialog_redo_seed")
    if not view.frames:
        return wish
    return say(language, "jobs_panel_title", number=view.frames[0].number, wish=wish)


def _kind(view: JobView, board: str, language: Language) -> str:
    words = [say(language, f"kind_{view.kind.value}"), board]
    if view.kind in _COUNTED and view.frames:
        words.append(frames_words(view, language))
    if (problem := retold(view.problem, view, language)) is not None:
        words.append(problem_words(problem, language))
    return " · ".join(word for word in words if word)


def _opens(view: JobView) -> str:
    return view.target if view.target is not None else view.id


def _when(view: JobView, now: float, language: Language) -> str:
    words = [time_tag(view.created_at, age_words(now - view.created_at, language))]
    if view.position is not None:
        words.append(esc(say(language, "jobs_position", position=view.position)))
    parked = [frame.waits_until for frame in view.frames if frame.waits_until is not None]
    is_timed = bool(parked) and not waits_for_server(view.problem)
    if view.state is JobState.WAITING and is_timed:
        goes_on = say(language, "jobs_goes_on", time=clock_tag(min(parked)))
        words.append(f"<span>{goes_on}</span>")
    elif view.started_at is not None:
        took = (view.ended_at or now) - view.started_at
        key = "jobs_took" if view.state.is_final else "jobs_running_for"
        words.append(esc(say(language, key, time=duration_words(took, language))))
    return "<br>".join(words)


def _acts(view: JobView, language: Language) -> str:
    # What only some rows offer comes first, so that the others keep their places at the right.
    acts = []
    if may_be_made(view):
        acts.append(_act("retry", "jobs_retry", language))
    if not view.state.is_final and view.state is not JobState.CANCELLING:
        acts.append(_act("cancel", "jobs_cancel", language))
    acts.append(_act("open", "jobs_open", language))
    acts.append(_act("log", "jobs_log", language, extra=' aria-expanded="false"'))
    acts.append(_act("delete", "jobs_delete", language))
    return "".join(acts)


def _unanswered(view: JobView, language: Language) -> str:
    """Say what was sent and not answered, and offer to send it again."""
    if not may_be_resent(view):
        return ""
    return (
        f'<p class="unanswered" data-key="unanswered">{esc(resend_why(view, language))} '
        f"{_act('retry', 'resend', language, extra=' data-resend')}</p>"
    )


def _act(do: str, key: str, language: Language, extra: str = "") -> str:
    word = esc(say(language, key))
    return f'<button type="button" data-key="{do}" data-do="{do}"{extra}>{word}</button>'


def _nothing(is_filtered: bool, language: Language) -> str:
    which, do = ("none_match", "all") if is_filtered else ("empty", "studio")
    return (
        f'<li class="empty" data-key="nothing">'
        f"<h2>{esc(say(language, f'jobs_{which}_title'))}</h2>"
        f"<p>{esc(say(language, f'jobs_{which}_text'))}</p>"
        f'<button type="button" data-do="{do}">'
        f"{esc(say(language, f'jobs_{which}_action'))}</button></li>"
    )


def _filters(
    total: int,
    state: JobState | None,
    kind: JobKind | None,
    is_filtered: bool,
    language: Language,
) -> str:
    count = say(language, "jobs_count_matching" if is_filtered else "jobs_count", count=total)
    states = [(item.value, say(language, f"state_{item.value}")) for item in JobState]
    kinds = [(item.value, say(language, f"kind_{item.value}")) for item in JobKind]
    return (
        f'<div class="jobs-title"><h2>{esc(say(language, "jobs_title"))}</h2>'
        f'<p class="quiet">{esc(say(language, "jobs_note"))}</p>'
        f'<button type="button" data-do="link">{esc(say(language, "jobs_link"))}</button></div>'
        f'<div class="filters">{_choice("state", "jobs_any_state", states, state, language)}'
        f"{_choice('kind', 'jobs_any_kind', kinds, kind, language)}"
        f'<span class="count" role="status">{esc(count)}</span></div>'
    )


def _choice(
    name: str,
    any_key: str,
    options: list[tuple[str, str]],
    chosen: JobState | JobKind | None,
    language: Language,
) -> str:
    cells = f'<option value="">{esc(say(language, any_key))}</option>'
    for value, word in options:
        mark = " selected" if chosen is not None and chosen.value == value else ""
        cells += f'<option value="{esc(value)}"{mark}>{esc(word)}</option>'
    label = esc(say(language, f"jobs_{name}"))
    return (
        f'<span class="choice"><select name="{name}" aria-label="{label}">{cells}</select></span>'
    )


def _pager(total: int, offset: int, shown: int, language: Language) -> str:
    if total <= PAGE_SIZE and offset == 0:
        return ""
    place = say(language, "jobs_page", first=offset + 1, last=offset + shown, total=total)
    newer = "" if offset > 0 else " disabled"
    older = "" if offset + shown < total else " disabled"
    return (
        f'<nav class="pager"><button type="button" data-do="newer"{newer}>'
        f"{esc(say(language, 'jobs_newer'))}</button><span>{esc(place)}</span>"
        f'<button type="button" data-do="older"{older}>'
        f"{esc(say(language, 'jobs_older'))}</button></nav>"
    )
