"""The ledger: hands steps to workers under a lease, and takes results only from who holds it."""

import os
import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from sqlalchemy import Connection, text

from komadori.domain.ids import ArtifactId
from komadori.domain.job import Job, Step
from komadori.domain.making import Making, Span
from komadori.domain.states import JobState, Lane, StepKind, StepState
from komadori.domain.view import Problem
from komadori.domain.work import PlanJob, StepResult
from komadori.errors import InvalidTransition, LeaseLost
from komadori.queue.artifact_rows import add_artifacts
from komadori.queue.calls import close_unanswered
from komadori.queue.open_job import OpenJob, json_or_none
from komadori.queue.rows import STEP_COLUMNS, step_of
from komadori.queue.statement import Statement
from komadori.queue.store import Store

NO_ROOM = "server_busy"
"""The code of what a step waits for while all places at our servers are taken."""
MAX_DEATHS = 3
"""A step that took so many workers with it is not tried again."""

SENT_WITHOUT_ANSWER = Problem(
    code="unknown_outcome",
    message="The request was sent, and its answer did not come; it may have been made, and be paid."
    " It is sent again only if you say so.",
)

_STEP = ", ".join((*STEP_COLUMNS, "token", "host"))
# Loose index scan over ix_steps_claim: best priority, then the session with the least running,
# then age. `deaths < 2`: what killed two workers runs alone, see _best_alone; `alone` counts it.
_BEST = Statement(
    f"""
    WITH RECURSIVE
    best(priority) AS (
        SELECT max(priority) FROM steps
        WHERE lane = :lane AND state = 'QUEUED' AND deaths < 2),
    waiting(session_id) AS (
        SELECT min(session_id) FROM steps
        WHERE lane = :lane AND state = 'QUEUED' AND priority = (SELECT priority FROM best)
        UNION ALL
        SELECT (SELECT min(q.session_id) FROM steps q
                WHERE q.lane = :lane AND q.state = 'QUEUED'
                  AND q.priority = (SELECT priority FROM best)
                  AND q.session_id > waiting.session_id)
        FROM waiting WHERE waiting.session_id IS NOT NULL),
    ranked AS (
        SELECT session_id,
               (SELECT count(*) FROM steps r WHERE r.lane = :lane AND r.state = 'RUNNING'
                  AND r.session_id = waiting.session_id) AS load,
               (SELECT min(q.created_at) FROM steps q
                WHERE q.lane = :lane AND q.state = 'QUEUED' AND q.deaths < 2
                  AND q.priority = (SELECT priority FROM best)
                  AND q.session_id = waiting.session_id) AS age
        FROM waiting WHERE session_id IS NOT NULL),
    chosen AS (
        SELECT session_id FROM ranked WHERE age IS NOT NULL ORDER BY load, age LIMIT 1)
    SELECT (SELECT count(*) FROM steps WHERE lane = :lane AND deaths >= 2
            AND state IN ('QUEUED', 'RUNNING')) AS alone, best_step.*
    FROM (SELECT 1 AS one) AS always LEFT JOIN (
        SELECT {_STEP} FROM steps
        WHERE lane = :lane AND state = 'QUEUED' AND deaths < 2
          AND priority = (SELECT priority FROM best)
          AND session_id = (SELECT session_id FROM chosen)
        ORDER BY created_at, number LIMIT 1) AS best_step ON 1 = 1
    """  # noqa: S608  # our own columns
)
_ALONE = Statement(
    f"SELECT 1, {_STEP} FROM steps"  # noqa: S608  # our own columns
    " WHERE lane = :lane AND deaths >= 2 AND state IN ('QUEUED', 'RUNNING')"
)
_RUNNING_HERE = Statement("SELECT 1 FROM steps WHERE state = 'RUNNING' AND host = :host LIMIT 1")
_TAKE = Statement(
    "UPDATE steps SET state = 'RUNNING', token = token + 1, attempt = attempt + 1, host = :host,"
    " pid = :pid, pid_started = :pid_started, lease_until = :lease_until, started_at = :now,"
    " ended_at = NULL, not_before = NULL, progress = 0, preview = 0, message = '',"
    " error_code = NULL, error = NULL, timings = NULL, making = NULL, seq = :seq"
    " WHERE id = :id AND state = 'QUEUED' AND token = :token"
)
_RENEW = Statement(
    "UPDATE steps SET lease_until = :lease_until WHERE id = :id AND token = :token"
    " AND state = 'RUNNING'"
)
_PROGRESS = Statement(
    "UPDATE steps SET lease_until = :lease_until, progress = :progress, message = :message,"
    " preview = :preview, seq = :seq WHERE id = :id AND token = :token AND state = 'RUNNING'"
)
_DESCRIBE = Statement(
    "UPDATE steps SET making = :making WHERE id = :id AND token = :token AND state = 'RUNNING'"
)
_COUNTS = Statement("SELECT failures, deaths FROM steps WHERE id = :id")
_COUNTS_HELD = Statement("SELECT failures, deaths FROM steps WHERE id = :id FOR UPDATE")
_END = Statement(
    "UPDATE steps SET state = :state, result = :result, error_code = :error_code, error = :error,"
    " timings = :timings, making = COALESCE(:making, making), not_before = :not_before,"
    " failures = failures + :failed, attempt = attempt - :uncounted,"
    " deaths = deaths + :died, lease_until = NULL, ended_at = :ended_at, progress = :progress,"
    " message = '', preview = 0, seq = :seq"
    " WHERE id = :id AND token = :token AND state = 'RUNNING'"
)
_ATTEMPT = Statement(
    "INSERT INTO attempts (step_id, attempt, job_id, kind, number, outcome, provider, error, host,"
    " pid, timings, seq, started_at, ended_at) VALUES (:id, :attempt, :job_id, :kind, :number,"
    " :outcome, :provider, :error, :host, :pid, :timings, :seq, :started_at, :now)"
)


