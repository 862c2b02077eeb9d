"""From a file to upright eight-bit pixels at the size that is sent."""

import math
from dataclasses import dataclass, field

from PIL import Image

from komadori.errors import RequestRejected
from komadori.pipeline.compressing import colour, refusals
from komadori.pipeline.compressing.plan import fitted_size, plan_for
from komadori.pipeline.plain_pixels import turn_of

JPEGS = ("JPEG", "MPO")
_GAP = 3.0
"""Resample from at most three times the size: the eye sees no difference, the clock does."""


@dataclass(slots=True)
class Pixels:
    """A decoded picture, L, RGB or RGBA, and what was done to it."""

    image: Image.Image
    notes: list[str] = field(default_factory=list)


def decoded(image: Image.Image, longest: int, *, keep_alpha: bool) -> Pixels:
    """Return the first frame, upright, in sRGB, no longer than `longest`.

    Raises:
        RequestRejected: the file breaks off, is damaged, or leaves too few pixels.
    """
    try:
        pixels = _decoded(image, longest, keep_alpha=keep_alpha)
    except RequestRejected:
        raise
    except MemoryError as exc:
        raise refusals.too_many_pixels() from exc
    except Exception as exc:  # fuzzed files made Pillow raise seven kinds of exceptions here
        raise refusals.damaged() from exc
    if min(pixels.image.size) < refusals.SIDE_MIN:
        raise refusals.too_narrow(*pixels.image.size)
    return pixels


def _decoded(image: Image.Image, longest: int, *, keep_alpha: bool) -> Pixels:
    pixels = Pixels(image)
    if is_animated(image):
        pixels.notes.append("first_frame")
    turn = turn_of(image)
    icc = image.info.get("icc_profile")
    _reduce(pixels, longest)
    _settle_colours(pixels, icc, keep_alpha=keep_alpha)
    if turn is not None:
        pixels.image = pixels.image.transpose(turn)
        pixels.notes.append("orientation")
    pixels.image.info.clear()  # nothing of the source may travel along: comments, EXIF, profiles
    return pixels


def is_animated(image: Image.Image) -> bool:
    """Whether there are frames of a film; the second picture of an MPO is not one."""
    return image.format not in JPEGS and bool(getattr(image, "is_animated", False))


def shrunk(image: Image.Image, long_side: int) -> Image.Image:
    """Return a smaller picture. Other filters than LANCZOS ruin the screens of manga."""
    size = fitted_size(image.size, long_side)
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP)


def _reduce(pixels: Pixels, longest: int) -> None:
    """Decode, as small as the format can; colours as they come, but of a kind that can shrink."""
    image = pixels.image
    plan = plan_for(image.size, longest, is_jpeg=image.format in JPEGS)
    if plan.divisor > 1 or plan.long_side:
        pixels.notes.append("reduced")
    is_scaled = image.format in JPEGS and _decode_scaled(image, plan.divisor)
    image.load()
    if colour.is_deep(image):
        pixels.notes.append("sixteen_bit")
        image = colour.eight_bit(image)
    image = colour.plain(image)
    if plan.divisor > 1 and not is_scaled:
        image = image.reduce(plan.divisor)
    if plan.long_side:
        image = shrunk(image, plan.long_side)
    pixels.image = image


def _decode_scaled(image: Image.Image, divisor: int) -> bool:
    if divisor == 1:
        return False
    size = (max(1, image.width // divisor), max(1, image.height // divisor))
    before = image.size
    image.draft(None, size)
    if image.size == before:
        return False
    return math.isclose(max(before) / max(image.size), divisor, rel_tol=0.1)


def _settle_colours(pixels: Pixels, icc: bytes | None, *, keep_alpha: bool) -> None:
    image, note = colour.to_srgb(pixels.image, icc)
    if note:
        pixels.notes.append(note)
    if not colour.is_transparent(image):
        pixels.image = colour.opaque(image)
    elif keep_alpha:
        pixels.image = image.convert("RGBA")
    else:
        pixels.image = colour.flattened(image)
        pixels.notes.append("flattened")
