"""What a session may see of its jobs. Reads only."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, exists, func, select

from komadori.domain.ids import ArtifactId, JobId, SessionId, StepId
from komadori.domain.making import Span
from komadori.domain.states import JobKind, JobState, StepKind
from komadori.domain.view import Frame, JobView, ListPart, LogEntry, RunView, VersionView
from komadori.domain.work import panel_slot, slot_of
from komadori.errors import NotFound, invalid_field
from komadori.queue import schema
from komadori.queue.forecast import Forecast
from komadori.queue.views import frame_of, spans_of, summary

LIST_MAX = 200
RUNS_MAX = 20
_jobs, _steps, _events, _attempts, _artifacts = (
    schema.jobs,
    schema.steps,
    schema.events,
    schema.attempts,
    schema.artifacts,
)


def require_job(connection: Connection, session: SessionId, job_id: JobId) -> None:
    """Raise NotFound unless the job is this session's."""
    owned = select(_jobs.c.id).where(_jobs.c.id == job_id, _jobs.c.session_id == session)
    if connection.execute(owned).first() is None:
        raise NotFound("job", job_id)


def list_jobs(
    connection: Connection,
    session: SessionId,
    forecast: Forecast,
    *,
    limit: int,
    offset: int,
    state: JobState | None,
    kind: JobKind | None,
) -> ListPart[JobView]:
    """Return a part of the session's jobs, newest first."""
    _require_range("limit", limit, 1, LIST_MAX)
    _require_range("offset", offset, 0, 10**9)
    columns = [column for column in _jobs.c if column.name != "request"]
    rows = _matching(select(*columns), session, state, kind)
    rows = rows.order_by(_jobs.c.created_at.desc(), _jobs.c.id).limit(limit).offset(offset)
    total = _matching(select(func.count()).select_from(_jobs), session, state, kind)
    found = connection.execute(rows).mappings().all()
    frames = _frames(connection, [row["id"] for row in found])
    return ListPart(
        items=tuple(summary(row, tuple(frames[row["id"]]), forecast) for row in found),
        total=connection.execute(total).scalar_one(),
    )


def _frames(connection: Connection, job_ids: list[JobId]) -> Mapping[JobId, list[Frame]]:
    names = ("job_id", "kind", "number", "state", "result", "not_before")
    columns = [_steps.c[name] for name in names]
    draws = _steps.c.kind.in_([kind.value for kind in StepKind if kind.draws])
    query = (
        select(*columns)
        .where(_steps.c.job_id.in_(job_ids), draws)
        .order_by(_steps.c.created_at, _steps.c.number)
    )
    current = _current_pictures(connection, job_ids)
    frames: dict[JobId, list[Frame]] = {job_id: [] for job_id in job_ids}
    for row in connection.execute(query).mappings():
        slot = (row["job_id"], slot_of(StepKind(row["kind"]), row["number"]))
        frames[row["job_id"]].append(frame_of(row, current.get(slot)))
    return frames


def _current_pictures(
    connection: Connection, job_ids: list[JobId]
) -> Mapping[tuple[JobId, str], ArtifactId]:
    columns = (_artifacts.c.job_id, _artifacts.c.slot, _artifacts.c.id)
    query = select(*columns).where(_artifacts.c.job_id.in_(job_ids), _artifacts.c.is_current)
    return {(row.job_id, row.slot): row.id for row in connection.execute(query)}


def _matching(
    query: Select[Any], session: SessionId, state: JobState | None, kind: JobKind | None
) -> Select[Any]:
    target = _jobs.alias()
    of_deleted = exists().where(target.c.id == _jobs.c.target, target.c.deleted_at.is_not(None))
    query = query.where(_jobs.c.session_id == session, _jobs.c.deleted_at.is_(None), ~of_deleted)
    if state is not None:
        query = query.where(_jobs.c.state == state.value)
    if kind is not None:
        query = query.where(_jobs.c.kind == kind.value)
    return query


