"""Encodes an order as the provider wants it."""

import base64
import json
import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from komadori.backends.images.http_api.paths import put
from komadori.backends.images.http_api.sizes import SizeChoice, choose_size, reduced
from komadori.backends.images.http_api.spec import Endpoint, ProviderSpec, ReferenceSpec
from komadori.backends.images.protocol import PictureOrder, Reference, ReferenceRole
from komadori.errors import BackendRefused

_SEEDS = 2**31
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_ROLES = {
    ReferenceRole.SCENE: "the scene",
    ReferenceRole.CHARACTER: "a character",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A request that can be sent; `size` is for the log."""

    path: str
    media_type: str
    body: bytes
    size: str


def encode(spec: ProviderSpec, order: PictureOrder) -> Encoded:
    """Return the request. It may take a while when references are large.

    Raises:
        BackendRefused: the provider does not take such an order.
    """
    endpoint = _endpoint(spec, order)
    choice = _size(spec, order)
    body = _fields(spec, endpoint, order, choice)
    path = endpoint.path.replace("{model}", quote(spec.model, safe="/:@._-"))
    if endpoint.encoding == "multipart":
        boundary = uuid.uuid4().hex
        data = encode_form(body, _files(spec, order.references), boundary)
        media_type = f"multipart/form-data; boundary={boundary}"
    else:
        _put_references(spec, body, order)
        data = json.dumps(body).encode()
        media_type = "application/json"
    named = " ".join(filter(None, (choice.size, choice.tier)))
    return Encoded(path=path, media_type=media_type, body=data, size=named)


def _endpoint(spec: ProviderSpec, order: PictureOrder) -> Endpoint:
    if not order.references:
        if spec.generate is None:
            raise BackendRefused(
                f"{spec.label} draws only from reference pictures; "
                "add one, or choose another provider."
            )
        return spec.generate
    if spec.edit is None or spec.references is None:
        raise BackendRefused(
            f"{spec.label} takes no reference pictures; leave them out, or choose another provider."
        )
    _check_references(spec.label, spec.references, order.references)
    return spec.edit


def _check_references(label: str, wanted: ReferenceSpec, references: tuple[Reference, ...]) -> None:
    if len(references) > wanted.max:
        raise BackendRefused(
            f"{label} takes at most {wanted.max} reference pictures, "
            f"and there are {len(references)}."
        )
    for number, reference in enumerate(references, 1):
        if reference.media_type not in wanted.media_types:
            allowed = ", ".join(wanted.media_types)
            raise BackendRefused(
                f"{label} does not take {reference.media_type} (image {number}), only {allowed}."
            )


def _size(spec: ProviderSpec, order: PictureOrder) -> SizeChoice:
    width, height = order.width, order.height
    if order.is_draft and spec.draft.longest_side:
        width, height = reduced(width, height, spec.draft.longest_side)
    return choose_size(spec.size, width, height)


def _fields(
    spec: ProviderSpec, endpoint: Endpoint, order: PictureOrder, choice: SizeChoice
) -> dict[str, Any]:
    body = deepcopy(endpoint.extra)
    values = {
        spec.fields.model: spec.model,
        spec.fields.prompt: order.prompt,
        spec.fields.n: 1,
        spec.fields.size: choice.size,
        spec.fields.tier: choice.tier,
        spec.fields.seed: order.seed % _SEEDS,
    }
    for path, value in values.items():
        if path is not None:
            put(body, path, value)
    if order.is_draft:
        _lay_over(body, spec.draft.extra)
    return body


def _lay_over(body: dict[str, Any], extra: Mapping[str, Any]) -> None:
    for name, value in extra.items():
        if isinstance(value, Mapping) and isinstance(body.get(name), dict):
            _lay_over(body[name], value)
        else:
            body[name] = deepcopy(value)


def _put_references(spec: ProviderSpec, body: dict[str, Any], order: PictureOrder) -> None:
    wanted = spec.references
    if wanted is None:
        return
    match wanted.form:
        case "gemini_parts":
            put(body, wanted.field, [{"parts": _parts(order)}])
        case "data_uri" | "base64" if order.references:
            is_uri = wanted.form == "data_uri"
            pictures = [
                (f"data:{each.media_type};base64," if is_uri else "") + _base64(each.data)
                for each in order.references
            ]
            put(body, wanted.field, pictures)


def _parts(order: PictureOrder) -> list[dict[str, Any]]:
    """Return prompt and pictures, each picture with a line before it that names it."""
    parts: list[dict[str, Any]] = [{"text": order.prompt}]
    for number, each in enumerate(order.references, 1):
        name = f": {each.name}" if each.name else ""
        parts.append({"text": f"Image {number} ({_ROLES[each.role]}{name}):"})
        data = {"mime_type": each.media_type, "data": _base64(each.data)}
        parts.append({"inline_data": data})
    return parts


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _files(
    spec: ProviderSpec, references: tuple[Reference, ...]
) -> list[tuple[str, str, Reference]]:
    """Return field, file name and picture. People's names stay out of the head of a part."""
    if spec.references is None:
        return []
    return [
        (spec.references.field, f"image-{number}.{_SUFFIXES[each.media_type]}", each)
        for number, each in enumerate(references, 1)
    ]


def encode_form(
    fields: Mapping[str, Any], files: list[tuple[str, str, Reference]], boundary: str
) -> bytes:
    """Return a form as RFC 7578 writes it. The boundary must not occur in the values."""
    pieces: list[bytes] = []
    for name, value in fields.items():
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        pieces += _piece(boundary, head, _text(value).encode("utf-8", "replace"))
    for name, filename, file in files:
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"; filename="{filename}"'
        head += f"\r\nContent-Type: {file.media_type}"
        pieces += _piece(boundary, head, file.data)
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def _piece(boundary: str, head: str, value: bytes) -> list[bytes]:
    return [f"--{boundary}\r\n{head}\r\n\r\n".encode(), value, b"\r\n"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
