"""A job is one request of one session; a step is the unit of work that a worker claims."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from komadori.domain.ids import JobId, SessionId, StepId
from komadori.domain.states import (
    JobKind,
    JobState,
    Lane,
    Stage,
    StepKind,
    StepState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request of one session. Rows change; this value does not."""

    id: JobId
    session_id: SessionId
    kind: JobKind
    request: Mapping[str, Any]
    state: JobState = JobState.QUEUED
    stage: Stage | None = None
    provider: str = ""
    """Who draws: the backend that was expected to when it was submitted, then the one that did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One unit of work of a job. Rows change; this value does not.

    `number` orders the steps of one kind (the panel's number for panels); `attempt` counts from 1
    once the step was claimed.
    """

    id: StepId
    job_id: JobId
    kind: StepKind
    number: int
    lane: Lane
    payload: Mapping[str, Any]
    state: StepState = StepState.QUEUED
    attempt: int = 0
    result: Mapping[str, Any] | None = None
