"""Plans: which steps come next, for every kind of job."""

from typing import Any

import pytest

from komadori.domain.ids import JobId, SessionId, StepId, new_id
from komadori.domain.job import Job, Step
from komadori.domain.requests import FrameRequest
from komadori.domain.states import JobKind, Lane, Stage, StepKind, StepState
from komadori.domain.story import Character, Drawing
from komadori.domain.work import Plan
from komadori.pipeline.plans import (
    DRAFT_PRIORITY,
    REDO_PRIORITY,
    WAITS_FOR_APPROVAL,
    Plans,
)
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


# --- frames ------------------------------------------------------------------------------------


def a_frame_job(**asked: Any) -> Job:
    request = FrameRequest.model_validate({"prompt": "Mei waits", "seed": 40} | asked)
    return Job(
        id=JobId("j3"),
        session_id=SessionId("s1"),
        kind=JobKind.FRAME,
        request=request.model_dump(mode="json"),
    )


def ended(plan: Plan, *states: StepState) -> list[Step]:
    """Return the steps of a plan as they have ended."""
    return [
        Step(
            id=StepId(f"{new.kind}-{new.number}"),
            job_id=JobId("j3"),
            kind=new.kind,
            number=new.number,
            lane=new.lane,
            payload=new.payload,
            state=state,
        )
        for new, state in zip(plan.steps, states, strict=True)
    ]


def test_a_frame_is_one_step_with_its_drawing() -> None:
    plan = PLANS(a_frame_job(width=1024, height=1024), ())

    assert plan.stage is Stage.IMAGE_GENERATION
    (step,) = plan.steps
    assert (step.kind, step.number, step.priority, step.waits_for) == (StepKind.FRAME, 1, 0, None)
    (drawing,) = drawings(plan)
    assert (drawing.prompt, drawing.seed) == ("Mei waits", 40)
    assert (drawing.width, drawing.height) == (1024, 1024)  # not the storyboards' size


def test_a_frame_without_a_seed_has_the_jobs_own() -> None:
    (first,), (again,) = [drawings(PLANS(a_frame_job(seed=None), ())) for _ in range(2)]

    assert first.seed == again.seed != 40


def test_candidates_are_steps_that_differ_in_nothing_but_their_seeds() -> None:
    plan = PLANS(a_frame_job(candidates=3), ())

    assert [(step.kind, step.number) for step in plan.steps] == [
        (StepKind.FRAME, number) for number in (1, 2, 3)
    ]
    made = drawings(plan)
    assert [one.seed for one in made] == [40, 41, 42]
    assert len({one.model_copy(update={"seed": 0}).model_dump_json() for one in made}) == 1


@pytest.mark.parametrize("state", [StepState.COMPLETED, StepState.FAILED, StepState.UNKNOWN])
def test_after_its_pictures_a_frame_is_done(state: StepState) -> None:
    job = a_frame_job(candidates=2)

    assert PLANS(job, ended(PLANS(job, ()), StepState.COMPLETED, state)) == Plan()


@pytest.mark.parametrize("draft", ["sketch", "provider"])
def test_drafts_come_first_and_are_urgent(draft: str) -> None:
    plan = PLANS(a_frame_job(draft=draft, candidates=2), ())

    assert plan.stage is Stage.DRAFTING
    assert [(step.kind, step.number, step.priority) for step in plan.steps] == [
        (StepKind.DRAFT, 1, DRAFT_PRIORITY),
        (StepKind.DRAFT, 2, DRAFT_PRIORITY),
    ]
    assert all(step.waits_for is None for step in plan.steps)


def test_after_its_drafts_one_picture_waits_for_approval() -> None:
    job = a_frame_job(draft="sketch", candidates=2)
    drafts = PLANS(job, ())

    plan = PLANS(job, ended(drafts, StepState.COMPLETED, StepState.COMPLETED))

    assert plan.stage is Stage.APPROVAL
    (final,) = plan.steps
    assert (final.kind, final.number) == (StepKind.FRAME, 1)
    assert final.waits_for == WAITS_FOR_APPROVAL
    assert drawings(plan)[0].seed == 40  # the seed and the references of a draft


def test_the_final_picture_has_the_references_of_its_draft() -> None:
    face, place = new_id(), new_id()
    cast = [{"name": "Mei", "reference": face}]
    job = a_frame_job(draft="sketch", scene_reference=place, characters=cast)
    drafts = PLANS(job, ())

    final = PLANS(job, ended(drafts, StepState.COMPLETED))

    assert drawings(final) == drawings(drafts)
    assert (drawings(final)[0].place, drawings(final)[0].cast[0].reference) == (place, face)


@pytest.mark.parametrize("other", [StepState.FAILED, StepState.UNKNOWN, StepState.CANCELLED])
def test_one_draft_of_several_is_enough_to_wait_for_approval(other: StepState) -> None:
    job = a_frame_job(draft="provider", candidates=2)

    plan = PLANS(job, ended(PLANS(job, ()), other, StepState.COMPLETED))

    assert [step.waits_for for step in plan.steps] == [WAITS_FOR_APPROVAL]


@pytest.mark.parametrize("state", [StepState.FAILED, StepState.UNKNOWN, StepState.CANCELLED])
def test_without_any_draft_there_is_nothing_to_approve(state: StepState) -> None:
    job = a_frame_job(draft="sketch", candidates=2)

    assert PLANS(job, ended(PLANS(job, ()), state, state)) == Plan()


@pytest.mark.parametrize("state", [StepState.COMPLETED, StepState.FAILED, StepState.CANCELLED])
def test_after_the_final_picture_there_is_nothing_more_to_do(state: StepState) -> None:
    job = a_frame_job(draft="sketch")
    drafts = ended(PLANS(job, ()), StepState.COMPLETED)
    final = ended(PLANS(job, drafts), state)

    assert PLANS(job, [*drafts, *final]) == Plan()


def test_another_draft_beside_the_parked_picture_brings_no_second_one() -> None:
    job = a_frame_job(draft="sketch")
    drafts = ended(PLANS(job, ()), StepState.COMPLETED)
    parked = ended(PLANS(job, drafts), StepState.WAITING)
    more = ended(PLANS(job, ()), StepState.COMPLETED)

    assert PLANS(job, [*drafts, *parked, *more]) == Plan()
