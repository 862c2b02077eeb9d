"""A job under lock: its states and counters, and what holds after any sequence of operations."""

import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from komadori.domain.ids import JobId, SessionId
from komadori.domain.states import JobState, Lane, StepKind, StepState
from komadori.domain.work import Plan
from komadori.errors import InvalidTransition, LeaseLost, RequestRejected
from komadori.queue import schema
from komadori.queue.forecast import Forecast
from komadori.queue.ledger import MAX_DEATHS, Claim, Ending
from komadori.queue.open_job import OpenJob
from komadori.queue.views import JobFold
from tests.unit.conftest import FAILED, LIMITS, Spine


def changed(spine: Spine, job_id: JobId, change: Callable[[OpenJob], object]) -> None:
    """Change a job as one transaction of the queue does it."""
    with spine.store.write() as connection:
        job = OpenJob.lock(connection, job_id, spine.store.now(connection))
        assert job is not None
        change(job)
        job.save()


def test_there_is_no_lock_on_a_job_that_does_not_exist(spine: Spine) -> None:
    with spine.store.write() as connection:
        assert OpenJob.lock(connection, "nobody", 1.0) is None


def test_a_job_moves_by_its_table_only(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)

    with pytest.raises(InvalidTransition, match="is QUEUED, cannot become COMPLETED"):
        changed(spine, job_id, lambda job: job.move(JobState.COMPLETED))

    assert spine.state(job_id) is JobState.QUEUED


