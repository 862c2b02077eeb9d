"""What is no picture is refused by name, and nothing but a refusal ever comes out."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from komadori.errors import RequestRejected
from komadori.pipeline.compress import Wanted
from komadori.pipeline.compressing import refusals
from komadori.pipeline.compressing.preparing import prepared

MUTATIONS = 45
"""Of each of the eleven kinds of files."""


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return small.resize((96, 72), Image.Resampling.BICUBIC).convert(mode)


def png_of(width: int, height: int) -> bytes:
    """A small file that says it is so large, and is well formed."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 1000)), chunk(b"IEND", b"")]
    )


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "picture_empty"),
    "too many bytes": (bytes(refusals.BYTES_MAX + 1), "picture_bytes"),
    "text": (b"Dear editor, please find no picture here.", "picture_unknown"),
    "a program": (b"\x7fELF" + bytes(300), "picture_unknown"),
    "a TIFF": (saved(scene(), "TIFF"), "picture_unknown"),
    "an EPS": (saved(scene(), "EPS"), "picture_unknown"),
    "SVG": (SVG, "picture_markup"),
    "SVG after a byte order mark": (
        b"\xef\xbb\xbf\n  <?xml version='1.0'?>" + SVG,
        "picture_markup",
    ),
    "a page": (b"<!DOCTYPE html><html><body>404</body></html>", "picture_markup"),
    "a page in capitals": (b"<HTML><BODY>Not found</BODY></HTML>", "picture_markup"),
    "a bomb": (png_of(60_000, 60_000), "picture_pixels"),
    "just too many pixels": (png_of(8_000, 7_000), "picture_pixels"),
    "a thread": (png_of(40_000, 20), "picture_pixels"),
    "a speck": (saved(scene().resize((15, 400)), "PNG"), "picture_small"),
    "a ribbon": (saved(Image.new("RGB", (9_000, 40)), "PNG"), "picture_small"),
    "half a JPEG": (half(saved(scene(), "JPEG", quality=95)), "picture_damaged"),
    "half a PNG": (half(saved(scene(), "PNG")), "picture_damaged"),
    "half a WebP": (half(saved(scene(), "WEBP", quality=95)), "picture_damaged"),
    "half a GIF": (half(saved(scene("P"), "GIF")), "picture_damaged"),
    "the head of a JPEG": (saved(scene(), "JPEG")[:30], "picture_damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_sent_is_refused_by_name(name: str) -> None:
    data, code = REFUSED[name]

    with pytest.raises(RequestRejected) as refusal:
        prepared(data, Wanted())

    assert refusal.value.code == code
    sentence = str(refusal.value)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert all(str(fact) in sentence for fact in refusal.value.facts.values())


def test_what_no_quality_and_no_size_can_fit_is_refused_by_name() -> None:
    rng = np.random.default_rng(1)
    ribbon = Image.fromarray(rng.integers(0, 256, (34, 1100, 3), dtype=np.uint8))

    with pytest.raises(RequestRejected) as refusal:
        prepared(saved(ribbon, "PNG"), Wanted(limit_kb=8, media_types=("image/png",)))

    assert refusal.value.code == "picture_no_fit"


def test_a_torn_file_is_never_passed_on_however_small() -> None:
    data = saved(scene(), "JPEG", quality=95)

    with pytest.raises(RequestRejected) as refusal:
        prepared(data[: len(data) - 100], Wanted())

    assert refusal.value.code == "picture_damaged"


def seeds() -> dict[str, bytes]:
    deep = Image.fromarray(np.arange(96 * 72, dtype=np.uint16).reshape(72, 96) * 9)
    film = {"save_all": True, "append_images": [scene().rotate(90)]}
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "JPEG": saved(scene(), "JPEG", exif=exif),
        "progressive JPEG": saved(scene(), "JPEG", progressive=True, comment=b"words"),
        "CMYK JPEG": saved(scene("CMYK"), "JPEG"),
        "MPO": saved(scene(), "MPO", **film),
        "PNG": saved(scene(), "PNG", exif=exif),
        "deep PNG": saved(deep, "PNG"),
        "palette PNG": saved(scene("P"), "PNG", transparency=3),
        "WebP": saved(scene(), "WEBP", exif=exif),
        "lossless WebP": saved(scene("RGBA"), "WEBP", lossless=True),
        "GIF": saved(scene("P"), "GIF", **film),
        "AVIF": saved(scene(), "AVIF"),
    }


SEEDS = seeds()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes, mostly near the head where the structure is; at times cut or double."""
    bytes_ = bytearray(data)
    for _ in range(chance.choice((1, 2, 4, 12))):
        reach = len(bytes_) if chance.random() < 0.5 else min(len(bytes_), 160)
        bytes_[chance.randrange(reach)] = chance.choice((0, 255, 127, chance.randrange(256)))
    kind = chance.random()
    if kind < 0.2:
        return bytes(bytes_[: chance.randrange(len(bytes_))])
    if kind < 0.3:
        at = chance.randrange(len(bytes_))
        return bytes(bytes_[:at] + bytes_[max(0, at - 40) :])
    return bytes(bytes_)


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files_are_prepared_or_refused_and_nothing_else(name: str) -> None:
    chance = random.Random(f"{name} 1")
    wanted = (
        Wanted(limit_kb=16),
        Wanted(limit_kb=16, media_types=("image/webp", "image/png"), keep_alpha=True),
    )

    for number in range(MUTATIONS):
        data = mutated(SEEDS[name], chance)
        try:
            picture = prepared(data, wanted[number % 2])
        except RequestRejected:
            continue
        with Image.open(BytesIO(picture.data)) as image:
            image.load()
        assert len(picture.data_uri) <= 16 * 1024
