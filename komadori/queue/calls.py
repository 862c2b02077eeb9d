"""The book of requests to providers, kept in the store; each worker writes its step's calls."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.backends import Price, total_price
from komadori.domain.calls import CallId, CallState, Intent, OpenCall, Rest, Run
from komadori.domain.files import StoredFile
from komadori.domain.ids import new_id
from komadori.domain.job import Step
from komadori.domain.servers import Incident, ServerStanding, Verb
from komadori.domain.states import JobState, StepState
from komadori.errors import BackendBusy, LeaseLost
from komadori.queue import schema
from komadori.queue.providers import (
    give_up_trial,
    lock_provider,
    note_outcome,
    note_trial,
    read_rest,
    rest_of,
    turn_s,
)
from komadori.queue.server_places import (
    ask,
    note_server_outcome,
    read_last_incident,
    read_standings,
    take_place,
)
from komadori.queue.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")

RUNS_MOST = 200
_INSIST_S, _AGAIN_S = 20.0, 0.5
"""How long, and after what delay, an outcome is written again that the store did not take."""
_TIMED_OUT = 0.9
"""A request without an answer that took this part of its timeout was ended by the timeout."""
_table = schema.calls
_CLOSED = tuple(
    state.value for state in (CallState.REFUSED, CallState.BUSY, CallState.DOWN, CallState.UNKNOWN)
)
_FETCHABLE = (CallState.ACCEPTED.value, CallState.ANSWERED.value)
_UNDER_WAY = text(
    "SELECT count(*) FROM calls JOIN steps ON steps.id = calls.step_id"
    " WHERE calls.provider = :provider AND calls.state IN ('sending', 'accepted')"
    " AND steps.state = 'RUNNING'"
)
_PAID_UNDER_WAY = text(
    "SELECT count(*) FROM calls JOIN steps ON steps.id = calls.step_id"
    " WHERE calls.is_paid AND calls.state = 'sending' AND steps.state = 'RUNNING'"
    " AND steps.host = :host"
)
_UNANSWERED = text("SELECT provider, is_paid FROM calls WHERE step_id = :id AND state = 'sending'")
_CLOSE = text(
    "UPDATE calls SET state = CASE WHEN is_paid THEN 'unknown' ELSE 'down' END, ended_at = :now,"
    " message = 'Its worker stopped before the answer came.'"
    " WHERE step_id = :id AND state = 'sending'"
)

_GIVE_UP = text(
    "UPDATE calls SET state = 'unknown', ended_at = :now, message = 'It was given up.'"
    " WHERE job_id = :id AND state = 'accepted'"
)


class StepCalls:
    """The Calls of one claimed step. The store is reached through `executor`."""

    def __init__(
        self, store: Store, executor: ThreadPoolExecutor, step: Step, *, token: int
    ) -> None:
        self.has_given_back = False
        """Whether a place at a ComfyUI server was given back: somebody may wait for it."""
        self._store = store
        self._executor = executor
        self._step = step
        self._token = token

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *args)

    async def _insist(self, write: Callable[..., None], *args: Any) -> None:
        """Write what has happened: a picture that came must not be lost to a busy store."""
        until = time.monotonic() + _INSIST_S
        while True:
            try:
                return await self._run(write, *args)
            except SQLAlchemyError as exc:
                if time.monotonic() > until:
                    raise
                log.warning("request not noted yet: step=%s reason=%s", self._step.id, exc)
            await asyncio.sleep(_AGAIN_S)

    async def open(self) -> OpenCall | None:
        """Return the newest request of this step that can still be fetched, if there is one."""
        return await self._run(self._read, _open_call, self._step.id)

    async def rest(self, provider: str) -> Rest | None:
        """Return why a provider is not to be asked now; None: it may be asked."""
        return await self._run(self._rest, provider)

    async def servers(self, provider: str) -> Sequence[ServerStanding]:
        """Return the ComfyUI servers as they stand, with how a provider does at each."""
        return await self._run(self._servers, provider)

    async def incident(self, server: str) -> Incident | None:
        """Return what last happened to a server."""
        return await self._run(self._read, read_last_incident, server)

    async def ask_restart(self, server: str, reason: str) -> None:
        """Ask a server's supervisor to start it anew."""
        await self._run(ask, self._store, server, Verb.RESTART, "worker", reason)

    async def runs(self, provider: str, model: str) -> Sequence[Run]:
        """Return the newest runs of a model, newest first, at most 200."""
        return await self._run(self._read, _runs, provider, model)

    async def begin(self, intent: Intent) -> CallId:
        """Store that a request goes out; see Calls.begin."""
        return await self._run(self._begin, intent)

    async def accepted(self, call: CallId, ticket: Mapping[str, Any]) -> None:
        """Store how the result is fetched."""
        values = {
            "state": CallState.ACCEPTED.value,
            "ticket": dict(ticket),
            "prompt_id": ticket.get("prompt_id"),
        }
        await self._insist(self._change, call, values, "prompt_id" in ticket)

    async def answered(self, call: CallId, file: StoredFile, seconds: float | None) -> None:
        """Store that the picture is kept."""
        values = {"file": asdict(file), "file_id": file.id, "seconds": seconds}
        await self._insist(self._end, call, CallState.ANSWERED, values, None)

    async def ended(
        self, call: CallId, state: CallState, message: str, rest_s: float | None = None
    ) -> None:
        """Store that no picture came, and why."""
        await self._insist(self._end, call, state, {"message": message[:500]}, rest_s)

    def _read(self, read: Callable[..., T], *args: Any) -> T:
        with self._store.read() as connection:
            return read(connection, *args)

    def _rest(self, provider: str) -> Rest | None:
        with self._store.read() as connection:
            return read_rest(connection, provider, self._store.now(connection))

    def _servers(self, provider: str) -> Sequence[ServerStanding]:
        with self._store.read() as connection:
            return read_standings(connection, provider, self._store.now(connection))

    def _begin(self, intent: Intent) -> CallId:
        with self._store.write() as connection:
            self._require_step(connection)
            now = self._store.now(connection)
            if intent.server:
                take_place(connection, intent.server, intent.at_once, now)
                call = CallId(new_id())
                connection.execute(insert(_table).values(**self._values(call, intent, now)))
                return call
            provider = lock_provider(connection, intent.provider)
            if rest := rest_of(connection, provider, now):
                raise BackendBusy(rest.reason, retry_after_s=rest.seconds)
            _require_place(connection, intent)
            note_trial(connection, provider, now, intent.timeout_s)
            call = CallId(new_id())
            connection.execute(insert(_table).values(**self._values(call, intent, now)))
        return call

    def _require_step(self, connection: Connection) -> None:
        """Hold the step's row: whoever ends this attempt must see the call, or prevent it."""
        steps, jobs = schema.steps, schema.jobs
        query = (
            select(jobs.c.state)
            .join(steps, steps.c.job_id == jobs.c.id)
            .where(
                steps.c.id == self._step.id,
                steps.c.token == self._token,
                steps.c.state == StepState.RUNNING.value,
            )
            .with_for_update(of=steps)
        )
        state = connection.execute(query).scalar_one_or_none()
        if state is None or state == JobState.CANCELLING.value:
            raise LeaseLost(f"step {self._step.id}: it is no longer ours, nothing was sent")

    def _values(self, call: CallId, intent: Intent, now: float) -> dict[str, Any]:
        return {
            "id": call,
            "step_id": self._step.id,
            "job_id": self._step.job_id,
            "attempt": self._step.attempt,
            "provider": intent.provider,
            "model": intent.model,
            "size_band": intent.size_band,
            "reference_count": intent.references,
            "is_paid": intent.is_paid,
            "price": intent.price.model_dump() if intent.price else None,
            "timeout_s": intent.timeout_s,
            "server": intent.server or None,
            "state": CallState.SENDING.value,
            "started_at": now,
        }

    def _change(self, call: CallId, values: Mapping[str, Any], is_before: bool) -> None:
        """Write what is known of a request; `is_before` it goes out: then only if it still may."""
        with self._store.write() as connection:
            if is_before:
                self._require_step(connection)
            connection.execute(update(_table).where(_table.c.id == call).values(**values))

    def _end(
        self, call: CallId, state: CallState, values: Mapping[str, Any], rest_s: float | None
    ) -> None:
        with self._store.write() as connection:
            now = self._store.now(connection)
            # A worker that was thought dead may come back after its request was closed.
            is_this = (_table.c.id == call) & _table.c.state.not_in(_CLOSED)
            row = connection.execute(select(_table).where(is_this)).mappings().one_or_none()
            if row is None:
                return
            if values.get("seconds") is None:
                values = {**values, "seconds": _took(row, state, now)}
            connection.execute(
                update(_table).where(is_this).values(**values, state=state.value, ended_at=now)
            )
            if row["server"]:
                note_server_outcome(connection, row["server"], state, now)
                self.has_given_back = True
            else:
                note_outcome(connection, row["provider"], state, now, rest_s)


