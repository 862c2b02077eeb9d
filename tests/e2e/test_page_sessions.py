"""Sessions in a real browser: reloads, other tabs, other people, private links, a killed page."""

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    PATIENCE_MS,
    STORY,
    NewReader,
    Reader,
    cards,
    dialog,
    draw,
    drawn,
    job_row,
    job_rows,
    notice,
    open_room,
    pictures,
    sentence,
    shown_job,
    wait_until_all_drawn,
    wait_until_ready,
)

pytestmark = pytest.mark.e2e

MANY = 40
SOME = 12  # enough to be killed half-way, few enough to be completed
LONG_STORY = STORY * 6
# Handlers run in the page's main thread. Of the others one looks for news some thirty times a
# second while there is a follower, and sleeps when there is none.
BUSY_WAKES = 8


class App(Protocol):
    """What these tests use of the running app."""

    url: str
    port: int
    data_dir: Path
    process: Any

    def log_text(self) -> str:
        """Return what it has printed."""


RunApp = Callable[..., AbstractContextManager[App]]


def cancel(page: Page) -> None:
    """End a long job, so that the next test has the workers."""
    page.locator("#stage").get_by_role("button", name="Cancel").click()
    expect(sentence(page)).to_contain_text("Cancelled")


def test_a_reload_in_mid_job_attaches_again(reader: Reader) -> None:
    page = reader.open()
    job = draw(page, story=LONG_STORY, panels=MANY)
    pictures(page).nth(1).wait_for()

    page.reload()

    wait_until_ready(page)
    expect(cards(page)).to_have_count(MANY)
    assert shown_job(page) == job
    before = pictures(page).count()
    assert before < MANY
    pictures(page).nth(before + 1).wait_for()
    cancel(page)


def test_a_second_tab_shows_the_same_job_and_both_follow_it(reader: Reader) -> None:
    first = reader.open()
    job = draw(first, story=LONG_STORY, panels=MANY)
    pictures(first).first.wait_for()

    second = reader.open()

    expect(cards(second)).to_have_count(MANY)
    assert shown_job(second) == job
    seen = pictures(second).count()
    pictures(second).nth(seen + 1).wait_for()
    pictures(first).nth(seen + 1).wait_for()
    cancel(second)
    expect(sentence(first)).to_contain_text("Cancelled")


def test_another_browser_sees_nothing_of_it(reader: Reader, new_reader: NewReader) -> None:
    page = reader.open()
    job = drawn(page, panels=1)
    picture = page.locator("#stage [data-panel]").get_attribute("data-picture")
    stranger = new_reader()

    other = stranger.open(f"/?job={job}")

    expect(notice(other, "This job is not here")).to_be_visible()
    expect(other.get_by_text("Your storyboard will be here")).to_be_visible()
    open_room(other, "Jobs")
    expect(other.get_by_text("No jobs yet")).to_be_visible()
    assert stranger.context.request.get(f"{stranger.url}/files/{picture}").status == 404
    assert reader.context.request.get(f"{reader.url}/files/{picture}").status == 200


def test_a_link_to_a_job_opens_that_job_and_not_the_newest(reader: Reader) -> None:
    page = reader.open()
    older = drawn(page, panels=1)
    newer = drawn(page, panels=2)
    assert newer in page.url, "the address names the job that is shown"

    again = reader.open(f"/?job={older}")

    expect(cards(again)).to_have_count(1)
    assert shown_job(again) == older


def test_a_job_that_never_was_is_said_to_be_missing(reader: Reader) -> None:
    page = reader.open("/?job=%3Cimg%20src%3Dx%3E")

    expect(notice(page, "This job is not here")).to_be_visible()
    expect(page.get_by_text("Your storyboard will be here")).to_be_visible()


def test_a_private_link_takes_the_session_to_another_browser_once(
    reader: Reader, new_reader: NewReader
) -> None:
    page = reader.open()
    job = drawn(page, panels=2)
    open_room(page, "Jobs")
    page.get_by_role("button", name="Private link").click()
    link = dialog(page).get_by_role("textbox", name="Private link").input_value()
    friend, late = new_reader(), new_reader()
    late.expected_complaints = "404"

    other = friend.context.new_page()
    other.goto(link)
    expect(other.get_by_role("heading", name="Open this session here?")).to_be_visible()
    other.get_by_role("button", name="Open the session").click()

    wait_until_ready(other)
    expect(cards(other)).to_have_count(2)
    assert shown_job(other) == job
    assert pictures(other).count() == 2
    too_late = late.context.new_page()
    too_late.goto(link)
    expect(too_late.get_by_role("heading", name="This link no longer works")).to_be_visible()
    open_room(other, "Jobs")
    job_row(other, job).get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    expect(job_rows(page)).to_have_count(0)


