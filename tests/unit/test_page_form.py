"""The form: what it asks for, where each refusal is said, and the script before the first paint."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send

from komadori.domain.requests import parse_storyboard
from komadori.errors import RequestRejected
from komadori.ui.first_paint import FirstPaint, with_script
from komadori.ui.page import build_page
from komadori.ui.presets import STYLE_FIELDS, preset_words
from komadori.ui.studio_form import place_of, request_of

STORY = "Mina kept the lamp in the lighthouse on Gull Island, and lit it every evening."


def _values(**changed: Any) -> list[Any]:
    given: dict[str, Any] = {"story": STORY, "panels": 3, "cast": [], "key": "k"}
    given |= {"provider": "auto"} | changed
    return [
        given["story"],
        given["panels"],
        *["" for _ in STYLE_FIELDS],
        given["provider"],
        given["cast"],
        given["key"],
    ]


def test_the_form_asks_for_what_the_queue_takes() -> None:
    wanted, key = request_of(_values(cast=[{"name": "Mina", "description": "red coat"}]))

    request = parse_storyboard(wanted)
    assert request.panels == 3
    assert request.characters[0].name == "Mina"
    assert request.provider == "auto"
    assert key == "k"


def test_the_form_asks_for_the_provider_that_was_chosen() -> None:
    request = parse_storyboard(request_of(_values(provider="openai"))[0])

    assert request.provider == "openai"


def test_an_empty_form_is_refused_and_not_broken() -> None:
    wanted, key = request_of(_values(story=None, provider=None, cast=None, key=""))

    with pytest.raises(RequestRejected):
        parse_storyboard(wanted)
    assert key is None


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"story": "short"}, "story"),
        ({"panels": 0}, "panels"),
        ({"panels": "many"}, "panels"),
        ({"cast": [{"name": "A"}, {"name": "A"}]}, "cast"),
        ({"cast": [{"nickname": "A"}]}, "cast"),
        ({"provider": "No such"}, "provider"),
    ],
)
def test_a_refusal_is_said_next_to_what_it_concerns(changed: dict[str, Any], place: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        parse_storyboard(request_of(_values(**changed))[0])

    assert place_of(refused.value) == place


@pytest.mark.parametrize("code", ["provider_unknown", "provider_not_ready"])
def test_what_the_queue_says_of_a_provider_stands_beside_the_choice(code: str) -> None:
    assert place_of(RequestRejected("No.", code=code, name="openai")) == "provider"


def test_a_refusal_of_no_field_is_said_under_the_button() -> None:
    assert place_of(RequestRejected("No cookie.", code="session_missing")) == "form"


def test_the_plain_preset_empties_the_style() -> None:
    assert preset_words("plain", "en") == [""] * len(STYLE_FIELDS)
    assert preset_words("<b>", "en") == [""] * len(STYLE_FIELDS)


def test_the_script_stands_before_all_others() -> None:
    page = b'<head>\n<meta charset="utf-8" />\n<script>window.gradio_config = {};</script></head>'

    changed = with_script(page)
    assert changed.index(b"navigator") < changed.index(b"gradio_config")


async def test_only_the_page_itself_gets_the_script() -> None:
    page = b'<meta charset="utf-8" />'

    assert b"navigator" in await _body_of("/", "text/html; charset=utf-8", page)
    assert await _body_of("/", "application/json", page) == page
    assert await _body_of("/theme.css", "text/html", page) == page


DESK = cast(Any, SimpleNamespace(health=None))


async def test_the_page_adds_no_handler_to_the_public_api() -> None:
    page = build_page(cast(Any, None), cast(Any, None), DESK)

    ours = [fn for fn in page.fns.values() if fn.api_visibility != "private"]
    assert {str(fn.api_name) for fn in ours} == {
        "create_storyboard",
        "create_clip",
        "job_clips",
        "workflows",
        "job_status",
        "follow_job",
        "list_jobs",
        "cancel_job",
        "retry_job",
        "delete_job",
        "redo_panel",
        "job_panels",
        "create_frame",
        "approve_draft",
        "redo_draft",
        "pick_candidate",
        "job_pictures",
        "providers",
        "health",
        "operate",
    }


async def test_no_handler_waits_for_another_call_of_itself() -> None:
    page = build_page(cast(Any, None), cast(Any, None), DESK)

    held_up = [
        fn for fn in page.fns.values() if fn.fn is not None and fn.concurrency_limit is not None
    ]
    assert held_up == []


async def _body_of(path: str, media_type: str, body: bytes) -> bytes:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await FirstPaint(app)({"type": "http", "path": path, "headers": []}, receive, send)
    answered = b"".join(message.get("body", b"") for message in sent[1:])
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(answered)).encode()
    return answered
