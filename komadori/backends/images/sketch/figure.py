"""A whole figure: limbs, clothes and head in the order in which they hide each other."""

from dataclasses import dataclass, field, replace

import numpy as np

from komadori.backends.images.sketch import clothes, garments, held, sleeves
from komadori.backends.images.sketch.head import Face, Paint, contour, draw_back_hair, draw_head
from komadori.backends.images.sketch.ink import Colour, Pen, Points, blob, mixed
from komadori.backends.images.sketch.looks import Look
from komadori.backends.images.sketch.palette import Palette
from komadori.backends.images.sketch.poses import POSES, Skeleton, skeleton, tube
from komadori.backends.images.sketch.wear import Wear


@dataclass(frozen=True, slots=True)
class Acting:
    """What one figure does in one panel."""

    pose: str = "stand"
    face: Face = field(default_factory=Face)
    faces_right: bool = True
    holds: str = ""
    is_dim: bool = False
    """In the foreground with the back to us: kept dark and simple."""


def draw_figure(
    pen: Pen,
    x: float,
    y: float,
    scale: float,
    look: Look,
    acting: Acting,
    palette: Palette,
    *,
    blacks: bool,
    away: float = 0.0,
) -> None:
    """Draw someone whose feet are at (x, y); `scale` is frame units per metre."""
    tall = scale * look.height
    pose = POSES[acting.pose]
    if acting.holds and acting.pose != "fight":
        pose = replace(pose, near_arm=held.GRIPS[acting.holds])
    body = skeleton(look, pose, spread=0.98 if acting.face.is_away else 0.82)
    own = pen.at(x, y, scale=tall, mirror=not acting.faces_right, up=True)
    if acting.pose == "lie":
        own = pen.at(
            x - (0.5 * tall if acting.faces_right else -0.5 * tall),
            y - tall * 0.07,
            scale=tall,
            mirror=not acting.faces_right,
            up=True,
            turn=np.pi / 2 * (1 if acting.faces_right else -1),
        )
    edge = float(np.clip(0.75 + tall * 0.0026, 1.05, 4.4))
    paint = _paint(look, palette, blacks=blacks, away=away, dim=acting.is_dim)
    wear = Wear(own, look, body, paint, edge, tall, acting.face.is_away, blacks)
    if 60 < tall < 420:
        _cast_shadow(pen, x, y, tall, look, body)
    _clear_around(own, body, palette, tall)
    _draw_parts(wear, acting, palette)


def _draw_parts(wear: Wear, acting: Acting, palette: Palette) -> None:
    own, body, tall = wear.pen, wear.body, wear.tall
    head = own.at(float(body.head[0]), float(body.head[1]), scale=body.half_head, turn=-body.tilt)
    size = body.half_head * tall
    if acting.pose == "sit" or acting.pose == "ride":
        held.draw_seat(own, body, palette, wear.edge, acting.pose)
    if not acting.face.is_away:
        draw_back_hair(head, wear.look, acting.face, wear.paint, size)
    sleeves.draw_arm(wear, body.far_arm, is_far=True)
    clothes.draw_body(wear, acting.pose)
    _draw_neck(wear)
    if acting.face.is_away:
        sleeves.draw_arm(wear, body.near_arm, is_far=False)
        draw_head(head, wear.look, acting.face, wear.paint, size)
        draw_back_hair(head, wear.look, acting.face, wear.paint, size)
        return
    garments.draw_collar(wear)
    draw_head(head, wear.look, acting.face, wear.paint, size)
    if acting.holds:
        held.draw_held(own, body, acting.holds, palette, wear.edge, acting.pose)
    sleeves.draw_arm(wear, body.near_arm, is_far=False)


def _cast_shadow(pen: Pen, x: float, y: float, tall: float, look: Look, body: Skeleton) -> None:
    feet = (float(body.near_leg[2][0]) + float(body.far_leg[2][0])) / 2 * tall
    wide = tall * (0.17 + abs(float(body.near_leg[2][0] - body.far_leg[2][0])) * 0.5) * look.girth
    pen.tone(blob(x + feet + wide * 0.35, y + 1, wide, tall * 0.032, 12), 150)


def _draw_neck(wear: Wear) -> None:
    body = wear.body
    wide = body.half_head * (0.34 if wear.look.is_woman or wear.look.age == "child" else 0.42)
    top = body.head - np.array([0, body.half_head * 0.6])
    low = body.chest - np.array([0, 0.004])
    shape = [
        (top[0] - wide, top[1]),
        (low[0] - wide * 1.15, low[1]),
        (low[0], low[1] - wide * 0.5),
        (low[0] + wide * 1.15, low[1]),
        (top[0] + wide * 0.9, top[1]),
    ]
    wear.pen.fill(shape, wear.paint.skin, edge=wear.edge * 0.8)
    if wear.tall > 330 and not wear.is_away:  # the chin's shadow
        mid = (top[1] + low[1]) / 2
        wear.pen.tone(
            [
                (top[0] - wide * 0.9, top[1]),
                (top[0] - wide * 0.85, mid + wide * 0.12),
                (top[0], mid - wide * 0.42),
                (top[0] + wide * 0.9, mid - wide * 0.1),
                (top[0] + wide * 0.86, top[1]),
            ],
            130,
        )


def _clear_around(own: Pen, body: Skeleton, palette: Palette, tall: float) -> None:
    margin = float(np.clip(tall * 0.02, 5.0, 16.0))
    light = mixed(palette.of("paper"), (255, 255, 255), 0.35)
    if palette.is_night:
        light = mixed(light, palette.far, 0.6)
    middle = (body.hip + body.chest) / 2
    parts: list[Points] = [
        tube(body.near_arm, (body.thick, body.thick, body.thick)),
        tube(body.far_arm, (body.thick, body.thick, body.thick)),
        tube(body.near_leg, (body.thick * 1.3, body.thick, body.thick)),
        tube(body.far_leg, (body.thick * 1.3, body.thick, body.thick)),
        blob(
            float(body.chest[0]),
            float(body.chest[1]) - body.shoulder * 0.5,
            body.shoulder * 0.8,
            body.shoulder * 0.6,
        ),
        blob(float(middle[0]), float(middle[1]), body.waist, body.shoulder),
        contour(0.3) * body.half_head * (1.12, 1.16) + body.head,
    ]
    for part in parts:
        own.halo(part, margin, light)


def _paint(look: Look, palette: Palette, *, blacks: bool, away: float, dim: bool) -> Paint:
    def shown(colour: Colour) -> Colour:
        lit = palette.lit(colour, away=away * 0.6, by=0.36)
        return mixed(lit, (40, 40, 52), 0.42) if dim else lit

    skin = shown(look.skin)
    flush = 0.1 if "mono" in palette.grades else 0.4
    dark = sum(look.hair_colour) < 130
    return Paint(
        skin,
        shown(look.hair_colour),
        shown(look.cloth),
        shown(look.trim),
        mixed(skin, palette.lit((226, 120, 100), by=0.5), flush),
        blacks and dark and away < 0.5,
    )
