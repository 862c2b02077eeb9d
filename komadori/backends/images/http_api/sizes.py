"""Chooses a provider's size for an order: the shape is kept, and as large as asked if it can be."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, isqrt, lcm, log, sqrt

from komadori.backends.images.http_api.spec import SizeSpec

_EXACT_IS_WORTH = 1.3
"""An exact shape may have so many times the pixels that a nearly exact one would have."""


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """What is written into a request: the size, and the tier beside it ("" when there is none)."""

    size: str
    tier: str = ""


def choose_size(spec: SizeSpec, width: int, height: int) -> SizeChoice:
    """Return what to ask for, so that an order of these pixels is met."""
    match spec.form:
        case "tier":
            return SizeChoice(_tier(spec, width * height))
        case "ratio_x" | "ratio_colon":
            return SizeChoice(_nearest_ratio(spec, width / height), _tier(spec, width * height))
        case "pixels":
            size = _listed if spec.allowed else _free
            chosen = size(spec, width, height)
            return SizeChoice(f"{chosen[0]}x{chosen[1]}", _tier(spec, width * height))


def reduced(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return the size of the same shape whose longer side has at most so many pixels."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _tier(spec: SizeSpec, pixels: int) -> str:
    """Return the smallest tier whose square has as many pixels; else the largest."""
    tiers = sorted(spec.tiers.items(), key=lambda tier: tier[1])
    if not tiers:
        return ""
    return next((name for name, side in tiers if side * side >= pixels), tiers[-1][0])


def _off(ratio: float, wanted: float) -> float:
    """How far a shape is from another, the same for too wide and too high."""
    return abs(log(ratio / wanted))


def _nearest_ratio(spec: SizeSpec, wanted: float) -> str:
    def distance(text: str) -> float:
        wide, high = spec.numbers(text)
        return _off(wide / high, wanted)

    return min(spec.allowed, key=distance)


def _listed(spec: SizeSpec, width: int, height: int) -> tuple[int, int]:
    def rank(size: tuple[int, int]) -> tuple[float, bool, int]:
        pixels = size[0] * size[1]
        covers = size[0] >= width and size[1] >= height
        return (
            round(_off(size[0] / size[1], width / height), 2),
            not covers,
            (pixels if covers else -pixels),
        )

    return min((spec.numbers(text) for text in spec.allowed), key=rank)


def _free(spec: SizeSpec, width: int, height: int) -> tuple[int, int]:
    width, height = _within_shape(spec, width, height)
    return _exact(spec, width, height) or _nearly(spec, width, height)


def _within_shape(spec: SizeSpec, width: int, height: int) -> tuple[int, int]:
    """Make the shorter side longer when the picture is too long for the provider."""
    if spec.max_ratio is None:
        return width, height
    short = ceil(max(width, height) / spec.max_ratio)
    return max(width, short), max(height, short)


def _exact(spec: SizeSpec, width: int, height: int) -> tuple[int, int] | None:
    """Return the size of exactly this shape, unless only a far larger or smaller one fits."""
    shape = Fraction(width, height)
    wide, high = shape.numerator, shape.denominator
    multiple = spec.multiple_of
    step = lcm(multiple // gcd(wide, multiple), multiple // gcd(high, multiple))
    cell = wide * high * step * step  # pixels of the smallest picture of this shape
    wanted = _bounded(spec, width * height)
    times = isqrt((wanted - 1) // cell) + 1
    if wanted == spec.max_pixels and cell * times * times > wanted:
        times -= 1
    pixels = cell * times * times
    is_allowed = spec.min_pixels <= pixels <= (spec.max_pixels or pixels)
    if is_allowed and wanted / _EXACT_IS_WORTH <= pixels <= wanted * _EXACT_IS_WORTH:
        return wide * step * times, high * step * times
    return None


def _nearly(spec: SizeSpec, width: int, height: int) -> tuple[int, int]:
    scale = sqrt(_bounded(spec, width * height) / (width * height))
    cells = [side * scale / spec.multiple_of for side in (width, height)]
    # A hair above a whole number is the root's error, not a reason to go one up.
    wide, high = (max(1, ceil(round(cell, 6))) * spec.multiple_of for cell in cells)
    if spec.max_pixels is not None and wide * high > spec.max_pixels:
        wide, high = (max(1, floor(cell)) * spec.multiple_of for cell in cells)
    return wide, high


def _bounded(spec: SizeSpec, pixels: int) -> int:
    return min(max(pixels, spec.min_pixels), spec.max_pixels or max(pixels, spec.min_pixels))
