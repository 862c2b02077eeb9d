"""What a session sees of its jobs: lists, log, versions, places in the queue."""

from typing import Any

import pytest

from komadori.domain.ids import ArtifactId, JobId, SessionId
from komadori.domain.states import JobKind, JobState, Lane, StepState
from komadori.domain.view import JobView, ListPart, LogEntry
from komadori.errors import NotFound, RequestRejected
from komadori.queue import lookup
from komadori.queue.forecast import Forecast
from tests.unit.conftest import STORY, Spine


def listed(spine: Spine, session: SessionId, **wanted: Any) -> ListPart[JobView]:
    values = {"limit": 50, "offset": 0, "state": None, "kind": None} | wanted
    with spine.store.read() as connection:
        forecast = Forecast.read(connection, workers=4)
        return lookup.list_jobs(connection, session, forecast, **values)


def log_of(spine: Spine, job_id: JobId) -> tuple[LogEntry, ...]:
    with spine.store.read() as connection:
        return lookup.read_log(connection, job_id)


# --- lists -------------------------------------------------------------------------------------


def test_the_newest_job_is_listed_first(spine: Spine, session: SessionId) -> None:
    made = [spine.submit(session) for _ in range(3)]

    assert [job.id for job in listed(spine, session).items] == made[::-1]


def test_a_list_names_jobs_without_their_insides(spine: Spine, session: SessionId) -> None:
    spine.make_scenes(session)

    (job,) = listed(spine, session).items

    assert job.title == STORY.replace(" stopped.", "…")
    assert (job.state, job.steps_total) == (JobState.RUNNING, 4)
    assert (job.steps, job.panels, job.request) == ((), (), {})