def _require_range(field: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid_field(field, f"it must be a whole number from {least} to {most}")


def read_log(connection: Connection, job_id: JobId) -> tuple[LogEntry, ...]:
    """Return events and ended attempts of a job in the order in which they happened."""
    events = select(_events).where(_events.c.job_id == job_id)
    entries = [
        LogEntry(sequence=row["seq"], at=row["at"], kind=row["kind"], facts=row["facts"])
        for row in connection.execute(events).mappings()
    ]
    attempts = select(_attempts).where(_attempts.c.job_id == job_id)
    entries += [_of_attempt(row) for row in connection.execute(attempts).mappings()]
    return tuple(sorted(entries, key=lambda entry: entry.sequence))


def _of_attempt(row: Any) -> LogEntry:
    facts = {
        "step": row["kind"],
        "number": row["number"],
        "attempt": row["attempt"],
        "seconds": round(row["ended_at"] - (row["started_at"] or row["ended_at"]), 3),
        "error": row["error"],
        "provider": row["provider"],
        "timings": _totals(spans_of(row["timings"])),
    }
    kind = f"step_{row['outcome']}"
    return LogEntry(sequence=row["seq"], at=row["ended_at"], kind=kind, facts=facts)


def _totals(spans: Sequence[Span]) -> Mapping[str, float]:
    totals: dict[str, float] = {}
    for span in spans:
        totals[span.stage] = round(totals.get(span.stage, 0.0) + span.seconds, 4)
    return totals


def read_runs(
    connection: Connection, session: SessionId, kind: StepKind, provider: str | None
) -> tuple[RunView, ...]:
    """Return the newest completed attempts of the session's steps of a kind, newest first."""
    query = (
        select(_attempts)
        .join(_jobs, _jobs.c.id == _attempts.c.job_id)
        .where(
            _jobs.c.session_id == session,
            _jobs.c.deleted_at.is_(None),
            _attempts.c.kind == kind.value,
            _attempts.c.outcome == "completed",
        )
        .order_by(_attempts.c.ended_at.desc())
        .limit(RUNS_MAX)
    )
    if provider is not None:
        query = query.where(_attempts.c.provider == provider)
    return tuple(_run_view(row) for row in connection.execute(query).mappings())


def _run_view(row: RowMapping) -> RunView:
    return RunView(
        job_id=row["job_id"],
        kind=StepKind(row["kind"]),
        number=row["number"],
        provider=row["provider"],
        ended_at=row["ended_at"],
        seconds=round(row["ended_at"] - (row["started_at"] or row["ended_at"]), 3),
        spans=spans_of(row["timings"]),
    )


def read_versions(connection: Connection, job_id: JobId, panel: int) -> tuple[VersionView, ...]:
    """Return all kept versions of a panel, oldest first."""
    query = (
        select(_artifacts)
        .where(_artifacts.c.job_id == job_id, _artifacts.c.slot == panel_slot(panel))
        .order_by(_artifacts.c.version)
    )
    rows = connection.execute(query).mappings().all()
    if not rows:
        raise NotFound("panel", panel)
    return tuple(
        VersionView(
            version=row["version"],
            picture=row["id"],
            is_current=row["is_current"],
            made_at=row["created_at"],
            wish=row["about"].get("wish", ""),
            seed=row["about"].get("seed"),
            provider=row["about"].get("provider", ""),
        )
        for row in rows
    )


def require_step(connection: Connection, session: SessionId, step_id: StepId) -> None:
    """Raise NotFound unless the step is this session's."""
    owned = select(_steps.c.id).where(_steps.c.id == step_id, _steps.c.session_id == session)
    if connection.execute(owned).first() is None:
        raise NotFound("file", step_id)


def require_file(connection: Connection, session: SessionId, artifact_id: ArtifactId) -> None:
    """Raise NotFound unless the file is this session's."""
    owned = select(_artifacts.c.id).where(
        _artifacts.c.id == artifact_id, _artifacts.c.session_id == session
    )
    if connection.execute(owned).first() is None:
        raise NotFound("file", artifact_id)