def _took(row: RowMapping, state: CallState, now: float) -> float | None:
    """Return a request's seconds where nobody timed the whole.

    What an earlier attempt had sent is fetched after a pause of ours. If that was because its time
    was over, it has taken that long at least, which is what timeouts must learn.
    """
    seconds = float(now - row["started_at"])
    if state is not CallState.ANSWERED:
        return seconds
    return float(row["timeout_s"]) if seconds > row["timeout_s"] else None


def close_unanswered(connection: Connection, step_id: str, now: float) -> bool:
    """An attempt ends: close its requests without an answer. True: one may have to be paid.

    The caller holds the step's row.
    """
    open_calls = connection.execute(_UNANSWERED, {"id": step_id}).all()
    if not open_calls:
        return False
    connection.execute(_CLOSE, {"id": step_id, "now": now})
    for row in open_calls:
        give_up_trial(connection, row.provider)
    return any(row.is_paid for row in open_calls)


def give_up_accepted(connection: Connection, job_id: str, now: float) -> None:
    """A person wants it sent again: what was accepted, and never came, is fetched no more."""
    connection.execute(_GIVE_UP, {"id": job_id, "now": now})


def paid_under_way(store: Store, host: str) -> int:
    """Count the requests of a machine's workers that may have to be paid, and have no answer.

    A store that is away has none that could be waited for.
    """
    try:
        with store.read() as connection:
            count: int = connection.execute(_PAID_UNDER_WAY, {"host": host}).scalar_one()
    except SQLAlchemyError as exc:
        log.warning("paid requests not counted: reason=%s", exc)
        return 0
    return count


