"""Every pair of states: what may follow what."""

from itertools import product

import pytest

from komadori.domain.ids import JobId, SessionId, StepId
from komadori.domain.job import Job, Step
from komadori.domain.states import JobKind, JobState, Lane, StepKind, StepState
from komadori.errors import InvalidTransition

# From the row's state to the column's, in the order of the enum: x may be, . may not.
JOBS = """
QUEUED     . x x x . . . x
RUNNING    x . x x x x x x
WAITING    x x . x x x x x
CANCELLING . . . . x . . x
COMPLETED  . . . . . . . .
PARTIAL    x . . . . . . .
FAILED     x . . . . . . .
CANCELLED  x . . . . . . .
"""
STEPS = """
QUEUED     . x . . . x .
RUNNING    x . x x x x x
WAITING    x . . . . x .
COMPLETED  . . . . . . .
FAILED     x . . . . . .
CANCELLED  x . . . . . .
UNKNOWN    x . . . . . .
"""


def allowed_in(table: str) -> set[tuple[str, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    states = [row[0] for row in rows]
    return {
        (state, target)
        for state, *marks in rows
        for target, mark in zip(states, marks, strict=True)
        if mark == "x"
    }


def a_job(state: JobState) -> Job:
    return Job(
        id=JobId("j1"),
        session_id=SessionId("s1"),
        kind=JobKind.STORYBOARD,
        request={},
        state=state,
    )


def a_step(state: StepState) -> Step:
    return Step(
        id=StepId("p1"),
        job_id=JobId("j1"),
        kind=StepKind.PANEL,
        number=1,
        lane=Lane.IMAGE,
        payload={},
        state=state,
    )


@pytest.mark.parametrize(("state", "target"), [*product(JobState, JobState)])
def test_a_job_moves_by_its_table(state: JobState, target: JobState) -> None:
    job = a_job(state)

    if (state, target) in allowed_in(JOBS):
        assert job.moved_to(target).state is target
        assert job.state is state
    else:
        with pytest.raises(InvalidTransition, match=f"job j1 is {state}, cannot become {target}"):
            job.moved_to(target)


@pytest.mark.parametrize(("state", "target"), [*product(StepState, StepState)])
def test_a_step_moves_by_its_table(state: StepState, target: StepState) -> None:
    step = a_step(state)

    if (state, target) in allowed_in(STEPS):
        assert step.moved_to(target).state is target
        assert step.state is state
    else:
        with pytest.raises(InvalidTransition, match=f"step p1 is {state}, cannot become {target}"):
            step.moved_to(target)


def test_four_states_end_a_job_and_four_end_a_step() -> None:
    assert [state.value for state in JobState if state.is_final] == [
        "COMPLETED",
        "PARTIAL",
        "FAILED",
        "CANCELLED",
    ]
    assert [state.value for state in StepState if state.is_final] == [
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "UNKNOWN",
    ]
