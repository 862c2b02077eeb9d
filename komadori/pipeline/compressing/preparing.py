"""One picture from the bytes that came to the bytes that are sent. Pure: no cache, no threads."""

import time
from dataclasses import dataclass

from PIL import Image

from komadori.pipeline.compressing import colour, refusals
from komadori.pipeline.compressing.curves import JPEG_CODEC, WEBP_CODEC
from komadori.pipeline.compressing.decoding import Pixels, decoded
from komadori.pipeline.compressing.fitting import fitted
from komadori.pipeline.compressing.lossless import fitted_png
from komadori.pipeline.compressing.opening import opened
from komadori.pipeline.compressing.plan import longest_side
from komadori.pipeline.compressing.stripping import stripped_jpeg, stripped_webp
from komadori.pipeline.compressing.values import JPEG, PNG, WEBP, Prepared, Wanted
from komadori.pipeline.plain_pixels import turn_of

ALGORITHM = "1"
"""Part of the cache's key: change it with whatever changes the result."""
_METADATA_MAX = 64 * 1024
"""A file so much over the limit may still fit once its metadata is gone."""
_STRIPPERS = {"JPEG": (JPEG, stripped_jpeg), "WEBP": (WEBP, stripped_webp)}
_CODECS = {JPEG: JPEG_CODEC, WEBP: WEBP_CODEC}


@dataclass(frozen=True, slots=True)
class _Encoded:
    data: bytes
    media_type: str
    size: tuple[int, int]
    notes: tuple[str, ...]


def prepared(data: bytes, wanted: Wanted) -> Prepared:
    """Return the picture as it can be sent.

    Raises:
        RequestRejected: the bytes are no picture that we send; the code says why.
    """
    began = time.perf_counter()
    image = opened(data)
    source_width, source_height = image.size
    encoded = _passed_through(image, data, wanted) or _made_anew(image, wanted)
    return Prepared(
        data=encoded.data,
        media_type=encoded.media_type,
        width=encoded.size[0],
        height=encoded.size[1],
        source_bytes=len(data),
        source_width=source_width,
        source_height=source_height,
        seconds=time.perf_counter() - began,
        notes=encoded.notes,
    )


def _passed_through(image: Image.Image, data: bytes, wanted: Wanted) -> _Encoded | None:
    """Return the file itself without its metadata, if the receiver can use it as it is."""
    media_type, strip = _STRIPPERS.get(image.format or "", (None, None))
    if media_type not in wanted.media_types or strip is None:
        return None
    limit = wanted.bytes_max(media_type)
    if len(data) > limit + _METADATA_MAX or max(image.size) > longest_side(limit):
        return None
    if image.mode not in _modes(wanted) or _needs_work(image):
        return None
    stripped = strip(data)
    if stripped is None or len(stripped) > limit or not _is_whole(stripped, image.size):
        return None
    return _Encoded(stripped, media_type, image.size, ("pass_through",))


def _modes(wanted: Wanted) -> tuple[str, ...]:
    return ("L", "RGB", "RGBA") if wanted.keep_alpha else ("L", "RGB")


def _needs_work(image: Image.Image) -> bool:
    is_coloured = not colour.is_srgb(image.info.get("icc_profile"))
    return is_coloured or turn_of(image) is not None


def _is_whole(data: bytes, size: tuple[int, int]) -> bool:
    """Whether what is left can be decoded to its last row: nothing torn is ever passed on."""
    image = opened(data)
    try:
        image.load()
    except Exception as exc:  # plugins raise what they like
        raise refusals.damaged() from exc
    return image.size == size


def _made_anew(image: Image.Image, wanted: Wanted) -> _Encoded:
    longest = longest_side(wanted.bytes_max(wanted.opaque_type))
    pixels = decoded(image, longest, keep_alpha=wanted.alpha_type is not None)
    has_alpha = pixels.image.mode == "RGBA"
    media_type = (wanted.alpha_type if has_alpha else None) or wanted.opaque_type
    return _encoded(pixels, media_type, wanted.bytes_max(media_type))


def _encoded(pixels: Pixels, media_type: str, limit: int) -> _Encoded:
    if media_type == PNG:
        data, image, notes = fitted_png(pixels.image, limit)
        return _Encoded(data, PNG, image.size, (*pixels.notes, *notes))
    found = fitted(pixels.image, limit, _CODECS[media_type])
    notes = [*pixels.notes, "shrunk"] if found.is_shrunk else pixels.notes
    return _Encoded(found.data, media_type, found.image.size, tuple(notes))
