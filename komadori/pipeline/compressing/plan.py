"""Decides at which size a picture is decoded and sent, so that it is resampled as little as can be.

In Pillow the resampler is the most expensive step: LANCZOS from 12 megapixels to 1536 px takes
136 ms, decoding the JPEG 68 ms, encoding the result 5 ms. A JPEG can be decoded at a half, a
quarter or an eighth, and other pictures reduced by whole numbers, for much less.
"""

import math
from dataclasses import dataclass

Size = tuple[int, int]
SIDE_MAX = 2048
SIDE_LEAST = 640
_SIDE_MAX_BYTES = 225 * 1024
"""From this limit on, SIDE_MAX can be sent at a quality that is worth looking at."""
_NARROWEST = 0.55
"""A decoded side of this share of the longest allowed is left as it is, not resampled."""
_MIDDLE = 0.8
_DCT_SCALES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Plan:
    """Divide by `divisor` while decoding, then resample to `long_side` if there is one."""

    divisor: int = 1
    long_side: int | None = None


def longest_side(limit: int) -> int:
    """Return how long a side may be for the bytes to suffice for it: fewer bytes, fewer pixels."""
    side: float = (
        SIDE_MAX * (limit / _SIDE_MAX_BYTES) ** 0.45
    )  # measured: constant quality, no more
    return round(min(SIDE_MAX, max(SIDE_LEAST, side)))


def plan_for(size: Size, longest: int, *, is_jpeg: bool) -> Plan:
    """Return the cheapest way to a long side of at most `longest` that keeps enough pixels."""
    side = max(size)
    if side <= longest:
        return Plan()
    return _scaled_decode(side, longest) if is_jpeg else _whole_division(side, longest)


def _scaled_decode(side: int, longest: int) -> Plan:
    divisor = next((scale for scale in _DCT_SCALES if side / scale <= longest), 0)
    if not divisor:
        return Plan(8, longest)
    if side / divisor >= longest * _NARROWEST:
        return Plan(divisor)
    return Plan(divisor // 2, round(longest * _MIDDLE))


def _whole_division(side: int, longest: int) -> Plan:
    divisor = math.ceil(side / longest)
    if side / divisor >= longest * _NARROWEST:
        return Plan(divisor)
    return Plan(1, round(longest * _MIDDLE))


def fitted_size(size: Size, long_side: int) -> Size:
    """Return the size with that long side; never larger, and no side under one pixel."""
    scale = min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
