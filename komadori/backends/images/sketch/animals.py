"""Animals that the story names."""

from komadori.backends.images.sketch.ink import Pen, blob
from komadori.backends.images.sketch.scenery import Stage


def draw_horse(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    coat = stage.palette.lit((150, 108, 76), away=away)
    for x, bend in ((-0.62, -0.06), (-0.42, 0.08), (0.5, -0.05), (0.68, 0.06)):
        pen.fill(
            [
                (x - 0.1, 0.9),
                (x - 0.06 + bend, 0.45),
                (x - 0.06, 0),
                (x + 0.08, 0),
                (x + 0.06 + bend, 0.45),
                (x + 0.12, 0.9),
            ],
            coat,
            edge=edge,
        )
    pen.fill(
        [(-0.8, 1.3), (-1.05, 1.0), (-1.15, 0.5), (-0.95, 0.55), (-0.8, 1.0)],
        (40, 36, 38),
        edge=edge,
        black=True,
    )
    pen.fill(
        [
            (-0.85, 1.35),
            (-0.3, 1.42),
            (0.3, 1.36),
            (0.62, 1.6),
            (0.9, 2.05),
            (1.12, 2.12),
            (1.5, 1.78),
            (1.42, 1.62),
            (1.12, 1.7),
            (0.96, 1.3),
            (0.75, 0.85),
            (0, 0.72),
            (-0.7, 0.82),
        ],
        coat,
        edge=edge,
        form=14,
    )
    pen.fill(
        [(0.45, 1.55), (0.62, 1.95), (0.92, 2.3), (1.05, 2.16), (0.86, 1.95), (0.7, 1.5)],
        (40, 36, 38),
        edge=edge,
        black=True,
    )
    pen.fill(blob(1.16, 1.93, 0.035, 0.04, 6), (20, 20, 20), edge=0, black=True)


def draw_dog(stage: Stage, pen: Pen, edge: float, away: float) -> None:
    coat = stage.palette.lit((206, 164, 112), away=away)
    pen.line([(-0.36, 0.42), (-0.5, 0.6), (-0.46, 0.72)], edge * 2)
    for x in (-0.3, -0.2, 0.2, 0.28):
        pen.fill([(x - 0.04, 0.3), (x - 0.04, 0), (x + 0.06, 0), (x + 0.05, 0.3)], coat, edge=edge)
    pen.fill(
        [
            (-0.38, 0.48),
            (0.2, 0.5),
            (0.3, 0.66),
            (0.42, 0.74),
            (0.66, 0.6),
            (0.6, 0.5),
            (0.42, 0.48),
            (0.34, 0.26),
            (-0.34, 0.24),
        ],
        coat,
        edge=edge,
        form=6,
    )
    pen.fill([(0.3, 0.74), (0.22, 0.56), (0.34, 0.6)], (70, 50, 44), edge=edge, black=True)
    pen.fill(blob(0.46, 0.63, 0.022, 0.024, 6), (20, 20, 20), edge=0, black=True)


def draw_cat(stage: Stage, pen: Pen, edge: float, _away: float) -> None:
    pen.line([(-0.16, 0.06), (-0.34, 0.1), (-0.36, 0.3)], edge * 2.2, taper=0.1)
    pen.fill(
        [(-0.17, 0), (-0.16, 0.22), (-0.02, 0.36), (0.1, 0.3), (0.14, 0)],
        (40, 38, 42),
        edge=edge,
        black=True,
    )
    pen.fill(
        [
            (-0.1, 0.4),
            (-0.1, 0.58),
            (-0.02, 0.5),
            (0.1, 0.5),
            (0.17, 0.58),
            (0.18, 0.4),
            (0.04, 0.3),
        ],
        (40, 38, 42),
        edge=edge,
        black=True,
        smooth=False,
    )
    for x in (0.0, 0.1):
        pen.fill(blob(x, 0.43, 0.025, 0.02, 6), stage.palette.of("light"), edge=0)


def draw_birds(stage: Stage) -> None:
    dice = stage.dice("birds")
    for _ in range(6):
        x = stage.camera.along(dice.uniform(-0.5, 0.5))
        y = stage.camera.horizon - dice.uniform(90, 260)
        size = dice.uniform(9, 18)
        stage.pen.line(
            [
                (x - size, y - size * 0.4),
                (x - size * 0.4, y - size * 0.5),
                (x, y),
                (x + size * 0.4, y - size * 0.55),
                (x + size, y - size * 0.35),
            ],
            2.4,
        )
