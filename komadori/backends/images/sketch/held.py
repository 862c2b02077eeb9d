"""Things that figures hold or sit on, and the same things large, as inserts.

Each thing is drawn about its grip, 1 unit being a forearm's length; y is upwards.
"""

from collections.abc import Callable

import numpy as np

from komadori.backends.images.sketch.ink import Pen, blob
from komadori.backends.images.sketch.palette import Palette
from komadori.backends.images.sketch.poses import Skeleton

Thing = Callable[[Pen, Palette, float], None]


def draw_held(
    own: Pen, body: Skeleton, thing: str, palette: Palette, edge: float, pose: str
) -> None:
    """Draw a thing in the near hand."""
    grip, elbow = body.near_arm[2], body.near_arm[1]
    way = grip - elbow
    turn = (
        float(np.arctan2(way[1], way[0])) + 0.5
        if thing == "sword" and pose == "fight"
        else _TURNS.get(thing, 0.0)
    )
    point = grip + way * 0.22
    size = float(np.hypot(*way)) * 1.05
    pen = own.at(float(point[0]), float(point[1]), scale=size, turn=turn)
    THINGS[thing](pen, palette, edge)


def draw_insert(pen: Pen, x: float, y: float, scale: float, thing: str, palette: Palette) -> None:
    """Draw a thing alone and large."""
    THINGS[thing](
        pen.at(x, y, scale=scale, up=True, turn=_TURNS.get(thing, 0.0) * -1.0), palette, 4.2
    )


def draw_seat(own: Pen, body: Skeleton, palette: Palette, edge: float, pose: str) -> None:
    """Draw what someone sits on: a stool, or a horse."""
    x, y = float(body.hip[0]), float(body.hip[1])
    if pose == "ride":
        return
    wide = body.shoulder * 1.15
    wood = palette.of("wood")
    for side in (-0.75, 0.75):
        own.fill(
            [
                (x + side * wide - 0.012, y - 0.05),
                (x + side * wide + 0.012, y - 0.05),
                (x + side * wide * 1.15 + 0.012, 0),
                (x + side * wide * 1.15 - 0.012, 0),
            ],
            wood,
            edge=edge * 0.8,
            smooth=False,
        )
    own.fill(
        [
            (x - wide, y - 0.085),
            (x + wide, y - 0.085),
            (x + wide, y - 0.045),
            (x - wide, y - 0.045),
        ],
        wood,
        edge=edge,
        smooth=False,
    )


def _sword(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [(0.2, -0.045), (2.5, -0.03), (2.75, 0.03), (2.5, 0.06), (0.2, 0.06)],
        palette.of("metal"),
        edge=edge * 0.8,
        smooth=False,
    )
    pen.line([(0.3, 0.01), (2.4, 0.015)], edge * 0.5)
    pen.fill(
        [(0.12, -0.24), (0.22, -0.24), (0.22, 0.24), (0.12, 0.24)],
        palette.of("light"),
        edge=edge * 0.8,
        smooth=False,
    )
    pen.fill(
        [(-0.42, -0.06), (0.14, -0.06), (0.14, 0.06), (-0.42, 0.06)],
        palette.of("wood_dark"),
        edge=edge * 0.8,
        smooth=False,
    )


def _lantern(pen: Pen, palette: Palette, edge: float) -> None:
    pen.line([(0, 0), (0.04, -0.25)], edge)
    glow = palette.graded((255, 238, 170))
    pen.tint(blob(0.05, -0.68, 0.72, 0.72, 14), glow)
    pen.fill(
        [(-0.28, -0.42), (-0.36, -0.7), (-0.24, -0.98), (0.34, -0.98), (0.46, -0.7), (0.38, -0.42)],
        palette.graded((255, 214, 110)),
        edge=edge,
    )
    pen.fill(
        [(-0.2, -0.28), (0.3, -0.28), (0.34, -0.42), (-0.24, -0.42)],
        palette.of("wood_dark"),
        edge=edge * 0.8,
        smooth=False,
    )
    pen.fill(
        [(-0.2, -0.98), (0.3, -0.98), (0.26, -1.08), (-0.16, -1.08)],
        palette.of("wood_dark"),
        edge=edge * 0.8,
        smooth=False,
    )
    for x in (-0.12, 0.05, 0.22):
        pen.line([(x, -0.44), (x * 1.3 - 0.015, -0.7), (x, -0.96)], edge * 0.55)


def _umbrella(pen: Pen, palette: Palette, edge: float) -> None:
    pen.line([(0, -0.5), (0.05, 2.0)], edge * 1.5, taper=0)
    pen.fill(
        [
            (-2.1, 1.5),
            (-1.4, 2.3),
            (0, 2.75),
            (1.45, 2.3),
            (2.1, 1.5),
            (1.05, 1.72),
            (0, 1.6),
            (-1.05, 1.72),
        ],
        palette.accent,
        edge=edge * 1.1,
    )
    for x in (-1.05, 0.0, 1.05):
        pen.line([(0.02, 2.72), (x * 0.8, 2.3), (x, 1.68)], edge * 0.7)


