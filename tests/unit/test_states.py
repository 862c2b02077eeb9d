"""Every pair of states: what may follow what."""

from itertools import product

import pytest

from komadori.domain.states import JobState, StepState

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
FAILED     x . . x . . .
CANCELLED  x . x x . . .
UNKNOWN    x . . x . . .
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


@pytest.mark.parametrize(("state", "target"), [*product(JobState, JobState)])
def test_a_job_moves_by_its_table(state: JobState, target: JobState) -> None:
    assert state.may_become(target) is ((state, target) in allowed_in(JOBS))


@pytest.mark.parametrize(("state", "target"), [*product(StepState, StepState)])
def test_a_step_moves_by_its_table(state: StepState, target: StepState) -> None:
    assert state.may_become(target) is ((state, target) in allowed_in(STEPS))


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
