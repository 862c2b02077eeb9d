"""Single things that stand in a place: what the story names, and what belongs to the setting."""

import random
from collections.abc import Callable

import numpy as np

from komadori.backends.images.sketch.animals import draw_birds, draw_cat, draw_dog, draw_horse
from komadori.backends.images.sketch.ink import Pen, blob, mixed
from komadori.backends.images.sketch.palette import Palette
from komadori.backends.images.sketch.scenery import Stage, Standing, draw_rock

_Drawing = Callable[[Stage, Pen, float, float], None]
"""Draws with a pen whose unit is a metre, y upwards; takes the edge and how far away it is."""


def add(stage: Stage, things: list[Standing], shore: float = 6.0) -> None:
    """Add what the scene's words name."""
    dice = stage.dice("landmarks")
    side = dice.choice((-1, 1))
    spots = {
        "boat": (side * 2.6, shore + 3.4),
        "bridge": (-side * 3.5, shore + 6.0),
        "lighthouse": (-side * 7.0, 22.0),
        "tower": (-side * 5.5, 19.0),
        "fire": (side * 2.5, 1.2),
        "horse": (-side * 2.3, 2.4),
        "dog": (side * 1.35, 0.5),
        "cat": (-side * 1.3, 0.5),
        "wall": (0.0, 6.5),
    }
    for sight in stage.sights:
        if sight in spots:
            things.append(_standing(stage, *spots[sight], _SHAPES[sight]))
    if "bird" in stage.sights:
        draw_birds(stage)


def _standing(stage: Stage, x: float, z: float, draw: _Drawing) -> Standing:
    """Place a drawing whose pen's unit is a metre, y upwards, at (x, z)."""

    def draw_here() -> None:
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if scale > 3 and -9 * scale < sx < stage.pen.sheet.width + 9 * scale:
            away = min(0.8, max(0.0, (stage.camera.depth(x, z) - 7) / 28))
            draw(
                stage,
                stage.pen.at(sx, sy, scale=scale, up=True),
                1.2 + min(2.2, scale * 0.012),
                away,
            )

    return stage.camera.depth(x, z), draw_here


def boat(stage: Stage, x: float, z: float) -> Standing:
    """Return a small boat on the water."""
    return _standing(stage, x, z, _draw_boat)


def reeds(stage: Stage, x: float, z: float, lot: int) -> Standing:
    """Return reeds at the water's edge."""

    def draw() -> None:
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if not 4 < scale < 500:
            return
        dice = random.Random(lot)
        for _ in range(9):
            lean, tall = dice.uniform(-0.3, 0.3), dice.uniform(0.5, 1.1) * scale
            at = sx + dice.uniform(-0.35, 0.35) * scale
            stage.pen.dash(at, sy, at + lean * tall, sy - tall, 1.4 + scale * 0.01)
        stage.pen.fill(
            blob(sx + 0.1 * scale, sy - 0.95 * scale, 0.03 * scale, 0.12 * scale, 8),
            stage.palette.of("wood_dark"),
            edge=1.2,
        )

    return stage.camera.depth(x, z), draw


def boulder(stage: Stage, x: float, z: float, size: float, lot: float) -> Standing:
    """Return a rock as high as a man, or less."""

    def draw() -> None:
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if 4 < scale < 400:
            draw_rock(stage, sx, sy, size * scale, lot)

    return stage.camera.depth(x, z), draw


def haystack(stage: Stage, x: float, z: float) -> Standing:
    """Return a heap of hay."""
    return _standing(stage, x, z, _draw_hay)


