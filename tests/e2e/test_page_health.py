"""The Health tab in a real browser: servers, charts, the operator; and a server that is killed."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from komadori.domain.servers import (
    Device,
    Incident,
    IncidentKind,
    Offer,
    Sample,
    ServerReport,
    ServerState,
    Verb,
)
from komadori.queue.servers import ServerRows
from komadori.queue.store import Store
from tests.e2e.browser import (
    NewReader,
    Reader,
    dialog,
    job_rows,
    notice,
    open_room,
    wait_until_ready,
)
from tests.e2e.conftest import App, RunApp
from tests.e2e.test_page_looks import photograph
from tests.fakes.comfy_server import command, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD = "correct horse"  # noqa: S105  # of these tests
GB = 2**30
OFFERS = {
    "check-picture": Offer(),
    "sdxl": Offer(fault="Node 4 (Load Checkpoint): ckpt_name: the input is missing."),
}


@pytest.fixture(scope="module")
def watched(run_app: RunApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that watches no servers itself: the tests say how they do."""
    environment = {"KOMADORI_COMFYUI__SERVERS": "[]", "KOMADORI_OPERATOR_PASSWORD": PASSWORD}
    with run_app(tmp_path_factory.mktemp("health"), environment=environment) as app:
        yield app


@pytest.fixture
def rows(watched: App) -> Iterator[ServerRows]:
    """The rows of the servers, as a supervisor writes them; two servers are there."""
    store = Store(f"sqlite:///{watched.data_dir / 'komadori.db'}")
    book = ServerRows(store)
    now = book.now()
    book.tell(report(now, plan="restart in a gap before 05:40, its memory grows by 210 MB an hour"))
    book.tell(report(now, "attic", state=ServerState.UP, is_owned=False, offers={}, devices=()))
    for name in ("a", "attic"):
        book.take(name, "the tests", 600)
    if not book.incidents("a", 0):
        fill(book, now)
    yield book
    store.close()


def report(now: float, name: str = "a", **facts: object) -> ServerReport:
    gpu = Device(name="cuda:0 NVIDIA RTX 4090", vram_total=24 * GB, vram_free=5 * GB)
    given: dict[str, object] = {
        "name": name,
        "url": "http://127.0.0.1:8188",
        "is_owned": True,
        "state": ServerState.READY,
        "since": now - 720,
        "attempts_most": 5,
        "version": "0.38.1",
        "devices": (gpu,),
        "ram_total": 64 * GB,
        "ram_free": 7 * GB,
        "started_at": now - 7200,
        "seen_at": now,
        "offers": OFFERS,
    }
    return ServerReport(**(given | facts))  # type: ignore[arg-type]


def fill(book: ServerRows, now: float) -> None:
    """Write three hours of samples, with a gap, and what happened then."""
    for at in range(-10_800, 0, 90):
        if not -5000 < at < -4600:
            use = 60 + at % 1700 / 60
            moment = Sample(
                at=now + at, ram_percent=use, cpu_percent=use / 2, vram_percent=use, queue=at % 3
            )
            book.add_sample("a", moment)
            book.add_sample("attic", moment.model_copy(update={"cpu_percent": None}))
    for kind, at, cause in (
        (IncidentKind.CRASHED, -5000, "killed (signal 9): out of memory, likely"),
        (IncidentKind.FREED, -900, "RAM is at 86 %, over the limit of 85 %"),
    ):
        book.note(
            Incident(
                server="a",
                kind=kind,
                at=now + at,
                cause=cause,
                action="its models and cache are freed",
                prompts=("a prompt of somebody",),
                log_tail="the last line of its log",
                recovered_at=now + at + 400,
            )
        )


def open_health(reader: Reader) -> Page:
    page = reader.open()
    page.get_by_role("tab").last.click()
    expect(page.locator("#health h2")).to_be_visible()
    return page


def card(page: Page, name: str) -> Locator:
    return page.locator(f'#health [data-server="{name}"]')


def test_the_tab_follows_the_servers_and_rests_while_nobody_looks(
    new_reader: NewReader, watched: App, rows: ServerRows
) -> None:
    reader = new_reader(at=watched)
    page = open_health(reader)
    server = card(page, "a")
    expect(server.locator("header")).to_contain_text("ready")
    expect(server).to_contain_text("Planned: restart in a gap before 05:40")
    expect(server).to_contain_text("57 of 64 GB · 89 %, limit 85 %")
    expect(server.get_by_role("img", name="RAM over time", exact=True)).to_be_visible()
    expect(server.locator(".chart")).to_have_count(4)
    expect(card(page, "attic").locator("[data-verb]")).to_have_text(["Free memory", "Drain"])
    assert "a prompt of somebody" not in page.content()
    assert "the last line of its log" not in page.content()
    server.get_by_text("As a table").click()
    expect(server.locator("tbody tr")).to_have_count(12)
    page.get_by_role("button", name="1 h", exact=True).click()
    expect(page.locator("#health [aria-pressed=true]")).to_have_text("1 h")
    server.locator(".chart").first.evaluate("node => { node.isTheSame = true; }")

    now = rows.now()
    reason = "killed (signal 9): out of memory, likely"
    fallen = report(now, state=ServerState.BACKOFF, since=now, attempt=1, reason=reason)
    rows.tell(fallen.model_copy(update={"next_try_at": now + 500}))

    expect(server.locator("header")).to_contain_text("restarts soon")
    expect(server).to_contain_text("Attempt 1 of 5, next try in")
    expect(server.locator("tbody tr").first).to_be_visible()  # the fold has stayed open
    assert server.locator(".chart").first.evaluate("node => node.isTheSame"), "nothing was redrawn"
    open_room(page, "Studio")
    page.wait_for_timeout(500)
    asked = len(reader.requests)
    page.wait_for_timeout(5000)
    assert len(reader.requests) == asked, reader.requests[asked:]


