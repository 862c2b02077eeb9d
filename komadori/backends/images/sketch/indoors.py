"""A room: floor boards, three walls, a window, a door, furniture."""

import random

import numpy as np

from komadori.backends.images.sketch import landmarks, scenery
from komadori.backends.images.sketch.camera import Place
from komadori.backends.images.sketch.ink import blob, mixed
from komadori.backends.images.sketch.scenery import Stage, Standing
from komadori.backends.images.sketch.walls import box, face, line
from komadori.domain.story import Weather

_WIDE = 4.4  # half a room is wide

_DEEP = 3.4  # where its back wall is

_HIGH = 3.1


def draw_indoors(stage: Stage) -> None:
    """Draw a room: floor boards, three walls, a window, a door, furniture."""
    wall, side = stage.palette.of("wall"), stage.palette.of("wall_dark")
    pen = stage.pen
    pen.fill(
        [(stage.left, -260), (stage.right, -260), (stage.right, 980), (stage.left, 980)],
        stage.palette.of("wood"),
        edge=0,
        smooth=False,
    )
    near = -6.0
    face(
        stage,
        [(-_WIDE, 0, _DEEP), (-_WIDE, _HIGH, _DEEP), (_WIDE, _HIGH, _DEEP), (_WIDE, 0, _DEEP)],
        wall,
        shade=60 if stage.is_night else 0,
    )
    for turn in (-1, 1):
        face(
            stage,
            [
                (turn * _WIDE, 0, near),
                (turn * _WIDE, _HIGH, near),
                (turn * _WIDE, _HIGH, _DEEP),
                (turn * _WIDE, 0, _DEEP),
            ],
            side,
            shade=70 if turn > 0 or stage.is_night else 34,
        )
    face(
        stage,
        [
            (-_WIDE, _HIGH, near),
            (_WIDE, _HIGH, near),
            (_WIDE, _HIGH, _DEEP),
            (-_WIDE, _HIGH, _DEEP),
        ],
        mixed(side, (60, 50, 46), 0.25),
        shade=84,
    )
    for z in (-1.2, 0.6, 2.4):
        face(
            stage,
            [
                (-_WIDE, _HIGH - 0.22, z),
                (-_WIDE, _HIGH, z),
                (_WIDE, _HIGH, z),
                (_WIDE, _HIGH - 0.22, z),
            ],
            stage.palette.of("wood_dark"),
            shade=70,
        )
    _draw_floor(stage, near)
    dice = stage.dice("room")
    flip = dice.choice((-1, 1))
    _draw_rug(stage)
    _draw_glow(stage, flip * 1.1)
    _draw_window(stage, flip * dice.uniform(1.3, 2.2))
    _draw_door(stage, -flip * dice.uniform(2.3, 2.9))
    _draw_picture(stage, dice.uniform(-0.5, 0.5) - flip * 0.6)
    things: list[Standing] = [
        _table(stage, flip * 2.5, 1.7),
        _shelf(stage, -flip * (_WIDE - 0.3), 1.6, dice.randrange(10**6)),
    ]
    things.append(_stool(stage, flip * 1.75, 1.3))
    indoors = [sight for sight in stage.sights if sight in {"cat", "dog"}]
    landmarks.add(
        Stage(
            stage.pen,
            stage.camera,
            stage.palette,
            stage.number,
            stage.time,
            stage.weather,
            stage.is_eastern,
            tuple(indoors),
            stage.keep_clear,
        ),
        things,
    )
    scenery.draw_all(things, stage.keep_clear)
    _draw_lamp(stage, flip * 1.1)


def _draw_floor(stage: Stage, near: float) -> None:
    face(
        stage,
        [(-_WIDE, 0, near), (_WIDE, 0, near), (_WIDE, 0, _DEEP), (-_WIDE, 0, _DEEP)],
        stage.palette.of("wood"),
        shade=66 if stage.is_night else 0,
    )
    dice = stage.dice("boards")
    for x in np.arange(-_WIDE + 0.55, _WIDE, 0.55):
        line(stage, (float(x), 0, near), (float(x), 0, _DEEP), 1.3)
        z = dice.uniform(-0.5, 3)
        line(stage, (float(x), 0, z), (float(x) + 0.55, 0, z), 1.2)


def _draw_rug(stage: Stage) -> None:
    """Draw a rug where the actors stand; every room has another one."""
    dice = stage.dice("rug")
    colour = stage.palette.lit(
        dice.choice(
            ((178, 92, 76), (104, 128, 132), (196, 152, 92), (128, 104, 118), (120, 132, 96))
        )
    )
    half = dice.uniform(1.6, 2.2)
    for inset, share in ((0.0, 0.25), (0.14, 0.62), (0.24, 0.3)):
        places = [
            (-half + inset, 0.0, -1.0 + inset),
            (half - inset, 0.0, -1.0 + inset),
            (half - inset, 0.0, 1.15 - inset),
            (-half + inset, 0.0, 1.15 - inset),
        ]
        face(stage, places, mixed(colour, stage.palette.of("wall"), share), edge=1.4)


