"""Places in the queue, and how long things take, from the history of attempts."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, text

from komadori.domain.states import JobKind, JobState, Stage, StepKind

_QUEUED = text(  # a redo goes before everything else
    "SELECT id FROM jobs WHERE state = 'QUEUED' AND deleted_at IS NULL"
    " ORDER BY CASE kind WHEN 'panel' THEN 0 ELSE 1 END, created_at, id"
)
_AT_WORK = text("SELECT DISTINCT provider FROM jobs WHERE state IN ('QUEUED', 'RUNNING')")
_MEAN = text(
    "SELECT avg(seconds) FROM (SELECT ended_at - started_at AS seconds FROM attempts"
    " WHERE kind = :kind AND provider = :provider AND outcome = 'completed'"
    " ORDER BY ended_at DESC LIMIT 50) AS newest"
)
_STEPS_QUEUED = text("SELECT count(*) FROM steps WHERE state = 'QUEUED'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What may be said of the future just now."""

    positions: Mapping[str, int]
    """The place of each queued job; the next one has 1."""
    step_s: Mapping[tuple[StepKind, str], float]
    """Mean seconds of the last 50 steps of a kind by a provider; without history: missing."""
    steps_queued: int
    workers: int

    @classmethod
    def read(cls, connection: Connection, workers: int) -> "Forecast":
        """Read the queue and the history."""
        ids = connection.execute(_QUEUED).scalars()
        providers = connection.execute(_AT_WORK).scalars().all()
        means = {
            (kind, provider): _mean(connection, kind, provider)
            for kind in StepKind
            if kind.draws
            for provider in providers
        }
        return cls(
            positions={job_id: place for place, job_id in enumerate(ids, start=1)},
            step_s={key: float(mean) for key, mean in means.items() if mean is not None},
            steps_queued=connection.execute(_STEPS_QUEUED).scalar_one(),
            workers=workers,
        )

    def position(self, job: RowMapping) -> int | None:
        """Return the job's place in the queue; None unless it is queued."""
        return self.positions.get(job["id"])

    def eta_s(self, job: RowMapping, progress: float, steps_planned: int) -> float | None:
        """Return how many seconds the job will still take; None when there is no saying.

        A job's time is its pictures' time. They are drawn `workers` at a
        time; who is still queued waits for all that is queued now.
        """
        mean = self.step_s.get((_drawn_in(job), job["provider"]))
        if mean is None or job["state"] not in (JobState.QUEUED, JobState.RUNNING):
            return None
        left = (1.0 - progress) * steps_planned
        if job["state"] == JobState.QUEUED and job["kind"] != JobKind.PANEL:
            left += self.steps_queued
        return round(mean * max(left / self.workers, min(left, 1.0)), 1)


def _mean(connection: Connection, kind: StepKind, provider: str) -> float | None:
    values = {"kind": kind.value, "provider": provider}
    mean: float | None = connection.execute(_MEAN, values).scalar_one()
    return mean


def _drawn_in(job: RowMapping) -> StepKind:
    """Return the kind of step in which a job draws now."""
    if job["kind"] != JobKind.FRAME:
        return StepKind.PANEL
    return StepKind.DRAFT if job["stage"] == Stage.DRAFTING else StepKind.FRAME
