"""The fake image provider itself: what it answers, what it refuses, what it bills, how it fails."""

import base64
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.integration.processes import until
from tests.integration.providers import FakeProvider, fake_provider

_WAIT_S = 10
_OPENAI = "/v1/images/generations"
_EDITS = "/v1/images/edits"
_GEMINI = "/v1beta/models/gemini-3-pro-image:generateContent"
_ARK = "/api/v3/images/generations"
_T2I = "/v3/nano-banana-pro-light-t2i"
_I2I = "/v3/nano-banana-pro-light-i2i"
_TASKS = "/v3/async/seedream-4.5"


def _picture(width: int = 40, height: int = 30) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "JPEG")
    return buffer.getvalue()


_BASE64 = base64.b64encode(_picture()).decode()
_DATA_URI = f"data:image/jpeg;base64,{_BASE64}"
_OPENAI_BODY = {"model": "gpt-image-2", "prompt": "a fox", "size": "1280x720"}
_ARK_BODY = {"model": "doubao-seedream-4-5-251128", "prompt": "a fox", "size": "2560x1440"}
_T2I_BODY = {"prompt": "a fox", "size": "16x9", "quality": "1k"}
_GEMINI_PART = {"inline_data": {"mime_type": "image/jpeg", "data": _BASE64}}
_GEMINI_BODY = {
    "contents": [
        {
            "parts": [{"text": "image 1 is the place"}, _GEMINI_PART],
        }
    ],
    "generationConfig": {
        "responseModalities": ["IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"},
    },
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProvider]:
    with fake_provider(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(running: FakeProvider) -> FakeProvider:
    """The provider of this file, alive and without faults."""
    running.no_faults()
    if running.program.process.poll() is not None:
        running.restart()
    return running


def _post(
    provider: FakeProvider, shape: str, path: str, body: dict[str, Any], **headers: str
) -> requests.Response:
    return requests.post(
        provider.url + path,
        json=body,
        headers={**provider.headers(shape), **headers},
        timeout=_WAIT_S,
        allow_redirects=False,
    )


def _ask(provider: FakeProvider, **headers: str) -> requests.Response:
    """Order a picture that comes by value."""
    return _post(provider, "openai", _OPENAI, _OPENAI_BODY, **headers)


def _ask_for_address(provider: FakeProvider) -> str:
    """Order a picture and return its address."""
    answer = _post(provider, "jiekou", _T2I, _T2I_BODY)
    return str(answer.json()["data"][0]["url"])


def _edit(provider: FakeProvider, shape: str, *pictures: bytes) -> requests.Response:
    files = [("image[]", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(pictures)]
    return requests.post(
        provider.url + _EDITS,
        data={"model": "gpt-image-1", "prompt": "a fox", "size": "1536x1024"},
        files=files,
        headers=provider.headers(shape),
        timeout=_WAIT_S,
    )


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        return picture.size


def _inline(body: dict[str, Any]) -> str:
    return str(body["candidates"][0]["content"]["parts"][0]["inlineData"]["data"])


def _fetched(address: str) -> tuple[int, int]:
    return _size(requests.get(address, timeout=_WAIT_S).content)


@pytest.mark.parametrize(
    ("shape", "path", "body", "value_of", "size"),
    [
        ("openai", _OPENAI, _OPENAI_BODY, lambda b: b["data"][0]["b64_json"], (1280, 720)),
        ("jiekou", _OPENAI, _OPENAI_BODY, lambda b: b["data"][0]["b64_json"], (1280, 720)),
        ("gemini", _GEMINI, _GEMINI_BODY, _inline, (1360, 768)),
        (
            "ark",
            _ARK,
            {**_ARK_BODY, "response_format": "b64_json"},
            lambda b: b["data"][0]["b64_json"],
            (2560, 1440),
        ),
        (
            "jiekou",
            _I2I,
            {**_T2I_BODY, "images": [_BASE64], "response_format": "b64_json"},
            lambda b: b["data"][0]["b64_json"],
            (1360, 768),
        ),
    ],
)
def test_a_shape_answers_by_value_with_a_picture_of_the_size_asked(
    provider: FakeProvider,
    shape: str,
    path: str,
    body: dict[str, Any],
    value_of: Callable[[dict[str, Any]], str],
    size: tuple[int, int],
) -> None:
    answer = _post(provider, shape, path, body)

    assert answer.status_code == 200, answer.text
    assert _size(base64.b64decode(value_of(answer.json()))) == size
    assert provider.bills()[-1]["shape"] == shape


@pytest.mark.parametrize(
    ("shape", "path", "body", "address_of", "size"),
    [
        (
            "ark",
            _ARK,
            {**_ARK_BODY, "image": [_DATA_URI]},
            lambda b: b["data"][0]["url"],
            (2560, 1440),
        ),
        ("jiekou", _T2I, _T2I_BODY, lambda b: b["data"][0]["url"], (1360, 768)),
        (
            "jiekou",
            "/v3/seedream-4.0",
            {"prompt": "a fox", "size": "1280x720", "images": [_BASE64]},
            lambda b: b["images"][0],
            (1280, 720),
        ),
        (
            "jiekou",
            "/v3/seedream-4.5",
            {"prompt": "a fox", "size": "2K", "image": [_DATA_URI]},
            lambda b: b["images"][0],
            (2048, 2048),
        ),
    ],
)
def test_a_shape_answers_by_address_with_a_picture_of_the_size_asked(
    provider: FakeProvider,
    shape: str,
    path: str,
    body: dict[str, Any],
    address_of: Callable[[dict[str, Any]], str],
    size: tuple[int, int],
) -> None:
    answer = _post(provider, shape, path, body)

    assert answer.status_code == 200, answer.text
    assert _fetched(address_of(answer.json())) == size
    assert provider.requests("result")[-1]["keys_seen"] == []


@pytest.mark.parametrize("shape", ["openai", "jiekou"])
def test_an_edit_takes_pictures_as_files_and_bills_what_it_saw(
    provider: FakeProvider, shape: str
) -> None:
    large = _picture(64, 48)

    answer = _edit(provider, shape, _picture(), large)

    assert _size(base64.b64decode(answer.json()["data"][0]["b64_json"])) == (1536, 1024)
    bill = provider.bills()[-1]
    assert bill["shape"] == shape
    assert bill["references"][1] == {
        "kind": "file",
        "bytes": len(large),
        "width": 64,
        "height": 48,
        "format": "jpeg",
    }


def test_a_task_is_queued_worked_on_and_done_and_survives_a_kill(provider: FakeProvider) -> None:
    submitted = _post(provider, "jiekou", _TASKS, {"prompt": "a fox", "size": "2560x1440"})

    told = [_poll(provider, submitted)]
    provider.restart()
    told += [_poll(provider, submitted) for _ in range(2)]

    states = [one["task"]["status"].removeprefix("TASK_STATUS_") for one in told]
    assert states == ["QUEUED", "PROCESSING", "SUCCEED"]
    assert _fetched(told[-1]["images"][0]["image_url"]) == (2560, 1440)


def _poll(provider: FakeProvider, submitted: requests.Response) -> dict[str, Any]:
    answer = requests.get(
        f"{provider.url}/v3/async/task-result",
        params={"task_id": submitted.json()["task_id"]},
        headers=provider.headers("jiekou"),
        timeout=_WAIT_S,
    )
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("fault", "is_said"),
    [
        ("task_stuck", lambda body: body["task"]["status"] == "TASK_STATUS_QUEUED"),
        ("task_failed", lambda body: body["task"]["reason"] == "the model ran out of memory"),
        ("task_lost", lambda body: body["code"] == 404),
    ],
)
def test_a_task_fails_on_command(
    provider: FakeProvider, fault: str, is_said: Callable[[dict[str, Any]], bool]
) -> None:
    provider.fault(fault, times=None)
    submitted = _post(provider, "jiekou", _TASKS, {"prompt": "a fox", "size": "2K"})

    assert all(is_said(_poll(provider, submitted)) for _ in range(4))


@pytest.mark.parametrize(
    ("shape", "path", "body"),
    [
        ("openai", _OPENAI, _OPENAI_BODY),
        ("gemini", _GEMINI, _GEMINI_BODY),
        ("ark", _ARK, _ARK_BODY),
        ("jiekou", _T2I, _T2I_BODY),
    ],
)
def test_a_wrong_key_is_refused_with_a_part_of_it_and_not_billed(
    provider: FakeProvider, shape: str, path: str, body: dict[str, Any]
) -> None:
    billed = len(provider.bills())
    name, right = next(iter(provider.headers(shape).items()))

    wrong = _post(provider, shape, path, body, **{name: right[:-4] + "WXYZ"})
    missing = requests.post(provider.url + path, json=body, timeout=_WAIT_S)

    assert (wrong.status_code, missing.status_code) == (401, 401)
    assert "WXYZ" in wrong.text
    assert [entry["key"] for entry in provider.requests()[-2:]] == ["wrong", "missing"]
    assert len(provider.bills()) == billed


@pytest.mark.parametrize(
    ("shape", "path", "body", "why"),
    [
        ("openai", _OPENAI, {**_OPENAI_BODY, "response_format": "b64_json"}, "Unknown parameter"),
        ("openai", _OPENAI, {**_OPENAI_BODY, "size": "1280x721"}, "size is not supported"),
        ("openai", _OPENAI, {**_OPENAI_BODY, "prompt": "a" * 32_001}, "string too long"),
        ("gemini", _GEMINI, {**_GEMINI_BODY, "prompt": "a fox"}, "Cannot find field"),
        ("gemini", _GEMINI, {"contents": [{"parts": [_GEMINI_PART] * 15}]}, "too many images"),
        ("ark", _ARK, {**_ARK_BODY, "size": "1280x720"}, "at least 3686400 pixels"),
        ("ark", _ARK, {**_ARK_BODY, "image": [_DATA_URI] * 15}, "too many images"),
        ("ark", _ARK, {**_ARK_BODY, "image": [_BASE64]}, "expected data_uri or url"),
        ("jiekou", _T2I, {**_T2I_BODY, "size": "1280x720"}, "Supported values for 'size'"),
        ("jiekou", _I2I, {**_T2I_BODY, "images": ["bm90IGEgcGljdHVyZQ=="]}, "Invalid image"),
        ("jiekou", "/v3/seedream-4.5", {"prompt": "a", "size": "1280x720"}, "3686400"),
        ("jiekou", "/v3/no-such-model", {"prompt": "a"}, "model not found"),
    ],
)
def test_what_the_real_one_would_refuse_is_refused_and_not_billed(
    provider: FakeProvider, shape: str, path: str, body: dict[str, Any], why: str
) -> None:
    billed = len(provider.bills())

    answer = _post(provider, shape, path, body)

    assert answer.status_code in (400, 404)
    told = answer.json()
    assert why in (told["message"] if shape == "jiekou" else told["error"]["message"])
    assert len(provider.bills()) == billed


@pytest.mark.parametrize(
    ("pictures", "why"),
    [
        ([_picture()] * 17, "too many images"),
        ([b"This is not a picture."], "Invalid image file"),
        ([_picture()[:-200]], "Invalid image file"),
    ],
)
def test_an_edit_is_refused_for_its_pictures(
    provider: FakeProvider, pictures: list[bytes], why: str
) -> None:
    billed = len(provider.bills())

    answer = _edit(provider, "openai", *pictures)

    assert answer.status_code == 400
    assert why in answer.json()["error"]["message"]
    assert len(provider.bills()) == billed


def test_an_edit_of_many_megabytes_is_taken(provider: FakeProvider) -> None:
    noise = BytesIO()
    Image.effect_noise((3000, 2000), 200).save(noise, "PNG", compress_level=1)

    answer = _edit(provider, "openai", noise.getvalue(), noise.getvalue())

    assert answer.status_code == 200
    assert provider.bills()[-1]["references"][0]["bytes"] > 4_000_000


def test_the_books_tell_everything_but_keys(provider: FakeProvider) -> None:
    _ask(provider, **{"Idempotency-Key": "order-1"})

    request, bill = provider.requests()[-1], provider.bills()[-1]
    assert (request["key"], request["status"]) == ("right", 200)
    assert request["host"] == provider.url.removeprefix("http://")
    assert bill["idempotency_key"] == "order-1"
    assert (bill["prompt"], bill["size"]) == ("a fox", "1280x720")
    written = "".join(path.read_text() for path in provider.folder.glob("*.jsonl"))
    assert provider.key("openai") not in written


@pytest.mark.parametrize(
    ("fault", "is_billed"),
    [("die_before_bill", False), ("die_after_bill", True), ("die_in_answer", True)],
)
def test_a_provider_that_dies_keeps_its_bills_and_dies_once(
    provider: FakeProvider, fault: str, is_billed: bool
) -> None:
    billed = len(provider.bills())
    provider.fault(fault)

    with pytest.raises(requests.RequestException):
        _ask(provider)
    provider.died()
    provider.restart()

    assert len(provider.bills()) == billed + is_billed
    assert _ask(provider).status_code == 200


@pytest.mark.parametrize(
    ("phase", "is_billed"),
    [
        ("arrived", False),
        ("received", False),
        ("billed", True),
        ("headers_sent", True),
        ("half_body", True),
    ],
)
def test_a_request_is_held_at_an_exact_phase_until_it_is_released(
    provider: FakeProvider, phase: str, is_billed: bool
) -> None:
    billed = len(provider.bills())
    provider.fault("hold", at=phase)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_ask, provider)
        try:
            provider.wait_for(held=1)
            assert provider.held()[0]["at"] == phase
            assert len(provider.bills()) == billed + is_billed
        finally:
            provider.release()
        assert answer.result().status_code == 200
    assert len(provider.bills()) == billed + 1


