"""Real consumers do real jobs: order, retries, limits, cancels, recycling, the command line."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from komadori.domain.states import JobState, StepState
from komadori.settings import ROOT
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import is_alive, until

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
SetSetting = Callable[[str, object], None]


def test_a_storyboard_goes_through(house: House, consume: StartConsumer) -> None:
    consume(workers=2)

    job = house.completed(house.submit(panels=5))

    assert [panel.version for panel in job.panels] == [1] * 5
    assert all(house.times(f"panel-{number}") == 1 for number in range(1, 6))
    assert house.pictures() == {panel.picture for panel in job.panels}


@on_sqlite
def test_a_job_that_was_there_before_its_workers_is_done(
    house: House, consume: StartConsumer
) -> None:
    job = house.submit(silently=True)

    consume(workers=1)

    house.completed(job)


def test_the_command_line_of_the_readme_starts_the_real_workers(
    house: House, consume: StartConsumer
) -> None:
    consume(workers=4, module="huey_worker.huey")

    job = house.completed(house.submit(panels=4))

    assert job.source == "rules"
    assert all(house.picture(str(panel.picture)).stat().st_size > 1000 for panel in job.panels)


@on_sqlite
def test_no_database_is_open_where_workers_are_forked_from(
    house: House, consume: StartConsumer
) -> None:
    consumer = consume(workers=2)
    house.completed(house.submit())

    def databases(pid: int) -> set[str]:
        files = (Path(file.path).name for file in psutil.Process(pid).open_files())
        return {name for name in files if name.endswith(".db")}

    assert databases(consumer.pid) == set()
    done_by = {execution.pid for execution in house.executions()}
    assert all("komadori.db" in databases(pid) for pid in done_by)


@on_sqlite
def test_thread_workers_are_refused_with_what_to_add(house: House) -> None:
    script = Path(sys.executable).with_name("huey_consumer")

    ended = subprocess.run(
        [script, "huey_worker.huey", "-k", "thread"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "-k process" in ended.stderr


@on_sqlite
def test_a_wrong_setting_is_named_by_the_command_line(house: House, setting: SetSetting) -> None:
    setting("WORKER__LEASE_S", "soon")
    script = Path(sys.executable).with_name("huey_consumer")

    ended = subprocess.run(
        [script, "huey_worker.huey", "-k", "process"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "KOMADORI_WORKER__LEASE_S" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_several_consumers_share_one_store(house: House, consume: StartConsumer) -> None:
    house.tell("any.always", "sleep 0.05")
    first, second = consume(workers=2), consume(workers=2)

    jobs = [house.submit(panels=6) for _ in range(4)]

    for job in jobs:
        house.completed(job)
    done_by = {execution.pid for execution in house.executions()}
    assert done_by & set(first.workers())
    assert done_by & set(second.workers())
    assert len(house.executions()) == 4 * 7


@on_sqlite
def test_a_failed_step_is_tried_again_after_a_growing_delay(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-2.always", "fail")
    consume(workers=1)
    job = house.submit(panels=2)
    until(lambda: house.outcomes(job, 2) == ["failed"] * 3, "the third attempt has failed")
    house.take_back("panel-2.always")

    house.completed(job)

    assert house.outcomes(job, 2) == ["failed", "failed", "failed", "completed"]
    waits = _waits_between_attempts(house, job, 2)
    assert waits[0] >= 0.3
    assert waits[1] >= 0.6


def _waits_between_attempts(house: House, job: str, number: int) -> list[float]:
    rows = house.rows(
        "SELECT started_at, ended_at FROM attempts WHERE job_id = :job AND kind = 'panel'"
        " AND number = :number ORDER BY attempt",
        job=job,
        number=number,
    )
    return [later["started_at"] - earlier["ended_at"] for earlier, later in pairwise(rows)]


@on_sqlite
def test_a_step_that_always_fails_leaves_the_job_partial_and_a_retry_makes_it_whole(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("DEFAULTS__STEP__RETRIES", 1)
    house.tell("panel-2.always", "fail")
    consume(workers=2)
    job = house.submit(panels=3)

    view = house.ended(job)
    assert view.state is JobState.PARTIAL
    assert view.problem is not None
    assert view.problem.code == "internal"
    assert house.outcomes(job, 2) == ["failed", "failed"]

    house.take_back("panel-2.always")
    house.orders.retry(house.session, job)
    house.completed(job)
    assert house.times("panel-1") == house.times("panel-3") == 1


@on_sqlite
def test_what_a_backend_refuses_is_not_tried_again(house: House, consume: StartConsumer) -> None:
    house.tell("panel-1.always", "refuse")
    consume(workers=1)
    job = house.submit(panels=2)

    view = house.ended(job)

    assert view.state is JobState.PARTIAL
    assert view.panels[0].problem is not None
    assert view.panels[0].problem.code == "refused"
    assert house.times("panel-1") == 1
    house.prove(job)


@on_sqlite
def test_a_step_that_cancels_itself_counts_as_failed(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("DEFAULTS__STEP__RETRIES", 1)
    house.tell("panel-1.always", "cancel itself")
    consume(workers=1)
    job = house.submit(panels=1)

    assert house.ended(job).state is JobState.FAILED
    assert house.outcomes(job, 1) == ["failed", "failed"]


@on_sqlite
def test_the_soft_limit_stops_a_step_and_it_is_tried_again(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("DEFAULTS__STEP__SOFT_LIMIT_S", 0.5)
    house.tell("panel-1", "sleep 60")
    consume(workers=1)
    job = house.submit(panels=1)

    house.completed(job)

    assert house.outcomes(job, 1) == ["failed", "completed"]
    (first,) = house.rows(
        "SELECT error FROM attempts WHERE job_id = :job AND outcome = 'failed'", job=job
    )
    assert "0.5 s" in first["error"]


def test_a_cancel_drops_queued_steps_at_once_and_stops_running_ones(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "wait")
    consume(workers=1)
    job = house.submit(panels=3)
    house.begun("panel-1")

    house.orders.cancel(house.session, job)

    states = [panel.state for panel in house.view(job).panels]
    assert states == [StepState.RUNNING, StepState.CANCELLED, StepState.CANCELLED]
    assert house.ended(job, within_s=5).state is JobState.CANCELLED
    assert house.outcomes(job, 1) == ["cancelled"]
    assert house.times("panel-2") == 0
    house.prove(job)


@on_sqlite
def test_a_cancelled_job_is_made_whole_by_a_retry(house: House, consume: StartConsumer) -> None:
    house.tell("panel-2", "wait")
    consume(workers=1)
    job = house.submit(panels=3)
    house.begun("panel-2")
    house.orders.cancel(house.session, job)
    house.ended(job)

    house.orders.retry(house.session, job)

    house.completed(job)
    assert house.times("panel-1") == 1


@on_sqlite
def test_a_redo_comes_before_the_queued_panels_of_a_long_story(
    house: House, consume: StartConsumer
) -> None:
    consume(workers=1)
    short = house.submit(panels=2)
    house.completed(short)
    house.tell("panel-1", "wait")
    long = house.submit(panels=6)
    house.begun("panel-1", attempt=1)
    until(lambda: house.view(long).panels, "the long story has panels")
    until(lambda: house.step(long, 1)["state"] == StepState.RUNNING, "its first panel runs")

    redo = house.redo(short, 2)
    house.release()
    house.ended(redo)
    house.completed(long)

    order = [one.job for one in house.executions() if one.job in (long, redo)]
    assert order.index(redo) == 2, "scenes and the first panel were under way, nothing else"
    panel = house.view(short).panels[1]
    assert (panel.version, panel.versions, panel.redo) == (2, 2, None)


@on_sqlite
def test_a_long_story_does_not_starve_another_session(house: House, consume: StartConsumer) -> None:
    house.tell("any.always", "sleep 0.05")
    consume(workers=2)
    long = house.submit(panels=30)
    house.begun("panel-2")

    other = house.submit(panels=3, session=house.open_session("the second session's key"))
    house.completed(other)

    assert house.view(long).steps_done < 20
    house.completed(long)


@on_sqlite
def test_workers_are_replaced_after_so_many_steps(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("WORKER__MAX_STEPS", 3)
    consumer = consume(workers=2)

    job = house.submit(panels=10)
    house.completed(job)

    done = [execution.pid for execution in house.executions()]
    assert max(done.count(pid) for pid in done) <= 3
    assert len(set(done)) >= 4
    assert len(done) == 11, "recycling costs no work"
    until(lambda: len(consumer.workers()) == 2, "both workers are back")


@on_sqlite
def test_a_worker_that_cannot_start_ends_with_a_logged_error(
    house: House, consume: StartConsumer
) -> None:
    consumer = consume(workers=1, module="tests.fakes.lane.broken", is_awaited=False)

    until(lambda: consumer.output.count("the desk is locked") >= 2, "two workers have tried")

    assert "Worker-1 died" in consumer.output
    assert consumer.process.poll() is None, "the consumer goes on trying"


@on_sqlite
def test_an_idle_worker_begins_at_once(house: House, consume: StartConsumer) -> None:
    consume(workers=1)
    house.completed(house.submit(panels=1))

    began = time.monotonic()
    house.completed(house.submit(panels=1))

    assert time.monotonic() - began < 5, "huey's own polling takes up to 10 s"


@on_sqlite
def test_a_health_check_that_was_turned_off_stays_on(house: House, consume: StartConsumer) -> None:
    consumer = consume(1, "-C")
    (worker,) = consumer.workers()

    consumer.children()[-1].send_signal(signal.SIGKILL)

    until(lambda: consumer.workers() not in ([], [worker]), "another worker is there")
    assert not is_alive(worker)
