"""A job is one request of one session; a step is the unit of work that a worker claims."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from komadori.domain.ids import JobId, SessionId, StepId
from komadori.domain.states import (
    NEXT_JOB_STATES,
    NEXT_STEP_STATES,
    JobKind,
    JobState,
    Lane,
    Stage,
    StepKind,
    StepState,
)
from komadori.errors import InvalidTransition


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request of one session. Rows change; this value does not."""

    id: JobId
    session_id: SessionId
    kind: JobKind
    request: Mapping[str, Any]
    state: JobState = JobState.QUEUED
    stage: Stage | None = None

    def moved_to(self, state: JobState) -> "Job":
        """Return this job in another state.

        Raises:
            InvalidTransition: the transition table has no such way.
        """
        if state not in NEXT_JOB_STATES[self.state]:
            raise InvalidTransition(f"job {self.id} is {self.state}, cannot become {state}")
        return replace(self, state=state)


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

    def moved_to(self, state: StepState) -> "Step":
        """Return this step in another state.

        Raises:
            InvalidTransition: the transition table has no such way.
        """
        if state not in NEXT_STEP_STATES[self.state]:
            raise InvalidTransition(f"step {self.id} is {self.state}, cannot become {state}")
        return replace(self, state=state)
