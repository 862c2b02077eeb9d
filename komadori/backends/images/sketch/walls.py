"""Flat faces, edges and boxes of whatever people build."""

from komadori.backends.images.sketch.camera import Place
from komadori.backends.images.sketch.ink import Colour, mixed
from komadori.backends.images.sketch.scenery import Stage


def face(
    stage: Stage, places: list[Place], colour: Colour, *, edge: float = 1.8, shade: int = 0
) -> list[tuple[float, float]]:
    shape = stage.camera.outline(places)
    if len(shape) > 2:
        stage.pen.fill(shape, colour, edge=edge, smooth=False, shade=shade)
    return shape


def line(stage: Stage, start: Place, end: Place, width: float) -> None:
    line = stage.camera.stretch(start, end)
    if line:
        stage.pen.line(line, width, smooth=False, taper=0.03)


def box(
    stage: Stage,
    x: float,
    z: float,
    half: float,
    deep: float,
    low: float,
    high: float,
    colour: Colour,
) -> None:
    """Draw a box standing square to the room: its front, the side we see, its top."""
    front, back = z - deep, z + deep
    side = -half if stage.camera.x < x else half
    face(
        stage,
        [
            (x + side, low, front),
            (x + side, high, front),
            (x + side, high, back),
            (x + side, low, back),
        ],
        colour,
        shade=90,
    )
    face(
        stage,
        [
            (x - half, high, front),
            (x + half, high, front),
            (x + half, high, back),
            (x - half, high, back),
        ],
        mixed(colour, (255, 248, 232), 0.25),
    )
    face(
        stage,
        [
            (x - half, low, front),
            (x - half, high, front),
            (x + half, high, front),
            (x + half, low, front),
        ],
        colour,
        shade=24,
    )
