"""How long a request may take: learned from earlier ones, and explained to whoever asks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from komadori.domain.calls import Run

HEADROOM = 1.5
FLOOR_S = 20.0
FEWEST = 5
"""With fewer runs a percentile says nothing."""
NEWEST = 50
"""Older runs than these tell of a provider as it was."""
_PERCENTILE = 0.95


@dataclass(frozen=True, slots=True)
class Timeout:
    """A timeout in seconds, and why it is that long."""

    seconds: float
    reason: str


def size_band(width: int, height: int, *, is_draft: bool) -> str:
    """Return a name for pictures of about this many pixels, whose times can be compared."""
    if is_draft:
        return "draft"
    return f"{max(1, round(width * height / 1_000_000))}MP"


def learned_timeout(
    runs: Sequence[Run], *, band: str, references: int, cap_s: float, floor_s: float = FLOOR_S
) -> Timeout:
    """Return the p95 of comparable runs with headroom, between floor and cap (nearest rank).

    `runs` are those of one model, newest first. Those of the same size and as many references
    are taken; where they are too few, those of the same size; then all. With too few of any kind
    it is the cap.
    """
    floor_s = min(floor_s, cap_s)
    for comparable, of_what in (
        ([run for run in runs if run.size_band == band and run.references == references], ""),
        ([run for run in runs if run.size_band == band], " of this size"),
        (list(runs), " of any size"),
    ):
        if len(comparable) >= FEWEST:
            newest = comparable[:NEWEST]
            return _of(p95(run.seconds for run in newest), len(newest), of_what, floor_s, cap_s)
    known = f"{len(runs)} run{'' if len(runs) == 1 else 's'} known"
    return Timeout(cap_s, f"{cap_s:g} s: the limit; {known}, {FEWEST} are needed to learn from")


def p95(seconds: Iterable[float]) -> float:
    """Return the 95th percentile by nearest rank."""
    ordered = sorted(seconds)
    return ordered[max(math.ceil(_PERCENTILE * len(ordered)) - 1, 0)]


def _of(seconds: float, count: int, of_what: str, floor_s: float, cap_s: float) -> Timeout:
    wanted = math.ceil(seconds * HEADROOM)
    why = f"p95 of {count} runs{of_what} is {seconds:.3g} s, x{HEADROOM:g}"
    if wanted < floor_s:
        return Timeout(floor_s, f"{floor_s:g} s: the least; {why} would be {wanted} s")
    if wanted > cap_s:
        return Timeout(cap_s, f"{cap_s:g} s: the limit; {why} would be {wanted} s")
    return Timeout(float(wanted), f"{wanted} s: {why}")
