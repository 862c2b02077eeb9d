"""One panel from its words to its pixels, in a few stages that may be paused between."""

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from PIL import Image

from komadori.backends.images.sketch import (
    animals,
    indoors,
    landmarks,
    outdoors,
    prints,
    street,
    weather,
)
from komadori.backends.images.sketch.backdrop import backdrop_of
from komadori.backends.images.sketch.chance import chance, number_of
from komadori.backends.images.sketch.figure import draw_figure
from komadori.backends.images.sketch.finish import finished
from komadori.backends.images.sketch.hand import hand_of
from komadori.backends.images.sketch.held import draw_insert
from komadori.backends.images.sketch.ink import Pen, Sheet, blob, mixed
from komadori.backends.images.sketch.looks import looks_of
from komadori.backends.images.sketch.palette import palette_of
from komadori.backends.images.sketch.poses import POSES, skeleton
from komadori.backends.images.sketch.reading import read
from komadori.backends.images.sketch.scenery import Stage
from komadori.backends.images.sketch.slate import draw_slate
from komadori.backends.images.sketch.staging import Actor, staged
from komadori.domain.story import Drawing, Setting, Shot

_PLACES = {
    Setting.INDOORS: indoors.draw_indoors,
    Setting.STREET: street.draw_street,
    Setting.FOREST: outdoors.draw_forest,
    Setting.WATER: outdoors.draw_water,
    Setting.MOUNTAIN: outdoors.draw_mountain,
    Setting.FIELD: outdoors.draw_field,
}
_QUALITY = 84


