"""The store as the supervisors of ComfyUI servers use it; a ServerBook."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from komadori.domain.calls import CallState
from komadori.domain.ids import new_id
from komadori.domain.servers import (
    Command,
    Incident,
    Sample,
    ServerReport,
    Verb,
)
from komadori.errors import StoreAway
from komadori.queue import schema
from komadori.queue.server_places import ask, read_standings
from komadori.queue.server_waits import tell_waiting, waiting_jobs, wake_waiting
from komadori.queue.store import Store

KEEP_SAMPLES_S = 48 * 3600.0
KEEP_INCIDENTS_S = 30 * 24 * 3600.0
_table = schema.servers
_AT_SERVER = (
    "SELECT c.prompt_id FROM calls c JOIN steps s ON s.id = c.step_id WHERE c.server = :server"
    " AND c.state = 'accepted' AND c.prompt_id IS NOT NULL AND s.state {final} IN"
    " ('COMPLETED', 'FAILED', 'CANCELLED', 'UNKNOWN') ORDER BY c.started_at"
)
_OURS = text(_AT_SERVER.format(final="NOT"))
_ORPHANS = text(_AT_SERVER.format(final=""))
_BACKLOG = text(
    "SELECT count(*) FROM steps s WHERE (s.state = 'WAITING'"
    " AND s.error_code IN ('server_busy', 'server_away')) OR (s.state = 'QUEUED' AND EXISTS"
    " (SELECT 1 FROM jobs j WHERE j.id = s.job_id AND j.provider LIKE 'comfyui-%'))"
)


class ServerRows:
    """The rows of the servers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._store.write() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise StoreAway(str(exc)) from exc

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._store.read() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise StoreAway(str(exc)) from exc

    def now(self) -> float:
        """Return the store's clock."""
        with self._reading() as connection:
            return self._store.now(connection)

    def take(self, server: str, owner: str, lease_s: float) -> bool:
        """Become, or stay, the one supervisor of a server; see ServerBook."""
        with self._writing() as connection:
            make_row(connection, server)
            now = self._store.now(connection)
            is_free = (
                _table.c.owner.is_(None) | (_table.c.owner == owner) | (_table.c.lease_until < now)
            )
            taken = connection.execute(
                update(_table)
                .where(_table.c.name == server, is_free)
                .values(owner=owner, lease_until=now + lease_s)
            )
        return bool(taken.rowcount)

    def leave(self, server: str, owner: str) -> None:
        """Give the server up at once."""
        with self._writing() as connection:
            connection.execute(
                update(_table)
                .where(_table.c.name == server, _table.c.owner == owner)
                .values(owner=None, lease_until=None)
            )

    def is_watched(self, server: str) -> bool:
        """Whether a supervisor's word on a server is fresh."""
        with self._reading() as connection:
            now = self._store.now(connection)
            standings = read_standings(connection, "", now)
        return any(one.is_watched for one in standings if one.report.name == server)

    def report(self, server: str) -> ServerReport | None:
        """Return what was last told of a server."""
        with self._reading() as connection:
            query = select(_table.c.report).where(_table.c.name == server)
            found = connection.execute(query).scalar_one_or_none()
        return ServerReport.model_validate(found) if found else None

    def tell(self, report: ServerReport) -> None:
        """Store how a server does; see ServerBook."""
        before = self.report(report.name)
        with self._writing() as connection:
            make_row(connection, report.name)
            now = self._store.now(connection)
            values: dict[str, Any] = {"report": report.model_dump(mode="json"), "told_at": now}
            if report.state.takes_prompts and not (before and before.state.takes_prompts):
                values |= {"failures": 0, "rest_until": None}
            connection.execute(update(_table).where(_table.c.name == report.name).values(**values))
        if before is None or _is_news(before, report):
            self._tell_jobs(report)

    def _tell_jobs(self, report: ServerReport) -> None:
        """Have the jobs that wait for servers know, or go on."""
        if report.state.takes_prompts and not report.is_draining:
            with self._writing() as connection:
                wake_waiting(connection, self._store.now(connection))
            return
        with self._reading() as connection:
            jobs = waiting_jobs(connection)
        for job_id in jobs:  # one at a time: a transaction holds no more than one job
            with self._writing() as connection:
                tell_waiting(connection, job_id, self._store.now(connection))

    def add_sample(self, server: str, sample: Sample) -> None:
        """Store one moment, and forget those that are too old."""
        samples = schema.server_samples
        with self._writing() as connection:
            is_old = (samples.c.server == server) & (samples.c.at < sample.at - KEEP_SAMPLES_S)
            connection.execute(delete(samples).where(is_old | _same(samples, server, sample.at)))
            values = {"server": server, "at": sample.at, "sample": sample.model_dump(mode="json")}
            connection.execute(insert(samples).values(**values))

    def samples(self, server: str, since: float) -> Sequence[Sample]:
        """Return the moments since then, oldest first."""
        with self._reading() as connection:
            return read_samples(connection, server, since)

    def note(self, incident: Incident) -> str:
        """Store what happened. Returns its id."""
        incidents = schema.server_incidents
        incident_id = new_id()
        with self._writing() as connection:
            is_old = incidents.c.at < incident.at - KEEP_INCIDENTS_S
            connection.execute(delete(incidents).where(is_old))
            connection.execute(
                insert(incidents).values(
                    id=incident_id,
                    server=incident.server,
                    at=incident.at,
                    kind=incident.kind.value,
                    incident=incident.model_dump(mode="json", exclude={"recovered_at"}),
                    recovered_at=incident.recovered_at,
                )
            )
        return incident_id

    def recovered(self, incident_id: str, at: float) -> None:
        """Store when the server was ready again."""
        incidents = schema.server_incidents
        with self._writing() as connection:
            connection.execute(
                update(incidents).where(incidents.c.id == incident_id).values(recovered_at=at)
            )

    def incidents(self, server: str, since: float) -> Sequence[Incident]:
        """Return what happened since then, newest first."""
        with self._reading() as connection:
            return read_incidents(connection, server, since)

    def take_commands(self, server: str) -> Sequence[Command]:
        """Return what was asked for and nobody has done, oldest first, once."""
        commands = schema.server_commands
        is_open = (commands.c.server == server) & commands.c.taken_at.is_(None)
        with self._reading() as connection:  # mostly there is none: no lock is taken for that
            if connection.execute(select(commands.c.id).where(is_open).limit(1)).first() is None:
                return ()
        with self._writing() as connection:
            rows = connection.execute(
                select(commands).where(is_open).order_by(commands.c.at).with_for_update()
            ).mappings()
            found = [Command.model_validate(dict(row)) for row in rows]
            connection.execute(
                update(commands)
                .where(commands.c.id.in_([one.id for one in found]))
                .values(taken_at=self._store.now(connection))
            )
        return found

    def ask(self, server: str, verb: Verb, reason: str = "") -> None:
        """Store a wish of the command line for whoever supervises the server."""
        try:
            ask(self._store, server, verb, "command line", reason)
        except SQLAlchemyError as exc:
            raise StoreAway(str(exc)) from exc

    def prompts(self, server: str) -> Sequence[str]:
        """Return the ids of our prompts that should be there."""
        with self._reading() as connection:
            return connection.execute(_OURS, {"server": server}).scalars().all()

    def orphans(self, server: str) -> Sequence[str]:
        """Return the ids of prompts that nobody waits for any more."""
        with self._reading() as connection:
            return connection.execute(_ORPHANS, {"server": server}).scalars().all()

    def orphan_ended(self, prompt_id: str) -> None:
        """Store that such a prompt is gone from its server."""
        calls = schema.calls
        with self._writing() as connection:
            connection.execute(
                update(calls)
                .where(calls.c.prompt_id == prompt_id, calls.c.state == CallState.ACCEPTED.value)
                .values(
                    state=CallState.DOWN.value,
                    ended_at=self._store.now(connection),
                    message="Nobody waited for it any more; it was stopped.",
                )
            )

    def backlog(self) -> int:
        """Count the steps that wait for a ComfyUI server to have room."""
        with self._reading() as connection:
            count: int = connection.execute(_BACKLOG).scalar_one()
        return count

    def forget_others(self, names: Sequence[str]) -> None:
        """Forget servers that are in no settings any more, unless somebody still watches them."""
        with self._writing() as connection:
            now = self._store.now(connection)
            is_gone = _table.c.name.not_in(names) & (
                _table.c.lease_until.is_(None) | (_table.c.lease_until < now)
            )
            connection.execute(delete(_table).where(is_gone))


