"""Crashes of real processes: whatever dies, each step ends with exactly one accepted result."""

import signal
import time
from collections.abc import Callable

import psutil
import pytest

from komadori.domain.states import JobState, StepState
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import Consumer, is_alive, seconds, until

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
SetSetting = Callable[[str, object], None]


def _kill(pid: int, signum: signal.Signals = signal.SIGKILL) -> None:
    psutil.Process(pid).send_signal(signum)


def test_a_killed_workers_step_is_finished_by_another(house: House, consume: StartConsumer) -> None:
    house.tell("panel-2", "wait")
    consume(workers=2)
    job = house.submit(panels=4)
    victim = house.begun("panel-2")
    until(lambda: house.view(job).steps_done == 4, "all other steps are done")

    _kill(victim.pid)

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

    assert house.outcomes(job, 2) == ["released"], "an orphan gives its step back in order"
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


def test_sigterm_gives_the_running_step_back_within_a_second_uncounted(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "wait")
    first = consume(workers=1)
    job = house.submit(panels=2)
    house.begun("panel-1")

    first.signal(signal.SIGTERM)
    took = seconds(first.ended)

    assert took < 3
    step = house.step(job, 1)
    assert (step["state"], step["failures"], step["deaths"]) == (StepState.QUEUED, 0, 0)
    assert house.outcomes(job, 1) == ["released"]
    consume(workers=1)
    house.completed(job)


@on_sqlite
@pytest.mark.parametrize("order", ["wait", "block"])
def test_sigterm_to_all_processes_at_once_gives_steps_back_as_well(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("panel-1", order)
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")

    for process in first.all_processes():  # as systemd does
        process.send_signal(signal.SIGTERM)
    first.ended(within_s=5)

    assert house.outcomes(job, 1) == ["released"]
    assert house.step(job, 1)["deaths"] == 0


@on_sqlite
def test_sigterm_gives_back_even_a_step_that_does_not_give_way(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "block")
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")

    first.signal(signal.SIGTERM)
    first.ended(within_s=5)
    first.wait_until_nothing_is_left(within_s=2)

    assert house.outcomes(job, 1) == ["released"]
    consume(workers=1)
    house.completed(job)


@on_sqlite
@pytest.mark.parametrize("order", ["hang", "stop", "stop with lock"])
def test_sigterm_ends_a_consumer_whose_worker_cannot_hear(
    house: House, consume: StartConsumer, setting: SetSetting, order: str
) -> None:
    setting("WORKER__LEASE_S", 30)  # nobody else ends it first
    house.tell("panel-1", order)
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")

    first.signal(signal.SIGTERM)
    first.ended(within_s=5)
    first.wait_until_nothing_is_left(within_s=2)

    consume(workers=1)
    house.completed(job)


@on_sqlite
def test_a_second_sigterm_ends_a_worker_at_once(house: House, consume: StartConsumer) -> None:
    house.tell("panel-1", "block")
    consume(workers=1)
    job = house.submit(panels=1)
    worker = house.begun("panel-1").pid

    _kill(worker, signal.SIGTERM)
    until(lambda: house.outcomes(job, 1) == ["released"], "the step was given back")
    assert is_alive(worker), "the step still holds its worker"
    _kill(worker, signal.SIGTERM)

    until(lambda: not is_alive(worker), "the worker is gone", within_s=2)
    house.completed(job)


@on_sqlite
def test_sigterm_to_one_worker_gives_its_step_to_another(
    house: House, consume: StartConsumer
) -> None:
    house.tell("panel-1", "wait")
    consumer = consume(workers=2)
    job = house.submit(panels=1)
    worker = house.begun("panel-1").pid

    _kill(worker, signal.SIGTERM)

    house.completed(job)
    assert house.outcomes(job, 1) == ["released", "completed"]
    until(lambda: len(set(consumer.workers()) - {worker}) == 2, "the worker is replaced")


def test_sigint_lets_the_running_step_finish(house: House, consume: StartConsumer) -> None:
    house.tell("panel-1", "wait")
    first = consume(workers=1)
    job = house.submit(panels=2)
    house.begun("panel-1")

    first.signal(signal.SIGINT)
    until(lambda: "gracefully" in first.output, "the signal was heard")
    house.release()
    first.ended()

    assert house.outcomes(job, 1) == ["completed"]
    assert house.times("panel-2") == 0, "no other step is begun"
    consume(workers=1)
    house.completed(job)


@on_sqlite
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_sigint_does_not_wait_for_the_step(
    house: House, consume: StartConsumer, second: signal.Signals
) -> None:
    house.tell("panel-1", "wait")
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")

    first.signal(signal.SIGINT)
    until(lambda: "gracefully" in first.output, "the first one was heard")
    first.signal(second)
    first.ended(within_s=5)

    assert house.outcomes(job, 1) == ["released"]


@on_sqlite
def test_sighup_begins_the_consumer_anew(house: House, consume: StartConsumer) -> None:
    consumer = consume(workers=1)
    house.completed(house.submit(panels=1))
    (before,) = consumer.workers()

    consumer.signal(signal.SIGHUP)
    until(lambda: consumer.workers() not in ([], [before]), "there is a new worker")

    house.completed(house.submit(panels=1))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", ["stop", "stop with lock"])
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

    _kill(worker, signal.SIGSTOP)

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
@pytest.mark.parametrize("order", ["wait", "block"])
def test_a_worker_that_wakes_up_after_its_lease_was_lost_writes_nothing(
    house: House, consume: StartConsumer, order: str
) -> None:
    house.tell("panel-1", order)
    first = consume(workers=1)
    job = house.submit(panels=1)
    house.begun("panel-1")
    _freeze_elsewhere(house, first, house.step(job, 1)["id"])
    consume(workers=1)
    house.completed(job)
    before = house.rows("SELECT * FROM artifacts"), house.rows("SELECT * FROM attempts")

    house.release()
    _thaw(first)
    until(lambda: "lost" in first.output or "dropped" in first.output, "the loss was noticed")

    assert (house.rows("SELECT * FROM artifacts"), house.rows("SELECT * FROM attempts")) == before
    kept = {row["id"] for row in before[0]}
    until(lambda: house.pictures() == kept, "the late picture is gone")
    house.prove(job)
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
