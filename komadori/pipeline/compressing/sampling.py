"""Foretells from small tiles of a picture how its size depends on the quality."""

import math

from PIL import Image

from komadori.pipeline.compressing.curves import Codec, Curve, curve_between

_TILE = (256, 16)
"""Sixteen rows are one row of blocks, of a JPEG with halved chroma as of a WebP."""
_PIXELS = 150_000
_STEPS = (0.7548776662, 0.5698402910)
"""Multiples of these, less their whole parts, spread evenly over a square and keep no rhythm,
so that lines of text do not fall all on the tiles, or all between them."""
_NEAR = 0.15
"""So close to the limit, the usual slope is good enough."""
_SCAN = b"\xff\xda"


def sampled_curve(image: Image.Image, limit: int, codec: Codec) -> Curve:
    """Return what sizes to expect of the whole picture, most exactly where they meet the limit."""
    sample = _sample(image)
    share = (image.width * image.height) / (sample.width * sample.height)
    first = _tried(sample, share, codec.middle, codec)
    line = Curve(first[0], math.log(first[1]), codec.slope)
    expected = codec.quality(line.coarseness_for(limit))
    quality = round(min(codec.highest, max(codec.lowest_for(image), expected)))
    if abs(codec.coarseness(quality) - first[0]) < _NEAR:
        return line
    return curve_between(_tried(sample, share, quality, codec), first)


def _tried(sample: Image.Image, share: float, quality: int, codec: Codec) -> tuple[float, int]:
    size = _whole_size(codec.encode(sample, quality), share)
    return codec.coarseness(quality), size


def _whole_size(sample: bytes, share: float) -> int:
    """Return what the whole will take: a JPEG's tables come once, its blocks `share` times."""
    head = max(0, sample.find(_SCAN)) if sample.startswith(b"\xff\xd8") else 0
    return round(head + (len(sample) - head) * share)


def _sample(image: Image.Image) -> Image.Image:
    width, height = _TILE
    count = _PIXELS // (width * height)
    if image.width * image.height <= 2 * _PIXELS or image.width < width or image.height < height:
        return image
    sample = Image.new(image.mode, (width, height * count))
    for number in range(1, count + 1):
        left = _aligned(number * _STEPS[0], image.width - width)
        top = _aligned(number * _STEPS[1], image.height - height)
        tile = image.crop((left, top, left + width, top + height))
        sample.paste(tile, (0, (number - 1) * height))
    return sample


def _aligned(position: float, room: int) -> int:
    """Return a place on the grid of blocks: across their edges a sharp picture costs more."""
    return int(position % 1 * (room // 16 + 1)) * 16
