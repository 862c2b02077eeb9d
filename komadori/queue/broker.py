"""The doorbell: Huey on SQLite or Redis. A message is JSON and says only that a lane has work.

Huey has no acknowledgement, so nothing may depend on a message: the store knows what is to do.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huey import Huey
from huey.exceptions import ConfigurationError, HueyException
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import RedisStorage, SqliteStorage
from redis.exceptions import RedisError

from komadori.domain.states import Lane

log = logging.getLogger(__name__)

POLL_S = 0.02
"""How often an idle worker looks at SQLite's change counter; a look costs a few microseconds."""
WAIT_S = 1.0
"""How long one blocking dequeue waits before the consumer may look at its stop flag."""


class MessageRefused(ValueError):
    """What lies on the queue is not a message of ours; it is dropped and never unpickled."""


class JsonSerializer(Serializer):  # type: ignore[misc]  # huey has no types
    """Messages as JSON: what anybody may have put on the queue can at worst be refused."""

    def _serialize(self, data: Any) -> bytes:
        if isinstance(data, Message):
            data = {"id": data.id, "name": data.name}
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        try:
            found = json.loads(bytes(data))
            return Message(id=str(found["id"]), name=str(found["name"]), args=(), kwargs={})
        except (ValueError, KeyError, TypeError, RecursionError) as exc:
            raise MessageRefused(f"dropped {len(data)} bytes that are not a message") from exc


class SqliteDoorbell(SqliteStorage):  # type: ignore[misc]  # huey has no types
    """Huey's SQLite storage with a dequeue that waits on the file's change counter.

    Huey polls instead, up to every 10 s when idle. It is a file of its own: a locked store must
    not keep the bell from ringing.
    """

    blocking = True
    is_stopping: Callable[[], bool] = staticmethod(lambda: False)

    def dequeue(self) -> Any:
        """Wait up to a second for a message; None if there was none."""
        until = time.monotonic() + WAIT_S
        seen = None
        while not self.is_stopping():
            changed = self._changes()
            if changed != seen:
                seen = changed
                if (data := super().dequeue()) is not None:
                    return data
            if time.monotonic() >= until:
                return None
            time.sleep(POLL_S)
        return None

    def _changes(self) -> int:
        return int(self.conn.execute("PRAGMA data_version").fetchone()[0])

    def read_schedule(self, ts: object) -> list[Any]:
        """Nothing is ever scheduled through Huey; its own query would lock the file each second."""
        del ts
        return []


class RedisDoorbell(RedisStorage):  # type: ignore[misc]  # huey has no types
    """Huey's Redis storage, without a schedule."""

    def read_schedule(self, ts: object) -> list[Any]:
        """Nothing is ever scheduled through Huey."""
        del ts
        return []


class Broker(Huey):  # type: ignore[misc]  # huey has no types
    """A Huey whose only task is the bell of one lane, and whose consumer runs our workers."""

    def __init__(self, lane: Lane, **options: Any) -> None:
        super().__init__(
            f"komadori-{lane.value}", results=False, serializer=JsonSerializer(), **options
        )
        self.lane = lane
        self.answer: Callable[[], None] | None = None
        """What a worker does when the bell rings; set in the worker."""
        self.consumer: Callable[..., Any] | None = None
        """Makes the consumer; set by who knows the work."""
        self._bell = self.task(name="work")(self._answer)

    def _answer(self) -> None:
        if self.answer is not None:
            self.answer()

    def create_consumer(self, **options: Any) -> Any:
        """Return the consumer that huey_consumer runs.

        Raises:
            ConfigurationError: this process has no work to offer, or the options do not fit.
        """
        if self.consumer is None:
            raise ConfigurationError("load huey_worker.huey: only it knows the work to be done")
        return self.consumer(self, **options)

    def ring(self, times: int = 1) -> None:
        """Wake that many idle workers. What fails here, the workers make good by looking."""
        for _ in range(times):
            try:
                self._bell()
            except (sqlite3.Error, RedisError) as exc:
                log.warning("bell not rung: lane=%s reason=%s", self.lane, exc)
                return

    def dequeue(self) -> Any:
        """Return the next message as a task; what is no message of ours is dropped."""
        try:
            return super().dequeue()
        except (MessageRefused, HueyException) as exc:
            log.warning("message refused: lane=%s reason=%s", self.lane, exc)
            return None
        except (sqlite3.Error, RedisError) as exc:  # huey would log a traceback each second
            log.warning("bell not heard: lane=%s reason=%s", self.lane, exc)
            time.sleep(WAIT_S)
            return None

    def is_revoked(self, *args: object, **kwargs: object) -> bool:
        """Never: jobs are cancelled in the store. Huey's own look costs a query a message."""
        del args, kwargs
        return False

    def delete(self, key: str) -> None:
        """Do nothing: there are no revocations to forget."""


def open_broker(lane: Lane, *, data_dir: Path, redis_url: str | None) -> Broker:
    """Return the doorbell of a lane: on Redis when there is an address, else embedded."""
    if redis_url:
        # Blocking reads wait 1 s (huey's), well under redis-py's socket timeout of 5 s.
        return Broker(lane, storage_class=RedisDoorbell, url=redis_url)
    data_dir.mkdir(parents=True, exist_ok=True)
    # A message lost in a power cut is rung again, so it need not wait for the disk.
    return Broker(
        lane, storage_class=SqliteDoorbell, filename=str(data_dir / "broker.db"), fsync=False
    )
