"""Paper, pen and ink: three layers (colour, shade, ink) and strokes that swell and waver.

Everything is given in frame units: the picture is 720 units high whatever its pixels. The layers
are larger than the picture and reduced at the end, which makes edges smooth. What is filled hides
the ink below it, so pictures are drawn from back to front.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
Colour = tuple[int, int, int]

FRAME_HEIGHT = 720.0
_MOST_PIXELS = 4_200_000
_NOISE = 8192
_LIGHT = np.array([-0.55, -0.83])  # where light comes from, in the frame: above, a little left


@dataclass(frozen=True, slots=True)
class Nib:
    """How the line is drawn: `weight` scales it, the rest is how far it strays."""

    weight: float = 1.0
    swell: float = 0.45
    waver: float = 1.0
    taper: float = 0.25
    rough: float = 0.0


class Sheet:
    """The three layers of one picture."""

    def __init__(self, width: int, height: int, paper: Colour, nib: Nib, seed: int) -> None:
        self.size = (width, height)
        self.over = 2 if width * height * 4 <= _MOST_PIXELS else 1
        large = (width * self.over, height * self.over)
        self.scale = large[1] / FRAME_HEIGHT
        self.width = FRAME_HEIGHT * width / height
        self.nib = nib
        self.paper = paper
        self.colour = Image.new("RGB", large, paper)
        self.shade = Image.new("L", large, 0)
        self.ink = Image.new("L", large, 0)
        self.to_colour = ImageDraw.Draw(self.colour)
        self.to_shade = ImageDraw.Draw(self.shade)
        self.to_ink = ImageDraw.Draw(self.ink)
        self._noise = _noise(seed % 64)
        self._at = seed % _NOISE

    def waver(self, along: Points, wave: float) -> Points:
        """Return smooth noise in -1..1 along a line; each call is another stretch of it."""
        self._at = (self._at + 977) % _NOISE
        index = (along * (40.0 / wave)).astype(np.int64) + self._at
        taken: Points = self._noise[index % _NOISE]
        return taken

    def pen(self) -> "Pen":
        """Return a pen in frame units, y downwards."""
        return Pen(self, np.eye(2), np.zeros(2), 1.0)

    def faded(self, paper: float, ink: float) -> None:
        """Let all that was drawn so far step back: towards the paper, with paler ink."""
        whole = (0, 0, *self.colour.size)
        self.colour.paste(self.paper, whole, Image.new("L", self.colour.size, round(255 * paper)))
        self.ink.paste(self.ink.point([int(level * ink) for level in range(256)]))
        self.shade.paste(self.shade.point([int(level * ink) for level in range(256)]))

    def hushed(self, centre: tuple[float, float], radius: tuple[float, float], by: float) -> None:
        """Make an oval quiet, so that a balloon can stand there."""
        box = self._box(
            centre[0] - radius[0],
            centre[1] - radius[1],
            centre[0] + radius[0],
            centre[1] + radius[1],
        )
        if box is None:
            return
        size = (box[2] - box[0], box[3] - box[1])
        full = (max(1, int(2 * radius[0] * self.scale)), max(1, int(2 * radius[1] * self.scale)))
        left = box[0] - int((centre[0] - radius[0]) * self.scale)
        top = box[1] - int((centre[1] - radius[1]) * self.scale)
        spot = _spot().point([int(by * level) for level in range(256)])
        mask = spot.resize(full, Image.Resampling.BILINEAR).crop(
            (left, top, left + size[0], top + size[1])
        )
        self.ink.paste(0, box, mask)
        self.shade.paste(0, box, mask)

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int] | None:
        wide, high = self.colour.size
        box = (
            max(0, int(x0 * self.scale)),
            max(0, int(y0 * self.scale)),
            min(wide, int(x1 * self.scale)),
            min(high, int(y1 * self.scale)),
        )
        return box if box[2] > box[0] and box[3] > box[1] else None


@dataclass(frozen=True, slots=True)
class Pen:
    """A hand over the sheet, in coordinates of its own."""

    sheet: Sheet
    matrix: Points
    offset: Points
    weight: float

    def at(
        self,
        x: float,
        y: float,
        *,
        scale: float = 1.0,
        mirror: bool = False,
        up: bool = False,
        turn: float = 0.0,
    ) -> "Pen":
        """Return a pen whose origin is at (x, y); `up` turns y upwards, `turn` is in radians."""
        cos, sin = np.cos(turn), np.sin(turn)
        own = np.array([[cos, -sin], [sin, cos]]) @ np.diag(
            [-scale if mirror else scale, -scale if up else scale]
        )
        return replace(
            self, matrix=self.matrix @ own, offset=self.matrix @ np.array([x, y]) + self.offset
        )

    def heavier(self, factor: float) -> "Pen":
        """Return the same pen with more (or less) weight."""
        return replace(self, weight=self.weight * factor)

    def placed(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of mine is in the frame."""
        px, py = self.matrix @ np.array([x, y]) + self.offset
        return float(px), float(py)

    def path(self, points: ArrayLike, *, smooth: bool = True, closed: bool = True) -> Points:
        """Return points as a path on the large layers, wavering as a hand does."""
        given = np.asarray(points, dtype=np.float64) @ self.matrix.T + self.offset
        given = given * self.sheet.scale
        path = _curve(given, closed) if smooth else _dense(given, closed, 26.0 * self.sheet.scale)
        along = _along(path)
        reach = (
            1.1
            * self.sheet.nib.waver
            * self.sheet.scale
            * min(1.0, 0.25 + along[-1] / (220 * self.sheet.scale))
        )
        if reach > 0.05:
            wave = 46.0 * self.sheet.scale
            path = path + reach * np.stack(
                [self.sheet.waver(along, wave), self.sheet.waver(along, wave)], axis=1
            )
        return path

    def fill(
        self,
        points: ArrayLike,
        colour: Colour,
        *,
        edge: float = 2.2,
        smooth: bool = True,
        shade: int = 0,
        form: float = 0.0,
        dark: int = 120,
        black: bool = False,
    ) -> Points:
        """Fill an area and draw its edge `edge` units wide (0: none).

        `shade` is hatched all over; `form` puts a shadow of that width on the side away from the
        light. `black` spots it with ink.
        """
        path = self.path(points, smooth=smooth)
        flat = path.ravel().tolist()
        sheet = self.sheet
        if len(flat) < 6:
            return path
        sheet.to_colour.polygon(flat, fill=colour)
        sheet.to_shade.polygon(flat, fill=shade)
        sheet.to_ink.polygon(flat, fill=255 if black else 0)
        if form > 0 and not black:
            self._shadow(path, form * sheet.scale, dark)
        if edge > 0:
            self._stroke(path, edge, closed=True)
        if black and edge > 0:  # a scratched rim keeps black limbs apart from black bodies
            self._stroke(path, edge * 0.42, closed=True, ink=0)
        return path

    def line(
        self,
        points: ArrayLike,
        width: float = 2.0,
        *,
        smooth: bool = True,
        closed: bool = False,
        ink: int = 255,
        taper: float | None = None,
    ) -> None:
        """Draw a stroke. `ink` 0 scratches it out of the black."""
        path = self.path(points, smooth=smooth, closed=closed)
        self._stroke(path, width, closed=closed, ink=ink, taper=taper)

    def dash(
        self, x0: float, y0: float, x1: float, y1: float, width: float, ink: int = 255
    ) -> None:
        """Draw one quick straight stroke that swells in its middle. Cheap: for grass and rain."""
        ends = np.array([[x0, y0], [x1, y1]]) @ self.matrix.T + self.offset
        (ax, ay), (bx, by) = (ends * self.sheet.scale).tolist()
        far = max(1e-6, float(np.hypot(bx - ax, by - ay)))
        half = 0.5 * width * self.weight * self.sheet.nib.weight * self.sheet.scale
        nx, ny = -(by - ay) / far * half, (bx - ax) / far * half
        mx, my = ax * 0.6 + bx * 0.4, ay * 0.6 + by * 0.4
        self.sheet.to_ink.polygon([ax, ay, mx + nx, my + ny, bx, by, mx - nx, my - ny], fill=ink)

    def halo(self, points: ArrayLike, width: float, colour: Colour, *, smooth: bool = True) -> None:
        """Clear a margin around an area, so that it stands off from what is behind."""
        path = self.path(points, smooth=smooth)
        sheet = self.sheet
        flat = np.concatenate([path, path[:2]]).ravel().tolist()
        wide = max(1, round(width * sheet.scale))
        sheet.to_colour.line(flat, fill=colour, width=wide, joint="curve")
        sheet.to_ink.line(flat, fill=0, width=wide, joint="curve")
        sheet.to_shade.line(flat, fill=0, width=wide, joint="curve")

    def tone(self, points: ArrayLike, shade: int, *, smooth: bool = True) -> None:
        """Hatch an area without touching its colour."""
        path = self.path(points, smooth=smooth)
        if len(path) > 2:
            self.sheet.to_shade.polygon(path.ravel().tolist(), fill=shade)

    def tint(self, points: ArrayLike, colour: Colour, *, smooth: bool = True) -> None:
        """Colour an area without touching ink or shade."""
        path = self.path(points, smooth=smooth)
        if len(path) > 2:
            self.sheet.to_colour.polygon(path.ravel().tolist(), fill=colour)

    def _shadow(self, path: Points, depth: float, dark: int) -> None:
        low = path.min(axis=0)
        high = path.max(axis=0)
        wide, tall = self.sheet.colour.size
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(wide, int(high[0]) + 2), min(tall, int(high[1]) + 2)
        if right - left < 3 or bottom - top < 3:
            return
        mask = Image.new("L", (right - left, bottom - top), 0)
        draw = ImageDraw.Draw(mask)
        own = path - (left, top)
        draw.polygon(own.ravel().tolist(), fill=255)
        draw.polygon((own + _LIGHT * depth).ravel().tolist(), fill=0)
        self.sheet.shade.paste(dark, (left, top, right, bottom), mask)

    def _stroke(
        self,
        path: Points,
        width: float,
        *,
        closed: bool,
        ink: int = 255,
        taper: float | None = None,
    ) -> None:
        if len(path) < 2:
            return
        sheet, nib = self.sheet, self.sheet.nib
        if closed:
            path = np.concatenate([path, path[:1]])
        step = np.gradient(path, axis=0)
        normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
        normal /= np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-6)[:, None]
        along = _along(path)
        swell = 1.0 + nib.swell * 0.6 * sheet.waver(along, 120.0 * sheet.scale)
        if closed:
            outward = normal if _area(path) < 0 else -normal
            swell = swell * (1.0 - 0.55 * nib.swell * (outward @ _LIGHT))
        else:
            swell = swell * _tapered(along, nib.taper if taper is None else taper)
        if nib.rough:
            swell = swell * (1.0 + nib.rough * sheet.waver(along, 7.0 * sheet.scale))
        half = np.maximum(0.5 * width * self.weight * nib.weight * sheet.scale * swell, 0.45)[
            :, None
        ]
        band = np.concatenate([path + normal * half, (path - normal * half)[::-1]])
        sheet.to_ink.polygon(band.ravel().tolist(), fill=ink)


