"""Rows of artifacts: which file is which version of what."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select, update

from komadori.domain.files import StoredFile
from komadori.domain.ids import JobId, SessionId
from komadori.domain.job import Step
from komadori.domain.work import NewArtifact, PlanJob
from komadori.queue import schema
from komadori.queue.open_job import OpenJob

_table = schema.artifacts


def add_artifacts(
    job: OpenJob, step: Step, artifacts: Sequence[NewArtifact], plan: PlanJob
) -> None:
    """Make a step's files the current versions of their slots, in this job or in its target."""
    for artifact in artifacts:
        if artifact.job_id == job.row["id"]:
            _add_version(job, step, artifact)
            continue
        target = OpenJob.lock(job.connection, artifact.job_id, job.now)
        if target is not None:
            _add_version(target, step, artifact)
            target.fill_panel(step.number, plan)
            target.save()


def _add_version(owner: OpenJob, step: Step, artifact: NewArtifact) -> None:
    in_slot = (_table.c.job_id == artifact.job_id, _table.c.slot == artifact.slot)
    newest = select(func.max(_table.c.version)).where(*in_slot)
    version = (owner.connection.execute(newest).scalar_one() or 0) + 1
    seq = owner.next_seq()
    owner.connection.execute(update(_table).where(*in_slot).values(is_current=False, seq=seq))
    owner.connection.execute(
        insert(_table).values(
            **_file_values(artifact.file),
            session_id=owner.row["session_id"],
            job_id=artifact.job_id,
            slot=artifact.slot,
            version=version,
            is_current=True,
            step_id=step.id,
            about=dict(artifact.about),
            seq=seq,
            created_at=owner.now,
        )
    )


def make_current(owner: OpenJob, slot: str, version: int) -> bool:
    """Make a kept version the current one again. False: there is no such version."""
    in_slot = (_table.c.job_id == owner.row["id"], _table.c.slot == slot)
    query = select(_table.c.id).where(*in_slot, _table.c.version == version)
    if owner.connection.execute(query).first() is None:
        return False
    current = _table.c.version == version
    values = {"is_current": current, "seq": owner.next_seq()}
    owner.connection.execute(update(_table).where(*in_slot).values(**values))
    return True


def add_reference(
    connection: Connection, session: SessionId, file: StoredFile, *, now: float
) -> None:
    """Note a reference picture of a session."""
    connection.execute(
        insert(_table).values(
            **_file_values(file),
            session_id=session,
            job_id=None,
            slot="reference",
            version=1,
            is_current=True,
            about={},
            created_at=now,
        )
    )


def artifacts_of(connection: Connection, job_id: JobId | str) -> Sequence[str]:
    """Return the ids of all files that a job keeps."""
    rows = connection.execute(select(_table.c.id).where(_table.c.job_id == job_id))
    return [row.id for row in rows]


def _file_values(file: StoredFile) -> dict[str, object]:
    return {
        "id": file.id,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "width": file.width,
        "height": file.height,
    }
