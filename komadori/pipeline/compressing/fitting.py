"""Finds the quality at which a picture just fits, in one or two encodings where a ladder takes 17.

Small tiles of the picture are tried first: they tell within some per cent what the whole will
take. Where even the lowest quality is too much, the picture is made smaller instead.
"""

import math
from dataclasses import dataclass, field

from PIL import Image

from komadori.pipeline.compressing import refusals
from komadori.pipeline.compressing.curves import Codec, Curve, curve_between
from komadori.pipeline.compressing.decoding import shrunk
from komadori.pipeline.compressing.sampling import sampled_curve

_ROUNDS = 6
_ENCODINGS = 6
_ENOUGH = 0.92
"""Of the limit: what is left is not worth another encoding."""
_AIM = 0.98
_AIM_SAMPLED = 0.96
_HOPELESS = 1.15
"""Expected above this share of the limit at the lowest quality, nothing is encoded in vain."""
_COMFORT = 8
"""A picture made smaller is meant to end this much above the lowest quality."""
_NEAR_ENOUGH = (0.7, 1.2)
"""A smaller picture is expected to take so much of the limit, or another size is tried."""
_SIZES = 3
_SIDE_LEAST = 32
_STEP = 0.85


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was found."""

    data: bytes
    image: Image.Image
    quality: int
    encodings: int
    is_shrunk: bool


@dataclass(slots=True)
class _Search:
    """The qualities tried on one size of the picture."""

    image: Image.Image
    codec: Codec
    limit: int
    curve: Curve
    seen: list[tuple[float, int]] = field(default_factory=list)
    best: bytes | None = None
    best_quality: int = 0
    too_much: int = 0

    def __post_init__(self) -> None:
        self.best_quality = self.lowest - 1
        self.too_much = self.codec.highest + 1

    @property
    def lowest(self) -> int:
        return self.codec.lowest_for(self.image)

    def run(self) -> None:
        """Encode until it fits well, or until the lowest quality does not fit."""
        aim = _AIM_SAMPLED
        while not self._is_done():
            self._try(self._next(self.limit * aim))
            aim = _AIM

    def _is_done(self) -> bool:
        if self.too_much - self.best_quality <= 1:
            return True
        is_enough = self.best is not None and len(self.best) >= self.limit * _ENOUGH
        return is_enough or len(self.seen) >= _ENCODINGS

    def _next(self, size: float) -> int:
        expected = self.codec.quality(self.curve.coarseness_for(size))
        return math.floor(min(self.too_much - 1, max(self.best_quality + 1, expected)))

    def _try(self, quality: int) -> None:
        data = self.codec.encode(self.image, quality)
        if len(data) <= self.limit:
            self.best, self.best_quality = data, quality
        else:
            self.too_much = quality
        self._learn((self.codec.coarseness(quality), len(data)))

    def _learn(self, point: tuple[float, int]) -> None:
        self.seen.append(point)
        if len(self.seen) == 1:
            self.curve = self.curve.through(point)
            return
        nearest = sorted(self.seen, key=lambda each: abs(math.log(each[1] / self.limit)))
        self.curve = curve_between(*nearest[:2])


def fitted(image: Image.Image, limit: int, codec: Codec) -> Fitted:
    """Return the picture encoded in at most `limit` bytes.

    Raises:
        RequestRejected: no quality and no size is small enough.
    """
    encodings = 0
    sized, curve = _sized(image, limit, codec)
    for _ in range(_ROUNDS):
        search = _Search(sized, codec, limit, curve)
        search.run()
        encodings += len(search.seen)
        if search.best is not None:
            is_shrunk = sized.size != image.size
            return Fitted(search.best, sized, search.best_quality, encodings, is_shrunk)
        if min(sized.size) * _STEP < _SIDE_LEAST:
            break
        sized = shrunk(sized, round(max(sized.size) * _STEP))
        curve = sampled_curve(sized, limit, codec)
    raise refusals.no_fit(limit)


def _sized(image: Image.Image, limit: int, codec: Codec) -> tuple[Image.Image, Curve]:
    """Return the picture at a size that lets it fit at a comfortable quality, or as it is."""
    sized, curve, growth = image, sampled_curve(image, limit, codec), codec.growth
    if curve.bytes_at(codec.coarseness(codec.lowest_for(image))) <= limit * _HOPELESS:
        return image, curve
    wanted = codec.coarseness(codec.lowest_for(image) + _COMFORT)
    for _ in range(_SIZES):
        pixels, expected = _pixels(sized), curve.bytes_at(wanted)
        scale = (expected / (limit * _AIM)) ** (-0.5 / growth)
        side = max(_SIDE_LEAST, round(max(sized.size) * scale))
        sized = shrunk(image, min(side, max(image.size)))
        curve = sampled_curve(sized, limit, codec)
        if _NEAR_ENOUGH[0] <= curve.bytes_at(wanted) / limit <= _NEAR_ENOUGH[1]:
            break
        growth = _growth(pixels / _pixels(sized), expected / curve.bytes_at(wanted), growth)
    return sized, curve


def _growth(pixels: float, size: float, otherwise: float) -> float:
    """Return the power of the pixels with which the bytes were seen to grow."""
    if abs(math.log(pixels)) < 0.05:
        return otherwise
    return min(2.5, max(0.4, math.log(size) / math.log(pixels)))


def _pixels(image: Image.Image) -> int:
    return image.width * image.height
