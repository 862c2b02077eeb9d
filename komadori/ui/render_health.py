"""The Health tab in the pieces that the page patches: head, one card for each server, foot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from komadori.domain.servers import Sample
from komadori.queue.health import POINTS_MOST, HealthView, ServerHealth
from komadori.settings import ServerLimits
from komadori.ui.render import duration_words, esc
from komadori.ui.render_charts import Series, Window, chart, table, top_of
from komadori.ui.render_incidents import incident_list, marks
from komadori.ui.render_server import Moment, card_head, facts, workflows
from komadori.ui.texts import Language, say

HOURS = (1, 6, 24)
HOURS_FIRST = 6
_TABLE_ROWS = 12
_STALE_S = 30.0
"""A step that is queued for so long while nothing runs is worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether the buttons can be used: is there a password, and has this tab given it."""

    is_set: bool
    is_open: bool


def health_page(
    view: HealthView, gate: Gate, limits: ServerLimits, language: Language
) -> dict[str, Any]:
    """Draw the whole tab."""
    moment = Moment(now=view.now, language=language, limits=limits)
    is_known = any(_was_seen(server) for server in view.servers)
    cards = [_card(server, view, moment) for server in view.servers]
    return {
        "head": _head(view, moment, has_charts=is_known),
        "servers": cards if is_known else [_empty(view, moment)],
        "foot": _foot(gate, moment) if is_known else "",
        "gate": "open" if gate.is_open else "closed" if gate.is_set else "unset",
    }


def _was_seen(server: ServerHealth) -> bool:
    """Whether a server was ever reached, or is ours to start."""
    return server.report.is_owned or server.report.seen_at is not None


def _head(view: HealthView, moment: Moment, *, has_charts: bool) -> str:
    choices = "".join(
        f'<button type="button" data-key="{hours}" data-do="hours" data-hours="{hours}" '
        f'aria-pressed="{"true" if hours == view.hours else "false"}">'
        f"{moment.say('time_h', h=hours)}</button>"
        for hours in HOURS
    )
    label = moment.say("health_hours")
    group = f'<span class="hours" role="group" aria-label="{label}">{choices}</span>'
    told = f'<p class="queue" role="status">{_queue(view, moment)}</p>'
    return (
        f'<div class="health-title"><h2>{moment.say("health_title")}</h2>{told}'
        f"{group if has_charts else ''}</div>"
    )


def _queue(view: HealthView, moment: Moment) -> str:
    queue = view.queue
    if not queue.queued + queue.running + queue.waiting:
        return moment.say("queue_idle")
    counts = {
        "queue_running": queue.running,
        "queue_queued": queue.queued,
        "queue_waiting": queue.waiting,
    }
    words = [say(moment.language, key, count=count) for key, count in counts.items() if count]
    told = moment.say("queue_steps", words=" · ".join(words))
    waited_s = view.now - queue.queued_since if queue.queued_since is not None else 0.0
    if not queue.running and waited_s > _STALE_S:
        time = duration_words(waited_s, moment.language)
        told += f' <span class="state is-waiting">{moment.say("queue_stale", time=time)}</span>'
    return told


def _card(server: ServerHealth, view: HealthView, moment: Moment) -> str:
    report = server.report
    return (
        f'<section class="server is-{report.state.value.lower()}" data-key="{esc(report.name)}" '
        f'data-server="{esc(report.name)}">{card_head(server, moment)}'
        f'<div class="body"><div class="about">{facts(server, moment)}'
        f"{workflows(report, moment)}</div>{_charts(server, view, moment)}</div>"
        f'<div class="happened">{incident_list(server.incidents, moment)}</div></section>'
    )


def _charts(server: ServerHealth, view: HealthView, moment: Moment) -> str:
    window = Window.ending(view.now, view.hours, POINTS_MOST)
    shown = [one for one in _series(server.samples, moment) if one.values]
    if not shown:
        return f'<div class="charts is-empty"><p class="quiet">{moment.say("chart_none")}</p></div>'
    happened = marks(server.incidents, moment)
    name = server.report.name
    drawn = "".join(chart(one, happened, window, name, moment.language) for one in shown)
    rows = table(shown, window, _TABLE_ROWS, moment.language)
    return (
        f'<div class="charts">{drawn}<details class="numbers" data-key="numbers">'
        f"<summary>{moment.say('chart_table')}</summary>{rows}</details></div>"
    )


def _series(samples: Sequence[Sample], moment: Moment) -> list[Series]:
    limits = moment.limits
    percent = "%" if moment.language == "zh" else " %"

    def points(value: Callable[[Sample], float | None]) -> tuple[tuple[float, float | None], ...]:
        return tuple((one.at, value(one)) for one in samples)

    def title(key: str) -> str:
        return say(moment.language, key)

    queue = Series(
        key="queue",
        title=title("chart_queue"),
        points=points(lambda one: one.queue),
        is_stepped=True,
    )
    return [
        Series(
            key="ram",
            title=title("fact_ram"),
            points=points(lambda one: one.ram_percent),
            limit=limits.memory_percent,
            unit=percent,
        ),
        Series(
            key="vram",
            title=title("fact_vram"),
            points=points(lambda one: one.vram_percent),
            limit=limits.vram_percent,
            unit=percent,
        ),
        Series(
            key="cpu",
            title=title("fact_cpu"),
            points=points(lambda one: one.cpu_percent),
            limit=limits.cpu_percent,
            unit=percent,
        ),
        replace(queue, top=top_of(queue.values)),
    ]


def _empty(view: HealthView, moment: Moment) -> str:
    """Say what ComfyUI is for and how it comes here; all else works without it."""
    tried = "".join(
        f"<li>{moment.say('health_tried', name=one.report.name, url=one.report.url)}</li>"
        for one in view.servers
    )
    seen = f' {moment.say("health_empty_tried")}<ul class="tried">{tried}</ul>' if tried else ""
    return (
        '<section class="empty" data-key="empty">'
        f"<h3>{moment.say('health_empty_title')}</h3><p>{moment.say('health_empty_text')}</p>"
        f"<ol><li>{moment.say('health_empty_start')}"
        "<pre>python main.py --port 8188</pre></li>"
        f"<li>{moment.say('health_empty_found')}{seen}</li>"
        f"<li>{moment.say('health_empty_other')}<pre>{esc(_EXAMPLE)}</pre></li></ol>"
        f"<p>{moment.say('health_empty_without')}</p></section>"
    )


_EXAMPLE = """\
comfyui:
  servers:
    - name: gpu
      url: "http://127.0.0.1:8188"
      command: python main.py
      cwd: /opt/ComfyUI"""


def _foot(gate: Gate, moment: Moment) -> str:
    """Say whose the buttons are."""
    if not gate.is_set:
        return f'<p class="quiet">{moment.say("operator_unset")}</p>'
    if not gate.is_open:
        return f'<p class="quiet">{moment.say("operator_closed")}</p>'
    word = moment.say("operator_lock")
    lock = f'<button type="button" data-key="lock" data-do="lock">{word}</button>'
    return f'<p class="quiet">{moment.say("operator_open")} {lock}</p>'


def log_tail(text: str, language: Language) -> str:
    """Draw the last lines of a server's log."""
    label = esc(say(language, "incident_log"))
    return f'<pre class="tail" tabindex="0" aria-label="{label}">{esc(text)}</pre>'


def log_closed(gate: Gate, language: Language) -> str:
    """Say that logs are the operator's, and how to read one."""
    key = "tail_closed" if gate.is_set else "tail_unset"
    act = ""
    if gate.is_set:
        word = esc(say(language, "tail_open"))
        act = f' <button type="button" data-do="tail">{word}</button>'
    return f'<p class="quiet">{esc(say(language, key))}{act}</p>'
