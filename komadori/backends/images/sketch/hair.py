"""Hair and hats, by which characters are told apart even when they are small.

Coordinates are those of the head: half head heights, y upwards, facing right.
"""

from itertools import pairwise

import numpy as np

from komadori.backends.images.sketch.ink import Colour, Pen, Points, blob
from komadori.backends.images.sketch.looks import Look

_OUTER_FRONT = np.array(
    [
        (-0.86, -0.12),
        (-0.96, 0.36),
        (-0.74, 0.92),
        (0, 1.17),
        (0.74, 0.92),
        (0.96, 0.36),
        (0.86, -0.12),
    ]
)

_OUTER_TURNED = np.array(
    [
        (-0.74, -0.5),
        (-1.0, 0.22),
        (-0.76, 0.94),
        (-0.05, 1.18),
        (0.58, 1.0),
        (0.83, 0.52),
        (0.77, 0.08),
    ]
)

_FRINGES: dict[str, list[tuple[float, float]]] = {
    "side": [
        (0.66, 0.3),
        (0.52, 0.56),
        (0.2, 0.62),
        (-0.1, 0.7),
        (-0.3, 0.86),
        (-0.4, 0.55),
        (-0.62, 0.3),
    ],
    "centre": [
        (0.7, 0.12),
        (0.56, 0.45),
        (0.3, 0.68),
        (0.02, 0.86),
        (-0.26, 0.68),
        (-0.52, 0.45),
        (-0.68, 0.1),
    ],
    "bangs": [
        (0.7, 0.1),
        (0.6, 0.28),
        (0.4, 0.3),
        (0.36, 0.42),
        (0.3, 0.27),
        (0.05, 0.28),
        (-0.02, 0.42),
        (-0.08, 0.27),
        (-0.34, 0.26),
        (-0.6, 0.2),
    ],
    "spiky": [
        (0.7, 0.2),
        (0.56, 0.55),
        (0.4, 0.2),
        (0.26, 0.58),
        (0.04, 0.18),
        (-0.1, 0.56),
        (-0.36, 0.22),
        (-0.46, 0.5),
        (-0.66, 0.16),
    ],
    "back": [
        (0.7, 0.36),
        (0.56, 0.66),
        (0.25, 0.8),
        (-0.05, 0.82),
        (-0.35, 0.7),
        (-0.56, 0.5),
        (-0.66, 0.2),
    ],
    "curls": [
        (0.72, 0.2),
        (0.55, 0.5),
        (0.34, 0.44),
        (0.15, 0.58),
        (-0.1, 0.46),
        (-0.32, 0.56),
        (-0.5, 0.4),
        (-0.68, 0.15),
    ],
}


def draw_front(
    pen: Pen, look: Look, turn: float, colour: Colour, size: float, edge: float, *, black: bool
) -> None:
    """Draw the hair over the face."""
    if look.hair == "bald":
        if size > 14:
            pen.line([(0.1, 0.86), (0.34, 0.78)], edge * 0.6)
        return
    if look.hair == "fringe":  # bald above, a wreath of hair about the ears
        pen.fill(
            [
                (-0.8, 0.35),
                (-0.98, 0.15),
                (-0.95, -0.3),
                (-0.66, -0.5),
                (-0.5, -0.15),
                (-0.52, 0.2),
            ],
            colour,
            edge=edge,
            black=black,
        )
        return
    share = min(1.0, turn / 0.6)
    outer = _OUTER_FRONT + (_OUTER_TURNED - _OUTER_FRONT) * share
    if look.hair == "curly":
        outer = _scalloped(outer * (1.13, 1.1), 0.1)
    if look.hair == "spiky":
        outer = _spiked(outer)
    fringe = np.array(_FRINGES.get(look.fringe, _FRINGES["side"]))
    shift = np.array([0.14 * share, 0.0])
    inner = fringe * (1 - 0.08 * share, 1.0) + shift
    near = (
        np.array([(-0.66, 0.0), (-0.62, -0.2)]) * (1 - share)
        + np.array([(-0.42, 0.08), (-0.5, -0.12)]) * share
    )
    pen.fill(np.concatenate([outer, inner, near]), colour, edge=edge, black=black)
    _draw_side_locks(pen, look, share, colour, edge, black=black)
    _draw_strands(pen, share, edge, size, black=black)
    if look.hair in {"topknot", "bun"}:
        _draw_knot(pen, look, colour, edge, size, black=black)


