"""What a session may have done to its jobs. Each order is one transaction."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text

from komadori.domain.backends import AUTO, COMFY_PREFIX
from komadori.domain.ids import JobId, SessionId
from komadori.domain.requests import PanelRequest, parse_storyboard, wish
from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.story import Drawing
from komadori.domain.work import PlanJob, panel_slot
from komadori.errors import NotFound, RequestRejected
from komadori.queue import schema
from komadori.queue.artifact_rows import make_current
from komadori.queue.calls import give_up_accepted
from komadori.queue.desk import (
    AWAITING_APPROVAL,
    Desk,
    checked_seed,
    own_references,
    title_of,
)
from komadori.queue.open_job import UNFINISHED, OpenJob
from komadori.queue.provider_choice import require_provider, wanted_by
from komadori.queue.store import Store

_SURE = tuple(state for state in UNFINISHED if state != StepState.UNKNOWN)
_FORGET_KEY = text("UPDATE jobs SET idempotency_key = NULL WHERE id = :id")
_PARKED = (StepState.QUEUED.value, StepState.WAITING.value)


class Orders:
    """Synchronous and quick. `ring` is told how many steps have come into the lane."""

    def __init__(self, store: Store, plan: PlanJob, ring: Callable[[int], None]) -> None:
        self.desk = Desk(store, plan, ring)
        self._store = store
        self._plan = plan
        self._ring = ring

    def submit_storyboard(
        self, session: SessionId, data: Mapping[str, Any], key: str | None
    ) -> JobId:
        """Store a storyboard job; see Jobs.submit_storyboard."""
        request = parse_storyboard(dict(data))
        values: dict[str, Any] = {
            "kind": JobKind.STORYBOARD.value,
            "title": title_of(request.story),
            "request": request.model_dump(mode="json"),
            "steps_planned": 1 + request.panels,
        }

        def check(connection: Connection) -> None:
            own_references(connection, session, request.characters)
            require_provider(connection, wanted_by(values["kind"], values["request"]))

        return self.desk.submit(session, values, key, check)

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
            provider = _request_of(connection, job_id).get("provider", AUTO)
            hand = _comfy_of(connection, job_id) if provider == AUTO else ""
        change = {"modification": wanted, "seed": checked_seed(seed)}
        request = PanelRequest(
            job_id=job_id,
            panel=panel,
            drawing=drawing.model_copy(update=change),
            provider=provider,
        )
        values = {
            "kind": JobKind.PANEL.value,
            "title": title_of(wanted),
            "request": request.model_dump(mode="json"),
            "target": job_id,
            "provider": hand,
        }

        def show_on_target(connection: Connection) -> None:
            target = self.desk.shown(connection, session, job_id)
            target.note("redo_submitted", number=panel)
            target.save()

        return self.desk.submit(session, values, key, show_on_target)

    def cancel(self, session: SessionId, job_id: JobId) -> None:
        """Cancel a job; see Jobs.cancel."""
        with self._store.write() as connection:
            job = self.desk.owned(connection, session, job_id)
            self._cancel(job)
            job.save()

    def _cancel(self, job: OpenJob) -> None:
        if job.state.is_final or job.state is JobState.CANCELLING:
            return
        job.move(JobState.CANCELLING)
        job.note("cancel_asked")
        job.change_steps(schema.steps.c.state.in_(_PARKED), StepState.CANCELLED, ended_at=job.now)
        job.settle(self._plan)

    def retry(self, session: SessionId, job_id: JobId, *, resend: bool = False) -> None:
        """Make what is missing; see Jobs.retry."""
        missing = UNFINISHED if resend else _SURE
        with self._store.write() as connection:
            job = self.desk.shown(connection, session, job_id)
            _refuse_retry(job)
            unknown = _unknown_steps(job, missing)
            job.move(JobState.QUEUED)
            job.note("resent" if resend else "retried")
            job.tell_problem(None)
            if resend and not unknown:  # what was accepted, and still does not come
                give_up_accepted(connection, job_id, job.now)
            job.row["started_at"] = None  # its time is that of this run, without the pause
            was_parked = schema.steps.c.error_code == AWAITING_APPROVAL
            is_missing = schema.steps.c.state.in_(missing)
            job.change_steps(is_missing & was_parked, StepState.WAITING, ended_at=None)
            job.change_steps(
                is_missing,
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
            job = self.desk.owned(connection, session, job_id)
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
            job = self.desk.owned(connection, session, job_id)
            if job.row["deleted_at"] is not None:
                job.row["deleted_at"] = None
                job.note("undeleted")
            job.save()

    def restore(self, session: SessionId, job_id: JobId, panel: int, version: int) -> None:
        """Make an older version current again."""
        with self._store.write() as connection:
            job = self.desk.owned(connection, session, job_id)
            if not make_current(job, panel_slot(panel), version):
                raise NotFound("version", version)
            job.note("restored", number=panel, version=version)
            job.save()


def _refuse_retry(job: OpenJob) -> None:
    if not job.state.is_final:
        raise RequestRejected(
            "The job has not ended yet. Wait for its end, or cancel it first.", code="job_open"
        )
    if job.state is JobState.COMPLETED:
        raise RequestRejected("Nothing is missing: the job is complete.", code="nothing_missing")


def _unknown_steps(job: OpenJob, missing: Sequence[str]) -> int:
    """Count what was sent and not answered; refuse where nothing else is `missing`."""
    table = schema.steps
    query = select(table.c.state, func.count()).where(
        table.c.job_id == job.row["id"], table.c.state.in_(UNFINISHED)
    )
    counts = {row[0]: row[1] for row in job.connection.execute(query.group_by(table.c.state))}
    unknown: int = counts.get(StepState.UNKNOWN.value, 0)
    if unknown and not any(counts.get(state) for state in missing):
        raise RequestRejected(
            f"Requests that were sent and not answered: {unknown}. They may have been made, and be "
            "paid. Nothing else is missing. To send them again, say so (resend_unknown).",
            code="resend_needed",
            count=unknown,
        )
    return unknown


def _comfy_of(connection: Connection, job_id: JobId) -> str:
    """Return the ComfyUI that draws a storyboard: its panels do not change hands when redone."""
    query = select(schema.jobs.c.provider).where(schema.jobs.c.id == job_id)
    provider: str = connection.execute(query).scalar_one()
    return provider if provider.startswith(COMFY_PREFIX) else ""


def _request_of(connection: Connection, job_id: JobId) -> Mapping[str, Any]:
    query = select(schema.jobs.c.request).where(schema.jobs.c.id == job_id)
    request: Mapping[str, Any] = connection.execute(query).scalar_one()
    return request


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
