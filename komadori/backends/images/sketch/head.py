"""A head: its contour, face and expression, seen from the front, at three quarters, or from behind.

Coordinates are in half head heights, y upwards, facing right; `turn` is 0 (front) to about 0.6.
"""

from dataclasses import dataclass

import numpy as np

from komadori.backends.images.sketch import hair, hats
from komadori.backends.images.sketch.beasts import draw_beast_head
from komadori.backends.images.sketch.ink import Colour, Pen, Points, blob, mixed
from komadori.backends.images.sketch.looks import Look

_FRONT = np.array(
    [
        (0, 1),
        (0.5, 0.87),
        (0.76, 0.45),
        (0.78, 0.12),
        (0.75, -0.14),
        (0.66, -0.46),
        (0.40, -0.84),
        (0, -1.0),
        (-0.40, -0.84),
        (-0.66, -0.46),
        (-0.75, -0.14),
        (-0.78, 0.12),
        (-0.76, 0.45),
        (-0.5, 0.87),
    ]
)
_TURNED = np.array(
    [
        (0.05, 1),
        (0.5, 0.86),
        (0.73, 0.47),
        (0.70, 0.12),
        (0.74, -0.14),
        (0.67, -0.44),
        (0.50, -0.83),
        (0.26, -1.0),
        (-0.10, -0.88),
        (-0.42, -0.55),
        (-0.60, -0.15),
        (-0.80, 0.15),
        (-0.84, 0.5),
        (-0.5, 0.9),
    ]
)
_FULL_TURN = 0.6


@dataclass(frozen=True, slots=True)
class Face:
    """What a face shows."""

    mood: str = "calm"
    is_speaking: bool = False
    is_asleep: bool = False
    turn: float = 0.55
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class Paint:
    """The colours of one head as the light shows them."""

    skin: Colour
    hair: Colour
    cloth: Colour
    trim: Colour
    blush: Colour
    is_black: bool


def contour(turn: float) -> Points:
    """Return the contour of the face."""
    share = max(0.0, min(1.2, turn / _FULL_TURN))
    points: Points = _FRONT + (_TURNED - _FRONT) * share
    return points


def draw_head(pen: Pen, look: Look, face: Face, paint: Paint, size: float) -> None:
    """Draw the head but for the hair behind the shoulders; `size` is units per half head."""
    edge = _edge(size)
    if look.species:
        draw_beast_head(
            pen,
            look.species,
            paint.skin,
            edge,
            size,
            mood=face.mood,
            turn=face.turn,
            speaks=face.is_speaking,
            sleeps=face.is_asleep,
            away=face.is_away,
        )
        return
    if face.is_away:
        _draw_from_behind(pen, look, paint, edge, size)
        return
    outline = _wide(contour(face.turn), look)
    pen.fill(outline, paint.skin, edge=edge, form=size * 0.13 if size > 26 else 0, dark=105)
    _draw_features(pen, look, face, paint, size)
    if look.beard:
        _draw_beard(pen, look, face, paint, size)
    hair.draw_front(pen, look, face.turn, paint.hair, size, edge, black=paint.is_black)
    if not _ear_is_hidden(look):
        ear = blob(-0.56 - 0.14 * (1 - face.turn / _FULL_TURN), -0.1, 0.13, 0.2, 8)
        pen.fill(ear, paint.skin, edge=edge * 0.8)
        if size > 40:
            pen.line([(-0.62, 0.0), (-0.52, 0.0), (-0.55, -0.18)], edge * 0.5)
    hats.draw_hat(pen, look, face.turn, paint.cloth, paint.trim, edge, size)


def draw_back_hair(pen: Pen, look: Look, face: Face, paint: Paint, size: float) -> None:
    """Draw the hair that hangs behind the shoulders (or over them, from behind)."""
    hair.draw_back(
        pen, look, face.turn, paint.hair, size, _edge(size), black=paint.is_black, away=face.is_away
    )


def _edge(size: float) -> float:
    return float(np.clip(0.9 + size * 0.021, 1.2, 4.6))


def _wide(points: Points, look: Look) -> Points:
    wide = 1.0 + (look.girth - 1) * 0.35
    if look.age == "child":
        wide += 0.06
    jaw = np.where(
        points[:, 1:] < -0.5, 0.94 if look.is_woman else 1.04 + (look.girth - 1) * 0.2, 1.0
    )
    shaped: Points = points * np.concatenate([wide * jaw, np.ones_like(jaw)], axis=1)
    return shaped


def _ear_is_hidden(look: Look) -> bool:
    return look.hair in {"long", "bob", "curly"} or look.hat in {"hood", "helmet", "scarf"}


def _draw_from_behind(pen: Pen, look: Look, paint: Paint, edge: float, size: float) -> None:
    for side in (-1, 1):
        pen.fill(blob(side * 0.8, -0.12, 0.13, 0.2, 8), paint.skin, edge=edge * 0.8)
    pen.fill(_wide(contour(0), look) * (1.0, 0.98), paint.skin, edge=edge, form=size * 0.1)
    hair.draw_from_behind(pen, look, paint.hair, size, edge, black=paint.is_black)
    hats.draw_hat(pen, look, 0.0, paint.cloth, paint.trim, edge, size, away=True)