def _draw_side_locks(
    pen: Pen, look: Look, share: float, colour: Colour, edge: float, *, black: bool
) -> None:
    if look.hair not in {"long", "bob", "braids", "ponytail"}:
        return
    low = {"long": -1.5, "bob": -0.95, "braids": -0.5, "ponytail": -0.55}[look.hair]
    left = -0.62 + 0.16 * share
    pen.fill(
        [
            (left - 0.22, 0.5),
            (left - 0.3, -0.2),
            (left - 0.2, low * 0.8),
            (left - 0.02, low),
            (left + 0.1, low * 0.6),
            (left + 0.02, -0.1),
            (left + 0.12, 0.3),
        ],
        colour,
        edge=edge,
        black=black,
    )
    if look.hair in {"long", "bob"}:
        right = 0.7 + 0.04 * share
        pen.fill(
            [
                (right - 0.08, 0.4),
                (right - 0.02, -0.1),
                (right - 0.1, low * 0.7),
                (right + 0.08, low * 0.9),
                (right + 0.16, -0.1),
                (right + 0.1, 0.45),
            ],
            colour,
            edge=edge,
            black=black,
        )


def _draw_strands(pen: Pen, share: float, edge: float, size: float, *, black: bool) -> None:
    if size < 16:
        return
    ink = 0 if black else 255
    count = 4 if size < 40 else 8
    for step in np.linspace(-0.62, 0.5, count):
        top = 1.06 - 0.5 * step * step
        bend = step * 0.85 + 0.1 * share
        pen.line(
            [(step * 0.55, top), (bend - 0.08, top * 0.72), (bend, top * 0.5 + 0.08)],
            edge * (0.5 if ink else 0.75),
            ink=ink,
        )
    if black and size > 22:  # the shine that makes black hair round
        pen.line([(-0.7, 0.5), (-0.45, 0.78), (-0.1, 0.88)], edge * 1.3, ink=0, taper=0.5)


def _draw_knot(
    pen: Pen, look: Look, colour: Colour, edge: float, size: float, *, black: bool
) -> None:
    if look.hair == "topknot":
        pen.fill(blob(-0.08, 1.36, 0.27, 0.26, 9), colour, edge=edge, black=black)
        pen.fill(
            [(-0.3, 1.1), (0.14, 1.14), (0.12, 1.24), (-0.3, 1.2)], (214, 172, 90), edge=edge * 0.8
        )
        pen.line([(-0.52, 1.3), (0.38, 1.22)], edge * 1.1)
    else:
        pen.fill(blob(-0.62, 1.02, 0.36, 0.34, 10), colour, edge=edge, black=black)
        if size > 20:
            pen.line(
                [(-0.82, 1.08), (-0.6, 1.22), (-0.42, 1.06)], edge * 0.7, ink=0 if black else 255
            )


def draw_back(
    pen: Pen,
    look: Look,
    turn: float,
    colour: Colour,
    size: float,
    edge: float,
    *,
    black: bool,
    away: bool,
) -> None:
    """Draw the hair that hangs behind the neck and shoulders."""
    for shape in _hanging(look.hair, turn, away=away):
        pen.fill(shape, colour, edge=edge, black=black, shade=0 if black else 60)
    if look.hair == "long" and size > 16:
        for x in (-0.85, -0.5, -0.1, 0.3, 0.6):
            strand = [(x * 0.8, -0.6), (x, -1.4), (x * 0.98, -2.15)]
            pen.line(strand, edge * 0.7, ink=0 if black else 255)


def _hanging(style: str, turn: float, *, away: bool) -> list[Points]:
    """Return the outlines of what hangs; from behind it is the other way round."""
    if style == "ponytail":
        return [_TAIL_BEHIND if away else _TAIL]
    if style == "curly":
        return [_scalloped(blob(-0.05, 0.05, 1.16, 1.12, 16), 0.09)]
    side = -1.0 if away else 1.0
    if style == "braids":
        return [_braid(-0.82, -0.3) * (side, 1.0), _braid(0.82 - 0.2 * turn, -0.3) * (side, 1.0)]
    shape = {"long": _LONG, "bob": _BOB}.get(style)
    return [] if shape is None else [shape * (side, 1.0)]


