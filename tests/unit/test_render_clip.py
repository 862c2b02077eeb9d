"""The stage of clips: what each state of a job shows, plays, offers and explains."""

from html.parser import HTMLParser
from typing import Any

import pytest

from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.making import Making
from komadori.domain.states import JobKind, JobState, Stage, StepKind, StepState
from komadori.domain.view import ClipFacts, Frame, JobView, Problem, StepView
from komadori.ui.render_clip import clip_stage, empty_clip
from komadori.ui.render_comfy import told_by_comfy
from komadori.ui.render_jobs import row
from komadori.ui.texts import LANGUAGES, Language

pytestmark = pytest.mark.unit

EVIL = """<script>alert("x")</script> & 'quotes' <img src=x onerror=alert(1)>"""
DONE, RUNNING = StepState.COMPLETED, StepState.RUNNING
MP4 = ClipFacts(media_type="video/mp4", seconds=2.04, frames=49, width=1248, height=704)


def make_step(number: int, state: StepState, **facts: Any) -> StepView:
    """Return the step of one clip; a completed one has its file."""
    is_done = state is DONE
    given: dict[str, Any] = {
        "id": StepId(f"step{number}"),
        "kind": StepKind.CLIP,
        "number": number,
        "state": state,
        "attempt": 1,
        "progress": 0.0,
        "message": "",
        "problem": None,
        "started_at": 100.0,
        "ended_at": 112.0 if is_done else None,
        "spans": (),
        "making": None,
        "picture": ArtifactId(f"clip{number}") if is_done else None,
        "clip": MP4 if is_done else None,
    }
    return StepView(**(given | facts))


def make_view(state: JobState, *steps: StepView, **facts: Any) -> JobView:
    """Return a clip job of these steps; each begins with a picture of its number."""
    empty: dict[str, Any] = dict.fromkeys(JobView.__dataclass_fields__)
    shots = [
        {
            "number": step.number,
            "picture": f"first{step.number}",
            "prompt": "Mei runs.\nThe camera follows.",
            "width": 1280,
            "height": 720,
        }
        for step in steps
    ]
    request = {"shots": shots, "seconds": 2.0, "fps": 24, "seed": 7, "options": {"steps": 12}}
    given: dict[str, Any] = {
        "id": JobId("job1"),
        "kind": JobKind.CLIP,
        "state": state,
        "title": "The camera follows",
        "progress": 0.0,
        "steps_total": len(steps),
        "steps_done": 0,
        "steps_failed": 0,
        "created_at": 99.0,
        "deleted": False,
        "request": request,
        "provider": "comfyui-wan22",
        "cost": (),
        "cost_unknown": (),
        "steps": steps,
        "panels": (),
        "servers": (),
        "frames": tuple(
            Frame(kind=one.kind, number=one.number, state=one.state, picture=one.picture)
            for one in steps
        ),
        "sequence": 1,
    }
    return JobView(**(empty | given | facts))


class _Page(HTMLParser):
    """What a stage offers, shows and says."""

    def __init__(self, stage: dict[str, Any]) -> None:
        super().__init__()
        self.offers: list[str] = []
        self.sources: dict[str, list[str]] = {"img": [], "video": []}
        self.downloads: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.html = "".join(str(part) for part in stage.values())
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.tags |= {tag, *facts}
        if facts.get("data-do"):
            self.offers.append(str(facts["data-do"]))
        if tag in self.sources:
            self.sources[tag].append(str(facts.get("src")))
        if "download" in facts:
            self.downloads.append(str(facts["download"]))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def shown(view: JobView, language: Language = "en") -> _Page:
    """Draw a job and read it."""
    return _Page(clip_stage(view, language))


def making(**facts: Any) -> Making:
    """Return how a ComfyUI made a clip."""
    given = {
        "provider": "comfyui-wan22",
        "label": "ComfyUI: Wan",
        "model": "5B",
        "why": "asked for",
    }
    return Making(**{**given, "seed": 7, **facts})


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_people_or_servers_wrote_acts_as_markup(language: Language) -> None:
    made = making(label=EVIL, model=EVIL, why=EVIL)
    problem = Problem(code="of_tomorrow", message=EVIL)
    steps = [
        make_step(1, StepState.FAILED, making=made, problem=problem),
        make_step(2, RUNNING, making=made, message=f"ComfyUI a: {EVIL}"),
        make_step(3, DONE, making=made, picture=ArtifactId(EVIL)),
    ]

    page = shown(make_view(JobState.RUNNING, *steps, title=EVIL, problem=problem), language)

    assert not {"script", "onerror"} & page.tags


def test_a_clip_that_is_there_is_played_in_the_page_and_can_be_saved_under_a_good_name() -> None:
    page = shown(make_view(JobState.COMPLETED, make_step(1, DONE, making=making())))

    assert page.sources["video"] == ["/files/clip1"]
    assert {"controls", "loop", "muted", "playsinline"} <= page.tags
    assert page.downloads == ["the-camera-follows.mp4"]
    assert "2.0 s · 49 frames · 1248 × 704" in page.text
    assert page.offers == []
    assert "--w:1248;--h:704" in page.html


