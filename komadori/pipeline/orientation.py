"""Which way up a picture is, by its EXIF. ImageOps.exif_transpose fails where that is damaged."""

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
    """Return what turns a picture upright; None: it is, or its EXIF cannot be read."""
    try:
        return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN_EXIF:
        return None
