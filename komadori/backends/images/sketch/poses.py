"""Poses as angles of limbs, and the joints that follow from them.

Angles are degrees from straight down, forwards positive. A figure is 1 high, stands at (0, 0),
faces
right; y is upwards.
"""

from dataclasses import dataclass

import numpy as np

from komadori.backends.images.sketch.ink import Points
from komadori.backends.images.sketch.looks import Look

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """Upper and lower angle of each limb; near limbs are those on the viewer's side."""

    lean: float = 0.0
    nod: float = 0.0
    near_arm: Pair = (-9, 4)
    far_arm: Pair = (14, 22)
    near_leg: Pair = (-4, -5)
    far_leg: Pair = (6, 4)


POSES: dict[str, Pose] = {
    "stand": Pose(),
    "incline": Pose(lean=2, nod=7),
    "lift": Pose(lean=-3, nod=-7),
    "talk": Pose(lean=2, near_arm=(-12, 30), far_arm=(34, 104)),
    "plead": Pose(lean=4, near_arm=(40, 74), far_arm=(44, 92)),
    "listen": Pose(lean=-2, near_arm=(-7, 10), far_arm=(22, 74)),
    "akimbo": Pose(lean=-2, near_arm=(-46, 52), far_arm=(14, 20), near_leg=(-8, -8),
    far_leg=(10, 8)),
    "point": Pose(lean=3, near_arm=(-12, 10), far_arm=(82, 90), near_leg=(-8, -8), far_leg=(10, 8)),
    "walk": Pose(lean=4, near_arm=(-26, -4), far_arm=(26, 46), near_leg=(26, 14),
    far_leg=(-14, -40)),
    "run": Pose(lean=20, nod=-10, near_arm=(-52, 26), far_arm=(42, 116), near_leg=(62, -18),
    far_leg=(-34, -92)),
    "sit": Pose(lean=-2, near_arm=(20, 72), far_arm=(26, 74), near_leg=(84, 4), far_leg=(78, -6)),
    "kneel": Pose(lean=8, nod=8, near_arm=(22, 60), far_arm=(28, 66), near_leg=(2, -90),
    far_leg=(86, 2)),
    "bow": Pose(lean=46, nod=16, near_arm=(62, 108), far_arm=(66, 112), near_leg=(2, -2),
    far_leg=(4, 0)),
    "fight": Pose(lean=12, nod=-6, near_arm=(-120, 175), far_arm=(66, 96), near_leg=(-30, -22),
    far_leg=(48, 8)),
    "reach": Pose(lean=8, near_arm=(4, 20), far_arm=(64, 84), near_leg=(-10, -14), far_leg=(12, 4)),
    "look": Pose(lean=4, nod=-6, near_arm=(64, 158), far_arm=(0, 10), near_leg=(-7, -7),
    far_leg=(9, 6)),
    "think": Pose(nod=8, near_arm=(26, 148), far_arm=(30, 92)),
    "raise": Pose(lean=-4, nod=-8, near_arm=(-150, -172), far_arm=(150, 172), near_leg=(-12, -8),
    far_leg=(14, 8)),
    "cry": Pose(lean=8, nod=18, near_arm=(30, 148), far_arm=(34, 150)),
    "recoil": Pose(lean=-10, nod=-6, near_arm=(36, 140), far_arm=(48, 128), near_leg=(-18, -14),
    far_leg=(16, 2)),
    "hold": Pose(near_arm=(30, 82), far_arm=(12, 30)),
    "ride": Pose(lean=10, near_arm=(34, 76), far_arm=(38, 78), near_leg=(52, -14),
    far_leg=(48, -16)),
    "lie": Pose(near_arm=(16, 60), far_arm=(10, 14), near_leg=(10, -8), far_leg=(4, 2)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints of one figure in one pose."""

    hip: Points
    chest: Points
    neck: Points
    head: Points
    tilt: float
    half_head: float
    shoulder: float
    waist: float
    near_arm: Points
    far_arm: Points
    near_leg: Points
    far_leg: Points
    thick: float


def skeleton(look: Look, pose: Pose, *, spread: float = 0.82) -> Skeleton:
    """Return the joints. `spread` narrows the shoulders as the body turns."""
    half_head = 0.5 / look.heads
    body = 1.0 - 1.88 * half_head
    leg, torso = body * 0.5, body * 0.43
    thick = (
        body
        * 0.062
        * (0.75 + 0.25 * look.girth)
        * (1.0 + max(0.0, 0.22 - 1 / look.heads) * -1.0 + max(0.0, 1 / look.heads - 0.2) * 2.2)
    )
    shoulder = (
        body
        * (0.134 if look.is_woman else 0.160)
        * (0.4 + 0.6 * look.girth)
        * (0.88 if look.age == "child" else 1.0)
    )
    hip = np.zeros(2)
    up = -_way(-pose.lean)
    side = np.array([up[1], -up[0]])
    chest = hip + up * torso
    neck = hip + up * (torso + body * 0.045)
    tilt = pose.lean * 0.35 + pose.nod
    head = neck + -_way(-tilt) * (half_head * 0.9)
    near_shoulder = chest - side * shoulder * spread * 0.98 + up * -body * 0.062
    far_shoulder = chest + side * shoulder * spread * 0.9 + up * -body * 0.058
    near_leg = _limb(hip - np.array([shoulder * 0.42, 0]), pose.near_leg, leg * 0.52, leg * 0.48)
    far_leg = _limb(hip + np.array([shoulder * 0.42, 0]), pose.far_leg, leg * 0.52, leg * 0.48)
    ground = np.array([0.0, -min(near_leg[-1][1], far_leg[-1][1])])
    arm = body * 0.205
    return Skeleton(
        hip + ground,
        chest + ground,
        neck + ground,
        head + ground,
        float(np.radians(tilt)),
        half_head,
        shoulder,
        shoulder * (0.72 + max(0.0, look.girth - 1.0) * 0.9),
        _limb(near_shoulder, pose.near_arm, arm, arm * 0.92) + ground,
        _limb(far_shoulder, pose.far_arm, arm, arm * 0.92) + ground,
        near_leg + ground,
        far_leg + ground,
        thick,
    )


def _way(degrees: float) -> Points:
    turn = np.radians(degrees)
    return np.array([np.sin(turn), -np.cos(turn)])


def _limb(root: Points, angles: Pair, upper: float, lower: float) -> Points:
    knee = root + _way(angles[0]) * upper
    return np.stack([root, knee, knee + _way(angles[1]) * lower])


def tube(joints: Points, widths: tuple[float, float, float]) -> Points:
    """Return the outline of a limb around three joints."""
    dense = np.stack(
        [joints[0], (joints[0] + joints[1]) / 2, joints[1], (joints[1] + joints[2]) / 2, joints[2]]
    )
    wide = np.array(
        [
            widths[0],
            (widths[0] + widths[1]) / 2 * 1.04,
            widths[1],
            (widths[1] + widths[2]) / 2 * 1.08,
            widths[2],
        ]
    )[:, None]
    step = np.gradient(dense, axis=0)
    step /= np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-9)[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    cap = dense[-1] + step[-1] * wide[-1] * 0.7
    root = dense[0] - step[0] * wide[0] * 0.85
    left, right = dense + normal * wide, dense - normal * wide
    left[0], right[0] = dense[0] + normal[0] * wide[0] * 0.8, dense[0] - normal[0] * wide[0] * 0.8
    outline: Points = np.concatenate([root[None], left, cap[None], right[::-1]])
    return outline
