"""Generated pictures for the compression benchmark: the same bytes from the same seed, no files.

Photographs are dead leaves (discs whose radii follow r^-3, which gives the statistics of natural
scenes) with 1/f texture, a lens's blur and a sensor's noise. What they lack is meaning: read the
ratios, and distrust the absolute quality figures a little.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.ImageFont import FreeTypeFont

Size = tuple[int, int]
MP12: Size = (4032, 3024)
MP24: Size = (5664, 4248)
K4: Size = (3840, 2160)
LARGE_PHOTO = "photos of 12 MP and more"
OTHER = "other pictures"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of the corpus, as a person would upload it."""

    name: str
    group: str
    data: bytes


def corpus(*, is_quick: bool) -> list[Sample]:
    """Return the pictures; a quick run takes the small half of them."""
    makers = {**_OTHERS, **_QUICK_PHOTOS} if is_quick else {**_PHOTOS, **_OTHERS}
    samples = []
    for name, make in makers.items():
        group = LARGE_PHOTO if name.startswith("photo") else OTHER
        samples.append(Sample(name, group, make()))
    return samples


def photo(size: Size, seed: int, quality: int = 92, **options: Any) -> bytes:
    """Return a photograph as a camera saves it."""
    return _saved(_scene(size, seed), "JPEG", quality=quality, **options)


def _scene(size: Size, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    pixels = np.asarray(_leaves(size, rng, count=9000), dtype=np.int16)
    tiles = (-(-size[1] // 1024), -(-size[0] // 1024), 1)
    texture = (14 * _texture(1024, rng)).astype(np.int16)[:, :, None]
    pixels = pixels + np.tile(texture, tiles)[: size[1], : size[0]]
    seen = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    blurred = np.asarray(seen.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float32)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.clip(blurred + 1.2 * noise, 0, 255).astype(np.uint8))


def _leaves(size: Size, rng: np.random.Generator, count: int) -> Image.Image:
    picture = Image.new("RGB", size, (96, 104, 112))
    draw = ImageDraw.Draw(picture)
    smallest, largest = 6.0, max(size) / 4
    share = rng.random(count)
    radii = 1 / np.sqrt(share / largest**2 + (1 - share) / smallest**2)  # density r^-3
    order = np.argsort(-radii) if count < 500 else rng.permutation(count)
    for radius in radii[order]:
        x, y = rng.random() * size[0], rng.random() * size[1]
        level = rng.normal(120, 52)
        colour = tuple(int(np.clip(level + rng.normal(0, 22), 0, 255)) for _ in range(3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return picture


def _texture(side: int, rng: np.random.Generator) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Noise whose amplitude falls with the frequency, of unit deviation, and seamless."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = 1
    spectrum = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency
    spectrum[0, 0] = 0
    texture = np.fft.irfft2(spectrum, s=(side, side))
    scaled: np.ndarray[Any, np.dtype[np.float32]] = (texture / texture.std()).astype(np.float32)
    return scaled


def _anime(size: Size, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    picture = _leaves(size, rng, count=140)
    draw = ImageDraw.Draw(picture)
    for _ in range(260):
        points = [(rng.random() * size[0], rng.random() * size[1])]
        for _ in range(5):
            x, y = points[-1]
            points.append((x + rng.normal(0, 110), y + rng.normal(0, 110)))
        draw.line(points, fill=(24, 20, 28), width=int(rng.integers(3, 9)), joint="curve")
    shade = np.linspace(1.08, 0.86, size[1], dtype=np.float32)[:, None, None]
    pixels = np.asarray(picture, dtype=np.float32) * shade
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _cut_out(side: int, seed: int) -> Image.Image:
    picture = _scene((side, side), seed).convert("RGBA")
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((side // 8, side // 16, side * 7 // 8, side * 15 // 16), fill=255)
    picture.putalpha(mask.filter(ImageFilter.GaussianBlur(6)))
    return picture


def _manga_page(seed: int) -> Image.Image:
    """An A4 page at 300 dpi: frames, line art and a screen of dots."""
    size = (2480, 3508)
    rng = np.random.default_rng(seed)
    tone = np.asarray(_anime(size, seed).convert("L"), dtype=np.float32)
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    dots = np.cos((across + down) * np.pi / 6) * np.cos((across - down) * np.pi / 6)
    page = np.where(tone < 128 + 110 * dots, 20, 252).astype(np.uint8)
    picture = Image.fromarray(page).filter(ImageFilter.GaussianBlur(0.7))
    draw = ImageDraw.Draw(picture)
    for top in range(80, size[1] - 400, 840):
        split = int(rng.integers(900, 1600))
        for left, right in ((80, split), (split + 40, size[0] - 80)):
            draw.rectangle((left, top, right, top + 790), outline=0, width=10)
    return picture


def _text_page(seed: int) -> Image.Image:
    size = (2480, 3508)
    rng = np.random.default_rng(seed)
    picture = Image.new("L", size, 250)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(44)
    assert isinstance(font, FreeTypeFont)
    for top in range(200, size[1] - 200, 66):
        lengths = rng.integers(2, 11, 16)
        words = ("".join(chr(97 + c) for c in rng.integers(0, 26, n)) for n in lengths)
        draw.text((200, top), " ".join(words)[:84], fill=24, font=font)
    return picture


def _noise(size: Size, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def _stored(seed: int) -> bytes:
    """A reference as the artifact store keeps it: at most 2048 px, WebP of quality 90."""
    picture = _scene((2048, 1152), seed)
    return _saved(picture, "WEBP", quality=90, method=2)


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


_PHOTOS: Mapping[str, Callable[[], bytes]] = {
    "photo 12 MP": partial(photo, MP12, 1),
    "photo 12 MP upright": partial(photo, (MP12[1], MP12[0]), 2),
    "photo 24 MP": partial(photo, MP24, 3),
    "photo 24 MP progressive": partial(photo, MP24, 4, progressive=True),
}
_QUICK_PHOTOS: Mapping[str, Callable[[], bytes]] = {"photo 12 MP": partial(photo, MP12, 1)}
_OTHERS: Mapping[str, Callable[[], bytes]] = {
    "4K anime PNG": lambda: _saved(_anime(K4, 5), "PNG"),
    "4K photoreal PNG": lambda: _saved(_scene(K4, 6), "PNG"),
    "cut-out RGBA PNG": lambda: _saved(_cut_out(2048, 7), "PNG"),
    "manga page PNG": lambda: _saved(_manga_page(8), "PNG"),
    "text page PNG": lambda: _saved(_text_page(9), "PNG"),
    "stored WebP 2048": partial(_stored, 10),
    "small JPEG 1024": partial(photo, (1024, 768), 11, quality=85),
    "noise PNG 1500": lambda: _saved(_noise((1500, 1500), 12), "PNG"),
}
