"""Finds the picture in an answer, or says why there is none."""

import base64
import binascii
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, UnidentifiedImageError

from komadori.backends.images.http_api.outcomes import Reply, Speaker
from komadori.backends.images.http_api.paths import find
from komadori.backends.pictures import BROKEN, FORMATS

_MAX_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that came with the answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """A picture that lies at an address."""

    url: str


def read_answer(speaker: Speaker, reply: Reply) -> Picture | Link:
    """Return what an answer of success holds.

    A picture that is there counts, also when the head calls the answer something else than JSON:
    it is paid for.

    Raises:
        BackendRefused: it says that it will not draw this.
        OutcomeUnknown: there is neither a picture nor a reason; the message says what came.
    """
    if reply.media_type.startswith("image/") and reply.json() is None:
        return _checked(speaker, reply.body)
    data = _object(speaker, reply)
    made = find_picture(speaker, data, speaker.spec.answer.pictures)
    if made is None:
        raise _refusal(speaker, data) or speaker.lost("the answer has no picture in it")
    return made


def read_task_id(speaker: Speaker, reply: Reply, path: str) -> str:
    """Return the id of the task that an order became.

    Raises:
        BackendRefused, OutcomeUnknown: as with an answer that has no picture.
    """
    data = _object(speaker, reply)
    for value in find(data, path):
        task_id = str(value)
        if isinstance(value, (str, int)) and 0 < len(task_id) <= 200 and task_id.isprintable():
            return task_id
    raise _refusal(speaker, data) or speaker.lost("the answer has no task's id in it")


def find_picture(speaker: Speaker, data: Any, paths: Iterable[str]) -> Picture | Link | None:
    """Return the first picture at the paths; it may take a while to check it."""
    for path in paths:
        for value in find(data, path, skip=speaker.spec.answer.skip):
            if isinstance(value, str) and value:
                return _made(speaker, value)
    return None


def _made(speaker: Speaker, text: str) -> Picture | Link:
    if text.startswith(("http://", "https://")):
        return Link(text)
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return _checked(speaker, base64.b64decode(text, validate=False))
    except binascii.Error as exc:
        raise speaker.lost("the picture in the answer is no base64") from exc


def _checked(speaker: Speaker, data: bytes) -> Picture:
    fault = fault_of(data)
    if fault:
        raise speaker.lost(f"what came is no picture that can be used: {fault}")
    return Picture(data)


def fault_of(data: bytes) -> str:
    """Return why bytes are no whole picture; "" when they are one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS:
                    return f"it has {image.width} x {image.height} pixels"
                image.load()
    except UnidentifiedImageError:
        return f"{len(data)} bytes that are none of {', '.join(FORMATS)}"
    except BROKEN as exc:
        return f"it is broken ({exc})"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return "it has far too many pixels"
    return ""


def _object(speaker: Speaker, reply: Reply) -> dict[str, Any]:
    data = reply.json()
    if isinstance(data, dict):
        return data
    kind = speaker.clean(reply.media_type) or "no type"
    raise speaker.lost(f"the answer is no JSON object, but {len(reply.body)} bytes of {kind}")


def _refusal(speaker: Speaker, data: dict[str, Any]) -> Exception | None:
    answer = speaker.spec.answer
    for sign in answer.refusals:
        for value in find(data, sign.path):
            if sign.values and str(value) not in sign.values:
                continue
            reasons = [str(each) for path in answer.reasons for each in find(data, path)]
            return speaker.refused(" – ".join([str(value), *reasons[:2]]))
    return None
