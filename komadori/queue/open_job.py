"""A job's row under lock: every change of a job or of its steps goes through here.

The lock comes first and is the only order in which rows are locked, so writers cannot deadlock;
the sequence is taken under it, so a reader by sequence misses nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from komadori.domain.ids import JobId, new_id
from komadori.domain.job import Job
from komadori.domain.states import JobState, StepKind, StepState
from komadori.domain.view import Problem
from komadori.domain.work import NewStep, Plan, PlanJob
from komadori.errors import InvalidTransition
from komadori.queue import schema
from komadori.queue.json_text import from_json, to_json
from komadori.queue.rows import STEP_COLUMNS, job_of, step_of
from komadori.queue.statement import Statement

UNFINISHED = (StepState.FAILED.value, StepState.CANCELLED.value, StepState.UNKNOWN.value)
"""States of steps whose work is missing."""

# All but the title and the request: those never change, and a story is long.
_COLUMNS = (
    "id",
    "session_id",
    "kind",
    "state",
    "stage",
    "target",
    "steps_total",
    "steps_done",
    "steps_failed",
    "source",
    "provider",
    "picked",
    "error_code",
    "error",
    "seq",
    "started_at",
    "ended_at",
    "deleted_at",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE id = :id"  # noqa: S608  # our own columns
_LOCK_SQLITE = Statement(_SELECT)
_LOCK = Statement(f"{_SELECT} FOR UPDATE")
_LOCK_IF_FREE = Statement(f"{_SELECT} FOR UPDATE SKIP LOCKED")
_REQUEST = text("SELECT request FROM jobs WHERE id = :id")
_REQUESTS_KEPT = 64
_requests: dict[str, Mapping[str, Any]] = {}
"""Requests of jobs that this process has had to do with. They never change."""

_SAVE = Statement(
    "UPDATE jobs SET state = :state, stage = :stage, seq = :seq, steps_total = :steps_total,"
    " steps_done = :steps_done, steps_failed = :steps_failed, source = :source,"
    " provider = :provider, picked = :picked, error_code = :error_code, error = :error,"
    " started_at = :started_at, ended_at = :ended_at, deleted_at = :deleted_at WHERE id = :id"
)
_STEPS = Statement(
    f"SELECT {', '.join(STEP_COLUMNS)} FROM steps"  # noqa: S608  # our own columns
    " WHERE job_id = :id ORDER BY number"
)
_COUNT = Statement("SELECT state, count(*) FROM steps WHERE job_id = :id GROUP BY state")
_COUNT_STAGE = Statement(
    "SELECT state, count(*) FROM steps WHERE job_id = :id AND stage = :stage GROUP BY state"
)


@dataclass
class OpenJob:
    """The locked row of a job. Change it through the methods, then `save` once."""

    connection: Connection
    row: dict[str, Any]
    now: float

    @classmethod
    def lock(
        cls, connection: Connection, job_id: JobId | str, now: float, *, if_free: bool = False
    ) -> "OpenJob | None":
        """Lock the job for this transaction; None if there is no such job.

        Whoever holds a job's lock already takes a second one only `if_free`: None then also means
        that another has it, and nobody waits in a circle. SQLite's one lock is held since BEGIN.
        """
        if connection.dialect.name == "sqlite":
            query = _LOCK_SQLITE
        else:
            query = _LOCK_IF_FREE if if_free else _LOCK
        found = query.run(connection, {"id": job_id}).fetchone()
        return (
            None if found is None else cls(connection, dict(zip(_COLUMNS, found, strict=True)), now)
        )

    @property
    def job(self) -> Job:
        """The job as it is now."""
        return job_of(self.row, self._request())

    def _request(self) -> Mapping[str, Any]:
        job_id = self.row["id"]
        request = _requests.get(job_id)
        if request is None:  # the page's threads share the cache: another may clear it meanwhile
            if len(_requests) >= _REQUESTS_KEPT:
                _requests.clear()
            found = self.connection.execute(_REQUEST, {"id": job_id}).scalar_one()
            request = _requests[job_id] = from_json(found)
        return request

    @property
    def state(self) -> JobState:
        """The job's state."""
        return JobState(self.row["state"])

    def next_seq(self) -> int:
        """Take the next number of the job's sequence."""
        self.row["seq"] += 1
        return int(self.row["seq"])

    def move(self, state: JobState) -> None:
        """Change the state by the transition table; staying where it is changes nothing."""
        if state == self.state:
            return
        if not self.state.may_become(state):
            raise InvalidTransition(f"job {self.row['id']} is {self.state}, cannot become {state}")
        self.row["state"] = state.value
        self.row["ended_at"] = self.now if state.is_final else None
        if state is JobState.RUNNING and self.row["started_at"] is None:
            self.row["started_at"] = self.now

    def note(self, kind: str, **facts: Any) -> None:
        """Write a line into the job's log."""
        values = {"job_id": self.row["id"], "seq": self.next_seq(), "at": self.now}
        self.connection.execute(insert(schema.events).values(**values, kind=kind, facts=facts))

    def add_steps(self, plan: Plan) -> None:
        """Add the steps of a plan's next stage."""
        seq = self.next_seq()
        self.connection.execute(
            insert(schema.steps), [self._step_values(step, plan, seq) for step in plan.steps]
        )
        self.row["stage"] = plan.stage.value if plan.stage else None
        self.row["steps_total"] += len(plan.steps)

    def _step_values(self, step: NewStep, plan: Plan, seq: int) -> dict[str, Any]:
        parked = step.waits_for
        return {
            "id": new_id(),
            "job_id": self.row["id"],
            "session_id": self.row["session_id"],
            "lane": step.lane.value,
            "kind": step.kind.value,
            "stage": plan.stage.value if plan.stage else None,
            "number": step.number,
            "state": _first_state(step).value,
            "priority": step.priority,
            "payload": step.payload,
            "error_code": parked.code if parked else None,
            "error": parked.message if parked else None,
            "seq": seq,
            "created_at": self.now,
        }

    def settle(self, plan: PlanJob) -> None:
        """After steps have changed: count them, begin the next stage, or end the job."""
        counts = self._counts()
        open_steps = sum(counts.get(state, 0) for state in StepState if not state.is_final)
        self.row["steps_done"] = counts.get(StepState.COMPLETED, 0)
        self.row["steps_failed"] = counts.get(StepState.FAILED, 0) + counts.get(
            StepState.UNKNOWN, 0
        )
        if open_steps:
            self._stay_open(counts)
            return
        planned = plan(self.job, self._steps())
        if planned.steps and self.state is not JobState.CANCELLING:
            self.add_steps(planned)
            self._stay_open(Counter(_first_state(step) for step in planned.steps))
        else:
            self._end(is_whole=not planned.steps)

    def _counts(self) -> dict[StepState, int]:
        rows = _COUNT.run(self.connection, {"id": self.row["id"]})
        return {StepState(state): count for state, count in rows}

    def _counts_of_last_stage(self) -> dict[StepState, int]:
        """What counts in the end: a draft that failed is forgiven once the final is there."""
        values = {"id": self.row["id"], "stage": self.row["stage"]}
        rows = _COUNT_STAGE.run(self.connection, values)
        return {StepState(state): count for state, count in rows}

    def _steps(self) -> Sequence[Any]:
        rows = _STEPS.run(self.connection, {"id": self.row["id"]})
        return [step_of(dict(zip(STEP_COLUMNS, row, strict=True))) for row in rows]

    def _stay_open(self, counts: Mapping[StepState, int]) -> None:
        if self.state is JobState.CANCELLING:
            return
        if counts.get(StepState.RUNNING) or counts.get(StepState.QUEUED):
            if self.state is JobState.WAITING:
                self.move(JobState.RUNNING)
                self.tell_problem(None)
        else:
            self.move(JobState.WAITING)
            self.tell_problem(self._worst_problem(StepState.WAITING))
            self.row["stage"] = self._stage_of_waiting()

    def _stage_of_waiting(self) -> str | None:
        """A stage may have been gone back to, and what waits is in the one after it."""
        table = schema.steps
        query = select(table.c.stage).where(
            table.c.job_id == self.row["id"], table.c.state == StepState.WAITING.value
        )
        stage: str | None = self.connection.execute(query.limit(1)).scalar()
        return stage

    def tell_problem(self, problem: Problem | None) -> None:
        """Say why the job failed or waits."""
        self.row["error_code"] = problem.code if problem else None
        self.row["error"] = problem.message if problem else None

    def _end(self, *, is_whole: bool) -> None:
        state = self._final_state(self._counts_of_last_stage(), is_whole=is_whole)
        if self.state is JobState.QUEUED and state is not JobState.CANCELLED:
            self.move(JobState.RUNNING)
        self.move(state)
        # Most jobs end without a reason to look for.
        has_failed = state is not JobState.COMPLETED and bool(self.row["steps_failed"])
        failed = (StepState.FAILED, StepState.UNKNOWN)
        self.tell_problem(self._worst_problem(*failed) if has_failed else None)
        self.note("ended", state=state.value)
        self._tell_target(state)

    def _tell_target(self, state: JobState) -> None:
        """A redo has ended: who follows the storyboard must see it, whatever came of it."""
        target = self.row["target"] and OpenJob.lock(self.connection, self.row["target"], self.now)
        if target:
            target.note("redo_ended", number=self.job.request["panel"], state=state.value)
            target.save()

    def _final_state(self, counts: Mapping[StepState, int], *, is_whole: bool) -> JobState:
        if is_whole and set(counts) <= {StepState.COMPLETED}:
            return JobState.COMPLETED
        if self.state is JobState.CANCELLING or counts.get(StepState.CANCELLED):
            return JobState.CANCELLED
        is_partial = counts.get(StepState.UNKNOWN) or counts.get(StepState.COMPLETED)
        return JobState.PARTIAL if is_partial else JobState.FAILED

    def _worst_problem(self, *states: StepState) -> Problem | None:
        table = schema.steps
        query = (
            select(table.c.error_code, table.c.error)
            .where(table.c.job_id == self.row["id"], table.c.state.in_(states))
            # what goes on by itself tells more than what waits for a person
            .order_by(table.c.not_before.is_(None), table.c.ended_at.desc())
        )
        found = self.connection.execute(query.limit(1)).first()
        return Problem(code=found[0] or "failed", message=found[1] or "") if found else None

    def fill_panel(self, number: int, plan: PlanJob) -> None:
        """A redo has drawn a panel that was missing here: its step counts as done."""
        table = schema.steps
        is_missing = (
            (table.c.kind == StepKind.PANEL.value)
            & (table.c.number == number)
            & table.c.state.in_(UNFINISHED)
        )
        done = {"progress": 1.0, "ended_at": self.now, "error_code": None, "error": None}
        if not self.change_steps(is_missing, StepState.COMPLETED, **done):
            return
        ended_at = self.row["ended_at"]
        if self.state.is_final:
            self.move(JobState.QUEUED)
        self.settle(plan)
        if self.state.is_final and ended_at is not None:
            self.row["ended_at"] = ended_at  # the job itself took no longer than it did

    def change_steps(self, where: Any, state: StepState, **values: Any) -> int:
        """Move those steps of this job that match and may become so; returns how many."""
        table = schema.steps
        sources = [one.value for one in StepState if one.may_become(state)]
        changed = self.connection.execute(
            update(table)
            .where(table.c.job_id == self.row["id"], table.c.state.in_(sources), where)
            .values(**values, state=state.value, seq=self.next_seq())
        )
        return int(changed.rowcount)

    def save(self) -> None:
        """Write the row, and have followers told once it is committed."""
        self.connection.info.setdefault("changed", set()).add(self.row["id"])
        _SAVE.run(self.connection, self.row)


def _first_state(step: NewStep) -> StepState:
    return StepState.WAITING if step.waits_for else StepState.QUEUED


def json_or_none(value: Any) -> str | None:
    """JSON for a textual statement."""
    return None if value is None else to_json(value)