class _Candidate(NamedTuple):
    """A step that may be taken; `alone` counts steps that must run alone."""

    alone: int
    id: str | None
    job_id: str
    kind: str
    number: int
    lane: str
    payload: str
    state: str
    attempt: int
    result: str | None
    token: int
    host: str | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, told apart from later ones with the same pid by its start time."""

    host: str
    pid: int
    pid_started: float


@cache
def _worker_of(pid: int) -> Worker:
    return Worker(this_host(), pid, psutil.Process(pid).create_time())


@cache
def this_host() -> str:
    """Name the machine so that equal pids on two of them, or in two containers, are told apart."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    pids = Path("/proc/self/ns/pid")
    marks = [boot.read_text()[:8], str(pids.stat().st_ino)] if boot.exists() else []
    return "/".join([socket.gethostname(), *marks])


def this_worker() -> Worker:
    """Return the process that calls."""
    return _worker_of(os.getpid())


@dataclass(frozen=True, slots=True)
class Claim:
    """A step that this worker holds. Only the newest `token` may write its result."""

    job: Job
    step: Step
    token: int
    worker: Worker
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended. `outcome` is the word of the attempts table."""

    outcome: str
    result: StepResult | None = None
    problem: Problem | None = None
    may_retry: bool = False
    retry_after_s: float | None = None
    """For "waited": when the step may be tried again, in seconds from now."""
    spans: Sequence[Span] = ()
    making: Making | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a lease lasts, and how often and after what delay a failed step is tried again."""

    lease_s: float = 15.0
    retries: int = 3
    retry_delay_s: float = 60.0