def test_only_the_operator_asks_something_of_a_server_and_reads_its_log(
    new_reader: NewReader, watched: App, rows: ServerRows
) -> None:
    page = open_health(new_reader(at=watched))
    server = card(page, "a")
    rows.take_commands("a")
    server.get_by_role("button", name="Restart").click()
    field = dialog(page).get_by_label("Operator's password")
    field.fill("wrong")
    field.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_have_text("This is not the operator's password.")
    assert not rows.take_commands("a")

    field.fill(PASSWORD)
    field.press("Enter")

    expect(server.locator(".asked")).to_have_text("Asked: it is started anew.")
    expect(dialog(page)).to_have_count(0)
    expect(server.get_by_role("button", name="Restart")).to_be_disabled()
    assert [one.verb for one in rows.take_commands("a")] == [Verb.RESTART]
    card(page, "attic").get_by_role("button", name="Drain").click()  # the tab is remembered
    expect(notice(page, "ComfyUI attic · Asked: it takes no new prompts.")).to_be_visible()
    assert [one.verb for one in rows.take_commands("attic")] == [Verb.DRAIN]
    server.get_by_text("End of its log").first.click()
    expect(server.locator(".tail")).to_have_text("the last line of its log")
    page.get_by_role("button", name="Lock").click()
    expect(page.locator("#health .foot")).to_contain_text("ask for the operator's password")
    server.get_by_role("button", name="Stop").click()
    expect(dialog(page).get_by_label("Operator's password")).to_be_visible()
    assert not rows.take_commands("a")
    assert PASSWORD not in page.content()
    assert PASSWORD not in watched.log_text()


@pytest.mark.parametrize(("language", "locale"), [("en", "en-GB"), ("zh", "zh-CN")])
def test_the_tab_is_photographed_in_both_widths_and_shades(
    new_reader: NewReader, watched: App, rows: ServerRows, language: str, locale: str
) -> None:
    rows.tell(report(rows.now(), plan="restart between prompts: it has done 500 prompts"))
    page = open_health(new_reader(at=watched, locale=locale, reduced_motion="reduce"))
    expect(card(page, "a").locator(".chart")).to_have_count(4)

    photograph(page, f"{language}-7-health")


def test_who_waits_for_a_killed_server_is_told_so_and_goes_on_when_it_is_started(
    new_reader: NewReader, run_app: RunApp, tmp_path: Path
) -> None:
    port = free_port()
    folder = tmp_path / "comfy"
    folder.mkdir()
    server = {"name": "a", "url": f"http://127.0.0.1:{port}", "command": command(port, folder)}
    environment = {
        "KOMADORI_COMFYUI__SERVERS": json.dumps([server]),
        "KOMADORI_COMFYUI__PROBE__INTERVAL_S": "0.5",
        "KOMADORI_COMFYUI__BACKOFF_S": "[600]",  # it is the operator who starts it again
        "KOMADORI_OPERATOR_PASSWORD": PASSWORD,
    }
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with run_app(data_dir, environment=environment) as app:
        store = Store(f"sqlite:///{data_dir / 'komadori.db'}")
        book = ServerRows(store)
        try:
            page = open_health(new_reader(at=app))
            expect(card(page, "a").locator("header")).to_contain_text("ready")
            expect(card(page, "a")).to_contain_text("workflows")  # it was asked what it can run
            page.reload()  # the form reads anew who can draw
            wait_until_ready(page)
            page.get_by_role("tab").nth(1).click()
            page.locator("#frame-provider").select_option("comfyui-check-picture")

            os.kill(pid_of(book), signal.SIGKILL)
            page.locator("#frame-draw").click()

            sentence = page.locator("#frame-stage .sentence")
            expect(sentence).to_contain_text("Waiting for ComfyUI a: restarting, attempt 1 of 5")
            open_room(page, "Jobs")
            expect(job_rows(page)).to_contain_text("restarting, attempt 1 of 5")
            page.get_by_role("tab").nth(1).click()
            sentence.get_by_role("link", name="See Health").click()
            expect(card(page, "a")).to_contain_text("Attempt 1 of 5")
            expect(card(page, "a")).to_contain_text("Killed (signal 9): out of memory, likely")
            card(page, "a").get_by_role("button", name="Start").click()
            dialog(page).get_by_label("Operator's password").fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(card(page, "a").locator("header")).to_contain_text("ready")
            expect(card(page, "a")).to_contain_text("Ready again after")
            page.get_by_role("tab").nth(1).click()
            expect(sentence).to_contain_text("The picture is drawn")
        finally:
            end(book)
            store.close()


def pid_of(book: ServerRows) -> int:
    found = book.report("a")
    assert found is not None
    assert found.pid is not None
    return found.pid


def end(book: ServerRows) -> None:
    """Have the server stopped: it outlives the page otherwise."""
    book.ask("a", Verb.STOP)
    deadline = time.monotonic() + 30
    while (found := book.report("a")) and found.state is not ServerState.STOPPED:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
