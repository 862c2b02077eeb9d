"""Places at ComfyUI servers: who has room, how each one does, and how a prompt there has ended."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection, RowMapping, insert, select, text, update

from komadori.domain.calls import CallState
from komadori.domain.ids import new_id
from komadori.domain.servers import Incident, IncidentKind, ServerReport, ServerStanding, Verb
from komadori.errors import BackendBusy, NoRoom
from komadori.queue import schema
from komadori.queue.store import Store

FRESH_S = 30.0
"""A supervisor's word that is older than this is nobody's."""
NO_ROOM_S = 10.0
REST_AFTER = 3
REST_S = 30.0
"""A server that failed so often in a row gets no prompt for so long."""
_table = schema.servers
_FINAL = "('COMPLETED', 'FAILED', 'CANCELLED', 'UNKNOWN')"
# A step that is parked or waits for another worker keeps the place of its prompt.
_OURS = text(
    "SELECT c.server, count(*) AS ours FROM calls c JOIN steps s ON s.id = c.step_id"  # noqa: S608  # our own words
    f" WHERE c.server IS NOT NULL AND c.state IN ('sending', 'accepted')"
    f" AND s.state NOT IN {_FINAL} GROUP BY c.server"
)
_NEWEST = text(
    "SELECT server, provider, seconds FROM calls WHERE server IS NOT NULL AND state = 'answered'"
    " AND seconds IS NOT NULL ORDER BY ended_at DESC LIMIT 200"
)
_LAST = text(
    "SELECT server, provider FROM calls WHERE server IS NOT NULL ORDER BY started_at DESC LIMIT 50"
)
_RUNS = 20
_ENDINGS = tuple(
    kind.value
    for kind in (
        IncidentKind.CRASHED,
        IncidentKind.WEDGED,
        IncidentKind.RECYCLED,
        IncidentKind.OPERATOR,
        IncidentKind.WENT_DOWN,
    )
)


def take_place(connection: Connection, server: str, at_once: int, now: float) -> None:
    """Hold a server's row until the transaction ends, and see that a prompt more may go there.

    Raises:
        BackendBusy: it has as many prompts as it may have, or is left alone.
    """
    row = (
        connection.execute(select(_table).where(_table.c.name == server).with_for_update())
        .mappings()
        .one_or_none()
    )
    if row is None:
        connection.execute(insert(_table).values(name=server))
    elif row["rest_until"] is not None and row["rest_until"] > now:
        raise BackendBusy(
            f"ComfyUI {server} failed {row['failures']} times in a row",
            retry_after_s=row["rest_until"] - now,
        )
    ours = _ours(connection).get(server, 0)
    if ours >= at_once:
        raise NoRoom(
            f"ComfyUI {server} has {ours} of our prompts, as many as it may have",
            retry_after_s=NO_ROOM_S,
        )


def read_standings(connection: Connection, provider: str, now: float) -> tuple[ServerStanding, ...]:
    """Return all servers that a supervisor has told of, with how a provider does at each."""
    query = select(_table).where(_table.c.report.is_not(None)).order_by(_table.c.name)
    rows = connection.execute(query).mappings().all()
    ours, seconds, last = _ours(connection), _seconds(connection, provider), _last(connection)
    return tuple(
        _standing(row, ours.get(row["name"], 0), seconds.get(row["name"]), last, now)
        for row in rows
    )


def _standing(
    row: RowMapping, ours: int, seconds: float | None, last: Mapping[str, str], now: float
) -> ServerStanding:
    rests = row["rest_until"] is not None and row["rest_until"] > now
    return ServerStanding(
        report=ServerReport.model_validate(row["report"]),
        is_watched=row["lease_until"] is not None and now - row["told_at"] < FRESH_S,
        ours=ours,
        last_workflow=last.get(row["name"], ""),
        seconds=seconds,
        failures=row["failures"],
        rests_until=row["rest_until"] if rests else None,
    )


def _ours(connection: Connection) -> Mapping[str, int]:
    return {row.server: row.ours for row in connection.execute(_OURS)}


def _seconds(connection: Connection, provider: str) -> Mapping[str, float]:
    """Return the median seconds of the newest prompts of a provider, by server."""
    runs: dict[str, list[float]] = defaultdict(list)
    for row in connection.execute(_NEWEST):
        if row.provider == provider and len(runs[row.server]) < _RUNS:
            runs[row.server].append(row.seconds)
    return {server: statistics.median(one) for server, one in runs.items() if one}


def _last(connection: Connection) -> Mapping[str, str]:
    newest_last = reversed(connection.execute(_LAST).all())
    return {row.server: row.provider for row in newest_last}


def read_last_incident(connection: Connection, server: str) -> Incident | None:
    """Return what last ended a server, or was meant to."""
    table = schema.server_incidents
    query = (
        select(table.c.incident)
        .where(table.c.server == server, table.c.kind.in_(_ENDINGS))
        .order_by(table.c.at.desc())
        .limit(1)
    )
    found = connection.execute(query).scalar_one_or_none()
    return Incident.model_validate(found) if found else None


def note_server_outcome(connection: Connection, server: str, state: CallState, now: float) -> None:
    """Let a server's failures in a row be known; one that fails too often gets a rest."""
    if state is CallState.BUSY:  # it was taken back, which tells nothing of the server
        return
    if state not in (CallState.DOWN, CallState.UNKNOWN):
        values: dict[str, float | None] = {"failures": 0, "rest_until": None}
        connection.execute(update(_table).where(_table.c.name == server).values(**values))
        return
    query = select(_table.c.failures).where(_table.c.name == server).with_for_update()
    failures = (connection.execute(query).scalar_one_or_none() or 0) + 1
    values = {"failures": failures}
    if failures >= REST_AFTER:
        values["rest_until"] = now + REST_S
    connection.execute(update(_table).where(_table.c.name == server).values(**values))


def ask(
    store: Store,
    server: str,
    verb: Verb,
    by: Literal["operator", "worker", "command line"],
    reason: str = "",
) -> None:
    """Store a wish for whoever supervises a server; the same wish twice is one."""
    table = schema.server_commands
    with store.write() as connection:
        is_open = (
            (table.c.server == server) & (table.c.verb == verb.value) & table.c.taken_at.is_(None)
        )
        if connection.execute(select(table.c.id).where(is_open).limit(1)).first() is None:
            connection.execute(
                insert(table).values(
                    id=new_id(),
                    server=server,
                    verb=verb.value,
                    by=by,
                    reason=reason[:500],
                    at=store.now(connection),
                )
            )


def known_servers(connection: Connection) -> Sequence[str]:
    """Return the names of all servers that a supervisor has told of."""
    query = select(_table.c.name).where(_table.c.report.is_not(None)).order_by(_table.c.name)
    return connection.execute(query).scalars().all()
