"""What is known of the providers: what they take, how they do, and when they are left alone."""

import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from komadori.domain.backends import BackendFacts, auto_order
from komadori.domain.calls import CallState, Rest
from komadori.domain.view import BackendView
from komadori.queue import schema
from komadori.queue.server_facts import able_servers, absence, fields_of, with_servers
from komadori.queue.server_waits import read_reports
from komadori.queue.store import Store

CIRCUIT_AFTER = 5
"""After so many requests in a row without a picture a provider is left alone."""
CIRCUIT_FIRST_S = 30.0
CIRCUIT_MOST_S = 900.0
TURN_S, TURN_OF_EACH_S = 2.0, 0.25
"""After so long a step looks again for a place; the more wait, the longer: four look a second."""
_JITTER = 0.2
_TRIAL = "one request tries it now"
_table = schema.providers
_TYPICAL = text(
    "SELECT seconds FROM calls WHERE provider = :provider AND state = 'answered'"
    " AND seconds IS NOT NULL ORDER BY ended_at DESC LIMIT 50"
)

_WAITING = text(
    "SELECT count(*) FROM steps WHERE state = 'WAITING' AND error_code = 'provider_busy'"
)


def publish(store: Store, known: Sequence[BackendFacts]) -> None:
    """Tell the page which backends there are; those that are no longer there are forgotten."""
    try:
        _publish(store, known)
    except IntegrityError:  # another worker told of the same one in this moment
        _publish(store, known)


def _publish(store: Store, known: Sequence[BackendFacts]) -> None:
    with store.write() as connection:
        connection.execute(delete(_table).where(_table.c.name.not_in([one.name for one in known])))
        for place, facts in enumerate(known):
            values = {"facts": facts.model_dump(mode="json"), "place": place}
            changed = connection.execute(
                update(_table).where(_table.c.name == facts.name).values(**values)
            )
            if not changed.rowcount:
                connection.execute(insert(_table).values(name=facts.name, **values))


def read_facts(connection: Connection) -> tuple[BackendFacts, ...]:
    """Return all backends that the workers have told of, in the order in which they told."""
    query = select(_table.c.facts).where(_table.c.facts.is_not(None)).order_by(_table.c.place)
    told = [BackendFacts.model_validate(row) for row in connection.execute(query).scalars()]
    if all(facts.kind != "comfy" for facts in told):
        return tuple(told)
    reports = read_reports(connection)
    return tuple(with_servers(facts, reports) for facts in told)


def read_backends(connection: Connection, now: float) -> tuple[BackendView, ...]:
    """Return all backends with how they do."""
    query = select(_table).where(_table.c.facts.is_not(None)).order_by(_table.c.place)
    rows = connection.execute(query).mappings().all()
    known = {facts.name: facts for facts in read_facts(connection)}
    reports = read_reports(connection)
    first = next((facts.name for facts in auto_order(tuple(known.values()))), None)
    return tuple(
        BackendView(
            facts=known[row["name"]],
            is_auto=row["name"] == first,
            rests_until=row["rest_until"] if _is_resting(row, now) else None,
            rest_reason=row["rest_reason"] if _is_resting(row, now) else "",
            typical_s=_median(connection, row["name"]),
            absence=absence(row["name"], reports),
            fields=fields_of(row["name"], reports),
            servers=tuple(one.name for one in able_servers(row["name"], reports)),
        )
        for row in rows
    )


def _median(connection: Connection, provider: str) -> float | None:
    seconds = sorted(connection.execute(_TYPICAL, {"provider": provider}).scalars())
    return seconds[len(seconds) // 2] if seconds else None


def lock_provider(connection: Connection, name: str) -> RowMapping:
    """Return a provider's row, held until the transaction ends; made when there is none."""
    query = select(_table).where(_table.c.name == name).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        # Another worker may ask it for the first time, too.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(_table).values(name=name))
        row = connection.execute(query).mappings().one()
    return row


def rest_of(connection: Connection, row: RowMapping, now: float) -> Rest | None:
    """Return why a provider is not to be asked now."""
    if not _is_resting(row, now):
        return None
    seconds, reason = _jittered(row["rest_until"] - now), row["rest_reason"]
    if reason.endswith(_TRIAL):  # it may end long before its timeout
        seconds = min(seconds, turn_s(connection))
    is_down = row["failures"] >= CIRCUIT_AFTER
    return Rest(seconds=round(seconds, 1), reason=reason, is_down=is_down)


def turn_s(connection: Connection) -> float:
    """Return after how many seconds it is worth looking for a place again."""
    waiting: int = connection.execute(_WAITING).scalar_one()
    return TURN_S + TURN_OF_EACH_S * waiting


def read_rest(connection: Connection, name: str, now: float) -> Rest | None:
    """Return why a provider is not to be asked now, without holding its row."""
    row = connection.execute(select(_table).where(_table.c.name == name)).mappings().one_or_none()
    return None if row is None else rest_of(connection, row, now)


def note_trial(connection: Connection, row: RowMapping, now: float, timeout_s: float) -> None:
    """After a rest for failures one request goes first; all others wait for how it ends."""
    if row["failures"] < CIRCUIT_AFTER:
        return
    reason = f"{row['name']} failed {row['failures']} times in a row; {_TRIAL}"
    _rest(connection, row["name"], now + timeout_s, reason)


def give_up_trial(connection: Connection, provider: str) -> None:
    """The worker of a request is gone. If it was the trial, another one may go at once."""
    connection.execute(
        update(_table)
        .where(_table.c.name == provider, _table.c.rest_reason.endswith(_TRIAL))
        .values(rest_until=None, rest_reason="")
    )


def note_outcome(
    connection: Connection, name: str, state: CallState, now: float, rest_s: float | None
) -> None:
    """Let the circuit know how a request has ended."""
    row = lock_provider(connection, name)
    if state in (CallState.DOWN, CallState.UNKNOWN):
        _note_failure(connection, name, row["failures"] + 1, now)
        return
    values: dict[str, Any] = {"failures": 0}
    if row["failures"] >= CIRCUIT_AFTER:  # a pause that it asked for stays
        values |= {"rest_until": None, "rest_reason": ""}
    connection.execute(update(_table).where(_table.c.name == name).values(**values))
    if state is CallState.BUSY and rest_s is not None:
        _rest(connection, name, now + rest_s, f"{name} asked for a pause")


def _note_failure(connection: Connection, name: str, failures: int, now: float) -> None:
    connection.execute(update(_table).where(_table.c.name == name).values(failures=failures))
    if failures >= CIRCUIT_AFTER:
        most = min(CIRCUIT_FIRST_S * 2.0 ** (failures - CIRCUIT_AFTER), CIRCUIT_MOST_S)
        _rest(connection, name, now + most, f"{name} failed {failures} times in a row")


def _rest(connection: Connection, name: str, until: float, reason: str) -> None:
    values = {"rest_until": until, "rest_reason": reason}
    connection.execute(update(_table).where(_table.c.name == name).values(**values))


def _jittered(seconds: float) -> float:
    """A little longer, by chance: those who wait should not come back in the same moment."""
    return seconds * random.uniform(1.0, 1.0 + _JITTER)  # not a secret


def _is_resting(row: RowMapping, now: float) -> bool:
    return bool(row["rest_until"] is not None and row["rest_until"] > now)
