"""Steps that wait for a ComfyUI server: told why, and woken when one is there."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, text, update

from komadori.domain.servers import ServerReport, away_sentence
from komadori.domain.states import StepState
from komadori.domain.view import Problem
from komadori.queue import schema
from komadori.queue.open_job import OpenJob
from komadori.queue.server_facts import able_servers

AWAY = "server_away"
"""The code of what a step waits for while no server is there."""
_WAKE = text(
    "UPDATE steps SET not_before = :now WHERE state = 'WAITING' AND error_code = 'server_away'"
    " AND not_before > :now"
)
_WAITING_JOBS = text(
    "SELECT DISTINCT job_id FROM steps WHERE state = 'WAITING' AND error_code = 'server_away'"
)


def wake_waiting(connection: Connection, now: float) -> None:
    """A server is there: whoever waits for one goes on when the next reaper looks."""
    connection.execute(_WAKE, {"now": now})


def waiting_jobs(connection: Connection) -> Sequence[str]:
    """Return the jobs that have steps which wait for a server."""
    return connection.execute(_WAITING_JOBS).scalars().all()


def tell_waiting(connection: Connection, job_id: str, now: float) -> None:
    """Say anew what a job's waiting steps wait for."""
    job = OpenJob.lock(connection, job_id, now)
    if job is None:
        return
    sentence = away_sentence(concerned(job.row["provider"], read_reports(connection)))
    steps = schema.steps
    is_waiting = (
        (steps.c.job_id == job_id)
        & (steps.c.state == StepState.WAITING.value)
        & (steps.c.error_code == AWAY)
    )
    values = {"error": sentence, "seq": job.next_seq()}
    connection.execute(update(steps).where(is_waiting).values(**values))
    if job.row["error_code"] == AWAY:
        job.tell_problem(Problem(code=AWAY, message=sentence))
    job.save()


def concerned(provider: str, reports: Sequence[ServerReport]) -> Sequence[ServerReport]:
    """Return the servers that a job of this provider can wait for."""
    return able_servers(provider, reports) or reports


def read_reports(connection: Connection) -> tuple[ServerReport, ...]:
    """Return what the supervisors have told, by name."""
    table = schema.servers
    query = select(table.c.report).where(table.c.report.is_not(None)).order_by(table.c.name)
    return tuple(ServerReport.model_validate(row) for row in connection.execute(query).scalars())
