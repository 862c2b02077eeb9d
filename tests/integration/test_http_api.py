"""The HTTP image backend against a provider that is a process, bills, and fails on command."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from komadori.backends.images.http_api import (
    HttpImages,
    ProviderSpec,
    load_providers,
)
from komadori.backends.images.protocol import PictureOrder, Reference, ReferenceRole
from komadori.domain.story import Drawing, Panel, Scene, Setting, Shot, Style
from komadori.errors import (
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    NotFetchedYet,
    OutcomeUnknown,
)
from komadori.settings import ROOT
from tests.fakes.provider_shapes import KEYS
from tests.integration.providers import FakeProvider, fake_provider

SHIPPED = {spec.name: spec for spec in load_providers(ROOT / "config" / "providers").specs}
SHAPES = {
    "openai": "openai",
    "gemini": "gemini",
    "ark-seedream": "ark",
    "jiekou-seedream": "jiekou",
    "jiekou-seedream-async": "jiekou",
    "jiekou-nano-banana": "jiekou",
    "jiekou-gpt-image": "jiekou",
}
ENVIRON = {
    "OPENAI_API_KEY": KEYS["openai"],
    "GEMINI_API_KEY": KEYS["gemini"],
    "ARK_API_KEY": KEYS["ark"],
    "JIEKOU_API_KEY": KEYS["jiekou"],
}
PROMPT = "a fox in the rain, whom nobody may read about in a log"
Make = Callable[..., HttpImages]


class Notes:
    """An errand that remembers what it was told."""

    def __init__(self, *, timeout_s: float = 20.0, ticket: Mapping[str, Any] | None = None) -> None:
        self.timeout_s = timeout_s
        self.ticket = ticket
        self.told: list[str] = []
        self.stages: dict[str, float] = {}
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self.kept: dict[str, Any] | None = None
        self.is_kept = asyncio.Event()

    def report(self, fraction: float, message: str = "") -> None:
        self.fractions.append(fraction)
        self.messages.append(message)

    def timed(self, stage: str) -> AbstractContextManager[None]:
        @contextmanager
        def timing() -> Iterator[None]:
            began = time.perf_counter()
            try:
                yield
            finally:
                self.span(stage, began, time.perf_counter())

        return timing()

    def span(self, stage: str, began: float, ended: float) -> None:
        assert ended >= began
        self.stages[stage] = ended - began

    async def sending(self) -> None:
        self.told.append("sending")

    async def accepted(self, ticket: Mapping[str, Any]) -> None:
        self.told.append("accepted")
        self.kept = dict(ticket)
        self.is_kept.set()


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


@pytest.fixture
def make(provider: FakeProvider) -> Make:
    """Make backends as the shipped files say, but at the fake provider."""

    def backend(
        name: str = "openai",
        *,
        environ: Mapping[str, str] = ENVIRON,
        download_bytes: int = 20_000_000,
        **changes: Any,
    ) -> HttpImages:
        data = SHIPPED[name].model_dump() | {"base_url": provider.url, "allow_private": True}
        if data["tasks"]:
            data["tasks"]["interval_s"] = 0.02
        spec = ProviderSpec.model_validate(data | changes)
        return HttpImages(spec, environ, download_bytes=download_bytes)

    return backend


def noise(width: int = 320, height: int = 200) -> bytes:
    buffer = BytesIO()
    Image.effect_noise((width, height), 90).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


SCENE = Reference(role=ReferenceRole.SCENE, data=noise(), media_type="image/png")
MEI = Reference(role=ReferenceRole.CHARACTER, name="小美", data=noise(), media_type="image/png")


def order(*references: Reference) -> PictureOrder:
    scene = Scene(number=1, setting=Setting.STREET)
    panel = Panel(number=1, scene=scene, text="雨。", shot=Shot.WIDE)
    return PictureOrder(
        drawing=Drawing(panel=panel, cast=(), style=Style(), seed=5),
        prompt=PROMPT,
        references=references,
        seed=5,
        width=1280,
        height=720,
    )


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image.size


def bills_since(provider: FakeProvider, before: int) -> int:
    return len(provider.bills()) - before


@pytest.mark.parametrize("references", [(), (SCENE, MEI)], ids=["text", "references"])
@pytest.mark.parametrize("name", SHAPES)
async def test_every_shipped_provider_draws_and_bills_once(
    provider: FakeProvider, make: Make, name: str, references: tuple[Reference, ...]
) -> None:
    before = len(provider.bills())
    notes = Notes()

    data = await make(name).draw(order(*references), notes)

    width, height = size_of(data)
    assert width > height
    assert width * height >= 1280 * 720
    assert bills_since(provider, before) == 1
    bill = provider.bills()[-1]
    assert [(seen["width"], seen["height"]) for seen in bill["references"]] == [
        (320, 200) for _ in references
    ]
    assert notes.told[0] == "sending"
    assert notes.fractions == sorted(notes.fractions)
    assert notes.fractions[-1] == 1.0
    assert notes.messages[-1] == "done"
    assert {"connect", "upload", "wait", "receive"} <= set(notes.stages)
    assert {entry["key"] for entry in provider.requests("create")[-1:]} == {"right"}


async def test_a_key_is_sent_to_the_api_and_nowhere_else(
    provider: FakeProvider, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(provider.requests("result"))
    with caplog.at_level(logging.DEBUG):
        await make("jiekou-seedream-async").draw(order(MEI), Notes())
        await make("jiekou-seedream").draw(order(MEI), Notes())

    results = provider.requests("result")[before:]
    assert len(results) == 2
    assert all(not entry["keys_seen"] for entry in results)
    assert all("key" not in entry["query"] for entry in provider.requests())
    assert not any(key in caplog.text for key in KEYS.values())
    assert PROMPT not in caplog.text


async def test_one_line_tells_of_a_request(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="komadori.backends.images.http_api"):
        await make().draw(order(SCENE, MEI, MEI), Notes())

    (line,) = [record.getMessage() for record in caplog.records if "ordered" in record.message]
    assert line.startswith(
        "picture ordered: provider=openai model=gpt-image-2 scene=yes characters=2 images=3 "
        "size=1280x720 sent_bytes="
    )
    assert " status=200 seconds=" in line


@pytest.mark.parametrize(
    ("name", "fault", "options", "expected", "words", "bills"),
    [
        ("openai", "400", {"message": "Bad size."}, BackendRefused, "Bad size.", 0),
        ("openai", "401", {}, BackendRefused, "refused the key in OPENAI_API_KEY", 0),
        ("openai", "insufficient_quota", {}, BackendRefused, "no credit left", 0),
        ("openai", "refused", {}, BackendRefused, "safety system", 0),
        ("openai", "redirect_307", {}, BackendRefused, "redirect to", 0),
        ("gemini", "refused", {}, BackendRefused, "IMAGE_SAFETY – Unable to show", 0),
        ("openai", "429", {"retry_after": 7}, BackendBusy, "is busy", 0),
        ("openai", "429", {}, BackendBusy, "is busy", 0),
        ("openai", "503", {"retry_after": 7}, BackendBusy, "is busy", 0),
        ("openai", "500", {}, BackendDown, "did not take the order", 0),
        ("openai", "503", {}, BackendDown, "did not take the order", 0),
        ("openai", "502", {}, OutcomeUnknown, "gateway answered 502", 0),
        ("openai", "504", {}, OutcomeUnknown, "gateway answered 504", 0),
        ("openai", "close_before_reading", {}, OutcomeUnknown, "OpenAI: ", 0),
        ("openai", "close_after_billing", {}, OutcomeUnknown, "OpenAI: ", 1),
        ("openai", "die_before_bill", {}, OutcomeUnknown, "hung up", 0),
        ("openai", "die_after_bill", {}, OutcomeUnknown, "hung up", 1),
        ("openai", "die_in_answer", {}, OutcomeUnknown, "broke off", 1),
        ("openai", "truncated_body", {}, OutcomeUnknown, "broke off", 1),
        ("openai", "truncated_json", {}, OutcomeUnknown, "no JSON", 1),
        ("openai", "html", {}, OutcomeUnknown, "text/html", 1),
        ("openai", "empty_data", {}, OutcomeUnknown, "no picture in it", 1),
        ("openai", "not_a_picture", {}, OutcomeUnknown, "none of JPEG", 1),
        ("openai", "bomb", {}, OutcomeUnknown, "pixels", 1),
        ("openai", "huge", {}, OutcomeUnknown, "more than 64 MB", 1),
        ("jiekou-seedream", "not_a_picture", {}, OutcomeUnknown, "its address gives none", 1),
        ("jiekou-seedream", "expired_url", {}, OutcomeUnknown, "its address gives none", 1),
        ("jiekou-seedream-async", "task_failed", {}, BackendRefused, "ran out of memory", 1),
        ("jiekou-seedream-async", "expired_url", {}, OutcomeUnknown, "gives none any more", 1),
    ],
)
async def test_a_fault_becomes_what_to_do(
    provider: FakeProvider,
    make: Make,
    name: str,
    fault: str,
    options: dict[str, Any],
    expected: type[BackendError],
    words: str,
    bills: int,
) -> None:
    before = len(provider.bills())
    provider.fault(fault, **options)

    with pytest.raises(expected, match=words) as caught:
        await make(name).draw(order(SCENE), Notes())

    if fault.startswith("die_"):
        await asyncio.to_thread(provider.died)
    assert type(caught.value) is expected
    assert bills_since(provider, before) == bills
    assert not any(key[-6:] in str(caught.value) for key in KEYS.values())
    if isinstance(caught.value, BackendBusy):
        assert caught.value.retry_after_s == (7 if options else 20)


@pytest.mark.parametrize("fault", ["wrong_content_type", "chunked", "slow", "drip"])
async def test_an_odd_answer_with_a_picture_is_good_enough(
    provider: FakeProvider, make: Make, fault: str
) -> None:
    provider.fault(fault, **({"seconds": 0.2} if fault in {"slow", "drip"} else {}))

    assert size_of(await make().draw(order(), Notes())) == (1280, 720)


async def test_a_redirect_of_an_order_is_not_followed(provider: FakeProvider, make: Make) -> None:
    provider.fault("redirect_307", to="self", times=None)
    before = len(provider.requests())

    with pytest.raises(BackendRefused, match=r"redirect to 127\.0\.0\.1"):
        await make().draw(order(), Notes())

    assert len(provider.requests()) == before + 1


@pytest.mark.parametrize(
    ("fault", "bills"),
    [("hang_before_reading", 0), ("hang_before_headers", 1), ("hang_after_headers", 1)],
)
async def test_silence_after_the_order_went_out_is_unknown(
    provider: FakeProvider, make: Make, fault: str, bills: int
) -> None:
    before = len(provider.bills())
    provider.fault(fault)
    large = Reference(role=ReferenceRole.SCENE, data=noise(2400, 2400), media_type="image/png")
    notes = Notes(timeout_s=1.0)

    with pytest.raises(OutcomeUnknown, match="no answer within 1 s"):
        await make().draw(order(large), notes)

    assert bills_since(provider, before) == bills
    stage = {"hang_before_reading": "upload", "hang_before_headers": "wait"}.get(fault, "receive")
    assert notes.stages[stage] > 0.5
    assert sum(notes.stages.values()) < 1.5


async def test_of_a_free_provider_nothing_is_unknown(provider: FakeProvider, make: Make) -> None:
    provider.fault("close_after_billing")

    with pytest.raises(BackendDown):
        await make(is_paid=False).draw(order(), Notes())


async def test_a_provider_that_is_not_there_is_down(make: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        backend = make(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        notes = Notes()

        with pytest.raises(BackendDown, match="can't be reached: Connection refused"):
            await backend.draw(order(), notes)

    assert "upload" not in notes.stages


async def test_a_name_that_nobody_knows_is_down(make: Make) -> None:
    with pytest.raises(BackendDown, match="can't be reached: no such host is known"):
        await make(base_url="http://nobody.localhost.invalid.internal").draw(order(), Notes())


async def test_a_server_that_speaks_no_tls_is_down(provider: FakeProvider, make: Make) -> None:
    before = len(provider.requests())

    with pytest.raises(BackendDown, match="can't be reached"):
        await make(base_url=provider.url.replace("http:", "https:")).draw(order(), Notes())

    assert len(provider.requests()) == before


async def test_a_connection_that_does_not_come_about_in_time_is_down(make: Make) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        backend = make(base_url=f"http://127.0.0.1:{address[1]}")

        with pytest.raises(BackendDown, match=r"can't be reached: no answer within 0\.5 s"):
            await backend.draw(order(), Notes(timeout_s=0.5))

        for each in waiting:
            each.close()


async def test_without_a_key_nothing_is_sent(provider: FakeProvider, make: Make) -> None:
    before = len(provider.requests())
    notes = Notes()

    with pytest.raises(BackendRefused, match="OPENAI_API_KEY is not set"):
        await make(environ={}).draw(order(), notes)

    assert notes.told == []
    assert len(provider.requests()) == before


async def test_what_forbids_sending_is_obeyed(provider: FakeProvider, make: Make) -> None:
    class Forbidding(Notes):
        async def sending(self) -> None:
            raise BackendBusy("The circuit is open.", retry_after_s=9)

    before = len(provider.requests())
    with pytest.raises(BackendBusy, match="circuit"):
        await make().draw(order(), Forbidding())

    assert len(provider.requests()) == before


async def test_a_cancelled_order_is_cancelled(provider: FakeProvider, make: Make) -> None:
    provider.fault("hang_before_headers")
    notes = Notes()
    task = asyncio.create_task(make().draw(order(), notes))
    await asyncio.to_thread(provider.wait_for, requests=len(provider.requests()) + 1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes.told == ["sending"]


@pytest.mark.parametrize("name", ["jiekou-seedream", "jiekou-seedream-async"])
async def test_a_ticket_fetches_and_sends_nothing(
    provider: FakeProvider, make: Make, name: str
) -> None:
    first = Notes()
    picture = await make(name).draw(order(), first)
    bills, orders = len(provider.bills()), len(provider.requests("create"))
    again = Notes(ticket=first.kept)

    assert await make(name).draw(order(), again) == picture

    assert again.told == []
    assert len(provider.bills()) == bills
    assert len(provider.requests("create")) == orders
    assert set(first.kept or {}) == {"task" if name.endswith("async") else "url"}


async def test_a_task_that_takes_too_long_is_asked_for_again(
    provider: FakeProvider, make: Make
) -> None:
    provider.fault("task_stuck", times=None)
    before = len(provider.bills())
    notes = Notes(timeout_s=0.6)

    with pytest.raises(NotFetchedYet, match=r"is not done after 0\.6 s"):
        await make("jiekou-seedream-async").draw(order(), notes)

    provider.no_faults()
    assert notes.kept is not None
    data = await make("jiekou-seedream-async").draw(order(), Notes(ticket=notes.kept))
    assert size_of(data) == (2560, 1440)
    assert bills_since(provider, before) == 1


async def test_a_task_survives_the_death_of_its_provider(
    provider: FakeProvider, make: Make
) -> None:
    provider.fault("task_stuck", times=None)
    before = len(provider.bills())
    notes = Notes()
    task = asyncio.create_task(make("jiekou-seedream-async").draw(order(), notes))
    await notes.is_kept.wait()
    await asyncio.to_thread(provider.kill)

    with pytest.raises(NotFetchedYet, match="can't be asked for just now"):
        await task

    provider.no_faults()
    await asyncio.to_thread(provider.restart)
    await make("jiekou-seedream-async").draw(order(), Notes(ticket=notes.kept))
    assert bills_since(provider, before) == 1


async def test_a_poll_that_fails_now_and_then_is_asked_again(
    provider: FakeProvider, make: Make
) -> None:
    for fault in ("500", "429", "html", "task_lost"):
        at = {"html": "answer"}.get(fault, "received" if fault.isdigit() else None)
        options = {"retry_after": 1} if fault == "429" else {}
        provider.fault(fault, at=at, match={"kind": "poll"}, **options)

    await make("jiekou-seedream-async").draw(order(), Notes())

    assert provider.faults_left() == 0


async def test_a_task_that_is_lost_is_unknown(provider: FakeProvider, make: Make) -> None:
    provider.fault("task_lost", times=None)

    with pytest.raises(OutcomeUnknown, match="is not known there"):
        await make("jiekou-seedream-async").draw(order(), Notes())


async def test_a_key_that_is_withdrawn_while_polling_is_named_and_the_task_is_kept(
    provider: FakeProvider, make: Make
) -> None:
    provider.fault("401", match={"kind": "poll"})
    before = len(provider.bills())
    notes = Notes()

    with pytest.raises(NotFetchedYet, match="refused the key in JIEKOU_API_KEY"):
        await make("jiekou-seedream-async").draw(order(), notes)

    await make("jiekou-seedream-async").draw(order(), Notes(ticket=notes.kept))
    assert bills_since(provider, before) == 1


async def test_a_download_is_tried_again_and_then_left_for_later(
    provider: FakeProvider, make: Make
) -> None:
    provider.fault("500", match={"kind": "result"})
    await make("jiekou-seedream").draw(order(), Notes())
    before = len(provider.bills())
    provider.fault("500", match={"kind": "result"}, times=None)
    notes = Notes()

    with pytest.raises(NotFetchedYet, match="can't be downloaded just now"):
        await make("jiekou-seedream").draw(order(), notes)

    provider.no_faults()
    await make("jiekou-seedream").draw(order(), Notes(ticket=notes.kept))
    assert bills_since(provider, before) == 1


@pytest.mark.parametrize("name", ["jiekou-seedream", "jiekou-seedream-async"])
async def test_a_result_at_a_private_address_waits_until_it_is_allowed(
    provider: FakeProvider, make: Make, name: str
) -> None:
    before = len(provider.bills())
    notes = Notes()

    with pytest.raises(NotFetchedYet, match="set allow_private for the provider"):
        await make(name, allow_private=False).draw(order(), notes)

    again = Notes(ticket=notes.kept)
    assert await make(name).draw(order(), again)
    assert again.told == []
    assert bills_since(provider, before) == 1


async def test_a_result_above_the_limit_waits_until_the_limit_is_raised(
    provider: FakeProvider, make: Make
) -> None:
    before = len(provider.bills())
    notes = Notes()

    with pytest.raises(NotFetchedYet, match=r"raise defaults\.image\.download_max_mb"):
        await make("jiekou-seedream", download_bytes=1000).draw(order(), notes)

    assert await make("jiekou-seedream").draw(order(), Notes(ticket=notes.kept))
    assert bills_since(provider, before) == 1


async def test_a_result_that_is_redirected_for_ever_is_kept_for_later(
    provider: FakeProvider, make: Make
) -> None:
    provider.fault("redirect_result", to="self", times=None)

    with pytest.raises(NotFetchedYet, match="one redirect too many"):
        await make("jiekou-seedream").draw(order(), Notes())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"no HTTP at all\r\n\r\n", "the answer could not be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "the answer could not be read"),
    ],
)
async def test_an_answer_that_is_no_http_is_told_in_plain_words(
    make: Make, caplog: pytest.LogCaptureFixture, answer: bytes, said: str
) -> None:
    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answering, "127.0.0.1", 0)
    async with server:
        backend = make(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(OutcomeUnknown) as caught:
            await backend.draw(order(), Notes())

    assert str(caught.value) == f"OpenAI: {said}. It may have been made and billed."
    assert "request failed: provider=openai error=ClientResponseError: 400" in caplog.text


async def test_a_ticket_that_does_not_fit_the_file_is_unknown(make: Make) -> None:
    with pytest.raises(OutcomeUnknown, match="does not fit"):
        await make("openai").draw(order(), Notes(ticket={"task": "abc"}))


def test_one_backend_serves_one_loop_after_another(provider: FakeProvider) -> None:
    data = SHIPPED["openai"].model_dump() | {"base_url": provider.url}
    backend = HttpImages(ProviderSpec.model_validate(data), ENVIRON)

    async def once() -> bytes:
        return await backend.draw(order(), Notes())

    assert [size_of(asyncio.run(once())) for _ in range(2)] == [(1280, 720)] * 2


async def test_a_folder_of_files_is_all_that_a_new_provider_needs(
    provider: FakeProvider, tmp_path: Path
) -> None:
    text = f"""
name: mine
label: Mine
base_url: {provider.url}
key_env: MINE
generate: {{path: /v3/nano-banana-pro-light-t2i}}
fields: {{prompt: prompt, size: size}}
size: {{form: ratio_x, allowed: [1x1, 16x9]}}
answer: {{pictures: ["data[].url"]}}
allow_private: true
"""
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    backend = HttpImages(load_providers(tmp_path).specs[0], {"MINE": KEYS["jiekou"]})

    width, height = size_of(await backend.draw(order(), Notes()))

    assert width / height == pytest.approx(16 / 9, rel=0.05)
