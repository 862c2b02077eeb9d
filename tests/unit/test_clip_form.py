"""The form of a clip: what it asks for, what may begin it, and where refusals are said."""

from typing import Any

import pytest

from komadori.domain.backends import BackendFacts
from komadori.domain.ids import ArtifactId, JobId
from komadori.domain.states import JobKind, StepKind, StepState
from komadori.domain.view import BackendView, Frame, JobView
from komadori.domain.workflows import Field, Words, WorkflowFacts
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.ui.clip_form import GROUPS_MOST, groups_of, place_of, refusal_words, request_of
from komadori.ui.frame_form import place_of as place_in_frame
from komadori.ui.frame_form import request_of as frame_request_of
from komadori.ui.plain_clips import plain_workflow
from komadori.ui.render_providers import clip_choices, provider_choices
from komadori.ui.texts import LANGUAGES, Language

pytestmark = pytest.mark.unit

PICTURE = "a" * 20


def make_facts(**changed: Any) -> dict[str, Any]:
    """Return what the page sends for a filled form."""
    given: dict[str, Any] = {
        "prompt": "The camera moves closer",
        "picture": PICTURE,
        "job": "",
        "panels": [],
        "seconds": 2.5,
        "fps": 24,
        "provider": "comfyui-wan22",
        "seed": None,
        "options": {"steps": 12},
        "key": "k",
    }
    return given | changed


def make_job(
    kind: JobKind, *frames: tuple[StepKind, int, str | None], name: str = "j", deleted: bool = False
) -> JobView:
    """Return a job as lists have it, with these pictures."""
    empty: dict[str, Any] = dict.fromkeys(JobView.__dataclass_fields__)
    pictures = tuple(
        Frame(
            kind=step,
            number=number,
            state=StepState.COMPLETED,
            picture=ArtifactId(picture) if picture else None,
        )
        for step, number, picture in frames
    )
    facts = {"id": JobId(name), "kind": kind, "title": "T", "frames": pictures, "deleted": deleted}
    return JobView(**(empty | facts))


def make_backend(name: str, **changed: Any) -> BackendView:
    """Return a ComfyUI workflow for clips as the queue tells of it."""
    shown = {key: changed.pop(key) for key in ("absence", "fields", "servers") if key in changed}
    workflow = WorkflowFacts(
        name=name,
        label=Words.model_validate(changed.pop("label", name.title())),
        note=Words.model_validate(changed.pop("note", "")),
        kind="clip",
        min_frames=5,
        max_frames=121,
        frames_step=4,
        fps=24.0,
    )
    given: dict[str, Any] = {
        "name": f"comfyui-{name}",
        "label": f"ComfyUI: {workflow.label.en}",
        "kind": "comfy",
        "makes": "clip",
        "workflow": workflow,
    }
    return BackendView(
        facts=BackendFacts(**(given | changed)),
        is_auto=False,
        rests_until=None,
        rest_reason="",
        typical_s=None,
        **shown,
    )


def test_an_uploaded_picture_becomes_the_first_frame() -> None:
    wanted, key = request_of(make_facts())

    assert wanted == {
        "prompt": "The camera moves closer",
        "seconds": 2.5,
        "fps": 24,
        "provider": "comfyui-wan22",
        "seed": None,
        "options": {"steps": 12},
        "first_frame": PICTURE,
    }
    assert key == "k"


def test_panels_of_a_job_become_one_clip_each() -> None:
    wanted, _ = request_of(make_facts(picture="", job="j", panels=[1, 3]))

    assert (wanted["job_id"], wanted["panels"]) == ("j", [1, 3])
    assert "first_frame" not in wanted


@pytest.mark.parametrize("facts", [{}, {"job": "j"}, {"job": "j", "panels": "all"}])
def test_without_a_picture_nothing_is_asked(facts: dict[str, Any]) -> None:
    with pytest.raises(RequestRejected) as refused:
        request_of(make_facts(picture="", **facts))

    assert refused.value.code == "first_frame_missing"
    assert place_of(refused.value) == "source"


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (invalid_field("options.steps", "it must be 4 to 60"), "options.steps"),
        (invalid_field("seconds", "0.5 to 30"), "seconds"),
        (invalid_field("fps", "1 to 60"), "fps"),
        (invalid_field("panels", "there is no picture 9"), "source"),
        (RequestRejected("Gone.", code="reference_not_found", name="first_frame"), "source"),
        (NotFound("job", "j"), "source"),
        (RequestRejected("None.", code="no_clips", reason="r"), "provider"),
        (RequestRejected("Unknown.", code="provider_unknown", name="x", known="y"), "provider"),
        (RequestRejected("No cookie.", code="session_missing"), "form"),
    ],
)
def test_a_refusal_stands_next_to_what_it_concerns(error: RequestRejected, place: str) -> None:
    assert place_of(error) == place


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refused_option_is_said_without_its_field(language: Language) -> None:
    words = refusal_words(invalid_field("options.steps", "it must be 4 to 60"), language)

    assert "it must be 4 to 60" in words
    assert "options" not in words


