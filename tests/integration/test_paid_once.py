"""Whatever dies in mid-request: nothing is sent twice on our own, and nothing is paid twice."""

import random
import signal
from collections.abc import Callable

import psutil
import pytest

from komadori.domain.states import JobState, StepState
from komadori.errors import RequestRejected
from tests.integration.conftest import StartConsumer, StartPage
from tests.integration.paying import MODULE, PROVIDER_KEYS, Paying, noise, thaw
from tests.integration.processes import until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
_PANELS, _BLOWS, _SEED = 8, 4, 25
_STORY = "\n".join(
    f"Mio came to the {place}, where the fox had been waiting since the morning."
    for place in ("river", "bridge", "tower", "forest", "harbour", "market", "meadow", "cave")
)
_KILL, _FREEZE = signal.SIGKILL, signal.SIGSTOP


@pytest.mark.parametrize(
    ("bell", "phase", "blow"),
    [
        ("sqlite", "arrived", _KILL),
        ("sqlite", "received", _KILL),
        ("redis", "billed", _KILL),
        ("sqlite", "billed", _FREEZE),
        ("sqlite", "headers_sent", _KILL),
        ("sqlite", "half_body", _KILL),
    ],
    indirect=["bell"],
)
def test_what_a_lost_worker_had_sent_is_sent_again_only_by_a_persons_word(
    paying: Paying, consume: StartConsumer, phase: str, blow: signal.Signals
) -> None:
    paying.offer("openai")
    paying.provider.fault("hold", at=phase)
    consumer = consume(workers=2, module=MODULE)
    job = paying.frame()
    victim = paying.held(job)

    psutil.Process(victim).send_signal(blow)
    paying.unknown(job)
    until(lambda: len({*consumer.workers()} - {victim}) == 2, "the worker was replaced")
    paying.go_round()

    assert paying.ordered() == 1
    with pytest.raises(RequestRejected) as refused:
        paying.house.retry(job)
    assert refused.value.code == "resend_needed"
    paying.provider.no_faults()
    paying.house.retry(job, resend=True)
    paying.made(job)
    assert paying.ordered() == 2
    assert paying.outcomes(job) == ["unknown", "completed"]


