"""Housekeeping: what was deleted goes for good, with its files, and nothing else does."""

import os

import pytest

from komadori.domain.ids import ArtifactId, JobId, SessionId
from komadori.domain.work import NewArtifact, StepResult
from komadori.queue import schema
from komadori.queue.artifact_rows import add_reference
from komadori.queue.housekeeping import Housekeeping
from tests.unit.conftest import STORY, Spine, picture

KEEP_S = 3600.0


@pytest.fixture
def housekeeping(spine: Spine) -> Housekeeping:
    return Housekeeping(spine.store, spine.files, keep_s=KEEP_S)


def drawn(spine: Spine, session: SessionId) -> JobId:
    """Make a storyboard of one panel whose picture is a real file."""
    job_id = spine.make_scenes(session, panels=1)
    file = spine.files.put_picture(picture())
    artifact = NewArtifact(job_id=job_id, slot="panel-001", file=file)
    spine.complete(spine.claim(), StepResult(artifacts=(artifact,)))
    return job_id


def files_of(spine: Spine) -> int:
    return sum(path.is_file() for path in spine.files._folder.rglob("*"))


def test_a_deleted_job_goes_with_its_rows_and_files(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id, kept = drawn(spine, session), drawn(spine, session)
    spine.orders.delete(session, job_id)
    assert files_of(spine) == 4

    spine.store.ahead_s = KEEP_S + 1
    assert housekeeping.sweep() == 1

    tables = (schema.artifacts, schema.attempts, schema.events, schema.steps)
    assert [spine.rows(table, job_id=job_id) for table in tables] == [[]] * 4
    assert [row.id for row in spine.rows(schema.jobs)] == [kept]
    assert files_of(spine) == 2
    assert spine.view(kept).panels[0].picture


def test_it_stays_as_long_as_it_can_be_wanted_back(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id = drawn(spine, session)
    spine.orders.delete(session, job_id)

    spine.store.ahead_s = KEEP_S - 60
    assert housekeeping.sweep() == 0

    spine.orders.undelete(session, job_id)
    spine.store.ahead_s = 10 * KEEP_S
    assert housekeeping.sweep() == 0
    assert files_of(spine) == 2


def test_what_still_stops_is_left_until_it_has(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id = spine.make_scenes(session)
    claim = spine.claim()
    spine.orders.delete(session, job_id)
    spine.store.ahead_s = KEEP_S + 1

    assert housekeeping.sweep() == 0
    spine.complete(claim)
    assert housekeeping.sweep() == 1


def test_what_is_still_being_stopped_is_left(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id = spine.submit(session)
    spine.claim()
    spine.orders.delete(session, job_id)
    spine.store.ahead_s = KEEP_S + 1

    assert housekeeping.sweep() == 0
    assert not housekeeping._remove(job_id, before=spine.job(job_id).deleted_at + 1)
    assert spine.rows(schema.steps, job_id=job_id)


def test_a_storyboard_waits_for_its_redos_and_takes_them_along(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id = drawn(spine, session)
    redo = spine.redo(session, job_id, 1)
    running = spine.claim()
    spine.orders.delete(session, job_id)
    spine.store.ahead_s = KEEP_S + 1

    assert housekeeping.sweep() == 0
    spine.complete(running)
    assert housekeeping.sweep() == 1
    assert not spine.rows(schema.jobs)
    assert not spine.rows(schema.steps, job_id=redo)


def test_the_versions_that_a_deleted_redo_made_stay_with_the_storyboard(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    job_id = drawn(spine, session)
    redo = spine.redo(session, job_id, 1)
    spine.work()
    spine.orders.delete(session, redo)

    spine.store.ahead_s = KEEP_S + 1
    assert housekeeping.sweep() == 1

    panel = spine.view(job_id).panels[0]
    assert (panel.version, panel.versions) == (2, 2)


def test_sweeping_an_empty_store_is_nothing(housekeeping: Housekeeping) -> None:
    assert housekeeping.sweep() == 0


def test_files_that_no_row_knows_go_after_an_hour(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    kept, fresh = drawn(spine, session), spine.files.put_picture(picture())
    lost = spine.files.put_picture(picture())
    for file in (spine.view(kept).panels[0].picture, lost.id):
        os.utime(spine.files.path(file), (1, 1))

    assert housekeeping.sweep_files() == 1

    assert not spine.files.path(lost.id).exists()
    assert spine.files.path(fresh.id).exists()
    assert spine.files.path(spine.view(kept).panels[0].picture).exists()


def test_references_that_no_job_names_go_after_a_day(
    spine: Spine, session: SessionId, housekeeping: Housekeeping
) -> None:
    used, unused = (reference(spine, session) for _ in range(2))
    cast = [{"name": "Mio", "reference": used}]
    spine.orders.submit_storyboard(session, {"story": STORY, "panels": 1, "characters": cast}, None)

    assert housekeeping.sweep_references() == 0
    spine.store.ahead_s = 25 * 3600
    assert housekeeping.sweep_references() == 1

    assert [row.id for row in spine.rows(schema.artifacts)] == [used]
    assert spine.files.path(used).exists()
    assert not spine.files.path(unused).exists()


def reference(spine: Spine, session: SessionId) -> ArtifactId:
    file = spine.files.put_picture(picture())
    with spine.store.write() as connection:
        add_reference(connection, session, file, now=spine.store.now(connection))
    return file.id


def test_what_a_worker_was_just_writing_when_it_died_goes_too(
    spine: Spine, housekeeping: Housekeeping
) -> None:
    half = spine.files.path(ArtifactId("0" * 20)).with_suffix(".4711.part")
    half.parent.mkdir(parents=True)
    half.write_bytes(b"RIFF")
    os.utime(half, (1, 1))

    assert housekeeping.sweep_files() == 1
    assert not half.exists()
