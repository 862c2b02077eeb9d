"""Places under the sky: forest, water, mountain and field."""

from itertools import pairwise

import numpy as np

from komadori.backends.images.sketch import landmarks, scenery, sky, trees
from komadori.backends.images.sketch.ink import mixed
from komadori.backends.images.sketch.scenery import Stage, Standing


def draw_forest(stage: Stage) -> None:
    """Draw a wood: a path, trunks near and far, leaves overhead."""
    sky.draw_sky(stage)
    leaf = stage.palette.of("leaf_far")
    scenery.draw_ridge(
        stage,
        "far wood",
        high=230,
        colour=mixed(leaf, stage.palette.far, 0.55),
        edge=0,
        rough=2.2,
        shade=24,
    )
    scenery.draw_ridge(
        stage,
        "near wood",
        high=150,
        colour=mixed(leaf, stage.palette.far, 0.2),
        edge=1.2,
        rough=2.6,
        shade=48 if not stage.is_night else 100,
    )
    scenery.draw_ground(stage, "grass")
    _draw_path(stage, 0.75)
    dice = stage.dice("forest")
    kind = "bamboo" if stage.is_eastern and dice.random() < 0.4 else "trunk"
    things: list[Standing] = []
    for _ in range(26):
        x, z = dice.uniform(-13, 13), dice.uniform(-1.5, 20)
        if abs(x) > 1.9 + 0.04 * z:
            pine = dice.random() < 0.25 and z > 5
            things.append(
                trees.tree(
                    stage,
                    x,
                    z,
                    dice.uniform(5.5, 8),
                    "pine" if pine else kind,
                    dice.randrange(10**6),
                )
            )
    for _ in range(10):
        x, z = dice.uniform(-9, 9), dice.uniform(1.5, 10)
        if abs(x) > 1.8:
            things.append(trees.bush(stage, x, z, dice.uniform(0.4, 0.8), dice.randrange(10**6)))
    landmarks.add(stage, things)
    scenery.draw_all(things, stage.keep_clear)
    scenery.draw_tufts(stage, 50)
    _draw_canopy(stage)


def _draw_path(stage: Stage, half: float) -> None:
    bend = stage.dice("path").uniform(-1.6, 1.6)
    along = np.array([-3, 0, 2.5, 6, 11, 18])
    middle = bend * np.sin(along * 0.22)
    left = [(float(m - half - 0.3), 0.0, float(z)) for m, z in zip(middle, along, strict=True)]
    right = [(float(m + half), 0.0, float(z)) for m, z in zip(middle, along, strict=True)]
    shape = stage.camera.outline([*left, *right[::-1]])
    if len(shape) > 3:
        stage.pen.fill(shape, stage.ground_colour("ground"), edge=0)
        for side in (left, right):
            for start, end in pairwise(side):
                line = stage.camera.stretch(start, end)
                if line:
                    stage.pen.line(line, 1.3, taper=0.2)


def _draw_canopy(stage: Stage) -> None:
    dice = stage.dice("canopy")
    if stage.camera.horizon < 180:
        return
    low = []
    for step, azimuth in enumerate(np.linspace(-1.0, 1.0, 90)):  # sprays of leaves, and gaps
        dip = 20.0 if step % 2 else 0.0
        swell = 14 * float(np.sin(float(azimuth) * 9 + stage.number % 7))
        low.append((stage.camera.along(float(azimuth)), 30 + dip + swell + dice.uniform(-7, 9)))
    low.sort()
    shape = [
        (stage.left - 200, -260.0),
        (stage.left - 200, 40.0),
        *low,
        (stage.right + 200, 40.0),
        (stage.right + 200, -260.0),
    ]
    stage.pen.fill(shape, mixed(stage.palette.of("leaf"), (30, 40, 34), 0.25), edge=2.0, shade=120)


