"""Plans: which steps come next, for every kind of job."""

from typing import Any

import pytest

from komadori.domain.ids import JobId, SessionId, StepId
from komadori.domain.job import Job, Step
from komadori.domain.states import JobKind, Lane, Stage, StepKind, StepState
from komadori.domain.story import Character, Drawing
from komadori.domain.work import Plan
from komadori.pipeline.plans import REDO_PRIORITY, Plans
from tests.unit.conftest import storyboard

PLANS = Plans((640, 360))
STYLE = {"mood": "calm", "art_style": "ink"}


def a_storyboard_job(job_id: str = "j1") -> Job:
    return Job(
        id=JobId(job_id),
        session_id=SessionId("s1"),
        kind=JobKind.STORYBOARD,
        request={"story": "…", "panels": 3, "style": STYLE},
    )


def a_step(kind: StepKind, state: StepState, result: Any = None) -> Step:
    return Step(
        id=StepId("p1"),
        job_id=JobId("j1"),
        kind=kind,
        number=0,
        lane=Lane.IMAGE,
        payload={},
        state=state,
        result=result,
    )


def scenes(panels: int, *cast: str) -> Step:
    board = storyboard(panels)
    people = tuple(Character(name=name) for name in cast)
    one = board.panels[0].model_copy(update={"characters": cast[:1]})
    board = board.model_copy(update={"cast": people, "panels": (one, *board.panels[1:])})
    return a_step(StepKind.SCENES, StepState.COMPLETED, board.model_dump(mode="json"))


def test_a_storyboard_begins_with_its_scenes() -> None:
    plan = PLANS(a_storyboard_job(), ())

    assert plan.stage is Stage.SCENE_GENERATION
    assert [(step.kind, step.number, step.priority) for step in plan.steps] == [
        (StepKind.SCENES, 0, 0)
    ]


def test_scenes_are_followed_by_one_step_for_each_panel() -> None:
    plan = PLANS(a_storyboard_job(), [scenes(3)])

    assert plan.stage is Stage.IMAGE_GENERATION
    assert [(step.kind, step.number) for step in plan.steps] == [
        (StepKind.PANEL, 1),
        (StepKind.PANEL, 2),
        (StepKind.PANEL, 3),
    ]


def drawings(plan: Plan) -> list[Drawing]:
    return [Drawing.model_validate(step.payload) for step in plan.steps]


def test_a_panel_knows_its_style_its_size_and_those_who_are_in_it() -> None:
    first, second = drawings(PLANS(a_storyboard_job(), [scenes(2, "Mei", "Ren")]))

    assert (first.style.mood, first.style.art_style) == ("calm", "ink")
    assert (first.width, first.height) == (640, 360)
    assert [one.name for one in first.cast] == ["Mei"]
    assert second.cast == ()


def test_all_panels_of_a_job_share_a_seed_that_is_the_jobs_own() -> None:
    same = {one.seed for one in drawings(PLANS(a_storyboard_job(), [scenes(3)]))}
    again = {one.seed for one in drawings(PLANS(a_storyboard_job(), [scenes(3)]))}
    others = {one.seed for one in drawings(PLANS(a_storyboard_job("j2"), [scenes(3)]))}

    assert same == again
    assert len(same | others) == 2


@pytest.mark.parametrize("state", [StepState.FAILED, StepState.CANCELLED])
def test_without_scenes_there_is_nothing_more_to_do(state: StepState) -> None:
    assert PLANS(a_storyboard_job(), [a_step(StepKind.SCENES, state)]) == Plan()


def test_after_the_panels_there_is_nothing_more_to_do() -> None:
    steps = [scenes(1), a_step(StepKind.PANEL, StepState.FAILED)]

    assert PLANS(a_storyboard_job(), steps) == Plan()


def test_a_redo_is_one_urgent_step_with_the_drawing_it_was_given() -> None:
    (drawing,) = drawings(PLANS(a_storyboard_job(), [scenes(1)]))
    request = {"job_id": "j1", "panel": 1, "drawing": drawing.model_dump(mode="json")}
    job = Job(id=JobId("j2"), session_id=SessionId("s1"), kind=JobKind.PANEL, request=request)

    plan = PLANS(job, ())

    assert plan.stage is Stage.REGENERATING
    (step,) = plan.steps
    assert (step.kind, step.number, step.priority) == (StepKind.PANEL, 1, REDO_PRIORITY)
    assert Drawing.model_validate(step.payload) == drawing
    assert PLANS(job, [a_step(StepKind.PANEL, StepState.FAILED)]) == Plan()
