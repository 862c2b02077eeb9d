"""Choices: whom `auto` stands for, who takes over, and what is said when nobody can draw."""

import pytest

from komadori.backends.images.protocol import ImageBackend
from komadori.errors import BackendRefused
from komadori.pipeline.choices import Backends
from tests.fakes.painters import Painter, Sketcher


def chosen(backends: Backends, wanted: str = "auto") -> list[tuple[str, str]]:
    return [(choice.backend.facts.name, choice.why) for choice in backends.choices(wanted)]


def some(*more: ImageBackend, default: str = "auto") -> Backends:
    return Backends([Painter("openai"), Painter("gemini"), *more, Sketcher()], default)


def test_auto_means_the_comfyui_that_was_there_when_it_was_asked_for_and_no_other() -> None:
    backends = some(Painter("comfyui-ink", kind="comfy"))

    (choice,) = backends.choices("auto", "comfyui-ink")

    assert choice.backend.facts.name == "comfyui-ink"


def test_auto_takes_no_comfyui_that_came_later() -> None:
    names = [name for name, _ in chosen(some(Painter("comfyui-ink", kind="comfy")))]

    assert names == ["openai", "gemini"]


def test_auto_says_that_it_took_the_first_one_that_is_ready() -> None:
    assert chosen(some())[0] == ("openai", "the first one that is ready")


def test_auto_leaves_out_who_is_not_ready() -> None:
    away = Painter("openai", is_ready=False, reason="OPENAI_API_KEY is not set")
    backends = Backends([away, Painter("gemini"), Sketcher()])

    assert [name for name, _ in chosen(backends)] == ["gemini"]


def test_the_sketch_draws_where_no_other_is_ready() -> None:
    away = Painter("openai", is_ready=False, reason="OPENAI_API_KEY is not set")

    assert chosen(Backends([away, Sketcher()])) == [("sketch", "no other provider is ready")]


def test_without_anybody_there_is_no_choice() -> None:
    assert chosen(Backends([])) == []


def test_auto_is_the_provider_that_the_settings_name_and_no_other() -> None:
    assert chosen(some(default="gemini")) == [("gemini", "the settings name it")]


def test_the_settings_may_name_the_sketch() -> None:
    assert chosen(some(default="sketch")) == [("sketch", "the settings name it")]


def test_what_the_settings_name_is_marked() -> None:
    marked = {facts.name: facts.is_default for facts in some(default="gemini").facts}

    assert marked == {"openai": False, "gemini": True, "sketch": False}


def test_a_provider_that_was_asked_for_is_the_only_one() -> None:
    assert chosen(some(default="gemini"), "openai") == [("openai", "asked for")]


def test_those_that_it_names_take_over_in_their_order_while_it_is_down() -> None:
    seedream = Painter("seedream", label="Seedream", fallback=("sketch", "gemini"))

    assert chosen(some(seedream), "seedream") == [
        ("seedream", "asked for"),
        ("sketch", "Seedream is down"),
        ("gemini", "Seedream is down"),
    ]


def test_who_takes_over_for_the_default_takes_over_for_auto() -> None:
    seedream = Painter("seedream", fallback=("openai",))

    names = [name for name, _ in chosen(some(seedream, default="seedream"))]

    assert names == ["seedream", "openai"]


def test_who_would_take_over_but_is_not_ready_or_not_there_is_left_out() -> None:
    away = Painter("away", is_ready=False, reason="AWAY_KEY is not set")
    seedream = Painter("seedream", fallback=("away", "nobody", "openai"))

    names = [name for name, _ in chosen(some(away, seedream), "seedream")]

    assert names == ["seedream", "openai"]


@pytest.mark.parametrize("default", ["auto", "away"])
def test_who_is_not_ready_is_refused_with_the_reason(default: str) -> None:
    away = Painter("away", label="Far Away", is_ready=False, reason="AWAY_KEY is not set")
    wanted = "away" if default == "auto" else "auto"

    with pytest.raises(BackendRefused, match="Far Away cannot be used: AWAY_KEY is not set"):
        some(away, default=default).choices(wanted)


def test_an_unknown_one_is_refused_and_the_known_ones_are_told() -> None:
    with pytest.raises(BackendRefused, match=r"'dall-e'.*openai, gemini, sketch"):
        some().choices("dall-e")


def test_one_whose_file_is_broken_is_known_and_refused_with_the_reason() -> None:
    backends = Backends([Sketcher()], faults={"openai": "openai.yaml, line 3: no url"})

    assert [(facts.name, facts.is_ready) for facts in backends.facts] == [
        ("sketch", True),
        ("openai", False),
    ]
    with pytest.raises(BackendRefused, match=r"openai cannot be used: openai.yaml, line 3: no url"):
        backends.choices("openai")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Bad Name", "bad-name"),
        ("--x__", "x"),
        ("good--name_", "good--name_"),
        ("我的", "provider"),
        ("a" * 80, "a" * 40),
        ("Open.AI", "open-ai"),
        ("auto", "auto-2"),
        ("sketch", "sketch-2"),
    ],
)
def test_a_broken_file_of_any_name_is_known_by_one_that_can_be_asked_for(
    file: str, name: str
) -> None:
    backends = Backends([Sketcher()], faults={file: f"{file}.yaml: no url"})

    assert [facts.name for facts in backends.facts] == ["sketch", name]
    assert backends.facts[1].label == file[:60]
    with pytest.raises(BackendRefused, match="no url"):
        backends.choices(name)


def test_two_broken_files_never_share_a_name() -> None:
    backends = Backends([Sketcher()], faults={"我": "one", "你": "two", "b" * 50: "", "b" * 60: ""})

    names = [facts.name for facts in backends.facts]

    assert names == ["sketch", "provider", "provider-2", "b" * 40, "b" * 36 + "-2"]
