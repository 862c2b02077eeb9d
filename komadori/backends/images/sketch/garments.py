"""What is typical of each garment: lapels, sash, belt, plates, pattern, collar."""

import numpy as np

from komadori.backends.images.sketch.ink import blob, mixed
from komadori.backends.images.sketch.wear import Wear, at

LONG = {
    "robe": 0.93,
    "dress": 0.74,
    "coat": 0.56,
    "cloak": 0.86,
    "armour": 0.4,
    "suit": 0.16,
    "tunic": 0.3,
    "sweater": 0.1,
}
"""How far down the legs the skirt of each garment reaches."""


def draw_pattern(wear: Wear) -> None:
    pattern, garment = wear.look.pattern, wear.look.garment
    if wear.tall < 130 or garment in {"suit", "armour"}:
        return
    ink = 0 if wear.is_black else 255
    if pattern == "stripes" or garment == "sweater":
        for along in np.linspace(0.0, 0.86, 6 if wear.tall < 500 else 8):
            wide = 0.64 + 0.26 * along
            wear.pen.line(
                [
                    at(wear, -wide, along),
                    at(wear, 0, along - 0.05),
                    at(wear, wide * 0.96, along),
                ],
                wear.edge * (1.5 if garment == "sweater" else 0.9),
                ink=ink,
                taper=0.05,
            )
    elif pattern == "dots":
        for row, along in enumerate((0.08, 0.34, 0.6, 0.84)):
            for across in (-0.5, 0.0, 0.5) if row % 2 else (-0.25, 0.25):
                x, y = at(wear, across, along)
                wear.pen.fill(blob(x, y, 0.008, 0.008, 6), wear.paint.trim, edge=wear.edge * 0.5)


def draw_front(wear: Wear) -> None:
    """Draw what is typical of a garment: lapels, sash, belt, plates."""
    if wear.tall < 90:
        return
    if wear.is_away:
        _draw_sash(wear) if wear.look.garment in {"robe", "tunic"} else None
        ink = 0 if wear.is_black else 255
        wear.pen.line(
            [at(wear, 0, 0.9), at(wear, -0.03, 0.5), at(wear, 0, 0.1)],
            wear.edge * 0.6,
            ink=ink,
            taper=0.6,
        )
        return
    draw = _FRONTS.get(wear.look.garment)
    if draw:
        draw(wear)
    if wear.is_fine and wear.look.garment not in {"armour", "sweater"}:
        ink = 0 if wear.is_black else 255
        for points in (
            [(-0.86, 0.72), (-0.55, 0.6), (-0.4, 0.45)],
            [(0.8, 0.7), (0.6, 0.55), (0.52, 0.42)],
        ):
            wear.pen.line(
                [at(wear, *point) for point in points], wear.edge * 0.6, ink=ink, taper=0.6
            )


def _draw_sash(wear: Wear) -> None:
    waist = wear.body.waist / wear.body.shoulder * 1.04
    sash = [
        at(wear, -waist, 0.18),
        at(wear, 0, 0.13),
        at(wear, waist, 0.18),
        at(wear, waist, 0.33),
        at(wear, 0, 0.29),
        at(wear, -waist, 0.33),
    ]
    wear.pen.fill(sash, wear.paint.trim, edge=wear.edge * 0.9, smooth=False)


def _draw_robe(wear: Wear) -> None:
    """The right side lies over the left, with a pale inner collar."""
    pale = mixed(wear.paint.trim, (252, 250, 244), 0.5)
    wear.pen.fill(
        [
            at(wear, 0.22, 1.06),
            at(wear, 0.36, 1.02),
            at(wear, -0.1, 0.55),
            at(wear, -0.45, 0.3),
            at(wear, -0.58, 0.34),
            at(wear, -0.2, 0.66),
        ],
        pale,
        edge=wear.edge * 0.8,
        smooth=False,
    )
    wear.pen.fill(
        [
            at(wear, -0.26, 1.06),
            at(wear, -0.42, 1.01),
            at(wear, 0.0, 0.6),
            at(wear, 0.5, 0.3),
            at(wear, 0.66, 0.36),
            at(wear, 0.16, 0.7),
        ],
        wear.paint.trim,
        edge=wear.edge * 0.9,
        smooth=False,
    )
    _draw_sash(wear)


def _draw_coat(wear: Wear) -> None:
    pale = mixed(wear.paint.trim, (250, 248, 242), 0.45)
    wear.pen.fill(
        [at(wear, -0.28, 1.05), at(wear, 0.3, 1.05), at(wear, 0.1, 0.62)],
        pale,
        edge=wear.edge * 0.7,
        smooth=False,
    )
    for side in (-1, 1):
        wear.pen.fill(
            [
                at(wear, side * 0.28, 1.07),
                at(wear, side * 0.5, 1.0),
                at(wear, side * 0.56, 0.74),
                at(wear, 0.1, 0.55),
            ],
            wear.paint.cloth,
            edge=wear.edge * 0.9,
            smooth=False,
            black=wear.is_black,
        )
    ink = 0 if wear.is_black else 255
    low = float(wear.body.hip[1]) * (1 - LONG[wear.look.garment])
    wear.pen.line(
        [at(wear, 0.1, 0.55), at(wear, 0.1, 0.0), (float(wear.body.hip[0]) + 0.012, low)],
        wear.edge * 0.9,
        ink=ink,
        taper=0.1,
    )
    for along in (0.42, 0.24, 0.06):
        wear.pen.fill(blob(*at(wear, 0.24, along), 0.006, 0.006, 6), pale, edge=wear.edge * 0.6)


