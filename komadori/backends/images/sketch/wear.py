"""Who wears what: what every part of the clothes has to know."""

from dataclasses import dataclass

import numpy as np

from komadori.backends.images.sketch.head import Paint
from komadori.backends.images.sketch.ink import Pen
from komadori.backends.images.sketch.looks import Look
from komadori.backends.images.sketch.poses import Skeleton


@dataclass(frozen=True, slots=True)
class Wear:
    """Who is dressed, where, and with what colours."""

    pen: Pen
    look: Look
    body: Skeleton
    paint: Paint
    edge: float
    tall: float
    is_away: bool
    blacks: bool

    @property
    def is_black(self) -> bool:
        """Whether the cloth is dark enough to be spotted with solid ink."""
        return self.blacks and sum(self.look.cloth) < 170

    @property
    def is_fine(self) -> bool:
        """Whether the figure is large enough for folds and patterns."""
        return self.tall > 210

    def form(self, share: float) -> float:
        """Return how wide the shadow on the dark side is."""
        return self.tall * share if self.tall > 120 else 0.0


def at(wear: Wear, across: float, along: float) -> tuple[float, float]:
    """Return a point of the torso: across -1..1 (shoulders), along 0 (hip) to 1 (chest)."""
    body = wear.body
    up = body.chest - body.hip
    side = np.array([up[1], -up[0]]) / max(1e-9, float(np.hypot(*up)))
    point = body.hip + up * along + side * across * body.shoulder
    return float(point[0]), float(point[1])