def test_an_animated_webp_is_an_image() -> None:
    facts = ClipFacts(media_type="image/webp", seconds=1.0, frames=12, width=64, height=36)

    page = shown(make_view(JobState.COMPLETED, make_step(1, DONE, clip=facts)))

    assert "/files/clip1" in page.sources["img"]
    assert page.sources["video"] == []
    assert page.downloads == ["the-camera-follows.webp"]


def test_the_names_of_several_clips_have_their_numbers_and_chinese_titles_stay() -> None:
    steps = [make_step(3, DONE), make_step(12, DONE)]

    page = shown(make_view(JobState.COMPLETED, *steps, title="镜头推近，她转身/回头"))

    assert page.downloads == ["镜头推近-她转身-回头-03.mp4", "镜头推近-她转身-回头-12.mp4"]


def test_while_it_is_made_a_preview_stands_where_the_first_frame_was() -> None:
    steps = [make_step(4, RUNNING, preview=9, progress=0.5), make_step(5, RUNNING)]

    page = shown(make_view(JobState.RUNNING, *steps, stage=Stage.CLIP_GENERATION))

    assert page.sources["img"].count("/previews/step4?v=9") == 2  # in the strip, too
    assert "/files/first4" not in page.sources["img"]
    assert "/files/first5" in page.sources["img"]
    assert "Making clip 1 of 2" in page.text
    assert "making clips" in page.text
    assert "--done:0.50" in page.html
    assert page.offers == ["cancel"]


def test_what_was_lost_is_said_and_can_be_made() -> None:
    refused = Problem(code="provider_down", message="ComfyUI a failed.")
    steps = [make_step(1, DONE), make_step(2, StepState.FAILED, problem=refused)]

    page = shown(make_view(JobState.PARTIAL, *steps))

    assert page.offers == ["retry"]
    assert "Make what is missing" in page.text
    assert "1 of 2 failed: ComfyUI a failed" in page.text


@pytest.mark.parametrize(
    ("state", "steps", "sentence"),
    [
        (JobState.RUNNING, [(1, RUNNING)], "Making the clip"),
        (JobState.COMPLETED, [(1, DONE)], "The clip is made, in 14 s"),
        (JobState.COMPLETED, [(1, DONE), (2, DONE)], "All 2 clips are made, in 14 s"),
        (
            JobState.CANCELLED,
            [(1, DONE), (2, StepState.CANCELLED)],
            "Cancelled. 1 of 2 clips are made and stay",
        ),
        (JobState.CANCELLED, [(1, StepState.CANCELLED)], "Cancelled before any clip was made"),
    ],
)
def test_one_sentence_says_where_clips_stand(
    state: JobState, steps: list[tuple[int, StepState]], sentence: str
) -> None:
    made = [make_step(number, one) for number, one in steps]

    page = shown(make_view(state, *made, started_at=100.0, ended_at=114.0))

    assert sentence in page.text


def test_what_was_asked_for_stands_beside_it() -> None:
    page = shown(make_view(JobState.COMPLETED, make_step(1, DONE, making=making())))

    for words in ("ComfyUI: Wan · 5B", "2 s, 24 frames a second", "steps", "12", "7"):
        assert words in page.text


def test_the_list_of_jobs_counts_clips() -> None:
    view = make_view(JobState.RUNNING, make_step(1, DONE), make_step(2, RUNNING))

    assert "Clip · 1 of 2 clips" in row(view, 120.0, "en")
    assert 'data-kind="clip"' in row(view, 120.0, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_comfyui_the_empty_stage_says_how_to_come_by_one(language: Language) -> None:
    page = _Page(empty_clip(language))

    assert "http://127.0.0.1:8188" in page.text
    assert "config/local.yaml" in page.text
    assert "docs/clips.md" in page.text


@pytest.mark.parametrize(
    ("told", "chinese"),
    [
        ("ComfyUI a: waiting, 1 before it", "ComfyUI a：前面还有 1 个"),
        ("ComfyUI a: waiting, next", "ComfyUI a：下一个就轮到"),
        ("ComfyUI a: Sampler 2 of 20", "ComfyUI a：Sampler，第 2 步，共 20 步"),
        (
            "ComfyUI a: restarting, attempt 1 of 5; ComfyUI b: not reachable",
            "ComfyUI a：正在重启，第 1 次尝试，最多 5 次；ComfyUI b：连不上",
        ),
        ("ComfyUI a: starts when there is work for it", "ComfyUI a：有活就启动"),
        (
            "ComfyUI a: given up (the disk is full), tried again at 14:05",
            "ComfyUI a：已放弃，磁盘满了，14:05 再试",
        ),
        ("ComfyUI a: something new", "ComfyUI a：something new"),
        ("Something else", "Something else"),
    ],
)
def test_what_a_comfyui_tells_is_said_in_chinese_where_its_form_is_known(
    told: str, chinese: str
) -> None:
    assert told_by_comfy(told, "en") == told
    assert told_by_comfy(told, "zh") == chinese