@pytest.fixture(scope="module")
def slow_app(run_app: RunApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that draws one panel at a time, and whom nobody else uses."""
    environment = {"KOMADORI_DEFAULTS__CONCURRENCY__IMAGE_WORKERS": "1"}
    with run_app(tmp_path_factory.mktemp("slow"), environment=environment) as app:
        yield app


@pytest.mark.parametrize("is_silent", [False, True], ids=["busy", "silent"])
def test_a_closed_tab_frees_its_follower(
    slow_app: App, new_reader: NewReader, *, is_silent: bool
) -> None:
    """While somebody follows, a thread of the page looks for news many times a second."""
    reader = new_reader(at=slow_app)
    page = reader.open()
    job = draw(page, story=LONG_STORY * 3, panels=60)
    pictures(page).nth(1).wait_for()
    until(lambda: busiest_thread(slow_app) > BUSY_WAKES, "a thread of the page looks for news")

    with frozen_workers(slow_app) if is_silent else nullcontext():
        page.close()
        until(lambda: busiest_thread(slow_app) <= BUSY_WAKES, "no thread looks any more")

    with closing(database(slow_app)) as store:
        (state,) = store.execute("SELECT state FROM jobs WHERE id = ?", [job]).fetchone()
    assert state == "RUNNING", "it became still because nobody looks, not because all is done"
    cancel(reader.open())


@contextmanager
def frozen_workers(app: App) -> Iterator[None]:
    """Stop the workers for a moment, so that nothing happens in any job."""
    workers = psutil.Process(app.process.pid).children(recursive=True)
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


def busiest_thread(app: App) -> int:
    """Return how often the busiest thread beside the main one woke up in a second."""
    before = wakes(app.process.pid)
    time.sleep(1)  # a rate needs a time; the condition is waited for by `until`
    after = wakes(app.process.pid)
    return max((after[thread] - before.get(thread, 0) for thread in after), default=0)


def wakes(pid: int) -> dict[str, int]:
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        if task.name == str(pid):
            continue
        try:
            status = (task / "status").read_text()
        except OSError:  # the thread has just ended
            continue
        found[task.name] = int(re.findall(r"\nvoluntary_ctxt_switches:\s*(\d+)", status)[0])
    return found


def test_a_killed_page_comes_back_by_itself_and_the_job_is_completed(
    run_app: RunApp, new_reader: NewReader, tmp_path: Path
) -> None:
    with run_app(tmp_path) as app:
        reader = new_reader(at=app)
        reader.expected_complaints = "ERR_|network error|Failed to"  # it is killed under them
        page = reader.open()
        job = draw(page, story=LONG_STORY, panels=SOME)
        pictures(page).nth(2).wait_for()
        page.evaluate("window.isFromBefore = true")

        app.process.send_signal(signal.SIGKILL)
        app.process.wait(timeout=30)
        expect(notice(page, "The connection to Komadori is lost")).to_be_visible()
        with run_app(tmp_path, port=app.port) as again:
            page.wait_for_function("!window.isFromBefore", timeout=PATIENCE_MS)
            wait_until_ready(page)
            wait_until_all_drawn(page, SOME)
            assert shown_job(page) == job
            assert_each_panel_was_drawn_once(again, job)


def assert_each_panel_was_drawn_once(app: App, job: str) -> None:
    with closing(database(app)) as store:
        pictures_of_slots = store.execute(
            "SELECT slot, count(*) FROM artifacts WHERE job_id = ? AND slot LIKE 'panel%' "
            "GROUP BY slot",
            [job],
        ).fetchall()
        completions = store.execute(
            "SELECT number, count(*) FROM attempts WHERE job_id = ? AND kind = 'panel' "
            "AND outcome = 'completed' GROUP BY number",
            [job],
        ).fetchall()
    assert sorted(count for _, count in pictures_of_slots) == [1] * SOME
    assert sorted(completions) == [(number, 1) for number in range(1, SOME + 1)]


def database(app: App) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{app.data_dir}/komadori.db?mode=ro", uri=True)


def until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not is_true():
        assert time.monotonic() < deadline, what