def _draw_suit(wear: Wear) -> None:
    _draw_coat(wear)
    wear.pen.fill(
        [
            at(wear, 0.02, 1.0),
            at(wear, 0.14, 1.0),
            at(wear, 0.17, 0.7),
            at(wear, 0.09, 0.58),
            at(wear, 0.02, 0.7),
        ],
        wear.paint.trim,
        edge=wear.edge * 0.7,
    )


def _draw_dress(wear: Wear) -> None:
    wear.pen.fill(
        [
            at(wear, -0.4, 1.06),
            at(wear, 0.4, 1.06),
            at(wear, 0.3, 0.86),
            at(wear, 0.02, 0.8),
            at(wear, -0.28, 0.86),
        ],
        mixed(wear.paint.trim, (252, 250, 246), 0.6),
        edge=wear.edge * 0.8,
    )
    waist = wear.body.waist / wear.body.shoulder
    wear.pen.line(
        [at(wear, -waist, 0.3), at(wear, 0, 0.26), at(wear, waist, 0.3)],
        wear.edge * 1.5,
        ink=0 if wear.is_black else 255,
        taper=0.1,
    )


def _draw_tunic(wear: Wear) -> None:
    waist = wear.body.waist / wear.body.shoulder * 1.02
    wear.pen.fill(
        [at(wear, -0.24, 1.05), at(wear, 0.26, 1.05), at(wear, 0.06, 0.74)],
        wear.paint.skin,
        edge=wear.edge * 0.8,
        smooth=False,
    )
    belt = [
        at(wear, -waist, 0.14),
        at(wear, waist, 0.14),
        at(wear, waist, 0.24),
        at(wear, -waist, 0.24),
    ]
    wear.pen.fill(
        belt, mixed(wear.paint.trim, (70, 50, 40), 0.4), edge=wear.edge * 0.8, smooth=False
    )
    wear.pen.fill(
        [
            at(wear, -0.02, 0.12),
            at(wear, 0.2, 0.12),
            at(wear, 0.2, 0.26),
            at(wear, -0.02, 0.26),
        ],
        (226, 196, 110),
        edge=wear.edge * 0.6,
        smooth=False,
    )


def _draw_sweater(wear: Wear) -> None:
    wear.pen.fill(
        [
            at(wear, -0.4, 1.1),
            at(wear, 0.4, 1.1),
            at(wear, 0.46, 0.93),
            at(wear, 0.0, 0.86),
            at(wear, -0.46, 0.93),
        ],
        wear.paint.cloth,
        edge=wear.edge * 0.9,
    )


def _draw_armour(wear: Wear) -> None:
    metal = mixed(wear.paint.cloth, (220, 224, 228), 0.4)
    wear.pen.fill(
        [
            at(wear, -0.74, 0.86),
            at(wear, -0.7, 0.42),
            at(wear, 0, 0.3),
            at(wear, 0.7, 0.42),
            at(wear, 0.72, 0.86),
            at(wear, 0, 0.96),
        ],
        metal,
        edge=wear.edge,
        form=wear.form(0.02),
    )
    wear.pen.line([at(wear, 0.06, 0.94), at(wear, 0.08, 0.34)], wear.edge * 0.8)
    for side in (-1, 1):
        for drop in (0.0, 0.13):
            wear.pen.fill(
                blob(
                    *at(wear, side * 1.02, 0.88 - drop),
                    wear.body.shoulder * 0.36,
                    wear.body.shoulder * 0.24,
                    8,
                ),
                metal,
                edge=wear.edge,
            )
    _draw_sash(wear)


_FRONTS = {
    "robe": _draw_robe,
    "coat": _draw_coat,
    "suit": _draw_suit,
    "dress": _draw_dress,
    "tunic": _draw_tunic,
    "sweater": _draw_sweater,
    "armour": _draw_armour,
    "cloak": _draw_tunic,
}


def draw_collar(wear: Wear) -> None:
    """Draw what lies around the neck, over the neck."""
    if wear.look.garment == "cloak":
        dark = mixed(wear.paint.cloth, (30, 30, 40), 0.25)
        wear.pen.fill(
            [
                at(wear, -0.95, 0.98),
                at(wear, -0.45, 1.16),
                at(wear, 0.4, 1.15),
                at(wear, 0.9, 0.97),
                at(wear, 0.4, 0.88),
                at(wear, 0.05, 0.8),
                at(wear, -0.4, 0.86),
            ],
            dark,
            edge=wear.edge,
            black=wear.is_black,
        )
        wear.pen.fill(
            blob(*at(wear, 0.05, 0.86), 0.012, 0.012, 8), (226, 190, 100), edge=wear.edge * 0.7
        )
    elif wear.look.garment == "sweater":
        wear.pen.fill(
            [
                at(wear, -0.36, 1.16),
                at(wear, 0.36, 1.16),
                at(wear, 0.4, 1.0),
                at(wear, 0.0, 0.94),
                at(wear, -0.4, 1.0),
            ],
            wear.paint.cloth,
            edge=wear.edge * 0.9,
            black=wear.is_black,
        )
