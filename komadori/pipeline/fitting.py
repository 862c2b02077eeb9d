"""A picture of exactly the size that was asked for."""

import warnings
from io import BytesIO

from PIL import Image, ImageOps

from komadori.backends.pictures import BROKEN, FORMATS
from komadori.errors import OutcomeUnknown
from komadori.pipeline.plain_pixels import eight_bit, upright

QUALITY = 92
PIXELS_MAX = 100_000_000
"""No provider makes larger ones; decoding one would take the worker's memory."""
_KEPT = ("PNG", "JPEG", "WEBP")
"""Whoever shows a picture knows these; others become WebP."""


def fitted(data: bytes, size: tuple[int, int]) -> bytes:
    """Return the picture at `size` (width, height): the larger part of it, scaled, as WebP.

    A PNG, JPEG or WebP of that size already is returned as it came. What is clear stays clear.

    Raises:
        OutcomeUnknown: it is not a picture, though it may have been paid.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
            picture = Image.open(BytesIO(data), formats=FORMATS)
        _refuse_bomb(picture)
        picture.load()
        turned = upright(picture)
        if picture.format in _KEPT and picture.size == turned.size == size:
            return data
        fitting = ImageOps.fit(eight_bit(turned), size, Image.Resampling.LANCZOS)
    except (*BROKEN, Image.DecompressionBombError) as exc:
        raise OutcomeUnknown("What came back is not a picture that can be read.") from exc
    file = BytesIO()
    fitting.save(file, "WEBP", quality=QUALITY, method=2)
    return file.getvalue()


def _refuse_bomb(picture: Image.Image) -> None:
    if picture.width * picture.height > PIXELS_MAX:
        raise OutcomeUnknown(
            f"What came back has {picture.width}x{picture.height} pixels, too many to be read."
        )
