"""Puts actors and camera in their places, as the shot and the talk between them ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from komadori.backends.images.sketch.camera import Camera
from komadori.backends.images.sketch.chance import chance, number_of
from komadori.backends.images.sketch.figure import Acting
from komadori.backends.images.sketch.framing import framing_of
from komadori.backends.images.sketch.head import Face
from komadori.backends.images.sketch.held import THINGS
from komadori.backends.images.sketch.looks import Look
from komadori.backends.images.sketch.poses import POSES, skeleton
from komadori.backends.images.sketch.reading import Reading
from komadori.domain.story import Drawing, Shot

_MOVING = {"walk", "run", "ride"}
_IDLE_POSES = ("stand", "listen", "akimbo", "stand", "think")
_TALK_POSES = ("talk", "plead", "talk", "akimbo")
_CLOSE_POSES = {"think", "cry", "raise", "look", "recoil"}
_MEDIUM_SCALES = (480, 480, 450, 400, 345)
_HAT_ROOM = {
    "straw": 0.34,
    "brim": 0.3,
    "helmet": 0.36,
    "crown": 0.25,
    "official": 0.22,
    "cap": 0.18,
    "hood": 0.22,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone on the stage: where their feet are in the frame, and how large they are there."""

    look: Look
    acting: Acting
    x: float
    y: float
    scale: float
    away: float = 0.0

    @property
    def head(self) -> tuple[float, float, float]:
        """Return the middle of the head and half its height, in frame units."""
        tall = self.scale * self.look.height
        if self.acting.pose == "lie":
            return self.x, self.y - 0.1 * tall, tall / self.look.heads / 2
        body = skeleton(self.look, POSES[self.acting.pose])
        across = float(body.head[0]) * tall * (1 if self.acting.faces_right else -1)
        return self.x + across, self.y - float(body.head[1]) * tall, tall * body.half_head


@dataclass(frozen=True, slots=True)
class Staging:
    """A camera, and the actors from far to near."""

    camera: Camera
    actors: tuple[Actor, ...]
    keep_clear: float
    voice: Actor | None
    is_insert: bool = False


def staged(drawing: Drawing, reading: Reading, looks: Mapping[str, Look], width: float) -> Staging:
    """Choose the camera and place everyone."""
    if not reading.people:
        return _empty(drawing, reading, width)
    if reading.shot is Shot.CLOSE_UP:
        return _close_up(drawing, reading, looks, width)
    if reading.shot is Shot.OVER_THE_SHOULDER:
        return _over_the_shoulder(drawing, reading, looks, width)
    return _group(drawing, reading, looks, width)


def _yaw(drawing: Drawing, reading: Reading, reach: float) -> float:
    if reading.is_centred:
        return 0.0
    stir = chance("yaw", drawing.panel.number, drawing.seed).uniform(-0.25, 0.25)
    return reach * (framing_of(drawing.panel.number).aim * 0.8 + stir)


def _horizon(reading: Reading, usual: float) -> float:
    return {"low": usual + 190, "high": usual - 190}.get(reading.angle or "", usual)


def _empty(drawing: Drawing, reading: Reading, width: float) -> Staging:
    if reading.shot is Shot.CLOSE_UP:
        return _detail(drawing, reading, width)
    near = reading.shot is not Shot.WIDE
    dice = chance("empty", drawing.panel.number, drawing.seed)
    horizon = _horizon(reading, 350 if not near else 300)
    scale = (105 if not near else 210) * reading.size * dice.uniform(0.9, 1.15)
    high = 2.3 if not near else 1.5
    camera = Camera.aimed(
        scale=scale,
        focal=900,
        height=high,
        horizon=horizon,
        yaw=_yaw(drawing, reading, 0.34),
        middle=width / 2,
    )
    return Staging(camera, (), 0.0, None)


