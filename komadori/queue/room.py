"""When a ComfyUI server has room again, a step that waited for it goes on at once."""

from sqlalchemy import text

from komadori.domain.states import StepState
from komadori.queue import schema
from komadori.queue.ledger import Ledger
from komadori.queue.open_job import OpenJob

_FIRST = text(
    "SELECT s.id, s.job_id FROM steps s JOIN jobs j ON j.id = s.job_id"
    " WHERE s.state = 'WAITING' AND s.error_code = 'server_busy'"
    " ORDER BY s.priority DESC, s.created_at, s.number LIMIT 1"
)


def wake_for_room(ledger: Ledger) -> None:
    """Queue the step that has waited longest for a place at a server.

    Called by the worker that has just given a place back, before it takes its next step. Without
    this, the place would be found only when the step looks again by itself.
    """
    with ledger.store.read() as connection:
        found = connection.execute(_FIRST).one_or_none()
    if found is None:
        return
    with ledger.store.write() as connection:
        job = OpenJob.lock(connection, found.job_id, ledger.store.now(connection), if_free=True)
        if job is None:  # somebody changes it just now; another step, or a later look, will do
            return
        if job.change_steps(schema.steps.c.id == found.id, StepState.QUEUED, not_before=None):
            job.settle(ledger.plan)
        job.save()
