"""Gemini's generateContent: pictures go in and come out as parts of a content."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.provider_order import (
    Call,
    Made,
    Order,
    Refusal,
    Seen,
    at_most,
    choice,
    sized,
    whole,
)
from tests.fakes.provider_pictures import look_at_text

_MAX_REFERENCES = {
    "gemini-3-pro-image": 14,
    "gemini-3-pro-image-preview": 14,
    "gemini-2.5-flash-image": 3,
}
_RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]
_SIDES = {"1K": 1024, "2K": 2048, "4K": 4096}
_MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
_MAX_BYTES = 20 * 1024 * 1024
_BODY = ("contents", "generationConfig", "safetySettings", "systemInstruction")
_CONFIG = ("responseModalities", "imageConfig", "seed", "temperature", "topP", "topK")


def content(call: Call) -> Order:
    """Check a body of generateContent."""
    if call.size > _MAX_BYTES:
        raise Refusal(f"Request payload size exceeds the limit: {_MAX_BYTES} bytes.")
    if call.model_in_path not in _MAX_REFERENCES:
        message = (
            f"models/{call.model_in_path} is not found for API version v1beta, or is not supported"
            " for generateContent."
        )
        raise Refusal(message, status=404)
    body = call.json()
    _only(body, _BODY, "")
    texts, references = _parts(body)
    at_most(references, _MAX_REFERENCES[call.model_in_path], "contents")
    config = body.get("generationConfig", {})
    _only(config, _CONFIG, "generation_config")
    return _order(call.model_in_path, "\n".join(texts), tuple(references), config)


def _order(
    model: str, prompt: str, references: tuple[Seen, ...], config: Mapping[str, Any]
) -> Order:
    if not prompt.strip():
        raise Refusal("Unable to submit request because it must have a text parameter.")
    wanted = config.get("imageConfig", {})
    _only(wanted, ("aspectRatio", "imageSize"), "generation_config.image_config")
    ratio = choice(wanted, "aspectRatio", _RATIOS, "1:1")
    tier = choice(wanted, "imageSize", tuple(_SIDES), "1K")
    across, _, down = ratio.partition(":")
    width, height = sized((int(across), int(down)), _SIDES[tier])
    seed = whole(config, "seed", 0, low=-(2**31), high=2**31 - 1) if "seed" in config else None
    modalities = config.get("responseModalities", ["TEXT", "IMAGE"])
    if "IMAGE" not in modalities:
        raise Refusal("This model answers with images: add IMAGE to response_modalities.")
    return Order(
        model=model,
        prompt=prompt,
        size=f"{ratio} {tier}",
        width=width,
        height=height,
        references=references,
        seed=seed,
        wants="inline",
        extra={"speaks": "TEXT" in modalities},
    )


def _only(fields: object, allowed: tuple[str, ...], where: str) -> None:
    if not isinstance(fields, Mapping):
        raise Refusal(f"Invalid value at '{where}': an object is expected.")
    for name in fields:
        if name not in allowed:
            place = f" at '{where}'" if where else ""
            message = (
                f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.'
            )
            raise Refusal(message, param=name)


def _parts(body: Mapping[str, Any]) -> tuple[list[str], list[Seen]]:
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise Refusal("* GenerateContentRequest.contents: contents is not specified")
    texts: list[str] = []
    references: list[Seen] = []
    for number, one in enumerate(contents):
        _only(one, ("role", "parts"), f"contents[{number}]")
        for part in one.get("parts", []):
            _only(part, ("text", "inline_data", "inlineData"), f"contents[{number}].parts")
            if "text" in part:
                texts.append(str(part["text"]))
            else:
                references.append(_reference(part))
    return texts, references


def _reference(part: Mapping[str, Any]) -> Seen:
    inline = part.get("inline_data") or part.get("inlineData") or {}
    _only(inline, ("mime_type", "mimeType", "data"), "inline_data")
    media_type = inline.get("mime_type") or inline.get("mimeType")
    if media_type not in _MEDIA_TYPES:
        raise Refusal(f"Unsupported MIME type: {media_type}")
    return look_at_text(str(inline.get("data", "")), "inline_data", {"base64"})


def answer(order: Order, made: list[Made]) -> dict[str, Any]:
    """Return the body of a good answer; words come before the picture if they were asked for."""
    parts: list[dict[str, Any]] = [{"text": "Here it is."}] if order.extra.get("speaks") else []
    for one in made:
        parts.append({"inlineData": {"mimeType": f"image/{one.form}", "data": one.encoded}})
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": order.model, "usageMetadata": _USAGE}


_USAGE = {"promptTokenCount": 300, "candidatesTokenCount": 1290, "totalTokenCount": 1590}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return the body of a bad answer."""
    told: dict[str, Any] = {"code": status, "message": message}
    told["status"] = _STATUSES.get(status, "UNKNOWN")
    if param:
        told["details"] = [{"fieldViolations": [{"field": param, "description": message}]}]
    return {"error": told}


def refused(*, of_prompt: bool) -> tuple[int, dict[str, Any]]:
    """Return what is said to a prompt or picture that may not be: a 200 without a picture."""
    if of_prompt:
        feedback = {"blockReason": "PROHIBITED_CONTENT"}
        return 200, {"promptFeedback": feedback, "usageMetadata": _USAGE}
    candidate = {
        "finishReason": "IMAGE_SAFETY",
        "finishMessage": "Unable to show the generated image. It may violate our policies.",
        "index": 0,
    }
    return 200, {"candidates": [candidate], "usageMetadata": _USAGE}
