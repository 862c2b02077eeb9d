"""Trees and bushes, each kind with a shape of its own."""

import random

import numpy as np

from komadori.backends.images.sketch.ink import Colour, Pen, blob, mixed
from komadori.backends.images.sketch.scenery import Stage, Standing
from komadori.domain.story import Weather


def tree(stage: Stage, x: float, z: float, high: float, kind: str, lot: int) -> Standing:
    """Return a tree that stands at (x, z)."""
    deep = stage.camera.depth(x, z)
    return deep, lambda: _draw_tree(stage, x, z, high, kind, lot)


def _draw_tree(stage: Stage, x: float, z: float, high: float, kind: str, lot: int) -> None:
    sx, sy, scale = stage.camera.seen((x, 0, z))
    if scale < 4 or not stage.left - high * scale < sx < stage.right + high * scale:
        return
    away = min(0.85, max(0.0, (stage.camera.depth(x, z) - 6) / 26))
    dice = random.Random(lot)
    edge = min(3.6, 1.0 + scale * 0.014) * (1 - away * 0.45)
    pen = stage.pen.at(sx, sy, scale=scale * high, up=True)
    _TREES[kind](stage, pen, dice, away, edge)


def _leaf(stage: Stage, away: float) -> Colour:
    leaf = mixed(stage.palette.of("leaf"), stage.palette.of("leaf_far"), away)
    if stage.weather is Weather.SNOW:
        leaf = mixed(leaf, stage.palette.of("snow"), 0.5)
    return mixed(leaf, stage.palette.far, away * 0.7)


def _round_tree(stage: Stage, pen: Pen, dice: random.Random, away: float, edge: float) -> None:
    trunk = stage.palette.of("trunk", away=away)
    pen.fill(
        [(-0.045, 0), (-0.03, 0.3), (-0.12, 0.5), (0.1, 0.52), (0.035, 0.3), (0.06, 0)],
        trunk,
        edge=edge,
        form=0,
    )
    puffs = [
        (0.0, 0.72, 0.24, 0.2),
        (-0.2, 0.62, 0.17, 0.15),
        (0.21, 0.6, 0.18, 0.15),
        (-0.1, 0.86, 0.17, 0.13),
        (0.12, 0.87, 0.15, 0.12),
        (0.0, 0.55, 0.2, 0.12),
    ]
    puffs = [
        (x + dice.uniform(-0.03, 0.03), y + dice.uniform(-0.02, 0.02), rx, ry)
        for x, y, rx, ry in puffs
    ]
    _draw_puffs(pen, puffs, _leaf(stage, away), edge, 150 if not stage.is_night else 180, away)


def _draw_puffs(
    pen: Pen,
    puffs: list[tuple[float, float, float, float]],
    leaf: Colour,
    edge: float,
    dark: int,
    away: float,
) -> None:
    """Draw leaves as one cloud of round puffs: outlines first, then what lies within."""
    for x, y, rx, ry in puffs:
        pen.fill(blob(x, y, rx, ry, 11), leaf, edge=edge * 1.9)
    for x, y, rx, ry in puffs:
        pen.fill(blob(x, y, rx, ry, 11), leaf, edge=0)
    if away < 0.75:
        for x, y, rx, ry in puffs:
            pen.tone(
                blob(x + rx * 0.3, y - ry * 0.42, rx * 0.62, ry * 0.5, 9), round(dark * (1 - away))
            )
    if away < 0.5:
        for x, y, rx, ry in puffs:
            pen.line(
                [
                    (x - rx * 0.7, y + ry * 0.2),
                    (x - rx * 0.5, y + ry * 0.62),
                    (x - rx * 0.05, y + ry * 0.72),
                ],
                edge * 0.7,
                taper=0.5,
            )
            pen.line(
                [
                    (x + rx * 0.1, y - ry * 0.1),
                    (x + rx * 0.35, y + ry * 0.1),
                    (x + rx * 0.6, y - ry * 0.05),
                ],
                edge * 0.6,
                taper=0.5,
            )