def _x(longitude: float, turn: float) -> float:
    return float(0.78 * np.sin(longitude + turn))


def _draw_features(pen: Pen, look: Look, face: Face, paint: Paint, size: float) -> None:
    if size < 11:
        for longitude in (-0.42, 0.42):
            x = _x(longitude, face.turn)
            pen.dash(x, 0.06, x, -0.2, 1.9)
        if face.is_speaking:
            pen.fill(blob(_x(0, face.turn), -0.52, 0.14, 0.13, 8), (60, 30, 30), edge=0, black=True)
        return
    edge = _edge(size)
    if size > 18:
        _draw_blush(pen, look, face, paint)
    for side, longitude in ((-1, -0.45), (1, 0.43)):
        _draw_eye(pen, look, face, side, longitude, edge, size)
    _draw_nose(pen, look, face, edge, size)
    _draw_mouth(pen, face, edge, size)
    if look.age == "old" and size > 18:
        _draw_wrinkles(pen, face, edge)
    if look.glasses:
        _draw_glasses(pen, face, edge)


def _draw_blush(pen: Pen, look: Look, face: Face, paint: Paint) -> None:
    for longitude in (-0.62, 0.6):
        x = _x(longitude, face.turn)
        wide = 0.17 * float(np.cos(longitude + face.turn) * 0.7 + 0.3)
        if x < 0.6:
            pen.tint(blob(x, -0.36, max(0.05, wide), 0.1, 8), paint.blush)
        if (face.mood == "happy" or look.age == "child") and x < 0.55:
            for step in (-0.07, 0.0, 0.07):
                pen.dash(x + step + 0.03, -0.31, x + step - 0.03, -0.42, 1.2)


def _draw_eye(
    pen: Pen, look: Look, face: Face, side: int, longitude: float, edge: float, size: float
) -> None:
    x = _x(longitude, face.turn)
    wide = 0.2 * max(0.42, float(np.cos(longitude + face.turn)))
    tall = {"surprised": 0.2, "angry": 0.1, "sad": 0.12, "happy": 0.115}.get(face.mood, 0.135) * (
        1.3 if look.age == "child" else 1.0
    )
    if look.is_woman:
        wide, tall = wide * 1.06, tall * 1.12
    y = -0.06
    _draw_brow(pen, look, face, side, x, wide, edge)
    if face.is_asleep or (face.mood == "happy" and not face.is_speaking):
        bend = -0.08 if face.is_asleep else 0.1
        pen.line([(x - wide, y), (x, y + bend), (x + wide, y)], edge * 1.05)
        return
    if size > 22:
        white = [(x - wide, y - tall * 0.1), (x - wide * 0.4, y + tall),
        (x + wide * 0.5, y + tall * 0.95),
                 (x + wide, y), (x + wide * 0.4, y - tall * 0.8),
                 (x - wide * 0.5, y - tall * 0.8)]  # fmt: skip
        pen.fill(white, (253, 252, 248), edge=0)
    iris = 0.62 if face.mood == "surprised" else 0.92
    look_to = x + wide * 0.16
    pen.fill(
        blob(look_to, y + tall * 0.04, wide * 0.5 * iris + 0.015, tall * 0.86 * iris, 10),
        (30, 28, 30),
        edge=0,
        black=True,
    )
    if size > 30:
        pen.fill(
            blob(look_to - wide * 0.16, y + tall * 0.38, wide * 0.2, tall * 0.26, 6),
            (255, 255, 255),
            edge=0,
        )
    lid = [
        (x - wide * 1.1, y - tall * 0.05),
        (x - wide * 0.4, y + tall),
        (x + wide * 0.5, y + tall * 0.96),
        (x + wide * 1.12, y + tall * 0.1),
    ]
    pen.line(lid, edge * (1.5 if look.is_woman else 1.25), taper=0.2)
    if size > 30:
        pen.line(
            [(x - wide * 0.5, y - tall * 0.95), (x + wide * 0.55, y - tall * 0.92)], edge * 0.55
        )
    if look.is_woman and size > 22:
        outer = x + side * wide * 1.05
        pen.dash(outer, y + tall * 0.2, outer + side * 0.09, y + tall * 0.7, edge * 0.9)


def _draw_brow(
    pen: Pen, look: Look, face: Face, side: int, x: float, wide: float, edge: float
) -> None:
    inner, outer = {
        "angry": (0.13, 0.34), "sad": (0.36, 0.19), "surprised": (0.4, 0.36), "happy": (0.31, 0.27),
    }.get(face.mood, (0.25, 0.26))  # fmt: skip
    near, far = x - side * wide * 1.05, x + side * wide * 1.2
    heavy = 1.0 if look.is_woman or look.age == "child" else 1.75
    if look.age == "old" and look.beard:
        heavy = 2.1
    pen.line(
        [(near, inner), ((near + far) / 2, (inner + outer) / 2 + 0.05), (far, outer)],
        edge * heavy,
        taper=0.35,
    )


