"""One ComfyUI server as a card of the Health tab: how it stands, what it has, what it can do."""

from collections.abc import Mapping
from dataclasses import dataclass

from komadori.domain.servers import Device, ServerReport, ServerState, Verb
from komadori.queue.health import ServerHealth
from komadori.settings import ServerLimits
from komadori.ui.health_desk import verbs_for
from komadori.ui.reasons import told
from komadori.ui.render import age_words, clock_tag, duration_words, esc, time_tag
from komadori.ui.texts import Language, say

_S = ServerState
DAY_S = 86_400
FRESH_S = 60.0
"""An older sample says nothing of now."""
_GB = 2**30
# Each state has a shape and a word of its own; the look only gives it its colour.
SHAPES: Mapping[ServerState, tuple[str, str]] = {
    _S.STOPPED: ("–", "queued"),
    _S.STARTING: ("◌", "running"),
    _S.READY: ("✓", "completed"),
    _S.BUSY: ("●", "running"),
    _S.DEGRADED: ("?", "waiting"),
    _S.WEDGED: ("✕", "failed"),
    _S.CRASHED: ("✕", "failed"),
    _S.BACKOFF: ("…", "waiting"),
    _S.STOPPING: ("◌", "waiting"),
    _S.FAILED: ("✕", "failed"),
    _S.UP: ("✓", "completed"),
    _S.SUSPECT: ("?", "waiting"),
    _S.DOWN: ("✕", "failed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When, for whom and against which limits a card is drawn."""

    now: float
    language: Language
    limits: ServerLimits

    def say(self, key: str, **facts: object) -> str:
        """Return a text in the reader's language, as HTML."""
        return esc(say(self.language, key, **facts))


def card_head(server: ServerHealth, moment: Moment) -> str:
    """Draw a server's name, state and buttons, and below them why it is so and what comes."""
    report = server.report
    name = say(moment.language, "server_name", name=report.name)
    return (
        f"<header><h3>{esc(name)}</h3>{state_word(report, moment)}"
        f'<span class="since">{_since(report, moment)}</span>'
        f'<span class="acts">{_acts(server, moment)}</span></header>'
        f'<div class="told">{"".join(_told(server, moment))}</div>'
    )


def state_word(report: ServerReport, moment: Moment) -> str:
    """Draw a server's state, and that it takes no new prompts."""
    shape, look = SHAPES[report.state]
    word = moment.say(f"server_{report.state.value}")
    drawn = f'<span class="state is-{look}"><i aria-hidden="true">{shape}</i> {word}</span>'
    if report.is_draining:
        word = moment.say("server_draining")
        drawn += f'<span class="state is-waiting"><i aria-hidden="true">◐</i> {word}</span>'
    return drawn


def _since(report: ServerReport, moment: Moment) -> str:
    age = age_words(moment.now - report.since, moment.language)
    if moment.now - report.since >= DAY_S:
        return time_tag(report.since, say(moment.language, "server_since_days", age=age))
    return say(moment.language, "server_since", time=clock_tag(report.since), age=esc(age))


def _told(server: ServerHealth, moment: Moment) -> list[str]:
    report, lines = server.report, []
    if report.reason:
        lines.append(f'<p class="reason">{esc(sentence(told(report.reason, moment.language)))}</p>')
    if attempt := _attempt(report, moment):
        lines.append(f'<p class="attempt">{attempt}</p>')
    if report.plan:
        plan = told(report.plan, moment.language)
        lines.append(f'<p class="plan">{moment.say("server_plan", plan=plan)}</p>')
    lines += [f'<p class="asked">{moment.say(f"asked_{verb.value}")}</p>' for verb in server.asked]
    if not server.is_watched:
        lines.append(f'<p class="reason">{moment.say("server_unwatched")}</p>')
    return lines


def sentence(text: str) -> str:
    """Begin large, as a sentence that stands alone does."""
    return text[:1].upper() + text[1:]


def _attempt(report: ServerReport, moment: Moment) -> str:
    words = []
    if report.attempt and not report.state.takes_prompts:
        facts = {"attempt": report.attempt, "most": report.attempts_most}
        words.append(moment.say("server_attempt", **facts))
    if report.next_try_at is not None and report.state in (_S.BACKOFF, _S.FAILED, _S.CRASHED):
        left = report.next_try_at - moment.now
        if left < 1:
            words.append(moment.say("server_next_now"))
        else:
            time = duration_words(max(round(left), 1) if left < 60 else left, moment.language)
            words.append(moment.say("server_next", time=time.replace(".0", "")))
    between = "，" if moment.language == "zh" else ", "
    return sentence(between.join(words))


def _acts(server: ServerHealth, moment: Moment) -> str:
    return "".join(
        f'<button type="button" data-key="{verb.value}" data-do="operate" '
        f'data-verb="{verb.value}"{" disabled" if _is_idle(verb, server) else ""}>'
        f"{moment.say(f'verb_{verb.value}')}</button>"
        for verb in verbs_for(server.report)
    )


def _is_idle(verb: Verb, server: ServerHealth) -> bool:
    """Whether a button could do nothing now."""
    is_deaf = verb is Verb.FREE and not server.report.state.answers
    return verb in server.asked or is_deaf


def facts(server: ServerHealth, moment: Moment) -> str:
    """List what a server is and has."""
    report = server.report
    rows = [*_uses(server, moment)]
    rows.append(_row("fact_queue", _queue(server, moment), moment))
    rows.append(_row("fact_restarts", esc(report.restarts), moment))
    if report.started_at is not None and report.state.answers:
        time = duration_words(moment.now - report.started_at, moment.language)
        rows.append(_row("fact_runs", esc(time), moment))
    if report.version:
        rows.append(_row("fact_version", esc(report.version), moment))
    rows.append(_row("fact_address", esc(report.url), moment))
    rows.append(_row("fact_care", moment.say(_care(report)), moment))
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _care(report: ServerReport) -> str:
    return "fact_owned" if report.is_owned else "fact_external"


def _row(key: str, words: str, moment: Moment) -> str:
    return f"<div><dt>{moment.say(key)}</dt><dd>{words}</dd></div>"


def _queue(server: ServerHealth, moment: Moment) -> str:
    if not server.report.state.answers:
        return moment.say("chart_no_value")
    all_of_it = max(server.report.queue_remaining, server.ours)
    key = "fact_queue_of" if all_of_it else "fact_queue_empty"
    return moment.say(key, all=all_of_it, ours=server.ours)


def _uses(server: ServerHealth, moment: Moment) -> list[str]:
    """Draw how full memory, GPUs and processor are now, with their limits."""
    report, limits = server.report, moment.limits
    newest = server.samples[-1] if server.samples else None
    is_fresh = newest is not None and moment.now - newest.at < FRESH_S
    rows = []
    if report.state.answers and report.ram_total:
        rows.append(_meter("fact_ram", report.ram_total, report.ram_free, limits.memory_percent))
    elif newest is not None and is_fresh and newest.ram_percent is not None:
        rows.append(_bar_row("fact_ram", newest.ram_percent, limits.memory_percent))
    for device in report.devices if report.state.answers else ():
        rows.append(_device(device, limits.vram_percent))
    if newest is not None and is_fresh and newest.cpu_percent is not None:
        rows.append(_bar_row("fact_cpu", newest.cpu_percent, limits.cpu_percent))
    return [row.drawn(moment) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """How full something is, in per cent, with its limit."""

    key: str
    percent: float | None
    limit: float
    sizes: tuple[float, float] | None = None
    about: str = ""

    def drawn(self, moment: Moment) -> str:
        about = f"<small>{esc(self.about)}</small>" if self.about else ""
        if self.percent is None:
            return f"<div><dt>{moment.say(self.key)}</dt><dd>{about}</dd></div>"
        is_over = self.percent >= self.limit
        words = moment.say("fact_percent", percent=f"{self.percent:.0f}", limit=f"{self.limit:.0f}")
        if self.sizes is not None:
            used, total = (f"{size:.1f}".removesuffix(".0") for size in self.sizes)
            words = f"{moment.say('fact_sizes', used=used, total=total)} · {words}"
        if is_over:
            words = f'<i aria-hidden="true">▲</i> {words}'
        bar = (
            f'<span class="meter" style="--used:{min(self.percent, 100):.0f}%;'
            f'--limit:{self.limit:.0f}%" aria-hidden="true"><u></u><i></i></span>'
        )
        look = ' class="is-over"' if is_over else ""
        return f"<div{look}><dt>{moment.say(self.key)}</dt><dd>{bar}{words}{about}</dd></div>"


def _bar_row(key: str, percent: float, limit: float) -> _Use:
    return _Use(key=key, percent=percent, limit=limit)


def _meter(key: str, total: int, free: int, limit: float, about: str = "") -> _Use:
    used = total - free
    sizes = (used / _GB, total / _GB)
    return _Use(key=key, percent=100 * used / total, limit=limit, sizes=sizes, about=about)


def _device(device: Device, limit: float) -> _Use:
    """Draw a GPU; the memory of a processor is the machine's and is told already."""
    name = device.name.split(" : ")[0]
    if device.name.startswith("cpu") or not device.vram_total:
        return _Use(key="fact_device", percent=None, limit=limit, about=name)
    return _meter("fact_vram", device.vram_total, device.vram_free, limit, about=name)


def workflows(report: ServerReport, moment: Moment) -> str:
    """Say which workflows a server can run, and of the others why not."""
    if not report.offers:
        return ""
    able = [name for name, offer in report.offers.items() if not offer.fault]
    faulty = {name: offer.fault for name, offer in report.offers.items() if offer.fault}
    count = moment.say("workflows_count", able=len(able), count=len(report.offers))
    rows = "".join(f"<li>{_tick(True)} <b>{esc(name)}</b></li>" for name in sorted(able))
    rows += "".join(
        f"<li>{_tick(False)} <b>{esc(name)}</b> "
        f"<span>{esc(sentence(told(fault, moment.language)))}</span></li>"
        for name, fault in sorted(faulty.items())
    )
    return (
        f'<details data-key="workflows"><summary>{count}</summary>'
        f'<ul class="workflows">{rows}</ul></details>'
    )


def _tick(is_able: bool) -> str:
    shape, look = ("✓", "completed") if is_able else ("✕", "failed")
    return f'<i class="state is-{look}" aria-hidden="true">{shape}</i>'
