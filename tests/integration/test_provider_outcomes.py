"""What a provider answers, or does not: each outcome is told right, and nothing is paid twice."""

import json
import re
import time
from collections.abc import Iterator

import pytest

from komadori.domain.ids import JobId
from komadori.domain.making import Making
from komadori.domain.states import JobState
from komadori.domain.story import Character
from komadori.settings import load_settings
from tests.integration.conftest import QUICK, StartConsumer
from tests.integration.house import House
from tests.integration.paying import MODULE, PROVIDER_KEYS, Paying, noise
from tests.integration.processes import Consumer, until
from tests.integration.providers import fake_provider

pytestmark = pytest.mark.integration

on_sqlite = pytest.mark.parametrize("bell", ["sqlite"], indirect=True)
_NOWHERE = "http://127.0.0.1:1"
_SEEDED = {
    "prompt": None,
    "size": "generationConfig.imageConfig.aspectRatio",
    "tier": "generationConfig.imageConfig.imageSize",
    "seed": "generationConfig.seed",
}


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paying]:
    """A house with a provider and four workers, for all tests of this file that bear others."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "orders").mkdir()
    settings = {**QUICK, "DATA_DIR": folder / "data", "PROVIDERS_DIR": folder / "offers"}
    with pytest.MonkeyPatch.context() as environment, fake_provider(folder / "provider") as fake:
        for name, value in settings.items():
            environment.setenv(f"KOMADORI_{name}", str(value))
        for name, key in PROVIDER_KEYS.items():
            environment.setenv(name, key)
        house = House(load_settings(), folder / "orders")
        shop = Paying(house, fake, folder / "offers")
        _offer_all(shop)
        consumer = Consumer(folder / "consumer.log", module=MODULE, workers=4, options=())
        try:
            until(lambda: len(consumer.workers()) == 4, "the workers are there")
            yield shop
            consumer.stop()
        finally:
            consumer.kill_all()
            print(f"--- {consumer.log.name} ---\n{consumer.output}")  # noqa: T201  # shown on failure
            house.close()


def _offer_all(shop: Paying) -> None:
    shop.offer("openai")
    shop.offer("openai", name="narrow", label="Narrow", at_once=1, fallback=["openai"])
    shop.offer("openai", name="away", label="Away", base_url=_NOWHERE, fallback=["openai"])
    shop.offer("openai", name="learner")
    shop.offer("gemini", fields=_SEEDED)
    shop.offer("ark-seedream")
    shop.offer("jiekou-seedream")
    shop.offer("jiekou-seedream", name="free", is_paid=False)


@pytest.fixture
def shop(open_shop: Paying) -> Paying:
    """The shop without faults, and with nothing counted yet."""
    open_shop.forget()
    return open_shop


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        ("die_after_bill", None),
        ("close_after_billing", None),
        ("truncated_body", None),
        ("truncated_json", None),
        ("html", None),
        ("not_a_picture", None),
        ("empty_data", None),
        ("504", "billed"),
    ],
)
def test_a_lost_answer_is_told_as_one_and_not_sent_again(
    shop: Paying, fault: str, at: str | None
) -> None:
    shop.provider.fault(fault, at=at)

    job = shop.frame()
    shop.unknown(job)
    if fault == "die_after_bill":
        shop.provider.restart()
    shop.go_round()

    assert shop.counts() == (1, 1)
    assert shop.outcomes(job) == ["unknown"]
    assert "may have been made" in shop.problem(job).message


@pytest.mark.parametrize("status", ["500", "503"])
def test_what_the_provider_says_it_has_not_taken_is_sent_again(shop: Paying, status: str) -> None:
    shop.provider.fault(status)

    job = shop.frame()
    shop.made(job)

    assert shop.counts() == (2, 1)
    assert shop.outcomes(job) == ["failed", "completed"]


def test_a_busy_provider_is_left_alone_for_as_long_as_it_says(shop: Paying) -> None:
    shop.provider.fault("429", retry_after=2, message="Slow down, please.")

    job = shop.frame()
    view = shop.waiting(job)

    assert shop.problem(job).code == "provider_busy"
    assert "Slow down, please." in shop.problem(job).message
    until_when = view.steps[0].waits_until
    assert until_when is not None
    assert 0 < until_when - time.time() < 3
    backend = shop.backend("openai")
    assert backend.rests_until is not None
    assert "pause" in backend.rest_reason
    shop.made(job)
    assert shop.counts() == (2, 1)
    assert shop.outcomes(job) == ["waited", "completed"]
    assert shop.house.step(job, 1, "frame")["failures"] == 0
    first, second = shop.provider.requests("create")[-2:]
    assert second["at"] - first["at"] >= 2


@pytest.mark.parametrize("fault", ["refused", "400", "insufficient_quota"])
def test_a_refusal_is_told_in_the_providers_words_and_never_tried_again(
    shop: Paying, fault: str
) -> None:
    options = {"message": "No such bridge is known."} if fault == "400" else {}
    shop.provider.fault(fault, **options)

    job = shop.frame()
    view = shop.house.ended(job)
    shop.go_round()

    assert view.state is JobState.FAILED
    assert shop.problem(job).code == "refused"
    words = {"refused": "safety", "400": "No such bridge", "insufficient_quota": "quota"}
    assert words[fault] in shop.problem(job).message
    assert shop.counts() == (1, 0)
    assert shop.outcomes(job) == ["failed"]


def test_a_provider_that_is_not_there_is_asked_again_until_it_is(shop: Paying) -> None:
    shop.provider.kill()
    job = shop.frame()
    until(lambda: shop.outcomes(job) == ["failed"], "it was asked once")
    assert (
        "refused"
        in shop.house.rows("SELECT error FROM attempts WHERE job_id = :job", job=job)[0][
            "error"
        ].lower()
    )

    shop.provider.restart()

    shop.made(job)
    assert shop.counts() == (1, 1)


def test_a_result_that_cannot_be_downloaded_just_now_is_downloaded_later(shop: Paying) -> None:
    shop.provider.fault("503", times=4, match={"kind": "result"})

    job = shop.frame(provider="jiekou-seedream")
    shop.made(job)

    assert shop.counts() == (1, 1)
    assert shop.outcomes(job) == ["failed", "completed"]


def test_a_result_whose_address_has_expired_is_told_as_lost(shop: Paying) -> None:
    shop.provider.fault("expired_url")

    job = shop.frame(provider="jiekou-seedream")
    shop.unknown(job)
    shop.go_round()

    assert "its address gives none any more" in shop.problem(job).message
    assert shop.counts() == (1, 1)


def test_what_costs_nothing_is_ordered_again_when_it_was_lost(shop: Paying) -> None:
    shop.provider.fault("expired_url")

    job = shop.frame(provider="free")
    shop.made(job)

    assert shop.ordered() == 2
    assert shop.outcomes(job) == ["failed", "completed"]


def test_another_provider_takes_over_while_one_is_down_and_says_why(shop: Paying) -> None:
    making = _making(shop, shop.frame(provider="away"))

    assert making.provider == "openai"
    assert making.why == "Away is down"
    assert shop.counts() == (1, 1)


def test_after_five_failures_a_provider_rests_and_then_one_request_tries_it(shop: Paying) -> None:
    shop.provider.fault("503", times=None)
    jobs = [shop.frame(f"bridge {number}") for number in range(3)]
    until(lambda: shop.backend("openai").rests_until, "it rests")
    jobs.append(shop.frame("one more bridge"))
    until(lambda: len(_told(shop, jobs, "times in a row")) == 4, "all know that it rests")
    ordered = shop.ordered()
    shop.go_round()

    assert 5 <= shop.ordered() == ordered <= 7, "three could be on their way at the fifth"

    shop.provider.no_faults()
    shop.provider.fault("hold")
    shop.house.write("UPDATE providers SET rest_until = 0")
    shop.house.write("UPDATE steps SET not_before = 0 WHERE state = 'WAITING'")
    shop.provider.wait_for(held=1)
    until(lambda: len(_told(shop, jobs, "tries it now")) == 3, "the others wait for its end")
    assert shop.ordered() == ordered + 1
    shop.provider.release()
    for job in jobs:
        shop.made(job)
    assert len(shop.bills()) == 4


def _told(shop: Paying, jobs: list[JobId], words: str) -> list[JobId]:
    """Return the jobs that give a reason with these words."""
    problems = {job: shop.house.view(job).problem for job in jobs}
    return [job for job, problem in problems.items() if problem and words in problem.message]


def test_a_provider_never_has_more_requests_under_way_than_it_may(shop: Paying) -> None:
    shop.provider.fault("hold", times=None)
    jobs = [shop.frame(f"bridge {number}", provider="narrow") for number in range(3)]

    busy = "SELECT 1 FROM steps WHERE state = 'WAITING' AND error_code = 'provider_busy'"
    for turn in range(1, 4):
        shop.provider.wait_for(held=1)
        until(lambda turn=turn: len(shop.house.rows(busy)) == 3 - turn, "the others wait")
        assert len(shop.provider.held()) == 1
        assert shop.ordered() == turn
        shop.provider.release()

    makers = {_making(shop, job).provider for job in jobs}
    assert makers == {"narrow"}, "who takes over in need does not for a full house"
    assert shop.counts() == (3, 3)


def test_the_timeout_is_the_limit_until_runs_have_taught_it(shop: Paying) -> None:
    shop.provider.fault("slow", times=None, seconds=0.05)
    first = _making(shop, shop.frame(provider="learner"))
    shop.house.completed(shop.frame(provider="learner", candidates=5))

    learned = _making(shop, shop.frame(provider="learner"))

    assert (first.timeout_s, learned.timeout_s) == (180, 20)
    assert first.timeout_reason.startswith("180 s: the limit; 0 runs known")
    assert re.fullmatch(
        r"20 s: the least; p95 of 6 runs is [\d.]+ s, x1\.5 would be \d+ s", learned.timeout_reason
    )


def test_each_candidate_is_a_picture_of_its_own(shop: Paying) -> None:
    job = shop.frame(candidates=3, seed=7)
    view = shop.house.completed(job)

    assert len({step.picture for step in view.steps}) == 3
    payloads = [
        row["payload"]
        for row in shop.house.rows(
            "SELECT payload FROM steps WHERE job_id = :job ORDER BY number", job=job
        )
    ]
    assert [json.loads(payload)["seed"] for payload in payloads] == [7, 8, 9]
    slots = shop.house.rows("SELECT slot FROM artifacts WHERE job_id = :job", job=job)
    assert {row["slot"] for row in slots} == {"frame-001", "frame-002", "frame-003"}
    assert shop.counts() == (3, 3)


def test_the_final_picture_has_the_seed_and_references_of_its_draft(shop: Paying) -> None:
    fields = {"scene_reference": shop.house.upload(noise(640, 360)), "draft": "provider"}
    job = shop.frame(provider="gemini", seed=11, **fields)
    shop.waiting(job)
    assert shop.problem(job).code == "approval"
    (draft,) = shop.bills()

    shop.house.approve(job)
    shop.made(job)

    _, final = shop.bills()
    assert draft["seed"] == final["seed"] == 11
    assert draft["references"] == final["references"]
    assert len(final["references"]) == 1
    assert draft["prompt"] == final["prompt"]


def test_a_sketch_may_be_the_draft_of_a_paid_picture(shop: Paying) -> None:
    job = shop.frame(draft="sketch")
    view = shop.waiting(job)
    assert view.steps[0].making is not None
    assert view.steps[0].making.provider == "sketch"
    assert shop.counts() == (0, 0)

    shop.house.approve(job)

    assert _making(shop, job).provider == "openai"
    assert shop.counts() == (1, 1)


def test_references_arrive_small_enough(shop: Paying) -> None:
    cast = [
        Character(name=name, reference=shop.house.upload(noise(1600, 1200)))
        for name in ("Mio", "Ren")
    ]
    characters = [one.model_dump(mode="json") for one in cast]
    place = shop.house.upload(noise(2048, 1152))

    making = _making(
        shop, shop.frame(provider="ark-seedream", characters=characters, scene_reference=place)
    )

    (bill,) = shop.bills()
    assert len(bill["references"]) == 3
    for seen, made in zip(bill["references"], making.references, strict=True):
        assert seen["bytes"] == made.sent_bytes < made.source_bytes
        assert seen["bytes"] * 4 / 3 <= 300 * 1024
    assert [made.role for made in making.references] == ["scene", "character", "character"]


def _making(shop: Paying, job: JobId) -> Making:
    making = shop.made(job).making
    assert making is not None
    return making


@on_sqlite
def test_an_answer_that_does_not_come_in_time_is_told_as_lost_and_a_task_is_asked_for_again(
    paying: Paying, consume: StartConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOMADORI_DEFAULTS__IMAGE__TIMEOUT", "2")
    paying.offer("openai")
    paying.offer("jiekou-seedream-async", fallback=["openai"])
    consume(workers=2, module=MODULE)
    paying.provider.fault("hang_before_headers", match={"shape": "openai"})
    paying.provider.fault("task_stuck", times=None)

    job = paying.frame()
    task = paying.frame(provider="jiekou-seedream-async")
    paying.unknown(job)
    until(lambda: paying.outcomes(task)[:1] == ["failed"], "the task was not done in time")
    paying.provider.no_faults()

    assert "no answer within 2 s" in paying.problem(job).message
    making = paying.made(task).making
    assert making is not None
    assert making.provider == "jiekou-seedream-async", "what was taken is not ordered elsewhere"
    assert paying.counts() == (2, 2)


@on_sqlite
def test_a_wrong_key_is_told_by_its_variables_name_and_stands_nowhere(
    paying: Paying, consume: StartConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, tail = "wrong-key-0123456789", "wxyz-QJXV"
    monkeypatch.setenv("OPENAI_API_KEY", f"{head}-{tail}")
    paying.offer("openai")
    consumer = consume(workers=1, module=MODULE)

    job = paying.frame()
    view = paying.house.ended(job)
    paying.go_round()

    assert view.state is JobState.FAILED
    assert "OPENAI_API_KEY" in paying.problem(job).message
    assert paying.counts() == (1, 0)
    kept = [path.read_bytes() for path in paying.house.folder.rglob("*") if path.is_file()]
    texts = [repr(view), repr(paying.backend("openai")), consumer.output]
    for secret in (head[:10], tail[-4:]):
        assert not any(secret in text for text in texts)
        assert not any(secret.encode() in data for data in kept)


@on_sqlite
def test_without_any_key_the_built_in_renderer_draws(
    paying: Paying, consume: StartConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROVIDER_KEYS:
        monkeypatch.delenv(name)
    paying.offer("openai")
    paying.offer("gemini")
    consume(workers=1, module=MODULE)

    making = _making(paying, paying.frame(provider="auto"))

    assert (making.provider, making.why) == ("sketch", "no other provider is ready")
    assert paying.counts() == (0, 0)
    assert paying.backend("openai").facts.reason == "OPENAI_API_KEY is not set"
