"""Hats and hoods.

Coordinates are those of the head: half head heights, y upwards, facing right.
"""

from komadori.backends.images.sketch.ink import Colour, Pen, blob, mixed
from komadori.backends.images.sketch.looks import Look


def draw_hat(
    pen: Pen,
    look: Look,
    turn: float,
    cloth: Colour,
    trim: Colour,
    edge: float,
    size: float,
    *,
    away: bool = False,
) -> None:
    """Draw what is on the head; from behind, hoods and helmets cover it."""
    draw = _HATS_BEHIND.get(look.hat, _HATS.get(look.hat)) if away else _HATS.get(look.hat)
    if draw is not None:
        draw(pen.at(0.1 * turn, 0), cloth, trim, edge, size)


def _straw(pen: Pen, _cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    straw = (226, 200, 140)
    pen.fill(
        [
            (-1.75, 0.34),
            (-0.75, 1.05),
            (0.0, 1.62),
            (0.75, 1.05),
            (1.75, 0.34),
            (0.9, 0.2),
            (0, 0.16),
            (-0.9, 0.2),
        ],
        straw,
        edge=edge * 1.15,
        form=size * 0.1,
    )
    if size > 10:
        for x in (-1.1, -0.55, 0.0, 0.55, 1.1):
            pen.line([(x * 0.1, 1.5), (x * 0.7, 0.85), (x, 0.32)], edge * 0.55)


def _brim(pen: Pen, cloth: Colour, trim: Colour, edge: float, size: float) -> None:
    dark = mixed(cloth, (40, 34, 34), 0.45)
    pen.fill(
        [
            (-0.78, 0.6),
            (-0.7, 1.35),
            (-0.3, 1.55),
            (0.1, 1.44),
            (0.5, 1.5),
            (0.72, 1.2),
            (0.78, 0.6),
        ],
        dark,
        edge=edge,
        form=size * 0.16,
    )
    pen.fill([(-0.8, 0.58), (0.8, 0.58), (0.78, 0.8), (-0.78, 0.8)], trim, edge=edge * 0.8)
    pen.fill(
        [(-1.35, 0.52), (-0.7, 0.66), (0.7, 0.66), (1.35, 0.5), (0.7, 0.42), (-0.7, 0.44)],
        dark,
        edge=edge,
    )


def _cap(pen: Pen, cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    dark = mixed(cloth, (30, 34, 48), 0.6)
    pen.fill(
        [(-0.9, 0.5), (-1.02, 0.95), (-0.5, 1.32), (0.2, 1.34), (0.85, 1.05), (0.84, 0.55)],
        dark,
        edge=edge,
        form=size * 0.14,
    )
    pen.fill(
        [(-0.9, 0.42), (0.82, 0.48), (0.84, 0.66), (-0.9, 0.62)],
        mixed(dark, (230, 220, 190), 0.5),
        edge=edge * 0.8,
    )
    pen.fill(
        [(0.2, 0.5), (0.85, 0.52), (1.25, 0.34), (0.8, 0.32)], (40, 38, 44), edge=edge, black=True
    )


def _helmet(pen: Pen, _cloth: Colour, trim: Colour, edge: float, size: float) -> None:
    metal = (186, 192, 198)
    pen.fill(
        [
            (-0.98, -0.3),
            (-1.05, 0.5),
            (-0.7, 1.12),
            (0, 1.32),
            (0.7, 1.1),
            (0.98, 0.5),
            (0.9, 0.34),
            (-0.3, 0.34),
            (-0.5, -0.36),
        ],
        metal,
        edge=edge * 1.1,
        form=size * 0.16,
    )
    pen.line([(-0.95, 0.36), (0.0, 0.5), (0.92, 0.36)], edge * 0.8)
    pen.fill([(-0.1, 1.3), (0.08, 1.32), (-0.2, 1.8), (-0.8, 1.7), (-0.5, 1.5)], trim, edge=edge)


def _crown(pen: Pen, _cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    pen.fill(
        [
            (-0.66, 0.78),
            (-0.72, 1.4),
            (-0.36, 1.12),
            (0, 1.5),
            (0.36, 1.12),
            (0.72, 1.38),
            (0.66, 0.78),
        ],
        (232, 188, 80),
        edge=edge,
        smooth=False,
        form=size * 0.08,
    )
    if size > 14:
        pen.line([(-0.62, 0.92), (0.62, 0.92)], edge * 0.7)


def _official(pen: Pen, _cloth: Colour, _trim: Colour, edge: float, _size: float) -> None:
    pen.fill(
        [
            (-0.8, 0.5),
            (-0.8, 0.98),
            (-0.4, 1.02),
            (-0.4, 1.4),
            (0.4, 1.4),
            (0.5, 0.98),
            (0.8, 0.92),
            (0.8, 0.5),
        ],
        (40, 38, 44),
        edge=edge,
        black=True,
    )
    for side in (-1, 1):
        pen.fill(blob(side * 1.3, 0.84, 0.42, 0.12, 8), (40, 38, 44), edge=edge, black=True)
    pen.fill(blob(0.2, 0.74, 0.09, 0.1, 6), (250, 246, 236), edge=0)


def _hood(pen: Pen, cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    pen.fill(
        [
            (-0.5, -1.1),
            (-1.1, -0.6),
            (-1.15, 0.4),
            (-0.75, 1.15),
            (0.0, 1.42),
            (0.7, 1.1),
            (0.95, 0.4),
            (0.8, -0.5),
            (0.66, -0.2),
            (0.68, 0.4),
            (0.35, 0.86),
            (-0.1, 0.84),
            (-0.5, 0.4),
            (-0.55, -0.4),
        ],
        cloth,
        edge=edge * 1.1,
        form=size * 0.18,
    )


def _scarf(pen: Pen, _cloth: Colour, trim: Colour, edge: float, size: float) -> None:
    pen.fill(
        [
            (-0.5, -0.85),
            (-0.95, -0.3),
            (-1.02, 0.4),
            (-0.7, 1.05),
            (0, 1.26),
            (0.7, 0.98),
            (0.84, 0.4),
            (0.6, 0.62),
            (0.1, 0.78),
            (-0.36, 0.5),
            (-0.5, 0.0),
        ],
        trim,
        edge=edge,
        form=size * 0.12,
    )


_HATS = {
    "straw": _straw,
    "brim": _brim,
    "cap": _cap,
    "helmet": _helmet,
    "crown": _crown,
    "official": _official,
    "hood": _hood,
    "scarf": _scarf,
}


def _cap_behind(pen: Pen, cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    dark = mixed(cloth, (30, 34, 48), 0.6)
    pen.fill(
        [
            (-0.95, 0.45),
            (-1.0, 0.95),
            (-0.5, 1.34),
            (0.5, 1.34),
            (1.0, 0.95),
            (0.95, 0.45),
            (0, 0.36),
        ],
        dark,
        edge=edge,
        form=size * 0.14,
    )
    pen.line([(-0.94, 0.62), (0, 0.54), (0.94, 0.62)], edge * 0.9, taper=0.02)


def _cover_behind(pen: Pen, cloth: Colour, _trim: Colour, edge: float, size: float) -> None:
    pen.fill(
        [
            (-0.8, -0.9),
            (-1.12, -0.2),
            (-1.1, 0.5),
            (-0.7, 1.15),
            (0, 1.38),
            (0.7, 1.15),
            (1.1, 0.5),
            (1.12, -0.2),
            (0.8, -0.9),
        ],
        cloth,
        edge=edge * 1.1,
        form=size * 0.2,
    )
    pen.line([(0, 1.3), (-0.06, 0.4), (0, -0.6)], edge * 0.7, taper=0.5)


def _helmet_behind(pen: Pen, _cloth: Colour, trim: Colour, edge: float, size: float) -> None:
    _cover_behind(pen, (186, 192, 198), trim, edge, size)
    pen.fill([(-0.14, 1.3), (0.14, 1.3), (0.2, 0.6), (0, 0.3), (-0.2, 0.6)], trim, edge=edge)


def _scarf_behind(pen: Pen, _cloth: Colour, trim: Colour, edge: float, size: float) -> None:
    _cover_behind(pen, trim, trim, edge, size)


_HATS_BEHIND = {
    "cap": _cap_behind,
    "hood": _cover_behind,
    "helmet": _helmet_behind,
    "scarf": _scarf_behind,
}
