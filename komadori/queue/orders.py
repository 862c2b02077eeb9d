"""What a session may have done to its jobs. Each order is one transaction."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from komadori.domain.ids import JobId, SessionId, new_id
from komadori.domain.requests import SEED_MAX, PanelRequest, parse_storyboard, wish
from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.story import Character, Drawing
from komadori.domain.work import PlanJob, panel_slot
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.queue import schema
from komadori.queue.artifact_rows import make_current
from komadori.queue.open_job import UNFINISHED, OpenJob
from komadori.queue.store import Store

KEY_MAX_CHARS = 200
TITLE_CHARS = 80
_FORGET_KEY = text("UPDATE jobs SET idempotency_key = NULL WHERE id = :id")
_PARKED = (StepState.QUEUED.value, StepState.WAITING.value)


class Orders:
    """Synchronous and quick. `ring` is told how many steps have come into the lane."""

    def __init__(self, store: Store, plan: PlanJob, ring: Callable[[int], None]) -> None:
        self._store = store
        self._plan = plan
        self._ring = ring

    def submit_storyboard(
        self, session: SessionId, data: Mapping[str, Any], key: str | None
    ) -> JobId:
        """Store a storyboard job; see Jobs.submit_storyboard."""
        request = parse_storyboard(dict(data))
        values = {
            "kind": JobKind.STORYBOARD.value,
            "title": _title(request.story),
            "request": request.model_dump(mode="json"),
            "steps_planned": 1 + request.panels,
        }
        return self._submit(
            session,
            values,
            key,
            lambda connection: _own_references(connection, session, request.characters),
        )

    def redo_panel(
        self,
        session: SessionId,
        job_id: JobId,
        panel: int,
        *,
        wanted: str,
        seed: int | None,
        key: str | None,
    ) -> JobId:
        """Store a panel job; see Jobs.redo_panel."""
        wanted = wish(wanted)
        with self._store.read() as connection:
            drawing = _drawing(connection, session, job_id, panel)
        change = {"modification": wanted, "seed": _seed(seed)}
        request = PanelRequest(
            job_id=job_id, panel=panel, drawing=drawing.model_copy(update=change)
        )
        values = {
            "kind": JobKind.PANEL.value,
            "title": _title(wanted),
            "request": request.model_dump(mode="json"),
            "target": job_id,
        }

        def show_on_target(connection: Connection) -> None:
            target = self._shown(connection, session, job_id)
            target.note("redo_submitted", number=panel)
            target.save()

        return self._submit(session, values, key, show_on_target)

    def _submit(
        self,
        session: SessionId,
        values: Mapping[str, Any],
        key: str | None,
        check: Callable[[Connection], None],
    ) -> JobId:
        key = _checked_key(key)
        try:
            with self._store.write() as connection:
                if key and (known := _job_of_key(connection, session, key, values)):
                    return known
                check(connection)
                job = self._insert(connection, session, {**values, "idempotency_key": key})
                new_steps = job.row["steps_total"]
        except IntegrityError:  # the same key came in at the same moment
            with self._store.read() as connection:
                known = _job_of_key(connection, session, key or "", values)
            if known is None:
                raise
            return known
        self._ring(new_steps)
        return JobId(job.row["id"])

    def _insert(
        self, connection: Connection, session: SessionId, values: Mapping[str, Any]
    ) -> OpenJob:
        now = self._store.now(connection)
        job_id = JobId(new_id())
        state = JobState.QUEUED.value
        connection.execute(
            insert(schema.jobs).values(
                **values, id=job_id, session_id=session, state=state, created_at=now
            )
        )
        job = OpenJob.lock(connection, job_id, now)
        if job is None:
            raise LookupError(job_id)
        job.note("submitted")
        job.add_steps(self._plan(job.job, ()))
        job.save()
        return job

    def cancel(self, session: SessionId, job_id: JobId) -> None:
        """Cancel a job; see Jobs.cancel."""
        with self._store.write() as connection:
            job = self._owned(connection, session, job_id)
            self._cancel(job)
            job.save()

    def _cancel(self, job: OpenJob) -> None:
        if job.state.is_final or job.state is JobState.CANCELLING:
            return
        job.move(JobState.CANCELLING)
        job.note("cancel_asked")
        job.change_steps(schema.steps.c.state.in_(_PARKED), StepState.CANCELLED, ended_at=job.now)
        job.settle(self._plan)

    def retry(self, session: SessionId, job_id: JobId) -> None:
        """Make what is missing; see Jobs.retry."""
        with self._store.write() as connection:
            job = self._shown(connection, session, job_id)
            _refuse_retry(job)
            job.move(JobState.QUEUED)
            job.note("retried")
            job.tell_problem(None)
            job.row["started_at"] = None  # its time is that of this run, without the pause
            job.change_steps(
                schema.steps.c.state.in_(UNFINISHED),
                StepState.QUEUED,
                failures=0,
                deaths=0,
                error_code=None,
                error=None,
                not_before=None,
                ended_at=None,
            )
            job.settle(self._plan)
            job.save()
            steps = job.row["steps_total"]
        self._ring(steps)

    def delete(self, session: SessionId, job_id: JobId) -> None:
        """Hide a job and stop it, with the redos that are meant for it."""
        with self._store.write() as connection:
            job = self._owned(connection, session, job_id)
            self._cancel(job)
            if job.row["deleted_at"] is None:
                job.row["deleted_at"] = job.now
                job.note("deleted")
            job.save()
            connection.execute(_FORGET_KEY, {"id": job_id})  # asked for again, it is made again
        with self._store.read() as connection:
            query = select(schema.jobs.c.id).where(schema.jobs.c.target == job_id)
            redos = connection.execute(query).scalars().all()
        for redo in redos:
            self.cancel(session, redo)

    def undelete(self, session: SessionId, job_id: JobId) -> None:
        """Bring a deleted job back."""
        with self._store.write() as connection:
            job = self._owned(connection, session, job_id)
            if job.row["deleted_at"] is not None:
                job.row["deleted_at"] = None
                job.note("undeleted")
            job.save()

    def restore(self, session: SessionId, job_id: JobId, panel: int, version: int) -> None:
        """Make an older version current again."""
        with self._store.write() as connection:
            job = self._owned(connection, session, job_id)
            if not make_current(job, panel_slot(panel), version):
                raise NotFound("version", version)
            job.note("restored", number=panel, version=version)
            job.save()

    def _shown(self, connection: Connection, session: SessionId, job_id: JobId) -> OpenJob:
        job = self._owned(connection, session, job_id)
        if job.row["deleted_at"] is not None:
            raise NotFound("job", job_id)
        return job

    def _owned(self, connection: Connection, session: SessionId, job_id: JobId) -> OpenJob:
        job = OpenJob.lock(connection, job_id, self._store.now(connection))
        if job is None or job.row["session_id"] != session:
            raise NotFound("job", job_id)
        return job


def _title(text: str) -> str:
    """Return the first line, cut at the end of a word when it is long."""
    line = text.split("\n", 1)[0].strip()
    if len(line) <= TITLE_CHARS:
        return line
    head = line[:TITLE_CHARS]
    words, _, _ = head.rpartition(" ")
    return f"{words or head}…"


def _refuse_retry(job: OpenJob) -> None:
    if not job.state.is_final:
        raise RequestRejected(
            "The job has not ended yet. Wait for its end, or cancel it first.", code="job_open"
        )
    if job.state is JobState.COMPLETED:
        raise RequestRejected("Nothing is missing: the job is complete.", code="nothing_missing")


def _checked_key(key: str | None) -> str | None:
    if key is not None and not isinstance(key, str):
        raise invalid_field("idempotency_key", "it must be text")
    if key is not None and len(key) > KEY_MAX_CHARS:
        raise invalid_field("idempotency_key", f"at most {KEY_MAX_CHARS} characters are allowed")
    return key or None


def _job_of_key(
    connection: Connection, session: SessionId, key: str, values: Mapping[str, Any]
) -> JobId | None:
    jobs = schema.jobs
    query = select(jobs.c.id, jobs.c.kind, jobs.c.request).where(
        jobs.c.session_id == session, jobs.c.idempotency_key == key
    )
    known = connection.execute(query).one_or_none()
    if known is None:
        return None
    if known.kind != values["kind"] or _asked(known.request) != _asked(values["request"]):
        raise RequestRejected(
            "idempotency_key: it was used for another request. Take a new key for a new request.",
            code="key_used",
        )
    return JobId(known.id)


def _asked(request: Mapping[str, Any]) -> Any:
    """What somebody asked for, without what we added: ids of uploads, and the seed of a redo."""
    if "drawing" in request:
        return request["job_id"], request["panel"], request["drawing"]["modification"]
    cast = [(one["name"], one["description"]) for one in request["characters"]]
    return request["story"], request["panels"], request["style"], cast


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbelow(SEED_MAX + 1)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise invalid_field("seed", f"it must be a whole number from 0 to {SEED_MAX}")
    return seed


def _own_references(
    connection: Connection, session: SessionId, cast: tuple[Character, ...]
) -> None:
    table = schema.artifacts
    wanted = {one.reference: one.name for one in cast if one.reference is not None}
    query = select(table.c.id).where(table.c.id.in_(list(wanted)), table.c.session_id == session)
    found = set(connection.execute(query).scalars())
    for reference, name in wanted.items():
        if reference not in found:
            raise RequestRejected(
                f"The reference picture of {name!r} is not in this session. Upload it again.",
                code="reference_not_found",
                name=name,
            )


def _drawing(connection: Connection, session: SessionId, job_id: JobId, panel: int) -> Drawing:
    jobs, steps = schema.jobs, schema.steps
    owned = select(jobs.c.kind).where(jobs.c.id == job_id, jobs.c.session_id == session)
    if connection.execute(owned).scalar_one_or_none() != JobKind.STORYBOARD:
        raise NotFound("job", job_id)
    query = select(steps.c.state, steps.c.payload).where(
        steps.c.job_id == job_id, steps.c.kind == StepKind.PANEL.value, steps.c.number == panel
    )
    step = connection.execute(query).one_or_none()
    if step is None:
        raise NotFound("panel", panel)
    if not StepState(step.state).is_final:
        raise RequestRejected(
            f"Panel {panel} is still being drawn. Wait until it is there.",
            code="panel_open",
            number=panel,
        )
    return Drawing.model_validate(step.payload)