def _detail(drawing: Drawing, reading: Reading, width: float) -> Staging:
    """Return a close view with nobody in it: of a thing the words name, else of the place."""
    yaw = chance("detail", drawing.panel.number, drawing.seed).choice((-1, 1)) * 0.3 + _yaw(
        drawing, reading, 0.12
    )
    focal = 2100.0 if reading.thing else 2600.0
    camera = Camera.aimed(
        scale=(300 if reading.thing else 430) * reading.size,
        focal=focal,
        height=1.25,
        horizon=_horizon(reading, 340),
        yaw=yaw,
        middle=width / 2,
    )
    return Staging(camera, (), 0.0, None, is_insert=bool(reading.thing))


def _order(drawing: Drawing, reading: Reading) -> list[str]:
    """Return people from left to right; sides hold through a scene (the 180 degree rule)."""
    cast = [character.name for character in drawing.cast]
    scene = drawing.panel.scene.number
    people = sorted(
        reading.people,
        key=lambda name: (cast.index(name) if name in cast else 99, number_of("side", name)),
    )
    if number_of("flip", scene) % 2:
        people.reverse()
    return people


def _facing(reading: Reading, order: Sequence[str], name: str, drawing: Drawing) -> bool:
    """Whether someone looks to the right: at whom they talk to, else at who talks, else inwards."""
    place = order.index(name)
    other = None
    if name == reading.speaker and reading.listener in order:
        other = reading.listener
    elif reading.speaker in order and reading.speaker != name:
        other = reading.speaker
    if other is not None:
        return order.index(other) > place
    if reading.part(name).pose in _MOVING or len(order) == 1:
        return (
            number_of("way", drawing.panel.scene.number, drawing.seed if len(order) == 1 else 0) % 2
            == 0
        )
    return place < (len(order) - 1) / 2 or (
        place == (len(order) - 1) / 2 and number_of("in", drawing.seed) % 2 == 0
    )


def _acting(
    drawing: Drawing, reading: Reading, name: str, *, faces_right: bool, turn: float = 0.5
) -> Acting:
    part = reading.part(name)
    dice = chance("acting", name, drawing.panel.number, drawing.seed)
    speaks = name == reading.speaker
    mood = (
        part.mood
        or reading.extra_mood
        or ("happy" if "joy" in drawing.style.mood.lower() else "calm")
    )
    pose = part.pose or dice.choice(_TALK_POSES if speaks else _IDLE_POSES)
    if speaks and part.pose in {None, "look", "walk", "think"}:
        pose = dice.choice(_TALK_POSES)
    if mood == "surprised" and part.pose is None and not speaks:
        pose = "recoil"
    if mood == "sad" and part.pose is None and not speaks:
        pose = "cry" if dice.random() < 0.4 else "stand"
    holds = part.holds if part.holds in THINGS else ""
    if holds and pose in {"stand", "listen", "talk", "akimbo", "think", "look", "plead"}:
        pose = "talk" if speaks and holds in {"lantern", "bag", "staff"} else "hold"
    if reading.is_afloat and reading.shot is Shot.WIDE:
        pose = "ride"  # the hull hides what they sit on
    asleep = pose == "sleep"
    if pose == "sleep":
        pose = "lie" if reading.shot is Shot.WIDE else "sit"
    face = Face(
        mood=mood,
        is_speaking=speaks and not asleep,
        is_asleep=asleep,
        turn=turn + dice.uniform(-0.08, 0.08),
    )
    return Acting(pose=pose, face=face, faces_right=faces_right, holds=holds)


def _top(look: Look) -> float:
    """Return how high someone reaches with hat and hair, in metres."""
    return look.height * (
        1 + _HAT_ROOM.get(look.hat, 0.1 if look.hair != "topknot" else 0.28) / look.heads * 1.2
    )


