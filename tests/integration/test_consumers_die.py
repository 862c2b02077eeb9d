"""Crashes of real processes: whatever dies, each step ends with exactly one accepted result."""

import signal

import psutil
import pytest

from komadori.domain.states import JobState, StepState
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import until

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)


def test_a_killed_workers_step_is_finished_by_another(house: House, consume: StartConsumer) -> None:
    house.tell("panel-2", "wait")
    consume(workers=2)
    job = house.submit(panels=4)
    victim = house.begun("panel-2")
    until(lambda: house.view(job).steps_done == 4, "all other steps are done")

    psutil.Process(victim.pid).kill()

    house.completed(job)
    assert house.outcomes(job, 2) == ["died", "completed"]
    assert house.begun("panel-2", attempt=2).pid != victim.pid
    assert [house.times(f"panel-{number}") for number in (1, 3, 4)] == [1, 1, 1]


@on_sqlite
@pytest.mark.parametrize("order", ["die", "store and die"])
def test_a_step_survives_a_death_at_its_begin_and_at_its_end(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("panel-1", order)
    consume(workers=1)

    job = house.completed(house.submit(panels=2))

    assert house.outcomes(job.id, 1) == ["died", "completed"]
    assert [panel.versions for panel in job.panels] == [1, 1]


@on_sqlite
@pytest.mark.parametrize("order", ["die", "stop"])
def test_a_worker_lost_in_mid_commit_leaves_nothing_half_written(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("plan", order)  # asked for the next stage inside the transaction of the scenes' end
    consume(workers=2)

    job = house.submit(panels=3)

    house.completed(job)
    assert house.times("scenes-0") == 2
    assert house.view(job).steps_total == 4, "the panels were planned once"


@pytest.mark.parametrize("order", ["wait", "block"])
def test_workers_end_by_themselves_when_their_consumer_is_killed(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("panel-2", order)
    first = consume(workers=2)
    job = house.submit(panels=4)
    house.begun("panel-2")

    first.signal(signal.SIGKILL)
    first.wait_until_nothing_is_left(within_s=8)

    # The other worker may hear of it later, and have done the step meanwhile.
    assert house.outcomes(job, 2)[0] == "released", "an orphan gives its step back in order"
    consume(workers=2)
    house.completed(job)


@on_sqlite
def test_a_whole_consumer_that_is_killed_at_once_loses_no_step(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "wait")
    house.tell("panel-2", "wait")
    first = consume(workers=2)
    job = house.submit(panels=4)
    house.begun("panel-1")
    house.begun("panel-2")

    first.kill_all()
    consume(workers=2)

    house.completed(job)
    assert house.outcomes(job, 1) == house.outcomes(job, 2) == ["died", "completed"]


@on_sqlite
def test_a_poisonous_step_is_run_alone_and_then_failed_with_the_reason(
    house: House, consume: StartConsumer
) -> None:
    job = house.submit(panels=12)
    house.tell(f"{job}.panel-3.always", "die")
    house.tell("any.always", "sleep 0.05")
    consume(workers=2)
    other = house.submit(panels=4, session=house.open_session("the second session's key"))
    view = house.ended(job, within_s=60)
    house.completed(other)

    assert view.state is JobState.PARTIAL
    poison = view.panels[2]
    assert poison.problem is not None
    assert poison.problem.code == "worker_died"
    assert house.outcomes(job, 3) == ["died", "died", "died"]
    assert all(panel.state is StepState.COMPLETED for panel in view.panels if panel.number != 3)
    assert all(house.times(f"panel-{number}") == 1 for number in range(5, 13))
    _assert_ran_alone(house, job)
    house.prove(job)


def _assert_ran_alone(house: House, job: str) -> None:
    (last,) = house.rows(
        "SELECT started_at, ended_at FROM attempts WHERE job_id = :job AND kind = 'panel'"
        " AND number = 3 AND attempt = 3",
        job=job,
    )
    beside = house.rows(
        "SELECT number FROM attempts WHERE started_at < :ended AND ended_at > :started"
        " AND NOT (job_id = :job AND kind = 'panel' AND number = 3)",
        job=job,
        ended=last["ended_at"],
        started=last["started_at"],
    )
    assert not beside