def _pine(stage: Stage, pen: Pen, dice: random.Random, away: float, edge: float) -> None:
    pen.fill(
        [(-0.03, 0), (-0.02, 0.3), (0.02, 0.3), (0.04, 0)],
        stage.palette.of("trunk", away=away),
        edge=edge,
    )
    leaf = _leaf(stage, away)
    for low, wide in ((0.16, 0.24), (0.38, 0.19), (0.6, 0.13)):
        top = low + 0.4
        jag = [
            (-wide, low),
            (-wide * 0.45, low + 0.14),
            (0, top),
            (wide * 0.45, low + 0.14),
            (wide, low),
            (wide * 0.5, low + dice.uniform(0.0, 0.03)),
            (wide * 0.15, low - 0.03),
            (-wide * 0.2, low + 0.02),
            (-wide * 0.5, low - 0.02),
        ]
        pen.fill(jag, leaf, edge=edge, form=14 * (1 - away), dark=150)


def _bare_trunk(stage: Stage, pen: Pen, dice: random.Random, away: float, edge: float) -> None:
    """A tall trunk whose crown is above the frame, as within a wood."""
    bend = dice.uniform(-0.03, 0.03)
    wide = dice.uniform(0.028, 0.05)
    trunk = stage.palette.of("trunk", away=away)
    shape = [
        (-wide * 1.7, 0),
        (-wide, 0.08),
        (-wide * 0.8 + bend, 0.5),
        (-wide * 0.7 + bend, 1.2),
        (wide * 0.7 + bend, 1.2),
        (wide * 0.8 + bend, 0.5),
        (wide, 0.08),
        (wide * 1.9, -0.005),
    ]
    pen.fill(shape, trunk, edge=edge, form=22 * (1 - away), dark=150)
    if away < 0.6:
        for _ in range(6):
            x, y = dice.uniform(-wide * 0.5, wide * 0.5), dice.uniform(0.05, 0.8)
            pen.line(
                [
                    (x + bend * y, y),
                    (x + bend * y + 0.004, y + 0.05),
                    (x + bend * y - 0.002, y + 0.1),
                ],
                edge * 0.7,
                taper=0.5,
            )
    side = dice.choice((-1, 1))
    low = dice.uniform(0.35, 0.7)
    pen.fill(
        [
            (bend, low),
            (side * 0.1 + bend, low + 0.1),
            (side * 0.2 + bend, low + 0.13),
            (side * 0.1 + bend, low + 0.14),
            (bend, low + 0.06),
        ],
        trunk,
        edge=edge * 0.9,
    )


def _bamboo(stage: Stage, pen: Pen, dice: random.Random, away: float, edge: float) -> None:
    lean = dice.uniform(-0.06, 0.06)
    leaf = _leaf(stage, away)
    pen.fill(
        [(-0.012, 0), (-0.01 + lean, 1.2), (0.01 + lean, 1.2), (0.014, 0)], leaf, edge=edge * 0.8
    )
    for y in np.arange(0.1, 1.1, 0.13):
        pen.line([(lean * y - 0.02, y), (lean * y + 0.02, y)], edge * 0.8)
    for _ in range(6):
        x, y, side = lean, dice.uniform(0.45, 1.0), dice.choice((-1, 1))
        pen.fill(
            [
                (x * y, y),
                (x * y + side * 0.07, y - 0.015),
                (x * y + side * 0.13, y - 0.06),
                (x * y + side * 0.06, y - 0.045),
            ],
            leaf,
            edge=edge * 0.6,
        )


_TREES = {"round": _round_tree, "pine": _pine, "trunk": _bare_trunk, "bamboo": _bamboo}


def bush(stage: Stage, x: float, z: float, size: float, lot: int) -> Standing:
    """Return a bush that grows at (x, z)."""

    def draw() -> None:
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if scale < 5 or not stage.left < sx < stage.right:
            return
        away = min(0.8, max(0.0, (stage.camera.depth(x, z) - 6) / 22))
        dice = random.Random(lot)
        pen = stage.pen.at(sx, sy, scale=size * scale, up=True)
        puffs = [
            (dx + dice.uniform(-0.1, 0.1), 0.32 + dice.uniform(0, 0.2), 0.46, 0.4)
            for dx in (-0.6, 0.0, 0.6)
        ] + [(dice.uniform(-0.2, 0.2), 0.62, 0.42, 0.34)]
        _draw_puffs(pen, puffs, _leaf(stage, away), 1.1 + 1.0 * (1 - away), 140, away)

    return stage.camera.depth(x, z), draw