def _group(drawing: Drawing, reading: Reading, looks: Mapping[str, Look], width: float) -> Staging:
    order = _order(drawing, reading)
    count = len(order)
    is_wide = reading.shot is Shot.WIDE
    dice = chance("group", drawing.panel.number, drawing.seed)
    framing = framing_of(drawing.panel.number)
    spots = _spots(order, is_wide=is_wide, dice_seed=(drawing.panel.number, drawing.seed))
    span = max((x for x, _ in spots), default=0.0) - min((x for x, _ in spots), default=0.0)
    scale = 168.0 if is_wide else float(_MEDIUM_SCALES[min(count, 4)] if count <= 4 else 300)
    scale = min(
        scale * reading.size * (0.3 + 0.7 * framing.near) * dice.uniform(0.97, 1.05),
        width * (0.72 if is_wide else 0.7) / max(span, 0.5),
    )
    tallest = max(_top(looks[name]) for name in order)
    horizon = _horizon(reading, 318 if is_wide else 300)
    low_enough = max(0.25, tallest - (horizon - 178) / scale)
    high = (628 - horizon) / scale if is_wide else low_enough
    focal = 880.0 if is_wide else 1250.0
    middle = width * (
        0.5
        if reading.is_centred or count > 2
        else 0.5 + dice.choice((-1, 1)) * (0.1 + 0.04 * framing.side if count == 1 else 0.04)
    )
    camera = Camera.aimed(
        scale=scale,
        focal=focal,
        height=high,
        horizon=horizon,
        yaw=_yaw(drawing, reading, 0.26),
        middle=middle,
    )
    # Near views cut legs off: who is much smaller stands on something, or is out of the frame.
    lifts = {
        name: 0.0 if is_wide else max(0.0, tallest * 0.72 - looks[name].height) for name in order
    }
    actors = []
    for name, (x, z) in zip(order, spots, strict=True):
        acting = _acting(drawing, reading, name, faces_right=_facing(reading, order, name, drawing))
        # Actors stand along the camera's own axes, so that nobody hides another as it turns.
        actors.append(
            Actor(
                looks[name],
                acting,
                *_in_frame(camera, focal / scale, x, z, lift=lifts[name]),
                away=min(0.4, z * 0.12),
            )
        )
    actors.sort(key=lambda actor: actor.scale)
    return Staging(camera, tuple(actors), focal / scale - 0.25, _voice(actors, reading))


def _in_frame(
    camera: Camera, far: float, x: float, z: float, *, lift: float = 0.0
) -> tuple[float, float, float]:
    scale = camera.focal / (far + z)
    return camera.middle + x * scale, camera.horizon + (camera.height - lift) * scale, scale


