"""SIGTERM gives steps back uncounted, SIGINT lets them finish; nobody waits for the deaf."""

import signal
from collections.abc import Callable

import psutil
import pytest

from komadori.domain.states import StepState
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import is_alive, seconds, until

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
SetSetting = Callable[[str, object], None]


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
@pytest.mark.parametrize("order", ["hang", "stop with lock"])
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

    psutil.Process(worker).terminate()
    until(lambda: house.outcomes(job, 1) == ["released"], "the step was given back")
    assert is_alive(worker), "the step still holds its worker"
    psutil.Process(worker).terminate()

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

    psutil.Process(worker).terminate()

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
def test_hammering_ctrl_c_ends_even_a_hung_worker(house: House, consume: StartConsumer) -> None:
    house.tell("panel-1", "hang")
    first = consume(workers=1)
    house.submit(panels=1)
    house.begun("panel-1")

    def is_gone() -> bool:
        first.signal(signal.SIGINT)
        return first.process.poll() is not None

    until(is_gone, "the consumer has ended", within_s=8)
    first.wait_until_nothing_is_left(within_s=2)
    assert "Traceback" not in first.output


@on_sqlite
def test_sighup_begins_the_consumer_anew(house: House, consume: StartConsumer) -> None:
    consumer = consume(workers=1)
    house.completed(house.submit(panels=1))
    (before,) = consumer.workers()

    consumer.signal(signal.SIGHUP)
    until(lambda: consumer.workers() not in ([], [before]), "there is a new worker")

    house.completed(house.submit(panels=1))
