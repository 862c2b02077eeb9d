"""What may be asked for, and the sentence that refuses the rest."""

from typing import Any

import pytest

from komadori.domain.requests import CAST_MAX, parse_storyboard, wish
from komadori.errors import RequestRejected

STORY = "A red bird sat on the gate. The boy looked up. The bird sang, and the rain stopped."


def asked(**change: Any) -> dict[str, Any]:
    return {"story": STORY, "panels": 3} | change


def test_a_story_and_a_number_are_enough() -> None:
    request = parse_storyboard(asked())

    assert request.story == STORY
    assert request.panels == 3
    assert request.style.model_dump() == dict.fromkeys(request.style.model_dump(), "")
    assert request.characters == ()


@pytest.mark.parametrize("length", [50, 20_000])
def test_the_shortest_and_the_longest_story_are_taken(length: int) -> None:
    assert len(parse_storyboard(asked(story="字" * length)).story) == length


@pytest.mark.parametrize("panels", [1, 60])
def test_the_fewest_and_the_most_panels_are_taken(panels: int) -> None:
    assert parse_storyboard(asked(panels=panels)).panels == panels


def test_line_breaks_of_all_systems_become_one_kind() -> None:
    story = "\ufeff  " + STORY.replace(". ", ".\r\n", 1).replace(". ", ".\r", 1) + "\n\n"

    request = parse_storyboard(asked(story=story))

    assert request.story == STORY.replace(". ", ".\n", 2)


CONTROL = "The story stops here: \x07. It has more than enough characters to be long."
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "empty story": (asked(story=""), "story_length", "has 0 characters; it needs 50 to 20,000"),
    "blank story": (asked(story=" \n" * 100), "story_length", "has 0 characters"),
    "short story": (asked(story="字" * 49), "story_length", "has 49 characters"),
    "long story": (asked(story="字" * 200_000), "story_length", "has 200,000 characters"),
    "no words": (asked(story="…!?" * 40), "story_has_no_words", "no words"),
    "bell": (asked(story=CONTROL), "control_character", r"story: character 23 is .* U\+0007"),
    "zero byte": (asked(story=STORY + "\0"), "control_character", r"U\+0000"),
    "zero panels": (asked(panels=0), "panels_range", "0 panels were asked for; 1 to 60"),
    "many panels": (asked(panels=1000), "panels_range", "1000 panels"),
    "panels as words": (asked(panels="three"), "field_invalid", "panels: .*integer"),
    "half a panel": (asked(panels=2.5), "field_invalid", "panels: "),
    "no panels": ({"story": STORY}, "field_invalid", "panels: Field required"),
    "no story": ({"panels": 1}, "field_invalid", "story: Field required"),
    "unknown field": (asked(colour="red"), "field_invalid", "colour: there is no such field"),
    "unknown style": (
        asked(style={"colour": "red"}),
        "field_invalid",
        "style.colour: there is no such field; known are art_style, mood",
    ),
    "long style": (asked(style={"mood": "x" * 201}), "field_invalid", "style.mood: .*at most 200"),
    "style with a control": (asked(style={"mood": "a\x1bb"}), "control_character", r"U\+001B"),
    "style is a list": (asked(style=["ink"]), "field_invalid", "style: "),
    "nameless": (asked(characters=[{"name": " "}]), "field_invalid", "characters.0.name: "),
    "name with a control": (asked(characters=[{"name": "A\x00"}]), "control_character", "U"),
    "long description": (
        asked(characters=[{"name": "Mei", "description": "x" * 501}]),
        "field_invalid",
        "characters.0.description: .*at most 500",
    ),
    "two of one name": (
        asked(characters=[{"name": "Mei"}, {"name": " Mei "}]),
        "cast_names",
        "Two characters are called 'Mei'",
    ),
    "a crowd": (
        asked(characters=[{"name": f"N{n}"} for n in range(CAST_MAX + 1)]),
        "cast_size",
        "13 characters were given; at most 12",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_what_is_wrong_and_what_is_allowed(case: str) -> None:
    data, code, sentence = REFUSED[case]

    with pytest.raises(RequestRejected, match=sentence) as refusal:
        parse_storyboard(data)

    assert refusal.value.code == code


def test_a_wish_is_stripped() -> None:
    assert wish("  closer\n") == "closer"


@pytest.mark.parametrize(
    ("text", "code"), [("x" * 1001, "wish_length"), ("clo\x07ser", "control_character")]
)
def test_a_wish_has_limits(text: str, code: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        wish(text)

    assert refusal.value.code == code
