"""OpenAI's images: generations as JSON, edits as multipart; pictures come back by value."""

import time
from collections.abc import Mapping
from typing import Any

from tests.fakes.provider_order import (
    Call,
    Made,
    Order,
    Part,
    Refusal,
    at_most,
    choice,
    only,
    pixels,
    prompt_of,
    whole,
)
from tests.fakes.provider_pictures import look_at

_COMMON = frozenset(
    {
        "model",
        "prompt",
        "n",
        "size",
        "quality",
        "background",
        "output_format",
        "output_compression",
        "moderation",
        "user",
    }
)
_EDIT = _COMMON | {"input_fidelity"}
_IMAGES = ("image[]", "image")
_MODELS = ("gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2")
_MEDIA_TYPES = ("image/png", "image/webp", "image/jpeg")
_FIXED_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_MAX_BYTES = 50_000_000
_MAX_PROMPT = 32_000
_MAX_REFERENCES = 16
_LEAST_PIXELS, _MOST_PIXELS = 655_360, 8_294_400


def generation(call: Call) -> Order:
    """Check a body of /v1/images/generations."""
    fields = call.json()
    only(fields, _COMMON)
    return _order(fields)


def edit(call: Call) -> Order:
    """Check a body of /v1/images/edits."""
    if not call.parts:
        raise Refusal("Invalid body: multipart/form-data is expected.", code="invalid_body")
    fields = {part.name: part.data.decode() for part in call.parts if part.filename is None}
    files = [part for part in call.parts if part.filename is not None]
    only(fields, _EDIT)
    only({part.name: part for part in files}, {*_IMAGES, "mask"})
    images = [part for part in files if part.name in _IMAGES]
    if not images:
        raise Refusal("Missing required parameter: 'image'.", param="image")
    at_most(images, _MAX_REFERENCES, "image")
    for part in files:
        _check_file(part)
    return _order(fields, tuple(images))


def _check_file(part: Part) -> None:
    if part.content_type not in _MEDIA_TYPES:
        message = (
            f"Invalid file '{part.name}': unsupported mimetype ('{part.content_type}')."
            " Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'."
        )
        raise Refusal(message, param=part.name, code="unsupported_file_mimetype")
    if len(part.data) >= _MAX_BYTES:
        raise Refusal(f"Invalid file '{part.name}': too large.", param=part.name)


def _order(fields: Mapping[str, Any], images: tuple[Part, ...] = ()) -> Order:
    model = choice(fields, "model", _MODELS, "gpt-image-1")
    form = choice(fields, "output_format", ("png", "jpeg", "webp"), "png")
    _check_compression(fields, form)
    choice(fields, "quality", ("auto", "low", "medium", "high"), "auto")
    choice(fields, "background", ("auto", "opaque", "transparent"), "auto")
    size = fields.get("size", "auto")
    width, height = _size(model, size)
    return Order(
        model=model,
        prompt=prompt_of(fields, longest=_MAX_PROMPT),
        size=size,
        width=width,
        height=height,
        references=tuple(look_at(part.data, "file", part.name) for part in images),
        n=whole(fields, "n", 1, low=1, high=10),
        wants="b64_json",
        form=form,
    )


def _check_compression(fields: Mapping[str, Any], form: str) -> None:
    if whole(fields, "output_compression", 100, low=0, high=100) < 100 and form == "png":
        message = "Compression less than 100 is not supported for PNG output format."
        raise Refusal(message, param="output_compression")


def _size(model: str, size: object) -> tuple[int, int]:
    if size == "auto":
        return 1024, 1024
    found = pixels(size) if isinstance(size, str) else None
    if found and (_is_free_size(*found) if model == "gpt-image-2" else size in _FIXED_SIZES):
        return found
    message = f"Invalid value: {size!r}. This size is not supported by the model '{model}'."
    raise Refusal(message, param="size", code="invalid_value")


def _is_free_size(width: int, height: int) -> bool:
    is_whole = width % 16 == 0 and height % 16 == 0
    is_broad = max(width, height) <= 3 * min(width, height)
    return is_whole and is_broad and _LEAST_PIXELS <= width * height <= _MOST_PIXELS


def answer(order: Order, made: list[Made]) -> dict[str, Any]:
    """Return the body of a good answer."""
    shown = 300 * len(order.references)
    return {
        "created": int(time.time()),
        "background": "opaque",
        "data": [{"b64_json": one.encoded} for one in made],
        "output_format": order.form,
        "quality": "low",
        "size": f"{order.width}x{order.height}",
        "usage": {
            "input_tokens": 50 + shown,
            "input_tokens_details": {"image_tokens": shown, "text_tokens": 50},
            "output_tokens": 272,
            "total_tokens": 322 + shown,
        },
    }


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of a bad answer."""
    kinds = {401: "invalid_request_error", 429: "requests", 400: "invalid_request_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "insufficient_quota":
        kind = code
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refused(*, of_prompt: bool) -> tuple[int, dict[str, Any]]:
    """Return what is said to a picture that may not be, or to such a prompt: here the same."""
    message = (
        "Your request was rejected by the safety system. If you believe this is an error, contact"
        " us. safety_violations=[violence]."
    )
    return 400, error(400, message, code="moderation_blocked")
