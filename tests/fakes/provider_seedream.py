"""Seedream as Volcengine Ark offers it: OpenAI's path, but references go as JSON, no multipart."""

import time
from collections.abc import Mapping
from typing import Any

from tests.fakes.provider_order import (
    Call,
    Made,
    Order,
    Refusal,
    at_most,
    choice,
    only,
    pixels,
    prompt_of,
    sized,
    strings,
)
from tests.fakes.provider_pictures import look_at_text

_FIELDS = (
    "model",
    "prompt",
    "image",
    "size",
    "sequential_image_generation",
    "sequential_image_generation_options",
    "response_format",
    "watermark",
    "optimize_prompt_options",
)
_SIDES = {"1K": 1024, "2K": 2048, "3K": 3072, "4K": 4096}
# model: (tiers, least pixels, most references)
_MODELS = {
    "doubao-seedream-4-0": (("1K", "2K", "4K"), 921_600, 10),
    "doubao-seedream-4-5": (("2K", "4K"), 3_686_400, 14),
    "doubao-seedream-5-0": (("2K", "3K"), 3_686_400, 14),
}
_MOST_PIXELS = 16_777_216
_MAX_PROMPT = 8_000


def generation(call: Call) -> Order:
    """Check a body of /api/v3/images/generations."""
    fields = call.json()
    only(fields, _FIELDS)
    model = str(fields.get("model", ""))
    tiers, least, most_references = _model(model)
    references = strings(fields.get("image"), "image")
    at_most(references, most_references, "image")
    size = str(fields.get("size", "2K"))
    width, height = size_of(size, tiers=tiers, least=least)
    check_sequence(fields)
    return Order(
        model=model,
        prompt=prompt_of(fields, longest=_MAX_PROMPT),
        size=size,
        width=width,
        height=height,
        references=tuple(look_at_text(one, "image", {"data_uri", "url"}) for one in references),
        wants=choice(fields, "response_format", ("url", "b64_json"), "url"),
        form="jpeg",
    )


def _model(model: str) -> tuple[tuple[str, ...], int, int]:
    for name, limits in _MODELS.items():
        if model.startswith(name):
            return limits
    message = f"The model or endpoint {model} does not exist or you do not have access to it."
    raise Refusal(message, status=404, code="InvalidEndpointOrModel.NotFound")


def size_of(size: str, *, tiers: tuple[str, ...], least: int) -> tuple[int, int]:
    """Return what a tier or WxH stands for."""
    if size in tiers:
        return sized((1, 1), _SIDES[size])
    found = pixels(size)
    if found is None:
        raise _bad_size("the specified size is not supported for this model")
    width, height = found
    if width * height < least:
        raise _bad_size(f"image size must be at least {least} pixels")
    if width * height > _MOST_PIXELS:
        raise _bad_size(f"image size must be at most {_MOST_PIXELS} pixels")
    if max(found) > 16 * min(found):
        raise _bad_size("aspect ratio must be between 1/16 and 16")
    return found


def _bad_size(what: str) -> Refusal:
    message = f"The parameter `size` specified in the request is not valid: {what}."
    return Refusal(message, param="size", code="InvalidParameter")


def check_sequence(fields: Mapping[str, Any]) -> None:
    """Check the options that all sellers of Seedream have."""
    choice(fields, "sequential_image_generation", ("auto", "disabled"), "disabled")
    if not isinstance(fields.get("watermark", True), bool):
        raise Refusal("The parameter `watermark` must be a boolean.", param="watermark")


def answer(order: Order, made: list[Made]) -> dict[str, Any]:
    """Return the body of a good answer."""
    size = f"{order.width}x{order.height}"
    by_value = order.wants == "b64_json"
    return {
        "model": order.model,
        "created": int(time.time()),
        "data": [
            {"b64_json": one.encoded, "size": size} if by_value else {"url": one.url, "size": size}
            for one in made
        ],
        "usage": {"generated_images": len(made), "output_tokens": 16384, "total_tokens": 16384},
    }


_CODES = {
    400: "InvalidParameter",
    401: "AuthenticationError",
    403: "AccessDenied",
    404: "NotFound",
    429: "RateLimitExceeded.EndpointRPMExceeded",
}
_TYPES = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of a bad answer."""
    is_own = code is not None and code[0].isupper()
    usual = _CODES.get(status, "InternalServiceError")
    kind = _TYPES.get(status, "InternalServerError" if status >= 500 else "BadRequest")
    return {
        "error": {
            "code": code if is_own else usual,
            "message": f"{message} Request id: 0217675400213799",
            "param": param or "",
            "type": kind,
        }
    }


def refused(*, of_prompt: bool) -> tuple[int, dict[str, Any]]:
    """Return what is said to a prompt or picture that may not be."""
    what, code = ("input text", "InputText") if of_prompt else ("output image", "OutputImage")
    message = f"The request failed because the {what} may contain sensitive information."
    return 400, error(400, message, code=f"{code}SensitiveContentDetected")
