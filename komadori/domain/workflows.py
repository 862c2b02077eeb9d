"""ComfyUI workflows as a person sees them: what each makes, what it takes, what may be chosen."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic import Field as Limit

from komadori.errors import RequestRejected, invalid_field

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
FieldKind = Literal["choice", "integer", "number", "switch", "text"]
TEXT_MAX_CHARS = 2_000
_SHOWN = 12
_INTEGER_MAX = 2**64
"""No input of a node takes more, and a float could not hold it."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Words(BaseModel):
    """A text for people in several languages. A plain text is the same for all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: str
    zh: str = ""

    @model_validator(mode="before")
    @classmethod
    def _may_be_plain(cls, data: Any) -> Any:
        return {"en": data} if isinstance(data, str) else data

    def in_language(self, language: str) -> str:
        """Return the text in a language, in English where it is missing."""
        return self.zh if language == "zh" and self.zh else self.en


class Field(_Value):
    """One thing that may be chosen. `default` is what the workflow has of its own."""

    name: str
    label: Words
    kind: FieldKind
    choices: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    default: Scalar | None = None
    is_long: bool = False
    """Whether a text may have several lines."""

    def checked(self, value: object) -> Scalar:
        """Return the value as the workflow takes it.

        Raises:
            RequestRejected: naming the field, and what is allowed.
        """
        match self.kind:
            case "choice":
                return self._chosen(value)
            case "switch":
                return self._switched(value)
            case "text":
                return self._written(value)
            case _:
                return self._counted(value)

    def _chosen(self, value: object) -> Scalar:
        for choice in self.choices:
            if choice == value and isinstance(value, bool) == isinstance(choice, bool):
                return choice
        raise self._refused(f"it must be one of {_listed(self.choices)}")

    def _switched(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self._refused("it must be true or false")
        return value

    def _written(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._refused("it must be a text")
        if len(value) > TEXT_MAX_CHARS:
            raise self._refused(f"at most {TEXT_MAX_CHARS:,} characters are possible")
        if any(ord(char) < 32 and char not in "\n\t" for char in value):
            raise self._refused("only text, line breaks and tabs are allowed")
        return value

    def _counted(self, value: object) -> Scalar:
        wanted = "a whole number" if self.kind == "integer" else "a number"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused(f"it must be {wanted}{self._range()}")
        if isinstance(value, int) and abs(value) > _INTEGER_MAX:
            raise self._refused(f"it must be {wanted}{self._range()}")
        is_whole = isinstance(value, int) or (math.isfinite(value) and value.is_integer())
        if not math.isfinite(value) or (self.kind == "integer" and not is_whole):
            raise self._refused(f"it must be {wanted}{self._range()}")
        if _is_below(value, self.minimum) or _is_above(value, self.maximum):
            raise self._refused(f"it must be {wanted}{self._range()}")
        return int(value) if self.kind == "integer" else float(value)

    def _range(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f" from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f" of at least {self.minimum:g}"
        return f" of at most {self.maximum:g}" if self.maximum is not None else ""

    def _refused(self, reason: str) -> RequestRejected:
        return invalid_field(f"options.{self.name}", reason)


class WorkflowFacts(_Value):
    """A workflow as the page offers it. Sizes in pixels."""

    name: str
    label: Words
    kind: Literal["image", "clip"]
    model: str = ""
    note: Words = Words(en="")
    is_auto: bool = True
    """Whether `auto` may choose it."""
    takes_prompt: bool = True
    takes_negative: bool = False
    takes_seed: bool = False
    takes_size: bool = False
    min_references: Annotated[int, Limit(ge=0)] = 0
    """How many pictures it needs beside the first frame: without them it can't run."""
    max_references: Annotated[int, Limit(ge=0)] = 0
    min_frames: int | None = None
    """How long a clip may be; None where the workflow has a length of its own."""
    max_frames: int | None = None
    frames_step: Annotated[int, Limit(ge=1)] = 1
    """Lengths go from the least in such steps to the most; others become the nearest."""
    frames: int | None = None
    """The length that it has of its own."""
    fps: float | None = None
    """The speed that it has of its own."""
    takes_fps: bool = False


def check_options(fields: Sequence[Field], given: Mapping[str, object]) -> dict[str, Scalar]:
    """Return what was chosen, each value as the workflow takes it.

    What was not chosen, or is None, is left out: the workflow keeps its own value.

    Raises:
        RequestRejected: naming the field, and what is allowed.
    """
    known = {field.name: field for field in fields}
    checked: dict[str, Scalar] = {}
    for name, value in given.items():
        if name not in known:
            raise invalid_field(f"options.{str(name)[:80]}", _unknown(known))
        if value is not None:
            checked[name] = known[name].checked(value)
    return checked


def _unknown(known: Mapping[str, Field]) -> str:
    if not known:
        return "this workflow has no options"
    return f"there is no such option; known are {', '.join(known)}"


def _listed(choices: Sequence[Scalar]) -> str:
    shown = ", ".join(str(choice) for choice in choices[:_SHOWN])
    more = len(choices) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _is_below(value: float, limit: float | None) -> bool:
    return limit is not None and value < limit


def _is_above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit
