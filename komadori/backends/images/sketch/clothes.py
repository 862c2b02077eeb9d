"""Clothes over a skeleton: bodies, skirts, sleeves, collars and their patterns."""

import numpy as np

from komadori.backends.images.sketch.garments import LONG, draw_front, draw_pattern
from komadori.backends.images.sketch.ink import Points, mixed
from komadori.backends.images.sketch.poses import tube
from komadori.backends.images.sketch.wear import Wear, at

_FLARE = {
    "robe": 1.45,
    "dress": 1.75,
    "coat": 1.25,
    "cloak": 1.3,
    "armour": 1.3,
    "suit": 1.02,
    "tunic": 1.18,
    "sweater": 1.04,
}

_JOINED = {"robe", "dress", "coat", "armour", "tunic", "cloak"}
"""Garments whose skirt grows out of the bodice: the seam is at the waist, under a sash."""

_SEATED = {"sit", "kneel", "ride"}


def draw_body(wear: Wear, pose: str) -> None:
    """Draw legs, skirt and torso."""
    garment = wear.look.garment
    is_long = garment in {"robe", "dress"} and pose not in _SEATED
    for joints in (wear.body.far_leg, wear.body.near_leg):
        _draw_leg(wear, joints, is_hidden=is_long)
    if pose in _SEATED and garment in {"robe", "dress", "coat", "cloak"}:
        for joints in (wear.body.far_leg, wear.body.near_leg):
            outline = tube(
                joints, (wear.body.thick * 1.6, wear.body.thick * 1.55, wear.body.thick * 1.7)
            )
            wear.pen.fill(
                outline, wear.paint.cloth, edge=wear.edge, form=wear.form(0.02), black=wear.is_black
            )
    if garment == "cloak" and pose not in _SEATED:
        _draw_cloak(wear)
    torso = _torso(wear)
    if pose not in _SEATED:
        _draw_skirt(wear)
    wear.pen.fill(
        torso, wear.paint.cloth, edge=wear.edge, form=wear.form(0.034), black=wear.is_black
    )
    draw_pattern(wear)
    draw_front(wear)


def _torso(wear: Wear) -> Points:
    waist = wear.body.waist / wear.body.shoulder
    hips = max(0.82 if wear.look.is_woman else 0.76, waist * 0.95)
    chest = 0.8 if wear.look.is_woman else 0.88
    low = 0.14 if wear.look.garment in _JOINED else -0.1
    belly = waist * (1.0 + max(0.0, wear.look.girth - 1.1) * 0.9)
    return np.array([
        at(wear, -hips, low), at(wear, -waist, 0.36), at(wear, -chest, 0.72),
        at(wear, -0.92, 0.88), at(wear, -0.72, 0.98),
        at(wear, -0.34, 1.06), at(wear, 0.3, 1.07), at(wear, 0.66, 0.99), at(wear, 0.86, 0.88),
        at(wear, chest * 0.9, 0.7),
        at(wear, belly, 0.34), at(wear, hips, low), at(wear, 0, low - 0.03),
    ])  # fmt: skip


def _draw_leg(wear: Wear, joints: Points, *, is_hidden: bool) -> None:
    thick = wear.body.thick * (0.82 if wear.look.is_woman else 1.0)
    bare = wear.look.garment == "dress"
    dark = mixed(wear.paint.cloth, (52, 50, 60), 0.55) if not wear.is_black else (96, 94, 104)
    colour = wear.paint.skin if bare else dark
    if not is_hidden or bare:
        wear.pen.fill(
            tube(joints, (thick * 1.5, thick * 1.12, thick * 0.9)),
            colour,
            edge=wear.edge,
            form=wear.form(0.016),
        )
    foot = joints[2]
    shin = joints[2] - joints[1]
    turn = float(np.arctan2(shin[0], -shin[1]))
    shoe = (
        np.array(
            [
                (-0.9, 0.9),
                (-1.0, -0.35),
                (0.2, -0.5),
                (2.1, -0.45),
                (2.2, 0.05),
                (1.1, 0.5),
                (0.9, 0.95),
            ]
        )
        * thick
        * 0.95
    )
    if wear.is_away:
        shoe = shoe * (0.5, 1.0) + (-0.2 * thick, 0)
    wear.pen.at(float(foot[0]), float(foot[1]), turn=turn * 0.9).fill(
        shoe, (60, 52, 52), edge=wear.edge, black=wear.blacks
    )


