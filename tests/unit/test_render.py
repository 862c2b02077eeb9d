"""How jobs are told: words, shapes, and nothing of a story that acts as markup."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.making import Making
from komadori.domain.states import JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.story import Line, Scene, Setting, Shot
from komadori.domain.view import (
    Frame,
    JobView,
    ListPart,
    LogEntry,
    PanelView,
    Problem,
    StepView,
    VersionView,
)
from komadori.errors import RequestRejected
from komadori.ui.render import (
    age_words,
    duration_words,
    eta_words,
    is_alive,
    rejection_words,
    sentence,
    size_words,
)
from komadori.ui.render_jobs import PAGE_SIZE, job_list, row
from komadori.ui.render_log import log_lines
from komadori.ui.render_names import JOB_SHAPES, SHAPES
from komadori.ui.render_panels import card, cards, versions
from komadori.ui.render_stage import empty_stage, stage
from komadori.ui.render_strip import (
    cells,
    mini_strip,
    strip,
)
from komadori.ui.texts import LANGUAGES, Language, say

EVIL = """<script>alert("x")</script> & 'quotes' <img src=x onerror=alert(1)>"""


def make_step(kind: StepKind, number: int, state: StepState, **facts: Any) -> StepView:
    """Return a step as a follower sees it."""
    given: dict[str, Any] = {
        "id": StepId(f"{kind.value}{number}"),
        "kind": kind,
        "number": number,
        "state": state,
        "attempt": 1,
        "progress": 0.0,
        "message": "",
        "problem": None,
        "started_at": None,
        "ended_at": None,
        "spans": (),
        "making": None,
        "picture": None,
    }
    return StepView(**(given | facts))


def make_panel(number: int, state: StepState, **facts: Any) -> PanelView:
    """Return a panel as a follower sees it; a completed one has a picture."""
    done = state is StepState.COMPLETED
    given: dict[str, Any] = {
        "number": number,
        "scene": Scene(number=1, setting=Setting.STREET),
        "text": "He walked on.",
        "shot": Shot.MEDIUM,
        "characters": (),
        "dialogue": (),
        "state": state,
        "problem": None,
        "picture": ArtifactId(f"picture{number}") if done else None,
        "version": int(done),
        "versions": int(done),
        "redo": None,
    }
    return PanelView(**(given | facts))


def make_view(state: JobState, panels: tuple[PanelView, ...] = (), **facts: Any) -> JobView:
    """Return a storyboard with one step for each panel."""
    steps = [make_step(StepKind.PANEL, panel.number, panel.state) for panel in panels]
    if panels:
        steps.insert(0, make_step(StepKind.SCENES, 1, StepState.COMPLETED))
    given: dict[str, Any] = {
        "id": JobId("job1"),
        "kind": JobKind.STORYBOARD,
        "state": state,
        "stage": Stage.IMAGE_GENERATION if panels else None,
        "title": "The lamp",
        "progress": 0.0,
        "position": None,
        "eta_s": None,
        "problem": None,
        "steps_total": len(steps) or 1,
        "steps_done": sum(step.state is StepState.COMPLETED for step in steps),
        "steps_failed": sum(step.state is StepState.FAILED for step in steps),
        "created_at": 1_000.0,
        "started_at": None,
        "ended_at": None,
        "deleted": False,
        "target": None,
        "request": {"panels": len(panels) or 12},
        "provider": "",
        "cost": (),
        "cost_unknown": (),
        "picked": None,
        "source": None,
        "frames": (),
        "steps": tuple(steps),
        "panels": panels,
        "sequence": 1,
    }
    return JobView(**(given | facts))


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def _all_of(value: dict[str, Any]) -> str:
    return "".join(
        "".join(part) if isinstance(part, list) else str(part) for part in value.values()
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_people_wrote_acts_as_markup(language: Language) -> None:
    problem = Problem(code="of_tomorrow", message=EVIL)
    panel = make_panel(
        1,
        StepState.FAILED,
        text=EVIL,
        scene=Scene(number=1, title=EVIL, setting=Setting.FOREST),
        characters=(EVIL,),
        dialogue=(Line(text=EVIL, speaker=EVIL),),
        problem=problem,
    )
    view = make_view(JobState.PARTIAL, (panel,), title=EVIL, problem=problem)
    version = VersionView(
        version=1, picture=ArtifactId("a"), is_current=False, made_at=0.0, wish=EVIL, seed=1
    )
    entry = LogEntry(sequence=1, at=0.0, kind="of_tomorrow", facts={"message": EVIL})

    html = _all_of(stage(view, language)) + row(view, 2_000.0, language)
    html += versions([version], {}, 10.0, language) + log_lines([entry], language)

    seen = _Tags(html)
    assert "script" not in seen.tags
    assert "onerror" not in seen.attributes
    assert seen.text.count("<script>alert") >= 8


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", StepState)
def test_a_step_has_a_shape_and_a_word_in_every_state(state: StepState, language: Language) -> None:
    view = make_view(JobState.RUNNING, (make_panel(1, state, picture=None),))

    seen = _Tags(strip(view, language))
    word = say(language, f"state_{state.value}")
    if state is StepState.QUEUED:
        word = say(language, "step_state_QUEUED")
    assert word in seen.text
    assert SHAPES[state] in seen.text


def test_shapes_tell_states_apart_without_colour() -> None:
    assert len(set(SHAPES.values())) == len(StepState)
    assert len(set(JOB_SHAPES.values())) == len(JobState)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", JobState)
def test_a_job_has_a_shape_a_word_and_a_sentence_in_every_state(
    state: JobState, language: Language
) -> None:
    view = make_view(state)

    shown = _Tags(row(view, 2_000.0, language)).text
    assert JOB_SHAPES[state] in shown
    assert say(language, f"state_{state.value}") in shown
    assert sentence(view, language)


@pytest.mark.parametrize("state", [StepState.FAILED, StepState.WAITING, StepState.RUNNING])
def test_a_panel_without_a_picture_says_why(state: StepState) -> None:
    problem = Problem(code="refused", message="The provider refused the prompt.")
    panel = make_panel(3, state, problem=problem)

    shown = _Tags(card(panel, None, {}, "en")).text
    assert "the provider refused the prompt" in shown


def test_the_sentence_names_the_panel_and_the_time_left() -> None:
    panels = tuple(
        make_panel(number, StepState.COMPLETED if number < 5 else StepState.QUEUED)
        for number in range(1, 13)
    )
    panels = (*panels[:4], replace(panels[4], state=StepState.RUNNING), *panels[5:])
    view = make_view(JobState.RUNNING, panels, eta_s=18.0)

    assert sentence(view, "en") == "Drawing panel 5 of 12, about 20 s left"
    assert sentence(view, "zh") == "正在画第 5 格，共 12 格，大约还要 20 秒"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"state": JobState.QUEUED, "position": 1},
            "Next in line. It starts as soon as a worker is free",
        ),
        ({"state": JobState.QUEUED, "position": 4}, "Waiting its turn: 3 jobs are ahead"),
        (
            {
                "state": JobState.WAITING,
                "problem": Problem(code="x", message="ComfyUI a: restarting."),
            },
            "Waiting: ComfyUI a: restarting",
        ),
        ({"state": JobState.CANCELLED}, "Cancelled before anything was drawn"),
        ({"state": JobState.FAILED}, "Failed. Your story is still in the form"),
    ],
)
def test_the_sentence_is_plain(facts: dict[str, Any], said: str) -> None:
    assert sentence(make_view(facts.pop("state"), **facts), "en") == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("OpenAI is busy (429): slow down", "Waiting for OpenAI: it asked for a pause"),
        ("OpenAI: openai asked for a pause", "Waiting for OpenAI: it asked for a pause"),
        ("openai asked for a pause", "Waiting for openai: it asked for a pause"),
        (
            "openai has 4 requests under way, as many as it may have",
            "Waiting: openai has 4 requests under way, as many as it may have",
        ),
    ],
)
def test_a_job_that_waits_for_a_provider_says_for_whom_and_until_when(
    message: str, said: str
) -> None:
    problem = Problem(code="provider_busy", message=message)
    later, sooner = (
        make_step(StepKind.PANEL, number, StepState.WAITING, problem=problem, waits_until=until)
        for number, until in ((1, 1_500.0), (2, 1_200.0))
    )
    view = make_view(JobState.WAITING, problem=problem, steps=(later, sooner))

    assert sentence(view, "en") == said
    assert f'{said}; goes on at <time datetime="1970-01-01T00:20:00+00:00"' in strip(view, "en")


def test_the_list_says_when_a_job_that_waits_goes_on() -> None:
    parked = Frame(
        kind=StepKind.FRAME, number=1, state=StepState.WAITING, picture=None, waits_until=1_200.0
    )

    shown = row(make_view(JobState.WAITING, frames=(parked,)), 1_100.0, "en")
    assert 'goes on at <time datetime="1970-01-01T00:20:00+00:00"' in shown


def test_what_waits_for_a_person_names_no_time() -> None:
    problem = Problem(code="approval", message="")
    parked = make_step(StepKind.FRAME, 1, StepState.WAITING, problem=problem)
    view = make_view(JobState.WAITING, kind=JobKind.FRAME, problem=problem, steps=(parked,))

    assert "<time" not in strip(view, "en")


def test_the_sentence_counts_what_failed() -> None:
    problem = Problem(code="refused", message="The provider refused the prompt.")
    states = [StepState.FAILED] * 3 + [StepState.COMPLETED] * 9
    panels = tuple(make_panel(number, state) for number, state in enumerate(states, 1))
    view = make_view(JobState.PARTIAL, panels, problem=problem)

    assert sentence(view, "en") == "3 of 12 failed: the provider refused the prompt"
    assert sentence(view, "zh") == "12 格里有 3 格没画成：绘图服务拒绝了"


def test_the_sentence_tells_what_failed_apart_from_what_was_not_answered() -> None:
    refused = Problem(code="refused", message="The provider refused the prompt.")
    lost = Problem(code="unknown_outcome", message="The connection broke.")
    panels = (make_panel(1, StepState.FAILED), make_panel(2, StepState.UNKNOWN))
    view = make_view(JobState.PARTIAL, panels, problem=lost)
    steps = tuple(
        replace(step, problem=refused if step.state is StepState.FAILED else lost)
        for step in view.steps
    )

    said = sentence(replace(view, steps=steps), "en")
    assert said == "1 of 2 failed: the provider refused the prompt"


def test_a_panel_that_is_drawn_again_keeps_its_picture_and_its_storyboard_alive() -> None:
    panel = make_panel(1, StepState.COMPLETED, redo=JobId("job2"))
    view = make_view(JobState.COMPLETED, (panel,))

    assert is_alive(view)
    assert sentence(view, "en") == "Drawing panel 1 again"
    assert "/files/picture1/thumb" in card(panel, None, {}, "en")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "a few seconds left"),
        (18, "about 20 s left"),
        (54, "about 55 s left"),
        (58, "about 1 min left"),
        (130, "about 2 min left"),
        (3_590, "about 1 h left"),
        (4_300, "about 1 h 10 min left"),
    ],
)
def test_the_time_left_is_never_falsely_exact(seconds: float, said: str) -> None:
    assert eta_words(seconds, "en") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.84, "0.8 s"),
        (14.4, "14 s"),
        (120, "2 min"),
        (125, "2 min 5 s"),
        (3_600, "1 h"),
        (3_840, "1 h 4 min"),
    ],
)
def test_durations_are_said_in_words(seconds: float, said: str) -> None:
    assert duration_words(seconds, "en") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (5, "just now"),
        (200, "3 min ago"),
        (7_300, "2 h ago"),
        (90_000, "yesterday"),
        (300_000, "3 days ago"),
    ],
)
def test_ages_are_said_in_words(seconds: float, said: str) -> None:
    assert age_words(seconds, "en") == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(512, "512 B"), (20_480, "20.5 KB"), (1_800_000, "1.8 MB"), (3_000_000_000, "3.0 GB")],
)
def test_sizes_have_units(size: int, said: str) -> None:
    assert size_words(size) == said


def test_a_refusal_is_said_in_the_readers_language_or_as_it_came() -> None:
    known = RequestRejected("0 panels", code="panels_range", panels=0, most=60)
    unknown = RequestRejected("As it came.", code="of_tomorrow")

    assert rejection_words(known, "zh") == "要了 0 格，只能是 1 到 60 格。"
    assert rejection_words(unknown, "zh") == "As it came."


def test_panels_are_outlined_before_the_story_is_split() -> None:
    view = make_view(JobState.QUEUED, request={"panels": 5})

    assert len(cards(view, "en")) == 5
    assert len(cells(view, "en")) == 6


def test_only_the_piece_that_changed_is_different() -> None:
    panels = tuple(make_panel(number, StepState.QUEUED) for number in (1, 2, 3))
    before = stage(make_view(JobState.RUNNING, panels), "en")
    after = stage(
        make_view(JobState.RUNNING, (panels[0], make_panel(2, StepState.COMPLETED), panels[2])),
        "en",
    )

    assert [a == b for a, b in zip(before["panels"], after["panels"], strict=True)] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (JobState.RUNNING, "cancel"),
        (JobState.QUEUED, "cancel"),
        (JobState.WAITING, "cancel"),
        (JobState.PARTIAL, "retry"),
        (JobState.FAILED, "retry"),
        (JobState.CANCELLED, "retry"),
    ],
)
def test_the_stage_offers_what_can_be_done(state: JobState, offered: str) -> None:
    assert f'data-do="{offered}"' in stage(make_view(state), "en")["head"]


def test_an_empty_stage_offers_to_draw() -> None:
    assert 'data-do="draw"' in empty_stage("zh")["head"]


def test_empty_lists_say_whether_jobs_are_hidden() -> None:
    none: ListPart[JobView] = ListPart(items=(), total=0)

    empty = job_list(none, offset=0, state=None, kind=None, now=0.0, language="en")
    hidden = job_list(none, offset=0, state=JobState.FAILED, kind=None, now=0.0, language="en")
    assert 'data-do="studio"' in empty["rows"][0]
    assert 'data-do="all"' in hidden["rows"][0]


def test_a_long_list_is_paged() -> None:
    items = tuple(
        replace(make_view(JobState.COMPLETED), id=JobId(str(n))) for n in range(PAGE_SIZE)
    )
    part = ListPart(items=items, total=45)

    foot = job_list(part, offset=PAGE_SIZE, state=None, kind=None, now=0.0, language="en")["foot"]
    assert "21–40 of 45" in foot
    assert "disabled" not in foot


def test_the_job_of_a_redone_panel_opens_its_storyboard() -> None:
    view = make_view(JobState.COMPLETED, kind=JobKind.PANEL, target=JobId("board"))

    assert "?job=board" in row(view, 2_000.0, "en")


def make_frames(*states: StepState) -> tuple[Frame, ...]:
    """Return one frame for each state; completed ones have a picture."""
    return tuple(
        Frame(
            kind=StepKind.PANEL,
            number=number,
            state=state,
            picture=ArtifactId(f"picture{number}") if state is StepState.COMPLETED else None,
        )
        for number, state in enumerate(states, 1)
    )


def test_the_small_strip_has_the_pictures_themselves() -> None:
    done, running, queued = StepState.COMPLETED, StepState.RUNNING, StepState.QUEUED
    view = make_view(JobState.RUNNING, frames=make_frames(done, done, running, queued))

    html = mini_strip(view, "en")
    assert html.count('class="frame is-') == 4
    assert html.count("<img ") == 2
    assert "/files/picture2/thumb" in html
    assert 'aria-label="2 of 4 panels"' in html
    assert "2 of 4 panels" in row(view, 2_000.0, "en")


@pytest.mark.parametrize(
    ("among_the_rest", "told"),
    [
        (StepState.QUEUED, "is-queued"),
        (StepState.RUNNING, "is-running"),
        (StepState.FAILED, "is-failed"),
    ],
)
def test_the_small_strip_counts_what_does_not_fit_and_tells_the_worst_of_it(
    among_the_rest: StepState, told: str
) -> None:
    states = [StepState.COMPLETED] * 59
    view = make_view(JobState.PARTIAL, frames=make_frames(*states, among_the_rest))

    html = mini_strip(view, "en")
    assert html.count("<img ") == 11
    assert f'<i class="frame {told} is-rest">+49</i>' in html


def test_a_storyboard_without_panels_yet_has_its_story_for_a_strip() -> None:
    html = mini_strip(make_view(JobState.QUEUED), "en")

    assert '<i class="frame is-queued"><b>¶</b></i>' in html
    assert 'aria-label="Story"' in html


def test_the_job_of_a_redone_panel_says_which_panel_of_which_storyboard() -> None:
    board = make_view(JobState.COMPLETED)
    redo = make_view(
        JobState.COMPLETED,
        id=JobId("job2"),
        kind=JobKind.PANEL,
        target=board.id,
        title="closer",
        frames=(replace(make_frames(StepState.COMPLETED)[0], number=3),),
    )
    part = ListPart(items=(redo, board), total=2)

    rows = job_list(part, offset=0, state=None, kind=None, now=2_000.0, language="en")["rows"]
    assert "Panel 3: closer" in rows[0]
    assert "Panel, again · The lamp" in rows[0]


@pytest.mark.parametrize(("count", "density"), [(12, ""), (24, " is-many"), (60, " is-crowd")])
def test_a_crowded_strip_is_drawn_without_pictures(count: int, density: str) -> None:
    panels = tuple(make_panel(number, StepState.QUEUED) for number in range(1, count + 1))

    html = strip(make_view(JobState.RUNNING, panels), "en")
    assert f'<ol class="strip{density}"' in html


@pytest.mark.parametrize(
    ("source", "provider", "said"),
    [
        ("rules", "", ">The story was split by rules.</p>"),
        ("llm", "sketch", "renderer. The story was split by a language model."),
        (None, "sketch", "Storyboard sketches by the built-in renderer.</p>"),
        (None, "openai", "Drawn by openai.</p>"),
    ],
)
def test_the_stage_says_who_drew_the_pictures_and_who_split_the_story(
    source: str | None, provider: str, said: str
) -> None:
    view = make_view(JobState.COMPLETED, source=source, provider=provider)

    assert said in stage(view, "en")["foot"]


def test_the_stage_says_nothing_of_a_maker_that_nobody_knows() -> None:
    assert "made" not in stage(make_view(JobState.QUEUED), "en")["foot"]
    assert "made" not in empty_stage("en")["foot"]


def make_making(provider: str = "openai", **facts: Any) -> Making:
    """Return how a picture was made."""
    label = "Komadori sketch" if provider == "sketch" else "OpenAI"
    return Making(**{"provider": provider, "label": label, **facts})


def test_all_who_drew_are_named() -> None:
    steps = tuple(
        make_step(StepKind.PANEL, number, StepState.COMPLETED, making=make_making(provider))
        for number, provider in enumerate(["openai", "sketch", "openai"], 1)
    )
    view = replace(make_view(JobState.COMPLETED, provider="openai"), steps=steps)

    assert "Drawn by OpenAI and the built-in renderer." in stage(view, "en")["foot"]
    assert "绘制：OpenAI、内置绘图器。" in stage(view, "zh")["foot"]


def test_a_panel_tells_who_drew_the_picture_it_shows_and_of_no_other() -> None:
    panel = make_panel(1, StepState.COMPLETED)
    step = make_step(
        StepKind.PANEL,
        1,
        StepState.COMPLETED,
        making=make_making(model="gpt-image-2"),
        picture=panel.picture,
    )

    assert "OpenAI · gpt-image-2" in card(panel, step, {}, "en")
    newer = replace(panel, picture=ArtifactId("newer"), version=2)
    assert "OpenAI" not in card(newer, step, {}, "en")


def test_a_panel_that_was_drawn_again_tells_who_drew_it_that_time() -> None:
    panel = make_panel(1, StepState.COMPLETED, version=2, provider="gemini")
    other = make_panel(2, StepState.COMPLETED, version=2, provider="openai")
    steps = tuple(
        make_step(
            StepKind.PANEL,
            number,
            StepState.COMPLETED,
            making=make_making(model="gpt-image-2"),
            picture=ArtifactId("first"),
        )
        for number in (1, 2)
    )
    view = make_view(JobState.COMPLETED, (panel, other), steps=steps)

    gemini, openai = cards(view, "en")

    assert '<p class="maker">gemini</p>' in gemini
    assert '<p class="maker">OpenAI</p>' in openai
    assert "Drawn by OpenAI and gemini." in stage(view, "en")["foot"]


def test_each_version_tells_who_drew_it() -> None:
    kept = [
        VersionView(
            version=number,
            picture=ArtifactId(f"v{number}"),
            is_current=number == 3,
            made_at=0.0,
            wish="",
            seed=1,
            provider=provider,
        )
        for number, provider in enumerate(("", "sketch", "openai"), 1)
    ]

    html = versions(kept, {"openai": "OpenAI"}, 10.0, "en")

    assert html.count('class="maker"') == 2
    assert html.index("OpenAI") < html.index("the built-in renderer")


@pytest.mark.parametrize(
    ("states", "asks", "offers"),
    [
        ((StepState.FAILED,), False, True),
        ((StepState.UNKNOWN,), True, False),
        ((StepState.FAILED, StepState.UNKNOWN), True, True),
        ((StepState.COMPLETED,), False, True),
    ],
)
def test_what_was_sent_and_not_answered_is_sent_again_only_when_that_is_said(
    states: tuple[StepState, ...], asks: bool, offers: bool
) -> None:
    panels = tuple(make_panel(number, state) for number, state in enumerate(states, 1))
    view = make_view(JobState.PARTIAL, panels, frames=make_frames(*states))

    head, listed = stage(view, "en")["head"], row(view, 2_000.0, "en")
    assert ("Send again (may be paid twice)" in head) is asks
    assert ("may have been made and billed" in head) is asks
    assert ("Make what is missing" in head) is offers
    assert ("data-resend" in listed) is asks
    assert ("Make missing" in listed) is offers


def make_frame_view(state: JobState, *steps: StepView, **facts: Any) -> JobView:
    """Return the job of a first frame."""
    frames = tuple(
        Frame(kind=step.kind, number=step.number, state=step.state, picture=step.picture)
        for step in steps
    )
    view = make_view(state, kind=JobKind.FRAME, stage=None, frames=frames, **facts)
    return replace(view, steps=steps)


def test_a_first_frame_is_listed_with_its_pictures_and_knows_its_kind() -> None:
    view = make_frame_view(
        JobState.COMPLETED,
        make_step(StepKind.DRAFT, 1, StepState.COMPLETED, picture=ArtifactId("d")),
        make_step(StepKind.FRAME, 1, StepState.COMPLETED, picture=ArtifactId("f")),
    )

    html = row(view, 2_000.0, "en")
    assert 'data-kind="frame"' in html
    assert ">First frame<" in html
    assert "/files/d/thumb" in html
    assert "/files/f/thumb" in html
    assert 'aria-label="2 pictures"' in html
    assert [cell.name for cell in cells(view, "en")] == ["Draft 1", "Picture 1"]


_DRAFT = make_step(StepKind.DRAFT, 1, StepState.COMPLETED, picture=ArtifactId("d"))
_DONE = make_step(
    StepKind.FRAME,
    1,
    StepState.COMPLETED,
    picture=ArtifactId("f"),
    started_at=10.0,
    ended_at=22.0,
)


@pytest.mark.parametrize(
    ("state", "steps", "said"),
    [
        (
            JobState.RUNNING,
            (make_step(StepKind.DRAFT, 1, StepState.RUNNING),),
            "Drawing the draft",
        ),
        (
            JobState.RUNNING,
            (_DRAFT, make_step(StepKind.FRAME, 1, StepState.RUNNING)),
            "Drawing the picture",
        ),
        (
            JobState.RUNNING,
            (_DONE, make_step(StepKind.FRAME, 2, StepState.RUNNING)),
            "Drawing picture 2 of 2",
        ),
        (JobState.COMPLETED, (_DRAFT, _DONE), "The picture is drawn, in 12 s"),
        (
            JobState.PARTIAL,
            (_DONE, make_step(StepKind.FRAME, 2, StepState.UNKNOWN)),
            "Sent and not answered: 1 of 2 pictures",
        ),
        (
            JobState.CANCELLED,
            (_DONE, make_step(StepKind.FRAME, 2, StepState.CANCELLED)),
            "Cancelled. 1 of 2 pictures are drawn and stay",
        ),
        (
            JobState.CANCELLED,
            tuple(make_step(StepKind.FRAME, number, StepState.UNKNOWN) for number in (1, 2)),
            "Cancelled. 2 requests were sent and not answered",
        ),
    ],
)
def test_the_sentence_of_a_first_frame_is_plain(
    state: JobState, steps: tuple[StepView, ...], said: str
) -> None:
    assert sentence(make_frame_view(state, *steps), "en") == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_that_waits_asks_for_approval(language: Language) -> None:
    problem = Problem(code="approval", message="It waits.")
    view = make_frame_view(JobState.WAITING, _DRAFT, problem=problem)

    assert sentence(view, language) == say(language, "say_approval")