class Picture:
    """A panel that is being drawn. Call `place`, `people` and `encoded`, in this order."""

    def __init__(
        self,
        drawing: Drawing,
        references: Mapping[str, Image.Image],
        place: Image.Image | None = None,
    ) -> None:
        """`references`: pictures of characters by name; `place`: a picture of the scene."""
        self._drawing = drawing
        self._references = references
        self._place = place
        self._reading = reading = read(drawing)
        self._hand = hand_of(drawing.style)
        self._palette = palette_of(
            drawing.style,
            reading.time,
            drawing.modification,
            is_indoors=reading.setting is Setting.INDOORS,
            is_grey=self._hand.saturation == 0,
        )
        self._seed = number_of(drawing.seed, drawing.panel.number, drawing.modification)
        paper = self._palette.graded(self._hand.paper)
        self._sheet = Sheet(drawing.width, drawing.height, paper, self._hand.nib, self._seed)
        looks = looks_of(drawing.cast, reading.people, drawing.style.character_style)
        self._staging = staged(
            drawing, reading, prints.dressed(looks, references), self._sheet.width
        )
        self._pen = self._tilted(self._sheet.pen())

    def _tilted(self, pen: Pen) -> Pen:
        if not self._reading.is_tilted:
            return pen
        turn = chance("tilt", self._seed).choice((-1, 1)) * 0.12
        middle = (self._sheet.width / 2, 400.0)
        return pen.at(*middle, turn=turn).at(-middle[0], -middle[1])

    def place(self) -> None:
        """Draw the place the scene plays in, seen from this panel's camera."""
        reading, drawing = self._reading, self._drawing
        scene = drawing.panel.scene
        number = number_of(
            scene.number, scene.title, reading.setting, *(who.name for who in drawing.cast)
        )
        self._stage = stage = Stage(
            self._pen, self._staging.camera, self._palette, number, reading.time,
            reading.weather, reading.is_eastern,
            reading.sights, self._staging.keep_clear, reading.is_afloat,
        )  # fmt: skip
        if self._place is not None:
            self._lay_backdrop(self._place)
        else:
            _PLACES[reading.setting](stage)
            self._step_back()
        if reading.setting is not Setting.INDOORS:
            weather.draw_weather(self._pen, reading.weather, self._seed, before_actors=False)
        self._draw_action_lines()
        self._make_room()

    def _lay_backdrop(self, place: Image.Image) -> None:
        reading, panel = self._reading, self._drawing.panel
        backdrop = backdrop_of(place, panel, reading.shot, reading.people, self._drawing.seed)
        backdrop.lay(self._sheet, self._palette)

    def _step_back(self) -> None:
        """Let the place go towards the paper, so that people stand off from it."""
        reading = self._reading
        if reading.shot is Shot.CLOSE_UP and (reading.people or self._staging.is_insert):
            self._sheet.faded(0.34, 0.42)
        elif reading.shot is not Shot.WIDE and reading.people:
            self._sheet.faded(0.14, 0.74)

    def _draw_action_lines(self) -> None:
        reading, actors = self._reading, self._staging.actors
        if not actors:
            return
        star = self._staging.voice or actors[-1]
        x, y, half = star.head
        if reading.is_fast and any(
            actor.acting.pose in {"run", "fight", "ride"} for actor in actors
        ):
            weather.draw_speed(
                self._pen, self._seed, (x, y), towards_right=not star.acting.faces_right
            )
        elif reading.shot is Shot.CLOSE_UP and star.acting.face.mood in {"surprised", "angry"}:
            weather.draw_burst(self._pen, self._seed, (x, y), half * 1.45)

    def _make_room(self) -> None:
        """Keep quiet where a balloon will stand: above whoever speaks, on the side they look to."""
        voice = self._staging.voice
        if voice is None:
            return
        x, y, half = voice.head
        ahead = 1 if voice.acting.faces_right else -1
        self._sheet.hushed(
            (x + ahead * (half * 1.4 + 40), max(70.0, y - half - 90)), (250.0, 130.0), 0.8
        )

    def people(self) -> None:
        """Draw the actors from far to near, and what falls or flies before them."""
        if self._staging.is_insert:
            self._draw_insert()
        for actor in self._staging.actors:
            self._draw_actor(actor)
        if self._reading.is_afloat and self._reading.shot is Shot.WIDE and self._staging.actors:
            self._draw_hull()
        if self._reading.setting is not Setting.INDOORS:
            weather.draw_weather(self._pen, self._reading.weather, self._seed, before_actors=True)

    def _draw_hull(self) -> None:
        actors = self._staging.actors
        left, right = min(actor.x for actor in actors), max(actor.x for actor in actors)
        scale = max(actor.scale for actor in actors)
        pen = self._pen.at((left + right) / 2, actors[-1].y, scale=scale, up=True)
        landmarks.draw_hull(pen, self._palette, (right - left) / scale / 2 + 0.75)

    def _mounted(self, actor: Actor) -> Actor:
        """Draw a horse under a rider, and return the rider lifted into the saddle."""
        pen = self._pen.at(
            actor.x, actor.y, scale=actor.scale, mirror=not actor.acting.faces_right, up=True
        )
        animals.draw_horse(self._stage, pen, 1.2 + min(2.2, actor.scale * 0.012), actor.away)
        hip = float(skeleton(actor.look, POSES["ride"]).hip[1]) * actor.look.height
        return replace(actor, y=actor.y - (1.3 - hip) * actor.scale)

    def _draw_actor(self, actor: Actor) -> None:
        if actor.acting.pose == "ride" and not self._reading.is_afloat:
            actor = self._mounted(actor)
        draw_figure(
            self._pen,
            actor.x,
            actor.y,
            actor.scale,
            actor.look,
            actor.acting,
            self._palette,
            blacks=self._hand.blacks,
            away=actor.away,
        )
        face = actor.acting.face
        if not face.is_away and actor.acting.pose != "lie":
            x, y, half = actor.head
            weather.draw_sign(
                self._pen, face.mood, x, y, half, faces_right=actor.acting.faces_right
            )

    def _draw_insert(self) -> None:
        thing = self._reading.thing
        large = {"sword": 190.0, "staff": 150.0, "umbrella": 130.0, "fishing_rod": 150.0}.get(
            thing, 330.0
        )
        drop = {
            "lantern": -0.6,
            "bag": -0.65,
            "flower": 0.4,
            "umbrella": 1.2,
            "fishing_rod": 0.8,
        }.get(thing, 0.1)
        x, paper = self._sheet.width / 2, self._palette.of("paper")
        self._pen.fill(
            blob(x, 372, 306, 286, 26), mixed(paper, self._palette.accent, 0.16), edge=2.4
        )
        self._pen.tone(blob(x + 20, 560, 190, 34, 14), 130)
        draw_insert(
            self._pen.heavier(1.3),
            self._sheet.width / 2 - (large if thing == "sword" else 0),
            380 + drop * large,
            large,
            thing,
            self._palette,
        )

    def encoded(self) -> bytes:
        """Put the layers together and return WebP."""
        picture = finished(self._sheet, self._hand)
        prints.pin_prints(picture, self._staging.actors, self._references, self._hand)
        draw_slate(picture, self._drawing.panel, self._reading.shot, self._hand.ink)
        held = BytesIO()
        picture.save(held, "WEBP", quality=_QUALITY, method=2)
        return held.getvalue()
