"""Sleeves, and the hands that come out of them."""

import numpy as np

from komadori.backends.images.sketch.ink import Colour, Points, blob, mixed
from komadori.backends.images.sketch.poses import tube
from komadori.backends.images.sketch.wear import Wear


def draw_arm(wear: Wear, joints: Points, *, is_far: bool) -> None:
    """Draw a sleeve and the hand that comes out of it."""
    thick = wear.body.thick * (0.9 if wear.look.is_woman else 1.0)
    cloth = mixed(wear.paint.cloth, (40, 40, 50), 0.16) if is_far else wear.paint.cloth
    _draw_hand(wear, joints)
    outline = tube(joints, (thick * 1.16, thick * 0.9, thick * 0.76))
    if wear.look.garment == "robe":
        outline = _wide_sleeve(joints, thick)
    wear.pen.fill(outline, cloth, edge=wear.edge, form=wear.form(0.014), black=wear.is_black)
    ink = 0 if wear.is_black else 255
    if not is_far:
        _join_shoulder(wear, joints, thick, cloth)
    if wear.look.garment == "sweater" and wear.tall > 130:
        _draw_rings(wear, joints, thick, ink)
    elif wear.is_fine:
        _draw_sleeve_folds(wear, joints, thick, ink)


def _draw_sleeve_folds(wear: Wear, joints: Points, thick: float, ink: int) -> None:
    """Draw folds where the elbow bends, and the cuff."""
    way = (joints[2] - joints[1]) / max(1e-9, float(np.hypot(*(joints[2] - joints[1]))))
    across = np.array([-way[1], way[0]])
    for lift, long in ((0.25, 0.9), (-0.25, 0.7), (-0.75, 0.5)):
        middle = joints[1] - way * thick * lift
        wear.pen.line(
            [
                middle + across * thick * 0.86,
                middle + across * thick * (0.86 - long * 0.5) - way * thick * 0.25,
                middle + across * thick * (0.86 - long),
            ],
            wear.edge * 0.62,
            ink=ink,
            taper=0.6,
        )
    if wear.look.garment in {"coat", "suit", "dress", "cloak"}:
        cuff = joints[2] - way * thick * 0.5
        wear.pen.line(
            [cuff + across * thick * 0.8, cuff + way * thick * 0.18, cuff - across * thick * 0.8],
            wear.edge * 0.8,
            ink=ink,
            taper=0.05,
        )


def _join_shoulder(wear: Wear, joints: Points, thick: float, cloth: Colour) -> None:
    """Let sleeve and bodice run into each other at the shoulder."""
    if wear.look.garment == "armour":
        wear.pen.fill(
            blob(
                float(joints[0][0]), float(joints[0][1]) + thick * 0.2, thick * 1.5, thick * 1.15, 9
            ),
            mixed(cloth, (220, 224, 228), 0.4),
            edge=wear.edge,
        )
        return
    inward = 0.0 if wear.is_away else 0.42
    x, y = float(joints[0][0]) + thick * inward, float(joints[0][1]) + thick * 0.02
    wear.pen.fill(blob(x, y, thick * 0.98, thick * 0.78, 10), cloth, edge=0, black=wear.is_black)


def _draw_rings(wear: Wear, joints: Points, thick: float, ink: int) -> None:
    for start, end in ((joints[0], joints[1]), (joints[1], joints[2])):
        way = (end - start) / max(1e-9, float(np.hypot(*(end - start))))
        across = np.array([-way[1], way[0]]) * thick * 0.92
        for share in (0.3, 0.62, 0.92):
            middle = start + (end - start) * share
            wear.pen.line(
                [middle - across, middle + way * thick * 0.2, middle + across],
                wear.edge * 1.3,
                ink=ink,
                taper=0.05,
            )


def _wide_sleeve(joints: Points, thick: float) -> Points:
    outline = tube(joints, (thick * 1.16, thick * 1.05, thick * 1.35))
    wrist = joints[2]
    drop = wrist + np.array([-0.5 * thick, -2.6 * thick])
    way = wrist - joints[1]
    if way[1] < -abs(way[0]) * 1.2:  # hanging straight down: the mouth of the sleeve is below
        return tube(joints, (thick * 1.15, thick * 1.08, thick * 1.55))
    half = len(outline) // 2 + 1  # the cap at the wrist
    hanging = [outline[i] for i in range(len(outline))]
    lowest = half + 1 if outline[half + 1][1] < outline[half - 1][1] else half - 1
    hanging[lowest] = drop + way * 0.1
    sleeve: Points = np.array(hanging)
    return sleeve


def _draw_hand(wear: Wear, joints: Points) -> None:
    way = joints[2] - joints[1]
    turn = float(np.arctan2(way[1], way[0]))
    wide = wear.body.half_head * 0.36
    hand = wear.pen.at(float(joints[2][0]), float(joints[2][1]), scale=wide, turn=turn)
    skin: Colour = wear.paint.skin
    hand.fill(
        [
            (-0.4, 0.62),
            (0.6, 0.78),
            (1.5, 0.62),
            (1.9, 0.1),
            (1.6, -0.5),
            (0.7, -0.72),
            (-0.4, -0.6),
        ],
        skin,
        edge=wear.edge * 0.85,
    )
    if wear.is_fine:
        hand.fill(
            [(0.1, 0.6), (0.5, 1.15), (1.0, 1.2), (1.05, 0.75), (0.6, 0.5)],
            skin,
            edge=wear.edge * 0.75,
        )
        for y in (0.3, -0.02, -0.3):
            hand.line([(1.0, y), (1.75, y * 0.8)], wear.edge * 0.55)
