"""What every place is made of: sky, far hills, ground, trees, rocks and grass."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from komadori.backends.images.sketch.camera import Camera
from komadori.backends.images.sketch.chance import chance
from komadori.backends.images.sketch.ink import Colour, Pen, mixed
from komadori.backends.images.sketch.palette import Palette
from komadori.domain.story import TimeOfDay, Weather

SLACK = 260.0  # how far shapes go beyond the frame, so that a tilted picture has no empty corners


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene as one camera sees it. `number` seeds what stands where, whatever the camera."""

    pen: Pen
    camera: Camera
    palette: Palette
    number: int
    time: TimeOfDay
    weather: Weather
    is_eastern: bool
    sights: tuple[str, ...]
    keep_clear: float
    """Depth before which nothing may stand, so that it hides nobody."""
    is_afloat: bool = False

    def dice(self, *what: object) -> random.Random:
        """Return the scene's own chance for something."""
        return chance("scene", self.number, *what)

    @property
    def left(self) -> float:
        """The left end of what is drawn, in frame units."""
        return -SLACK

    @property
    def right(self) -> float:
        """The right end of what is drawn."""
        return self.pen.sheet.width + SLACK

    @property
    def is_night(self) -> bool:
        """Whether it is dark."""
        return self.time is TimeOfDay.NIGHT

    def ground_colour(self, material: str) -> Colour:
        """Return the ground's colour: snow covers it."""
        return self.palette.of("snow" if self.weather is Weather.SNOW else material)


Standing = tuple[float, Callable[[], None]]
"""How far away something is, and how to draw it."""


def draw_all(things: list[Standing], keep_clear: float) -> None:
    """Draw things from far to near, but not those that would stand before the actors."""
    for deep, draw in sorted(things, key=lambda thing: -thing[0]):
        if deep > keep_clear:
            draw()


def draw_ridge(
    stage: Stage,
    name: str,
    *,
    high: float,
    colour: Colour,
    edge: float,
    rough: float = 1.0,
    shade: int = 0,
    craggy: bool = False,
) -> None:
    """Draw a line of hills around the horizon; the same hills from every camera."""
    dice = stage.dice("ridge", name)
    waves = [
        (dice.uniform(1.5, 4) * rough, dice.uniform(0, 6.3), dice.uniform(0.5, 1)),
        (dice.uniform(6, 11) * rough, dice.uniform(0, 6.3), 0.35),
        (dice.uniform(17, 27) * rough, dice.uniform(0, 6.3), 0.12 * rough),
    ]
    low = stage.camera.horizon + 3
    top = []
    for x in np.linspace(stage.left, stage.right, 64):
        azimuth = stage.camera.azimuth(float(x))
        level = sum(
            weight * _wave(azimuth * speed + start, craggy) for speed, start, weight in waves
        )
        top.append(
            (
                float(x),
                low - high * (0.62 + 0.36 * float(level)) * min(1.6, stage.camera.focal / 950),
            )
        )
    pen = stage.pen
    pen.fill(
        [*top, (stage.right, low + 2), (stage.left, low + 2)],
        colour,
        edge=0,
        shade=shade,
        smooth=not craggy,
    )
    if craggy:
        _draw_crags(stage, top, low, edge)
    if edge:
        pen.line(top, edge, taper=0.02, smooth=not craggy)


def _wave(turn: float, craggy: bool) -> float:
    """Return a wave in -1..1, round or with sharp crests."""
    return 1.0 - 2.0 * abs(float(np.sin(turn / 2))) if craggy else float(np.sin(turn))


def _draw_crags(stage: Stage, top: list[tuple[float, float]], low: float, edge: float) -> None:
    """Shade the side of each peak that the light does not reach, and draw its ribs."""
    for before, peak, after in zip(top[:-2], top[1:-1], top[2:], strict=True):
        if peak[1] < before[1] - 1 and peak[1] <= after[1]:
            fall = low - peak[1]
            foot = (peak[0] + fall * 0.2, peak[1] + fall * 0.55)
            stage.pen.tone(
                [
                    peak,
                    (peak[0] + fall * 0.42, peak[1] + fall * 0.34),
                    (peak[0] + fall * 0.6, peak[1] + fall * 0.62),
                    foot,
                    (peak[0] + fall * 0.05, peak[1] + fall * 0.3),
                ],
                110,
                smooth=False,
            )
            stage.pen.line(
                [peak, (peak[0] + fall * 0.05, peak[1] + fall * 0.3), foot],
                edge * 0.9,
                smooth=False,
                taper=0.4,
            )
            stage.pen.line(
                [
                    (peak[0] - fall * 0.06, peak[1] + fall * 0.16),
                    (peak[0] - fall * 0.16, peak[1] + fall * 0.36),
                ],
                edge * 0.8,
                taper=0.5,
            )


