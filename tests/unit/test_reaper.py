"""The reaper: takes steps from the dead, leaves the living alone, wakes what is due."""

import os

from komadori.domain.ids import SessionId
from komadori.domain.states import JobState, Lane, StepState
from komadori.queue import reaper, schema
from tests.unit.conftest import LIMITS, NO_SUCH_PID, Spine


def test_a_dead_workers_step_is_queued_again_at_once(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    claim = spine.claim()
    spine.kill_worker_of(claim)
    spine.rung.clear()

    spine.reaper.look()

    step = spine.step(claim.step.id)
    assert (step.state, step.deaths, step.failures) == (StepState.QUEUED, 1, 0)
    assert step.lease_until is None
    assert spine.state(job_id) is JobState.RUNNING
    assert spine.rung == [1]
    (attempt,) = spine.rows(schema.attempts)
    assert (attempt.outcome, attempt.pid) == ("died", NO_SUCH_PID)


def test_two_looks_count_one_death(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.kill_worker_of(claim)

    spine.reaper.look()
    spine.reaper.look()

    assert spine.step(claim.step.id).deaths == 1


def test_a_later_process_with_the_same_pid_is_not_the_worker(
    spine: Spine, session: SessionId
) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.change_step(claim.step.id, pid_started=claim.worker.pid_started - 100)

    spine.reaper.look()

    assert spine.step(claim.step.id).state == StepState.QUEUED


def test_a_living_worker_gets_a_second_lease_before_its_step_is_taken(
    spine: Spine, session: SessionId
) -> None:
    spine.submit(session)
    claim = spine.claim()

    spine.store.ahead_s = LIMITS.lease_s + 5
    spine.reaper.look()
    assert spine.step(claim.step.id).state == StepState.RUNNING

    spine.store.ahead_s = 2 * LIMITS.lease_s + 5
    spine.reaper.look()
    assert spine.step(claim.step.id).state == StepState.QUEUED


def test_of_another_machine_only_the_lease_is_known(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.change_step(claim.step.id, host="elsewhere", pid=NO_SUCH_PID)

    spine.reaper.look()
    assert spine.step(claim.step.id).state == StepState.RUNNING

    spine.store.ahead_s = LIMITS.lease_s + 1
    spine.reaper.look()
    assert spine.step(claim.step.id).state == StepState.QUEUED


def test_a_renewed_lease_is_left_alone(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.change_step(claim.step.id, host="elsewhere")
    spine.store.ahead_s = LIMITS.lease_s - 1
    spine.ledger.renew(claim)

    spine.store.ahead_s = LIMITS.lease_s + 1
    spine.reaper.look()

    assert spine.step(claim.step.id).state == StepState.RUNNING


def test_a_lease_renewed_between_looking_and_taking_is_kept(
    spine: Spine, session: SessionId
) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.kill_worker_of(claim)
    (seen,) = spine.rows(schema.steps, id=claim.step.id)
    spine.change_step(claim.step.id, pid=os.getpid())

    spine.reaper._reap(seen._mapping)

    assert spine.step(claim.step.id).state == StepState.RUNNING


def test_a_dead_workers_step_of_a_cancelled_job_ends_the_job(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    claim = spine.claim()
    spine.orders.cancel(session, job_id)
    spine.kill_worker_of(claim)

    spine.reaper.look()

    assert spine.state(job_id) is JobState.CANCELLED


def test_a_step_wakes_when_its_time_has_come_and_not_before(
    spine: Spine, session: SessionId
) -> None:
    spine.submit(session)
    claim = spine.claim()
    spine.fail(claim, may_retry=True)
    spine.rung.clear()

    spine.store.ahead_s = LIMITS.retry_delay_s - 5
    spine.reaper.look()
    assert spine.ledger.claim_next(Lane.IMAGE) is None
    assert spine.rung == []

    spine.store.ahead_s = LIMITS.retry_delay_s * 1.2 + 1
    spine.reaper.look()
    assert spine.rung == [1]
    assert spine.claim().step.id == claim.step.id


def test_a_quiet_store_is_only_read(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.claim()
    seq = spine.job(job_id).seq

    spine.reaper.look()

    assert spine.job(job_id).seq == seq
    assert spine.rung == [1]  # of the submit


def test_this_process_is_not_frozen_and_one_that_is_gone_neither() -> None:
    assert not reaper.is_frozen(os.getpid())
    assert not reaper.is_frozen(NO_SUCH_PID)


def test_an_orphan_is_told_to_stop() -> None:
    told: list[str] = []

    reaper.end_if_orphaned(os.getppid(), lambda: told.append("early"))
    assert told == []

    reaper.end_if_orphaned(NO_SUCH_PID, lambda: told.append("stop"))
    assert told == ["stop"]