class Ledger:
    """The worker's side of the store: claim, renew, finish."""

    def __init__(
        self, store: Store, plan: PlanJob, limits: Limits, ring: Callable[[int], None]
    ) -> None:
        """`ring` is told how many steps wait for other workers."""
        self.store = store
        self.plan = plan
        self.limits = limits
        self.ring = ring

    def claim_next(self, lane: Lane) -> Claim | None:
        """Take the best queued step of a lane, or return None when there is none."""
        with self.store.write() as connection:
            return self._claim(connection, lane)

    def finish(
        self, claim: Claim, ending: Ending, *, then_claim: Lane | None = None
    ) -> Claim | None:
        """Write how the attempt ended and, in the same transaction, take the next step.

        None may also mean that the next step's job was being changed by another worker.

        Raises:
            LeaseLost: the step is no longer this worker's; nothing was written.
        """
        with self.store.write() as connection:
            now = self.store.now(connection)
            job = OpenJob.lock(connection, claim.step.job_id, now)
            if job is None or not end_attempt(job, claim, ending, self.limits):
                raise LeaseLost(f"step {claim.step.id}: its lease was lost, the result is dropped")
            if ending.result:
                add_artifacts(job, claim.step, ending.result.artifacts, self.plan)
                job.row["source"] = ending.result.data.get("source", job.row["source"])
            if ending.making and claim.step.kind is not StepKind.DRAFT:
                job.row["provider"] = ending.making.provider
            before = job.row["steps_total"]
            job.settle(self.plan)
            new_steps = job.row["steps_total"] - before
            next_claim = self._claim(connection, then_claim, held=job) if then_claim else None
            job.save()
        if new_steps:
            self.ring(new_steps)
        return next_claim

    def renew(
        self,
        claim: Claim,
        progress: tuple[float, str] | None = None,
        making: Making | None = None,
        previews: int = 0,
    ) -> bool:
        """Prolong the lease, and write what there is of progress. False: the step is lost."""
        with self.store.write() as connection:
            now = self.store.now(connection)
            values: dict[str, Any] = {
                "id": claim.step.id,
                "token": claim.token,
                "lease_until": now + self.limits.lease_s,
            }
            if progress is None:
                return bool(_RENEW.run(connection, values).rowcount)
            job = OpenJob.lock(connection, claim.step.job_id, now)
            if job is None:
                return False
            values |= {"progress": progress[0], "message": progress[1], "preview": previews}
            values["seq"] = job.next_seq()
            is_held = bool(_PROGRESS.run(connection, values).rowcount)
            if is_held and making is not None:
                values = {"id": claim.step.id, "token": claim.token, "making": _plain(making)}
                _DESCRIBE.run(connection, values)
            if is_held:
                job.save()
            return is_held

    def is_cancelling(self, claim: Claim) -> bool:
        """Whether the job of a claimed step is being cancelled."""
        query = text("SELECT state FROM jobs WHERE id = :id")
        with self.store.read() as connection:
            state = connection.execute(query, {"id": claim.step.job_id}).scalar_one_or_none()
        return state == JobState.CANCELLING.value

    def keeps(self, artifact_id: ArtifactId) -> bool:
        """Whether a file is the accepted result of a step, or the answer to a request."""
        query = text(
            "SELECT 1 FROM artifacts WHERE id = :id UNION SELECT 1 FROM calls WHERE file_id = :id"
        )
        with self.store.read() as connection:
            return connection.execute(query, {"id": artifact_id}).first() is not None

    def has_work(self, lane: Lane) -> bool:
        """Whether a step of the lane is queued."""
        query = text("SELECT 1 FROM steps WHERE lane = :lane AND state = 'QUEUED' LIMIT 1")
        with self.store.read() as connection:
            return connection.execute(query, {"lane": lane.value}).first() is not None

    def _claim(
        self, connection: Connection, lane: Lane, held: OpenJob | None = None
    ) -> Claim | None:
        """Take the best step. `held` is a job whose lock we have; its caller saves it."""
        while (best := self._best(connection, lane)) is not None:
            if held is not None and best.job_id == held.row["id"]:
                return self._take(held, best)
            now = self._store_now(connection, held)
            job = OpenJob.lock(connection, best.job_id, now, if_free=held is not None)
            if job is None:
                return None
            if (claim := self._take(job, best)) is not None:
                job.save()
                return claim
        return None

    def _store_now(self, connection: Connection, held: OpenJob | None) -> float:
        return held.now if held is not None else self.store.now(connection)

    def _best(self, connection: Connection, lane: Lane) -> _Candidate | None:
        best = _Candidate(*_BEST.run(connection, {"lane": lane.value}).fetchone())
        if best.alone:
            return self._best_alone(connection, lane, best)
        return best if best.id is not None else None

    def _best_alone(
        self, connection: Connection, lane: Lane, best: _Candidate
    ) -> _Candidate | None:
        """What killed two workers waits until this machine is empty, and nothing joins it."""
        rows = _ALONE.run(connection, {"lane": lane.value}).fetchall()
        alone = [_Candidate(*row) for row in rows]
        waiting = next((row for row in alone if row.state == StepState.QUEUED), None)
        if waiting is None and all(row.host != this_host() for row in alone):
            return best if best.id is not None else None
        if _RUNNING_HERE.run(connection, {"host": this_host()}).fetchone():
            return None
        return waiting

    def _take(self, job: OpenJob, best: _Candidate) -> Claim | None:
        worker = this_worker()
        values = {
            "id": best.id,
            "token": best.token,
            "host": worker.host,
            "pid": worker.pid,
            "pid_started": worker.pid_started,
            "lease_until": job.now + self.limits.lease_s,
            "now": job.now,
            "seq": job.next_seq(),
        }
        if not _TAKE.run(job.connection, values).rowcount:
            return None
        job.move(JobState.RUNNING)
        step = replace(step_of(best._asdict()), state=StepState.RUNNING, attempt=best.attempt + 1)
        return Claim(job.job, step, best.token + 1, worker, job.now)


