"""The doorbell on SQLite: it wakes at once, and refuses what is no message of ours."""

import json
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huey.exceptions import ConfigurationError
from huey.registry import Message

from komadori.domain.states import Lane
from komadori.queue.broker import Broker, JsonSerializer, MessageRefused, open_broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = open_broker(Lane.IMAGE, data_dir=tmp_path, redis_url=None)
    yield broker
    broker.storage.close()


class Bomb:
    """Unpickling one would be seen."""

    went_off = False

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return (_go_off, ())


def _go_off() -> None:
    Bomb.went_off = True


def test_a_message_is_json_and_holds_a_name_only() -> None:
    data = JsonSerializer().serialize(Message("m1", "work", args=(1,), kwargs={"a": 2}))

    assert json.loads(data) == {"id": "m1", "name": "work"}
    found = JsonSerializer().deserialize(data)
    assert (found.id, found.name, found.args, found.kwargs) == ("m1", "work", (), {})


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Message("m1", "work")),
        pickle.dumps(Bomb()),
        b"",
        b"null",
        b"[]",
        b'"work"',
        b"7",
        b'{"id": "m1"}',
        b'{"name"',
        b"\xff\xfe",
        b"[" * 200_000,
    ],
    ids=range(11),
)
def test_the_serializer_refuses_everything_else(data: bytes) -> None:
    with pytest.raises(MessageRefused, match=f"dropped {len(data)} bytes"):
        JsonSerializer().deserialize(data)

    assert not Bomb.went_off


def test_a_pickle_put_on_the_queue_by_hand_is_dropped_and_the_next_message_is_heard(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.storage.enqueue(pickle.dumps(Bomb()))
    broker.storage.enqueue(b'{"id": "m1", "name": "os.system"}')
    broker.ring()

    assert broker.dequeue() is None
    assert broker.dequeue() is None
    task = broker.dequeue()

    assert task.name == "work"
    assert not Bomb.went_off
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_ring_is_answered(broker: Broker) -> None:
    answers: list[str] = []
    broker.answer = lambda: answers.append("here")
    broker.ring(2)

    for _ in range(2):
        broker.execute(broker.dequeue())

    assert answers == ["here", "here"]


def test_a_bell_that_nobody_answers_does_no_harm(broker: Broker) -> None:
    broker.ring()

    broker.execute(broker.dequeue())


def test_each_ring_wakes_one(broker: Broker) -> None:
    broker.ring(3)

    assert broker.pending_count() == 3


def test_a_waiting_worker_wakes_at_once(broker: Broker, tmp_path: Path) -> None:
    page = open_broker(Lane.IMAGE, data_dir=tmp_path, redis_url=None)  # as of another process
    heard: list[float] = []

    def wait_for_bell() -> None:
        while broker.dequeue() is None:
            pass
        heard.append(time.monotonic())

    thread = threading.Thread(target=wait_for_bell)
    thread.start()
    time.sleep(0.15)  # let it go to sleep in the storage
    rung = time.monotonic()
    page.ring()
    thread.join(10)
    page.storage.close()

    assert len(heard) == 1
    assert heard[0] - rung < 0.6  # well before it would look by itself


def test_a_quiet_bell_gives_the_worker_back_after_a_second(broker: Broker) -> None:
    began = time.monotonic()

    assert broker.storage.dequeue() is None

    assert time.monotonic() - began < 5


def test_a_stopping_worker_does_not_wait(broker: Broker) -> None:
    broker.ring()
    broker.storage.is_stopping = lambda: True

    assert broker.storage.dequeue() is None
    assert broker.pending_count() == 1  # left for others


def test_a_bell_that_cannot_ring_is_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = open_broker(Lane.IMAGE, data_dir=tmp_path, redis_url=None)
    broker.storage.conn.execute("DROP TABLE task")

    broker.ring(3)

    assert [record.getMessage()[:14] for record in caplog.records] == ["bell not rung:"]
    broker.storage.close()


def test_lanes_have_queues_of_their_own(tmp_path: Path, broker: Broker) -> None:
    speech = open_broker(Lane.SPEECH, data_dir=tmp_path, redis_url=None)
    broker.ring()

    assert (broker.pending_count(), speech.pending_count()) == (1, 0)
    speech.storage.close()


def test_nothing_is_scheduled_or_revoked_through_huey(broker: Broker) -> None:
    assert broker.storage.read_schedule(None) == []
    assert not broker.is_revoked("anything")


def test_only_who_knows_the_work_can_make_a_consumer(broker: Broker) -> None:
    with pytest.raises(ConfigurationError, match=r"load huey_worker\.huey"):
        broker.create_consumer()
