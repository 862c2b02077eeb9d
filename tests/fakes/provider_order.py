"""What a request to the fake provider asks for, and the checks that all its shapes share."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


class Refusal(Exception):
    """The provider will not do this. It is told in the error form of the shape that was asked."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body."""

    name: str
    filename: str | None
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose body was read. `fields` is the JSON; `parts` is the multipart."""

    model_in_path: str = ""
    size: int = 0
    fields: Mapping[str, Any] | None = None
    parts: tuple[Part, ...] = ()

    def json(self) -> Mapping[str, Any]:
        """The fields of a JSON body, which must be one."""
        if self.fields is None:
            raise Refusal("Invalid body: a JSON object is expected.", code="invalid_json")
        return self.fields


@dataclass(frozen=True, slots=True)
class Seen:
    """A reference as it arrived: how it was sent, and what it is once decoded."""

    kind: str
    bytes: int
    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A valid request. `size` is as asked; `width` and `height` are what will be drawn."""

    model: str
    prompt: str
    size: str
    width: int
    height: int
    references: tuple[Seen, ...] = ()
    seed: int | None = None
    n: int = 1
    wants: str = "url"
    form: str = "png"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """A picture as it is answered: by value (base64) or by address."""

    encoded: str
    url: str
    form: str


def only(fields: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse fields that the provider does not know."""
    for name in fields:
        if name not in allowed:
            raise Refusal(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def prompt_of(fields: Mapping[str, Any], *, longest: int) -> str:
    """Return the prompt, which must be there and not be too long."""
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise Refusal("Missing required parameter: 'prompt'.", param="prompt")
    if len(prompt) > longest:
        raise Refusal(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {longest},"
            f" but got a string with length {len(prompt)} instead.",
            param="prompt",
            code="string_above_max_length",
        )
    return prompt


def whole(fields: Mapping[str, Any], name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number; a form has it as text."""
    value = fields.get(name, default)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refusal(
            f"Invalid '{name}': expected an integer from {low} to {high}, got {value!r}.",
            param=name,
        )
    return value


def choice(fields: Mapping[str, Any], name: str, allowed: Collection[str], default: str) -> str:
    """Return one of the allowed words."""
    value = fields.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        words = ", ".join(repr(one) for one in allowed)
        raise Refusal(
            f"Invalid value: {value!r}. Supported values for '{name}' are: {words}.",
            param=name,
            code="invalid_value",
        )
    return value


def at_most(references: Collection[object], most: int, name: str) -> None:
    """Refuse too many references."""
    if len(references) > most:
        raise Refusal(
            f"Invalid '{name}': too many images. Expected at most {most}, got {len(references)}.",
            param=name,
            code="array_above_max_length",
        )


def strings(value: object, name: str) -> list[str]:
    """Return a list of texts; one text alone is such a list, nothing is an empty one."""
    listed = [value] if isinstance(value, str) else value
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Refusal(f"Invalid '{name}': expected an array of strings.", param=name)
    return listed


def pixels(size: str) -> tuple[int, int] | None:
    """Return width and height of a size such as 1280x720; None for other words."""
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", size)
    return (int(found[1]), int(found[2])) if found else None


def sized(ratio: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size of a ratio that has about as many pixels as a square of `side`."""
    scale = side / (ratio[0] * ratio[1]) ** 0.5
    width, height = (max(1, round(part * scale / 16)) * 16 for part in ratio)
    return width, height
