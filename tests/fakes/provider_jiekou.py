"""jiekou.ai: one path for each model; pictures by address or by value, at once or as a task."""

import time
from typing import Any

from tests.fakes.provider_order import (
    Call,
    Made,
    Order,
    Refusal,
    at_most,
    choice,
    only,
    prompt_of,
    sized,
    strings,
    whole,
)
from tests.fakes.provider_pictures import look_at_text
from tests.fakes.provider_seedream import check_sequence, size_of

_RATIOS = ["1x1", "2x3", "3x2", "3x4", "4x3", "4x5", "5x4", "9x16", "16x9", "21x9"]
_SIDES = {"1k": 1024, "2k": 2048, "4k": 4096}
_NANO = ("n", "size", "prompt", "quality", "response_format")
_NANO_MAX_PROMPT = 1_000
_NANO_REFERENCES = 10
_SEEDREAM_4 = (
    "prompt",
    "images",
    "size",
    "sequential_image_generation",
    "max_images",
    "watermark",
)
_SEEDREAM_NEWER = (
    "prompt",
    "image",
    "size",
    "watermark",
    "optimize_prompt_options",
    "sequential_image_generation",
    "sequential_image_generation_options",
)
_SEEDREAM_MAX_PROMPT = 8_000
_FORMS = {"data_uri", "base64", "url"}


def nano_from_text(call: Call) -> Order:
    """Check a body of /v3/nano-banana-pro-light-t2i."""
    return _nano(call, _NANO, "nano-banana-pro-light-t2i")


def nano_from_images(call: Call) -> Order:
    """Check a body of /v3/nano-banana-pro-light-i2i."""
    if not strings(call.json().get("images"), "images"):
        raise Refusal("images is required.", param="images")
    return _nano(call, (*_NANO, "images", "mask"), "nano-banana-pro-light-i2i")


def _nano(call: Call, allowed: tuple[str, ...], model: str) -> Order:
    fields = call.json()
    only(fields, allowed)
    references = strings(fields.get("images"), "images")
    at_most(references, _NANO_REFERENCES, "images")
    ratio = choice(fields, "size", _RATIOS, "1x1")
    quality = choice(fields, "quality", tuple(_SIDES), "1k")
    across, _, down = ratio.partition("x")
    width, height = sized((int(across), int(down)), _SIDES[quality])
    return Order(
        model=model,
        prompt=prompt_of(fields, longest=_NANO_MAX_PROMPT),
        size=f"{ratio} {quality}",
        width=width,
        height=height,
        references=tuple(look_at_text(one, "images", _FORMS) for one in references),
        n=whole(fields, "n", 1, low=1, high=10),
        wants=choice(fields, "response_format", ("url", "b64_json"), "url"),
    )


def seedream_4_0(call: Call) -> Order:
    """Check a body of /v3/seedream-4.0."""
    only(call.json(), _SEEDREAM_4)
    tiers = ("1K", "2K", "4K")
    return _seedream(call, "seedream-4.0", "images", 10, tiers=tiers, least=921_600)


def seedream_4_5(call: Call) -> Order:
    """Check a body of /v3/seedream-4.5."""
    return _seedream_newer(call, "seedream-4.5")


def seedream_5_0(call: Call) -> Order:
    """Check a body of /v3/seedream-5.0-lite."""
    return _seedream_newer(call, "seedream-5.0-lite")


def _seedream_newer(call: Call, model: str) -> Order:
    only(call.json(), _SEEDREAM_NEWER)
    return _seedream(call, model, "image", 14, tiers=("2K", "3K", "4K"), least=3_686_400)


def _seedream(
    call: Call, model: str, name: str, most: int, *, tiers: tuple[str, ...], least: int
) -> Order:
    fields = call.json()
    references = strings(fields.get(name), name)
    at_most(references, most, name)
    size = str(fields.get("size", "2K"))
    width, height = size_of(size, tiers=tiers, least=least)
    check_sequence(fields)
    return Order(
        model=model,
        prompt=prompt_of(fields, longest=_SEEDREAM_MAX_PROMPT),
        size=size,
        width=width,
        height=height,
        references=tuple(look_at_text(one, name, _FORMS) for one in references),
        form="jpeg",
    )


MODELS = {
    "nano-banana-pro-light-t2i": nano_from_text,
    "nano-banana-pro-light-i2i": nano_from_images,
    "seedream-4.0": seedream_4_0,
    "seedream-4.5": seedream_4_5,
    "seedream-5.0-lite": seedream_5_0,
}


def answer(order: Order, made: list[Made]) -> dict[str, Any]:
    """Return the body of a good answer that has the pictures."""
    if order.model.startswith("seedream"):
        return {"images": [one.url for one in made]}
    return {"created": int(time.time()), "data": [_listed(one, order) for one in made]}


def _listed(one: Made, order: Order) -> dict[str, str]:
    picture = {"b64_json": one.encoded} if order.wants == "b64_json" else {"url": one.url}
    return {**picture, "revised_prompt": order.prompt}


def task_answer(task: dict[str, Any]) -> dict[str, Any]:
    """Return what /v3/async/task-result says of a task, `task` as it is kept."""
    is_done = task["status"] == "TASK_STATUS_SUCCEED"
    told = {
        "task_id": task["task_id"],
        "task_type": task["model"],
        "status": task["status"],
        "reason": task["reason"],
        "eta": 0 if is_done else 2,
        "progress_percent": task["progress"],
    }
    images = [
        {"image_url": url, "image_url_ttl": 3600, "image_type": url.rpartition(".")[2]}
        for url in task["urls"]
    ]
    return {"extra": {}, "task": told, "images": images if is_done else []}


_REASONS = {
    400: "INVALID_REQUEST_BODY",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    429: "RATE_LIMIT_EXCEEDED",
    503: "SERVICE_NOT_AVAILABLE",
}


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of a bad answer."""
    reason = "NOT_ENOUGH_BALANCE" if code == "insufficient_quota" else _REASONS.get(status)
    metadata = {"field": param} if param else {}
    return {
        "code": status,
        "reason": reason or "INTERNAL_ERROR",
        "message": message,
        "metadata": metadata,
    }


def refused(*, of_prompt: bool) -> tuple[int, dict[str, Any]]:
    """Return what is said to a prompt or picture that may not be."""
    what = "prompt" if of_prompt else "picture"
    told = error(400, f"The {what} of this request is not allowed by the safety policy.")
    return 400, {**told, "reason": "CONTENT_POLICY_VIOLATION"}
