"""The stage of a first frame: what each state of a job shows, offers and explains."""

from html.parser import HTMLParser
from typing import Any

import pytest

from komadori.domain.backends import Price
from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.making import Making, ReferenceMade
from komadori.domain.states import JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.view import Frame, JobView, Problem, StepView
from komadori.pipeline.timeouts import learned_timeout
from komadori.ui.plain import plain_job
from komadori.ui.render_frame import awaits_approval, empty_frame, frame_stage
from komadori.ui.render_making import limit_words, price_words, reference_words, why_words
from komadori.ui.texts import LANGUAGES, Language

EVIL = """<script>alert("x")</script> & 'quotes' <img src=x onerror=alert(1)>"""
APPROVAL = Problem(code="approval", message="The draft waits for your approval.")
DRAFT, FRAME = StepKind.DRAFT, StepKind.FRAME
DONE, WAITING, UNKNOWN = StepState.COMPLETED, StepState.WAITING, StepState.UNKNOWN


def make_step(kind: StepKind, number: int, state: StepState, **facts: Any) -> StepView:
    """Return a step as a follower sees it; a completed one has a picture."""
    given: dict[str, Any] = {
        "id": StepId(f"{kind.value}{number}"),
        "kind": kind,
        "number": number,
        "state": state,
        "attempt": 1,
        "progress": 0.0,
        "message": "",
        "problem": None,
        "started_at": 100.0,
        "ended_at": 106.0 if state is DONE else None,
        "spans": (),
        "making": None,
        "picture": ArtifactId(f"{kind.value}{number}") if state is DONE else None,
    }
    return StepView(**(given | facts))


def make_view(state: JobState, *steps: StepView, **facts: Any) -> JobView:
    """Return a frame job with these steps."""
    empty: dict[str, Any] = dict.fromkeys(JobView.__dataclass_fields__)
    given: dict[str, Any] = {
        "id": JobId("job1"),
        "kind": JobKind.FRAME,
        "state": state,
        "title": "Mei at the harbour",
        "progress": 0.0,
        "steps_total": len(steps),
        "steps_done": 0,
        "steps_failed": 0,
        "created_at": 99.0,
        "deleted": False,
        "request": {"width": 720, "height": 1280, "candidates": 1},
        "provider": "openai",
        "cost": (),
        "cost_unknown": (),
        "steps": steps,
        "panels": (),
        "frames": tuple(
            Frame(kind=one.kind, number=one.number, state=one.state, picture=one.picture)
            for one in steps
        ),
        "sequence": 1,
    }
    return JobView(**(empty | given | facts))


def make_making(**facts: Any) -> Making:
    """Return how OpenAI made a picture."""
    given: dict[str, Any] = {
        "provider": "openai",
        "label": "OpenAI",
        "model": "gpt-image-2",
        "why": "the first one that is ready",
        "timeout_s": 47.0,
        "timeout_reason": "47 s: p95 of 38 runs is 31 s, x1.5",
        "seed": 4711,
    }
    return Making(**(given | facts))


def make_reference(**facts: Any) -> ReferenceMade:
    """Return a reference that was made small to be sent."""
    given: dict[str, Any] = {
        "role": "character",
        "name": "Mei",
        "picture": ArtifactId("mei"),
        "source_bytes": 2_900_000,
        "sent_bytes": 212_000,
        "width": 800,
        "height": 1000,
        "seconds": 0.041,
    }
    return ReferenceMade(**(given | facts))


