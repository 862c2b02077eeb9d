"""The servers' samples and incidents as the page keeps them: each is read from the store once.

A day of samples is 8,640 rows for each server, and the page looks every two seconds.
"""

import statistics
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from komadori.domain.servers import Incident, Sample
from komadori.queue import schema
from komadori.queue.servers import read_samples

INCIDENTS_MOST = 50
"""So many of a server's incidents are shown."""
_AGAIN_S = 120.0
"""A supervisor that could not reach the store writes its samples so much later."""


class Samples:
    """The samples of the last hours, of all servers."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Sample, ...]] = {}

    def newest(self, connection: Connection, server: str, now: float) -> tuple[Sample, ...]:
        """Return a server's samples, oldest first; only what may be new is read."""
        with self._lock:
            known = self._known.get(server, ())
            since = max((known[-1].at if known else 0.0) - _AGAIN_S, now - self._keep_s)
            fresh = read_samples(connection, server, since)
            begin = bisect_left(known, now - self._keep_s, key=_at)
            end = bisect_left(known, since, key=_at)
            self._known[server] = (*known[begin:end], *fresh)
            return self._known[server]


def _at(sample: Sample) -> float:
    return sample.at


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedIncident:
    """What happened, with the id under which it is stored."""

    id: str
    incident: Incident


class NotedIncidents:
    """The newest incidents of all servers. Once stored only the time of recovery changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, NotedIncident]] = {}

    def newest(self, connection: Connection, server: str) -> tuple[NotedIncident, ...]:
        """Return a server's incidents, newest first; only those that are new are read."""
        table = schema.server_incidents
        query = (
            select(table.c.id, table.c.recovered_at)
            .where(table.c.server == server)
            .order_by(table.c.at.desc())
            .limit(INCIDENTS_MOST)
        )
        recovered = {row.id: row.recovered_at for row in connection.execute(query)}
        with self._lock:
            known = self._known.get(server, {})
            stale = [
                one
                for one, at in recovered.items()
                if one not in known or known[one].incident.recovered_at != at
            ]
            known = {one: known[one] for one in recovered if one in known}
            known |= _read(connection, stale)
            self._known[server] = known
            return tuple(known[one] for one in recovered if one in known)


def _read(connection: Connection, ids: Sequence[str]) -> dict[str, NotedIncident]:
    if not ids:
        return {}
    table = schema.server_incidents
    query = select(table.c.id, table.c.incident, table.c.recovered_at).where(table.c.id.in_(ids))
    return {
        row.id: NotedIncident(
            id=row.id,
            incident=Incident.model_validate({**row.incident, "recovered_at": row.recovered_at}),
        )
        for row in connection.execute(query)
    }


def thinned(samples: Sequence[Sample], *, width_s: float) -> tuple[Sample, ...]:
    """Return one sample for each so many seconds of the clock: peaks stay, the CPU is averaged.

    The parts lie at fixed times, so that a chart does not tremble while time passes. The last one
    is the newest sample itself: it is what is now.
    """
    parts: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        parts[int(sample.at // width_s)].append(sample)
    thin = [one[0] if len(one) == 1 else _joined(one) for one in parts.values()]
    return (*thin[:-1], *samples[-1:])


def _joined(part: Sequence[Sample]) -> Sample:
    cpu = [one.cpu_percent for one in part if one.cpu_percent is not None]
    return Sample(
        at=part[-1].at,
        ram_percent=_most(part, lambda one: one.ram_percent),
        rss=max((one.rss for one in part if one.rss is not None), default=None),
        cpu_percent=statistics.fmean(cpu) if cpu else None,
        vram_percent=_most(part, lambda one: one.vram_percent),
        queue=max((one.queue for one in part if one.queue is not None), default=None),
        restarts=part[-1].restarts,
    )


def _most(part: Sequence[Sample], value: Callable[[Sample], float | None]) -> float | None:
    return max((found for one in part if (found := value(one)) is not None), default=None)
