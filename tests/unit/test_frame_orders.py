"""Orders about frames: submit, approve a draft, draw another, pick a candidate."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from komadori.domain.backends import BackendFacts
from komadori.domain.calls import CallId, Intent
from komadori.domain.ids import ArtifactId, JobId, SessionId
from komadori.domain.states import JobState, Lane, Stage, StepKind, StepState
from komadori.domain.work import NewArtifact, StepResult, slot_of
from komadori.errors import NotFound, RequestRejected
from komadori.queue.calls import StepCalls
from komadori.queue.frame_orders import DRAFTS_MAX, FrameOrders
from komadori.queue.ledger import Claim
from komadori.queue.providers import publish
from tests.unit.conftest import Spine, a_file

SKETCH = BackendFacts(name="sketch", label="Komadori sketch", kind="sketch")
OPENAI = BackendFacts(name="openai", label="OpenAI", kind="http")
GEMINI = BackendFacts(
    name="gemini", label="Gemini", kind="http", is_ready=False, reason="GEMINI_API_KEY is not set"
)


@pytest.fixture
def frames(spine: Spine) -> FrameOrders:
    return FrameOrders(spine.orders.desk)


def submit(frames: FrameOrders, session: SessionId, key: str | None = None, **asked: Any) -> JobId:
    return frames.submit(session, {"prompt": "Mara at the harbour, at dusk"} | asked, key)


def draw(spine: Spine, claim: Claim) -> None:
    """Complete a draft or frame step with a picture in its own slot."""
    step = claim.step
    file = a_file()
    slot = slot_of(step.kind, step.number)
    artifact = NewArtifact(job_id=claim.job.id, slot=slot, file=file)
    spine.complete(claim, StepResult(data={"picture": file.id}, artifacts=(artifact,)))


def draw_all(spine: Spine) -> None:
    while (claim := spine.ledger.claim_next(Lane.IMAGE)) is not None:
        draw(spine, claim)


def awaiting_approval(spine: Spine, frames: FrameOrders, session: SessionId, **asked: Any) -> JobId:
    job_id = submit(frames, session, **{"draft": "sketch"} | asked)
    draw_all(spine)
    assert spine.state(job_id) is JobState.WAITING
    return job_id


def the_final(spine: Spine, job_id: JobId) -> Any:
    (final,) = [step for step in spine.steps(job_id) if step.kind == StepKind.FRAME]
    return final


# --- submit ------------------------------------------------------------------------------------


def test_a_frame_is_one_picture_with_its_size_and_seed(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, width=1024, height=1024, seed=7)

    (step,) = spine.steps(job_id)
    assert (step.kind, step.state) == (StepKind.FRAME, StepState.QUEUED)
    payload = step.payload
    assert (payload["width"], payload["height"], payload["seed"]) == (1024, 1024, 7)
    assert spine.rung == [1]


def test_candidates_differ_by_their_seeds_and_do_not_replace_one_another(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, candidates=3)

    draw_all(spine)

    view = spine.view(job_id)
    assert view.state is JobState.COMPLETED
    assert len({step.payload["seed"] for step in spine.steps(job_id)}) == 3
    assert len({frame.picture for frame in view.frames}) == 3
    assert view.picked is None


def test_the_same_key_returns_the_job_that_exists(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    first = submit(frames, session, key="k1")

    assert submit(frames, session, key="k1") == first
    with pytest.raises(RequestRejected) as refusal:
        submit(frames, session, key="k1", candidates=2)
    assert refusal.value.code == "key_used"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"prompt": "  "}, "prompt_length"),
        ({"prompt": "x" * 2001}, "prompt_length"),
        ({"candidates": 9}, "field_invalid"),
        ({"width": 4000}, "field_invalid"),
        ({"seed": -1}, "field_invalid"),
        ({"draft": "oil"}, "field_invalid"),
        ({"character_ids": ["Mara"]}, "character_unknown"),
        ({"characters": [{"name": "A"}, {"name": "A"}]}, "cast_names"),
        ({"scene_reference": "f" * 20}, "reference_not_found"),
        ({"characters": [{"name": "A", "reference": "f" * 20}]}, "reference_not_found"),
        ({"colour": "red"}, "field_invalid"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_stored(
    asked: dict[str, Any],
    code: str,
    spine: Spine,
    frames: FrameOrders,
    session: SessionId,
) -> None:
    with pytest.raises(RequestRejected) as refusal:
        submit(frames, session, **asked)

    assert refusal.value.code == code
    assert spine.rung == []


def test_a_provider_must_be_known_and_ready(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    publish(spine.store, [OPENAI, GEMINI, SKETCH])

    for name, code in (("dall-e", "provider_unknown"), ("gemini", "provider_not_ready")):
        with pytest.raises(RequestRejected) as refusal:
            submit(frames, session, provider=name)
        assert refusal.value.code == code
    job_id = submit(frames, session, provider="openai")
    assert spine.view(job_id).provider == "openai"


def test_a_job_tells_who_will_draw_when_nobody_was_named(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    publish(spine.store, [GEMINI, SKETCH])
    assert spine.view(submit(frames, session)).provider == "sketch"

    publish(spine.store, [OPENAI, SKETCH])
    assert spine.view(submit(frames, session)).provider == "openai"


def test_the_provider_that_the_settings_name_must_be_ready(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    publish(spine.store, [GEMINI.model_copy(update={"is_default": True}), SKETCH])

    with pytest.raises(RequestRejected, match="GEMINI_API_KEY is not set"):
        submit(frames, session)


# --- drafts ------------------------------------------------------------------------------------


def test_a_draft_waits_for_approval_and_holds_no_worker(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)

    view = spine.view(job_id)
    assert (view.stage, view.problem.code) == (Stage.APPROVAL, "approval")
    assert spine.ledger.claim_next(Lane.IMAGE) is None
    spine.store.ahead_s = 10 * 24 * 3600
    spine.reaper.look()
    assert spine.state(job_id) is JobState.WAITING


def test_the_final_has_the_seed_and_references_of_the_approved_draft(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session, candidates=3, seed=10)

    frames.approve(session, job_id, 2)

    final = the_final(spine, job_id)
    approved = next(s for s in spine.steps(job_id) if s.kind == StepKind.DRAFT and s.number == 2)
    assert final.payload == approved.payload
    assert (final.payload["seed"], final.state) == (11, StepState.QUEUED)
    view = spine.view(job_id)
    assert (view.state, view.stage) == (JobState.RUNNING, Stage.IMAGE_GENERATION)
    draw_all(spine)
    view = spine.view(job_id)
    assert (view.state, view.picked) == (JobState.COMPLETED, 1)


def test_without_a_number_the_newest_draft_is_approved(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)
    frames.redo_draft(session, job_id, wanted="from above", seed=99)
    draw_all(spine)

    frames.approve(session, job_id, None)

    payload = the_final(spine, job_id).payload
    assert (payload["seed"], payload["modification"]) == (99, "from above")


def test_another_draft_is_drawn_and_the_job_waits_again(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)

    frames.redo_draft(session, job_id, wanted="", seed=None)

    assert (spine.state(job_id), spine.view(job_id).stage) == (JobState.RUNNING, Stage.DRAFTING)
    draw_all(spine)
    view = spine.view(job_id)
    assert (view.state, view.stage) == (JobState.WAITING, Stage.APPROVAL)
    drafts = [step for step in spine.steps(job_id) if step.kind == StepKind.DRAFT]
    assert [draft.number for draft in drafts] == [1, 2]
    assert drafts[0].payload["seed"] != drafts[1].payload["seed"]


def test_a_redone_draft_that_fails_leaves_the_others_to_be_approved(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)
    frames.redo_draft(session, job_id, wanted="", seed=None)
    spine.fail(spine.claim())

    assert spine.state(job_id) is JobState.WAITING
    frames.approve(session, job_id, None)
    draw_all(spine)
    assert the_final(spine, job_id).state == StepState.COMPLETED


def test_there_is_an_end_to_drafts(spine: Spine, frames: FrameOrders, session: SessionId) -> None:
    job_id = awaiting_approval(spine, frames, session)
    for _ in range(DRAFTS_MAX - 1):
        frames.redo_draft(session, job_id, wanted="", seed=None)

    with pytest.raises(RequestRejected) as refusal:
        frames.redo_draft(session, job_id, wanted="", seed=None)

    assert refusal.value.code == "drafts_many"


def test_what_does_not_wait_cannot_be_approved(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    plain = submit(frames, session)
    drafted = awaiting_approval(spine, frames, session)
    frames.approve(session, drafted, 1)

    for job_id in (plain, drafted):
        with pytest.raises(RequestRejected) as refusal:
            frames.approve(session, job_id, None)
        assert refusal.value.code == "nothing_to_approve"
    with pytest.raises(NotFound):
        frames.approve(session, awaiting_approval(spine, frames, session), 5)


def test_a_cancelled_draft_ends_with_its_pictures_kept(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)

    spine.orders.cancel(session, job_id)

    view = spine.view(job_id)
    assert view.state is JobState.CANCELLED
    assert view.frames[0].picture is not None


def test_a_cancelled_draft_that_is_taken_up_again_waits_for_approval_again(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)
    spine.orders.cancel(session, job_id)

    spine.orders.retry(session, job_id)

    view = spine.view(job_id)
    assert (view.state, view.problem.code) == (JobState.WAITING, "approval")
    frames.approve(session, job_id, None)
    draw_all(spine)
    assert spine.state(job_id) is JobState.COMPLETED


def test_a_draft_that_failed_is_forgiven_once_the_final_is_there(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, draft="sketch", candidates=2)
    spine.fail(spine.claim())
    draw_all(spine)

    frames.approve(session, job_id, None)
    draw_all(spine)

    assert spine.state(job_id) is JobState.COMPLETED


def test_a_job_whose_drafts_all_failed_has_failed(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, draft="sketch")

    spine.fail(spine.claim())

    assert spine.state(job_id) is JobState.FAILED


# --- candidates --------------------------------------------------------------------------------


def test_a_candidate_can_be_picked_and_picked_again(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, candidates=3)
    draw_all(spine)

    frames.pick(session, job_id, 3)
    frames.pick(session, job_id, 2)

    assert spine.view(job_id).picked == 2


def test_only_a_picture_that_is_there_can_be_picked(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = submit(frames, session, candidates=2)

    with pytest.raises(RequestRejected) as refusal:
        frames.pick(session, job_id, 1)
    assert refusal.value.code == "candidate_open"
    spine.fail(spine.claim())
    for number in (1, 9):
        with pytest.raises(NotFound):
            frames.pick(session, job_id, number)


def test_another_sessions_frame_looks_like_one_that_does_not_exist(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = awaiting_approval(spine, frames, session)
    stranger = spine.session()

    with pytest.raises(NotFound):
        frames.approve(stranger, job_id, None)
    with pytest.raises(NotFound):
        frames.redo_draft(stranger, job_id, wanted="", seed=None)
    with pytest.raises(NotFound):
        frames.pick(stranger, job_id, 1)
    with pytest.raises(RequestRejected):
        submit(frames, stranger, scene_reference=ArtifactId("f" * 20))


def test_a_storyboard_has_nothing_to_approve_or_pick(
    spine: Spine, frames: FrameOrders, session: SessionId
) -> None:
    job_id = spine.submit(session)

    with pytest.raises(NotFound):
        frames.approve(session, job_id, None)
    with pytest.raises(NotFound):
        frames.pick(session, job_id, 1)


# --- what was sent and not answered ------------------------------------------------------------


async def sent(spine: Spine, executor: ThreadPoolExecutor) -> tuple[Claim, StepCalls, CallId]:
    claim = spine.claim()
    calls = StepCalls(spine.store, executor, claim.step, token=claim.token)
    intent = Intent(
        provider="openai",
        model="m",
        size_band="1MP",
        references=0,
        is_paid=True,
        at_once=4,
        timeout_s=30,
    )
    return claim, calls, await calls.begin(intent)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_what_was_sent_is_sent_again_only_when_a_person_says_so(
    spine: Spine, frames: FrameOrders, session: SessionId, executor: ThreadPoolExecutor
) -> None:
    job_id = submit(frames, session, candidates=2)
    claim, _, _ = await sent(spine, executor)
    spine.release(claim)
    spine.fail(spine.claim())
    assert spine.state(job_id) is JobState.PARTIAL

    spine.orders.retry(session, job_id)
    states = [step.state for step in spine.steps(job_id)]
    assert states == [StepState.UNKNOWN, StepState.QUEUED]
    draw_all(spine)
    with pytest.raises(RequestRejected) as refusal:
        spine.orders.retry(session, job_id)
    assert refusal.value.code == "resend_needed"

    spine.orders.retry(session, job_id, resend=True)
    draw_all(spine)
    assert spine.state(job_id) is JobState.COMPLETED


async def test_a_task_that_never_comes_is_fetched_again_until_a_person_gives_it_up(
    spine: Spine, frames: FrameOrders, session: SessionId, executor: ThreadPoolExecutor
) -> None:
    job_id = submit(frames, session)
    claim, calls, call = await sent(spine, executor)
    await calls.accepted(call, {"task": "t-1"})
    spine.fail(claim)

    spine.orders.retry(session, job_id)
    claim = spine.claim()
    calls = StepCalls(spine.store, executor, claim.step, token=claim.token)
    again = await calls.open()
    assert again is not None
    assert again.ticket == {"task": "t-1"}
    spine.fail(claim)

    spine.orders.retry(session, job_id, resend=True)
    claim = spine.claim()
    calls = StepCalls(spine.store, executor, claim.step, token=claim.token)
    assert await calls.open() is None


async def test_what_can_still_be_fetched_is_not_given_up_for_what_is_unknown(
    spine: Spine, frames: FrameOrders, session: SessionId, executor: ThreadPoolExecutor
) -> None:
    job_id = submit(frames, session, candidates=2)
    unknown, _, _ = await sent(spine, executor)
    spine.release(unknown)
    late, calls, call = await sent(spine, executor)
    await calls.accepted(call, {"task": "t-1"})
    spine.fail(late)

    spine.orders.retry(session, job_id, resend=True)

    tickets = []
    while (claim := spine.ledger.claim_next(Lane.IMAGE)) is not None:
        found = await StepCalls(spine.store, executor, claim.step, token=claim.token).open()
        tickets.append(found.ticket if found else None)
    assert tickets == [None, {"task": "t-1"}]
