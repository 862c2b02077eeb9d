"""How each panel of a story is framed, so that no two views of the same people are one picture.

The steps of a framing repeat after 3, 4 and 5 panels: all of them together only after 60, which is
the most panels a story may have. Neighbours differ in every one. Panels three apart are equally
near, so the parts of the place are in an order that puts far ones behind them.
"""

from dataclasses import dataclass

_NEARNESS = (1.0, 0.86, 1.14)
_SIDES = (0.0, 1.0, 0.4, -0.7)
_NODS = ("stand", "incline", "stand", "lift")
_AIMS = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Framing:
    """A panel's own view. It depends on the panel's number alone; the seed stirs it a little."""

    near: float
    """How much larger than usual people are."""
    side: float
    """How far they stand off their usual place: 1 is farther out, -1 past the middle."""
    nod: str
    """The pose of the head in a close view of someone who does nothing in particular."""
    aim: float
    """Which part of the place is behind them, from -1 (left) to 1 (right)."""


def framing_of(number: int) -> Framing:
    """Return the framing of the panel with this number."""
    return Framing(
        near=_NEARNESS[number % len(_NEARNESS)],
        side=_SIDES[number % len(_SIDES)],
        nod=_NODS[number % len(_NODS)],
        aim=_AIMS[number % len(_AIMS)],
    )
