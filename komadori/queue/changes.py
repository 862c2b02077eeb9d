"""How a process learns that a job has changed: from SQLite's counter, from Redis, or by looking."""

import logging
import sqlite3
import time
from collections.abc import Iterable
from typing import Protocol

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url

log = logging.getLogger(__name__)

_CHANNEL = "komadori.changes"
_LOOK_S = 0.03
_BLIND_LOOK_S = 0.25
_SAY_S = 0.2


class Changes(Protocol):
    """Tells others of changes, and waits for theirs."""

    def announce(self, job_ids: Iterable[str]) -> None:
        """Say that these jobs have changed. Never raises: followers also look by themselves."""

    def wait(self, timeout_s: float) -> None:
        """Return when something may have changed, or after the timeout."""

    def close(self) -> None:
        """Let go of connections."""


class SqliteChanges:
    """SQLite counts the commits of other connections; reading the counter costs microseconds."""

    def __init__(self, url: str) -> None:
        self._file = make_url(url).database
        self._connection: sqlite3.Connection | None = None
        self._seen = 0

    def announce(self, job_ids: Iterable[str]) -> None:
        """Nothing to say: the commit itself is seen."""

    def wait(self, timeout_s: float) -> None:
        """Look at the counter until it moves."""
        until = time.monotonic() + timeout_s
        while (count := self._count()) == self._seen and time.monotonic() < until:
            time.sleep(_LOOK_S)
        self._seen = count

    def _count(self) -> int:
        if self._connection is None:
            self._connection = sqlite3.connect(str(self._file), check_same_thread=False)
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class RedisChanges:
    """One channel for all changes. A lost message costs a second at most: followers also look."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url)
        # A worker that tells of a change must not wait for a Redis that hangs.
        self._speaker = Redis.from_url(url, socket_timeout=_SAY_S, socket_connect_timeout=_SAY_S)
        self._channel: PubSub = self._redis.pubsub(  # type: ignore[no-untyped-call]
            ignore_subscribe_messages=True
        )
        self._is_listening = False

    def announce(self, job_ids: Iterable[str]) -> None:
        """Publish the ids."""
        try:
            for job_id in job_ids:
                self._speaker.publish(_CHANNEL, job_id)
        except RedisError as exc:
            log.warning("change not announced: reason=%s", exc)

    def wait(self, timeout_s: float) -> None:
        """Wait for a message."""
        try:
            if not self._is_listening:
                self._channel.subscribe(_CHANNEL)
                self._is_listening = True
            self._channel.get_message(timeout=timeout_s)
        except RedisError as exc:
            log.warning("changes not heard: reason=%s", exc)
            self._is_listening = False
            time.sleep(min(timeout_s, _BLIND_LOOK_S))

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()
        self._redis.close()
        self._speaker.close()


class NoChanges:
    """A database on another machine and no Redis: look four times a second."""

    def announce(self, job_ids: Iterable[str]) -> None:
        """Nobody hears."""

    def wait(self, timeout_s: float) -> None:
        """Wait a little."""
        time.sleep(min(timeout_s, _BLIND_LOOK_S))

    def close(self) -> None:
        """Nothing to close."""


def open_changes(database_url: str, redis_url: str | None) -> Changes:
    """Return what fits: SQLite's own counter is cheaper than any message."""
    if make_url(database_url).get_backend_name() == "sqlite":
        return SqliteChanges(database_url)
    return RedisChanges(redis_url) if redis_url else NoChanges()