def _draw_skirt(wear: Wear) -> None:
    garment, body = wear.look.garment, wear.body
    long = LONG[garment]
    hip_y, feet = float(body.hip[1]), np.concatenate([body.near_leg[1:], body.far_leg[1:]])
    hem = hip_y * (1 - long)
    reach = body.waist * _FLARE[garment]
    left = min(
        float(body.hip[0]) - reach,
        float(np.interp(long, (0.3, 0.95), (-9, feet[:, 0].min() - body.thick * 1.3)))
        if long > 0.5
        else 9,
    )
    right = max(
        float(body.hip[0]) + reach,
        float(feet[:, 0].max() + body.thick * 1.5) * min(1.0, long * 1.08) if long > 0.5 else -9,
    )
    left = max(left, float(body.hip[0]) - 0.34)
    across = wear.body.waist / wear.body.shoulder
    waist_left, waist_right = at(wear, -across, 0.26), at(wear, across, 0.26)
    wave = (right - left) * 0.05
    points = [waist_left, ((waist_left[0] * 0.55 + left * 0.45), (waist_left[1] + hem) / 2),
    (left, hem), (left * 0.6 + right * 0.4, hem - wave * 0.6),
    (left * 0.3 + right * 0.7, hem + wave * 0.3), (right, hem + wave * 0.2),
    ((waist_right[0] * 0.55 + right * 0.45), (waist_right[1] + hem) / 2), waist_right]  # fmt: skip
    wear.pen.fill(
        points, wear.paint.cloth, edge=wear.edge, form=wear.form(0.03), black=wear.is_black
    )
    if wear.tall > 130 and long > 0.25:
        ink = 0 if wear.is_black else 255
        for share in (0.26, 0.5, 0.74) if wear.is_fine else (0.5,):
            top = (waist_left[0] + (waist_right[0] - waist_left[0]) * share, hip_y * 0.98)
            low = (left + (right - left) * share, hem + wave)
            wear.pen.line(
                [top, ((top[0] * 0.6 + low[0] * 0.4) + wave * 0.2, (top[1] + low[1]) / 2), low],
                wear.edge * 0.62,
                ink=ink,
                taper=0.6,
            )
    if garment in {"robe", "dress"} and wear.tall > 150 and wear.look.pattern in {"trim", "bands"}:
        lift = (right - left) * 0.07
        wear.pen.line(
            [
                (left + lift * 0.2, hem + lift),
                (left * 0.5 + right * 0.5, hem + lift * 0.4),
                (right - lift * 0.2, hem + lift),
            ],
            wear.edge * 1.4,
            ink=0 if wear.is_black else 255,
        )


def _draw_cloak(wear: Wear) -> None:
    body = wear.body
    low = float(body.hip[1]) * 0.14
    left = float(min(body.near_leg[:, 0].min(), body.hip[0])) - body.shoulder * 0.95
    points = [
        at(wear, -0.5, 1.06),
        at(wear, -1.2, 0.9),
        (left, low * 2.4),
        (left - 0.015, low),
        (float(body.hip[0]), low * 0.6),
        (float(body.hip[0]) + body.shoulder * 1.1, low),
        at(wear, 1.1, 0.8),
        at(wear, 0.4, 1.05),
    ]
    wear.pen.fill(
        points,
        mixed(wear.paint.cloth, (30, 30, 40), 0.25),
        edge=wear.edge,
        form=wear.form(0.05),
        black=wear.is_black,
    )
