"""The bell may be lost, doubled, forged or broken: the store knows what is to do."""

import json
import os
import pickle
import signal
from pathlib import Path

import pytest

from komadori.domain.states import JobState
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import Program, until

pytestmark = pytest.mark.integration

on_redis = pytest.mark.parametrize("bell", ["redis"], indirect=True)


_NO_MESSAGES = (
    b"\x00\xff garbage",
    b"[]",
    b"null",
    b'"text"',
    b"{}",
    json.dumps({"id": "1", "name": "os.system"}).encode(),
    b"[" * 100_000,
)


class _Bomb:
    """A pickle that makes a file when it is unpacked."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (str(self._mark), os.O_CREAT)


def test_a_pickle_on_the_queue_is_refused_and_never_unpacked(
    house: House, consume: StartConsumer, tmp_path: Path
) -> None:
    mark = tmp_path / "the pickle was unpacked"
    consumer = consume(workers=1)

    house.bell.storage.enqueue(pickle.dumps(_Bomb(mark)))

    until(lambda: "message refused" in consumer.output, "it is refused")
    before = consumer.workers()
    house.completed(house.submit(panels=1))
    assert consumer.workers() == before, "the worker goes on"
    assert not mark.exists()


def test_what_is_no_message_of_ours_is_refused(house: House, consume: StartConsumer) -> None:
    for message in _NO_MESSAGES:
        house.bell.storage.enqueue(message)
    consumer = consume(workers=1)

    until(lambda: consumer.output.count("message refused") == len(_NO_MESSAGES), "all are refused")

    house.completed(house.submit(panels=1))
    assert "Traceback" not in consumer.output


def test_lost_messages_cost_nothing_but_a_moment(house: House, consume: StartConsumer) -> None:
    house.tell("panel-1", "wait")
    consume(workers=1)
    first = house.submit(panels=1)
    house.begun("panel-1")
    others = [house.submit(panels=2) for _ in range(3)]

    house.bell.storage.flush_queue()
    house.release()

    for job in [first, *others]:
        house.completed(job)


def test_messages_lost_while_all_are_idle_are_made_good(
    house: House, consume: StartConsumer
) -> None:
    consume(workers=2)
    house.completed(house.submit(panels=1))

    house.completed(house.submit(panels=2, silently=True))


def test_doubled_messages_do_no_work_twice(house: House, consume: StartConsumer) -> None:
    consume(workers=2)
    jobs = [house.submit(panels=3) for _ in range(3)]

    house.bell.ring(200)

    for job in jobs:
        house.completed(job)
    assert len(house.executions()) == 3 * 4


@on_redis
def test_a_redis_that_forgets_all_loses_no_job(
    house: House, consume: StartConsumer, redis_server: Program
) -> None:
    house.tell("panel-1", "wait")
    consume(workers=1)
    job = house.submit(panels=3)
    house.begun("panel-1")

    house.bell.storage.conn.flushall()
    house.release()

    house.completed(job)
    house.completed(house.submit(panels=1))


@on_redis
def test_work_goes_on_while_redis_is_frozen_and_is_begun_again_after(
    house: House, consume: StartConsumer, redis_server: Program
) -> None:
    house.tell("panel-1", "wait")
    consume(workers=1)
    job = house.submit(panels=4)
    house.begun("panel-1")

    redis_server.signal(signal.SIGSTOP)
    house.release()
    house.completed(job, within_s=15)
    assert all(house.outcomes(job, number) == ["completed"] for number in range(1, 5))

    redis_server.signal(signal.SIGCONT)
    house.completed(house.submit(panels=2))


@on_redis
def test_a_job_that_was_submitted_without_redis_is_done_when_it_is_back(
    house: House, consume: StartConsumer, redis_server: Program, tmp_path: Path
) -> None:
    consumer = consume(workers=1)
    house.completed(house.submit(panels=1))
    command = redis_server.process.args
    redis_server.kill_all()

    job = house.submit(panels=1)

    assert house.view(job).state is JobState.QUEUED
    assert isinstance(command, list)
    again = Program(command, tmp_path / "redis-again.log")
    try:
        house.completed(job)
        assert "bell not heard" in consumer.output
        assert "Traceback" not in consumer.output
    finally:
        again.kill_all()
