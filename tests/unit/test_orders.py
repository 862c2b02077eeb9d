"""What a session may order: submit, redo, cancel, retry, delete, restore."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.states import JobKind, JobState, Lane, StepState
from komadori.errors import NotFound, RequestRejected
from komadori.queue import schema
from komadori.queue.artifact_rows import add_reference
from tests.unit.conftest import FAILED, STORY, Spine, a_file

# --- submitting --------------------------------------------------------------------------------


def test_a_submitted_story_is_a_queued_job_with_one_step(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)

    job = spine.job(job_id)
    assert (job.state, job.kind, job.steps_total) == (JobState.QUEUED, JobKind.STORYBOARD, 1)
    assert job.title == STORY.replace(" stopped.", "…")
    assert spine.rung == [1]


def test_a_refused_request_leaves_nothing(spine: Spine, session: SessionId) -> None:
    with pytest.raises(RequestRejected):
        spine.orders.submit_storyboard(session, {"story": "", "panels": 3}, None)

    assert spine.rows(schema.jobs) == []
    assert spine.rung == []


def test_the_same_key_returns_the_job_that_exists(spine: Spine, session: SessionId) -> None:
    first = spine.submit(session, key="k1")

    assert spine.submit(session, key="k1") == first
    assert len(spine.rows(schema.jobs)) == 1
    assert spine.rung == [1]


def test_another_key_or_none_makes_another_job(spine: Spine, session: SessionId) -> None:
    made = {spine.submit(session, key=key) for key in ("k1", "k2", None, None, "")}

    assert len(made) == 5


def test_another_session_may_use_the_same_key(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    assert spine.submit(session, key="k1") != spine.submit(other, key="k1")


def test_the_same_key_at_the_same_moment_makes_one_job(spine: Spine, session: SessionId) -> None:
    start = Barrier(4)

    def submit(_: int) -> JobId:
        start.wait()
        return spine.submit(session, key="k1")

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(submit, range(4)))

    assert len(made) == 1
    assert len(spine.rows(schema.jobs)) == 1
    assert len(spine.rows(schema.steps)) == 1


@pytest.mark.parametrize("key", ["x" * 201, 7])
def test_a_key_that_cannot_be_is_refused(spine: Spine, session: SessionId, key: Any) -> None:
    with pytest.raises(RequestRejected, match="idempotency_key"):
        spine.submit(session, key=key)


# --- reference pictures ------------------------------------------------------------------------


def submit_with(spine: Spine, session: SessionId, reference: str) -> JobId:
    cast = [{"name": "Mei", "reference": reference}]
    data = {"story": STORY, "panels": 3, "characters": cast}
    return spine.orders.submit_storyboard(session, data, None)


def keep_reference(spine: Spine, session: SessionId) -> ArtifactId:
    file = a_file()
    with spine.store.write() as connection:
        add_reference(connection, session, file, now=1.0)
    return file.id


def test_a_reference_of_the_session_is_taken(spine: Spine, session: SessionId) -> None:
    reference = keep_reference(spine, session)

    job_id = submit_with(spine, session, reference)

    assert spine.job(job_id).request["characters"][0]["reference"] == reference


def test_a_reference_of_another_session_is_refused_like_an_unknown_one(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    for reference in (keep_reference(spine, other), new_id(), ""):
        with pytest.raises(RequestRejected, match="'Mei' is not in this session") as refusal:
            submit_with(spine, session, reference)
        assert refusal.value.code == "reference_not_found"

    assert spine.rows(schema.jobs) == []


# --- cancelling --------------------------------------------------------------------------------


def test_a_queued_job_is_cancelled_at_once(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)

    spine.orders.cancel(session, job_id)

    assert spine.state(job_id) is JobState.CANCELLED
    assert spine.step_states(job_id) == [StepState.CANCELLED]
    assert spine.ledger.claim_next(Lane.IMAGE) is None


def test_queued_panels_are_dropped_at_once_and_running_ones_go_on_to_their_checkpoint(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.complete(spine.claim())
    spine.claim()

    spine.orders.cancel(session, job_id)

    assert spine.state(job_id) is JobState.CANCELLING
    assert spine.step_states(job_id)[1:] == [
        StepState.COMPLETED,
        StepState.RUNNING,
        StepState.CANCELLED,
    ]


def test_a_waiting_step_is_cancelled_too(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.fail(spine.claim(), may_retry=True)

    spine.orders.cancel(session, job_id)

    assert spine.state(job_id) is JobState.CANCELLED
    spine.store.ahead_s = 10_000
    spine.reaper.look()
    assert spine.ledger.claim_next(Lane.IMAGE) is None


def test_cancelling_what_has_ended_or_is_being_cancelled_changes_nothing(
    spine: Spine, session: SessionId
) -> None:
    done = spine.make_scenes(session, panels=1)
    spine.work()
    stopping = spine.submit(session)
    spine.claim()
    spine.orders.cancel(session, stopping)
    before = spine.rows(schema.jobs)

    spine.orders.cancel(session, done)
    spine.orders.cancel(session, stopping)

    assert spine.rows(schema.jobs) == before


# --- making what is missing --------------------------------------------------------------------


def test_a_retry_makes_only_what_is_missing(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session, panels=4)
    spine.work(failing=[2, 4])
    assert spine.state(job_id) is JobState.PARTIAL

    spine.orders.retry(session, job_id)

    assert spine.state(job_id) is JobState.QUEUED
    assert spine.job(job_id).error is None
    numbers = []
    while (claim := spine.ledger.claim_next(Lane.IMAGE)) is not None:
        numbers.append(claim.step.number)
        spine.complete(claim)
    assert numbers == [2, 4]
    assert spine.state(job_id) is JobState.COMPLETED
    assert spine.job(job_id).steps_failed == 0


def test_a_retry_forgives_earlier_failures(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.fail(spine.claim(), may_retry=True)
    spine.orders.cancel(session, job_id)

    spine.orders.retry(session, job_id)

    (step,) = spine.steps(job_id)
    assert (step.state, step.failures, step.not_before) == (StepState.QUEUED, 0, None)


def test_a_retry_forgives_earlier_deaths(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    for _ in range(3):
        spine.kill_worker_of(spine.claim())
        spine.reaper.look()
    assert spine.state(job_id) is JobState.FAILED

    spine.orders.retry(session, job_id)

    (step,) = spine.steps(job_id)
    assert (step.deaths, step.error) == (0, None)
    assert spine.claim().step.attempt == 4


def test_a_retry_of_a_cancelled_job_goes_on_where_it_stopped(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.submit(session)
    claim = spine.claim()
    spine.orders.cancel(session, job_id)
    spine.complete(claim)

    spine.orders.retry(session, job_id)
    assert spine.step_states(job_id)[1:] == [StepState.QUEUED] * 3
    spine.work()

    assert spine.state(job_id) is JobState.COMPLETED


def test_a_retry_of_what_is_open_or_complete_is_refused(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session, panels=1)
    with pytest.raises(RequestRejected, match="not ended") as refusal:
        spine.orders.retry(session, job_id)
    assert refusal.value.code == "job_open"

    spine.work()
    with pytest.raises(RequestRejected, match="complete") as refusal:
        spine.orders.retry(session, job_id)
    assert refusal.value.code == "nothing_missing"


# --- drawing a panel again ---------------------------------------------------------------------


def test_a_redo_keeps_the_old_version_and_shows_the_new_one(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work()
    before = spine.view(job_id).panels[1]

    redo = spine.redo(session, job_id, 2, wanted=" closer ", seed=11)
    assert spine.view(job_id).panels[1].redo == redo
    request = spine.job(redo).request
    assert (request["drawing"]["modification"], request["drawing"]["seed"]) == ("closer", 11)
    spine.work()

    after = spine.view(job_id).panels[1]
    assert (after.version, after.versions, after.redo) == (2, 2, None)
    assert after.picture != before.picture
    view = spine.view(redo)
    assert (view.state, view.target, view.title) == (JobState.COMPLETED, job_id, "closer")
    assert [panel.version for panel in spine.view(job_id).panels] == [1, 2, 1]


def test_a_redo_without_a_seed_takes_a_new_one(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work()

    redos = [spine.redo(session, job_id, 1) for _ in range(3)]

    seeds = {spine.job(redo).request["drawing"]["seed"] for redo in redos}
    assert len(seeds) == 3


def test_a_redo_that_fills_the_last_gap_completes_the_storyboard(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    assert spine.state(job_id) is JobState.PARTIAL

    spine.redo(session, job_id, 2)
    spine.work()

    view = spine.view(job_id)
    assert (view.state, view.problem) == (JobState.COMPLETED, None)
    assert (view.steps_done, view.steps_failed) == (4, 0)
    filled = view.panels[1]
    assert (filled.state, filled.version, filled.problem) == (StepState.COMPLETED, 1, None)
    assert view.steps[2].progress == 1.0
    with pytest.raises(RequestRejected, match="complete"):
        spine.orders.retry(session, job_id)


def test_a_redo_that_fills_one_of_two_gaps_leaves_the_storyboard_partial(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[1, 2])

    spine.redo(session, job_id, 2)
    spine.work()

    assert spine.state(job_id) is JobState.PARTIAL
    assert spine.job(job_id).steps_failed == 1


def test_a_redo_of_a_cancelled_panel_leaves_the_job_cancelled(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.complete(spine.claim())
    spine.orders.cancel(session, job_id)

    spine.redo(session, job_id, 2)
    spine.work()

    assert spine.state(job_id) is JobState.CANCELLED
    assert [panel.version for panel in spine.view(job_id).panels] == [1, 1, 0]


def test_a_failed_redo_leaves_the_panel_as_it_was(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work()
    seq = spine.job(job_id).seq
    redo = spine.redo(session, job_id, 1)

    spine.work(failing=[1])

    assert spine.state(redo) is JobState.FAILED
    assert spine.state(job_id) is JobState.COMPLETED
    panel = spine.view(job_id).panels[0]
    assert (panel.version, panel.redo) == (1, None)
    assert spine.job(job_id).seq > seq  # who follows the storyboard sees it


def test_a_redo_needs_a_panel_that_has_ended(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)

    with pytest.raises(RequestRejected, match="Panel 1 is still being drawn") as refusal:
        spine.redo(session, job_id, 1)
    assert refusal.value.code == "panel_open"
    with pytest.raises(NotFound, match="no panel '9'"):
        spine.redo(session, job_id, 9)
    spine.work()
    redo = spine.redo(session, job_id, 1)
    with pytest.raises(NotFound, match="no job"):
        spine.redo(session, redo, 1)


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, True, "7"])
def test_a_seed_out_of_range_is_refused(spine: Spine, session: SessionId, seed: Any) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()

    with pytest.raises(RequestRejected, match="seed: it must be a whole number"):
        spine.redo(session, job_id, 1, seed=seed)


def test_the_same_key_orders_one_redo(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work()

    assert spine.redo(session, job_id, 1, key="r1") == spine.redo(session, job_id, 1, key="r1")


# --- versions ----------------------------------------------------------------------------------


def test_an_older_version_can_be_restored_and_a_new_one_follows_the_newest(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()
    first = spine.view(job_id).panels[0].picture
    spine.redo(session, job_id, 1)
    spine.work()

    spine.orders.restore(session, job_id, 1, 1)
    panel = spine.view(job_id).panels[0]
    assert (panel.version, panel.versions, panel.picture) == (1, 2, first)

    spine.redo(session, job_id, 1)
    spine.work()
    assert spine.view(job_id).panels[0].version == 3


def test_a_version_that_is_not_there_cannot_be_restored(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()

    with pytest.raises(NotFound, match="no version '2'"):
        spine.orders.restore(session, job_id, 1, 2)

    assert spine.view(job_id).panels[0].version == 1


# --- deleting ----------------------------------------------------------------------------------


def test_a_deleted_job_is_stopped_and_can_be_brought_back(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)

    spine.orders.delete(session, job_id)
    assert spine.view(job_id).deleted
    assert spine.state(job_id) is JobState.CANCELLED

    spine.orders.undelete(session, job_id)
    assert not spine.view(job_id).deleted


def test_the_redos_of_a_deleted_storyboard_are_stopped_with_it(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work()
    redo = spine.redo(session, job_id, 1)

    spine.orders.delete(session, job_id)

    assert spine.state(redo) is JobState.CANCELLED


def test_deleting_twice_does_not_prolong_the_stay(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.orders.delete(session, job_id)
    first = spine.job(job_id).deleted_at
    spine.store.ahead_s = 100

    spine.orders.delete(session, job_id)

    assert spine.job(job_id).deleted_at == first


# --- another session ---------------------------------------------------------------------------

ORDERS: dict[str, Callable[[Spine, SessionId, JobId], object]] = {
    "cancel": lambda spine, session, job: spine.orders.cancel(session, job),
    "retry": lambda spine, session, job: spine.orders.retry(session, job),
    "delete": lambda spine, session, job: spine.orders.delete(session, job),
    "undelete": lambda spine, session, job: spine.orders.undelete(session, job),
    "restore": lambda spine, session, job: spine.orders.restore(session, job, 1, 1),
    "redo": lambda spine, session, job: spine.redo(session, job, 1),
}


@pytest.mark.parametrize("order", ORDERS)
def test_another_sessions_job_looks_like_one_that_does_not_exist(
    order: str, spine: Spine, session: SessionId, other: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    before = spine.rows(schema.jobs)
    unknown = JobId(new_id())

    with pytest.raises(NotFound) as anothers:
        ORDERS[order](spine, other, job_id)
    with pytest.raises(NotFound) as missing:
        ORDERS[order](spine, session, unknown)

    assert str(anothers.value).replace(job_id, "") == str(missing.value).replace(unknown, "")
    assert spine.rows(schema.jobs) == before


def test_a_deleted_job_can_neither_be_retried_nor_redone(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    spine.orders.delete(session, job_id)

    with pytest.raises(NotFound):
        spine.orders.retry(session, job_id)
    with pytest.raises(NotFound):
        spine.redo(session, job_id, 1)
    assert [row.id for row in spine.rows(schema.jobs)] == [job_id]


def test_the_key_of_a_deleted_job_makes_a_new_one(spine: Spine, session: SessionId) -> None:
    first = spine.submit(session, key="k1")
    spine.orders.delete(session, first)

    second = spine.submit(session, key="k1")

    assert second != first
    assert spine.submit(session, key="k1") == second


def test_a_late_redo_does_not_make_the_storyboard_look_slow(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    ended_at = spine.job(job_id).ended_at
    spine.store.ahead_s = 7200

    spine.redo(session, job_id, 2)
    spine.work()

    assert spine.state(job_id) is JobState.COMPLETED
    assert spine.job(job_id).ended_at == ended_at


@pytest.mark.parametrize(
    ("story", "title"),
    [
        (f"A short one.\n{STORY}", "A short one."),
        (STORY * 3, f"{(STORY * 3)[:79].rpartition(' ')[0]}…"),
        ("从前有座山山里有座庙" * 12, f"{('从前有座山山里有座庙' * 12)[:80]}…"),
    ],
)
def test_a_job_is_called_by_its_first_line_cut_after_a_word(
    story: str, title: str, spine: Spine, session: SessionId
) -> None:
    job_id = spine.orders.submit_storyboard(session, {"story": story, "panels": 1}, None)

    assert spine.job(job_id).title == title


def test_a_key_that_was_used_for_something_else_is_refused(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session)
    spine.work()
    spine.submit(session, key="k1")

    for order in (
        lambda: spine.submit(session, panels=4, key="k1"),
        lambda: spine.redo(session, job_id, 1, key="k1"),
    ):
        with pytest.raises(RequestRejected, match="used for another request"):
            order()
    redo = spine.redo(session, job_id, 1, wanted="closer", key="k2")
    assert spine.redo(session, job_id, 1, wanted="closer", key="k2") == redo
    with pytest.raises(RequestRejected, match="used for another request"):
        spine.redo(session, job_id, 2, wanted="closer", key="k2")


def test_a_job_that_waits_for_a_retry_says_why(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session)
    spine.fail(spine.claim(), may_retry=True)

    assert spine.view(job_id).state is JobState.WAITING
    assert spine.view(job_id).problem == FAILED

    spine.store.ahead_s = 80
    spine.reaper.look()
    spine.work()
    assert spine.view(job_id).problem is None