def blob(x: float, y: float, rx: float, ry: float, count: int = 12) -> Points:
    """Return points of an ellipse."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + rx * np.cos(turn), y + ry * np.sin(turn)], axis=1)


def mixed(one: Sequence[int], two: Sequence[int], share: float) -> Colour:
    """Return a colour between two; `share` is how much of the second."""
    r, g, b = (round(a + (c - a) * share) for a, c in zip(one, two, strict=True))
    return (max(0, min(255, r)), max(0, min(255, g)), max(0, min(255, b)))


@lru_cache(maxsize=8)
def _basis(steps: int) -> Points:
    t = np.arange(steps) / steps
    t2, t3 = t * t, t * t * t
    return 0.5 * np.stack(
        [-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, t3 - t2], axis=1
    )


def _curve(points: Points, closed: bool) -> Points:
    """Return a Catmull-Rom curve through the points."""
    if len(points) < 3:
        return _dense(points, closed, 40.0)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    count = len(padded) - 3
    extent = float(np.abs(np.diff(points, axis=0)).sum()) / len(points)
    basis = _basis(4 if extent < 14 else 7 if extent < 90 else 12)
    knots = np.stack([padded[i : i + count] for i in range(4)], axis=1)
    curve: Points = (basis[None] @ knots).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, points[-1:]])


def _dense(points: Points, closed: bool, gap: float) -> Points:
    """Return straight edges with points between, so that they too can waver."""
    if closed:
        points = np.concatenate([points, points[:1]])
    parts = []
    for start, end in pairwise(points):
        count = int(min(24, max(2, np.hypot(*(end - start)) / gap)))
        share = (np.arange(count) / count)[:, None]
        parts.append(start + (end - start) * share)
    if not closed:
        parts.append(points[-1:])
    return np.concatenate(parts)


def _along(path: Points) -> Points:
    step = np.diff(path, axis=0)
    far: Points = np.concatenate([[0.0], np.cumsum(np.hypot(step[:, 0], step[:, 1]))])
    return far


def _area(path: Points) -> float:
    x, y = path[:, 0], path[:, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))


def _tapered(along: Points, taper: float) -> Points:
    if taper <= 0 or along[-1] <= 0:
        return np.ones_like(along)
    place = along / along[-1]
    shape: Points = (
        np.clip(np.minimum(place, (1 - place) * 0.8) / max(taper, 1e-6), 0.12, 1.0) ** 0.7
    )
    return shape


@lru_cache(maxsize=1)
def _spot() -> Image.Image:
    """Return a soft round spot, 255 in its middle and 0 at its rim."""
    side = np.linspace(-1, 1, 96)
    away = np.hypot(side[:, None], side[None, :])
    return Image.fromarray((255 * np.clip((1 - away) * 2.2, 0, 1)).astype(np.uint8))


@lru_cache(maxsize=64)
def _noise(seed: int) -> Points:
    """Return a ring of smooth noise in -1..1; a bump is about 40 steps long."""
    knots = np.random.default_rng(seed).uniform(-1, 1, _NOISE // 40 + 1)
    knots[-1] = knots[0]
    place = np.linspace(0, len(knots) - 1, _NOISE, endpoint=False)
    low = place.astype(np.int64)
    share = place - low
    share = share * share * (3 - 2 * share)
    ring: Points = knots[low] * (1 - share) + knots[np.minimum(low + 1, len(knots) - 1)] * share
    return ring
