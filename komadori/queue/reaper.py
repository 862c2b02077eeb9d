"""The reaper: takes steps from the dead, wakes those whose time has come, ends the frozen.

It runs every second in each worker. Looking is a read; a write is made only where there is
something to do, and looks again under the job's lock, so that any number of reapers agree.
"""

import logging
import os
from collections.abc import Callable, Sequence

import psutil
from sqlalchemy import RowMapping, text

from komadori.domain.states import StepState
from komadori.domain.view import Problem
from komadori.queue.ledger import Claim, Ending, Ledger, Worker, end_attempt, this_host
from komadori.queue.open_job import OpenJob
from komadori.queue.rows import step_of

log = logging.getLogger(__name__)

_RUNNING = text(
    "SELECT id, job_id, host, pid, pid_started, lease_until FROM steps WHERE state = 'RUNNING'"
)
_STILL = text("SELECT * FROM steps WHERE id = :id AND state = 'RUNNING'")
_DUE = text("SELECT DISTINCT job_id FROM steps WHERE state = 'WAITING' AND not_before <= :now")
_DIED = Problem(code="worker_died", message="The worker that did it was killed or hung.")


class Reaper:
    """What one look does. Raises SQLAlchemyError when the store is busy or away."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._store = ledger.store

    def look(self) -> None:
        """Reap and wake."""
        with self._store.read() as connection:
            now = self._store.now(connection)
            running = connection.execute(_RUNNING).mappings().all()
            due = connection.execute(_DUE, {"now": now}).scalars().all()
        self._end_frozen(running, now)
        for step in running:
            if self._is_abandoned(step, now):
                self._reap(step)
        for job_id in due:
            self._wake(job_id)

    def _end_frozen(self, running: Sequence[RowMapping], now: float) -> None:
        """Kill workers of this machine that are stopped: one may hold the store's only lock.

        Their leases have run out, so what they did can no longer be accepted.
        """
        for step in running:
            process = _process_of(step)
            if step["lease_until"] < now and process and is_frozen(process.pid):
                log.warning("frozen worker ended: pid=%s step=%s", step["pid"], step["id"])
                process.kill()

    def _is_abandoned(self, step: RowMapping, now: float) -> bool:
        if step["host"] != this_host():
            return bool(step["lease_until"] < now)
        # On this machine we can see: the dead are known at once, and the living, who may only
        # have been kept from renewing by a locked store, get a second chance.
        if _process_of(step) is None:
            return True
        return bool(step["lease_until"] + self._ledger.limits.lease_s < now)

    def _reap(self, seen: RowMapping) -> None:
        with self._store.write() as connection:
            now = self._store.now(connection)
            job = OpenJob.lock(connection, seen["job_id"], now)
            step = connection.execute(_STILL, {"id": seen["id"]}).mappings().one_or_none()
            if job is None or step is None or not self._is_abandoned(step, now):
                return
            worker = Worker(step["host"], step["pid"], step["pid_started"])
            claim = Claim(job.job, step_of(step), step["token"], worker, step["started_at"])
            end_attempt(job, claim, Ending(outcome="died", problem=_DIED), self._ledger.limits)
            job.settle(self._ledger.plan)
            job.save()
        self._ledger.ring(1)
        log.warning("step taken from a dead worker: step=%s pid=%s", seen["id"], worker.pid)

    def _wake(self, job_id: str) -> None:
        with self._store.write() as connection:
            now = self._store.now(connection)
            job = OpenJob.lock(connection, job_id, now)
            if job is None:
                return
            due = text("state = 'WAITING' AND not_before <= :now").bindparams(now=now)
            if job.change_steps(due, StepState.QUEUED, not_before=None):
                job.settle(self._ledger.plan)
            job.save()
        self._ledger.ring(1)


def _process_of(step: RowMapping) -> psutil.Process | None:
    """Return the step's worker if it lives on this machine and is the very same process."""
    if step["host"] != this_host():
        return None
    try:
        process = psutil.Process(step["pid"])
        is_same = abs(process.create_time() - step["pid_started"]) < 1.0
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def is_frozen(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP)."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.NoSuchProcess:
        return False


def end_if_orphaned(parent: int, stop: Callable[[], None]) -> None:
    """Stop when the process that began this one is gone: nobody else would."""
    if os.getppid() != parent:
        log.warning("parent process %s is gone: stopping", parent)
        stop()