_WHITHER = {
    "unknown": StepState.UNKNOWN,
    "cancelled": StepState.CANCELLED,
    "released": StepState.QUEUED,
}


def end_attempt(job: OpenJob, claim: Claim, ending: Ending, limits: Limits) -> bool:
    """End a running attempt of a locked job. False: the claim is no longer valid."""
    next_ = _next(job, claim, ending, limits)
    if not StepState.RUNNING.may_become(next_.state):
        raise InvalidTransition(f"step {claim.step.id} is RUNNING, cannot become {next_.state}")
    values = {
        "id": claim.step.id,
        "token": claim.token,
        "state": next_.state.value,
        "result": json_or_none(ending.result.data if ending.result else None),
        "error_code": next_.problem.code if next_.problem else None,
        "error": next_.problem.message if next_.problem else None,
        "timings": json_or_none([span.model_dump() for span in ending.spans] or None),
        "making": _plain(ending.making),
        "not_before": next_.not_before,
        "failed": int(ending.outcome == "failed"),
        "died": int(ending.outcome == "died"),
        "uncounted": int(_is_idle_look(ending)),
        "ended_at": job.now if next_.state.is_final else None,
        "progress": 1.0 if next_.state is StepState.COMPLETED else 0.0,
        "seq": job.next_seq(),
    }
    if not _END.run(job.connection, values).rowcount:
        return False
    if not _is_idle_look(ending):
        _write_attempt(job, claim, ending, values)
    return True


def _is_idle_look(ending: Ending) -> bool:
    """Whether it only looked for a place and found none: that is no attempt, and happens often."""
    return ending.problem is not None and ending.problem.code == NO_ROOM


@dataclass(frozen=True, slots=True)
class _Next:
    """Where a step goes when an attempt ends, and not before when it may be tried again."""

    state: StepState
    problem: Problem | None = None
    not_before: float | None = None


def _next(job: OpenJob, claim: Claim, ending: Ending, limits: Limits) -> _Next:
    if ending.outcome == "completed":
        return _Next(StepState.COMPLETED)
    held = _COUNTS if job.connection.dialect.name == "sqlite" else _COUNTS_HELD
    failures, deaths = held.run(job.connection, {"id": claim.step.id}).fetchone()
    if close_unanswered(job.connection, claim.step.id, job.now):
        return _Next(StepState.UNKNOWN, SENT_WITHOUT_ANSWER)
    is_cancelled = job.state is JobState.CANCELLING and ending.outcome != "unknown"
    outcome = "cancelled" if is_cancelled else ending.outcome
    if outcome in _WHITHER:
        return _Next(_WHITHER[outcome], ending.problem)
    if outcome == "died":
        is_last = deaths + 1 >= MAX_DEATHS
        return _Next(StepState.FAILED if is_last else StepState.QUEUED, ending.problem)
    return _again(job, ending, failures, limits)


def _again(job: OpenJob, ending: Ending, failures: int, limits: Limits) -> _Next:
    """What failed or was told to wait is tried again later, unless it failed too often."""
    if ending.retry_after_s is not None:
        return _Next(StepState.WAITING, ending.problem, job.now + ending.retry_after_s)
    if ending.may_retry and failures < limits.retries:
        delay = _jittered(limits.retry_delay_s * 2.0**failures)
        return _Next(StepState.WAITING, ending.problem, job.now + delay)
    return _Next(StepState.FAILED, ending.problem)


def _jittered(seconds: float) -> float:
    """A little longer, by chance: what failed together should not come back together."""
    return seconds * random.uniform(1.0, 1.2)  # not a secret


def _plain(making: Making | None) -> str | None:
    return None if making is None else json_or_none(making.model_dump(mode="json"))


def _write_attempt(job: OpenJob, claim: Claim, ending: Ending, values: dict[str, Any]) -> None:
    row = {
        "id": claim.step.id,
        "attempt": claim.step.attempt,
        "job_id": claim.step.job_id,
        "kind": claim.step.kind.value,
        "number": claim.step.number,
        "outcome": "unknown" if values["state"] == StepState.UNKNOWN else ending.outcome,
        "provider": ending.making.provider if ending.making else "",
        "error": values["error"],
        "host": claim.worker.host,
        "pid": claim.worker.pid,
        "timings": values["timings"],
        "seq": job.row["seq"],
        "started_at": claim.started_at,
        "now": job.now,
    }
    _ATTEMPT.run(job.connection, row)
