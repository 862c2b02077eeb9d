"""The page's process and its embedded workers: started, refused, killed, ended, begun again."""

import signal
from collections.abc import Callable

import psutil
import pytest
from gradio_client import Client

from komadori.domain.states import StepState
from tests.integration.conftest import Page, StartConsumer, StartPage
from tests.integration.house import STORY, House
from tests.integration.processes import processes_of, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("bell", ["sqlite"], indirect=True),
]

_KEY = "a secret of sixteen characters"


def _consumer_of(page: Page) -> psutil.Process:
    """Wait for the page's consumer, with its scheduler and four workers."""

    def found() -> psutil.Process | None:
        for child in page.program.children_everywhere():
            if len(child.children()) == 1 + 4:
                return child
        return None

    return until(found, "the page's consumer has its workers")


def _assert_nothing_was_left_running(house: House) -> None:
    rows = house.rows("SELECT state, deaths FROM steps")
    assert all(row["state"] != StepState.RUNNING for row in rows)
    assert all(row["deaths"] == 0 for row in rows)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_page_ends_with_its_workers_and_running_steps_are_given_back(
    house: House, run_page: StartPage, signum: signal.Signals
) -> None:
    page = run_page()
    house.submit(panels=60)
    until(lambda: house.rows("SELECT 1 FROM steps WHERE state = 'COMPLETED'"), "work is done")

    page.program.signal(signum)
    code = page.program.ended()

    assert code == 0
    assert not processes_of(house.folder), "none outlives the page"
    _assert_nothing_was_left_running(house)
    assert "Traceback" not in page.program.output


def test_hammering_ctrl_c_leaves_no_process(house: House, run_page: StartPage) -> None:
    page = run_page()
    house.submit(panels=60)
    until(lambda: house.rows("SELECT 1 FROM steps WHERE state = 'COMPLETED'"), "work is done")

    def is_gone() -> bool:
        page.program.signal(signal.SIGINT)
        return page.program.process.poll() is not None

    until(is_gone, "the page has ended")
    until(lambda: not processes_of(house.folder), "all are gone", within_s=8)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_page_that_is_ended_while_it_starts_leaves_no_process(
    house: House, run_page: StartPage, signum: signal.Signals
) -> None:
    page = run_page(is_awaited=False)
    until(page.program.children_everywhere, "the consumer was started")

    page.program.signal(signum)

    page.program.ended()
    until(lambda: not processes_of(house.folder), "all are gone")
    assert "Traceback" not in page.program.output


def test_a_second_page_on_the_same_folder_is_refused(house: House, run_page: StartPage) -> None:
    first = run_page("--no-workers")

    second = run_page(is_awaited=False)

    assert second.program.ended() not in (0, None)
    assert "Another Komadori page already uses" in second.program.output
    assert "Traceback" not in second.program.output
    assert first.answers()


def test_a_page_without_workers_goes_with_a_consumer_from_the_command_line(
    house: House, run_page: StartPage, consume: StartConsumer
) -> None:
    page = run_page("--no-workers")
    consumer = consume(workers=2, module="huey_worker.huey")

    job = Client(page.url, verbose=False).predict(
        story=STORY, panels=3, session_key=_KEY, api_name="/create_storyboard"
    )

    house.completed(job["id"])
    assert not page.program.children_everywhere()
    page.program.signal(signal.SIGTERM)
    page.program.ended()
    assert consumer.process.poll() is None, "it is nobody's but its own"
    consumer.stop()


def test_a_killed_page_leaves_no_process_and_its_successor_finds_the_jobs(
    house: House, run_page: StartPage
) -> None:
    page = run_page()
    _consumer_of(page)
    job = Client(page.url, verbose=False).predict(
        story=STORY * 5, panels=10, session_key=_KEY, api_name="/create_storyboard"
    )
    until(lambda: house.view(job["id"]).steps_done > 2, "it is under way")

    page.program.signal(signal.SIGKILL)
    until(lambda: not processes_of(house.folder), "its workers have gone, too", within_s=8)
    _assert_nothing_was_left_running(house)

    again = run_page()
    client = Client(again.url, verbose=False)
    listed = client.predict(session_key=_KEY, api_name="/list_jobs")
    assert job["id"] in str(listed)
    house.completed(job["id"], within_s=60)
    status = client.predict(job_id=job["id"], session_key=_KEY, api_name="/job_status")
    assert status["state"] == "COMPLETED"


def test_an_embedded_consumer_that_was_killed_is_started_again(
    house: House, run_page: StartPage
) -> None:
    page = run_page()
    first = _consumer_of(page)
    job = house.submit(panels=8)
    until(lambda: house.view(job).steps_done > 1, "it is under way")

    first.kill()

    house.completed(job)
    assert _consumer_of(page).pid != first.pid
    assert "consumer died" in page.program.output


def test_a_frozen_consumer_does_not_outlive_its_page(house: House, run_page: StartPage) -> None:
    page = run_page()
    consumer = _consumer_of(page)
    consumer.send_signal(signal.SIGSTOP)

    page.program.signal(signal.SIGTERM)
    page.program.ended(within_s=15)

    assert not processes_of(house.folder)


def test_work_that_waits_brings_an_extra_worker_and_its_end_sends_it_home(
    house: House, run_page: StartPage, setting: Callable[[str, object], None]
) -> None:
    setting("DEFAULTS__CONCURRENCY__IMAGE_WORKERS", 1)
    setting("DEFAULTS__CONCURRENCY__EXTRA_IMAGE_WORKERS", 1)
    setting("WORKER__SCALE_UP_AFTER_S", 0)
    setting("WORKER__SCALE_DOWN_AFTER_S", 1)
    setting("COMFYUI__LIMITS__CPU_PERCENT", 100)
    page = run_page()
    jobs = [house.submit(panels=60) for _ in range(3)]

    until(lambda: len(page.program.children_everywhere()) == 2, "there are two consumers")

    for job in jobs:
        house.completed(job, within_s=90)
    until(lambda: len(page.program.children_everywhere()) == 1, "there is one consumer again")
