"""Heads of animals who act in a story: they wear clothes, as in a picture book.

Coordinates are in half head heights, y upwards, facing right.
"""

from dataclasses import dataclass

from komadori.backends.images.sketch.ink import Colour, Pen, blob, mixed


@dataclass(frozen=True, slots=True)
class Beast:
    """What tells one kind from another. `snout` is how far it reaches out of the face."""

    names: str
    fur: Colour
    ears: str
    snout: float
    height: float = 1.2


BEASTS: dict[str, Beast] = {
    "owl": Beast("owl 猫头鹰", (150, 118, 88), "tufts", 0.0, 0.95),
    "bird": Beast("bird crow raven goose 鸟 乌鸦 鹤 麻雀 鹅", (92, 104, 124), "", 0.0, 0.9),
    "fox": Beast("fox vixen 狐狸 狐", (216, 128, 66), "points", 0.62, 1.1),
    "wolf": Beast("wolf 狼", (134, 138, 146), "points", 0.66, 1.5),
    "dog": Beast("dog puppy hound 狗 犬", (206, 168, 118), "flaps", 0.5, 1.0),
    "cat": Beast("cat kitten 猫", (120, 116, 124), "points", 0.22, 0.95),
    "tiger": Beast("tiger lion leopard 老虎 虎 狮子 狮 豹", (226, 162, 78), "rounds", 0.36, 1.6),
    "rabbit": Beast("rabbit hare bunny 兔子 兔", (232, 224, 212), "long", 0.2, 0.95),
    "bear": Beast("bear 熊", (128, 92, 68), "rounds", 0.42, 1.7),
    "mouse": Beast("mouse rat 老鼠 鼠", (168, 160, 158), "rounds", 0.4, 0.8),
    "monkey": Beast("monkey ape 猴子 猴", (166, 118, 80), "rounds", 0.24, 1.15),
    "horse": Beast("horse pony donkey 马儿 驴", (150, 108, 76), "points", 0.95, 1.6),
}  # fmt: skip


def draw_beast_head(
    pen: Pen,
    kind: str,
    fur: Colour,
    edge: float,
    size: float,
    *,
    mood: str,
    turn: float,
    speaks: bool,
    sleeps: bool,
    away: bool,
) -> None:
    """Draw the head of an animal; from behind only ears and fur."""
    beast = BEASTS[kind]
    shift = 0.0 if away else 0.3 * turn / 0.6
    _draw_ears(pen, beast.ears, fur, edge)
    pen.fill(blob(0, 0, 0.98, 0.94, 14), fur, edge=edge, form=size * 0.14 if size > 20 else 0)
    if away:
        for x in (-0.4, 0.0, 0.4):
            pen.line([(x, 0.5), (x * 1.1, 0.2), (x, -0.1)], edge * 0.6, taper=0.6)
        return
    if kind == "owl":
        _draw_owl(pen, fur, edge, shift, mood=mood, speaks=speaks, sleeps=sleeps)
        return
    _draw_eyes(pen, edge, shift, mood=mood, sleeps=sleeps)
    if kind == "bird":
        _draw_beak(pen, edge, shift, speaks=speaks)
        return
    _draw_snout(pen, beast, fur, edge, shift, speaks=speaks)
    _draw_markings(pen, kind, edge, shift, size)


def _draw_markings(pen: Pen, kind: str, edge: float, shift: float, size: float) -> None:
    if kind == "tiger":
        for x in (-0.4, 0.0, 0.4):
            pen.line([(x + shift * 0.5, 0.86), (x * 0.8 + shift, 0.52)], edge * 1.5, taper=0.3)
    if kind in {"cat", "tiger", "mouse", "rabbit"} and size > 16:
        for y in (-0.3, -0.42):
            pen.dash(shift + 0.3, y, shift + 1.2, y + (0.08 if y > -0.4 else -0.1), edge * 0.7)
            pen.dash(shift - 0.4, y, shift - 1.15, y + (0.08 if y > -0.4 else -0.1), edge * 0.7)


def _draw_ears(pen: Pen, ears: str, fur: Colour, edge: float) -> None:
    inner = mixed(fur, (236, 178, 160), 0.5)
    for side in (-1, 1):
        if ears == "tufts":
            tuft = [(side * 0.42, 0.78), (side * 1.0, 1.3), (side * 0.98, 0.86), (side * 0.9, 0.4)]
            pen.fill(tuft, fur, edge=edge)
        if ears == "points":
            ear = [(side * 0.3, 0.8), (side * 0.7, 1.38), (side * 0.86, 1.62), (side * 0.96, 0.3)]
            pen.fill(ear, fur, edge=edge, smooth=False)
        if ears == "points":
            pen.fill(
                [(side * 0.5, 0.86), (side * 0.8, 1.3), (side * 0.84, 0.7)],
                inner,
                edge=0,
                smooth=False,
            )
        elif ears == "rounds":
            pen.fill(blob(side * 0.76, 0.76, 0.36, 0.36, 10), fur, edge=edge)
            pen.fill(blob(side * 0.78, 0.78, 0.19, 0.19, 8), inner, edge=edge * 0.5)
        elif ears == "long":
            pen.fill(
                [
                    (side * 0.16, 0.8),
                    (side * 0.24, 1.9),
                    (side * 0.5, 2.3),
                    (side * 0.66, 1.8),
                    (side * 0.56, 0.7),
                ],
                fur,
                edge=edge,
            )
            pen.fill(
                [
                    (side * 0.32, 1.0),
                    (side * 0.36, 1.8),
                    (side * 0.48, 2.0),
                    (side * 0.54, 1.7),
                    (side * 0.46, 1.0),
                ],
                inner,
                edge=0,
            )
        elif ears == "flaps":
            pen.fill(
                [
                    (side * 0.5, 0.9),
                    (side * 1.0, 0.8),
                    (side * 1.25, 0.1),
                    (side * 1.08, -0.4),
                    (side * 0.86, 0.0),
                    (side * 0.7, 0.5),
                ],
                mixed(fur, (70, 50, 40), 0.5),
                edge=edge,
            )


