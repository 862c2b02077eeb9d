"""The ledger: who gets which step, and whose result counts."""

import threading
from collections import Counter

import pytest

from komadori.domain.ids import SessionId
from komadori.domain.making import Span
from komadori.domain.states import JobState, Lane, Stage, StepKind, StepState
from komadori.domain.work import StepContext, StepResult
from komadori.errors import (
    BackendBusy,
    BackendDown,
    BackendRefused,
    LeaseLost,
    OutcomeUnknown,
)
from komadori.queue import schema
from komadori.queue.ledger import Ending
from komadori.queue.worker import StepWorker, TimeLimits
from tests.unit.conftest import LIMITS, Spine

SPLIT = Span(stage="split", start=0.0, seconds=0.25)

# --- who comes first ---------------------------------------------------------------------------


def test_an_empty_lane_has_nothing_to_claim(spine: Spine) -> None:
    assert spine.ledger.claim_next(Lane.IMAGE) is None
    assert not spine.ledger.has_work(Lane.IMAGE)


def test_a_claim_carries_the_job_and_the_step(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)

    claim = spine.claim()

    assert (claim.job.id, claim.job.state) == (job_id, JobState.RUNNING)
    assert claim.job.request["panels"] == 3
    assert (claim.step.kind, claim.step.state) == (StepKind.SCENES, StepState.RUNNING)
    assert (claim.step.attempt, claim.token) == (1, 1)


def test_lanes_do_not_mix(spine: Spine, session: SessionId) -> None:
    spine.submit(session)

    assert spine.ledger.has_work(Lane.IMAGE)
    assert not spine.ledger.has_work(Lane.SPEECH)
    assert spine.ledger.claim_next(Lane.SPEECH) is None


def test_the_oldest_step_of_a_session_comes_first(spine: Spine, session: SessionId) -> None:
    first, second = spine.submit(session), spine.submit(session)

    assert [spine.claim().job.id, spine.claim().job.id] == [first, second]


def test_panels_come_in_their_order(spine: Spine, session: SessionId) -> None:
    spine.make_scenes(session, panels=5)

    assert [spine.claim().step.number for _ in range(5)] == [1, 2, 3, 4, 5]


