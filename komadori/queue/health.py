"""How the ComfyUI servers and our own queue do, for the page; what an operator may ask of them."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, select, text

from komadori.domain.servers import Incident, Sample, ServerReport, Verb
from komadori.errors import NotFound
from komadori.queue import schema
from komadori.queue.moments import NotedIncident, NotedIncidents, Samples, thinned
from komadori.queue.server_places import ask, known_servers, read_standings
from komadori.queue.server_waits import read_reports
from komadori.queue.store import Store

POINTS_MOST = 240
"""More points than this no chart of ours shows."""
HOURS_MOST = 24.0
R = TypeVar("R")
_STEPS = text(
    "SELECT state, count(*) AS steps, min(created_at) AS oldest,"
    " count(DISTINCT host || ' ' || pid) AS workers FROM steps"
    " WHERE state IN ('QUEUED', 'RUNNING', 'WAITING') GROUP BY state"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """One server: how it stands, how it stood, and what happened."""

    report: ServerReport
    is_watched: bool
    """Whether its supervisor's word is fresh."""
    ours: int
    """Our prompts there."""
    samples: tuple[Sample, ...]
    incidents: tuple[NotedIncident, ...]
    """The newest first, also those that are older than the samples."""
    asked: tuple[Verb, ...]
    """What was asked for and is not begun yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHealth:
    """The steps of everybody's jobs that are not over."""

    queued: int = 0
    running: int = 0
    waiting: int = 0
    workers: int = 0
    """The workers that have a step."""
    queued_since: float | None = None
    """When the oldest queued step was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """All servers and the queue, and the store's clock when they were looked at."""

    servers: tuple[ServerHealth, ...]
    queue: QueueHealth
    hours: float
    """The samples are those of so many hours."""
    now: float


class Health:
    """The servers as the page reaches them. What is shown of them is the same for everybody."""

    def __init__(self, store: Store, executor: ThreadPoolExecutor) -> None:
        self._store = store
        self._executor = executor
        self._samples = Samples(HOURS_MOST * 3600)
        self._incidents = NotedIncidents()
        self._seen: dict[float, tuple[float, HealthView]] = {}

    async def view(self, *, hours: float = 6.0, older_s: float = 0.0) -> HealthView:
        """Return all servers with the samples of so many hours, and their newest incidents.

        `older_s`: a view that is no older will do. Many tabs look, and all see the same.
        """
        seen_at, seen = self._seen.get(hours, (0.0, None))
        if seen is not None and time.monotonic() - seen_at < older_s:
            return seen
        view = await self._run(lambda: self._view(min(hours, HOURS_MOST)))
        if older_s:  # only such a view is asked for again
            self._seen[hours] = (time.monotonic(), view)
        return view

    async def reports(self) -> tuple[ServerReport, ...]:
        """Return how all servers stand."""
        return await self._run(self._reports)

    async def log_tail(self, incident_id: str) -> str:
        """Return the last lines of a server's log at an incident; "" when none were kept.

        Raises:
            NotFound: there is no such incident.
        """
        return (await self._run(lambda: self._incident(incident_id))).log_tail

    async def ask(self, server: str, verb: Verb, reason: str = "") -> None:
        """Ask a server's supervisor for something, as an operator.

        Raises:
            NotFound: there is no such server.
        """
        await self._run(lambda: self._ask(server, verb, reason))
        self._seen.clear()

    async def _run(self, call: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _view(self, hours: float) -> HealthView:
        with self._store.read() as connection:
            now = self._store.now(connection)
            servers = tuple(
                ServerHealth(
                    report=one.report,
                    is_watched=one.is_watched,
                    ours=one.ours,
                    samples=self._samples_of(connection, one.report.name, now, hours),
                    incidents=self._incidents.newest(connection, one.report.name),
                    asked=_asked(connection, one.report.name),
                )
                for one in read_standings(connection, "", now)
            )
            queue = _queue(connection)
        return HealthView(servers=servers, queue=queue, hours=hours, now=now)

    def _samples_of(
        self, connection: Connection, server: str, now: float, hours: float
    ) -> tuple[Sample, ...]:
        since = now - hours * 3600
        kept = self._samples.newest(connection, server, now)
        recent = kept[bisect_left(kept, since, key=lambda one: one.at) :]
        return thinned(recent, width_s=hours * 3600 / POINTS_MOST)

    def _reports(self) -> tuple[ServerReport, ...]:
        with self._store.read() as connection:
            return read_reports(connection)

    def _incident(self, incident_id: str) -> Incident:
        table = schema.server_incidents
        with self._store.read() as connection:
            query = select(table.c.incident).where(table.c.id == incident_id)
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            raise NotFound("incident", incident_id)
        return Incident.model_validate(found)

    def _ask(self, server: str, verb: Verb, reason: str) -> None:
        with self._store.read() as connection:
            if server not in known_servers(connection):
                raise NotFound("server", server)
        ask(self._store, server, verb, "operator", reason)


def _queue(connection: Connection) -> QueueHealth:
    rows = {row.state: row for row in connection.execute(_STEPS)}
    counts = {state: row.steps for state, row in rows.items()}
    return QueueHealth(
        queued=counts.get("QUEUED", 0),
        running=counts.get("RUNNING", 0),
        waiting=counts.get("WAITING", 0),
        workers=rows["RUNNING"].workers if "RUNNING" in rows else 0,
        queued_since=rows["QUEUED"].oldest if "QUEUED" in rows else None,
    )


def _asked(connection: Connection, server: str) -> tuple[Verb, ...]:
    table = schema.server_commands
    query = (
        select(table.c.verb)
        .where(table.c.server == server, table.c.taken_at.is_(None))
        .order_by(table.c.at)
    )
    verbs: Sequence[str] = connection.execute(query).scalars().all()
    return tuple(Verb(verb) for verb in verbs)