def unanswered_cost(connection: Connection, job_id: str) -> tuple[Price, ...]:
    """Return what the job's requests without an answer may have cost."""
    query = select(_table.c.price).where(
        _table.c.job_id == job_id, _table.c.state == CallState.UNKNOWN.value
    )
    prices = connection.execute(query).scalars()
    return total_price(Price.model_validate(price) if price else None for price in prices)


def _require_place(connection: Connection, intent: Intent) -> None:
    under_way = connection.execute(_UNDER_WAY, {"provider": intent.provider}).scalar_one()
    if under_way >= intent.at_once:
        raise BackendBusy(
            f"{intent.provider} has {under_way} requests under way, as many as it may have",
            retry_after_s=turn_s(connection),
        )


def _open_call(connection: Connection, step_id: str) -> OpenCall | None:
    query = (
        select(_table)
        .where(_table.c.step_id == step_id, _table.c.state.in_(_FETCHABLE))
        .order_by(_table.c.started_at.desc())
    )
    row = connection.execute(query.limit(1)).mappings().first()
    if row is None:
        return None
    return OpenCall(
        id=row["id"],
        provider=row["provider"],
        model=row["model"],
        price=Price.model_validate(row["price"]) if row["price"] else None,
        ticket=row["ticket"],
        file=StoredFile(**row["file"]) if row["file"] else None,
    )


def _runs(connection: Connection, provider: str, model: str) -> tuple[Run, ...]:
    was_answered = (_table.c.state == CallState.ANSWERED.value) & _table.c.seconds.is_not(None)
    timed_out = (
        (_table.c.state == CallState.UNKNOWN.value)
        # One that was accepted or answered may have been lost days later.
        & _table.c.ticket.is_(None)
        & _table.c.file_id.is_(None)
        & (_table.c.seconds >= _TIMED_OUT * _table.c.timeout_s)
    )
    query = (
        select(_table.c.size_band, _table.c.reference_count, _table.c.seconds)
        .where(_table.c.provider == provider, _table.c.model == model, was_answered | timed_out)
        .order_by(_table.c.ended_at.desc())
        .limit(RUNS_MOST)
    )
    return tuple(
        Run(size_band=row.size_band, references=row.reference_count, seconds=row.seconds)
        for row in connection.execute(query)
    )