def test_the_frame_form_sends_options_and_has_their_refusals_beside_them() -> None:
    wanted, _ = frame_request_of({"prompt": "p", "options": {"steps": 3}})

    assert wanted["options"] == {"steps": 3}
    assert place_in_frame(invalid_field("options.steps", "no")) == "options.steps"


def test_first_frames_come_from_panels_and_final_pictures_that_are_there() -> None:
    jobs = [
        make_job(JobKind.STORYBOARD, (StepKind.PANEL, 1, "p1"), (StepKind.PANEL, 2, None)),
        make_job(JobKind.FRAME, (StepKind.DRAFT, 1, "d1"), (StepKind.FRAME, 1, "f1")),
        make_job(JobKind.CLIP, (StepKind.CLIP, 1, "c1")),
        make_job(JobKind.FRAME, (StepKind.FRAME, 1, None)),
        make_job(JobKind.FRAME, (StepKind.FRAME, 1, "x"), deleted=True),
    ]

    groups = groups_of(jobs)

    assert [(one["kind"], [p["picture"] for p in one["pictures"]]) for one in groups] == [
        ("storyboard", ["p1"]),
        ("frame", ["f1"]),
    ]
    many = [make_job(JobKind.FRAME, (StepKind.FRAME, 1, "f")) for _ in range(20)]
    assert len(groups_of(many)) == GROUPS_MOST


def test_workflows_for_clips_are_offered_apart_those_first_that_can_run() -> None:
    steps = Field(
        name="steps", label=Words(en="Steps"), kind="integer", minimum=4, maximum=60, default=20
    )
    known = [
        make_backend("check", is_automatic=False, servers=("a",)),
        make_backend("new", is_ready=False, reason="no ComfyUI server is watched yet"),
        make_backend(
            "wan",
            note="Not run here: no GPU.",
            absence="ComfyUI a: restarting, attempt 1 of 5",
            fields=(steps,),
            servers=("a", "b"),
        ),
    ]

    pictures = provider_choices(known, 0.0, "en")
    clips = clip_choices(known, 0.0, "en")

    assert [one["name"] for one in pictures] == ["auto"]
    assert [one["name"] for one in clips] == ["comfyui-wan", "comfyui-check", "comfyui-new"]
    wan = clips[0]
    assert wan["note"] == "ComfyUI a, b · Not run here: no GPU"
    assert wan["waits"] == "A job would wait now: ComfyUI a: restarting, attempt 1 of 5"
    assert wan["fields"][0]["maximum"] == 60
    assert (wan["workflow"]["max_frames"], wan["workflow"]["frames_step"]) == (121, 4)
    assert clips[2]["label"] == "ComfyUI: New (no ComfyUI server is set up)"
    assert clips[2]["waits"] == ""


@pytest.mark.parametrize(
    ("language", "label", "note", "options"),
    [
        ("en", "ComfyUI: Check (clip)", "Nothing moves", ["Grain", "Shift"]),
        ("zh", "ComfyUI：连通测试（短片）", "画面不动", ["颗粒", "Shift"]),
    ],
)
def test_a_workflow_speaks_the_readers_language_and_english_where_that_is_missing(
    language: Language, label: str, note: str, options: list[str]
) -> None:
    fields = (
        Field(name="grain", label=Words(en="Grain", zh="颗粒"), kind="number"),
        Field(name="shift", label=Words(en="Shift"), kind="number"),
    )
    words = {"en": "Check (clip)", "zh": "连通测试（短片）"}
    told = {"en": "Nothing moves.", "zh": "画面不动。"}
    clip = make_backend("check", label=words, note=told, fields=fields)
    picture = make_backend("check", label=words, note=told, fields=fields, makes="picture")

    (asked,) = clip_choices([clip], 0.0, language)
    drawn = provider_choices([picture], 0.0, language)[1]

    assert asked["label"] == asked["title"] == drawn["label"] == label
    assert asked["note"] == note
    assert drawn["note"].endswith(f" · {note}")
    assert [one["label"] for one in asked["fields"]] == options
    assert [one["label"] for one in drawn["fields"]] == options


def test_the_api_says_labels_and_notes_in_english() -> None:
    grain = Field(name="grain", label=Words(en="Grain", zh="颗粒"), kind="number")
    words = {"en": "Check", "zh": "连通测试"}
    backend = make_backend("check", label=words, note=words, fields=(grain,))
    assert backend.facts.workflow is not None

    plain = plain_workflow(backend, backend.facts.workflow)

    assert (plain["label"], plain["note"]) == ("Check", "Check")
    assert plain["options"][0]["label"] == "Grain"
