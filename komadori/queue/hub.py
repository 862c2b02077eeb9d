"""The hub: one thread of the page that reads what has changed and hands it to all who follow."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.ids import JobId
from komadori.domain.view import JobView
from komadori.queue import schema
from komadori.queue.changes import Changes
from komadori.queue.forecast import Forecast
from komadori.queue.store import Store
from komadori.queue.views import JobFold

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
"""A follower hears something at least this often, so that a closed tab is noticed."""
LOOK_S = 1.0
"""Places in the queue move without the job itself changing; so does a lost announcement."""


class Follower:
    """One who follows: the newest view and a bell in its event loop. Slow ones skip views."""

    def __init__(self, view: JobView) -> None:
        self.view = view
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()

    def tell(self, view: JobView) -> None:
        """Hand over a newer view; called from the hub's thread."""
        if view.sequence < self.view.sequence:  # it came with a newer one than the hub had read
            return
        self.view = view
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    async def next(self) -> JobView:
        """Wait for a newer view, at most until the heartbeat."""
        try:
            await asyncio.wait_for(self._bell.wait(), HEARTBEAT_S)
        except TimeoutError:
            return self.view
        self._bell.clear()
        return self.view


@dataclass
class _Watched:
    fold: JobFold
    view: JobView
    followers: set[Follower] = field(default_factory=set)


class Hub(threading.Thread):
    """Folds each followed job once, however many follow it."""

    def __init__(self, store: Store, changes: Changes, *, workers: int) -> None:
        super().__init__(name="hub", daemon=True)
        self._store = store
        self._changes = changes
        self._workers = workers
        self._watched: dict[JobId, _Watched] = {}
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._forecast_at = 0.0

    def fold(self, job_id: JobId) -> tuple[JobFold, JobView] | None:
        """Read a job afresh; None: there is none."""
        fold = JobFold(job_id)
        with self._store.read() as connection:
            if not fold.refresh(connection):
                return None
            return fold, fold.view(Forecast.read(connection, self._workers))

    def forecast(self) -> Forecast:
        """Read what may be said of the future."""
        with self._store.read() as connection:
            return Forecast.read(connection, self._workers)

    async def follow(self, fold: JobFold, view: JobView) -> AsyncGenerator[JobView, None]:
        """Yield the view, then newer ones until one is final; the same one as a heartbeat."""
        follower = Follower(view)
        self._add(fold, view, follower)
        try:
            while True:
                view = follower.view
                yield view
                if view.state.is_final:
                    return
                await follower.next()
        finally:
            self._drop(fold.job_id, follower)

    def _add(self, fold: JobFold, view: JobView, follower: Follower) -> None:
        with self._lock:
            watched = self._watched.setdefault(fold.job_id, _Watched(fold, view))
            if watched.view.sequence >= view.sequence:
                follower.view = watched.view
            watched.followers.add(follower)
            self._busy.set()

    def _drop(self, job_id: JobId, follower: Follower) -> None:
        with self._lock:
            watched = self._watched.get(job_id)
            if watched is None:
                return
            watched.followers.discard(follower)
            if not watched.followers:
                del self._watched[job_id]
            if not self._watched:
                self._busy.clear()

    def run(self) -> None:
        """Read and tell, while anybody follows."""
        while True:
            self._busy.wait()
            try:
                self._changes.wait(LOOK_S)
                self.loop()
            except (SQLAlchemyError, sqlite3.Error) as exc:
                log.warning("followers not served: reason=%s", exc)
                time.sleep(LOOK_S)
            except Exception:  # the thread's boundary: without it nobody hears anything again
                log.exception("followers not served")
                time.sleep(LOOK_S)

    def loop(self) -> None:
        """Read what has changed and tell it."""
        with self._lock:
            watched = dict(self._watched)
        with self._store.read() as connection:
            jobs = schema.jobs
            query = select(jobs.c.id, jobs.c.seq).where(jobs.c.id.in_(list(watched)))
            stale = {
                row.id
                for row in connection.execute(query)
                if row.seq != watched[row.id].view.sequence
            }
            is_time = time.monotonic() - self._forecast_at > LOOK_S
            if not stale and not is_time:
                return
            forecast = Forecast.read(connection, self._workers)
            self._forecast_at = time.monotonic()
            for job_id in stale:
                watched[job_id].fold.refresh(connection)
        for one in watched.values():
            self._tell(one, forecast)

    def _tell(self, one: _Watched, forecast: Forecast) -> None:
        view = one.fold.view(forecast)
        if view.sequence == one.view.sequence and view.position == one.view.position:
            return
        with self._lock:  # else one who joins just now gets neither the old news nor the new
            one.view = view
            followers = tuple(one.followers)
        for follower in followers:
            follower.tell(view)
