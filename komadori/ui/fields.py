"""What an API caller sent, field by field: the right type, or a sentence on what is allowed."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from komadori.domain.ids import JobId
from komadori.domain.requests import SEED_MAX, SIDE_MAX, SIDE_MIN
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.queue.desk import KEY_MAX_CHARS

OFFSET_MAX = 10_000_000
_JOB_ID_MAX_CHARS = 80
_NUMBER_MAX = 10_000  # the job knows how many it has; a store cannot look for any number

_SIZE = re.compile(r"([0-9]{1,5})[x×]([0-9]{1,5})", re.ASCII)
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)

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
        reason = f"{_shown(value)} is out of range; {least} to {most:,} are allowed"
        raise invalid_field(field, reason)
    return value


def number(value: object, field: str, *, least: float, most: float) -> float:
    """Return a number in a range, both ends included."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(field, value, f"a number from {least:g} to {most:g}")
    if not least <= value <= most:
        reason = f"{_shown(value)} is out of range; {least:g} to {most:g} are allowed"
        raise invalid_field(field, reason)
    return float(value)


def panel_number(value: object) -> int:
    """Return what can be the number of a panel."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("panel", value, "a panel's number; panels are numbered from 1")
    return _numbered("panel", value)


def seed(value: object) -> int | None:
    """Return the number that chance begins with; None stands for a new one."""
    return None if value is None else whole_number(value, "seed", least=0, most=SEED_MAX)


def draft_number(value: object) -> int | None:
    """Return what can be the number of a draft; None stands for the newest."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("draft", value, "a draft's number; drafts are numbered from 1")
    return _numbered("draft", value)


def candidate_number(value: object) -> int:
    """Return what can be the number of a picture of a frame job."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong("number", value, "a picture's number; pictures are numbered from 1")
    return _numbered("number", value)


def flag(value: object, field: str) -> bool:
    """Return yes or no; None stands for no."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong(field, value, "true or false")
    return value


def size(value: object) -> tuple[int, int]:
    """Return width and height in pixels."""
    allowed = f"width x height, each {SIDE_MIN} to {SIDE_MAX} pixels, for example '1280x720'"
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong("size", value, allowed)
    width, height = int(found[1]), int(found[2])
    if not (SIDE_MIN <= width <= SIDE_MAX and SIDE_MIN <= height <= SIDE_MAX):
        raise invalid_field("size", f"{width}x{height} is out of range; needed is {allowed}")
    return width, height


def provider(value: object) -> str:
    """Return what can be a provider's name. Whether there is one of this name, the queue knows."""
    allowed = "'auto' or a name that providers returned"
    if not isinstance(value, str) or not _PROVIDER.fullmatch(value):
        raise _wrong("provider", value, allowed)
    return value


def workflow(value: object) -> str:
    """Return what can be a workflow's name. Whether there is one of this name, the queue knows."""
    if not isinstance(value, str) or not _PROVIDER.fullmatch(value):
        raise _wrong("workflow", value, "'auto' or a name that workflows returned")
    return value


def one_of(value: object, field: str, choices: Sequence[str]) -> str | None:
    """Return one of the words; None stands for none of them."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value not in choices:
        raise _wrong(field, value, f"null or one of {', '.join(choices)}")
    return value


def names(value: object, field: str) -> list[str] | None:
    """Return a list of names; None stands for all that there are."""
    if value is None:
        return None
    allowed = "a list of names, or null for all of them"
    if not isinstance(value, list | tuple):
        raise _wrong(field, value, allowed)
    for index, name in enumerate(value):
        if not isinstance(name, str):
            raise _wrong(f"{field}.{index}", name, "a name")
    return [name.strip() for name in value]


def picture(value: object, field: str) -> Mapping[str, Any] | None:
    """Return a file that the client has uploaded; None stands for none."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RequestRejected(
            f"{field}: a picture is needed, uploaded with handle_file('picture.png'); "
            "a text or another value is not taken.",
            code="not_uploaded",
            field=field,
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
        raise _wrong("job_id", value, "the id that a create call or list_jobs returned")
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


def _numbered(field: str, value: int) -> int:
    if not 1 <= value <= _NUMBER_MAX:
        what = "picture" if field == "number" else field
        raise invalid_field(
            field, f"there is no {what} {str(value)[:40]}; they are numbered from 1"
        )
    return value


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
