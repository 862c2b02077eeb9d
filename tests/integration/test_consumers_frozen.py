"""What is stopped, hangs or slept: its steps go on elsewhere, and it writes nothing late."""

import signal
import time
from collections.abc import Callable

import psutil
import pytest

from komadori.domain.states import JobState, StepState
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import Consumer, is_alive, until

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
SetSetting = Callable[[str, object], None]


@pytest.mark.parametrize(
    ("order", "workers"), [("stop", 2), ("stop with lock", 2), ("stop with lock", 1)]
)
@on_sqlite
def test_a_frozen_worker_is_ended_and_its_step_done_by_another(
    house: House, consume: StartConsumer, order: str, workers: int
) -> None:
    house.tell("panel-1", order)
    consume(workers=workers)
    job = house.submit(panels=2)
    frozen = house.begun("panel-1").pid

    house.completed(job)

    assert not is_alive(frozen)
    assert house.outcomes(job, 1) == ["died", "completed"]
    assert house.times("panel-2") == 1


@on_sqlite
def test_a_frozen_idle_worker_is_replaced(house: House, consume: StartConsumer) -> None:
    consumer = consume(workers=1)
    (worker,) = consumer.workers()

    psutil.Process(worker).suspend()

    until(lambda: consumer.workers() not in ([], [worker]), "another worker is there")
    house.completed(house.submit(panels=1))


def _freeze_elsewhere(house: House, consumer: Consumer, step_id: str) -> None:
    """Stop a whole consumer and have its step look like another machine's, that none can kill."""
    for process in consumer.all_processes():
        process.send_signal(signal.SIGSTOP)
    until(
        lambda: all(one.status() == psutil.STATUS_STOPPED for one in consumer.all_processes()),
        "all of it is stopped",
    )
    house.write("UPDATE steps SET host = 'another machine' WHERE id = :id", id=step_id)


def _thaw(consumer: Consumer) -> None:
    """Wake it, workers first: its main process ends workers that it finds stopped."""
    for process in reversed(consumer.all_processes()):
        process.send_signal(signal.SIGCONT)


@on_sqlite
@pytest.mark.parametrize("order", ["wait", "stop"])
def test_a_worker_that_wakes_up_after_its_lease_was_lost_writes_nothing(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("panel-1", order)
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")
    _freeze_elsewhere(house, first, house.step(job, 1)["id"])
    house.tell("panel-1", "wait")
    consume(workers=1)
    holder = house.begun("panel-1", attempt=2)

    _thaw(first)
    until(lambda: "lost" in first.output, "the loss was noticed")

    step = house.step(job, 1)
    assert (step["state"], step["pid"], step["token"]) == (StepState.RUNNING, holder.pid, 2)
    assert house.outcomes(job, 1) == ["died"]
    until(lambda: not house.pictures(), "the late picture is gone")
    house.release()
    view = house.completed(job)
    assert house.pictures() == {view.panels[0].picture}
    house.completed(house.submit(panels=2))


@on_sqlite
def test_the_hard_limit_ends_a_step_that_holds_the_interpreter(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("DEFAULTS__STEP__SOFT_LIMIT_S", 0.5)
    setting("DEFAULTS__STEP__HARD_LIMIT_S", 1)
    house.tell("panel-1", "hang")
    consumer = consume(workers=2)
    job = house.submit(panels=2)
    hung = house.begun("panel-1").pid

    house.completed(job)

    assert not is_alive(hung)
    assert house.outcomes(job, 1) == ["died", "completed"]
    assert "_hang" in consumer.output, "the log says where it hung"


@on_sqlite
def test_a_hung_workers_step_is_done_by_another_long_before_the_hard_limit(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "hang")
    consume(workers=2)
    job = house.submit(panels=2)
    hung = house.begun("panel-1").pid

    house.completed(job)

    assert house.outcomes(job, 1) == ["died", "completed"]
    assert is_alive(hung), "only the hard limit may end it"


@on_sqlite
def test_a_cancel_reaches_a_job_whose_worker_is_frozen(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "stop")
    consume(workers=1)
    job = house.submit(panels=2)
    house.begun("panel-1")

    house.orders.cancel(house.session, job)

    assert house.ended(job).state is JobState.CANCELLED
    assert house.times("panel-1") == 1
    house.prove(job)


@on_sqlite
def test_a_machine_that_slept_takes_no_step_from_anybody(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "wait")
    house.tell("panel-2", "wait")
    consumer = consume(workers=3)
    job = house.submit(panels=2)
    house.begun("panel-1")
    house.begun("panel-2")

    processes = consumer.all_processes()
    _signal_all(processes, signal.SIGSTOP)
    lost_at = max(house.step(job, number)["lease_until"] for number in (1, 2)) + 1  # the lease
    until(lambda: time.time() > lost_at + 2, "all leases are long over")
    _signal_all(processes, signal.SIGCONT)
    woken_at = time.time()
    until(lambda: house.step(job, 1)["lease_until"] > woken_at, "a lease was renewed")
    house.release()

    house.completed(job)
    assert house.outcomes(job, 1) == house.outcomes(job, 2) == ["completed"]


def _signal_all(processes: list[psutil.Process], signum: signal.Signals) -> None:
    for process in processes:
        process.send_signal(signum)


@on_sqlite
def test_the_hard_limit_spares_workers_that_do_many_short_steps(
    house: House, consume: StartConsumer, setting: SetSetting
) -> None:
    setting("DEFAULTS__STEP__SOFT_LIMIT_S", 0.4)
    setting("DEFAULTS__STEP__HARD_LIMIT_S", 0.5)
    house.tell("any.always", "sleep 0.1")
    consumer = consume(workers=1)
    before = consumer.workers()

    house.completed(house.submit(panels=20))

    assert consumer.workers() == before
