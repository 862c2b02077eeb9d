"""Rows to values."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from komadori.domain.job import Job, Step
from komadori.domain.states import JobKind, JobState, Lane, Stage, StepKind, StepState
from komadori.queue.json_text import from_json


def job_of(row: Mapping[str, Any], request: Mapping[str, Any]) -> Job:
    """Return the job of a row of `jobs` and its request."""
    return Job(
        id=row["id"],
        session_id=row["session_id"],
        kind=JobKind(row["kind"]),
        request=request,
        state=JobState(row["state"]),
        stage=Stage(row["stage"]) if row["stage"] else None,
        provider=row["provider"],
    )


STEP_COLUMNS = (
    "id",
    "job_id",
    "kind",
    "number",
    "lane",
    "payload",
    "state",
    "attempt",
    "result",
)
"""What `step_of` needs."""


def step_of(row: Mapping[str, Any] | RowMapping) -> Step:
    """Return the step of a row of `steps`."""
    return Step(
        id=row["id"],
        job_id=row["job_id"],
        kind=StepKind(row["kind"]),
        number=row["number"],
        lane=Lane(row["lane"]),
        payload=_json(row["payload"]),
        state=StepState(row["state"]),
        attempt=row["attempt"],
        result=_json(row["result"]),
    )


def _json(value: Any) -> Any:
    """Rows of textual statements still hold the JSON's text."""
    return from_json(value) if isinstance(value, str) else value
