"""What an answer means: each status and each odd body becomes the error that says what to do."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from komadori.backends.images.http_api import ProviderSpec, load_providers
from komadori.backends.images.http_api.answer import Link, Picture, read_answer, read_task_id
from komadori.backends.images.http_api.outcomes import Reply, Speaker, seconds_of
from komadori.errors import (
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    OutcomeUnknown,
)
from komadori.settings import ROOT

SHIPPED = {spec.name: spec for spec in load_providers(ROOT / "config" / "providers").specs}
OPENAI = SHIPPED["openai"]
KEY = "test-key-0123456789abcdef-9z8y"


def encoded(form: str = "PNG", size: tuple[int, int] = (64, 36)) -> bytes:
    buffer = BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, form)
    return buffer.getvalue()


PNG = encoded()
PNG_64 = base64.b64encode(PNG).decode()


def changed(name: str, **changes: Any) -> ProviderSpec:
    return ProviderSpec.model_validate(SHIPPED[name].model_dump() | changes)


def reply(
    body: object = b"", status: int = 200, kind: str = "application/json", **headers: str
) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={"content-type": kind, **named}, body=data)


def failure(status: int, body: object = b"", *, spec: ProviderSpec = OPENAI, **headers: str) -> Any:
    return Speaker(spec, KEY).failure(reply(body, status, **headers))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, BackendRefused) for status in (301, 302, 307, 308)),
        *((status, BackendRefused) for status in (400, 401, 402, 403, 404, 405, 409, 413, 415)),
        *((status, BackendRefused) for status in (418, 422, 451)),
        (429, BackendBusy),
        *((status, BackendDown) for status in (408, 425, 500, 503, 529)),
        *((status, OutcomeUnknown) for status in (501, 502, 504, 520, 521, 522, 523, 524, 599)),
    ],
)
def test_a_status_says_what_to_do(status: int, expected: type[BackendError]) -> None:
    assert type(failure(status)) is expected


@pytest.mark.parametrize("status", [502, 504, 524])
def test_nothing_is_unknown_when_nothing_costs_money(status: int) -> None:
    assert type(failure(status, spec=changed("openai", is_paid=False))) is BackendDown


def test_a_file_may_say_what_a_status_means() -> None:
    statuses = {500: "unknown", 502: "down", 403: "busy", 429: "refused"}
    spec = changed("openai", statuses=statuses)

    kinds = [type(failure(status, spec=spec)) for status in statuses]

    assert kinds == [OutcomeUnknown, BackendDown, BackendBusy, BackendRefused]
    assert str(failure(500, spec=spec)).startswith("OpenAI: it answered 500 to the order. It may")


@pytest.mark.parametrize(
    ("told", "expected"),
    [("7", 7.0), ("0", 1.0), ("999999", 3600.0), ("soon", 20.0), ("", 20.0), ("-4", 20.0)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_provider_is_left_alone_as_long_as_it_says(
    status: int, told: str, expected: float
) -> None:
    error = failure(status, retry_after=told)

    assert isinstance(error, BackendBusy)
    assert error.retry_after_s == expected


def test_a_date_may_say_how_long() -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)

    assert seconds_of(format_datetime(at, usegmt=True)) == pytest.approx(90, abs=2)
    past = format_datetime(at - timedelta(days=1), usegmt=True)
    assert failure(429, retry_after=past).retry_after_s == 1.0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, {"message": "pay"}),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}),
        (403, {"message": "Insufficient balance"}),
        (400, {"error": {"message": "账户余额不足"}}),
    ],
)
def test_an_empty_account_is_refused_and_not_waited_for(status: int, body: object) -> None:
    error = failure(status, body)

    assert isinstance(error, BackendRefused)
    assert "has no credit left" in str(error)


def test_a_rate_limit_that_speaks_of_quota_is_waited_for() -> None:
    body = {
        "error": {"message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}
    }

    assert isinstance(failure(429, body, spec=SHIPPED["gemini"]), BackendBusy)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_by_its_variable(status: int) -> None:
    assert "refused the key in OPENAI_API_KEY" in str(failure(status))


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {KEY}. Look here.",
        f"Incorrect API key provided: {KEY[:8]}************{KEY[-4:]}. Look here.",
        f"Incorrect API key provided: {KEY[:12]}. Look here.",
        f"{'x' * 290}{KEY}",
        f"Authorization was 'Bearer {KEY}'",
    ],
)
def test_a_key_is_never_repeated(said: str) -> None:
    for body in ({"error": {"message": said}}, {"error": said}, said.encode()):
        words = str(failure(401, body))

        assert KEY[:9] not in words
        assert KEY[-4:] not in words


def test_a_key_that_is_a_mere_placeholder_does_not_blot_out_words() -> None:
    assert Speaker(OPENAI, "k").clean("not known") == "not known"


def test_keys_of_others_are_not_repeated_either() -> None:
    words = Speaker(OPENAI).clean("key sk-proj-abcdefghijkl and AIzaSyA1234567890abcdef")

    assert words == "key sk-… and AIza…"


def test_a_message_is_short_and_plain() -> None:
    words = Speaker(OPENAI).clean("a\x00b\r\n\x1b[31mred\u202e" + "x" * 500)

    assert words.startswith("a b [31mred x")
    assert len(words) == 300
    assert words.endswith("…")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Your prompt was rejected."}},
        {"message": "Your prompt was rejected."},
        {"error": "Your prompt was rejected."},
        {"detail": [{"msg": "Your prompt was rejected."}]},
        b"Your prompt was rejected.",
    ],
)
def test_the_providers_own_words_are_shown(body: object) -> None:
    assert "Your prompt was rejected." in str(failure(400, body))


@pytest.mark.parametrize("body", [b"<html><h1>Bad</h1></html>", b"", b"[]", b"{}"])
def test_a_page_or_nothing_is_not_shown_as_a_message(body: bytes) -> None:
    assert str(failure(400, body)) == "OpenAI refused the order (400)"


@pytest.mark.parametrize(
    ("location", "host"),
    [("https://evil.example/x?key=1", "evil.example"), ("/other", "another address"), ("", "an")],
)
def test_a_redirect_is_named_by_its_host_only(location: str, host: str) -> None:
    words = str(failure(307, location=location))

    assert f"redirect to {host}" in words
    assert "key=1" not in words
    assert "set base_url" in words


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai", {"data": [{"b64_json": PNG_64}]}),
        ("openai", {"data": [{"b64_json": None, "url": None}, {"b64_json": PNG_64}]}),
        ("openai", {"data": [{"url": f"data:image/png;base64,{PNG_64}"}]}),
        ("ark-seedream", {"data": [{"b64_json": PNG_64, "size": "64x36"}]}),
        ("jiekou-nano-banana", {"created": 1, "data": [{"b64_json": PNG_64}]}),
        ("jiekou-seedream", {"images": [PNG_64]}),
        (
            "gemini",
            {
                "candidates": [
                    {
                        "content": {
                            "parts": [
                                {"text": "Here it is"},
                                {"thought": True, "inlineData": {"data": "QUJD"}},
                                {"inlineData": {"mimeType": "image/png", "data": PNG_64}},
                            ]
                        },
                        "finishReason": "STOP",
                    }
                ]
            },
        ),
    ],
)
def test_a_picture_by_value_is_found(name: str, body: object) -> None:
    assert read_answer(Speaker(SHIPPED[name]), reply(body)) == Picture(PNG)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai", {"data": [{"url": "https://cdn.example/a.png"}]}),
        ("ark-seedream", {"data": [{"url": "https://cdn.example/a.png"}]}),
        ("jiekou-seedream", {"images": ["https://cdn.example/a.png"]}),
    ],
)
def test_a_picture_by_address_is_found(name: str, body: object) -> None:
    assert read_answer(Speaker(SHIPPED[name]), reply(body)) == Link("https://cdn.example/a.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_an_answer_may_be_the_picture_itself(form: str) -> None:
    data = encoded(form)

    assert read_answer(Speaker(OPENAI), reply(data, kind=f"image/{form}")) == Picture(data)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "image/png", ""])
def test_a_paid_picture_is_taken_whatever_the_head_calls_it(kind: str) -> None:
    body = {"data": [{"b64_json": PNG_64}]}

    assert read_answer(Speaker(OPENAI), reply(body, kind=kind)) == Picture(PNG)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"data": [{"b64_json": "aGFsZg', "application/json", "no JSON object, but"),
        (b"<html>Sign in</html>", "text/html", "bytes of text/html"),
        (b"", "application/json", "but 0 bytes"),
        (b"[1]", "application/json", "no JSON object"),
        (b"[" * 200_000, "application/json", "no JSON object"),
        ({}, "application/json", "no picture in it"),
        ({"data": []}, "application/json", "no picture in it"),
        ({"data": [{"b64_json": 7}]}, "application/json", "no picture in it"),
        ({"data": [{"b64_json": "!"}]}, "application/json", "0 bytes that are none of JPEG, PNG"),
        ({"data": [{"b64_json": "abcde"}]}, "application/json", "no base64"),
        ({"data": [{"b64_json": PNG_64[:-400]}]}, "application/json", "broken"),
        (b"GIF89a", "image/gif", "none of JPEG, PNG|broken"),
        (encoded("BMP"), "image/bmp", "none of JPEG, PNG"),
        (encoded()[:-200], "image/png", "broken"),
    ],
)
def test_an_answer_without_a_usable_picture_is_unknown(body: object, kind: str, words: str) -> None:
    with pytest.raises(OutcomeUnknown, match=words) as caught:
        read_answer(Speaker(OPENAI), reply(body, kind=kind))

    assert "may have been made and billed" in str(caught.value)


def test_a_picture_that_would_fill_the_memory_is_not_decoded() -> None:
    buffer = BytesIO()
    Image.new("1", (14_000, 14_000)).save(buffer, "PNG")

    with pytest.raises(OutcomeUnknown, match="pixels"):
        read_answer(Speaker(OPENAI), reply(buffer.getvalue(), kind="image/png"))


def candidate(**values: Any) -> dict[str, Any]:
    return {"candidates": [values]}


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
        (
            "gemini",
            candidate(finishReason="IMAGE_SAFETY", finishMessage="It may be harmful."),
            "IMAGE_SAFETY – It may be harmful.",
        ),
        ("gemini", candidate(finishReason="PROHIBITED_CONTENT"), "PROHIBITED_CONTENT"),
        (
            "gemini",
            candidate(finishReason="NO_IMAGE", content={"parts": [{"text": "I can't."}]}),
            "NO_IMAGE – I can't.",
        ),
        ("openai", {"error": {"message": "moderation_blocked"}}, "moderation_blocked"),
        ("ark-seedream", {"data": [{"error": {"message": "sensitive"}}]}, "sensitive"),
    ],
)
def test_a_refusal_inside_a_good_answer_is_a_refusal(name: str, body: object, words: str) -> None:
    with pytest.raises(BackendRefused, match=words):
        read_answer(Speaker(SHIPPED[name]), reply(body))


def test_a_candidate_that_just_stopped_is_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        read_answer(Speaker(SHIPPED["gemini"]), reply(candidate(finishReason="STOP")))


@pytest.mark.parametrize("task_id", ["ab-12", 77])
def test_a_tasks_id_is_read(task_id: object) -> None:
    speaker = Speaker(SHIPPED["jiekou-seedream-async"])

    assert read_task_id(speaker, reply({"task_id": task_id}), "task_id") == str(task_id)


@pytest.mark.parametrize(
    "body", [{}, {"task_id": ""}, {"task_id": "x" * 300}, {"task_id": {}}, {"task_id": "a\nb"}]
)
def test_an_answer_without_a_tasks_id_is_unknown(body: object) -> None:
    with pytest.raises(OutcomeUnknown, match="no task's id"):
        read_task_id(Speaker(SHIPPED["jiekou-seedream-async"]), reply(body), "task_id")