def _on_wall(x: float, low: float, wide: float, high: float) -> list[Place]:
    return [
        (x - wide, low, _DEEP - 0.02),
        (x - wide, low + high, _DEEP - 0.02),
        (x + wide, low + high, _DEEP - 0.02),
        (x + wide, low, _DEEP - 0.02),
    ]


def _draw_window(stage: Stage, x: float) -> None:
    dark = stage.is_night
    face(stage, _on_wall(x, 0.95, 0.86, 1.5), stage.palette.of("wood"), edge=2.2)
    glass = stage.palette.graded((70, 84, 126)) if dark else stage.palette.of("window")
    face(stage, _on_wall(x, 1.05, 0.76, 1.3), glass, edge=1.6, shade=80 if dark else 0)
    if dark and stage.weather is Weather.CLEAR:
        sx, sy, scale = stage.camera.seen((x + 0.3, 1.95, _DEEP))
        stage.pen.fill(
            blob(sx, sy, 0.16 * scale, 0.16 * scale, 12),
            stage.palette.graded((252, 246, 214)),
            edge=1,
        )
    elif not dark:
        hill = [
            (x - 0.76, 1.05, _DEEP),
            (x - 0.76, 1.4, _DEEP),
            (x - 0.2, 1.62, _DEEP),
            (x + 0.3, 1.42, _DEEP),
            (x + 0.76, 1.56, _DEEP),
            (x + 0.76, 1.05, _DEEP),
        ]
        face(stage, [(a, b, c) for a, b, c in hill], stage.palette.of("leaf_far"), edge=0.9)
    for step in (-0.38, 0.0, 0.38) if stage.is_eastern else (0.0,):
        line(stage, (x + step, 1.05, _DEEP), (x + step, 2.35, _DEEP), 2.0)
    for y in (1.38, 1.7, 2.02) if stage.is_eastern else (1.7,):
        line(stage, (x - 0.76, y, _DEEP), (x + 0.76, y, _DEEP), 2.0)
    if stage.weather is not Weather.CLEAR:
        _draw_fall_outside(stage, x)


def _draw_fall_outside(stage: Stage, x: float) -> None:
    dice = stage.dice("outside")
    for _ in range(16):
        sx, sy, scale = stage.camera.seen(
            (x + dice.uniform(-0.66, 0.7), dice.uniform(1.25, 2.3), _DEEP)
        )
        if stage.weather is Weather.RAIN:
            stage.pen.dash(sx, sy, sx - 0.05 * scale, sy + 0.2 * scale, 1.5)
        else:
            stage.pen.fill(blob(sx, sy, 0.03 * scale, 0.03 * scale, 6), (255, 255, 255), edge=0.7)


def _draw_door(stage: Stage, x: float) -> None:
    face(stage, _on_wall(x, 0, 0.62, 2.3), stage.palette.of("wood_dark"), edge=2.2)
    face(stage, _on_wall(x, 0, 0.52, 2.2), stage.palette.of("wood"), edge=1.6, shade=26)
    for low in (0.2, 1.15):
        face(stage, _on_wall(x, low, 0.36, 0.8), stage.palette.of("wood"), edge=1.3, shade=40)
    sx, sy, scale = stage.camera.seen((x + 0.42, 1.05, _DEEP))
    stage.pen.fill(
        blob(sx, sy, 0.045 * scale, 0.045 * scale, 8), stage.palette.of("light"), edge=1.2
    )


def _draw_picture(stage: Stage, x: float) -> None:
    if stage.is_eastern:  # a hanging scroll
        face(stage, _on_wall(x, 1.0, 0.26, 1.35), stage.palette.of("paper"), edge=1.6)
        line(stage, (x - 0.32, 2.35, _DEEP), (x + 0.32, 2.35, _DEEP), 3.0)
        line(stage, (x - 0.32, 1.0, _DEEP), (x + 0.32, 1.0, _DEEP), 3.0)
        for start, end in (
            ((-0.16, 1.4), (0.0, 1.9)),
            ((0.0, 1.9), (0.14, 1.5)),
            ((-0.05, 1.5), (0.16, 1.74)),
        ):
            line(stage, (x + start[0], start[1], _DEEP), (x + end[0], end[1], _DEEP), 1.8)
        return
    face(stage, _on_wall(x, 1.5, 0.38, 0.62), stage.palette.of("wood_dark"), edge=1.8)
    face(stage, _on_wall(x, 1.57, 0.31, 0.48), stage.palette.of("paper"), edge=1.2)
    face(
        stage,
        [
            (x - 0.31, 1.57, _DEEP),
            (x - 0.1, 1.86, _DEEP),
            (x + 0.05, 1.7, _DEEP),
            (x + 0.16, 1.8, _DEEP),
            (x + 0.31, 1.57, _DEEP),
        ],
        stage.palette.of("hill"),
        edge=1.0,
    )


