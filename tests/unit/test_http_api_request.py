"""Requests as each shipped provider wants them, compared with the shapes that vendors publish."""

import base64
import json
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any

import pytest

from komadori.backends.images.http_api import ProviderSpec, load_providers
from komadori.backends.images.http_api.request import Encoded, encode
from komadori.backends.images.protocol import PictureOrder, Reference, ReferenceRole
from komadori.domain.story import Drawing, Panel, Scene, Setting, Shot, Style
from komadori.errors import BackendRefused
from komadori.settings import ROOT

SHIPPED = {spec.name: spec for spec in load_providers(ROOT / "config" / "providers").specs}
SCENE = Reference(role=ReferenceRole.SCENE, data=b"scene", media_type="image/jpeg")
MEI = Reference(role=ReferenceRole.CHARACTER, name="小美", data=b"mei", media_type="image/png")
SCENE_64, MEI_64 = (base64.b64encode(each.data).decode() for each in (SCENE, MEI))
SCENE_URI, MEI_URI = f"data:image/jpeg;base64,{SCENE_64}", f"data:image/png;base64,{MEI_64}"


def order(*references: Reference, **changes: Any) -> PictureOrder:
    scene = Scene(number=1, setting=Setting.STREET)
    panel = Panel(number=1, scene=scene, text="雨。", shot=Shot.WIDE)
    values: dict[str, Any] = {
        "drawing": Drawing(panel=panel, cast=(), style=Style(), seed=5),
        "prompt": "雨の町 \ud800 “rain”",
        "references": references,
        "seed": 2**31 + 5,
        "width": 1280,
        "height": 720,
    }
    return PictureOrder(**(values | changes))


def body_of(encoded: Encoded) -> Any:
    assert encoded.media_type == "application/json"
    return json.loads(encoded.body)


PROMPT = order().prompt
GEMINI_CONFIG = {
    "responseModalities": ["IMAGE"],
    "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"},
}
SEEDREAM = {"sequential_image_generation": "disabled", "watermark": False, "size": "2560x1440"}
ARK = SEEDREAM | {"model": "doubao-seedream-4-5-251128", "response_format": "b64_json"}
NANO = {"n": 1, "size": "16x9", "quality": "1k", "response_format": "b64_json"}
GEMINI_PATH = "/v1beta/models/gemini-3-pro-image-preview:generateContent"


@pytest.mark.parametrize(
    ("name", "references", "path", "expected"),
    [
        (
            "openai",
            (),
            "/v1/images/generations",
            {"model": "gpt-image-2", "prompt": PROMPT, "n": 1, "size": "1280x720"},
        ),
        (
            "jiekou-gpt-image",
            (),
            "/v1/images/generations",
            {"model": "gpt-image-1", "prompt": PROMPT, "n": 1, "size": "1536x1024"},
        ),
        (
            "gemini",
            (),
            GEMINI_PATH,
            {"contents": [{"parts": [{"text": PROMPT}]}], "generationConfig": GEMINI_CONFIG},
        ),
        (
            "gemini",
            (SCENE, MEI),
            GEMINI_PATH,
            {
                "contents": [
                    {
                        "parts": [
                            {"text": PROMPT},
                            {"text": "Image 1 (the scene):"},
                            {"inline_data": {"mime_type": "image/jpeg", "data": SCENE_64}},
                            {"text": "Image 2 (a character: 小美):"},
                            {"inline_data": {"mime_type": "image/png", "data": MEI_64}},
                        ]
                    }
                ],
                "generationConfig": GEMINI_CONFIG,
            },
        ),
        ("ark-seedream", (), "/api/v3/images/generations", ARK | {"prompt": PROMPT}),
        (
            "ark-seedream",
            (SCENE, MEI),
            "/api/v3/images/generations",
            ARK | {"prompt": PROMPT, "image": [SCENE_URI, MEI_URI]},
        ),
        ("jiekou-seedream", (), "/v3/seedream-4.5", SEEDREAM | {"prompt": PROMPT}),
        (
            "jiekou-seedream",
            (MEI,),
            "/v3/seedream-4.5",
            SEEDREAM | {"prompt": PROMPT, "image": [MEI_URI]},
        ),
        (
            "jiekou-seedream-async",
            (MEI,),
            "/v3/async/seedream-4.5",
            SEEDREAM | {"prompt": PROMPT, "image": [MEI_URI]},
        ),
        ("jiekou-nano-banana", (), "/v3/nano-banana-pro-light-t2i", NANO | {"prompt": PROMPT}),
        (
            "jiekou-nano-banana",
            (SCENE, MEI),
            "/v3/nano-banana-pro-light-i2i",
            NANO | {"prompt": PROMPT, "images": [SCENE_64, MEI_64]},
        ),
    ],
)
def test_a_body_has_the_published_shape(
    name: str, references: tuple[Reference, ...], path: str, expected: Mapping[str, Any]
) -> None:
    encoded = encode(SHIPPED[name], order(*references))

    assert encoded.path == path
    assert body_of(encoded) == expected


