"""Sees a leak in the memory of a server, and says when it will reach the limit.

The slope is the one of Theil and Sen (the median of the slopes of all pairs), which a few loaded
models do not move; its confidence interval is Sen's (1968), from the variance of Kendall's S.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_BUCKETS = 90
_POINTS_LEAST = 12
_SPAN_LEAST_S = 900.0
_GROWTH_LEAST = 0.03
_CONFIDENCE = 0.98
HOUR_S = 3600.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust slope and the interval in which it is."""

    slope: float
    low: float
    high: float


def robust_slope(times: Floats, values: Floats, confidence: float = _CONFIDENCE) -> Slope:
    """Return the slope of Theil and Sen with Sen's interval. Times must rise."""
    first, second = np.triu_indices(len(times), k=1)
    slopes = np.sort((values[second] - values[first]) / (times[second] - times[first]))
    n = len(times)
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    width = NormalDist().inv_cdf(0.5 + confidence / 2) * deviation
    low = max(0, math.floor((len(slopes) - width) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + width) / 2))
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


@dataclass(frozen=True, slots=True)
class Leak:
    """A growth that will reach the limit."""

    bytes_per_s: float
    reaches_at: float
    """When, by the likeliest slope."""
    reaches_early_at: float
    """When, by the steepest that is credible."""

    @property
    def megabytes_per_hour(self) -> float:
        """The growth as people say it."""
        return self.bytes_per_s * HOUR_S / 1e6


def find_leak(moments: Sequence[tuple[float, float]], room: float) -> Leak | None:
    """Find a leak in moments (time, bytes) of one run of a server; None: there is no sure one.

    `room`: bytes that it may still grow. The floor is looked at, not the peaks: memory that a
    prompt takes and gives back is no leak. Both halves have to rise, since one model that stays
    loaded is a step.
    """
    if len(moments) < _POINTS_LEAST or moments[-1][0] - moments[0][0] < _SPAN_LEAST_S:
        return None
    times, values = _floor(moments)
    if len(times) < _POINTS_LEAST:
        return None
    whole = robust_slope(times, values)
    middle = len(times) // 2
    parts = (slice(middle), slice(middle, None))
    halves = [robust_slope(times[part], values[part]) for part in parts]
    grown = whole.slope * (times[-1] - times[0])
    is_real = whole.low > 0 and all(half.slope > 0 for half in halves) and halves[1].low > 0
    if not is_real or grown < _GROWTH_LEAST * max(float(values[0]), 1.0):
        return None
    steepest = max(whole.high, halves[1].slope)
    now, room = moments[-1][0], max(room, 0.0)
    return Leak(whole.slope, now + room / whole.slope, now + room / steepest)


def _floor(moments: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Return the lowest value of each part of the time."""
    data = np.array(moments, dtype=np.float64)
    times, values = data[:, 0], data[:, 1]
    buckets = min(_BUCKETS, max(_POINTS_LEAST, len(times) // 4))
    edges = np.linspace(times[0], times[-1], buckets + 1)[1:-1]
    place = np.searchsorted(edges, times, side="right")
    lowest = [np.flatnonzero(place == one) for one in range(buckets)]
    chosen = [int(part[np.argmin(values[part])]) for part in lowest if len(part)]
    return times[chosen], values[chosen]
