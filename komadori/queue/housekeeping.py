"""Housekeeping: what was deleted goes for good once nobody can want it back; lost files too."""

from sqlalchemy import Connection, Text, delete, exists, select

from komadori.domain.ids import ArtifactId, JobId
from komadori.domain.states import FINAL_JOB_STATES, JobState
from komadori.domain.work import FileStore
from komadori.queue import schema
from komadori.queue.artifact_rows import artifacts_of
from komadori.queue.open_job import OpenJob
from komadori.queue.store import Store

_FINAL = tuple(state.value for state in FINAL_JOB_STATES)
_AT_ONCE = 20
LOST_AFTER_S = 3600.0
"""Longer than any step may take from writing a file to telling of it."""
UNUSED_AFTER_S = 24 * 3600.0
"""How long somebody may take from uploading a reference to submitting the story."""


class Housekeeping:
    """Sweeps deleted jobs away. Any number of workers may do it at the same time."""

    def __init__(self, store: Store, files: FileStore, *, keep_s: float) -> None:
        self._store = store
        self._files = files
        self._keep_s = keep_s

    def sweep(self) -> int:
        """Remove some deleted jobs with their rows and files; returns how many."""
        jobs = schema.jobs
        with self._store.read() as connection:
            before = self._store.now(connection) - self._keep_s
            query = select(jobs.c.id).where(jobs.c.deleted_at < before, jobs.c.state.in_(_FINAL))
            old = connection.execute(query.limit(_AT_ONCE)).scalars().all()
        return sum(self._remove(job_id, before) for job_id in old)

    def sweep_files(self) -> int:
        """Remove files that no row knows: their worker died between writing and telling."""
        kept, answers = schema.artifacts.c.id, schema.calls.c.file_id
        found = 0
        for file in self._files.older_than(LOST_AFTER_S):
            known = select(kept).where(kept == file).union(select(answers).where(answers == file))
            with self._store.read() as connection:
                is_known = connection.execute(known).first()
            if not is_known:
                self._files.remove(file)
                found += 1
        return found

    def sweep_references(self) -> int:
        """Remove reference pictures of yesterday and before that no job names."""
        table, jobs = schema.artifacts, schema.jobs
        is_named = exists().where(
            jobs.c.session_id == table.c.session_id, jobs.c.request.cast(Text).contains(table.c.id)
        )
        with self._store.write() as connection:
            before = self._store.now(connection) - UNUSED_AFTER_S
            unused = select(table.c.id).where(
                table.c.job_id.is_(None), table.c.created_at < before, ~is_named
            )
            files = connection.execute(unused).scalars().all()
            connection.execute(delete(table).where(table.c.id.in_(files)))
        for file in files:
            self._files.remove(ArtifactId(file))
        return len(files)

    def _remove(self, job_id: JobId, before: float) -> bool:
        with self._store.write() as connection:
            job = OpenJob.lock(connection, job_id, self._store.now(connection))
            if job is None or not job.state.is_final:
                return False  # another sweeper was here, or it was opened again
            if job.row["deleted_at"] is None or job.row["deleted_at"] >= before:
                return False  # it was brought back
            redos = _redos(connection, job_id)
            if not all(JobState(state).is_final for state in redos.values()):
                return False  # a redo is just being stopped
            files = artifacts_of(connection, job_id)
            gone = [job_id, *redos]
            for table in (
                schema.artifacts,
                schema.attempts,
                schema.calls,
                schema.events,
                schema.steps,
            ):
                connection.execute(delete(table).where(table.c.job_id.in_(gone)))
            connection.execute(delete(schema.jobs).where(schema.jobs.c.id.in_(gone)))
        for file in files:
            self._files.remove(ArtifactId(file))
        return True


def _redos(connection: Connection, job_id: JobId) -> dict[str, str]:
    jobs = schema.jobs
    query = select(jobs.c.id, jobs.c.state).where(jobs.c.target == job_id)
    return {row.id: row.state for row in connection.execute(query)}
