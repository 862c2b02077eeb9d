"""A camera in the world of a scene: metres in, frame units out.

The world's ground is y = 0; the actors stand about the origin; z goes away from the first camera.
Verticals stay vertical, as an illustrator draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Place = tuple[float, float, float]
_NEAREST = 0.25


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera is and how it sees."""

    x: float
    z: float
    height: float
    yaw: float
    focal: float
    horizon: float
    middle: float

    @classmethod
    def aimed(
        cls,
        *,
        scale: float,
        focal: float,
        height: float,
        horizon: float,
        yaw: float,
        middle: float,
        target: tuple[float, float] = (0, 0),
    ) -> "Camera":
        """Return a camera that shows what stands at the target with `scale` units per metre."""
        far = focal / scale
        return cls(
            target[0] - far * float(np.sin(yaw)),
            target[1] - far * float(np.cos(yaw)),
            height,
            yaw,
            focal,
            horizon,
            middle,
        )

    def depth(self, x: float, z: float) -> float:
        """Return how far a place is along the line of sight."""
        return (x - self.x) * float(np.sin(self.yaw)) + (z - self.z) * float(np.cos(self.yaw))

    def seen(self, place: Place) -> tuple[float, float, float]:
        """Return where a place is in the frame, and units per metre there (0: behind us)."""
        deep = self.depth(place[0], place[2])
        if deep < _NEAREST:
            return 0.0, 0.0, 0.0
        scale = self.focal / deep
        return (
            self.middle + self._right(place[0], place[2]) * scale,
            self.horizon - (place[1] - self.height) * scale,
            scale,
        )

    def outline(self, places: Sequence[Place]) -> list[tuple[float, float]]:
        """Return a flat shape in the frame, cut off where it comes behind the camera."""
        own = [(self._right(x, z), y, self.depth(x, z)) for x, y, z in places]
        kept: list[Place] = []
        for (ax, ay, ad), (bx, by, bd) in zip(own, own[1:] + own[:1], strict=True):
            if ad >= _NEAREST:
                kept.append((ax, ay, ad))
            if (ad >= _NEAREST) != (bd >= _NEAREST):
                share = (_NEAREST - ad) / (bd - ad)
                kept.append((ax + (bx - ax) * share, ay + (by - ay) * share, _NEAREST))
        return [self._shown(*place) for place in kept]

    def stretch(self, start: Place, end: Place) -> list[tuple[float, float]]:
        """Return a straight line in the frame, cut off behind the camera; empty if all of it is."""
        ends = [(self._right(x, z), y, self.depth(x, z)) for x, y, z in (start, end)]
        if max(ends[0][2], ends[1][2]) < _NEAREST:
            return []
        (ax, ay, ad), (bx, by, bd) = ends
        if ad < _NEAREST or bd < _NEAREST:
            share = (_NEAREST - ad) / (bd - ad)
            cut = (ax + (bx - ax) * share, ay + (by - ay) * share, _NEAREST)
            ends = [cut if ad < _NEAREST else ends[0], cut if bd < _NEAREST else ends[1]]
        return [self._shown(*place) for place in ends]

    def along(self, azimuth: float) -> float:
        """Return where a direction (radians, 0 is the world's z) crosses the horizon."""
        turn = max(-1.3, min(1.3, azimuth - self.yaw))
        return self.middle + self.focal * float(np.tan(turn))

    def azimuth(self, across: float) -> float:
        """Return the direction that is seen at a place across the frame."""
        return self.yaw + float(np.arctan2(across - self.middle, self.focal))

    def _right(self, x: float, z: float) -> float:
        return (x - self.x) * float(np.cos(self.yaw)) - (z - self.z) * float(np.sin(self.yaw))

    def _shown(self, right: float, y: float, deep: float) -> tuple[float, float]:
        x = self.middle + right * self.focal / deep
        high = self.horizon - (y - self.height) * self.focal / deep
        return max(-9000.0, min(9000.0, x)), max(-9000.0, min(9000.0, high))