def _draw_owl(
    pen: Pen, fur: Colour, edge: float, shift: float, *, mood: str, speaks: bool, sleeps: bool
) -> None:
    pale = mixed(fur, (250, 242, 224), 0.65)
    for side in (-1, 1):
        x = side * 0.42 + shift
        pen.fill(blob(x, 0.02, 0.44, 0.48, 12), pale, edge=edge * 0.8)
        if sleeps:
            pen.line([(x - 0.24, 0.02), (x, -0.1), (x + 0.24, 0.02)], edge * 1.3)
            continue
        wide = 0.34 if mood == "surprised" else 0.28
        pen.fill(blob(x, 0.04, wide, wide, 12), (244, 196, 84), edge=edge * 0.8)
        pen.fill(
            blob(x + 0.04, 0.04, wide * 0.55, wide * 0.6, 10), (20, 20, 22), edge=0, black=True
        )
        pen.fill(blob(x - 0.03, 0.14, 0.05, 0.06, 6), (255, 255, 255), edge=0)
        tilt = {"angry": -0.16, "sad": 0.16}.get(mood, -0.04)
        pen.line(
            [(x - side * 0.36, 0.46 + tilt), (x + side * 0.36, 0.5 - tilt)], edge * 1.6, taper=0.2
        )
    if speaks:
        pen.fill(
            [(shift - 0.13, -0.3), (shift + 0.15, -0.3), (shift + 0.04, -0.66)],
            (150, 70, 60),
            edge=edge * 0.8,
        )
    pen.fill(
        [(shift - 0.16, -0.14), (shift + 0.18, -0.14), (shift + 0.02, -0.48)],
        (226, 160, 70),
        edge=edge * 0.9,
        smooth=False,
    )
    for x in (-0.3, 0.0, 0.3):
        pen.line(
            [
                (x - 0.08 + shift * 0.5, 0.72),
                (x + shift * 0.5, 0.62),
                (x + 0.08 + shift * 0.5, 0.72),
            ],
            edge * 0.7,
        )


def _draw_eyes(pen: Pen, edge: float, shift: float, *, mood: str, sleeps: bool) -> None:
    for side in (-1, 1):
        x = side * 0.38 + shift
        if sleeps or mood == "happy":
            bend = -0.08 if sleeps else 0.1
            pen.line([(x - 0.16, 0.1), (x, 0.1 + bend), (x + 0.16, 0.1)], edge * 1.2)
        else:
            tall = 0.2 if mood == "surprised" else 0.15
            pen.fill(blob(x, 0.1, 0.11, tall, 10), (20, 20, 22), edge=0, black=True)
            pen.fill(blob(x - 0.03, 0.16, 0.035, 0.05, 6), (255, 255, 255), edge=0)
        tilt = {"angry": -0.1, "sad": 0.1}.get(mood, 0.0)
        pen.line(
            [(x - side * 0.14, 0.36 + tilt), (x + side * 0.18, 0.38 - tilt)], edge * 1.2, taper=0.3
        )


def _draw_beak(pen: Pen, edge: float, shift: float, *, speaks: bool) -> None:
    if speaks:
        pen.fill(
            [(shift + 0.1, -0.3), (shift + 0.9, -0.56), (shift + 0.2, -0.52)],
            (226, 160, 70),
            edge=edge,
            smooth=False,
        )
    pen.fill(
        [(shift - 0.05, -0.1), (shift + 1.15, -0.3), (shift + 0.05, -0.4)],
        (236, 172, 76),
        edge=edge,
        smooth=False,
    )


def _draw_snout(
    pen: Pen, beast: Beast, fur: Colour, edge: float, shift: float, *, speaks: bool
) -> None:
    pale = mixed(fur, (252, 246, 234), 0.7)
    tip = shift + beast.snout * 0.8
    if speaks:
        pen.fill(
            [(shift - 0.2, -0.5), (tip, -0.56), (tip - 0.1, -0.86), (shift - 0.1, -0.8)],
            (140, 58, 54),
            edge=edge,
        )
    pen.fill(
        [
            (shift - 0.42, -0.34),
            (shift, -0.1),
            (tip + 0.12, -0.2),
            (tip + 0.24, -0.4),
            (tip, -0.6),
            (shift - 0.1, -0.66),
        ],
        pale,
        edge=edge * 0.9,
    )
    pen.fill(blob(tip + 0.14, -0.24, 0.15, 0.11, 8), (30, 28, 30), edge=0, black=True)
    if not speaks:
        pen.line([(tip + 0.1, -0.38), (tip - 0.02, -0.5), (shift - 0.1, -0.5)], edge * 0.9)
