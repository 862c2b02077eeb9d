"""A picture of the place as the panel's background: traced with the pen, then washed with colour.

It is not pasted in: its colours go under the palette and onto the paper, its borders become ink
and its shadows shade, so that the hand that draws the people has drawn what is behind them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from komadori.backends.images.sketch.chance import chance
from komadori.backends.images.sketch.ink import FRAME_HEIGHT, Sheet
from komadori.backends.images.sketch.palette import Palette
from komadori.backends.images.sketch.prints import read_print
from komadori.domain.story import Panel, Shot

PLACE_PIXELS = 1600
"""The longer side of a picture of a place, as it is read."""
_NEARNESS = {Shot.WIDE: 1.0, Shot.MEDIUM: 0.8, Shot.OVER_THE_SHOULDER: 0.66, Shot.CLOSE_UP: 0.5}
"""The part of the picture's width that a shot shows."""
_STEPS_BACK = {
    Shot.WIDE: (0.16, 0.85),
    Shot.MEDIUM: (0.26, 0.7),
    Shot.OVER_THE_SHOULDER: (0.26, 0.7),
    Shot.CLOSE_UP: (0.42, 0.4),
}
"""How far it goes towards the paper behind people, and how much of its ink and shade is left."""
_LUT_SIDE = 17
_DIM = 70.0
"""A picture of this mean brightness is as dark as a night should be."""
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A picture of the place as one panel sees it."""

    picture: Image.Image
    shot: Shot
    has_people: bool
    across: float
    """Where the camera looks, from the left (0) to the right (1)."""

    def lay(self, sheet: Sheet, palette: Palette) -> None:
        """Put it on an empty sheet."""
        seen = self._seen(sheet.size)
        unit = sheet.size[1] / FRAME_HEIGHT
        flat = _flattened(seen, unit)
        grey = np.asarray(ImageOps.autocontrast(flat.convert("L"), cutoff=1), dtype=np.float32)
        large = sheet.colour.size
        sheet.colour.paste(_lit(flat, palette).resize(large, Image.Resampling.BICUBIC))
        sheet.shade.paste(_plane(_shade(grey)).resize(large, Image.Resampling.BILINEAR))
        sheet.ink.paste(_lines(grey, unit).resize(large, Image.Resampling.BICUBIC))
        if self.has_people:
            sheet.faded(*_STEPS_BACK[self.shot])

    def _seen(self, size: tuple[int, int]) -> Image.Image:
        whole = ImageOps.fit(self.picture, size, Image.Resampling.BICUBIC)
        part = _NEARNESS[self.shot]
        wide, high = size[0] * part, size[1] * part
        left = (size[0] - wide) * self.across
        top = (size[1] - high) * 0.45
        return whole.resize(
            size, Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high)
        )


def read_place(data: bytes) -> Image.Image:
    """Decode the picture of a place. Raises BackendRefused, which names the scene."""
    return read_print("the scene", data, PLACE_PIXELS)


def backdrop_of(
    picture: Image.Image, panel: Panel, shot: Shot, people: Sequence[str], seed: int
) -> Backdrop:
    """Return the picture as a panel's camera sees it: nearer for a nearer shot."""
    across = chance("backdrop", panel.number, seed).uniform(0.25, 0.75)
    return Backdrop(picture, shot, bool(people), across)


def _flattened(picture: Image.Image, unit: float) -> Image.Image:
    """Take small things away, as a brush does: areas stay, grain and leaves go."""
    half = (max(1, picture.width // 2), max(1, picture.height // 2))
    small = picture.resize(half, Image.Resampling.BOX)
    for _ in range(2):
        small = small.filter(ImageFilter.MedianFilter(5 if unit > 0.7 else 3))
    return small.resize(picture.size, Image.Resampling.BICUBIC)


def _lit(picture: Image.Image, palette: Palette) -> Image.Image:
    """Return the picture under the palette; a bright one gets the hour's light as well."""
    bright = float(np.asarray(picture.convert("L").resize((16, 9))).mean())
    by = min(1.0, max(0.0, (bright - _DIM) / _DIM))

    def shown(red: float, green: float, blue: float) -> tuple[float, float, float]:
        lit = palette.lit((round(255 * red), round(255 * green), round(255 * blue)), by=by)
        return lit[0] / 255, lit[1] / 255, lit[2] / 255

    return picture.filter(ImageFilter.Color3DLUT.generate(_LUT_SIDE, shown))


def _shade(grey: Plane) -> Plane:
    """Return what is hatched: the darker third, more where it is darker."""
    shade: Plane = np.clip((96 - grey) * 1.5, 0, 150)
    return shade


def _lines(grey: Plane, unit: float) -> Image.Image:
    """Return ink along borders, on their dark side (a difference of two blurs)."""
    plane = _plane(grey)
    near = np.asarray(plane.filter(ImageFilter.GaussianBlur(1.1 * unit)), dtype=np.float32)
    far = np.asarray(plane.filter(ImageFilter.GaussianBlur(3.2 * unit)), dtype=np.float32)
    return _plane(np.clip((far - near - 5.0) * 22, 0, 235))


def _plane(values: Plane) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8))
