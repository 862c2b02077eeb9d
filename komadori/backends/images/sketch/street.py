"""A street: two rows of houses that run to a vanishing point."""

import random

import numpy as np

from komadori.backends.images.sketch import landmarks, scenery, sky
from komadori.backends.images.sketch.camera import Place
from komadori.backends.images.sketch.ink import Colour, blob, mixed
from komadori.backends.images.sketch.scenery import Stage, Standing
from komadori.backends.images.sketch.walls import box, face, line
from komadori.domain.story import Weather


def draw_street(stage: Stage) -> None:
    """Draw a street: two rows of houses that run to a vanishing point."""
    sky.draw_sky(stage)
    scenery.draw_ridge(
        stage,
        "roofs",
        high=70,
        colour=mixed(stage.palette.of("roof"), stage.palette.far, 0.65),
        edge=1.0,
        rough=2.0,
    )
    scenery.draw_ground(stage, "stone")
    _draw_paving(stage)
    things: list[Standing] = []
    landmarks.add(stage, things, shore=5.0)
    for side in (-1, 1):
        dice = stage.dice("houses", side)
        z = -7.0
        while z < 44:
            long, high = dice.uniform(4, 6.5), dice.uniform(3.6, 6.6)
            things.append(_house(stage, side, z, long, high, dice.randrange(10**6)))
            z += long
        things.append(_post(stage, side * 3.7, dice.uniform(5, 8)))
        things.append(_crate(stage, side * 3.9, dice.uniform(2.5, 4.5), dice.uniform(0.3, 0.45)))
    for deep, draw in sorted(things, key=lambda thing: -thing[0]):
        if deep > -60:
            draw()


def _draw_paving(stage: Stage) -> None:
    for x in (-2.2, -1.1, 0.0, 1.1, 2.2):
        line(stage, (x, 0, -5), (x, 0, 40), 1.0)
    for x in (-3.4, 3.4):
        line(stage, (x, 0, -5), (x, 0, 44), 2.2)
        line(stage, (x * 1.03, 0.12, -5), (x * 1.03, 0.12, 44), 1.4)
    dice = stage.dice("paving")
    for z in (0.4, 1.5, 2.7, 4.1, 5.8, 8.0, 11.0, 15.0, 21.0):
        for x in (-2.2, -1.1, 0.0, 1.1):
            shift = dice.uniform(-0.35, 0.35)
            line(stage, (x, 0, z + shift), (x + 1.1, 0, z + shift), 1.0)


def _house(stage: Stage, side: int, z: float, long: float, high: float, lot: int) -> Standing:
    x = side * 5.0

    def draw() -> None:
        dice = random.Random(lot)
        away = min(0.72, max(0.0, (z - 5) / 40))
        base = dice.choice(
            ((236, 228, 210), (222, 198, 168), (206, 186, 166), (214, 214, 206), (196, 166, 142))
        )
        wall = stage.palette.lit(base, away=away)
        shade = (70 if side > 0 else 22) if not stage.is_night else 96
        face(
            stage,
            [(x, 0, z), (x, high, z), (x + side * 5, high, z), (x + side * 5, 0, z)],
            wall,
            shade=min(140, shade + 40),
        )
        shape = face(
            stage,
            [(x, 0, z), (x, high, z), (x, high, z + long), (x, 0, z + long)],
            wall,
            shade=round(shade * (1 - away)),
        )
        if len(shape) > 2:
            _draw_openings(stage, x, z, long, high, dice, away)
            _draw_roof(stage, side, x, z, long, high, away)

    return stage.camera.depth(x, z + long), draw


def _draw_roof(
    stage: Stage, side: int, x: float, z: float, long: float, high: float, away: float
) -> None:
    roof = (
        stage.ground_colour("roof")
        if stage.weather is Weather.SNOW
        else stage.palette.of("roof", away=away)
    )
    if stage.is_eastern:
        _draw_eaves(stage, side, x, z, long, high, roof, away)
        return
    peak = min(1.9, long * 0.36)
    wall = stage.palette.of("plaster", away=away)
    face(
        stage,
        [
            (x + side * 3, high + peak, z + long / 2),
            (x, high + peak, z + long / 2),
            (x, high, z),
            (x + side * 3, high, z),
        ],
        roof,
        shade=round(110 * (1 - away)),
    )
    face(
        stage,
        [(x, high, z), (x, high + peak, z + long / 2), (x, high, z + long)],
        wall,
        shade=round(40 * (1 - away)),
    )
    face(
        stage,
        _in_row(x, z + long / 2, high + 0.3, 0.22, 0.55),
        mixed(roof, (40, 44, 60), 0.5),
        edge=1.2,
    )
    rim = x - side * 0.12
    for start, end in ((z - 0.25, z + long / 2), (z + long + 0.25, z + long / 2)):
        low = high - 0.1
        face(
            stage,
            [
                (rim, low, start),
                (rim, low + 0.26, start),
                (rim, high + peak + 0.26, end),
                (rim, high + peak, end),
            ],
            roof,
            edge=1.6,
        )


