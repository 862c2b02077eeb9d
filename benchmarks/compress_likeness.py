"""How like its source a picture still is: SSIM of the luma, in two sizes that a reader may see.

Both pictures are brought to the same long side first, the way a page would show them, so that
pictures sent with fewer pixels are compared fairly with larger ones of a lower quality.
"""

import math
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageOps

VIEWS = (1024, 1536)
_WINDOW = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def views_of(data: bytes) -> list[Image.Image]:
    """Return the picture's luma in each size, decoded in full and as it is meant to be seen."""
    with Image.open(BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened)
    if upright.mode in ("RGBA", "LA", "P"):
        pixels = upright.convert("RGBA")
        upright = Image.new("RGB", pixels.size, (255, 255, 255))
        upright.paste(pixels, mask=pixels.getchannel("A"))
    luma = upright.convert("L")
    return [_at(luma, view) for view in VIEWS]


def likeness(source: list[Image.Image], result: bytes) -> list[float]:
    """Return the SSIM in each size."""
    seen = views_of(result)
    return [_ssim(one, other) for one, other in zip(source, seen, strict=True)]


def likeness_between(
    source: list[Image.Image], around: tuple[bytes, bytes], size: int
) -> list[float]:
    """Return the SSIM that there would be at a size, from results just below and above it."""
    below, above = (likeness(source, each) for each in around)
    low, high = (math.log(len(each)) for each in around)
    share = (math.log(size) - low) / (high - low) if high > low else 0.0
    return [one + share * (other - one) for one, other in zip(below, above, strict=True)]


def _at(luma: Image.Image, view: int) -> Image.Image:
    scale = view / max(luma.size)
    size = (max(1, round(luma.width * scale)), max(1, round(luma.height * scale)))
    return luma.resize(size, Image.Resampling.LANCZOS)


def _ssim(source: Image.Image, result: Image.Image) -> float:
    if result.size != source.size:  # a side was rounded the other way
        result = result.resize(source.size, Image.Resampling.LANCZOS)
    one, other = np.asarray(source, dtype=np.float64), np.asarray(result, dtype=np.float64)
    mean_one, mean_other = _means(one), _means(other)
    variance_one = _means(one * one) - mean_one**2
    variance_other = _means(other * other) - mean_other**2
    covariance = _means(one * other) - mean_one * mean_other
    similar = (2 * mean_one * mean_other + _C1) * (2 * covariance + _C2)
    different = (mean_one**2 + mean_other**2 + _C1) * (variance_one + variance_other + _C2)
    return float((similar / different).mean())


def _means(plane: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, Any]":
    """Return the mean of every window, from sums over rows and columns."""
    sums = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1))
    sums[1:, 1:] = plane.cumsum(axis=0).cumsum(axis=1)
    size = _WINDOW
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return total / size**2
