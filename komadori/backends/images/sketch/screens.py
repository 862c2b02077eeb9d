"""Screens that turn shade into hatching, cross-hatching, carved lines or dots, and paper's tooth.

A screen is a picture of thresholds: where the shade is above it, there is ink. A line therefore
swells as its shade darkens, as an engraver's does. They are made once per size and kept.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]
_KEPT = 10


@lru_cache(maxsize=_KEPT)
def screen(
    kind: str, size: tuple[int, int], period: float, angle: float, unit: float
) -> Image.Image:
    """Return the thresholds (mode L). `unit` is pixels per frame unit."""
    x, y = _grid(size, unit)
    across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    along = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    if kind == "dots":
        wave = np.cos(across * np.float32(2 * np.pi / period)) + np.cos(
            along * np.float32(2 * np.pi / period)
        )
        return _image(np.float32(129) - np.float32(55.5) * wave)
    return _image(_lines(across, along, period, carved=kind == "carved", size=size))


def _lines(
    across: Plane, along: Plane, period: float, *, carved: bool, size: tuple[int, int]
) -> Plane:
    stray = _cloud(size, 90, 3) * np.float32(period * (0.9 if not carved else 1.6))
    place = (across + stray) / np.float32(period)
    number = np.floor(place)
    away = np.abs(place - number - np.float32(0.5)) * 2  # 0 on the line, 1 between two
    lot = np.sin(number * np.float32(127.1)) * np.float32(43758.547)
    lot = lot - np.floor(lot)
    length = np.float32(46.0 if not carved else 110.0)
    ends = np.abs(((along / length + lot * 7) % 1) - np.float32(0.5)) * 2
    thin = np.clip((ends - np.float32(0.72)) * np.float32(3.2), 0, 1)
    plane: Plane = (
        np.float32(16) + np.float32(205) * away + np.float32(70) * thin + np.float32(34) * lot
    )
    return plane


@lru_cache(maxsize=_KEPT)
def tooth(size: tuple[int, int]) -> Image.Image:
    """Return the paper's tooth (mode L, about 128 in the mean)."""
    fine = np.random.default_rng(5).normal(0, 1, (size[1], size[0])).astype(np.float32)
    soft = (fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1) + np.roll(fine, (1, 1), (0, 1))) / 2
    return _image(np.float32(128) + np.float32(34) * soft + np.float32(26) * _cloud(size, 14, 9))


@lru_cache(maxsize=_KEPT)
def pools(size: tuple[int, int]) -> Image.Image:
    """Return where wash pools and thins out (mode L, about 128 in the mean)."""
    plane = (
        _cloud(size, 120, 21)
        + np.float32(0.6) * _cloud(size, 34, 22)
        + np.float32(0.3) * _cloud(size, 9, 23)
    )
    return _image(np.float32(128) + np.float32(72) * plane)


def _cloud(size: tuple[int, int], bump: int, seed: int) -> Plane:
    """Return smooth noise in about -1..1."""
    wide, high = size[0] // bump + 3, size[1] // bump + 3
    knots = np.random.default_rng(seed).uniform(0, 255, (high, wide)).astype(np.uint8)
    soft = Image.fromarray(knots).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(soft, dtype=np.float32) / np.float32(127.5) - np.float32(1)


def _grid(size: tuple[int, int], unit: float) -> tuple[Plane, Plane]:
    x = np.arange(size[0], dtype=np.float32)[None, :] / np.float32(unit)
    y = np.arange(size[1], dtype=np.float32)[:, None] / np.float32(unit)
    return np.broadcast_to(x, (size[1], size[0])), np.broadcast_to(y, (size[1], size[0]))


def _image(plane: Plane) -> Image.Image:
    return Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8))
