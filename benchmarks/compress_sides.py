"""The sides of the compression benchmark: ours, two ladders, libvips, and the limit of them all.

A side takes the bytes of a picture and returns a JPEG whose data URI keeps to the limit. Each does
its work in one thread.
"""

import importlib
import math
import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("VIPS_CONCURRENCY", "1")

from komadori.pipeline.compressing.curves import JPEG_CODEC
from komadori.pipeline.compressing.decoding import decoded
from komadori.pipeline.compressing.fitting import fitted
from komadori.pipeline.compressing.opening import opened
from komadori.pipeline.compressing.plan import longest_side
from komadori.pipeline.compressing.preparing import prepared
from komadori.pipeline.compressing.values import JPEG, Wanted

WANTED = Wanted()
LIMIT = WANTED.bytes_max(JPEG)
VIPS_SIDE = 1536
VIPS_LAW = (0.92, -0.57)
"""Bits per pixel at quality 50, and the slope of the law of sizes: medians of many photographs."""
Run = Callable[[bytes], bytes]


def ours(data: bytes) -> bytes:
    """Return what the product sends, without its cache."""
    return prepared(data, WANTED).data


def ours_around(data: bytes, size: int) -> tuple[bytes, bytes]:
    """Return ours a little below and a little above the size that another side needed."""
    image = decoded(opened(data), longest_side(LIMIT), keep_alpha=False).image
    found = fitted(image, size, JPEG_CODEC)
    below = found.data
    for quality in range(found.quality + 1, 96):
        above = JPEG_CODEC.encode(found.image, quality)
        if len(above) > size:
            return below, above
        below = above
    return below, below


def light_ladder(data: bytes) -> bytes:
    """Quality 95 to 25 in steps of 10, then all again at 0.8 of the size."""
    return _ladder(data, range(95, 24, -10), 0.8)


def heavy_ladder(data: bytes) -> bytes:
    """Quality 95 to 20 in steps of 5, then all again at 0.9 of the size."""
    return _ladder(data, range(95, 19, -5), 0.9)


def _ladder(data: bytes, qualities: range, shrink: float) -> bytes:
    image = on_white(Image.open(BytesIO(data)))
    while True:
        for quality in qualities:
            file = BytesIO()
            image.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= LIMIT:
                return file.getvalue()
        size = (round(image.width * shrink), round(image.height * shrink))
        image = image.resize(size, Image.Resampling.LANCZOS)


def on_white(image: Image.Image) -> Image.Image:
    """Return the picture as L or RGB; what shows through it is white."""
    if image.mode not in ("RGBA", "LA", "P"):
        return image if image.mode in ("RGB", "L") else image.convert("RGB")
    image = image.convert("RGBA")
    sheet = Image.new("RGB", image.size, (255, 255, 255))
    sheet.paste(image, mask=image.getchannel("A"))
    return sheet


def package(name: str) -> Any:
    """Return a package that only this benchmark needs, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # pyvips raises OSError without its library
        return None


def vips_side() -> Run | None:
    """Return libvips: shrinking while it decodes, LANCZOS, and the same law of sizes as ours."""
    vips = package("pyvips")
    if vips is None:
        return None

    def run(data: bytes) -> bytes:
        small = vips.Image.thumbnail_buffer(data, VIPS_SIDE, height=VIPS_SIDE, size="down")
        if small.hasalpha():
            small = small.flatten(background=[255, 255, 255])
        small = small.copy_memory()
        while (found := _searched(small)) is None:
            small = small.resize(0.75).copy_memory()
        return found

    return run


def _searched(small: Any) -> bytes | None:
    """Two or three encodings; None if the lowest quality is too large."""
    codec, (bits, slope) = JPEG_CODEC, VIPS_LAW
    at, height = codec.coarseness(50), math.log(bits * small.width * small.height / 8)
    low, high, best = codec.lowest - 1, codec.highest + 1, None
    while high - low > 1:
        expected = codec.quality(at + (math.log(LIMIT * 0.97) - height) / slope)
        quality = math.floor(min(high - 1, max(low + 1, expected)))
        data: bytes = small.jpegsave_buffer(Q=quality, keep="none")
        at, height = codec.coarseness(quality), math.log(len(data))
        if len(data) > LIMIT:
            high = quality
            continue
        low, best = quality, data
        if len(data) >= LIMIT * 0.92:
            break
    return best
