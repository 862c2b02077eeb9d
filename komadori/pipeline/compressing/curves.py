"""How the size of a JPEG or WebP depends on its quality, so that the right one is found at once.

The logarithm of the size is a straight line over the logarithm of the step by which the encoder
rounds ("coarseness" here): within 4 % from quality 30 to 90 on every picture that was measured.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from komadori.pipeline.compressing import encoding
from komadori.pipeline.compressing.values import JPEG, WEBP


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """An encoder with a quality, and what is known of it beforehand."""

    media_type: str
    encode: Callable[[Image.Image, int], bytes]
    coarseness: Callable[[float], float]
    quality: Callable[[float], float]
    """The inverse of `coarseness`."""
    middle: int
    """The quality that is tried first, on a sample of the picture."""
    slope: float
    """What the curve of most pictures has."""
    lowest: int
    """Below this quality fewer pixels look better."""
    lowest_grey: int
    highest: int
    growth: float
    """Bytes grow with the pixels to this power."""

    def lowest_for(self, image: Image.Image) -> int:
        """Return the lowest quality that is worth looking at."""
        return self.lowest_grey if image.mode == "L" else self.lowest


@dataclass(frozen=True, slots=True)
class Curve:
    """log(bytes) = `height` + `slope` * (coarseness - `at`)."""

    at: float
    height: float
    slope: float

    def bytes_at(self, coarseness: float) -> float:
        """Return the size that is expected."""
        return math.exp(self.height + self.slope * (coarseness - self.at))

    def coarseness_for(self, size: float) -> float:
        """Return where the size is expected."""
        return self.at + (math.log(size) - self.height) / self.slope

    def through(self, point: tuple[float, int]) -> "Curve":
        """Return the parallel that runs through a size that was seen."""
        return Curve(point[0], math.log(point[1]), self.slope)


_FLATTEST, _STEEPEST = -0.25, -1.6
"""Slopes outside are an accident of two sizes that lie close together."""


def curve_between(one: tuple[float, int], other: tuple[float, int]) -> Curve:
    """Return the line through two sizes that were seen."""
    run = other[0] - one[0]
    slope = math.log(other[1] / one[1]) / run if abs(run) > 1e-6 else _FLATTEST
    return Curve(one[0], math.log(one[1]), min(_FLATTEST, max(_STEEPEST, slope)))


def _jpeg_coarseness(quality: float) -> float:
    """Of the quantisation tables, as libjpeg scales them."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return math.log(max(2.0, percent) / 100)


def _jpeg_quality(coarseness: float) -> float:
    percent = 100 * math.exp(coarseness)
    return 5000 / percent if percent > 100 else (200 - percent) / 2


def _webp_coarseness(quality: float) -> float:
    """Of libwebp's quantiser: its index falls with the cube root of the linear quality."""
    share = quality / 100
    linear = share * 2 / 3 if share < 0.75 else 2 * share - 1
    return math.log(127 * (1 - linear ** (1 / 3)) + 16)


def _webp_quality(coarseness: float) -> float:
    index = max(0.0, 1 - (math.exp(min(coarseness, 5.0)) - 16) / 127)
    linear = index**3
    return 100 * (linear * 1.5 if linear < 0.5 else (linear + 1) / 2)


JPEG_CODEC = Codec(
    media_type=JPEG,
    encode=encoding.jpeg,
    coarseness=_jpeg_coarseness,
    quality=_jpeg_quality,
    middle=50,
    slope=-0.57,
    lowest=25,
    lowest_grey=20,  # there is no chroma to ruin
    highest=92,
    growth=0.84,
)
WEBP_CODEC = Codec(
    media_type=WEBP,
    encode=encoding.webp,
    coarseness=_webp_coarseness,
    quality=_webp_quality,
    middle=50,
    slope=-0.95,
    lowest=15,
    lowest_grey=15,
    highest=92,
    growth=0.72,
)
