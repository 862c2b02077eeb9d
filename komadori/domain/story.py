"""A story as pictures: its style and cast, its scenes, and the panels that tell it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from komadori.domain.ids import ArtifactId

StyleText = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shot(StrEnum):
    """How near the camera is."""

    WIDE = "wide"
    MEDIUM = "medium"
    CLOSE_UP = "close_up"
    OVER_THE_SHOULDER = "over_the_shoulder"


class Setting(StrEnum):
    """What kind of place a scene plays in."""

    INDOORS = "indoors"
    STREET = "street"
    FOREST = "forest"
    WATER = "water"
    MOUNTAIN = "mountain"
    FIELD = "field"


class TimeOfDay(StrEnum):
    """The light of a scene."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"


class Weather(StrEnum):
    """What falls from the sky of a scene."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"


class Style(_Value):
    """How the pictures should look. Every field is free text and may be left empty."""

    art_style: StyleText = ""
    mood: StyleText = ""
    color_palette: StyleText = ""
    character_style: StyleText = ""
    line_style: StyleText = ""
    composition: StyleText = ""
    additional_notes: Annotated[str, StringConstraints(max_length=1000, strip_whitespace=True)] = ""


class Character(_Value):
    """Someone in the story. `reference` is a picture that the session has stored."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]
    description: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] = ""
    reference: ArtifactId | None = None


class Line(_Value):
    """One thing said. `speaker` and `listener` are names of the cast; None when unknown."""

    text: str
    speaker: str | None = None
    listener: str | None = None


class Scene(_Value):
    """A part of the story in one place at one time."""

    number: int
    title: str = ""
    setting: Setting
    time_of_day: TimeOfDay = TimeOfDay.DAY
    weather: Weather = Weather.CLEAR


class Panel(_Value):
    """One picture of the storyboard: the sentences it tells, who is there, how it is seen."""

    number: int
    scene: Scene
    text: str
    shot: Shot
    characters: tuple[str, ...] = ()
    dialogue: tuple[Line, ...] = ()


class Storyboard(_Value):
    """The whole story as panels. `source` says who split it: our rules or a language model."""

    source: Literal["rules", "llm"]
    language: Literal["zh", "en"]
    cast: tuple[Character, ...]
    panels: tuple[Panel, ...]


class Drawing(_Value):
    """All that is needed to draw one panel, today or again later.

    `modification` is what a person asked to be different from the panel as it was written.
    `place` is a picture of the scene. `prompt` is what a person wrote to be drawn, word for word;
    without one it is made from the panel.
    """

    panel: Panel
    cast: tuple[Character, ...]
    style: Style
    seed: int
    modification: str = ""
    place: ArtifactId | None = None
    prompt: str = ""
    width: int = 1280
    height: int = 720
