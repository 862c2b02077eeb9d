"""The timed parts of a step: their names, what kind of work each is, and how they add up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from komadori.domain.making import Span
from komadori.ui.render import duration_words
from komadori.ui.texts import Language, has, say

COMPRESS = "compress "
"""Begins the stage of one reference; its name follows."""
SCENE = "scene"
COMFY = "ComfyUI"
"""Begins the stage of a prompt at a server; the server's name follows."""

# What kind of work a part is, in the order in which it comes; each has a pattern of its own.
_WORK: Mapping[str, frozenset[str]] = {
    "prepare": frozenset({"references", "compress", "split"}),
    "draw": frozenset({"draw", COMFY}),
    "send": frozenset({"connect", "upload"}),
    "wait": frozenset({"wait", "poll"}),
    "receive": frozenset({"receive", "parse", "download", "fetch"}),
    "keep": frozenset({"fit", "store"}),
}
WORKS = (*_WORK, "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From when to when, in seconds after a common start."""

    begin: float
    end: float


def work_of(stage: str) -> str:
    """Return what kind of work a part is."""
    kind = stage_kind(stage)
    return next((work for work, stages in _WORK.items() if kind in stages), "other")


def stage_kind(stage: str) -> str:
    """Return a stage without the name of its reference or server."""
    if stage.startswith(f"{COMFY} "):
        return COMFY
    return "compress" if stage.startswith(COMPRESS) else stage


def stage_words(stage: str, language: Language) -> str:
    """Name a part as people do; an unknown one is shown as it is."""
    if stage == f"{COMPRESS}{SCENE}":
        return say(language, "part_compress_scene")
    if stage.startswith(COMPRESS):
        return say(language, "part_compress_name", name=stage.removeprefix(COMPRESS))
    key = f"part_{stage}"
    return say(language, key) if has(key) else stage


def part_time(seconds: float, language: Language) -> str:
    """Say how long a part took; most take milliseconds."""
    ms = round(seconds * 1000)
    if ms < 1000:
        return say(language, "time_ms", ms=ms or "<1")
    return duration_words(seconds, language)


def by_kind(spans: Iterable[Span]) -> dict[str, float]:
    """Return the seconds of each stage by the clock: what ran side by side counts once."""
    parts: dict[str, list[Interval]] = {}
    for span in spans:
        interval = Interval(begin=span.start, end=span.start + span.seconds)
        parts.setdefault(stage_kind(span.stage), []).append(interval)
    return {
        kind: sum(one.end - one.begin for one in merged(intervals))
        for kind, intervals in parts.items()
    }


def merged(intervals: Sequence[Interval], *, bridging: float = 0.0) -> list[Interval]:
    """Join what overlaps, and what is no farther apart than `bridging`."""
    joined: list[Interval] = []
    for one in sorted(intervals, key=lambda interval: interval.begin):
        if joined and one.begin - joined[-1].end <= bridging:
            end = max(joined[-1].end, one.end)
            joined[-1] = Interval(begin=joined[-1].begin, end=end)
        else:
            joined.append(one)
    return joined