class _Page(HTMLParser):
    """What a stage offers and says."""

    def __init__(self, stage: dict[str, Any]) -> None:
        super().__init__()
        self.offers: list[str] = []
        self.sources: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.html = "".join(str(part) for part in stage.values())
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.attributes.extend([tag, *facts])
        if facts.get("data-do"):
            self.offers.append(f"{facts['data-do']} {facts.get('data-number', '')}".strip())
        if tag == "img":
            self.sources.append(str(facts.get("src")))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def shown(view: JobView, language: Language = "en") -> _Page:
    """Draw a job and read it."""
    return _Page(frame_stage(view, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_people_or_providers_wrote_acts_as_markup(language: Language) -> None:
    making = make_making(
        label=EVIL,
        model=EVIL,
        why=EVIL,
        timeout_reason=EVIL,
        left_out=(EVIL,),
        references=(make_reference(name=EVIL, picture=EVIL),),
    )
    problem = Problem(code="of_tomorrow", message=EVIL)
    steps = [
        make_step(FRAME, number, state, making=making, problem=problem)
        for number, state in enumerate((StepState.FAILED, UNKNOWN, DONE), 1)
    ]

    page = shown(make_view(JobState.PARTIAL, *steps, title=EVIL, problem=problem), language)

    assert "script" not in page.attributes
    assert "onerror" not in page.attributes
    assert '<script>alert("x")' in page.text


def test_the_empty_stage_offers_to_fill_itself() -> None:
    assert _Page(empty_frame("en")).offers == ["draw"]


def test_a_job_that_runs_can_be_cancelled_and_shows_its_pictures_as_they_come() -> None:
    steps = [make_step(FRAME, 1, DONE), make_step(FRAME, 2, StepState.RUNNING, progress=0.5)]

    page = shown(make_view(JobState.RUNNING, *steps, stage=Stage.IMAGE_GENERATION))

    assert page.offers == ["cancel", "clip 1"]
    assert "/files/frame1" in page.sources
    assert "Drawing" in page.text
    assert "--done:0.50" in page.html


def test_pictures_have_the_shape_that_was_asked_for() -> None:
    assert "--w:720;--h:1280" in shown(make_view(JobState.QUEUED)).html


def test_one_draft_waits_with_the_final_picture_a_click_away() -> None:
    steps = [make_step(DRAFT, 1, DONE), make_step(FRAME, 1, WAITING, problem=APPROVAL)]
    view = make_view(JobState.WAITING, *steps, problem=APPROVAL, stage=Stage.APPROVAL)

    page = shown(view)

    assert awaits_approval(view)
    assert page.offers == ["cancel", "approve 1", "another"]
    assert "/files/draft1" in page.sources
    assert "Draw the final picture" in page.text


@pytest.mark.parametrize(
    ("making", "said"),
    [
        ({}, "It keeps this draft's seed and references."),
        (
            {"seed": None},
            "OpenAI takes no seed: the final follows the same words and references, "
            "but may differ from the draft.",
        ),
        ({"provider": "sketch"}, "keeps the seed where its provider takes one"),
    ],
)
def test_a_draft_promises_its_seed_only_where_the_final_picture_can_have_it(
    making: dict[str, Any], said: str
) -> None:
    draft = make_step(DRAFT, 1, DONE, making=make_making(**making))
    final = make_step(FRAME, 1, WAITING, problem=APPROVAL)

    page = shown(make_view(JobState.WAITING, draft, final, problem=APPROVAL))

    assert said in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_seed_is_shown_and_copied_only_where_the_provider_takes_one(language: Language) -> None:
    def drawn(seed: int | None) -> _Page:
        steps = [make_step(FRAME, n, DONE, making=make_making(seed=seed)) for n in (1, 2)]
        return shown(make_view(JobState.COMPLETED, *steps), language)

    assert "data-copy" in drawn(4711).attributes
    assert "4711" in drawn(4711).text
    assert "data-copy" not in drawn(None).attributes
    assert "None" not in drawn(None).text


def test_of_several_drafts_each_can_be_taken_newest_first() -> None:
    steps = [
        make_step(DRAFT, 1, DONE),
        make_step(FRAME, 1, WAITING, problem=APPROVAL),
        make_step(DRAFT, 2, DONE),
    ]

    page = shown(make_view(JobState.WAITING, *steps, problem=APPROVAL))

    assert page.offers == ["cancel", "approve 2", "approve 1", "another"]


def test_a_draft_says_what_it_was_wished_to_be_also_while_it_is_drawn() -> None:
    drafts = (
        make_step(StepKind.DRAFT, 1, StepState.COMPLETED, picture=ArtifactId("one")),
        make_step(StepKind.DRAFT, 2, StepState.RUNNING, wish="closer <b>"),
    )
    html = frame_stage(make_view(JobState.RUNNING, *drafts), "en")["body"]

    assert html.count('class="wish"') == 1
    assert '<q class="wish">closer &lt;b&gt;</q>' in html


def test_the_drafts_stay_in_sight_beside_the_final_picture() -> None:
    steps = [make_step(DRAFT, 1, DONE), make_step(FRAME, 1, DONE)]

    page = shown(make_view(JobState.COMPLETED, *steps, picked=1))

    assert "/files/frame1" in page.sources
    assert "/files/draft1/thumb" in page.sources
    assert page.offers == ["clip 1"]


def test_of_several_candidates_one_is_chosen_and_marked() -> None:
    steps = [make_step(FRAME, number, DONE) for number in (1, 2, 3)]

    page = shown(make_view(JobState.COMPLETED, *steps, picked=2))

    assert page.offers == ["pick 1", "clip 1", "clip 2", "pick 3", "clip 3"]
    assert page.text.count("✓ Chosen") == 1
    assert page.html.count("download=") == 3


def test_the_first_of_several_that_is_there_is_not_yet_chosen() -> None:
    steps = [make_step(FRAME, 1, DONE), make_step(FRAME, 2, StepState.RUNNING)]

    page = shown(make_view(JobState.RUNNING, *steps, picked=1))

    assert "Chosen" not in page.text


def test_a_request_without_an_answer_is_sent_again_only_by_a_word() -> None:
    problem = Problem(code="unknown_outcome", message="OpenAI: the connection broke.")
    step = make_step(FRAME, 1, UNKNOWN, problem=problem, making=make_making())

    page = shown(make_view(JobState.PARTIAL, step, problem=problem))

    assert page.offers == ["resend"]
    assert "sent to OpenAI and no answer came" in page.text
    assert "may be paid twice" in page.text
    assert "partly done" not in page.text


def test_several_requests_without_an_answer_are_counted() -> None:
    steps = [make_step(FRAME, number, UNKNOWN, making=make_making()) for number in (1, 2)]

    text = shown(make_view(JobState.PARTIAL, *steps)).text

    assert "2 requests were sent to OpenAI and no answer came" in text


def test_what_was_cancelled_and_may_have_been_billed_is_not_said_to_be_undrawn() -> None:
    steps = [make_step(FRAME, 1, UNKNOWN), make_step(FRAME, 2, StepState.CANCELLED)]

    page = shown(make_view(JobState.CANCELLED, *steps))

    assert "Cancelled. One request was sent and not answered" in page.text
    assert "before anything was drawn" not in page.text
    assert "may have been made and billed" in page.text


def test_a_cancelled_job_whose_draft_is_drawn_is_not_said_to_have_drawn_nothing() -> None:
    steps = [make_step(DRAFT, 1, DONE), make_step(FRAME, 1, StepState.CANCELLED)]

    text = shown(make_view(JobState.CANCELLED, *steps)).text

    assert "Cancelled. What is drawn stays" in text


def test_what_failed_beside_it_is_made_without_sending_it_again() -> None:
    steps = [
        make_step(FRAME, 1, UNKNOWN, problem=Problem(code="unknown_outcome", message="")),
        make_step(FRAME, 2, StepState.FAILED, problem=Problem(code="provider_down", message="")),
    ]

    page = shown(make_view(JobState.PARTIAL, *steps))

    assert page.offers == ["retry", "resend"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("refused", "Change the words or the pictures"),
        ("time_limit", "smaller size"),
        ("provider_down", "take another provider"),
        ("worker_died", "Nothing you wrote is lost"),
        ("of_tomorrow", "Nothing you wrote is lost"),
    ],
)
def test_a_failure_says_what_to_do(code: str, words: str) -> None:
    problem = Problem(code=code, message="It went wrong.")
    step = make_step(FRAME, 1, StepState.FAILED, problem=problem)

    page = shown(make_view(JobState.FAILED, step, problem=problem))

    assert words in page.text
    assert "retry" in page.offers


def test_beside_the_picture_stands_how_it_was_made() -> None:
    making = make_making(
        cost=Price(amount=0.04),
        references=(make_reference(), make_reference(role="scene", name="", from_cache=True)),
        left_out=("Old Tan", "Lin"),
    )
    step = make_step(FRAME, 1, DONE, making=making)

    text = shown(make_view(JobState.COMPLETED, step, cost=(Price(amount=0.04),))).text

    assert "OpenAI · gpt-image-2" in text
    assert "the first one that is ready" in text
    assert "at most 47 s: p95 of 38 runs is 31 s, ×1.5" in text
    assert "4711" in text
    assert "$0.04" in text
    assert "2.9 MB → 212 KB, 41 ms" in text
    assert "Place" in text
    assert "from the cache" in text
    assert "Left out: Old Tan, Lin. OpenAI takes no more pictures." in text


def test_the_cost_is_that_of_all_pictures_of_the_job() -> None:
    making = make_making(cost=Price(amount=0.04))
    steps = [make_step(FRAME, number, DONE, making=making) for number in (1, 2)]

    text = shown(make_view(JobState.COMPLETED, *steps, cost=(Price(amount=0.08),))).text

    assert "$0.08" in text
    assert "for 2 pictures" in text


@pytest.mark.parametrize(
    ("cost", "making", "said"),
    [
        ((Price(amount=0.08),), make_making(), "$0.08 + up to $0.04 for what was not answered"),
        ((), make_making(), "Cost up to $0.04 for what was not answered"),
        ((), None, "Cost up to $0.04 for what was not answered"),
    ],
)
def test_the_cost_tells_what_may_come_to_it_for_requests_without_an_answer(
    cost: tuple[Price, ...], making: Making | None, said: str
) -> None:
    step = make_step(FRAME, 1, UNKNOWN, making=making)
    unknown = (Price(amount=0.04),)

    page = shown(make_view(JobState.PARTIAL, step, cost=cost, cost_unknown=unknown))

    assert said in " ".join(page.text.split())


def test_a_script_is_told_what_requests_without_an_answer_may_have_cost() -> None:
    view = make_view(JobState.PARTIAL, cost_unknown=(Price(amount=0.04),))

    assert plain_job(view)["cost_unknown"] == [{"amount": 0.04, "currency": "USD"}]
    assert plain_job(view)["cost"] == []


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Price(amount=0.04), "$0.04"),
        (Price(amount=0.0035), "$0.0035"),
        (Price(amount=1.2, currency="CNY"), "¥1.20"),
        (Price(amount=2, currency="CHF"), "2.00 CHF"),
    ],
)
def test_a_price_is_told_in_its_currency(price: Price, words: str) -> None:
    assert price_words(price) == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("47 s: p95 of 38 runs is 31 s, x1.5", "最多 47 秒：38 次的 p95 是 31 秒，×1.5"),
        (
            "47 s: the limit; p95 of 9 runs of this size is 99 s, x1.5 would be 149 s",
            "最多 47 秒：9 次同样大小的 p95 是 99 秒，×1.5，按上限给",
        ),
        (
            "47 s: the limit; 2 runs known, 5 are needed to learn from",
            "最多 47 秒：只有 2 次记录，满 5 次才能推算",
        ),
        (
            "47 s: the limit; 0 runs known, 5 are needed to learn from",
            "最多 47 秒：还没有记录可以推算",
        ),
        ("", "最多 47 秒"),
    ],
)
def test_a_timeout_is_explained_in_chinese_too(reason: str, words: str) -> None:
    assert limit_words(47.0, reason, "zh") == words


def test_a_timeout_of_a_fresh_machine_counts_no_runs() -> None:
    reason = learned_timeout([], band="1MP", references=0, cap_s=180.0).reason

    assert limit_words(180.0, reason, "en") == (
        "at most 3 min: nothing is known yet of how long it takes"
    )


def test_who_draws_is_explained_in_the_readers_language() -> None:
    assert why_words("asked for", "zh") == "按你的选择"
    assert why_words("OpenAI is down", "zh") == "OpenAI 暂时不能用"
    assert why_words("said otherwise", "zh") == "said otherwise"


def test_a_reference_of_the_cache_took_no_time() -> None:
    assert reference_words(make_reference(from_cache=True), "en") == (
        "2.9 MB → 212 KB, from the cache"
    )
