"""How much work waits in a lane, for whoever decides how many workers there are."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.states import Lane
from komadori.errors import StoreAway
from komadori.queue.store import Store

_QUEUED = text(
    "SELECT count(*) AS waiting,"
    " (SELECT count(*) FROM steps WHERE lane = :lane AND state = 'RUNNING') AS running"
    " FROM steps WHERE lane = :lane AND state = 'QUEUED'"
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Steps of a lane that wait for a worker, and those that have one."""

    waiting: int
    running: int


def read_backlog(store: Store, lane: Lane) -> Backlog:
    """Count the steps of a lane. Raises StoreAway when the store does not answer."""
    try:
        with store.read() as connection:
            row = connection.execute(_QUEUED, {"lane": lane.value}).one()
    except SQLAlchemyError as exc:
        raise StoreAway(str(exc)) from exc
    return Backlog(row.waiting, row.running)
