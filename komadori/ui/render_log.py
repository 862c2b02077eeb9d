"""A job's log in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from komadori.domain.states import StepKind
from komadori.domain.view import LogEntry
from komadori.ui.render import duration_words, esc, time_tag
from komadori.ui.render_makers import comma
from komadori.ui.render_making import SKETCH
from komadori.ui.render_names import step_name
from komadori.ui.render_parts import COMPRESS, part_time, stage_words
from komadori.ui.texts import Language, has, say, say_or

_MAIN_PARTS = 4
_MAIN_SHARE = 0.03
"""A part that took less of the time is not among the main ones."""


def log_lines(entries: Sequence[LogEntry], language: Language) -> str:
    """Write a job's log, oldest first."""
    if not entries:
        return f'<p class="quiet">{esc(say(language, "log_empty"))}</p>'
    lines = "".join(
        f"<li>{time_tag(entry.at, '')}<span>{esc(_words(entry, language))}</span></li>"
        for entry in entries
    )
    return f'<ol class="log">{lines}</ol>'


def _words(entry: LogEntry, language: Language) -> str:
    facts = dict(entry.facts)
    details = _details(facts.pop("provider", ""), facts.pop("timings", None), language)
    if facts.get("step") in set(StepKind):
        facts["step"] = step_name(StepKind(facts["step"]), facts.get("number", 0), language)
    if isinstance(facts.get("seconds"), (int, float)):
        facts["time"] = duration_words(facts["seconds"], language)
    if has(f"state_{facts.get('state')}"):
        facts["state"] = say(language, f"state_{facts['state']}")
    rest = ", ".join(f"{name} {fact}" for name, fact in facts.items())
    plain = entry.kind.replace("_", " ") + (f": {rest}" if rest else "")
    return " · ".join([say_or(language, f"log_{entry.kind}", facts, plain), *details])


def _details(provider: object, timings: object, language: Language) -> list[str]:
    """Say by whom an attempt was made, and what most of its time went into."""
    details = []
    if isinstance(provider, str) and provider:
        details.append(say(language, "maker_sketch") if provider == SKETCH else provider)
    if isinstance(timings, Mapping) and timings:
        details.append(_main_parts(timings, language))
    return details


def _main_parts(timings: Mapping[str, Any], language: Language) -> str:
    totals: dict[str, float] = {}
    for stage, seconds in timings.items():
        kind = "compress" if stage.startswith(COMPRESS) else stage
        totals[kind] = max(totals.get(kind, 0.0), float(seconds))  # they ran side by side
    whole = sum(totals.values())
    longest = sorted(totals, key=lambda kind: -totals[kind])[:_MAIN_PARTS]
    shown = [
        f"{stage_words(kind, language)} {part_time(seconds, language)}"
        for kind, seconds in totals.items()
        if kind in longest and seconds >= _MAIN_SHARE * whole
    ]
    return comma(language).join(shown)