def _table(stage: Stage, x: float, z: float) -> Standing:
    def draw() -> None:
        wood = stage.palette.of("wood")
        for dx in (-0.6, 0.55):
            for dz in (0.3, -0.3):
                box(stage, x + dx, z + dz, 0.04, 0.04, 0, 0.72, wood)
        box(stage, x, z, 0.75, 0.42, 0.7, 0.78, wood)
        sx, sy, scale = stage.camera.seen((x - 0.2, 0.78, z))
        pot = stage.pen.at(sx, sy, scale=scale, up=True)
        pot.fill(
            [(-0.1, 0), (-0.13, 0.12), (-0.06, 0.2), (0.06, 0.2), (0.13, 0.12), (0.1, 0)],
            stage.palette.accent,
            edge=1.5,
        )
        pot.line([(0.12, 0.1), (0.2, 0.12), (0.22, 0.2)], 2.0)
        stage.pen.at(*stage.camera.seen((x + 0.25, 0.78, z - 0.1))[:2], scale=scale, up=True).fill(
            [(-0.05, 0), (-0.07, 0.1), (0.07, 0.1), (0.05, 0)], stage.palette.of("paper"), edge=1.4
        )

    return stage.camera.depth(x, z), draw


def _stool(stage: Stage, x: float, z: float) -> Standing:
    def draw() -> None:
        for dx in (-0.15, 0.15):
            box(stage, x + dx, z, 0.025, 0.12, 0, 0.42, stage.palette.of("wood_dark"))
        box(stage, x, z, 0.22, 0.18, 0.42, 0.47, stage.palette.of("wood"))

    return stage.camera.depth(x, z), draw


def _shelf(stage: Stage, x: float, z: float, lot: int) -> Standing:
    def draw() -> None:
        wood, dice = stage.palette.of("wood"), random.Random(lot)
        inward = -1 if x > 0 else 1
        for y in (1.3, 1.9):
            face(
                stage,
                [
                    (x, y, z - 0.8),
                    (x, y, z + 0.8),
                    (x + inward * 0.3, y, z + 0.8),
                    (x + inward * 0.3, y, z - 0.8),
                ],
                wood,
                edge=1.6,
                shade=40,
            )
            at = z + 0.7
            while at > z - 0.7:
                tall, thick = dice.uniform(0.22, 0.36), dice.uniform(0.06, 0.13)
                colour = stage.palette.lit(
                    dice.choice(
                        (
                            (186, 92, 72),
                            (98, 130, 128),
                            (214, 176, 104),
                            (226, 220, 204),
                            (120, 104, 130),
                        )
                    )
                )
                face(
                    stage,
                    [
                        (x + inward * 0.2, y, at),
                        (x + inward * 0.2, y + tall, at),
                        (x + inward * 0.2, y + tall, at - thick),
                        (x + inward * 0.2, y, at - thick),
                    ],
                    colour,
                    edge=1.1,
                )
                at -= thick + (0.3 if dice.random() < 0.15 else 0.0)

    return stage.camera.depth(x, z) + 0.5, draw


def _draw_glow(stage: Stage, x: float) -> None:
    sx, sy, scale = stage.camera.seen((x, 2.35, 1.8))
    if scale <= 0 or not stage.is_night:
        return
    pen = stage.pen.at(sx, sy, scale=scale, up=True)
    for size, share in ((1.15, 0.2), (0.7, 0.42)):
        pen.tint(
            blob(0, 0, size, size, 18),
            mixed(stage.palette.of("wall"), stage.palette.graded((255, 238, 180)), share),
        )
        pen.tone(blob(0, 0, size, size, 18), 26 if size > 1 else 0)


def _draw_lamp(stage: Stage, x: float) -> None:
    sx, sy, scale = stage.camera.seen((x, 2.35, 1.8))
    if scale <= 0:
        return
    pen = stage.pen.at(sx, sy, scale=scale, up=True)
    pen.line([(0, 0.2), (0, 0.85)], 1.6, taper=0)
    pen.fill(
        [(-0.12, -0.14), (-0.2, 0.02), (-0.12, 0.2), (0.12, 0.2), (0.2, 0.02), (0.12, -0.14)],
        stage.palette.graded((250, 216, 130)),
        edge=1.7,
    )
