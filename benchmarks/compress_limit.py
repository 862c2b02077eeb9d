"""The limit: the fastest decoder there is, to the size that ours sends, and one encoding at the
quality that an oracle names. Nothing that has to look for its quality can be faster by much.
"""

import os
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
from compress_sides import LIMIT, Run, ours, package
from PIL import Image

from komadori.pipeline.compressing.decoding import decoded
from komadori.pipeline.compressing.opening import opened

Decode = Callable[[bytes], Any]
Encode = Callable[[Any, int], bytes]
_TRIES = 3


def limit_sides(data: bytes) -> dict[str, tuple[str, Run]]:
    """Return the fastest of all pairs, and Pillow's; nothing for what is passed through as it is.

    Each comes with the name of its decoder.
    """
    result = ours(data)
    if len(result) == len(data):
        return {}
    with Image.open(BytesIO(result)) as sent:
        size = sent.size
    runs = {
        name: run
        for name, decode, encode in _pairs(size)
        if (run := _oracle(data, decode, encode)) is not None
    }
    fastest = min(runs, key=lambda name: min(_seconds(runs[name], data) for _ in range(_TRIES)))
    return {"limit": (fastest, runs[fastest]), "limit by Pillow": ("Pillow", runs["Pillow"])}


def _seconds(run: Run, data: bytes) -> float:
    began = time.perf_counter()
    run(data)
    return time.perf_counter() - began


def _oracle(data: bytes, decode: Decode, encode: Encode) -> Run | None:
    """Return decoding and one encoding, at the best quality that fits."""
    pixels = decode(data)
    if pixels is None:
        return None
    low, high = 5, 93
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(encode(pixels, middle)) <= LIMIT else (low, middle)
    return lambda data: encode(decode(data), low)


def _pairs(size: tuple[int, int]) -> Iterator[tuple[str, Decode, Encode]]:
    yield "Pillow", lambda data: _by_pillow(data, size), _to_file
    turbo = package("simplejpeg")
    if turbo is not None:
        yield "simplejpeg", lambda data: _by_turbo(turbo, data, size), _turbo_encoder(turbo)
    vips = package("pyvips")
    if vips is not None and turbo is not None:
        yield "libvips", lambda data: _by_vips(vips, data, size), _turbo_encoder(turbo)


def _by_pillow(data: bytes, size: tuple[int, int]) -> Image.Image:
    image = decoded(opened(data), max(size), keep_alpha=False).image
    return image if image.size == size else image.resize(size, Image.Resampling.BOX)


def _to_file(image: Image.Image, quality: int) -> bytes:
    with os.fdopen(os.memfd_create("limit"), "w+b") as file:
        image.save(file, "JPEG", quality=quality)
        file.seek(0)
        return file.read()


def _turbo_encoder(turbo: Any) -> Encode:
    def encode(pixels: Any, quality: int) -> bytes:
        if pixels.shape[2] == 1:
            return bytes(
                turbo.encode_jpeg(pixels, quality, colorspace="GRAY", colorsubsampling="Gray")
            )
        return bytes(turbo.encode_jpeg(pixels, quality, colorsubsampling="420"))

    return encode


def _by_turbo(turbo: Any, data: bytes, size: tuple[int, int]) -> Any:
    """A JPEG at the scale that gives the very size, or nothing."""
    if not data.startswith(b"\xff\xd8"):
        return None
    pixels = turbo.decode_jpeg(data, min_width=size[0], min_height=size[1], min_factor=1)
    return pixels if pixels.shape[1::-1] == size else None


def _by_vips(vips: Any, data: bytes, size: tuple[int, int]) -> Any:
    if data.startswith(b"\xff\xd8"):
        return None
    image = vips.Image.new_from_buffer(data, "", access="sequential")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    factor = image.width / size[0]
    if factor > 1:
        is_whole = abs(factor - round(factor)) < 0.02
        image = image.shrink(round(factor), round(factor)) if is_whole else image.resize(1 / factor)
    pixels = np.ascontiguousarray(image.numpy())
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
