"""What may be asked for, with its limits. A request that parses can be done."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from komadori.domain.backends import AUTO, BackendName
from komadori.domain.ids import ArtifactId, JobId
from komadori.domain.story import Character, Drawing, Style
from komadori.errors import RequestRejected, invalid_field

STORY_MIN_CHARS = 50
STORY_MAX_CHARS = 20_000
PANELS_MAX = 60
CAST_MAX = 12
REQUEST_MAX_CHARS = 1_000
PROMPT_MAX_CHARS = 2_000
CANDIDATES_MAX = 8
OPTIONS_MAX = 40
SECONDS_MIN, SECONDS_MAX = 0.5, 30.0
FPS_MIN, FPS_MAX = 1, 60
SIDE_MIN, SIDE_MAX = 64, 2048
"""Pixels that a side of a picture may have."""
SEED_MAX = 2**31 - 1
_ALLOWED_CONTROLS = frozenset("\n\t")


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=_Request)


Scalar = str | int | float | bool
Options = Mapping[str, Scalar]
"""What the form of a ComfyUI workflow was filled in with, by the names of its fields."""


def _few(options: Options) -> Options:
    if len(options) > OPTIONS_MAX:
        raise invalid_field("options", f"at most {OPTIONS_MAX} are possible")
    for name, value in options.items():
        _refuse_controls(f"{name}{value}", "options")
        if len(f"{name}{value}") > PROMPT_MAX_CHARS:
            raise invalid_field("options", f"{name[:40]!r} is too long")
    return options


FewOptions = Annotated[Options, AfterValidator(_few)]


class StoryboardRequest(_Request):
    """Draw this story in so many panels."""

    story: str
    panels: int
    style: Style = Style()
    characters: tuple[Character, ...] = ()
    provider: BackendName = AUTO

    @field_validator("story")
    @classmethod
    def _story_is_readable(cls, story: str) -> str:
        story = story.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
        _refuse_controls(story, "story")
        length = len(story)
        if length < STORY_MIN_CHARS or length > STORY_MAX_CHARS:
            raise RequestRejected(
                f"The story has {length:,} characters; it needs {STORY_MIN_CHARS} to "
                f"{STORY_MAX_CHARS:,}.",
                code="story_length",
                length=length,
                least=STORY_MIN_CHARS,
                most=STORY_MAX_CHARS,
            )
        if not any(unicodedata.category(char).startswith(("L", "N")) for char in story):
            raise RequestRejected("The story has no words in it.", code="story_has_no_words")
        return story

    @field_validator("panels")
    @classmethod
    def _panels_in_range(cls, panels: int) -> int:
        if not 1 <= panels <= PANELS_MAX:
            raise RequestRejected(
                f"{panels} panels were asked for; 1 to {PANELS_MAX} are possible.",
                code="panels_range",
                panels=panels,
                most=PANELS_MAX,
            )
        return panels

    @field_validator("characters")
    @classmethod
    def _cast_is_told_apart(cls, cast: tuple[Character, ...]) -> tuple[Character, ...]:
        return _told_apart(cast)

    @field_validator("style")
    @classmethod
    def _style_is_readable(cls, style: Style) -> Style:
        for field, words in style.model_dump().items():
            _refuse_controls(words, f"style {field}")
        return style


class PanelRequest(_Request):
    """Draw one panel of a storyboard again. `drawing` already carries the wish and the seed."""

    job_id: JobId
    panel: int
    drawing: Drawing
    provider: BackendName = AUTO


class FrameRequest(_Request):
    """Draw one picture from a prompt, a picture of the place and those of who is in the shot.

    `character_ids` are names of `characters`; without them all are in the shot. With a `draft` a
    quick picture comes first, from the built-in renderer or from the provider in small, and the job
    waits for approval. Sizes in pixels.
    """

    prompt: str
    scene_reference: ArtifactId | None = None
    characters: tuple[Character, ...] = ()
    character_ids: tuple[str, ...] | None = None
    width: int = 1280
    height: int = 720
    provider: BackendName = AUTO
    seed: int | None = None
    candidates: int = 1
    draft: Literal["sketch", "provider"] | None = None
    options: FewOptions = {}

    @field_validator("prompt")
    @classmethod
    def _prompt_is_readable(cls, prompt: str) -> str:
        prompt = prompt.replace("\r\n", "\n").replace("\r", "\n").strip()
        _refuse_controls(prompt, "prompt")
        if not 1 <= len(prompt) <= PROMPT_MAX_CHARS:
            raise RequestRejected(
                f"The prompt has {len(prompt):,} characters; it needs 1 to {PROMPT_MAX_CHARS:,}.",
                code="prompt_length",
                length=len(prompt),
                most=PROMPT_MAX_CHARS,
            )
        return prompt

    @field_validator("characters")
    @classmethod
    def _cast_is_told_apart(cls, cast: tuple[Character, ...]) -> tuple[Character, ...]:
        return _told_apart(cast)

    @field_validator("width", "height")
    @classmethod
    def _side_in_range(cls, side: int) -> int:
        if not SIDE_MIN <= side <= SIDE_MAX:
            raise invalid_field("size", f"each side has {SIDE_MIN} to {SIDE_MAX} pixels")
        return side

    @field_validator("candidates")
    @classmethod
    def _candidates_in_range(cls, candidates: int) -> int:
        if not 1 <= candidates <= CANDIDATES_MAX:
            raise invalid_field("candidates", f"1 to {CANDIDATES_MAX} are possible")
        return candidates

    @field_validator("seed")
    @classmethod
    def _seed_in_range(cls, seed: int | None) -> int | None:
        if seed is not None and not 0 <= seed <= SEED_MAX:
            raise invalid_field("seed", f"it must be a whole number from 0 to {SEED_MAX}")
        return seed

    @model_validator(mode="after")
    def _shot_is_cast(self) -> Self:
        names = {one.name for one in self.characters}
        known = f"known are {', '.join(sorted(names))}" if names else "no characters were given"
        for name in self.character_ids or ():
            if name not in names:
                shown = name[:80]
                raise RequestRejected(
                    f"character_ids: there is no character {shown!r}; {known}.",
                    code="character_unknown",
                    name=shown,
                )
        return self

    @property
    def in_shot(self) -> tuple[Character, ...]:
        """Those of the characters who are to be seen."""
        if self.character_ids is None:
            return self.characters
        return tuple(one for one in self.characters if one.name in self.character_ids)


class Shot(_Request):
    """One clip of a clip job: its first frame and how it goes on. Sizes in pixels."""

    number: int
    picture: ArtifactId
    prompt: str
    width: int
    height: int
    title: str = ""


class ClipRequest(_Request):
    """Make clips that begin with given pictures: one, or one for each panel of a storyboard."""

    shots: tuple[Shot, ...]
    seconds: float = 3.0
    fps: int = 16
    provider: BackendName = AUTO
    seed: int = 0
    options: FewOptions = {}
    job_id: JobId | None = None
    """The job whose pictures they begin with."""

    @field_validator("shots")
    @classmethod
    def _shots_in_range(cls, shots: tuple[Shot, ...]) -> tuple[Shot, ...]:
        if not 1 <= len(shots) <= PANELS_MAX:
            raise invalid_field("panels", f"1 to {PANELS_MAX} first frames are possible")
        for shot in shots:
            _refuse_controls(shot.prompt, "prompt")
            if len(shot.prompt) > PROMPT_MAX_CHARS:
                raise invalid_field("prompt", f"at most {PROMPT_MAX_CHARS:,} characters")
        return shots

    @field_validator("seconds")
    @classmethod
    def _seconds_in_range(cls, seconds: float) -> float:
        if not SECONDS_MIN <= seconds <= SECONDS_MAX:
            raise invalid_field("seconds", f"{SECONDS_MIN:g} to {SECONDS_MAX:g} are possible")
        return seconds

    @field_validator("fps")
    @classmethod
    def _fps_in_range(cls, fps: int) -> int:
        if not FPS_MIN <= fps <= FPS_MAX:
            raise invalid_field("fps", f"{FPS_MIN} to {FPS_MAX} frames a second are possible")
        return fps


def _told_apart(cast: tuple[Character, ...]) -> tuple[Character, ...]:
    if len(cast) > CAST_MAX:
        raise RequestRejected(
            f"{len(cast)} characters were given; at most {CAST_MAX} are possible.",
            code="cast_size",
            most=CAST_MAX,
        )
    seen: set[str] = set()
    for character in cast:
        _refuse_controls(character.name, "character name")
        _refuse_controls(character.description, "character description")
        if character.name in seen:
            raise RequestRejected(
                f"Two characters are called {character.name!r}; each needs a name of its own.",
                code="cast_names",
                name=character.name,
            )
        seen.add(character.name)
    return cast


def wish(text: str) -> str:
    """Return a modification request, stripped, or refuse it.

    Raises:
        RequestRejected: it is too long or holds control characters.
    """
    text = text.strip()
    _refuse_controls(text, "request")
    if len(text) > REQUEST_MAX_CHARS:
        raise RequestRejected(
            f"The request has {len(text):,} characters; at most {REQUEST_MAX_CHARS:,} are allowed.",
            code="wish_length",
            length=len(text),
            most=REQUEST_MAX_CHARS,
        )
    return text


def parse_storyboard(data: dict[str, Any]) -> StoryboardRequest:
    """Build a request from plain JSON values.

    Raises:
        RequestRejected: naming the field, what is wrong with it and what is allowed.
    """
    return _parse(StoryboardRequest, data)


def parse_frame(data: dict[str, Any]) -> FrameRequest:
    """Build a request from plain JSON values.

    Raises:
        RequestRejected: naming the field, what is wrong with it and what is allowed.
    """
    return _parse(FrameRequest, data)


def parse_clip(data: dict[str, Any]) -> ClipRequest:
    """Build a request from plain JSON values.

    Raises:
        RequestRejected: naming the field, what is wrong with it and what is allowed.
    """
    return _parse(ClipRequest, data)


def _parse(kind: type[R], data: dict[str, Any]) -> R:
    try:
        return kind.model_validate(data)
    except ValidationError as exc:
        raise _rejected(exc.errors()[0], kind) from exc


def _rejected(error: ErrorDetails, kind: type[_Request]) -> RequestRejected:
    field = ".".join(str(part) for part in error["loc"])
    reason = error["msg"]
    if error["type"] == "extra_forbidden":
        parts: dict[str, type[BaseModel]] = {"style": Style, "characters": Character}
        model = parts.get(field.split(".")[0], kind)
        known = ", ".join(model.model_fields)
        reason = f"there is no such field; known are {known}"
    return invalid_field(field, reason)


def _refuse_controls(text: str, field: str) -> None:
    for index, char in enumerate(text):
        if char in _ALLOWED_CONTROLS:
            continue
        if unicodedata.category(char) in {"Cc", "Cs"}:
            raise RequestRejected(
                f"{field}: character {index + 1} is the control character U+{ord(char):04X}; "
                "only text, line breaks and tabs are allowed.",
                code="control_character",
                field=field,
                at=index + 1,
                point=f"U+{ord(char):04X}",
            )