def _draw_eaves(
    stage: Stage, side: int, x: float, z: float, long: float, high: float, roof: Colour, away: float
) -> None:
    """Draw a tiled roof that hangs far over the street, with its shadow on the wall."""
    eave = x - side * 0.8
    face(
        stage,
        [(x, high - 0.55, z), (x, high, z), (x, high, z + long), (x, high - 0.55, z + long)],
        stage.palette.of("wall_dark", away=away),
        edge=0,
        shade=round(150 * (1 - away)),
    )
    face(
        stage,
        [
            (eave, high - 0.1, z - 0.2),
            (x, high + 0.25, z - 0.2),
            (x, high + 0.25, z + long),
            (eave, high - 0.1, z + long),
        ],
        stage.palette.of("wood_dark", away=away),
        shade=round(90 * (1 - away)),
    )
    face(
        stage,
        [
            (eave, high - 0.12, z - 0.3),
            (eave, high + 0.22, z - 0.3),
            (eave, high + 0.22, z + long),
            (eave, high - 0.12, z + long),
        ],
        roof,
        edge=1.7,
    )
    for at in np.arange(z, z + long, 0.42):
        line(stage, (eave, high - 0.12, float(at)), (eave, high + 0.22, float(at)), 1.0)
    face(
        stage,
        [
            (eave, high + 0.22, z - 0.3),
            (eave + side * 0.9, high + 0.85, z - 0.3),
            (eave + side * 0.9, high + 0.85, z + long),
            (eave, high + 0.22, z + long),
        ],
        roof,
        edge=1.6,
        shade=round(60 * (1 - away)),
    )
    tip = stage.camera.stretch(
        (eave, high + 0.2, z - 0.3), (eave - side * 0.25, high + 0.65, z - 0.75)
    )
    if tip:
        stage.pen.line(tip, 4.0 * (1 - away), taper=0.3)


def _draw_openings(
    stage: Stage, x: float, z: float, long: float, high: float, dice: random.Random, away: float
) -> None:
    is_lit = stage.is_night
    pane = (
        stage.palette.graded((252, 214, 120))
        if is_lit
        else mixed(stage.palette.graded((96, 108, 118)), stage.palette.far, away * 0.8)
    )
    count = max(1, int(long / 2))
    door = dice.randrange(count)
    for floor in range(int(high // 2.6)):
        low = floor * 2.6
        for step in range(count):
            at = z + (step + 0.5) * long / count
            if floor == 0 and step == door:
                face(
                    stage,
                    _in_row(x, at, 0, 0.55, 2.1),
                    stage.palette.of("wood_dark", away=away),
                    edge=1.5,
                    shade=50,
                )
                continue
            dark = is_lit and dice.random() < 0.45
            face(
                stage,
                _in_row(x, at, low + 0.95, 0.48, 1.15),
                mixed(pane, stage.palette.graded((40, 44, 66)), 0.75) if dark else pane,
                edge=1.5,
                shade=0 if is_lit else 60,
            )
            line(stage, (x, low + 0.95, at), (x, low + 2.1, at), 1.2)
            line(stage, (x, low + 1.5, at - 0.48), (x, low + 1.5, at + 0.48), 1.2)


def _in_row(x: float, z: float, low: float, half: float, high: float) -> list[Place]:
    return [
        (x, low, z - half),
        (x, low + high, z - half),
        (x, low + high, z + half),
        (x, low, z + half),
    ]


def _post(stage: Stage, x: float, z: float) -> Standing:
    def draw() -> None:
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if not 5 < scale < 260:
            return
        pen = stage.pen.at(sx, sy, scale=scale, up=True)
        light = (
            stage.palette.graded((255, 226, 140)) if stage.is_night else stage.palette.of("paper")
        )
        if stage.is_night:
            pen.tint(blob(0, 3.1, 0.9, 0.9, 14), stage.palette.graded((150, 146, 150)))
            pen.tone(blob(0, 3.1, 0.9, 0.9, 14), 0)
        pen.line([(0, 0), (0, 2.9)], 3.2, taper=0.02)
        pen.fill(
            [(-0.16, 2.85), (-0.22, 3.3), (0.22, 3.3), (0.16, 2.85)],
            stage.palette.accent if stage.is_eastern else light,
            edge=1.5,
            smooth=False,
        )
        pen.fill([(-0.28, 3.3), (0, 3.55), (0.28, 3.3)], (60, 56, 60), edge=1.4, smooth=False)

    return stage.camera.depth(x, z), draw


def _crate(stage: Stage, x: float, z: float, size: float) -> Standing:
    return stage.camera.depth(x, z), lambda: box(
        stage, x, z, size, size, 0, size * 1.8, stage.palette.of("wood")
    )
