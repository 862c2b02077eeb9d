"""Refuses by its first bytes and its header what must not be decoded."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from komadori.pipeline.compressing import refusals

_MARKUP_STARTS = (b"<?xml", b"<svg", b"<!doc", b"<html", b"<head", b"<body", b"<!--")
_MARKS = b"\xef\xbb\xbf \t\r\n"
"""What may stand before the first tag: a byte order mark and white space."""


def opened(data: bytes) -> Image.Image:
    """Return the picture, its pixels not yet decoded.

    Raises:
        RequestRejected: by name, for what we do not decode.
    """
    if not data:
        raise refusals.empty()
    if len(data) > refusals.BYTES_MAX:
        raise refusals.too_many_bytes(len(data))
    if _is_markup(data[:512]):
        raise refusals.markup()
    image = _identified(data)
    _check_size(*image.size)
    return image


def _is_markup(head: bytes) -> bool:
    start = head.lstrip(_MARKS).lower()
    return start.startswith(_MARKUP_STARTS)


def _identified(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=refusals.FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise refusals.too_many_pixels() from exc
    except UnidentifiedImageError as exc:
        raise refusals.unknown() from exc
    except Exception as exc:  # plugins raise what they like: OSError, SyntaxError, RuntimeError
        raise refusals.damaged() from exc


def _check_size(width: int, height: int) -> None:
    if min(width, height) < 1:
        raise refusals.damaged()
    if width * height > refusals.PIXELS_MAX or max(width, height) > refusals.SIDE_MAX:
        raise refusals.too_many_pixels()
    if min(width, height) < refusals.SIDE_MIN:
        raise refusals.too_small(width, height)
