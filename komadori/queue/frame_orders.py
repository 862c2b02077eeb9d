"""What a session may have done to its frames: submit, approve a draft, draw another, pick one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from komadori.domain.ids import JobId, SessionId
from komadori.domain.requests import parse_frame, wish
from komadori.domain.states import JobKind, Stage, StepKind, StepState
from komadori.domain.work import NewStep, Plan
from komadori.errors import NotFound, RequestRejected
from komadori.queue import schema
from komadori.queue.desk import (
    AWAITING_APPROVAL,
    Desk,
    checked_seed,
    own_pictures,
    own_references,
    title_of,
)
from komadori.queue.open_job import OpenJob
from komadori.queue.provider_choice import require_options, require_provider, wanted_by

DRAFTS_MAX = 24
_steps = schema.steps


class FrameOrders:
    """Synchronous and quick; each order is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def submit(self, session: SessionId, data: Mapping[str, Any], key: str | None) -> JobId:
        """Store a frame job; see Jobs.submit_frame."""
        request = parse_frame(dict(data))
        values = {
            "kind": JobKind.FRAME.value,
            "title": title_of(request.prompt),
            "request": request.model_dump(mode="json"),
            "steps_planned": request.candidates + (1 if request.draft else 0),
        }

        def check(connection: Connection) -> None:
            own_references(connection, session, request.characters)
            if request.scene_reference is not None:
                own_pictures(connection, session, {request.scene_reference: "the scene"})
            wanted = wanted_by(JobKind.FRAME.value, request.model_dump(mode="json"))
            require_provider(connection, wanted)
            require_options(connection, wanted, request.options)

        return self._desk.submit(session, values, key, check)

    def approve(self, session: SessionId, job_id: JobId, draft: int | None) -> None:
        """Draw the final picture of a draft; see Jobs.approve_draft."""
        with self._desk.store.write() as connection:
            job = self._frame_job(connection, session, job_id)
            _require_parked(job)
            number, payload = _draft(job, draft)
            parked = _steps.c.error_code == AWAITING_APPROVAL
            stage = Stage.IMAGE_GENERATION.value
            now = {"payload": payload, "stage": stage, "error_code": None, "error": None}
            job.change_steps(parked, StepState.QUEUED, **now)
            job.row["stage"] = stage
            job.note("approved", number=number)
            job.settle(self._desk.plan)
            job.save()
        self._desk.ring(1)

    def redo_draft(
        self, session: SessionId, job_id: JobId, *, wanted: str, seed: int | None
    ) -> None:
        """Draw one more draft; see Jobs.redo_draft."""
        wanted, seed = wish(wanted), checked_seed(seed)
        with self._desk.store.write() as connection:
            job = self._frame_job(connection, session, job_id)
            _require_parked(job)
            payload = _first_draft(job) | {"modification": wanted, "seed": seed}
            step = NewStep(kind=StepKind.DRAFT, number=_next_number(job), payload=payload)
            job.add_steps(Plan(stage=Stage.DRAFTING, steps=(step,)))
            job.note("draft_asked", number=step.number)
            job.settle(self._desk.plan)
            job.save()
        self._desk.ring(1)

    def pick(self, session: SessionId, job_id: JobId, number: int) -> None:
        """Choose one of the candidates; see Jobs.pick_candidate."""
        with self._desk.store.write() as connection:
            job = self._frame_job(connection, session, job_id)
            _require_candidate(job, number)
            job.row["picked"] = number
            job.note("picked", number=number)
            job.save()

    def _frame_job(self, connection: Connection, session: SessionId, job_id: JobId) -> OpenJob:
        job = self._desk.shown(connection, session, job_id)
        if job.row["kind"] != JobKind.FRAME:
            raise NotFound("job", job_id)
        return job


def _require_parked(job: OpenJob) -> None:
    query = select(_steps.c.id).where(
        _steps.c.job_id == job.row["id"],
        _steps.c.state == StepState.WAITING.value,
        _steps.c.error_code == AWAITING_APPROVAL,
    )
    if job.connection.execute(query).first() is None:
        raise RequestRejected(
            "This job has no draft that waits for approval.", code="nothing_to_approve"
        )


def _draft(job: OpenJob, number: int | None) -> tuple[int, Mapping[str, Any]]:
    """Return a finished draft's number and what was drawn; the newest without a number."""
    query = (
        select(_steps.c.number, _steps.c.payload)
        .where(
            _steps.c.job_id == job.row["id"],
            _steps.c.kind == StepKind.DRAFT.value,
            _steps.c.state == StepState.COMPLETED.value,
        )
        .order_by(_steps.c.number.desc())
    )
    if number is not None:
        query = query.where(_steps.c.number == number)
    found = job.connection.execute(query.limit(1)).first()
    if found is None:
        raise NotFound("draft", "newest" if number is None else number)
    return found.number, found.payload


def _first_draft(job: OpenJob) -> dict[str, Any]:
    query = select(_steps.c.payload).where(
        _steps.c.job_id == job.row["id"], _steps.c.kind == StepKind.DRAFT.value
    )
    return dict(job.connection.execute(query.order_by(_steps.c.number).limit(1)).scalar_one())


def _next_number(job: OpenJob) -> int:
    query = select(func.max(_steps.c.number)).where(
        _steps.c.job_id == job.row["id"], _steps.c.kind == StepKind.DRAFT.value
    )
    number = int(job.connection.execute(query).scalar_one()) + 1
    if number > DRAFTS_MAX:
        raise RequestRejected(
            f"This job has {DRAFTS_MAX} drafts, as many as it may have. "
            "Approve one, or start anew.",
            code="drafts_many",
            most=DRAFTS_MAX,
        )
    return number


def _require_candidate(job: OpenJob, number: int) -> None:
    query = select(_steps.c.state).where(
        _steps.c.job_id == job.row["id"],
        _steps.c.kind == StepKind.FRAME.value,
        _steps.c.number == number,
    )
    state = job.connection.execute(query).scalar_one_or_none()
    if state is not None and not StepState(state).is_final:
        raise RequestRejected(
            f"Candidate {number} is still being drawn. Wait until it is there.",
            code="candidate_open",
            number=number,
        )
    if state != StepState.COMPLETED:
        raise NotFound("candidate", number)
