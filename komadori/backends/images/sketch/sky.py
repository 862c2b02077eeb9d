"""The sky, and what hangs in it."""

import numpy as np

from komadori.backends.images.sketch.ink import Colour, blob, mixed
from komadori.backends.images.sketch.scenery import SLACK, Stage
from komadori.domain.story import TimeOfDay, Weather


def draw_sky(stage: Stage) -> None:
    """Draw the sky down to the horizon, with what hangs in it."""
    pen, camera = stage.pen, stage.camera
    low = camera.horizon + 4
    sky = stage.palette.of("sky")
    if stage.is_night:
        sky = stage.palette.graded((74, 88, 128))
    box = [(stage.left, -SLACK), (stage.right, -SLACK), (stage.right, low), (stage.left, low)]
    overcast = stage.weather is not Weather.CLEAR
    pen.fill(
        box,
        mixed(sky, (150, 152, 160), 0.35) if overcast else sky,
        edge=0,
        smooth=False,
        shade=92 if stage.is_night else 40 if overcast else 0,
    )
    for band, share in ((0.45, 0.22), (0.72, 0.42)):
        top = -40 + (low + 40) * band
        wave = [
            (x, top + 16 * float(np.sin(x * 0.011 + band * 9 + stage.number)))
            for x in np.linspace(stage.left, stage.right, 9)
        ]
        pen.tint(
            [*wave, (stage.right, low), (stage.left, low)], mixed(sky, stage.palette.far, share)
        )
    _draw_orb(stage)
    if stage.is_night and not overcast:
        _draw_stars(stage)
    else:
        _draw_clouds(stage, sky)


def _draw_orb(stage: Stage) -> None:
    dice = stage.dice("orb")
    azimuth = dice.uniform(-0.32, 0.32)
    x = stage.camera.along(azimuth)
    shown = stage.is_night
    if shown and stage.weather is Weather.CLEAR:
        y = max(70.0, stage.camera.horizon - 250)
        x = min(max(x, 120.0), stage.pen.sheet.width - 120)
        glow = stage.palette.graded((120, 132, 170))
        stage.pen.tint(blob(x, y, 92, 92, 18), glow)
        stage.pen.tone(blob(x, y, 92, 92, 18), 40)
        stage.pen.fill(blob(x, y, 46, 46, 16), stage.palette.graded((252, 246, 220)), edge=1.6)
        stage.pen.tint(blob(x + 12, y - 8, 9, 7, 8), stage.palette.graded((232, 224, 196)))
    elif stage.time is TimeOfDay.DUSK and stage.weather is Weather.CLEAR:
        y = stage.camera.horizon - 46
        stage.pen.tint(
            blob(x, y, 150, 150, 20),
            mixed(stage.palette.far, stage.palette.graded((255, 190, 110)), 0.5),
        )
        stage.pen.fill(blob(x, y, 58, 58, 18), stage.palette.graded((250, 140, 70)), edge=1.8)


def _draw_stars(stage: Stage) -> None:
    dice = stage.dice("stars")
    for _ in range(46):
        x = stage.camera.along(dice.uniform(-0.9, 0.9))
        y = dice.uniform(10, max(30.0, stage.camera.horizon - 90))
        size = dice.choice((1.4, 1.8, 2.6))
        if stage.left < x < stage.right:
            stage.pen.fill(blob(x, y, size, size, 6), (255, 252, 236), edge=0)


def _draw_clouds(stage: Stage, sky: Colour) -> None:
    dice = stage.dice("clouds")
    colour = mixed(sky, stage.palette.of("cloud"), 0.75)
    for _ in range(5):
        x = stage.camera.along(dice.uniform(-0.8, 0.8))
        y = stage.camera.horizon - dice.uniform(150, 380)
        long, tall = dice.uniform(70, 150), dice.uniform(14, 30)
        if not stage.left < x < stage.right:
            continue
        humps = [
            (x - long, y),
            (x - long * 0.7, y - tall * 0.7),
            (x - long * 0.3, y - tall),
            (x, y - tall * 1.5),
            (x + long * 0.4, y - tall * 0.9),
            (x + long * 0.75, y - tall * 0.7),
            (x + long, y),
        ]
        stage.pen.tint([*humps, (x, y + 5)], colour)
        stage.pen.line(humps, 1.2, taper=0.4)