def draw_water(stage: Stage) -> None:
    """Draw a shore: the water lies behind the actors, hills beyond it."""
    sky.draw_sky(stage)
    hill = stage.palette.of("hill")
    scenery.draw_ridge(
        stage, "far shore", high=70, colour=mixed(hill, stage.palette.far, 0.5), edge=1.1
    )
    scenery.draw_ridge(
        stage,
        "near shore",
        high=26,
        colour=mixed(hill, stage.palette.far, 0.2),
        edge=1.3,
        rough=2,
        shade=60,
    )
    scenery.draw_ground(stage, "ground")
    dice = stage.dice("shore")
    slope = dice.uniform(-0.22, 0.22)
    shore = -40.0 if stage.is_afloat else 2.4
    edge = [
        (float(x), 0.0, float(shore + slope * x + 0.3 * np.sin(x * 1.3 + stage.number % 7)))
        for x in np.linspace(-14, 14, 15)
    ]
    far = [(60.0, 0.0, 70.0), (-60.0, 0.0, 70.0)]
    water = stage.palette.graded((84, 108, 150)) if stage.is_night else stage.palette.of("water")
    stage.pen.fill(
        stage.camera.outline([*edge, *far]),
        water,
        edge=0,
        smooth=False,
        shade=56 if stage.is_night else 0,
    )
    for start, end in pairwise(edge):
        line = stage.camera.stretch(start, end)
        if line:
            stage.pen.line(line, 2.0, taper=0.05)
    _draw_ripples(stage, slope)
    things: list[Standing] = []
    landmarks.add(stage, things, shore=2.4)
    if not stage.is_afloat:
        _add_shore(stage, things, slope)
    scenery.draw_all(things, stage.keep_clear)
    if not stage.is_afloat:
        scenery.draw_stones(stage, 16)


def _add_shore(stage: Stage, things: list[Standing], slope: float) -> None:
    dice = stage.dice("shore things")
    if not {"boat", "bridge", "lighthouse"} & set(stage.sights):
        side = dice.choice((-1, 1))
        things.append(landmarks.boat(stage, side * dice.uniform(1.8, 3.2), dice.uniform(5.5, 8)))
    for _ in range(9):
        x = dice.uniform(-9, 9)
        if abs(x) > 1.7:
            z = 2.2 + slope * x + dice.uniform(-0.3, 0.5)
            things.append(landmarks.reeds(stage, x, z, dice.randrange(10**6)))


def _draw_ripples(stage: Stage, slope: float) -> None:
    dice = stage.dice("ripples")
    for _ in range(90):
        x = dice.uniform(-16, 16)
        near = -3.0 if stage.is_afloat else 3.0 + slope * x
        z = near + dice.random() ** 1.7 * 34
        sx, sy, scale = stage.camera.seen((x, 0, z))
        if scale > 0 and stage.left < sx < stage.right:
            long = scale * dice.uniform(0.3, 0.8)
            stage.pen.dash(
                sx - long,
                sy,
                sx + long,
                sy + dice.uniform(-1, 1),
                min(2.6, 0.9 + scale * 0.008),
                ink=0 if dice.random() < 0.1 else 210,
            )


def draw_mountain(stage: Stage) -> None:
    """Draw a mountain path: ridges behind each other, rocks and pines."""
    sky.draw_sky(stage)
    hill = stage.palette.of("hill")
    for name, high, near, edge in (
        ("peaks", 400, 0.7, 1.4),
        ("shoulders", 250, 0.42, 1.7),
        ("foothills", 120, 0.12, 1.9),
    ):
        scenery.draw_ridge(
            stage,
            name,
            high=high,
            colour=mixed(hill, stage.palette.far, near),
            edge=edge,
            rough=2.1,
            craggy=True,
            shade=round(40 * (1 - near)),
        )
    _draw_mist(stage)
    scenery.draw_ground(stage, "ground")
    _draw_path(stage, 0.9)
    dice = stage.dice("mountain")
    things: list[Standing] = []
    for _ in range(9):
        x, z = dice.uniform(-10, 10), dice.uniform(2, 13)
        if abs(x) > 1.9:
            things.append(
                trees.tree(stage, x, z, dice.uniform(2.6, 4.6), "pine", dice.randrange(10**6))
            )
    for _ in range(13):
        x, z, size = dice.uniform(-10, 10), dice.uniform(0.5, 9), dice.uniform(0.5, 1.9)
        if abs(x) > 1.8 + size:
            things.append(landmarks.boulder(stage, x, z, size, dice.random()))
    landmarks.add(stage, things)
    scenery.draw_all(things, stage.keep_clear)
    scenery.draw_stones(stage, 22)
    scenery.draw_tufts(stage, 18)


