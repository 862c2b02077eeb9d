"""What falls between the camera and the scene, and lines of speed and feeling."""

import numpy as np

from komadori.backends.images.sketch.chance import chance
from komadori.backends.images.sketch.ink import Pen, blob
from komadori.domain.story import Weather


def draw_weather(pen: Pen, weather: Weather, seed: int, *, before_actors: bool) -> None:
    """Draw rain or snow over the whole frame; some of it in front of the actors."""
    dice = chance("weather", seed, before_actors)
    wide = pen.sheet.width
    if weather is Weather.RAIN:
        for _ in range(70 if before_actors else 150):
            x, y = dice.uniform(-60, wide + 120), dice.uniform(-60, 720)
            long = dice.uniform(40, 110) if before_actors else dice.uniform(24, 60)
            pen.dash(
                x,
                y,
                x - long * 0.28,
                y + long,
                1.9 if before_actors else 1.3,
                ink=0 if dice.random() < 0.45 else 220,
            )
    elif weather is Weather.SNOW:
        for _ in range(60 if before_actors else 110):
            x, y = dice.uniform(0, wide), dice.uniform(0, 720)
            size = dice.uniform(3.5, 8.5) if before_actors else dice.uniform(1.8, 4)
            pen.fill(blob(x, y, size, size * 0.94, 8), (255, 255, 255), edge=0.9 if size > 3 else 0)


def draw_speed(pen: Pen, seed: int, centre: tuple[float, float], *, towards_right: bool) -> None:
    """Draw speed lines behind something that moves."""
    dice = chance("speed", seed)
    wide = pen.sheet.width
    for _ in range(40):
        y = dice.uniform(30, 700)
        quiet = abs(y - centre[1]) < 70
        long = dice.uniform(0.14, 0.42) * wide * (0.6 if quiet else 1.0)
        x = dice.uniform(-0.1, 0.5) * wide if towards_right else dice.uniform(0.5, 1.1) * wide
        pen.dash(
            x,
            y,
            x + (long if towards_right else -long),
            y + dice.uniform(-3, 3),
            dice.choice((1.4, 2.0, 3.2)),
        )


def draw_burst(pen: Pen, seed: int, centre: tuple[float, float], radius: float) -> None:
    """Draw focus lines that run to a shocked or furious face from all sides."""
    dice = chance("burst", seed)
    far = pen.sheet.width * 0.75
    for turn in np.linspace(0, 2 * np.pi, 84, endpoint=False):
        angle = float(turn) + dice.uniform(-0.03, 0.03)
        start = radius * dice.uniform(1.05, 1.5)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        end = (centre[0] + cos * far, centre[1] + sin * far)
        wide = dice.uniform(3, 10)
        pen.sheet.to_ink.polygon(
            [
                value * pen.sheet.scale
                for value in (
                    centre[0] + cos * start,
                    centre[1] + sin * start,
                    end[0] - sin * wide,
                    end[1] + cos * wide,
                    end[0] + sin * wide,
                    end[1] - cos * wide,
                )
            ],
            fill=255,
        )


def draw_sign(pen: Pen, mood: str, x: float, y: float, size: float, *, faces_right: bool) -> None:
    """Draw a small sign of feeling beside a head of half height `size`."""
    ahead = 1 if faces_right else -1
    edge = 1.4 + size * 0.022
    if mood == "surprised":
        for turn in (-0.5, 0.0, 0.5):
            cos, sin = float(np.sin(turn)), -float(np.cos(turn))
            pen.dash(
                x + cos * size * 1.65,
                y + sin * size * 1.65,
                x + cos * size * 2.15,
                y + sin * size * 2.15,
                edge * 1.5,
            )
    elif mood == "angry":
        at = pen.at(x - ahead * size * 0.55, y - size * 1.45, scale=size * 0.26)
        for points in (
            [(-0.9, -0.2), (-0.25, -0.3), (-0.2, -0.9)],
            [(0.9, -0.2), (0.25, -0.3), (0.2, -0.9)],
            [(-0.9, 0.3), (-0.25, 0.35), (-0.2, 0.95)],
            [(0.9, 0.3), (0.25, 0.35), (0.2, 0.95)],
        ):
            at.line(points, edge * 1.3)
    elif mood == "sad" and size > 24:
        pen.at(x - ahead * size * 0.04, y + size * 0.3, scale=size).fill(
            [(0, -0.12), (0.09, 0.08), (0.05, 0.17), (-0.05, 0.17), (-0.09, 0.08)],
            (214, 232, 242),
            edge=edge * 0.7,
        )