def _letter(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [(-0.35, -0.28), (0.62, -0.4), (0.7, 0.42), (-0.28, 0.5)],
        palette.of("paper"),
        edge=edge,
        smooth=False,
    )
    for y in (0.26, 0.1, -0.06, -0.2):
        pen.line([(-0.16, y), (0.2, y - 0.04), (0.5, y - 0.06)], edge * 0.6)


def _book(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [(-0.75, 0.02), (0, -0.16), (0.78, 0.02), (0.78, 0.12), (0, -0.04), (-0.75, 0.12)],
        palette.accent,
        edge=edge,
        smooth=False,
    )
    for side in (-1, 1):
        pen.fill(
            [
                (0, -0.06),
                (side * 0.3, 0.1),
                (side * 0.72, 0.1),
                (side * 0.72, 0.6),
                (side * 0.3, 0.62),
                (0, 0.46),
            ],
            palette.of("paper"),
            edge=edge,
        )
        for y in (0.46, 0.34, 0.22):
            pen.line([(side * 0.16, y), (side * 0.6, y + 0.05)], edge * 0.5)


def _cup(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [(-0.3, 0.3), (-0.24, -0.16), (0.0, -0.24), (0.26, -0.16), (0.32, 0.3)],
        palette.of("paper"),
        edge=edge,
    )
    pen.fill(blob(0.01, 0.3, 0.31, 0.07, 10), palette.of("wood"), edge=edge * 0.8)
    for x in (-0.1, 0.12):
        pen.line([(x, 0.42), (x + 0.08, 0.56), (x - 0.03, 0.72), (x + 0.07, 0.9)], edge * 0.6)


def _staff(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [
            (-0.05, -2.3),
            (0.06, -2.3),
            (0.05, 0.0),
            (0.1, 1.8),
            (0.02, 1.9),
            (-0.05, 1.8),
            (-0.04, 0),
        ],
        palette.of("wood_dark"),
        edge=edge * 0.9,
    )


def _flower(pen: Pen, palette: Palette, edge: float) -> None:
    pen.line([(0, -0.5), (0.06, 0.3), (0.02, 0.7)], edge * 1.2)
    pen.fill(
        [(0.04, 0.0), (0.3, 0.2), (0.5, 0.1), (0.3, 0.02)], palette.of("leaf"), edge=edge * 0.7
    )
    for turn in np.linspace(0, 2 * np.pi, 5, endpoint=False):
        pen.fill(
            blob(0.02 + 0.2 * float(np.cos(turn)), 0.85 + 0.2 * float(np.sin(turn)), 0.17, 0.17, 8),
            palette.accent,
            edge=edge * 0.8,
        )
    pen.fill(blob(0.02, 0.85, 0.11, 0.11, 8), palette.of("light"), edge=edge * 0.7)


def _bag(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [
            (-0.4, -0.3),
            (-0.56, -0.8),
            (-0.3, -1.1),
            (0.36, -1.1),
            (0.58, -0.8),
            (0.4, -0.3),
            (0, -0.2),
        ],
        palette.of("wood"),
        edge=edge,
    )
    pen.line([(-0.34, -0.3), (-0.1, 0.06), (0.12, 0.06), (0.34, -0.3)], edge * 1.1)
    pen.line([(-0.5, -0.62), (0, -0.7), (0.5, -0.62)], edge * 0.7)


def _rod(pen: Pen, _palette: Palette, edge: float) -> None:
    pen.line([(-0.4, -0.4), (1.6, 1.6), (3.0, 2.5)], edge * 1.5, taper=0.6)
    pen.line([(3.0, 2.5), (3.1, 0.6), (3.05, -1.4)], edge * 0.5)


def _phone(pen: Pen, palette: Palette, edge: float) -> None:
    pen.fill(
        [(-0.14, -0.2), (0.2, -0.2), (0.2, 0.5), (-0.14, 0.5)],
        (60, 60, 68),
        edge=edge,
        smooth=False,
    )
    pen.fill(
        [(-0.09, -0.1), (0.15, -0.1), (0.15, 0.42), (-0.09, 0.42)],
        palette.of("window"),
        edge=0,
        smooth=False,
    )


_TURNS = {"sword": 0.5, "umbrella": 0.05}
GRIPS: dict[str, tuple[float, float]] = {
    "sword": (16, 62),
    "lantern": (34, 84),
    "umbrella": (22, 140),
    "letter": (24, 112),
    "book": (26, 104),
    "cup": (24, 122),
    "staff": (30, 76),
    "flower": (26, 108),
    "bag": (-4, 12),
    "fishing_rod": (32, 80),
    "phone": (24, 152),
}
"""How the arm is held, upper and lower, for each thing."""
THINGS: dict[str, Thing] = {
    "sword": _sword,
    "lantern": _lantern,
    "umbrella": _umbrella,
    "letter": _letter,
    "book": _book,
    "cup": _cup,
    "staff": _staff,
    "flower": _flower,
    "bag": _bag,
    "fishing_rod": _rod,
    "phone": _phone,
}