def make_row(connection: Connection, server: str) -> None:
    """Have a row for a server."""
    query = select(_table.c.name).where(_table.c.name == server)
    if connection.execute(query).first() is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(_table).values(name=server))
        except IntegrityError:
            return  # another process made it in this moment


def read_samples(connection: Connection, server: str, since: float) -> tuple[Sample, ...]:
    """Return a server's moments since then, oldest first."""
    samples = schema.server_samples
    query = (
        select(samples.c.sample)
        .where(samples.c.server == server, samples.c.at >= since)
        .order_by(samples.c.at)
    )
    return tuple(Sample.model_validate(row) for row in connection.execute(query).scalars())


def read_incidents(connection: Connection, server: str, since: float) -> tuple[Incident, ...]:
    """Return what happened to a server since then, newest first."""
    incidents = schema.server_incidents
    query = (
        select(incidents.c.incident, incidents.c.recovered_at)
        .where(incidents.c.server == server, incidents.c.at >= since)
        .order_by(incidents.c.at.desc())
    )
    return tuple(
        Incident.model_validate({**row.incident, "recovered_at": row.recovered_at})
        for row in connection.execute(query)
    )


def _is_news(before: ServerReport, now: ServerReport) -> bool:
    """Whether those who wait for servers should hear of it."""
    told = ("state", "attempt", "reason", "next_try_at", "is_draining", "boot")
    return any(getattr(before, name) != getattr(now, name) for name in told)


def _same(samples: Any, server: str, at: float) -> Any:
    return (samples.c.server == server) & (samples.c.at == at)
