"""The values that the stages of the splitter hand each other. All offsets are into the story."""

from dataclasses import dataclass
from enum import StrEnum

from komadori.domain.story import Setting, TimeOfDay, Weather


class Kind(StrEnum):
    """What a paragraph is for."""

    PROSE = "prose"
    HEADING = "heading"
    SEPARATOR = "separator"


class Gender(StrEnum):
    """Which pronoun means a person."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cue:
    """The speaker's name before a line of a script, and where the spoken part begins."""

    name: str
    speech_start: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together. `after_gap`: a blank line stands before it."""

    start: int
    end: int
    kind: Kind = Kind.PROSE
    after_gap: bool = False
    cue: Cue | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """Words in quote marks, `start` to `end` with the marks. Not `closed`: the mark is missing."""

    start: int
    end: int
    paragraph: int
    closed: bool = True

    @property
    def inner_end(self) -> int:
        """Where the words end and the closing mark begins."""
        return self.end - 1 if self.closed else self.end


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or a heading or separator as a whole."""

    start: int
    end: int
    paragraph: int
    kind: Kind = Kind.PROSE
    opens_paragraph: bool = False
    after_gap: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the story and all that they are called."""

    name: str
    aliases: tuple[str, ...]
    gender: Gender = Gender.UNKNOWN
    role: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in the story that means a person. `is_quoted`: someone speaks of them."""

    start: int
    end: int
    name: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Trait:
    """Something of how a person looks: `kind` is what it is of, such as hair, one of each."""

    name: str
    kind: str
    words: str
    at: int


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken words, without their marks."""

    start: int
    end: int
    speaker: str | None
    listener: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a scene plays."""

    setting: Setting
    time_of_day: TimeOfDay
    weather: Weather


@dataclass(frozen=True, slots=True)
class Unit:
    """The least that a panel can tell: a sentence with its heading, or a part of a long one."""

    start: int
    end: int
    opens_paragraph: bool = False

    @property
    def length(self) -> int:
        """Characters in it."""
        return self.end - self.start