def _draw_hay(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    pen.fill(
        [(-1.0, 0), (-0.9, 0.7), (-0.35, 1.35), (0, 1.5), (0.4, 1.3), (0.9, 0.7), (1.0, 0)],
        stage.palette.lit((226, 198, 126), away=away),
        edge=edge,
        form=20 * (1 - away),
    )
    for x in (-0.5, -0.1, 0.3):
        pen.line([(x, 0.2), (x * 0.7, 0.7), (x * 0.4, 1.1)], edge * 0.6)


def _draw_boat(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    wood = stage.palette.of("wood", away=away)
    if stage.is_eastern:
        mat = stage.palette.of("wall_dark", away=away)
        pen.fill(
            [(-0.7, 0.4), (-0.6, 0.95), (0, 1.15), (0.6, 0.95), (0.7, 0.4)], mat, edge=edge, form=10
        )
        for x in (-0.35, 0.0, 0.35):
            pen.line([(x, 0.42), (x * 0.9, 1.05)], edge * 0.6)
    else:
        pen.line([(0.1, 0.3), (0.12, 2.7)], edge * 1.4, taper=0.05)
        pen.fill(
            [(0.18, 2.6), (0.9, 1.6), (1.25, 0.75), (0.2, 0.8)],
            stage.palette.of("paper", away=away),
            edge=edge,
        )
    pen.fill(
        [
            (-1.7, 0.62),
            (-1.2, 0.42),
            (0, 0.34),
            (1.2, 0.42),
            (1.75, 0.66),
            (1.3, 0.02),
            (0.6, -0.12),
            (-0.6, -0.12),
            (-1.25, 0.02),
        ],
        wood,
        edge=edge,
        form=9,
        dark=150,
    )
    pen.line([(-1.5, 0.3), (0, 0.16), (1.5, 0.32)], edge * 0.7)
    for y, long in ((-0.22, 1.4), (-0.36, 0.9)):
        pen.dash(-long, y, long, y, 1.6)


def draw_hull(pen: Pen, palette: Palette, half: float) -> None:
    """Draw the boat that hides its passengers' legs, and an oar. The pen's unit is a metre."""
    hull = [
        (-half - 0.55, 0.74),
        (-half * 0.7, 0.5),
        (0, 0.44),
        (half * 0.7, 0.5),
        (half + 0.6, 0.8),
        (half * 0.85, 0.06),
        (half * 0.4, -0.14),
        (-half * 0.4, -0.14),
        (-half * 0.85, 0.04),
    ]
    pen.fill(hull, palette.of("wood"), edge=3.0, form=22, dark=140)
    for y, share in ((0.34, 0.86), (0.18, 0.78)):
        pen.line([(-half * share - 0.2, y + 0.14), (0, y), (half * share + 0.2, y + 0.16)], 1.6)
    pen.fill(
        [(0.3, 0.86), (0.36, 0.9), (half + 0.5, -0.1), (half + 0.42, -0.16)],
        palette.of("wood_dark"),
        edge=1.6,
    )
    for y, long in ((-0.2, half + 0.5), (-0.34, half * 0.7)):
        pen.dash(-long, y, long, y, 2.2)
    pen.line(blob(half + 0.55, -0.18, 0.3, 0.07), 1.4, closed=True)


def _draw_bridge(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    stone = stage.palette.of("stone", away=away)
    arch = [
        (-5, 0),
        (-3, 0.9),
        (0, 1.7),
        (3, 0.9),
        (5, 0),
        (3.2, -0.1),
        (2.0, 0.2),
        (1.3, 0.65),
        (0, 0.95),
        (-1.3, 0.65),
        (-2.0, 0.2),
        (-3.2, -0.1),
    ]
    pen.fill(arch, stone, edge=edge, form=8)
    for x in np.linspace(-4.2, 4.2, 9):
        y = 1.7 - 0.068 * x * x
        pen.line([(x, y), (x, y + 0.55)], edge * 1.1, taper=0)
    pen.line(
        [(-4.4, 0.9), (-2.4, 1.86), (0, 2.25), (2.4, 1.86), (4.4, 0.9)], edge * 1.2, taper=0.02
    )


def _draw_lighthouse(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    away = away * 0.5
    for turn in (-1, 1):
        if stage.is_night:
            pen.tint(
                [(0, 8.6), (turn * 44, 15.0), (turn * 44, 4.5)],
                stage.palette.graded((236, 226, 178)),
                smooth=False,
            )
            pen.tone([(0, 8.6), (turn * 44, 15.0), (turn * 44, 4.5)], 0, smooth=False)
    pen.fill(
        [(-5, 0), (-3, 0.9), (0, 1.3), (3, 0.8), (5, 0)],
        stage.palette.of("rock", away=away),
        edge=edge,
        form=10,
    )
    pen.fill(
        [(-1.3, 0.9), (-0.8, 7.6), (0.8, 7.6), (1.3, 0.9)],
        stage.palette.of("plaster", away=away),
        edge=edge,
        form=14,
        smooth=False,
    )
    for y in (2.4, 5.0):
        wide, top = 1.3 - 0.075 * y, 1.3 - 0.075 * (y + 1.2)
        pen.fill(
            [(-wide, y), (-top, y + 1.2), (top, y + 1.2), (wide, y)],
            mixed(stage.palette.accent, stage.palette.far, away * 0.5),
            edge=edge * 0.8,
            smooth=False,
        )
    pen.fill(
        [(-1.1, 7.6), (1.1, 7.6), (1.1, 7.9), (-1.1, 7.9)],
        stage.palette.of("wood_dark", away=away),
        edge=edge,
        smooth=False,
    )
    pen.fill(
        [(-0.6, 7.9), (0.6, 7.9), (0.6, 9.0), (-0.6, 9.0)],
        stage.palette.graded((255, 232, 150)),
        edge=edge,
        smooth=False,
    )
    pen.fill(
        [(-0.8, 9.0), (0, 9.9), (0.8, 9.0)],
        stage.palette.of("wood_dark", away=away),
        edge=edge,
        smooth=False,
    )


def _draw_tower(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    away *= 0.6
    wall, roof = stage.palette.of("plaster", away=away), stage.palette.of("roof", away=away)
    if not stage.is_eastern:
        pen.fill(
            [(-1.6, 0), (-1.5, 7), (1.5, 7), (1.6, 0)],
            stage.palette.of("stone", away=away),
            edge=edge,
            form=16,
            smooth=False,
        )
        pen.fill([(-1.9, 7), (0, 10.5), (1.9, 7)], roof, edge=edge, form=12, smooth=False)
        for y in (2.5, 5):
            pen.fill(
                [(-0.25, y), (-0.25, y + 0.8), (0, y + 1.1), (0.25, y + 0.8), (0.25, y)],
                (50, 48, 56),
                edge=edge * 0.8,
                black=True,
            )
        return
    for floor in range(4):
        y, wide = floor * 2.1, 2.0 - floor * 0.33
        pen.fill(
            [(-wide * 0.8, y), (wide * 0.8, y), (wide * 0.8, y + 1.4), (-wide * 0.8, y + 1.4)],
            wall,
            edge=edge,
            form=8,
            smooth=False,
        )
        pen.fill(
            [
                (-wide * 1.35, y + 1.35),
                (-wide * 0.7, y + 1.55),
                (-wide * 0.5, y + 2.1),
                (wide * 0.5, y + 2.1),
                (wide * 0.7, y + 1.55),
                (wide * 1.35, y + 1.35),
                (0, y + 1.28),
            ],
            roof,
            edge=edge,
            form=5,
        )
        pen.fill(
            [(-0.2, y + 0.2), (0.2, y + 0.2), (0.2, y + 1.0), (-0.2, y + 1.0)],
            (60, 54, 56),
            edge=edge * 0.7,
            smooth=False,
        )
    pen.line([(0, 8.3), (0, 9.7)], edge * 1.4)


def _draw_fire(stage: Stage, pen: Pen, edge: float, _away: float) -> None:
    pen.tint(
        blob(0, 0.3, 1.0, 0.8, 16),
        mixed(stage.palette.graded((255, 206, 120)), stage.palette.of("ground"), 0.35),
    )
    for x0, x1 in ((-0.5, 0.45), (0.5, -0.4)):
        pen.fill(
            [(x0, 0.0), (x0, 0.12), (x1, 0.2), (x1, 0.08)],
            stage.palette.of("wood_dark"),
            edge=edge,
            smooth=False,
        )
    pen.fill(
        [
            (-0.34, 0.12),
            (-0.42, 0.5),
            (-0.2, 0.42),
            (-0.14, 0.95),
            (0.06, 0.62),
            (0.2, 1.1),
            (0.26, 0.6),
            (0.42, 0.7),
            (0.36, 0.14),
            (0, 0.04),
        ],
        stage.palette.graded((240, 120, 44)),
        edge=edge,
    )
    pen.fill(
        [(-0.16, 0.12), (-0.16, 0.38), (0.02, 0.6), (0.18, 0.34), (0.18, 0.12)],
        stage.palette.graded((255, 226, 120)),
        edge=0,
    )


def _draw_wall(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    pen.fill(
        [(-9, 0), (-9, 2.6), (9, 2.6), (9, 0)],
        stage.palette.of("plaster", away=away),
        edge=edge,
        smooth=False,
        shade=30,
    )
    pen.fill(
        [(-9.2, 2.55), (-9, 2.95), (9, 2.95), (9.2, 2.55)],
        stage.palette.of("roof", away=away),
        edge=edge,
        smooth=False,
    )


_SHAPES = {
    "boat": _draw_boat,
    "bridge": _draw_bridge,
    "lighthouse": _draw_lighthouse,
    "tower": _draw_tower,
    "fire": _draw_fire,
    "horse": draw_horse,
    "dog": draw_dog,
    "cat": draw_cat,
    "wall": _draw_wall,
}
