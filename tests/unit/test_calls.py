"""The book of requests: what was sent is known, whatever becomes of the worker that sent it."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from komadori.domain.backends import BackendFacts
from komadori.domain.calls import CallId, CallState, Intent, Rest, Run
from komadori.domain.ids import JobId, SessionId, new_id
from komadori.domain.states import JobState, StepState
from komadori.domain.view import BackendView, Problem
from komadori.errors import BackendBusy, LeaseLost
from komadori.queue import schema
from komadori.queue.calls import RUNS_MOST, StepCalls
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.ledger import Claim, Ending
from komadori.queue.providers import (
    CIRCUIT_AFTER,
    CIRCUIT_FIRST_S,
    CIRCUIT_MOST_S,
    publish,
    read_backends,
    read_facts,
)
from tests.fakes.painters import PRICE
from tests.unit.conftest import Spine, a_file

INTENT = Intent(
    provider="openai",
    model="m-1",
    size_band="1MP",
    references=2,
    is_paid=True,
    at_once=4,
    timeout_s=30.0,
    price=PRICE,
)
UNPAID = replace(INTENT, is_paid=False, price=None)
SECONDS = 8.0
JITTER = 1.2
Book = Callable[[Claim], StepCalls]


@pytest.fixture
def book(spine: Spine) -> Iterator[Book]:
    """Give the calls of a claimed step."""
    with ThreadPoolExecutor(4) as executor:

        def of(claim: Claim) -> StepCalls:
            return StepCalls(spine.store, executor, claim.step, token=claim.token)

        yield of


@pytest.fixture
def job_id(spine: Spine, session: SessionId) -> JobId:
    asked = {"prompt": "Mara at the harbour", "candidates": 6}
    return FrameOrders(spine.orders.desk).submit(session, asked, None)


@pytest.fixture
def claim(spine: Spine, job_id: JobId) -> Claim:
    assert job_id
    return spine.claim()


@pytest.fixture
def calls(book: Book, claim: Claim) -> StepCalls:
    return book(claim)


def the_call(spine: Spine, call: CallId) -> Any:
    (row,) = spine.rows(schema.calls, id=call)
    return row


async def fail(calls: StepCalls, times: int = 1, state: CallState = CallState.DOWN) -> None:
    for _ in range(times):
        await calls.ended(await calls.begin(INTENT), state, "No luck.")


async def rest(calls: StepCalls) -> Rest:
    found = await calls.rest("openai")
    assert found is not None
    return found


# --- begin -------------------------------------------------------------------------------------


async def test_what_goes_out_is_in_the_store_before_it_goes(
    spine: Spine, calls: StepCalls, claim: Claim
) -> None:
    row = the_call(spine, await calls.begin(INTENT))

    assert (row.state, row.step_id, row.job_id) == ("sending", claim.step.id, claim.job.id)
    assert (row.provider, row.model, row.size_band) == ("openai", "m-1", "1MP")
    assert (row.attempt, row.reference_count, row.timeout_s) == (1, 2, 30.0)
    assert (row.is_paid, row.price) == (True, {"amount": 0.04, "currency": "USD"})


async def test_nothing_goes_out_when_the_step_was_lost(
    spine: Spine, calls: StepCalls, claim: Claim
) -> None:
    spine.release(claim)

    with pytest.raises(LeaseLost):
        await calls.begin(INTENT)
    assert spine.rows(schema.calls) == []


async def test_nothing_goes_out_when_another_worker_has_the_step(
    spine: Spine, book: Book, calls: StepCalls, claim: Claim
) -> None:
    spine.release(claim)
    again = spine.claim()
    while again.step.id != claim.step.id:
        again = spine.claim()

    with pytest.raises(LeaseLost):
        await calls.begin(INTENT)
    assert await book(again).begin(INTENT)


async def test_nothing_goes_out_when_the_job_is_being_cancelled(
    spine: Spine, session: SessionId, calls: StepCalls, job_id: JobId
) -> None:
    spine.orders.cancel(session, job_id)
    assert spine.state(job_id) is JobState.CANCELLING

    with pytest.raises(LeaseLost):
        await calls.begin(INTENT)
    assert spine.rows(schema.calls) == []


async def test_nothing_goes_out_while_the_provider_rests(spine: Spine, calls: StepCalls) -> None:
    await calls.ended(await calls.begin(INTENT), CallState.BUSY, "Slow down.", 40.0)

    with pytest.raises(BackendBusy, match="openai asked for a pause") as busy:
        await calls.begin(INTENT)
    assert 39.0 < busy.value.retry_after_s <= 40.0 * JITTER
    assert len(spine.rows(schema.calls)) == 1


async def test_nothing_goes_out_when_all_places_are_taken(
    spine: Spine, book: Book, calls: StepCalls
) -> None:
    one_place = replace(INTENT, at_once=1)
    first = await calls.begin(one_place)
    others = book(spine.claim())

    with pytest.raises(BackendBusy, match="1 requests under way") as busy:
        await others.begin(one_place)
    assert 0 < busy.value.retry_after_s < 10

    await calls.answered(first, a_file(), SECONDS)
    assert await others.begin(one_place)


@pytest.mark.usefixtures("job_id")
async def test_a_place_is_given_once_however_many_ask_together(spine: Spine, book: Book) -> None:
    two_places = replace(INTENT, at_once=2)
    all_calls = [book(spine.claim()) for _ in range(6)]

    ends = await asyncio.gather(
        *(calls.begin(two_places) for calls in all_calls), return_exceptions=True
    )

    assert sum(isinstance(end, str) for end in ends) == 2
    assert sum(isinstance(end, BackendBusy) for end in ends) == 4


@pytest.mark.usefixtures("job_id")
async def test_the_places_of_one_provider_are_not_anothers(spine: Spine, book: Book) -> None:
    await book(spine.claim()).begin(replace(INTENT, at_once=1))

    assert await book(spine.claim()).begin(replace(INTENT, provider="gemini", at_once=1))


async def test_a_task_that_nobody_waits_for_takes_no_place(
    spine: Spine, book: Book, calls: StepCalls, claim: Claim
) -> None:
    one_place = replace(INTENT, at_once=1)
    await calls.accepted(await calls.begin(one_place), {"task": "t-1"})
    others = book(spine.claim())
    with pytest.raises(BackendBusy):
        await others.begin(one_place)

    spine.release(claim)

    assert await others.begin(one_place)


# --- an attempt ends with a request under way ----------------------------------------------------


def ended(spine: Spine, claim: Claim, outcome: str) -> None:
    problem = Problem(code="failed", message="The pencil broke.")
    spine.ledger.finish(claim, Ending(outcome=outcome, problem=problem, may_retry=True))


@pytest.mark.parametrize("outcome", ["died", "released", "failed", "cancelled"])
async def test_what_may_have_to_be_paid_is_told_and_not_sent_again(
    spine: Spine, calls: StepCalls, claim: Claim, outcome: str
) -> None:
    call = await calls.begin(INTENT)

    ended(spine, claim, outcome)

    step = spine.step(claim.step.id)
    assert (step.state, step.error_code) == (StepState.UNKNOWN, "unknown_outcome")
    assert (the_call(spine, call).state, await calls.open()) == ("unknown", None)
    (attempt,) = spine.rows(schema.attempts, step_id=claim.step.id)
    assert attempt.outcome == "unknown"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("died", StepState.QUEUED),
        ("released", StepState.QUEUED),
        ("failed", StepState.WAITING),
        ("cancelled", StepState.CANCELLED),
    ],
)
async def test_what_costs_nothing_goes_on_as_usual(
    spine: Spine, calls: StepCalls, claim: Claim, outcome: str, state: StepState
) -> None:
    call = await calls.begin(UNPAID)

    ended(spine, claim, outcome)

    assert spine.step(claim.step.id).state == state
    assert the_call(spine, call).state == "down"


async def test_a_killed_worker_leaves_its_paid_request_unknown(
    spine: Spine, calls: StepCalls, claim: Claim
) -> None:
    await calls.begin(INTENT)

    spine.kill_worker_of(claim)
    spine.reaper.look()

    assert spine.step(claim.step.id).state == StepState.UNKNOWN


async def test_a_request_that_was_closed_before_the_end_changes_nothing(
    spine: Spine, calls: StepCalls, claim: Claim
) -> None:
    await fail(calls, state=CallState.REFUSED)

    ended(spine, claim, "released")

    assert spine.step(claim.step.id).state == StepState.QUEUED


@pytest.mark.parametrize("intent", [INTENT, UNPAID], ids=["paid", "unpaid"])
@pytest.mark.parametrize("outcome", ["died", "released", "failed"])
async def test_an_accepted_task_is_kept_for_the_next_attempt(
    spine: Spine, book: Book, calls: StepCalls, claim: Claim, outcome: str, intent: Intent
) -> None:
    call = await calls.begin(intent)
    await calls.accepted(call, {"task": "t-1"})

    ended(spine, claim, outcome)

    assert spine.step(claim.step.id).state in (StepState.QUEUED, StepState.WAITING)
    found = await book(claim).open()
    assert found is not None
    assert (found.id, found.ticket, found.file) == (call, {"task": "t-1"}, None)
    assert (found.provider, found.model, found.price) == ("openai", "m-1", intent.price)


async def test_an_answered_request_is_found_with_its_picture(calls: StepCalls) -> None:
    call, file = await calls.begin(INTENT), a_file()

    await calls.answered(call, file, SECONDS)

    found = await calls.open()
    assert found is not None
    assert (found.id, found.file) == (call, file)


@pytest.mark.parametrize(
    "state", [CallState.REFUSED, CallState.BUSY, CallState.DOWN, CallState.UNKNOWN]
)
async def test_a_request_without_a_picture_is_not_found(calls: StepCalls, state: CallState) -> None:
    await fail(calls, state=state)

    assert await calls.open() is None


async def test_the_newest_request_is_found(spine: Spine, calls: StepCalls) -> None:
    await calls.accepted(await calls.begin(INTENT), {"task": "old"})
    spine.store.ahead_s += 5
    await calls.accepted(await calls.begin(INTENT), {"task": "new"})

    found = await calls.open()

    assert found is not None
    assert found.ticket == {"task": "new"}


async def test_a_step_finds_no_requests_of_others(
    spine: Spine, book: Book, calls: StepCalls
) -> None:
    await calls.answered(await calls.begin(INTENT), a_file(), SECONDS)

    assert await book(spine.claim()).open() is None


# --- runs --------------------------------------------------------------------------------------


async def test_runs_are_what_was_answered_the_newest_first(spine: Spine, calls: StepCalls) -> None:
    for references, seconds in ((0, 4.0), (3, 9.0)):
        call = await calls.begin(replace(INTENT, references=references))
        spine.store.ahead_s += seconds
        await calls.answered(call, a_file(), seconds)

    assert await calls.runs("openai", "m-1") == (
        Run(size_band="1MP", references=3, seconds=9.0),
        Run(size_band="1MP", references=0, seconds=4.0),
    )


async def test_a_request_that_timed_out_counts_as_a_run(spine: Spine, calls: StepCalls) -> None:
    call = await calls.begin(INTENT)
    spine.store.ahead_s += INTENT.timeout_s

    await calls.ended(call, CallState.UNKNOWN, "No answer in 30 s.")

    (run,) = await calls.runs("openai", "m-1")
    assert run.seconds == pytest.approx(30.0, abs=1.0)


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        (CallState.UNKNOWN, 5.0),  # it was cut off, which says nothing of its time
        (CallState.DOWN, 30.0),
        (CallState.REFUSED, 30.0),
        (CallState.BUSY, 30.0),
    ],
)
async def test_other_failures_are_no_runs(
    spine: Spine, calls: StepCalls, state: CallState, seconds: float
) -> None:
    call = await calls.begin(INTENT)
    spine.store.ahead_s += seconds

    await calls.ended(call, state, "No luck.")

    assert await calls.runs("openai", "m-1") == ()


async def test_what_was_fetched_after_its_time_counts_as_all_of_its_time(
    spine: Spine, calls: StepCalls
) -> None:
    call = await calls.begin(INTENT)
    spine.store.ahead_s += 3600

    await calls.answered(call, a_file(), None)

    assert [run.seconds for run in await calls.runs("openai", "m-1")] == [INTENT.timeout_s]


async def test_what_was_fetched_again_within_its_time_is_no_run(calls: StepCalls) -> None:
    await calls.answered(await calls.begin(INTENT), a_file(), None)

    assert await calls.runs("openai", "m-1") == ()


async def test_what_was_closed_over_a_workers_head_stays_as_it_is(
    spine: Spine, calls: StepCalls, claim: Claim
) -> None:
    call = await calls.begin(INTENT)
    ended(spine, claim, "died")

    await calls.answered(call, a_file(), SECONDS)

    (row,) = spine.rows(schema.calls)
    assert row.state == CallState.UNKNOWN


async def test_what_its_worker_left_is_no_run(spine: Spine, calls: StepCalls, claim: Claim) -> None:
    await calls.begin(INTENT)
    spine.store.ahead_s += 3600

    ended(spine, claim, "died")

    assert await calls.runs("openai", "m-1") == ()


async def test_a_task_that_was_lost_in_a_long_pause_is_no_run(
    spine: Spine, calls: StepCalls
) -> None:
    call = await calls.begin(INTENT)
    await calls.accepted(call, {"task": "t-1"})
    spine.store.ahead_s += 3600

    await calls.ended(call, CallState.UNKNOWN, "There is no task t-1.")

    assert await calls.runs("openai", "m-1") == ()


async def test_a_picture_that_was_lost_after_it_came_is_no_run(
    spine: Spine, calls: StepCalls
) -> None:
    call = await calls.begin(INTENT)
    await calls.answered(call, a_file(), SECONDS)
    spine.store.ahead_s += 3600

    await calls.ended(call, CallState.UNKNOWN, "Its file is gone.")

    assert await calls.runs("openai", "m-1") == ()


async def test_runs_are_those_of_one_model(calls: StepCalls) -> None:
    await calls.answered(await calls.begin(INTENT), a_file(), SECONDS)

    assert await calls.runs("openai", "m-2") == ()
    assert await calls.runs("gemini", "m-1") == ()


async def test_the_newest_runs_are_enough(spine: Spine, calls: StepCalls, claim: Claim) -> None:
    first = await calls.begin(INTENT)
    await calls.answered(first, a_file(), 0.0)
    values = the_call(spine, first)._asdict()
    with spine.store.write() as connection:
        for number in range(1, RUNS_MOST + 10):
            later = {"id": new_id(), "seconds": float(number), "ended_at": 2e9 + number}
            connection.execute(insert(schema.calls).values(**(values | later)))

    runs = await calls.runs("openai", "m-1")

    assert len(runs) == RUNS_MOST
    assert runs[0].seconds == RUNS_MOST + 9


# --- circuits ----------------------------------------------------------------------------------


async def test_a_provider_nobody_knows_may_be_asked(calls: StepCalls) -> None:
    assert await calls.rest("openai") is None


@pytest.mark.parametrize("state", [CallState.DOWN, CallState.UNKNOWN])
async def test_after_five_failures_in_a_row_it_is_left_alone(
    calls: StepCalls, state: CallState
) -> None:
    await fail(calls, CIRCUIT_AFTER - 1, state)
    assert await calls.rest("openai") is None

    await fail(calls, 1, state)

    why = await rest(calls)
    assert CIRCUIT_FIRST_S - 1 < why.seconds <= CIRCUIT_FIRST_S * JITTER
    assert why.reason == "openai failed 5 times in a row"
    with pytest.raises(BackendBusy):
        await calls.begin(INTENT)


@pytest.mark.parametrize("state", [CallState.REFUSED, CallState.BUSY])
async def test_whoever_answers_is_not_down_though_the_answer_is_no(
    calls: StepCalls, state: CallState
) -> None:
    await fail(calls, CIRCUIT_AFTER - 1)
    await fail(calls, 1, state)

    await fail(calls, CIRCUIT_AFTER - 1)

    assert await calls.rest("openai") is None


async def test_the_rest_grows_with_each_failed_trial_up_to_a_limit(
    spine: Spine, calls: StepCalls
) -> None:
    await fail(calls, CIRCUIT_AFTER)
    rests = [(await rest(calls)).seconds]
    for _ in range(7):
        spine.store.ahead_s += CIRCUIT_MOST_S * JITTER
        await fail(calls)
        rests.append((await rest(calls)).seconds)

    for times, seconds in enumerate(rests):
        least = min(CIRCUIT_FIRST_S * 2**times, CIRCUIT_MOST_S)
        assert least - 1 < seconds <= least * JITTER


async def test_after_the_rest_one_request_goes_first_and_all_others_wait(
    spine: Spine, book: Book, calls: StepCalls
) -> None:
    others = book(spine.claim())
    await fail(calls, CIRCUIT_AFTER)
    spine.store.ahead_s += CIRCUIT_FIRST_S * JITTER + 1

    trial = await calls.begin(INTENT)

    with pytest.raises(BackendBusy, match="one request tries it now"):
        await others.begin(INTENT)
    await calls.answered(trial, a_file(), SECONDS)
    assert await others.begin(INTENT)


async def test_a_trial_that_never_ends_makes_room_for_another(
    spine: Spine, book: Book, calls: StepCalls
) -> None:
    others = book(spine.claim())
    await fail(calls, CIRCUIT_AFTER)
    spine.store.ahead_s += CIRCUIT_FIRST_S * JITTER + 1
    await calls.begin(INTENT)

    spine.store.ahead_s += INTENT.timeout_s + 1

    assert await others.begin(INTENT)


async def test_a_success_closes_the_circuit(spine: Spine, calls: StepCalls) -> None:
    await fail(calls, CIRCUIT_AFTER)
    spine.store.ahead_s += CIRCUIT_FIRST_S * JITTER + 1
    await calls.answered(await calls.begin(INTENT), a_file(), SECONDS)

    await fail(calls, CIRCUIT_AFTER - 1)

    assert await calls.rest("openai") is None


async def test_the_circuit_of_one_provider_is_not_anothers(calls: StepCalls) -> None:
    await fail(calls, CIRCUIT_AFTER)

    assert await calls.rest("gemini") is None
    assert await calls.begin(replace(INTENT, provider="gemini"))


async def test_a_busy_provider_is_left_alone_as_long_as_it_says_and_little_longer(
    spine: Spine, calls: StepCalls
) -> None:
    rests = []
    for _ in range(40):
        await calls.ended(await calls.begin(INTENT), CallState.BUSY, "Slow down.", 100.0)
        rests.append((await rest(calls)).seconds)
        spine.store.ahead_s += 121.0

    assert all(99.0 < seconds <= 120.0 for seconds in rests)
    assert max(rests) - min(rests) > 2.0  # they should not come back in the same moment


async def test_a_rest_ends_by_itself(spine: Spine, calls: StepCalls) -> None:
    await calls.ended(await calls.begin(INTENT), CallState.BUSY, "Slow down.", 10.0)

    spine.store.ahead_s += 10.0 * JITTER + 1

    assert await calls.rest("openai") is None
    assert await calls.begin(INTENT)


# --- what the page sees --------------------------------------------------------------------------

OPENAI = BackendFacts(name="openai", label="OpenAI", kind="http", model="m-1")
GEMINI = BackendFacts(name="gemini", label="Gemini", kind="http")
SKETCH = BackendFacts(name="sketch", label="Komadori sketch", kind="sketch")


def backends(spine: Spine) -> dict[str, BackendView]:
    with spine.store.read() as connection:
        views = read_backends(connection, spine.store.now(connection))
    return {view.facts.name: view for view in views}


def test_backends_are_listed_as_the_workers_told_of_them(spine: Spine) -> None:
    publish(spine.store, [GEMINI, OPENAI, SKETCH])

    with spine.store.read() as connection:
        assert read_facts(connection) == (GEMINI, OPENAI, SKETCH)
    assert list(backends(spine)) == ["gemini", "openai", "sketch"]
    assert [view.is_auto for view in backends(spine).values()] == [True, False, False]


def test_what_is_told_later_replaces_it_and_forgets_those_that_are_gone(spine: Spine) -> None:
    publish(spine.store, [GEMINI, OPENAI])

    no_key = OPENAI.model_copy(update={"is_ready": False, "reason": "OPENAI_API_KEY is not set"})
    publish(spine.store, [no_key, SKETCH])

    views = backends(spine)
    assert list(views) == ["openai", "sketch"]
    assert views["openai"].facts == no_key
    assert [view.is_auto for view in views.values()] == [False, True]


async def test_a_restarted_worker_does_not_end_a_rest(spine: Spine, calls: StepCalls) -> None:
    publish(spine.store, [OPENAI])
    await fail(calls, CIRCUIT_AFTER)

    publish(spine.store, [SKETCH, OPENAI])

    assert (await rest(calls)).reason == "openai failed 5 times in a row"
    view = backends(spine)["openai"]
    assert view.rests_until is not None
    assert view.rest_reason == "openai failed 5 times in a row"


async def test_a_rest_that_is_over_is_not_shown(spine: Spine, calls: StepCalls) -> None:
    publish(spine.store, [OPENAI])
    await fail(calls, CIRCUIT_AFTER)

    spine.store.ahead_s += CIRCUIT_FIRST_S * JITTER + 1

    view = backends(spine)["openai"]
    assert (view.rests_until, view.rest_reason) == (None, "")


async def test_a_provider_that_was_only_asked_is_not_offered(
    spine: Spine, calls: StepCalls
) -> None:
    await calls.begin(INTENT)

    assert backends(spine) == {}


async def test_the_typical_time_is_the_median_of_what_was_answered(
    spine: Spine, calls: StepCalls
) -> None:
    publish(spine.store, [OPENAI, GEMINI])
    for seconds in (5.0, 90.0, 7.0):
        await calls.answered(await calls.begin(INTENT), a_file(), seconds)

    views = backends(spine)
    assert (views["openai"].typical_s, views["gemini"].typical_s) == (7.0, None)
