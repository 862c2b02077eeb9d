"""What an API caller sent, field by field: the right type, or a sentence on what is allowed."""

import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from komadori.domain.ids import JobId
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.queue.orders import KEY_MAX_CHARS

OFFSET_MAX = 10_000_000
_JOB_ID_MAX_CHARS = 80
_PANEL_MAX = 10_000  # the storyboard knows how many it has; a store cannot look for any number

E = TypeVar("E", bound=StrEnum)


def text(value: object, field: str) -> str:
    """Return a text as it is."""
    if not isinstance(value, str):
        raise _wrong(field, value, "text")
    return value


def whole_number(value: object, field: str, *, least: int, most: int) -> int:
    """Return a whole number in a range, both ends included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(field, value, f"a whole number from {least} to {most}")
    if not least <= value <= most:
        raise invalid_field(field, f"{value} is out of range; {least} to {most:,} are allowed")
    return value


def panel_number(value: object) -> int:
    """Return what can be the number of a panel."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("panel", value, "a panel's number; panels are numbered from 1")
    if not 1 <= value <= _PANEL_MAX:
        raise invalid_field(
            "panel", f"there is no panel {str(value)[:40]}; they are numbered from 1"
        )
    return value


def choice(value: object, field: str, choices: type[E]) -> E | None:
    """Return one of the choices; None stands for all of them."""
    if value is None or value == "":
        return None
    known = ", ".join(choices)
    if not isinstance(value, str):
        raise _wrong(field, value, f"one of {known}")
    try:
        return choices(value)
    except ValueError:
        raise invalid_field(field, f"{_shown(value)} is unknown; known are {known}") from None


def mapping(value: object, field: str, *, known: Iterable[str]) -> dict[str, Any]:
    """Return an object with text keys; None stands for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _wrong(field, value, f"an object with {', '.join(known)}")
    return dict(value)


def objects(value: object, field: str, *, known: Iterable[str]) -> list[dict[str, Any]]:
    """Return a list of objects; None stands for an empty one."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise _wrong(field, value, f"a list of objects with {', '.join(known)}")
    return [mapping(item, f"{field}.{index}", known=known) for index, item in enumerate(value)]


def job_id(value: object) -> JobId:
    """Return a job's id. What cannot be one does not exist."""
    if not isinstance(value, str) or not value:
        raise _wrong("job_id", value, "the id that create_storyboard or list_jobs returned")
    if len(value) > _JOB_ID_MAX_CHARS or not value.isalnum():
        raise NotFound("job", value)
    return JobId(value)


def secret(value: object, field: str) -> str:
    """Return a session key. Its length is checked where it is opened."""
    if not isinstance(value, str):
        raise _wrong(field, value, "a text that only you know, of at least 16 characters")
    return _without_controls(value, field)


def idempotency_key(value: object) -> str | None:
    """Return a key that names this call; None and an empty one name none."""
    if value is None or value == "":
        return None
    allowed = f"a text of at most {KEY_MAX_CHARS} characters"
    if not isinstance(value, str):
        raise _wrong("idempotency_key", value, allowed)
    if len(value) > KEY_MAX_CHARS:
        raise invalid_field(
            "idempotency_key", f"it has {len(value):,} characters; needed is {allowed}"
        )
    return _without_controls(value, "idempotency_key")


def _without_controls(value: str, field: str) -> str:
    for index, char in enumerate(value):
        if unicodedata.category(char) in {"Cc", "Cs"}:
            raise invalid_field(
                field, f"character {index + 1} is the control character U+{ord(char):04X}"
            )
    return value


def _wrong(field: str, value: object, allowed: str) -> RequestRejected:
    return invalid_field(field, f"{_shown(value)} was given; needed is {allowed}")


def _shown(value: object) -> str:
    """Say what was given, in JSON's words; long values by their kind only."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else "a long text"
    if isinstance(value, bool | int | float):
        return str(value).lower()[:40]
    return "a list" if isinstance(value, list | tuple) else "an object"
