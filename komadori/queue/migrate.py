"""Brings the store to the newest shape, one process at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from filelock import FileLock
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from komadori.errors import StoreAway
from komadori.queue.store import Store

_ADVISORY_LOCK = 0x6B6F6D61  # "koma"


def migrate(url: str) -> None:
    """Apply all migrations that the store lacks. Safe to call from several processes at once.

    Raises:
        StoreAway: the database does not answer, or cannot be written.
    """
    try:
        _migrate(url)
    except (SQLAlchemyError, OSError) as exc:
        raise StoreAway(f"The database cannot be opened: {exc}") from exc


def _migrate(url: str) -> None:
    database = make_url(url).database
    store = Store(url)
    try:
        if store.is_sqlite and database:
            path = Path(database)
            path.parent.mkdir(parents=True, exist_ok=True)
            with (
                FileLock(path.with_suffix(".migrate.lock")),
                store.engine.connect() as connection,
            ):
                _upgrade(connection)
        else:
            with store.engine.connect() as connection:
                connection.execute(text(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})"))
                _upgrade(connection)
    finally:
        store.close()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