@pytest.mark.parametrize(
    ("fault", "is_billed"),
    [
        ("hang_before_reading", False),
        ("hang_before_headers", True),
        ("hang_after_headers", True),
        ("close_before_reading", False),
        ("close_after_billing", True),
        ("truncated_body", True),
    ],
)
def test_a_connection_hangs_or_ends_on_command(
    provider: FakeProvider, fault: str, is_billed: bool
) -> None:
    billed = len(provider.bills())
    provider.fault(fault)

    with pytest.raises(requests.RequestException):
        requests.post(
            provider.url + _OPENAI,
            json=_OPENAI_BODY,
            headers=provider.headers("openai"),
            timeout=0.4,
        ).raise_for_status()

    assert len(provider.bills()) == billed + is_billed
    assert _ask(provider).status_code == 200, "it still answers others"


def test_nothing_more_of_a_large_body_is_read_while_it_hangs(provider: FakeProvider) -> None:
    provider.fault("hang_before_reading")

    with pytest.raises(requests.RequestException):
        requests.post(
            provider.url + _OPENAI,
            data=bytes(50_000_000),
            headers=provider.headers("openai"),
            timeout=0.4,
        )

    assert provider.requests()[-1]["status"] is None


def test_a_slow_answer_and_a_dripping_one_take_their_time(provider: FakeProvider) -> None:
    for fault in ("slow", "drip"):
        provider.fault(fault, seconds=0.4)
        began = time.monotonic()
        answer = _ask(provider)
        assert time.monotonic() - began >= 0.35
        assert answer.json()["data"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
def test_a_status_is_answered_as_often_as_ordered(provider: FakeProvider, status: int) -> None:
    billed = len(provider.bills())
    provider.fault(str(status), times=2)

    answers = [_ask(provider).status_code for _ in range(3)]

    assert answers == [status, status, 200]
    assert len(provider.bills()) == billed + 1


def test_retry_after_is_told_in_seconds_as_a_date_or_not_at_all(provider: FakeProvider) -> None:
    provider.fault("429", retry_after=7)
    provider.fault("429", retry_after=7, as_date=True)
    provider.fault("429")
    provider.fault("insufficient_quota")

    answers = [_ask(provider) for _ in range(4)]

    told = [answer.headers.get("Retry-After") for answer in answers]
    assert told[0] == "7"
    assert str(told[1]).endswith(" GMT")
    assert told[2:] == [None, None]
    assert answers[3].json()["error"]["code"] == "insufficient_quota"


def test_answers_are_spoilt_on_command(provider: FakeProvider) -> None:
    spoilt: dict[str, Callable[[requests.Response], bool]] = {
        "truncated_json": lambda answer: not answer.text.endswith("}"),
        "wrong_content_type": lambda answer: answer.headers["Content-Type"] == "text/plain",
        "html": lambda answer: answer.text.startswith("<!doctype html>"),
        "empty_data": lambda answer: answer.json()["data"] == [],
        "not_a_picture": lambda answer: "VGhpcyBpcyBub3Q" in answer.text,
        "bomb": lambda answer: len(answer.content) < 2_000,
        "huge": lambda answer: len(answer.content) == 70_000_000,
        "chunked": lambda answer: "Content-Length" not in answer.headers,
    }
    for fault, is_spoilt in spoilt.items():
        provider.fault(fault)
        answer = _ask(provider)
        assert answer.status_code == 200
        assert is_spoilt(answer), fault


@pytest.mark.parametrize(
    ("shape", "path", "body", "status", "word"),
    [
        ("openai", _OPENAI, _OPENAI_BODY, 400, "moderation_blocked"),
        ("gemini", _GEMINI, _GEMINI_BODY, 200, "IMAGE_SAFETY"),
        ("ark", _ARK, _ARK_BODY, 400, "OutputImageSensitiveContentDetected"),
        ("jiekou", _T2I, _T2I_BODY, 400, "CONTENT_POLICY_VIOLATION"),
    ],
)
def test_each_shape_refuses_by_safety_in_its_own_form(
    provider: FakeProvider, shape: str, path: str, body: dict[str, Any], status: int, word: str
) -> None:
    provider.fault("refused")

    answer = _post(provider, shape, path, body)

    assert answer.status_code == status
    assert word in answer.text


def test_addresses_of_results_expire_lead_elsewhere_and_are_private(
    provider: FakeProvider,
) -> None:
    address = _ask_for_address(provider)
    provider.fault("expired_url")
    provider.fault("redirect_result")
    provider.fault("redirect_result", to="self")

    answers = [requests.get(address, timeout=_WAIT_S, allow_redirects=False) for _ in range(3)] + [
        requests.get(address, timeout=_WAIT_S)
    ]

    assert [answer.status_code for answer in answers] == [403, 302, 302, 200]
    assert answers[1].headers["Location"].startswith("http://169.254.169.254/")
    assert answers[2].headers["Location"] == address
    provider.fault("private_url")
    assert _ask_for_address(provider).startswith("http://169.254.169.254/")


def test_an_order_is_redirected_on_command(provider: FakeProvider) -> None:
    provider.fault("redirect_307", to="http://127.0.0.1:9/elsewhere")

    answer = _ask(provider)

    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/elsewhere")


def test_a_fault_meets_only_what_it_is_meant_for(provider: FakeProvider) -> None:
    provider.fault("500", match={"prompt": "owl"})

    assert _ask(provider).status_code == 200
    owl = {**_OPENAI_BODY, "prompt": "a snow owl"}
    assert _post(provider, "openai", _OPENAI, owl).status_code == 500
    assert provider.faults_left() == 0


def test_it_can_be_told_while_it_is_dead_and_keeps_its_port(provider: FakeProvider) -> None:
    address, billed = provider.url, provider.bills()
    provider.kill()
    provider.fault("503")

    provider.restart()

    assert provider.url == address
    assert _ask(provider).status_code == 503
    assert provider.bills() == billed


def test_what_is_written_is_whole_when_the_process_is_killed(tmp_path: Path) -> None:
    with fake_provider(tmp_path) as provider:
        provider.fault("hold", at="billed")
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(_ask, provider)
            provider.wait_for(held=1)
            provider.kill()
            assert isinstance(answer.exception(), requests.ConnectionError)
        provider.restart()

        assert len(provider.bills()) == 1
        assert provider.held() == []
        until(lambda: provider.requests()[0]["status"] is None, "nothing was answered")
