"""The database: one engine per process, writers that take their lock at once, and one clock."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url

from komadori.queue.changes import Changes
from komadori.queue.statement import Statement

BUSY_TIMEOUT_S = 5.0
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "wal_autocheckpoint = 4000",  # pages; a checkpoint waits for the disk, under the write lock
)
_BEGIN = Statement("BEGIN")
_BEGIN_WRITING = Statement("BEGIN IMMEDIATE")


class Store:
    """Connections to the database. Make it after a fork, never before: pools are not shared.

    SQLite writers BEGIN IMMEDIATE: a deferred transaction that reads and then writes fails at once
    when another writer came between, whatever the busy timeout.
    """

    def __init__(self, url: str, changes: Changes | None = None) -> None:
        self._changes = changes
        self._of_thread = threading.local()
        self._kept: list[Connection] = []
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        self.engine = create_engine(url, pool_pre_ping=not self.is_sqlite, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(komadori_writes=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write; committed at the end, rolled back on an error."""
        connection = self._writer_of_thread() if self.is_sqlite else self._writer.connect()
        try:
            with connection.begin():
                changed = connection.info["changed"] = set[str]()
                yield connection
        finally:
            if not self.is_sqlite:
                connection.close()
        if changed and self._changes is not None:
            self._changes.announce(changed)

    def _writer_of_thread(self) -> Connection:
        """Return this thread's own connection: one from the pool costs as much as five statements.

        A server may go away, so PostgreSQL's are taken from the pool, which looks first.
        """
        kept: Connection | None = getattr(self._of_thread, "writer", None)
        if kept is None:
            kept = self._of_thread.writer = self._writer.connect()
            self._kept.append(kept)
        return kept

    def now(self, connection: Connection) -> float:
        """Return seconds since the epoch by the one clock that all workers of this store share."""
        if self.is_sqlite:
            return time.time()
        clock = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
        return float(clock.scalar_one())

    def close(self) -> None:
        """Close all connections."""
        for connection in self._kept:
            connection.close()
        self.engine.dispose()
        if self._changes is not None:
            self._changes.close()


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("komadori_writes", False)
    (_BEGIN_WRITING if writes else _BEGIN).run(connection, {})
