"""PNG for receivers that want nothing else, or transparency as PNG: fewer colours, fewer pixels."""

import math

from PIL import Image

from komadori.pipeline.compressing import encoding, refusals
from komadori.pipeline.compressing.decoding import shrunk

_ROUNDS = 10
_COLOURS = 256
_SIDE_LEAST = 32


def fitted_png(image: Image.Image, limit: int) -> tuple[bytes, Image.Image, list[str]]:
    """Return a PNG of at most `limit` bytes, its picture, and notes of what was given up.

    Raises:
        RequestRejected: no number of colours and no size is small enough.
    """
    data = encoding.png(image)
    if len(data) <= limit:
        return data, image, []
    notes: list[str] = []
    for _ in range(_ROUNDS):
        data = encoding.png(_few_colours(image))
        if len(data) <= limit:
            return data, image, ["palette", *notes]
        scale = min(0.92, max(0.2, math.sqrt(limit / len(data)) * 0.96))
        if min(image.size) * scale < _SIDE_LEAST:
            break
        image = shrunk(image, round(max(image.size) * scale))
        notes = ["shrunk"]
    raise refusals.no_fit(limit)


def _few_colours(image: Image.Image) -> Image.Image:
    if image.mode == "L":
        return image
    return image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
