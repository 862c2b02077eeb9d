"""Pictures as everybody reads them: upright, and in eight bits with or without alpha."""

import struct

from PIL import ExifTags, Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""
LYING = frozenset(TURNS[orientation] for orientation in (5, 6, 7, 8))
"""Those that swap width and height."""

_BROKEN_EXIF = (
    *(SyntaxError, ValueError, TypeError, KeyError, struct.error, OSError, OverflowError),
    *(RuntimeError, UserWarning),  # a filter may make an error of Pillow's warning
)


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """Return what turns a picture upright; None: it is, or its EXIF cannot be read.

    ImageOps.exif_transpose fails where the EXIF is damaged.
    """
    try:
        return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN_EXIF:
        return None


def upright(picture: Image.Image) -> Image.Image:
    """Return the picture turned as its EXIF says; itself when it is upright."""
    turn = turn_of(picture)
    return picture if turn is None else picture.transpose(turn)


def eight_bit(picture: Image.Image) -> Image.Image:
    """Return the picture as RGB, or as RGBA where something of it may be clear."""
    if picture.mode.startswith("I;16"):  # converted as it is, all but the darkest would be white
        picture = picture.point(lambda value: value / 256).convert("L")
    has_alpha = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")