def test_a_list_comes_in_parts(spine: Spine, session: SessionId) -> None:
    made = [spine.submit(session) for _ in range(5)][::-1]

    parts = [listed(spine, session, limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [[job.id for job in part.items] for part in parts] == [
        made[:2],
        made[2:4],
        made[4:],
        [],
    ]
    assert {part.total for part in parts} == {5}


def test_a_list_can_be_of_one_state_or_kind(spine: Spine, session: SessionId) -> None:
    done = spine.make_scenes(session, panels=1)
    spine.work()
    redo = spine.redo(session, done, 1)
    queued = spine.submit(session)

    def ids(**wanted: Any) -> list[str]:
        part = listed(spine, session, **wanted)
        assert part.total == len(part.items)
        return [job.id for job in part.items]

    assert ids(state=JobState.COMPLETED) == [done]
    assert ids(state=JobState.QUEUED) == [queued, redo]
    assert ids(kind=JobKind.PANEL) == [redo]
    assert ids(state=JobState.QUEUED, kind=JobKind.STORYBOARD) == [queued]
    assert ids(state=JobState.FAILED) == []


def test_deleted_jobs_and_those_of_others_are_not_listed(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    job_id = spine.submit(session)
    spine.submit(other)
    spine.orders.delete(session, spine.submit(session))

    part = listed(spine, session)

    assert ([job.id for job in part.items], part.total) == ([job_id], 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("limit", 0), ("limit", 201), ("limit", True), ("limit", "5"), ("offset", -1)],
)
def test_a_part_that_cannot_be_is_refused(
    field: str, value: Any, spine: Spine, session: SessionId
) -> None:
    with pytest.raises(RequestRejected, match=f"{field}: it must be a whole number from"):
        listed(spine, session, **{field: value})


# --- places and times --------------------------------------------------------------------------


def test_places_count_from_one_and_move_up(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    jobs = [spine.submit(session), spine.submit(other), spine.submit(session)]
    assert [spine.view(job).position for job in jobs] == [1, 2, 3]

    spine.claim()

    assert [spine.view(job).position for job in jobs] == [None, 1, 2]


def test_a_redo_has_the_first_place(spine: Spine, session: SessionId) -> None:
    done = spine.make_scenes(session, panels=1)
    spine.work()
    queued = spine.submit(session)

    redo = spine.redo(session, done, 1)

    assert (spine.view(redo).position, spine.view(queued).position) == (1, 2)


def test_without_history_nothing_is_said_of_the_time_left(spine: Spine, session: SessionId) -> None:
    assert spine.view(spine.submit(session)).eta_s is None


def test_the_time_left_follows_from_the_history(spine: Spine, session: SessionId) -> None:
    spine.make_scenes(session, panels=2)
    spine.work()
    spine.run_sql("UPDATE attempts SET started_at = 100, ended_at = 108 WHERE kind = 'panel'")

    running = spine.make_scenes(session, panels=7)
    spine.claim()
    queued = spine.submit(session, panels=3)
    soon, late = spine.view(running).eta_s, spine.view(queued).eta_s
    spine.work()

    assert soon == pytest.approx(7 * 8 / 4, abs=0.2)  # seven panels, four at a time
    assert late > soon / 2  # who waits, waits for others too
    assert spine.view(queued).eta_s is None  # it has ended


# --- the log -----------------------------------------------------------------------------------


def test_the_log_tells_in_order_what_has_happened(spine: Spine, session: SessionId) -> None:
    job_id = spine.submit(session, panels=2)
    spine.kill_worker_of(spine.claim())
    spine.reaper.look()
    spine.work(failing=[2])
    spine.orders.retry(session, job_id)
    spine.work()
    spine.orders.restore(session, job_id, 1, 1)

    log = log_of(spine, job_id)

    assert [entry.kind for entry in log] == [
        "submitted",
        "step_died",
        "step_completed",
        "step_completed",
        "step_failed",
        "ended",
        "retried",
        "step_completed",
        "ended",
        "restored",
    ]
    assert [entry.sequence for entry in log] == sorted({entry.sequence for entry in log})
    failed = log[4]
    assert (failed.facts["step"], failed.facts["number"]) == ("panel", 2)
    assert failed.facts["error"] == "The pencil broke."
    assert [entry.facts["state"] for entry in log if entry.kind == "ended"] == [
        "PARTIAL",
        "COMPLETED",
    ]


def test_the_log_tells_of_redos_cancels_and_deletes(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()
    redo = spine.redo(session, job_id, 1)
    spine.orders.cancel(session, redo)
    spine.orders.delete(session, job_id)
    spine.orders.undelete(session, job_id)

    kinds = [entry.kind for entry in log_of(spine, job_id)]

    assert kinds[-4:] == ["redo_submitted", "redo_ended", "deleted", "undeleted"]
    assert [entry.kind for entry in log_of(spine, redo)] == ["submitted", "cancel_asked", "ended"]


# --- versions and files ------------------------------------------------------------------------


def test_versions_are_listed_oldest_first_with_what_was_wished(
    spine: Spine, session: SessionId
) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()
    spine.redo(session, job_id, 1, wanted="closer")
    spine.work()

    with spine.store.read() as connection:
        first, second = lookup.read_versions(connection, job_id, 1)

    assert (first.version, first.wish, first.is_current) == (1, "", False)
    assert (second.version, second.wish, second.is_current) == (2, "closer", True)
    assert second.made_at > first.made_at
    assert second.seed is not None


def test_a_panel_without_a_picture_has_no_versions(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)

    with spine.store.read() as connection, pytest.raises(NotFound, match="no panel '1'"):
        lookup.read_versions(connection, job_id, 1)


def test_a_file_is_seen_by_its_session_only(
    spine: Spine, session: SessionId, other: SessionId
) -> None:
    job_id = spine.make_scenes(session, panels=1)
    spine.work()
    picture = spine.view(job_id).panels[0].picture

    with spine.store.read() as connection:
        lookup.require_file(connection, session, picture)
        with pytest.raises(NotFound):
            lookup.require_file(connection, other, picture)
        with pytest.raises(NotFound):
            lookup.require_file(connection, session, ArtifactId("0" * 20))


def test_an_id_that_is_no_id_is_not_found(spine: Spine, session: SessionId) -> None:
    assert spine.ledger.claim_next(Lane.IMAGE) is None
    for job_id in ("", "' OR 1=1 --", "x" * 10_000):
        with spine.store.read() as connection, pytest.raises(NotFound):
            lookup.require_job(connection, session, JobId(job_id))


def test_a_list_shows_each_jobs_film_strip(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    spine.redo(session, job_id, 1)
    spine.work()

    redo, storyboard = listed(spine, session).items

    states = [(frame.number, frame.state, bool(frame.picture)) for frame in storyboard.frames]
    done, failed = StepState.COMPLETED, StepState.FAILED
    assert states == [(1, done, True), (2, failed, False), (3, done, True)]
    assert [(frame.number, frame.state) for frame in redo.frames] == [(1, done)]
    assert redo.frames[0].picture == spine.view(job_id).panels[0].picture


def test_the_strip_follows_redos_and_restored_versions(spine: Spine, session: SessionId) -> None:
    job_id = spine.make_scenes(session)
    spine.work(failing=[2])
    first = spine.view(job_id).panels[0].picture
    spine.redo(session, job_id, 1)
    spine.redo(session, job_id, 2)
    spine.work()

    shown = [panel.picture for panel in spine.view(job_id).panels]
    storyboard = listed(spine, session).items[-1]
    assert [frame.picture for frame in storyboard.frames] == shown
    assert [frame.picture for frame in spine.view(job_id).frames] == shown

    spine.orders.restore(session, job_id, 1, 1)
    assert listed(spine, session).items[-1].frames[0].picture == first
