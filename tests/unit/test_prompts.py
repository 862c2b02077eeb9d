"""Prompts: a person's words stay as they are, a panel is told, references are named in order."""

from komadori.backends.images.protocol import Reference, ReferenceRole
from komadori.domain.requests import FrameRequest
from komadori.domain.story import (
    Character,
    Drawing,
    Panel,
    Scene,
    Setting,
    Shot,
    Style,
    TimeOfDay,
    Weather,
)
from komadori.pipeline.frame_drawing import frame_drawing
from komadori.pipeline.prompts import prompt_of

PROMPT = "Mei 站在码头上，回头看。\n  She waits —  35mm, “soft light”"
MEI = Character(name="Mei", description="a girl with braids in a red coat")
REN = Character(name="Ren")


def a_panel(**changed: object) -> Drawing:
    scene = Scene(
        number=2,
        title="The harbour",
        setting=Setting.WATER,
        time_of_day=TimeOfDay.DUSK,
        weather=Weather.RAIN,
    )
    panel = Panel(
        number=3,
        scene=scene,
        text="Mei waits for the boat.",
        shot=Shot.CLOSE_UP,
        characters=("Mei", "Ren"),
    )
    style = Style(art_style="ink wash", mood="calm", additional_notes="no cars")
    drawing = Drawing(panel=panel, cast=(MEI, REN), style=style, seed=7)
    return drawing.model_copy(update=changed)


def reference(name: str = "") -> Reference:
    role = ReferenceRole.CHARACTER if name else ReferenceRole.SCENE
    return Reference(role=role, name=name, data=b"", media_type="image/jpeg")


def a_frame(**asked: object) -> Drawing:
    return frame_drawing(FrameRequest.model_validate({"prompt": PROMPT} | asked), 7)


def test_a_frames_prompt_stays_word_for_word() -> None:
    assert prompt_of(a_frame(), ()) == PROMPT


def test_a_frame_tells_what_is_known_of_those_in_the_shot() -> None:
    drawing = a_frame(characters=(MEI, REN), character_ids=("Mei",))

    assert prompt_of(drawing, ()) == f"{PROMPT}\nMei: a girl with braids in a red coat"


def test_a_frame_names_nobody_of_whom_nothing_is_known() -> None:
    assert prompt_of(a_frame(characters=(REN,)), ()) == PROMPT


def test_a_frame_adds_a_wish_of_its_redone_draft() -> None:
    drawing = a_frame().model_copy(update={"modification": "closer"})

    assert prompt_of(drawing, ()) == f"{PROMPT}\nAbove all: closer"


def test_references_are_numbered_in_the_order_in_which_they_are_sent() -> None:
    lines = prompt_of(a_frame(), (reference(), reference("Mei"), reference("Ren"))).splitlines()

    assert lines[-3:] == [
        "Image 1 is the place: keep its layout, light and style.",
        "Image 2 is Mei: keep face, hair, clothes and build.",
        "Image 3 is Ren: keep face, hair, clothes and build.",
    ]


def test_without_a_place_the_first_reference_is_the_first_character() -> None:
    assert "Image 1 is Mei" in prompt_of(a_frame(), (reference("Mei"),))


def test_a_panel_tells_its_shot_its_scene_its_people_and_its_style() -> None:
    assert prompt_of(a_panel(), (reference("Mei"),)).splitlines() == [
        "One manga panel: a single picture without borders, speech balloons, captions or any text.",
        "Close-up (The harbour) at dusk in the rain. Mei waits for the boat.",
        "Mei: a girl with braids in a red coat",
        "Ren is there.",
        "Art style: ink wash",
        "Mood: calm",
        "Also: no cars",
        "Image 1 is Mei: keep face, hair, clothes and build.",
    ]


def test_a_scene_without_a_title_is_told_by_its_setting() -> None:
    scene = Scene(number=1, setting=Setting.FOREST)
    panel = a_panel().panel.model_copy(update={"scene": scene, "shot": Shot.WIDE})

    assert "Wide shot (forest) by day. Mei waits" in prompt_of(a_panel(panel=panel), ())


def test_a_panels_wish_comes_after_its_style() -> None:
    lines = prompt_of(a_panel(modification="make it night"), ()).splitlines()

    assert lines[-1] == "Above all: make it night"


def test_no_panel_asks_for_lettering() -> None:
    for shot in Shot:
        panel = a_panel().panel.model_copy(update={"shot": shot})
        assert "without borders, speech balloons, captions or any text" in prompt_of(
            a_panel(panel=panel), ()
        )