@on_sqlite
def test_a_consumer_that_is_told_to_stop_gives_up_a_request_and_nobody_sends_it_again(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    paying.provider.fault("hold")
    first = consume(workers=1, module=MODULE)
    job = paying.frame()
    paying.held(job)

    first.signal(signal.SIGTERM)
    first.wait_until_nothing_is_left()
    paying.unknown(job)
    consume(workers=1, module=MODULE)
    paying.go_round()

    assert paying.counts() == (1, 1)
    assert "Traceback" not in first.output


@on_sqlite
def test_a_task_of_a_consumer_that_was_told_to_stop_is_fetched_by_the_next(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("jiekou-seedream-async")
    paying.provider.fault("hold", match={"kind": "poll"})
    first = consume(workers=1, module=MODULE)
    job = paying.frame(provider="jiekou-seedream-async")
    paying.held(job)

    first.signal(signal.SIGTERM)
    first.wait_until_nothing_is_left()
    consume(workers=1, module=MODULE)

    paying.made(job)
    assert paying.outcomes(job) == ["released", "completed"]
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_consumer_that_may_finish_waits_for_the_answer(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    paying.provider.fault("hold")
    consumer = consume(workers=1, module=MODULE)
    job = paying.frame()
    paying.held(job)

    consumer.signal(signal.SIGINT)
    until(lambda: "Shutting down" in consumer.output, "it has heard")
    paying.provider.release()

    paying.made(job)
    consumer.wait_until_nothing_is_left()
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_page_that_is_stopped_waits_for_the_answer_that_is_paid(
    paying: Paying, run_page: StartPage
) -> None:
    paying.offer("openai")
    page = run_page()
    paying.provider.fault("hold", at="billed")
    job = paying.frame()
    paying.held(job)

    page.program.signal(signal.SIGINT)
    until(lambda: "waiting for paid answers" in page.program.output, "it says that it waits")
    paying.provider.release()

    page.program.ended()
    paying.made(job)
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_page_that_is_stopped_twice_gives_the_answer_up_and_says_so_in_the_job(
    paying: Paying, run_page: StartPage
) -> None:
    paying.offer("openai")
    page = run_page()
    paying.provider.fault("hold", at="billed")
    job = paying.frame()
    paying.held(job)
    page.program.signal(signal.SIGINT)
    until(lambda: "waiting for paid answers" in page.program.output, "it says that it waits")

    page.program.signal(signal.SIGINT)

    page.program.ended()
    paying.unknown(job)
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_cancel_in_mid_request_ends_the_job_and_says_what_may_have_to_be_paid(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    paying.provider.fault("hold")
    consume(workers=1, module=MODULE)
    job = paying.frame()
    paying.held(job)

    paying.house.orders.cancel(paying.house.session, job)
    view = paying.house.ended(job)

    assert view.state is JobState.CANCELLED
    assert [step.state for step in view.steps] == [StepState.UNKNOWN]
    paying.go_round()
    assert paying.counts() == (1, 1)
    with pytest.raises(RequestRejected, match="sent and not answered"):
        paying.house.retry(job)
    paying.house.retry(job, resend=True)
    paying.made(job)
    assert paying.counts() == (2, 2)


@on_sqlite
def test_a_task_that_was_cancelled_is_fetched_when_the_job_is_tried_again(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("jiekou-seedream-async")
    paying.provider.fault("hold", match={"kind": "poll"})
    consume(workers=1, module=MODULE)
    job = paying.frame(provider="jiekou-seedream-async")
    paying.held(job)

    paying.house.orders.cancel(paying.house.session, job)
    view = paying.house.ended(job)
    assert view.state is JobState.CANCELLED
    assert [step.state for step in view.steps] == [StepState.CANCELLED]
    paying.house.retry(job)

    paying.made(job)
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_step_that_is_stopped_for_its_time_in_mid_request_is_not_run_again(
    paying: Paying, consume: StartConsumer, setting: Callable[[str, object], None]
) -> None:
    setting("DEFAULTS__STEP__SOFT_LIMIT_S", 0.5)
    setting("DEFAULTS__STEP__HARD_LIMIT_S", 20)
    paying.offer("openai")
    paying.provider.fault("hold")
    consume(workers=1, module=MODULE)

    job = paying.frame()
    paying.unknown(job)
    paying.go_round()

    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_worker_that_wakes_up_with_an_answer_after_its_lease_was_lost_writes_no_result(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    paying.provider.fault("hold")
    first = consume(workers=1, module=MODULE)
    job = paying.frame()
    paying.held(job)
    paying.freeze_elsewhere(first, job)
    paying.provider.release()  # the answer waits for the frozen worker
    consume(workers=1, module=MODULE)
    paying.unknown(job)

    thaw(first)
    until(lambda: "lost" in first.output or "dropped" in first.output, "the loss was noticed")
    paying.go_round()

    paying.unknown(job)
    assert paying.outcomes(job) == ["unknown"]
    assert paying.counts() == (1, 1)
    paying.house.retry(job, resend=True)
    paying.made(job)
    assert len(paying.bills()) <= 2


@on_sqlite
@pytest.mark.parametrize("at", ["arrived", "billed"])
def test_a_task_that_was_accepted_is_fetched_by_the_successor(
    paying: Paying, consume: StartConsumer, at: str
) -> None:
    paying.offer("jiekou-seedream-async")
    paying.provider.fault("hold", at=at, match={"kind": "poll"})
    consume(workers=2, module=MODULE)
    place = paying.house.upload(noise(320, 180))
    job = paying.frame(provider="jiekou-seedream-async", scene_reference=place)
    victim = paying.held(job)

    paying.house.picture(place).unlink()  # what is made already needs no reference any more
    psutil.Process(victim).kill()

    paying.made(job)
    assert paying.counts() == (1, 1)
    assert paying.outcomes(job) == ["died", "completed"]


@on_sqlite
def test_a_task_outlives_the_loss_of_its_key(
    paying: Paying, consume: StartConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paying.offer("jiekou-seedream-async")
    paying.provider.fault("hold", match={"kind": "poll"})
    first = consume(workers=1, module=MODULE)
    job = paying.frame(provider="jiekou-seedream-async")
    paying.held(job)
    first.kill_all()
    monkeypatch.delenv("JIEKOU_API_KEY")
    second = consume(workers=1, module=MODULE)
    paying.waiting(job)
    assert "JIEKOU_API_KEY is not set" in paying.problem(job).message
    second.stop()

    monkeypatch.setenv("JIEKOU_API_KEY", PROVIDER_KEYS["JIEKOU_API_KEY"])
    consume(workers=1, module=MODULE)

    paying.made(job)
    assert paying.counts() == (1, 1)


@on_sqlite
def test_a_picture_behind_a_link_is_downloaded_by_the_successor(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("jiekou-seedream")
    paying.provider.fault("hold", at="half_body", match={"kind": "result"})
    consume(workers=2, module=MODULE)
    job = paying.frame(provider="jiekou-seedream")
    victim = paying.held(job)

    psutil.Process(victim).kill()

    paying.made(job)
    assert paying.counts() == (1, 1)
    assert paying.outcomes(job) == ["died", "completed"]


@on_sqlite
def test_a_picture_that_was_kept_before_its_worker_died_is_found_again(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai", price={"amount": 0.04})
    consume(workers=2, module=MODULE)
    house = paying.house
    house.write(
        "CREATE TRIGGER no_end BEFORE INSERT ON attempts WHEN NEW.outcome = 'completed'"
        " BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    job = paying.frame()
    until(lambda: [one["state"] for one in paying.calls(job)] == ["answered"], "it is kept")

    psutil.Process(paying.worker_of(job)).kill()
    until(lambda: paying.outcomes(job) == ["died"], "the death was noticed")
    house.write("DROP TRIGGER no_end")

    making = paying.made(job).making
    assert making is not None
    assert making.recovered
    assert making.cost is not None
    assert making.cost.amount == pytest.approx(0.04)
    assert paying.counts() == (1, 1)
    assert len(house.pictures()) == 1


@on_sqlite
def test_a_kept_picture_whose_file_is_gone_is_drawn_again_by_a_persons_word(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    consume(workers=2, module=MODULE)
    house = paying.house
    house.write(
        "CREATE TRIGGER no_end BEFORE INSERT ON attempts WHEN NEW.outcome = 'completed'"
        " BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    job = paying.frame()
    until(lambda: [one["state"] for one in paying.calls(job)] == ["answered"], "it is kept")
    house.picture(paying.calls(job)[0]["file_id"]).unlink()
    psutil.Process(paying.worker_of(job)).kill()

    view = paying.unknown(job)
    house.write("DROP TRIGGER no_end")
    house.retry(job, resend=True)

    assert view.problem is not None
    assert "its file is gone" in view.problem.message
    paying.made(job)
    assert paying.counts() == (2, 2)


@on_sqlite
def test_a_picture_that_came_while_the_store_was_away_is_not_lost(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    consumer = consume(workers=1, module=MODULE)
    paying.house.write(
        "CREATE TRIGGER no_answer BEFORE UPDATE ON calls WHEN NEW.state = 'answered'"
        " BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    job = paying.frame()
    until(lambda: "not now" in consumer.output, "the store has refused")

    paying.house.write("DROP TRIGGER no_answer")

    paying.made(job)
    assert paying.counts() == (1, 1)
    assert paying.outcomes(job) == ["completed"]


@on_sqlite
def test_when_the_trial_of_a_provider_dies_with_its_worker_another_one_goes(
    paying: Paying, consume: StartConsumer
) -> None:
    paying.offer("openai")
    consume(workers=2, module=MODULE)
    paying.house.write("UPDATE providers SET failures = 5 WHERE name = 'openai'")
    paying.provider.fault("hold")
    trial = paying.frame()
    victim = paying.held(trial)
    other = paying.frame("a second bridge")
    paying.waiting(other)
    assert "tries it now" in paying.problem(other).message

    psutil.Process(victim).kill()

    paying.unknown(trial)
    paying.made(other)
    assert paying.counts() == (2, 2)


@on_sqlite
@pytest.mark.parametrize("provider", ["openai", "jiekou-seedream-async"])
def test_a_story_that_is_drawn_by_dying_workers_is_paid_once(
    paying: Paying, consume: StartConsumer, provider: str
) -> None:
    paying.offer(provider)
    paying.provider.fault("slow", times=None, seconds=0.15)
    consumer = consume(workers=3, module=MODULE)
    house = paying.house
    request = {"story": _STORY, "panels": _PANELS, "provider": provider}
    job = house.orders.submit_storyboard(house.session, request, None)
    paying.provider.wait_for(requests=2)

    chance = random.Random(_SEED)
    for _ in range(_BLOWS):
        worker = psutil.Process(chance.choice(consumer.workers()))
        worker.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM)))
        until(lambda: len(consumer.workers()) == 3, "the worker was replaced")
        if house.view(job).state.is_final:
            break
    view = house.ended(job)

    lost = [panel for panel in view.panels if panel.state is not StepState.COMPLETED]
    assert all(panel.state is StepState.UNKNOWN for panel in lost)
    prompts = [bill["prompt"] for bill in paying.bills()]
    assert len(prompts) == len(set(prompts)), "something was billed twice"
    assert _PANELS - len(lost) <= len(prompts) <= paying.ordered() <= _PANELS
    house.prove(job)
    if lost:
        house.retry(job, resend=True)
    house.completed(job)
    assert paying.ordered() <= _PANELS + len(lost)
