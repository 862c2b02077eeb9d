"""Frames: a prompt becomes a drawing, in Chinese and in English."""

import pytest

from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.job import Job
from komadori.domain.requests import SEED_MAX, FrameRequest, parse_frame
from komadori.domain.states import JobKind
from komadori.domain.story import Character, Drawing, Setting, Shot, TimeOfDay, Weather
from komadori.errors import RequestRejected
from komadori.pipeline.frame_drawing import frame_drawing
from komadori.pipeline.plans import Plans

PLACE, FACE = ArtifactId(new_id()), ArtifactId(new_id())
CAST = (
    Character(name="Mei", description="a girl", reference=FACE),
    Character(name="Ren"),
    Character(name="老王"),
)


def read(prompt: str, **asked: object) -> Drawing:
    return frame_drawing(FrameRequest.model_validate({"prompt": prompt} | asked), 7)


@pytest.mark.parametrize(
    ("prompt", "setting", "time", "weather"),
    [
        ("A girl in the forest at night, it rains", Setting.FOREST, TimeOfDay.NIGHT, Weather.RAIN),
        ("夜晚，下着雨，小女孩站在森林里", Setting.FOREST, TimeOfDay.NIGHT, Weather.RAIN),
        ("The old kitchen at dusk", Setting.INDOORS, TimeOfDay.DUSK, Weather.CLEAR),
        ("黄昏的厨房里", Setting.INDOORS, TimeOfDay.DUSK, Weather.CLEAR),
        ("Snow falls on the street", Setting.STREET, TimeOfDay.DAY, Weather.SNOW),
        ("街道上下着大雪", Setting.STREET, TimeOfDay.DAY, Weather.SNOW),
        ("On the mountain", Setting.MOUNTAIN, TimeOfDay.DAY, Weather.CLEAR),
        ("小船在河上", Setting.WATER, TimeOfDay.DAY, Weather.CLEAR),
        ("Somebody waits", Setting.FIELD, TimeOfDay.DAY, Weather.CLEAR),
        ("有人在等", Setting.FIELD, TimeOfDay.DAY, Weather.CLEAR),
    ],
)
def test_place_time_and_weather_are_read_from_the_words(
    prompt: str, setting: Setting, time: TimeOfDay, weather: Weather
) -> None:
    scene = read(prompt).panel.scene

    assert (scene.setting, scene.time_of_day, scene.weather) == (setting, time, weather)


@pytest.mark.parametrize(
    ("prompt", "shot"),
    [
        ("Close-up of Mei", Shot.CLOSE_UP),
        ("closeup, Mei smiles", Shot.CLOSE_UP),
        ("Portrait of Mei", Shot.CLOSE_UP),
        ("小美的特写", Shot.CLOSE_UP),
        ("Over-the-shoulder shot of Mei and Ren", Shot.OVER_THE_SHOULDER),
        ("过肩镜头，两人对话", Shot.OVER_THE_SHOULDER),
        ("Wide shot of the harbour with Mei", Shot.WIDE),
        ("wide angle, Mei at the harbour", Shot.WIDE),
        ("An establishing shot", Shot.WIDE),
        ("远景：港口", Shot.WIDE),
        ("全景，小美站着", Shot.WIDE),
        ("Medium shot of the gate", Shot.MEDIUM),
        ("中景，大门", Shot.MEDIUM),
    ],
)
@pytest.mark.parametrize("people", [(), ("Mei",)])
def test_the_camera_is_read_from_the_words(
    prompt: str, shot: Shot, people: tuple[str, ...]
) -> None:
    assert read(prompt, characters=CAST, character_ids=people).panel.shot is shot


@pytest.mark.parametrize(
    "prompt", ["A wide-eyed girl", "The wide river", "A medium-sized dog", "等着的人"]
)
def test_words_about_other_things_say_nothing_of_the_camera(prompt: str) -> None:
    assert read(prompt, characters=CAST[:1]).panel.shot is Shot.MEDIUM
    assert read(prompt).panel.shot is Shot.WIDE


def test_all_characters_are_in_the_shot_unless_some_are_named() -> None:
    everybody, some, nobody = [
        read("They wait", characters=CAST, **asked)
        for asked in ({}, {"character_ids": ("老王", "Mei")}, {"character_ids": ()})
    ]

    assert everybody.cast == CAST
    assert [one.name for one in some.cast] == ["Mei", "老王"]  # in the order of the cast
    assert some.panel.characters == ("Mei", "老王")
    assert (nobody.cast, nobody.panel.characters) == ((), ())


def test_nobody_unknown_can_be_in_the_shot() -> None:
    asked = {"prompt": "Mei waits", "characters": [{"name": "Mei"}], "character_ids": ["Ren"]}

    with pytest.raises(RequestRejected, match="no character 'Ren'"):
        parse_frame(asked)


def test_the_scenes_reference_the_size_and_the_prompt_go_along() -> None:
    drawing = read("Mei  waits", scene_reference=PLACE, width=1024, height=768, characters=CAST)

    assert (drawing.place, drawing.width, drawing.height) == (PLACE, 1024, 768)
    assert (drawing.prompt, drawing.panel.text, drawing.seed) == ("Mei  waits", "Mei  waits", 7)
    assert drawing.cast[0].reference == FACE


def seeds(job_id: str, **asked: object) -> list[int]:
    request = FrameRequest.model_validate({"prompt": "Mei waits"} | asked).model_dump(mode="json")
    job = Job(id=JobId(job_id), session_id=SessionId("s1"), kind=JobKind.FRAME, request=request)
    return [step.payload["seed"] for step in Plans((64, 36))(job, ()).steps]


def test_candidates_have_seeds_of_their_own_that_stay_the_same() -> None:
    assert len(set(seeds("j1", candidates=8))) == 8
    assert seeds("j1", candidates=8) == seeds("j1", candidates=8)
    assert seeds("j1") != seeds("j2")


def test_the_first_candidate_has_the_seed_that_was_asked_for() -> None:
    assert seeds("j1", seed=41, candidates=3) == [41, 42, 43]
    assert seeds("j1", seed=0) == [0]


def test_seeds_begin_anew_after_the_largest() -> None:
    assert seeds("j1", seed=SEED_MAX, candidates=3) == [SEED_MAX, 0, 1]


def test_more_candidates_leave_the_first_ones_as_they_were() -> None:
    assert seeds("j1", candidates=5)[:2] == seeds("j1", candidates=2)


@pytest.mark.parametrize("draft", ["sketch", "provider"])
def test_drafts_have_the_seeds_of_the_candidates(draft: str) -> None:
    assert seeds("j1", candidates=3, draft=draft) == seeds("j1", candidates=3)