def draw_ground(stage: Stage, material: str) -> None:
    """Draw the ground from the horizon to below the frame."""
    low = max(stage.camera.horizon, -SLACK)
    box = [
        (stage.left, low),
        (stage.right, low),
        (stage.right, 720 + SLACK),
        (stage.left, 720 + SLACK),
    ]
    colour = stage.ground_colour(material)
    stage.pen.fill(
        box,
        mixed(colour, stage.palette.far, 0.4),
        edge=0,
        smooth=False,
        shade=52 if stage.is_night else 0,
    )
    near = low + (720 - low) * 0.28
    wave = [
        (float(x), near + 9 * float(np.sin(x * 0.013 + stage.number * 2)))
        for x in np.linspace(stage.left, stage.right, 9)
    ]
    stage.pen.tint([*wave, (stage.right, 720 + SLACK), (stage.left, 720 + SLACK)], colour)
    if material != "stone":
        draw_ground_marks(stage)


def draw_ground_marks(stage: Stage, count: int = 46, *, reach: float = 9.0) -> None:
    """Draw the small strokes that give bare ground its slope: lying, shorter with distance."""
    dice = stage.dice("marks")
    for _ in range(count):
        x, z, long = (
            dice.uniform(-reach, reach),
            dice.uniform(-3, reach * 1.4),
            dice.uniform(0.12, 0.5),
        )
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if not 6 < scale < 400 or not stage.left < sx < stage.right:
            continue
        long *= scale
        stage.pen.line(
            [
                (sx - long, sy),
                (sx - long * 0.3, sy - long * 0.05),
                (sx + long * 0.4, sy + long * 0.02),
            ],
            min(2.0, 0.9 + scale * 0.005),
            taper=0.5,
            ink=200,
        )


def draw_tufts(stage: Stage, count: int, *, reach: float = 14.0, high: float = 0.16) -> None:
    """Draw grass where it grows in the world."""
    dice = stage.dice("tufts")
    for _ in range(count):
        x, z = dice.uniform(-reach, reach), dice.uniform(-4, reach)
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if not 3 < scale < 420 or not stage.left < sx < stage.right:
            continue
        tall = high * scale * dice.uniform(0.6, 1.3)
        for lean in (-0.5, -0.1, 0.35):
            stage.pen.dash(
                sx + lean * tall * 0.3,
                sy,
                sx + lean * tall,
                sy - tall * (1 - 0.3 * abs(lean)),
                min(3.2, 1.1 + scale * 0.008),
            )


def draw_stones(stage: Stage, count: int, *, reach: float = 9.0) -> None:
    """Draw stones lying about."""
    dice = stage.dice("stones")
    for _ in range(count):
        x, z, size = dice.uniform(-reach, reach), dice.uniform(-2, reach), dice.uniform(0.06, 0.3)
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if 8 < scale < 300 and stage.left < sx < stage.right and (abs(x) > 1.4 or z > 2.2):
            draw_rock(stage, sx, sy, size * scale, dice.random())


def draw_rock(stage: Stage, x: float, y: float, size: float, lot: float) -> None:
    """Draw one rock, `size` units half wide."""
    points = [
        (x - size, y),
        (x - size * 0.9, y - size * 0.4),
        (x - size * 0.4, y - size * (0.6 + lot * 0.5)),
        (x + size * 0.3, y - size * (0.7 + lot * 0.3)),
        (x + size * 0.9, y - size * 0.36),
        (x + size * 1.05, y),
        (x, y + size * 0.1),
    ]
    stage.pen.fill(
        points,
        stage.ground_colour("rock") if lot > 0.7 else stage.palette.of("rock"),
        edge=min(3.0, 1.2 + size * 0.01),
        form=size * 0.4,
        dark=130,
    )
    if size > 12:
        stage.pen.line(
            [
                (x - size * 0.4, y - size * 0.5),
                (x - size * 0.1, y - size * 0.3),
                (x - size * 0.2, y),
            ],
            1.3,
            taper=0.5,
        )
