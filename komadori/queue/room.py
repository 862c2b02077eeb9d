"""When a ComfyUI server has room again, a step that waited for it goes on at once."""

from sqlalchemy import text

from komadori.domain.ids import JobId, StepId
from komadori.domain.states import StepState
from komadori.queue import schema
from komadori.queue.ledger import NO_ROOM, Ledger
from komadori.queue.open_job import OpenJob

_FIRST = text(
    "SELECT s.id, s.job_id FROM steps s WHERE s.state = 'WAITING' AND s.error_code = :no_room"
    " ORDER BY s.priority DESC, s.created_at, s.number LIMIT 1"
)


def wake_for_room(ledger: Ledger) -> None:
    """Queue the step that has waited longest for a place at a server.

    Called by the worker that has just given a place back, before it takes its next step. Without
    this, the place would be found only when the step looks again by itself.
    """
    with ledger.store.read() as connection:
        found = connection.execute(_FIRST, {"no_room": NO_ROOM}).one_or_none()
    if found is not None:
        queue_if_waiting(ledger, found.job_id, found.id)


def queue_if_waiting(ledger: Ledger, job_id: JobId, step_id: StepId) -> None:
    """Queue a step that was seen waiting for a place, unless somebody has taken it meanwhile."""
    steps = schema.steps
    still_waits = (
        (steps.c.id == step_id)
        & (steps.c.state == StepState.WAITING.value)
        & (steps.c.error_code == NO_ROOM)
    )
    with ledger.store.write() as connection:
        job = OpenJob.lock(connection, job_id, ledger.store.now(connection), if_free=True)
        if job is None:  # somebody changes it just now; another step, or a later look, will do
            return
        if job.change_steps(still_waits, StepState.QUEUED, not_before=None):
            job.settle(ledger.plan)
        job.save()