@pytest.mark.parametrize(
    ("name", "model", "size"),
    [("openai", "gpt-image-2", "1280x720"), ("jiekou-gpt-image", "gpt-image-1", "1536x1024")],
)
def test_edits_are_a_form_with_files(name: str, model: str, size: str) -> None:
    encoded = encode(SHIPPED[name], order(SCENE, MEI, prompt="雨の町 “rain”"))

    head = f"Content-Type: {encoded.media_type}\r\n\r\n".encode()
    parts = message_from_bytes(head + encoded.body).get_payload()
    assert isinstance(parts, list)
    told = [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in parts
    ]
    assert encoded.path == "/v1/images/edits"
    assert told == [
        ("model", None, model.encode()),
        ("prompt", None, "雨の町 “rain”".encode()),
        ("n", None, b"1"),
        ("size", None, size.encode()),
        ("image[]", "image-1.jpg", b"scene"),
        ("image[]", "image-2.png", b"mei"),
    ]
    assert [part.get_content_type() for part in parts[-2:]] == ["image/jpeg", "image/png"]


def test_a_prompt_can_not_add_parts_to_a_form() -> None:
    evil = '\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nother'

    encoded = encode(SHIPPED["openai"], order(SCENE, prompt=evil))

    boundary = encoded.media_type.partition("boundary=")[2].encode()
    assert encoded.body.count(b"--" + boundary) == 6
    assert evil.encode() in encoded.body


def changed(name: str, **changes: Any) -> ProviderSpec:
    return ProviderSpec.model_validate(SHIPPED[name].model_dump() | changes)


def test_a_seed_goes_where_the_file_says() -> None:
    fields = SHIPPED["gemini"].fields.model_dump() | {"seed": "generationConfig.seed"}

    body = body_of(encode(changed("gemini", fields=fields), order()))

    assert body["generationConfig"]["seed"] == 5
    assert body["generationConfig"]["responseModalities"] == ["IMAGE"]


def test_a_draft_is_smaller_and_cheaper() -> None:
    draft = body_of(encode(SHIPPED["openai"], order(is_draft=True, width=1920, height=1080)))

    assert draft["quality"] == "low"
    assert draft["size"] == "1088x624"
    final = body_of(encode(SHIPPED["openai"], order(width=1920, height=1080)))
    assert "quality" not in final


def test_the_files_own_fields_are_not_changed_by_an_order() -> None:
    spec = SHIPPED["gemini"]
    before = spec.model_dump_json()

    encode(spec, order(is_draft=True))

    assert spec.model_dump_json() == before


@pytest.mark.parametrize(
    ("spec", "references", "words"),
    [
        (changed("openai", generate=None), (), "only from reference pictures"),
        (changed("openai", edit=None, references=None), (SCENE,), "takes no reference pictures"),
        (SHIPPED["jiekou-nano-banana"], (SCENE,) * 11, "at most 10 reference pictures, and .* 11"),
        (
            SHIPPED["openai"],
            (SCENE, Reference(role=ReferenceRole.SCENE, data=b"", media_type="image/gif")),
            r"does not take image/gif \(image 2\), only image/jpeg",
        ),
    ],
)
def test_what_a_provider_does_not_take_is_refused_in_words(
    spec: ProviderSpec, references: tuple[Reference, ...], words: str
) -> None:
    with pytest.raises(BackendRefused, match=words):
        encode(spec, order(*references))