_LONG = np.array(
    [
        (-0.8, 0.7),
        (-1.06, 0.0),
        (-1.12, -1.0),
        (-1.0, -2.2),
        (-0.5, -2.4),
        (0.1, -2.25),
        (0.62, -2.3),
        (0.86, -1.0),
        (0.8, 0.0),
        (0.5, 0.7),
    ]
)
_BOB = np.array(
    [
        (-0.8, 0.7),
        (-1.1, 0.0),
        (-1.12, -0.8),
        (-0.8, -1.12),
        (0.0, -1.05),
        (0.75, -1.0),
        (0.86, -0.2),
        (0.5, 0.7),
    ]
)
_TAIL = np.array(
    [
        (-0.75, 0.75),
        (-1.2, 0.75),
        (-1.5, 0.2),
        (-1.5, -0.7),
        (-1.25, -1.5),
        (-1.12, -0.7),
        (-1.0, 0.1),
        (-0.75, 0.35),
    ]
)
_TAIL_BEHIND = np.array(
    [
        (-0.22, 0.6),
        (0.22, 0.6),
        (0.34, -0.4),
        (0.2, -1.4),
        (0.0, -1.9),
        (-0.22, -1.4),
        (-0.34, -0.4),
    ]
)


def draw_from_behind(
    pen: Pen, look: Look, colour: Colour, size: float, edge: float, *, black: bool
) -> None:
    """Draw the back of the head."""
    if look.hair == "bald":
        pen.line([(-0.3, -0.7), (0.0, -0.76), (0.3, -0.7)], edge * 0.6)
        return
    top = 0.25 if look.hair == "fringe" else 1.17
    shape = [(-0.92, -0.1), (-0.97, 0.4), (-0.72, 0.93 if top > 1 else 0.3), (0, top),
    (0.72, 0.93 if top > 1 else 0.3), (0.97, 0.4), (0.92, -0.1),
             (0.66, -0.5), (0.3, -0.74), (0.08, -0.66), (-0.12, -0.78), (-0.4, -0.68),
             (-0.7, -0.48)]  # fmt: skip
    outline = np.array(shape)
    if look.hair == "curly":
        outline = _scalloped(outline * (1.14, 1.1), 0.1)
    if look.hair == "spiky":
        outline = _spiked(outline)
    pen.fill(outline, colour, edge=edge, black=black, form=0 if black else size * 0.2)
    ink = 0 if black else 255
    if size > 16:
        for step in np.linspace(-0.7, 0.7, 5 if size < 60 else 9):
            pen.line(
                [
                    (step * 0.3, min(top, 1.0) - 0.12),
                    (step * 0.95, 0.45),
                    (step * 1.02, 0.0 - 0.1 * (1 - abs(step))),
                ],
                edge * (0.55 if ink else 0.8),
                ink=ink,
            )
    if look.hair == "topknot":
        _draw_knot(pen, look, colour, edge, size, black=black)
    if look.hair == "bun":
        pen.fill(blob(0, 0.62, 0.42, 0.38, 10), colour, edge=edge * 1.1, black=black)
        pen.line([(-0.26, 0.66), (0, 0.84), (0.26, 0.66)], edge * 0.8, ink=ink)


def _braid(x: float, y: float) -> Points:
    right, left = [], []
    for step in range(5):
        right.append((x + 0.2 - step * 0.02, y - step * 0.38 - 0.12))
        right.append((x + 0.1, y - step * 0.38 - 0.3))
        left.append((x - 0.2 + step * 0.02, y - step * 0.38 - 0.12))
        left.append((x - 0.1, y - step * 0.38 - 0.3))
    return np.array([(x, y + 0.3), *right, (x, y - 2.15), *left[::-1]])


def _scalloped(points: Points, depth: float) -> Points:
    """Break an outline into curls."""
    dense = np.concatenate(
        [np.stack([a, a * 0.5 + b * 0.5]) for a, b in pairwise(points)] + [points[-1:]]
    )
    factor = np.where(np.arange(len(dense)) % 2 == 0, 1.0 - depth * 0.4, 1.0 + depth)[:, None]
    curls: Points = dense * factor
    return curls


def _spiked(points: Points) -> Points:
    dense = np.concatenate(
        [np.stack([a, a * 0.5 + b * 0.5]) for a, b in pairwise(points)] + [points[-1:]]
    )
    factor = np.where(np.arange(len(dense)) % 2 == 0, 1.0, 1.16)[:, None]
    spikes: Points = dense * factor
    return spikes