def test_staying_where_it_is_changes_nothing(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    before = spine.job(job_id)

    changed(spine, job_id, lambda job: job.move(JobState.QUEUED))

    assert spine.job(job_id) == before


def test_what_fails_half_way_is_not_kept(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    before = (spine.job(job_id), spine.rows(schema.events))

    def change(job: OpenJob) -> None:
        job.note("something")
        job.save()
        raise RuntimeError("the lights went out")

    with pytest.raises(RuntimeError):
        changed(spine, job_id, change)

    assert (spine.job(job_id), spine.rows(schema.events)) == before


def test_a_retry_is_timed_without_the_pause_before_it(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session, panels=1)
    spine.work(failing=[1])
    first = spine.job(job_id)
    spine.store.ahead_s = 100

    spine.orders.retry(session, job_id)
    assert spine.job(job_id).ended_at is None
    spine.work()

    again = spine.job(job_id)
    assert again.started_at == pytest.approx(first.started_at + 100, abs=5)
    assert again.ended_at == pytest.approx(first.ended_at + 100, abs=5)


def test_a_job_without_a_plan_is_complete(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.change_step(spine.steps(job_id)[0].id, state=StepState.COMPLETED.value)

    changed(spine, job_id, lambda job: job.settle(lambda *_: Plan()))

    assert spine.state(job_id) is JobState.COMPLETED


def test_an_unknown_step_counts_as_failed_and_names_its_problem(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session, panels=2)
    paid = spine.claim()
    spine.work()
    spine.change_step(
        paid.step.id, state=StepState.UNKNOWN.value, error_code="no_answer", error="No answer came."
    )

    changed(spine, job_id, lambda job: job.settle(spine.plan))

    view = spine.view(job_id)
    assert (view.state, view.steps_failed, view.problem.code) == (JobState.PARTIAL, 1, "no_answer")


def test_filling_a_panel_that_is_there_changes_nothing(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work()

    changed(spine, job_id, lambda job: job.fill_panel(2, spine.plan))

    assert spine.state(job_id) is JobState.COMPLETED
    assert len(spine.rows(schema.events, job_id=job_id, kind="ended")) == 1


def test_requests_of_many_jobs_are_each_their_own(spine: Spine, session: SessionId) -> None:
    jobs = {spine.submit(session, panels=number): number for number in range(1, 60)}
    jobs |= {spine.submit(session, panels=number): number for number in range(1, 60)}

    claims = [spine.claim() for _ in jobs]

    assert {claim.job.id: claim.job.request["panels"] for claim in claims} == jobs


class QueueMachine(RuleBasedStateMachine):
    """Anything that sessions, workers, deaths and clocks may do, in any order."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.spine = Spine(self.folder, self.template)
        self.jobs: list[tuple[SessionId, JobId]] = []
        self.held: list[Claim] = []
        self.lost: list[Claim] = []
        self.seqs: dict[str, int] = {}
        self.keys = itertools.count()

    def teardown(self) -> None:
        self.spine.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def open_sessions(self) -> None:
        self.sessions = [self.spine.session() for _ in range(2)]

    @rule(who=st.integers(0, 1), panels=st.integers(1, 3))
    def submit(self, who: int, panels: int) -> None:
        session = self.sessions[who]
        key = f"k{next(self.keys)}"
        job_id = self.spine.submit(session, panels, key)
        assert self.spine.submit(session, panels, key) == job_id
        self.jobs.append((session, job_id))

    @rule()
    def claim(self) -> None:
        claim = self.spine.ledger.claim_next(Lane.IMAGE)
        if claim is not None:
            assert claim.step.id not in {held.step.id for held in self.held}
            self.held.append(claim)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), outcome=st.sampled_from(["completed"] * 4 + ["failed", "released"]))
    def finish(self, data: st.DataObject, outcome: str) -> None:
        claim = self._take_one(data)
        may_retry = data.draw(st.booleans())
        result = self.spine.result(claim) if outcome == "completed" else None
        problem = FAILED if outcome == "failed" else None
        goes_on = Lane.IMAGE if data.draw(st.booleans()) else None
        ending = Ending(outcome=outcome, result=result, problem=problem, may_retry=may_retry)
        following = self.spine.ledger.finish(claim, ending, then_claim=goes_on)
        if following is not None:
            self.held.append(following)
        self.lost.append(claim)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), fraction=st.floats(0, 1))
    def renew(self, data: st.DataObject, fraction: float) -> None:
        claim = data.draw(st.sampled_from(self.held))
        assert self.spine.ledger.renew(claim, (fraction, "…"))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        claim = self._take_one(data)
        self.spine.kill_worker_of(claim)
        self.spine.reaper.look()
        self.lost.append(claim)

    @precondition(lambda self: self.lost)
    @rule(data=st.data(), outcome=st.sampled_from(["completed", "failed", "cancelled"]))
    def come_too_late(self, data: st.DataObject, outcome: str) -> None:
        claim = data.draw(st.sampled_from(self.lost))
        before = self.spine.rows(schema.steps)
        result = self.spine.result(claim) if outcome == "completed" else None
        assert not self.spine.ledger.renew(claim, (0.9, "late"))
        with pytest.raises(LeaseLost):
            self.spine.ledger.finish(claim, Ending(outcome=outcome, result=result))
        assert self.spine.rows(schema.steps) == before

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), order=st.sampled_from(["cancel", "retry", "delete", "undelete"]))
    def order(self, data: st.DataObject, order: str) -> None:
        session, job_id = data.draw(st.sampled_from(self.jobs))
        before = self.spine.job(job_id)
        try:
            getattr(self.spine.orders, order)(session, job_id)
        except RequestRejected:
            assert order == "retry"
            assert self.spine.job(job_id) == before

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), panel=st.integers(1, 3))
    def redo(self, data: st.DataObject, panel: int) -> None:
        session, job_id = data.draw(st.sampled_from(self.jobs))
        try:
            redo = self.spine.redo(session, job_id, panel)
        except RequestRejected:
            return
        self.jobs.append((session, redo))

    @rule(seconds=st.sampled_from([1.0, LIMITS.retry_delay_s * 2 + 1]))
    def pass_time(self, seconds: float) -> None:
        for claim in self.held:  # their hearts beat on
            self.spine.change_step(claim.step.id, lease_until=2e10)
        self.spine.store.ahead_s += seconds
        self.spine.reaper.look()

    def _take_one(self, data: st.DataObject) -> Claim:
        return self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))

    @invariant()
    def the_books_are_right(self) -> None:
        jobs, rows = self.spine.rows(schema.jobs), self.spine.rows(schema.steps)
        artifacts = self.spine.rows(schema.artifacts)
        steps: dict[str, list[Any]] = {}
        for row in rows:
            steps.setdefault(row.job_id, []).append(row)
        for job in jobs:
            counters_are_those_of_the_rows(job, steps[job.id])
            state_agrees_with_the_steps(job, steps[job.id])
        limits_are_kept(rows)
        each_step_has_at_most_one_accepted_result(self.spine.rows(schema.attempts), artifacts)
        each_slot_has_one_current_version(artifacts)
        running = {row.id for row in rows if row.state == StepState.RUNNING}
        assert running == {claim.step.id for claim in self.held}
        self.sequences_only_grow_and_no_change_is_missed(jobs, rows)

    def sequences_only_grow_and_no_change_is_missed(self, jobs: list[Any], rows: list[Any]) -> None:
        now = {job.id: job.seq for job in jobs}
        assert all(now[job_id] >= seq for job_id, seq in self.seqs.items())
        assert all(row.seq <= now[row.job_id] for row in rows)
        assert all(row.seq <= now[row.job_id] for row in self.spine.rows(schema.events))
        self.seqs = now


def counters_are_those_of_the_rows(job: Any, steps: list[Any]) -> None:
    count = Counter(step.state for step in steps)
    assert job.steps_total == len(steps)
    assert job.steps_done == count[StepState.COMPLETED]
    assert job.steps_failed == count[StepState.FAILED] + count[StepState.UNKNOWN]


def state_agrees_with_the_steps(job: Any, steps: list[Any]) -> None:
    states = {StepState(step.state) for step in steps}
    is_open = any(not state.is_final for state in states)
    assert JobState(job.state).is_final is not is_open
    assert (job.ended_at is not None) is not is_open
    if job.state == JobState.COMPLETED:
        assert states == {StepState.COMPLETED}
    if job.state == JobState.CANCELLING:
        assert StepState.RUNNING in states
        assert not states & {StepState.QUEUED, StepState.WAITING}
    if job.state == JobState.WAITING:
        assert not states & {StepState.QUEUED, StepState.RUNNING}


def limits_are_kept(steps: list[Any]) -> None:
    for row in steps:
        assert row.deaths <= MAX_DEATHS
        assert row.failures <= LIMITS.retries + 1
        assert (row.lease_until is not None) is (row.state == StepState.RUNNING)


def each_step_has_at_most_one_accepted_result(attempts: list[Any], artifacts: list[Any]) -> None:
    accepted = [row.step_id for row in attempts if row.outcome == "completed"]
    assert len(accepted) == len(set(accepted))
    drawn = [row.step_id for row in artifacts]
    assert len(drawn) == len(set(drawn))


def each_slot_has_one_current_version(artifacts: list[Any]) -> None:
    slots: dict[tuple[str, str], list[Any]] = {}
    for row in artifacts:
        slots.setdefault((row.job_id, row.slot), []).append(row)
    for rows in slots.values():
        assert sorted(row.version for row in rows) == list(range(1, len(rows) + 1))
        assert sum(row.is_current for row in rows) == 1


def test_the_books_are_right_after_any_sequence_of_operations(empty_store: Path) -> None:
    QueueMachine.template = empty_store
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_follower_who_reads_only_what_is_new_sees_what_a_fresh_reader_sees(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session, panels=3)
    fold = JobFold(job_id)

    def look() -> None:
        with spine.store.read() as connection:
            fold.refresh(connection)
            assert fold.view(Forecast.read(connection, 4)) == spine.view(job_id)

    look()
    while (claim := spine.ledger.claim_next(Lane.IMAGE)) is not None:
        look()
        spine.ledger.renew(claim, (0.3, "…"))
        look()
        is_bad = claim.step.kind is StepKind.PANEL and claim.step.number == 2
        spine.fail(claim) if is_bad else spine.complete(claim)
        look()
    spine.redo(session, job_id, 2)
    look()
    spine.work()
    look()
    spine.redo(session, job_id, 1)
    spine.work()
    spine.orders.restore(session, job_id, 1, 1)
    look()
    spine.orders.delete(session, job_id)
    look()