def _draw_nose(pen: Pen, look: Look, face: Face, edge: float, size: float) -> None:
    tip = _x(0.16, face.turn) + 0.06
    low = -0.34 if look.age == "child" else -0.4
    if size < 22 or look.age == "child":
        pen.line([(tip, low + 0.08), (tip + 0.03, low), (tip - 0.06, low - 0.02)], edge * 0.8)
        return
    bridge = _x(0.04, face.turn)
    pen.line(
        [
            (bridge + 0.04, -0.04),
            (tip - 0.01, low + 0.13),
            (tip + 0.05, low + 0.03),
            (tip - 0.02, low - 0.05),
            (tip - 0.12, low - 0.03),
        ],
        edge * 0.85,
        taper=0.45,
    )


def _draw_mouth(pen: Pen, face: Face, edge: float, size: float) -> None:
    x = _x(0.03, face.turn)
    y = -0.62
    if face.is_speaking and not face.is_asleep:
        tall = {"angry": 0.15, "surprised": 0.17, "happy": 0.14}.get(face.mood, 0.11)
        wide = {"angry": 0.25, "surprised": 0.14, "happy": 0.26}.get(face.mood, 0.19)
        top = 0.35 if face.mood == "happy" else 0.8
        shape = [(x - wide, y + (0.06 if face.mood != "angry" else -0.03)), (x, y + tall * top),
        (x + wide * 0.95, y + (0.06 if face.mood != "angry" else -0.03)),
                 (x + wide * 0.5, y - tall), (x - wide * 0.5, y - tall)]  # fmt: skip
        pen.fill(shape, (120, 50, 46), edge=edge * 0.95, black=size < 24)
        if size > 30:
            pen.fill(
                [
                    (x - wide * 0.7, y + 0.05),
                    (x, y + tall * top * 0.8),
                    (x + wide * 0.66, y + 0.05),
                    (x, y + 0.015),
                ],
                (250, 248, 244),
                edge=0,
            )
        return
    if face.mood == "surprised":
        pen.fill(blob(x, y, 0.09, 0.1, 8), (120, 50, 46), edge=edge * 0.9)
        return
    bend = {"happy": -0.11, "sad": 0.08, "angry": 0.07}.get(face.mood, -0.015)
    wide = {"happy": 0.27, "angry": 0.2}.get(face.mood, 0.17)
    pen.line([(x - wide, y), (x, y + bend), (x + wide, y)], edge, taper=0.3)
    if size > 34:
        pen.line([(x - 0.07, y - 0.13), (x + 0.07, y - 0.13)], edge * 0.55)


def _draw_wrinkles(pen: Pen, face: Face, edge: float) -> None:
    for longitude in (-0.5, 0.42):
        x = _x(longitude, face.turn)
        pen.line([(x - 0.12, -0.25), (x, -0.29), (x + 0.1, -0.25)], edge * 0.55)
    x = _x(0, face.turn)
    pen.line([(x - 0.28, -0.38), (x - 0.33, -0.55)], edge * 0.6)
    pen.line([(x - 0.22, 0.52), (x + 0.2, 0.53)], edge * 0.5)


def _draw_glasses(pen: Pen, face: Face, edge: float) -> None:
    for longitude in (-0.45, 0.43):
        wide = 0.28 * max(0.5, float(np.cos(longitude + face.turn)))
        pen.line(blob(_x(longitude, face.turn), -0.07, wide, 0.24, 10), edge * 0.8, closed=True)
    pen.line([(_x(-0.1, face.turn), -0.03), (_x(0.08, face.turn), -0.03)], edge * 0.8)
    pen.line([(_x(-0.85, face.turn), 0.0), (-0.62, 0.02)], edge * 0.8)


def _draw_beard(pen: Pen, look: Look, face: Face, paint: Paint, size: float) -> None:
    x = _x(0.03, face.turn)
    edge = _edge(size)
    colour = mixed(paint.hair, paint.skin, 0.12)
    black = paint.is_black
    if look.beard in {"long", "short"}:
        low = -2.0 if look.beard == "long" else -1.24
        shape = [(-0.5, -0.25), (-0.42, -0.62), (x - 0.3, -0.5), (x - 0.2, -0.74),
        (x + 0.2, -0.74), (x + 0.28, -0.5),
                 (0.66, -0.36), (0.62, -0.85), (x + 0.16, low), (x - 0.22, low + 0.12),
                 (-0.4, -0.95)]  # fmt: skip
        pen.fill(shape, colour, edge=edge, black=black)
        for step in (-0.2, 0.0, 0.2):
            pen.line(
                [
                    (x + step, -0.85),
                    (x + step * 0.7, (low - 0.85) / 2),
                    (x + step * 0.3, low + 0.15),
                ],
                edge * 0.6,
                ink=0 if black else 255,
            )
    pen.fill(
        [
            (x - 0.36, -0.6),
            (x - 0.2, -0.5),
            (x, -0.49),
            (x + 0.2, -0.5),
            (x + 0.34, -0.6),
            (x + 0.1, -0.58),
            (x - 0.1, -0.58),
        ],
        colour,
        edge=edge * 0.7,
        black=black,
    )
