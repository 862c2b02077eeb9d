"""A picture of exactly the size that was asked for."""

import warnings
from io import BytesIO

from PIL import Image, ImageOps

from komadori.backends.pictures import BROKEN, FORMATS
from komadori.errors import OutcomeUnknown

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
        upright = _upright(picture)
        if picture.format in _KEPT and picture.size == upright.size == size:
            return data
        fitting = ImageOps.fit(_plain(upright), size, Image.Resampling.LANCZOS)
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


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except BROKEN:  # it was read already: only its EXIF is damaged
        return picture


def _plain(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):  # converted as it is, all but the darkest would be white
        picture = picture.point(lambda value: value / 256).convert("L")
    has_alpha = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")