def _spots(
    order: Sequence[str], *, is_wide: bool, dice_seed: tuple[int, int]
) -> list[tuple[float, float]]:
    """Return where everybody stands: one row, or two when they are more than four."""
    count = len(order)
    dice = chance("spots", *dice_seed)
    if count <= 4:
        gap = (1.25 if is_wide else 1.06) if count == 2 else (1.05 if is_wide else 0.78)
        return [
            ((i - (count - 1) / 2) * gap, dice.uniform(0, 0.25) if count > 1 else 0.0)
            for i in range(count)
        ]
    front = (count + 1) // 2
    gap = 0.92 if is_wide else 0.74
    spots = []
    for i in range(count):
        row, place = (0, i // 2) if i % 2 == 0 else (1, i // 2)
        members = front if row == 0 else count - front
        spots.append(
            (
                (place - (members - 1) / 2) * gap + dice.uniform(-0.06, 0.06),
                row * 1.5 + dice.uniform(0, 0.2),
            )
        )
    return spots


def _voice(actors: Sequence[Actor], reading: Reading) -> Actor | None:
    return next((actor for actor in actors if actor.look.name == reading.speaker), None)


def _close_up(
    drawing: Drawing, reading: Reading, looks: Mapping[str, Look], width: float
) -> Staging:
    order = _order(drawing, reading)
    name = reading.speaker or reading.people[0]
    look = looks[name]
    right = _facing(reading, order, name, drawing)
    dice = chance("close", drawing.panel.number, drawing.seed)
    framing = framing_of(drawing.panel.number)
    head = min(330 * reading.size * framing.near * dice.uniform(0.97, 1.04), width * 0.42)
    scale = head / (look.height / look.heads)
    offset = 0.0 if reading.is_centred else 0.09 + 0.06 * framing.side
    middle = width * (0.5 - offset if right else 0.5 + offset)
    horizon = _horizon(reading, 320)
    top = 132 + head * _HAT_ROOM.get(look.hat, 0.0) * 0.55
    high = look.height - (horizon - top) / scale
    focal = 2100.0
    camera = Camera.aimed(
        scale=scale,
        focal=focal,
        height=high,
        horizon=horizon,
        yaw=_yaw(drawing, reading, 0.3),
        middle=middle,
    )
    acting = _acting(
        drawing, reading, name, faces_right=right, turn=0.42 if len(order) > 1 else 0.34
    )
    acting = Acting(acting.pose if acting.pose in _CLOSE_POSES else framing.nod, acting.face, right)
    actor = Actor(look, acting, *_in_frame(camera, focal / scale, 0, 0))
    return Staging(
        camera, (actor,), focal / scale + 0.6, actor if name == reading.speaker else None
    )


def _over_the_shoulder(
    drawing: Drawing, reading: Reading, looks: Mapping[str, Look], width: float
) -> Staging:
    order = _order(drawing, reading)
    if len(order) == 1:
        return _from_behind(drawing, reading, looks[order[0]], width)
    speaker = reading.speaker or order[0]
    listener = reading.listener or next(name for name in order if name != speaker)
    left = order.index(listener) < order.index(speaker)  # the listener's side holds
    look = looks[speaker]
    dice = chance("shoulder", drawing.panel.number, drawing.seed)
    framing = framing_of(drawing.panel.number)
    scale = 460 * reading.size * (0.3 + 0.7 * framing.near) * dice.uniform(0.97, 1.04)
    horizon = _horizon(reading, 300)
    high = max(0.25, _top(look) - (horizon - 168) / scale)
    middle = width * (0.5 + (0.11 + 0.025 * framing.side) * (1 if left else -1))
    camera = Camera.aimed(
        scale=scale,
        focal=1400,
        height=high,
        horizon=horizon,
        yaw=(0.22 if left else -0.22) + _yaw(drawing, reading, 0.1),
        middle=middle,
    )
    far = camera.focal / scale
    actors = [
        Actor(
            look,
            _acting(drawing, reading, speaker, faces_right=not left, turn=0.3),
            *_in_frame(camera, far, 0, 0),
        )
    ]
    others = [name for name in order if name not in {speaker, listener}][:2]
    for step, name in enumerate(others):
        acting = _acting(drawing, reading, name, faces_right=not left)
        actors.insert(
            0,
            Actor(
                looks[name],
                acting,
                *_in_frame(camera, far, (0.72 + 0.6 * step) * (1 if left else -1), 0.7),
                away=0.25,
            ),
        )
    actors.append(_back(looks[listener], width * (0.2 if left else 0.8), faces_right=left))
    return Staging(camera, tuple(actors), far - 0.2, _voice(actors, reading))


def _back(look: Look, x: float, *, faces_right: bool) -> Actor:
    """Return someone large in the foreground, seen from behind."""
    head = 255.0
    scale = head / (look.height / look.heads)
    acting = Acting("stand", Face(is_away=True, turn=0.0), faces_right, is_dim=True)
    return Actor(look, acting, x, 262 + scale * look.height, scale)


def _from_behind(drawing: Drawing, reading: Reading, look: Look, width: float) -> Staging:
    left = number_of("behind", drawing.panel.number, drawing.seed) % 2 == 0
    camera = Camera.aimed(
        scale=150 * reading.size,
        focal=950,
        height=1.9,
        horizon=_horizon(reading, 330),
        yaw=_yaw(drawing, reading, 0.3),
        middle=width / 2,
    )
    actor = _back(look, width * (0.27 if left else 0.73), faces_right=left)
    return Staging(camera, (actor,), 2.0, None)