def test_two_sessions_take_turns_whatever_the_length_of_their_stories(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    spine.make_scenes(session, panels=8)
    spine.make_scenes(other, panels=8)

    claims = [spine.claim() for _ in range(6)]

    assert Counter(claim.job.session_id for claim in claims) == {session: 3, other: 3}


def test_a_newcomer_is_served_before_the_rest_of_a_long_story(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    spine.make_scenes(session, panels=60)
    spine.claim()

    late = spine.submit(other)

    assert spine.claim().job.id == late


def test_with_equal_load_the_oldest_step_wins(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    first = spine.make_scenes(session)
    spine.submit(other)

    assert spine.claim().job.id == first


def test_a_redo_comes_before_everything_else(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    done = spine.make_scenes(session, panels=1)
    spine.work()
    spine.make_scenes(session, panels=20)
    running = spine.claim()
    spine.submit(other)

    redo = spine.redo(session, done, 1)

    assert running.job.session_id == session  # the busiest session, and still first
    assert spine.claim().job.id == redo


def test_a_higher_priority_wins_over_age(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    urgent = spine.submit(session)
    spine.change_step(spine.steps(urgent)[0].id, priority=5)

    assert spine.claim().job.id == urgent


def test_claimers_at_the_same_moment_never_get_the_same_step(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    spine.make_scenes(session, panels=20)
    spine.make_scenes(other, panels=20)
    taken: list[str] = []
    start = threading.Barrier(4)

    def take_ten() -> None:
        start.wait()
        for _ in range(10):
            taken.append(spine.claim().step.id)

    threads = [threading.Thread(target=take_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == 40
    assert spine.ledger.claim_next(Lane.IMAGE) is None


# --- finishing ---------------------------------------------------------------------------------


def test_the_last_step_of_a_stage_begins_the_next_one_and_rings(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session, panels=5)
    claim = spine.claim()
    assert spine.job(job_id).stage == Stage.SCENE_GENERATION
    spine.rung.clear()

    spine.complete(claim)

    job = spine.job(job_id)
    assert (job.stage, job.state, job.source) == (Stage.IMAGE_GENERATION, JobState.RUNNING, "rules")
    assert (job.steps_total, job.steps_done) == (6, 1)
    assert spine.rung == [5]


def test_a_job_whose_steps_are_all_done_is_complete(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)

    spine.work()

    view = spine.view(job_id)
    assert (view.state, view.progress, view.problem) == (JobState.COMPLETED, 1.0, None)
    assert [panel.version for panel in view.panels] == [1, 1, 1]
    assert view.ended_at >= view.started_at >= view.created_at


def test_finishing_takes_the_next_step_in_the_same_go(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    claim = spine.claim()

    following = spine.ledger.finish(
        claim, Ending(outcome="completed", result=spine.result(claim)), then_claim=Lane.IMAGE
    )

    assert following is not None
    assert (following.step.number, following.job.id) == (2, job_id)
    assert spine.step(following.step.id).state == StepState.RUNNING
    assert spine.job(job_id).seq == max(row.seq for row in spine.steps(job_id))


def test_after_the_last_step_the_next_one_is_of_another_job(
    spine: Spine, session: SessionId
) -> None:
    first = spine.make_scenes(session, panels=1)
    claim = spine.claim()
    second = spine.submit(session)

    following = spine.ledger.finish(
        claim, Ending(outcome="completed", result=spine.result(claim)), then_claim=Lane.IMAGE
    )

    assert following is not None
    assert following.job.id == second
    assert (spine.state(first), spine.state(second)) == (JobState.COMPLETED, JobState.RUNNING)


def test_every_attempt_keeps_its_timings(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    claim = spine.claim()

    spine.ledger.finish(
        claim,
        Ending(outcome="completed", result=spine.result(claim), spans=[SPLIT]),
    )

    (attempt,) = spine.rows(schema.attempts)
    assert (attempt.outcome, attempt.attempt, attempt.timings) == (
        "completed",
        1,
        [SPLIT.model_dump()],
    )


# --- leases and tokens -------------------------------------------------------------------------


def lose(spine: Spine, claim: object) -> None:
    """Have the reaper take a step from its worker."""
    spine.kill_worker_of(claim)  # type: ignore[arg-type]
    spine.reaper.look()


def test_a_lost_lease_can_write_nothing(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    old = spine.claim()
    lose(spine, old)
    before = (spine.job(job_id), spine.steps(job_id), spine.rows(schema.attempts))

    assert not spine.ledger.renew(old)
    assert not spine.ledger.renew(old, (0.5, "half"))
    for outcome in ("completed", "failed", "released", "cancelled"):
        result = spine.result(old) if outcome == "completed" else None
        with pytest.raises(LeaseLost, match=old.step.id):
            spine.ledger.finish(old, Ending(outcome=outcome, result=result))

    assert (spine.job(job_id), spine.steps(job_id), spine.rows(schema.attempts)) == before
    assert spine.rows(schema.artifacts) == []


def test_only_the_newest_token_counts_while_another_worker_has_the_step(
    spine: Spine, session: SessionId
) -> None:
    spine.make_scenes(session)
    old = spine.claim()
    lose(spine, old)
    new = spine.claim()
    assert new.step.id == old.step.id
    assert new.token == old.token + 1

    with pytest.raises(LeaseLost):
        spine.complete(old)
    kept = spine.complete(new)

    (artifact,) = spine.rows(schema.artifacts)
    assert artifact.id == kept.artifacts[0].file.id
    assert spine.ledger.keeps(artifact.id)


def test_a_result_is_taken_once(spine: Spine, session: SessionId) -> None:
    spine.make_scenes(session)
    claim = spine.claim()
    spine.complete(claim)

    with pytest.raises(LeaseLost):
        spine.complete(claim)

    assert len(spine.rows(schema.artifacts)) == 1


def test_a_heartbeat_prolongs_the_lease(spine: Spine, session: SessionId) -> None:
    spine.submit(session)
    claim = spine.claim()
    before = spine.step(claim.step.id).lease_until
    seq = spine.job(claim.job.id).seq
    spine.store.ahead_s = 10

    assert spine.ledger.renew(claim)

    assert spine.step(claim.step.id).lease_until == pytest.approx(before + 10, abs=1)
    assert spine.job(claim.job.id).seq == seq  # nothing that a follower could see


def test_progress_travels_with_the_heartbeat(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session, panels=1)
    claim = spine.claim()
    seq = spine.job(job_id).seq

    assert spine.ledger.renew(claim, (0.5, "half way"))

    (step,) = spine.view(job_id).steps
    assert (step.progress, step.message) == (0.5, "half way")
    assert spine.view(job_id).progress == 0.25  # one of two steps, half done
    assert spine.job(job_id).seq == seq + 1


# --- failures ----------------------------------------------------------------------------------


def test_a_failed_step_is_tried_again_later_and_later_and_then_no_more(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)
    delays = []
    for _ in range(LIMITS.retries):
        claim = spine.claim()
        spine.fail(claim, may_retry=True)
        step = spine.step(claim.step.id)
        assert (step.state, step.error_code) == (StepState.WAITING, "failed")
        assert spine.state(job_id) is JobState.WAITING
        assert spine.ledger.claim_next(Lane.IMAGE) is None
        with spine.store.read() as connection:
            now = spine.store.now(connection)
        delays.append(round(step.not_before - now))
        spine.store.ahead_s += delays[-1] + 1
        spine.reaper.look()
        assert spine.state(job_id) is JobState.RUNNING

    spine.fail(spine.claim(), may_retry=True)

    # a little later each time, by chance, so that what failed together does not come back together
    assert 60 <= delays[0] <= 72
    assert 120 <= delays[1] <= 144
    view = spine.view(job_id)
    assert (view.state, view.problem.code) == (JobState.FAILED, "failed")
    assert view.problem.message == "The pencil broke."
    assert [row.outcome for row in spine.rows(schema.attempts)] == ["failed"] * 3


@pytest.mark.parametrize(
    ("error", "state", "code", "message"),
    [
        (BackendRefused("No such style."), StepState.FAILED, "refused", "No such style."),
        (BackendDown("It is away."), StepState.WAITING, "provider_down", "It is away."),
        (
            BackendBusy("It rests.", retry_after_s=30),
            StepState.WAITING,
            "provider_busy",
            "It rests.",
        ),
        (OutcomeUnknown("No answer."), StepState.UNKNOWN, "unknown_outcome", "No answer."),
        (OSError("a path"), StepState.WAITING, "internal", "inside (OSError); the log tells more"),
        (TimeoutError(), StepState.WAITING, "time_limit", "stopped after 5 s"),
    ],
)
def test_what_a_backend_refused_is_not_tried_again_and_everything_else_is(
    error: Exception, state: StepState, code: str, message: str, spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)

    async def run(context: StepContext) -> StepResult:
        raise error

    limits = TimeLimits(soft_s=5, hard_s=60)
    worker = StepWorker(Lane.IMAGE, spine.ledger, spine.files, run, limits)
    worker.drain(lambda: False)
    worker._loop.close()

    (step,) = spine.steps(job_id)
    assert (step.state, step.error_code, worker.steps_done) == (state, code, 1)
    assert message in step.error


def test_a_waiting_step_does_not_hold_up_the_others(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)

    spine.fail(spine.claim(), may_retry=True)

    assert spine.state(job_id) is JobState.RUNNING
    assert spine.claim().step.number == 2


def test_some_panels_make_a_job_partial_and_none_make_it_failed(
    spine: Spine, session: SessionId
) -> None:
    some, none = spine.make_scenes(session), spine.make_scenes(session)

    for job_id, failing in ((some, [2]), (none, [1, 2, 3])):
        while (claim := spine.ledger.claim_next(Lane.IMAGE)) and claim.job.id == job_id:
            spine.fail(claim) if claim.step.number in failing else spine.complete(claim)
        if claim:
            spine.release(claim)

    assert (spine.state(some), spine.state(none)) == (JobState.PARTIAL, JobState.FAILED)
    view = spine.view(some)
    assert (view.steps_done, view.steps_failed, view.problem.code) == (3, 1, "failed")
    assert [panel.problem and panel.problem.code for panel in view.panels] == [None, "failed", None]


def test_a_released_step_is_queued_again_without_being_counted(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)
    for _ in range(10):
        spine.release(spine.claim())

    (step,) = spine.steps(job_id)
    assert (step.state, step.failures, step.deaths) == (StepState.QUEUED, 0, 0)
    assert spine.state(job_id) is JobState.RUNNING
    assert spine.claim().step.attempt == 11


# --- what kills its workers --------------------------------------------------------------------


def test_a_step_that_killed_two_workers_waits_until_the_machine_is_empty(
    spine: Spine, session: SessionId
) -> None:
    spine.make_scenes(session, panels=4)
    deadly = spine.claim()
    bystander = spine.claim()
    lose(spine, deadly)
    again = spine.claim()
    assert again.step.id == deadly.step.id
    lose(spine, again)

    assert spine.ledger.claim_next(Lane.IMAGE) is None  # the bystander still runs here
    spine.complete(bystander)
    alone = spine.claim()

    assert alone.step.id == deadly.step.id
    assert spine.ledger.claim_next(Lane.IMAGE) is None  # and nothing joins it
    spine.complete(alone)
    assert spine.claim().step.number == 3


def test_another_machine_goes_on_while_a_step_runs_alone_elsewhere(
    spine: Spine, session: SessionId
) -> None:
    spine.make_scenes(session)
    deadly = spine.claim()
    spine.change_step(deadly.step.id, deaths=2, host="elsewhere")

    assert spine.claim().step.number == 2


def test_the_third_death_fails_the_step_and_says_why(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session, panels=1)

    for _ in range(3):
        lose(spine, spine.claim())

    (panel,) = spine.view(job_id).panels
    assert panel.state is StepState.FAILED
    assert panel.problem.code == "worker_died"
    assert "killed" in panel.problem.message
    assert spine.state(job_id) is JobState.FAILED
    assert spine.ledger.claim_next(Lane.IMAGE) is None
    outcomes = [row.outcome for row in spine.rows(schema.attempts, kind="panel")]
    assert outcomes == ["died"] * 3


# --- cancelling --------------------------------------------------------------------------------


def test_a_running_step_hears_that_its_job_is_cancelled(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    claim = spine.claim()
    assert not spine.ledger.is_cancelling(claim)

    spine.orders.cancel(session, job_id)

    assert spine.ledger.is_cancelling(claim)


@pytest.mark.parametrize("outcome", ["cancelled", "failed", "released", "died"])
def test_whatever_ends_a_running_step_of_a_cancelled_job_cancels_it(
    outcome: str, spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    claim = spine.claim()
    spine.orders.cancel(session, job_id)
    assert spine.state(job_id) is JobState.CANCELLING

    spine.ledger.finish(claim, Ending(outcome=outcome, may_retry=True))

    assert spine.state(job_id) is JobState.CANCELLED
    assert spine.step_states(job_id) == [StepState.COMPLETED] + [StepState.CANCELLED] * 3


def test_a_job_cancelled_before_it_has_panels_is_not_complete(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)
    claim = spine.claim()
    spine.orders.cancel(session, job_id)

    spine.complete(claim)  # it came too late to be stopped

    assert spine.state(job_id) is JobState.CANCELLED
    assert spine.step_states(job_id) == [StepState.COMPLETED]


def test_a_job_whose_last_panel_was_ready_before_it_could_be_cancelled_is_complete(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session, panels=1)
    claim = spine.claim()
    spine.orders.cancel(session, job_id)

    spine.complete(claim)

    assert spine.state(job_id) is JobState.COMPLETED


def test_a_plan_that_breaks_fails_the_step_with_its_reason(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)

    async def run(context: StepContext) -> StepResult:
        return StepResult(data={"source": "rules", "panels": "none at all"})

    limits = TimeLimits(soft_s=60, hard_s=120)
    worker = StepWorker(Lane.IMAGE, spine.ledger, spine.files, run, limits)
    worker.drain(lambda: False)
    worker._loop.close()

    (step,) = spine.steps(job_id)
    assert step.state == StepState.WAITING  # it is tried again, as any failure
    assert step.error_code == "internal"
    assert "ValidationError" in step.error