def _draw_mist(stage: Stage) -> None:
    dice = stage.dice("mist")
    for _ in range(3):
        x, y = (
            stage.camera.along(dice.uniform(-0.5, 0.5)),
            stage.camera.horizon - dice.uniform(20, 110),
        )
        long = dice.uniform(110, 240)
        stage.pen.fill(
            [
                (x - long, y),
                (x - long * 0.4, y - 11),
                (x + long * 0.3, y - 8),
                (x + long, y + 2),
                (x + long * 0.3, y + 10),
                (x - long * 0.5, y + 9),
            ],
            mixed(stage.palette.far, (255, 255, 255), 0.3),
            edge=0,
        )


def draw_field(stage: Stage) -> None:
    """Draw open country: low hills, a fence, a lone tree, hay."""
    sky.draw_sky(stage)
    grass = stage.palette.of("grass")
    scenery.draw_ridge(
        stage,
        "far hills",
        high=88,
        colour=mixed(stage.palette.of("hill"), stage.palette.far, 0.45),
        edge=1.1,
    )
    scenery.draw_ridge(
        stage,
        "near hills",
        high=44,
        colour=mixed(grass, stage.palette.far, 0.3),
        edge=1.4,
        shade=30,
    )
    scenery.draw_ground(stage, "grass")
    _draw_path(stage, 0.6)
    dice = stage.dice("field")
    side = dice.choice((-1, 1))
    things: list[Standing] = [
        trees.tree(
            stage,
            side * dice.uniform(3.2, 5),
            dice.uniform(5, 8),
            dice.uniform(4.2, 5.4),
            "round",
            dice.randrange(10**6),
        ),
        trees.tree(
            stage,
            -side * dice.uniform(8, 12),
            dice.uniform(14, 20),
            4.4,
            "round",
            dice.randrange(10**6),
        ),
    ]
    for _ in range(3):
        things.append(landmarks.haystack(stage, dice.uniform(-9, 9), dice.uniform(7, 15)))
    _add_fence(stage, things, -side)
    for _ in range(5):
        things.append(
            trees.bush(
                stage,
                dice.uniform(-11, 11),
                dice.uniform(7, 16),
                dice.uniform(0.4, 0.7),
                dice.randrange(10**6),
            )
        )
    landmarks.add(stage, things)
    scenery.draw_all(things, stage.keep_clear)
    scenery.draw_tufts(stage, 90)


def _add_fence(stage: Stage, things: list[Standing], side: int) -> None:
    for step in range(9):
        x, z = side * (2.4 + step * 0.16), 2.4 + step * 1.25
        things.append((stage.camera.depth(x, z), lambda x=x, z=z: _draw_fence(stage, side, x, z)))  # type: ignore[misc]


def _draw_fence(stage: Stage, side: int, x: float, z: float) -> None:
    wood = stage.palette.of("wood", away=min(0.7, z / 20))
    for y in (0.45, 0.8):
        rail = stage.camera.outline(
            [
                (x, y, z),
                (x + side * 0.16, y, z + 1.25),
                (x + side * 0.16, y + 0.1, z + 1.25),
                (x, y + 0.1, z),
            ]
        )
        if len(rail) > 2:
            stage.pen.fill(rail, wood, edge=1.3, smooth=False)
    sx, sy, scale = stage.camera.seen((x, 0, z))
    if scale:
        w = 0.05 * scale
        stage.pen.fill(
            [(sx - w, sy), (sx - w, sy - scale), (sx + w, sy - scale), (sx + w, sy)],
            wood,
            edge=1.5,
            smooth=False,
        )
