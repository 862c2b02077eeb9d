"""The form of a first frame: what it asks for, and beside which field each refusal is said."""

from typing import Any

import pytest

from komadori.domain.backends import BackendFacts, Price
from komadori.domain.requests import parse_frame
from komadori.domain.view import BackendView
from komadori.errors import RequestRejected
from komadori.ui.frame_form import place_of, refusal_words, request_of
from komadori.ui.render_providers import provider_choices

NOW = 1_000.0


def make_facts(**changed: Any) -> dict[str, Any]:
    """Return what the page sends for a filled form."""
    given: dict[str, Any] = {
        "prompt": "Mei runs along the harbour",
        "scene": "",
        "characters": [],
        "width": 1280,
        "height": 720,
        "provider": "auto",
        "seed": None,
        "candidates": 1,
        "draft": "",
        "key": "k",
    }
    return given | changed


def make_person(name: str, **changed: Any) -> dict[str, Any]:
    """Return a character as the form holds it."""
    return {"name": name, "description": "", "reference": "", "in_shot": True} | changed


def make_backend(name: str, *, is_auto: bool = False, **facts: Any) -> BackendView:
    """Return a backend as the queue tells of it."""
    given: dict[str, Any] = {"name": name, "label": name.title(), "kind": "http", "is_paid": True}
    return BackendView(
        facts=BackendFacts(**(given | facts)),
        is_auto=is_auto,
        rests_until=None,
        rest_reason="",
        typical_s=None,
    )


def test_the_form_asks_for_what_the_queue_takes() -> None:
    facts = make_facts(
        characters=[
            make_person(" Mei ", description="red coat", reference="a" * 20),
            make_person("Old Tan", in_shot=False),
        ],
        scene="b" * 20,
        seed=7,
        candidates=4,
        draft="sketch",
    )

    wanted, key = request_of(facts)

    request = parse_frame(wanted)
    assert [one.name for one in request.characters] == ["Mei", "Old Tan"]
    assert [one.name for one in request.in_shot] == ["Mei"]
    assert (request.seed, request.candidates, request.draft) == (7, 4, "sketch")
    assert request.scene_reference == "b" * 20
    assert key == "k"


def test_an_empty_form_is_refused_and_not_broken() -> None:
    with pytest.raises(RequestRejected):
        parse_frame(request_of({})[0])


def test_a_row_that_nobody_filled_in_is_nobody() -> None:
    wanted, _ = request_of(make_facts(characters=[make_person(""), "junk", make_person("Mei")]))

    assert [person["name"] for person in wanted["characters"]] == ["Mei"]


def test_a_character_with_looks_and_no_name_is_asked_for_one() -> None:
    with pytest.raises(RequestRejected) as refused:
        request_of(make_facts(characters=[make_person("", description="tall")]))

    assert place_of(refused.value) == "cast"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 2_001}, "prompt"),
        ({"prompt": "a\0b"}, "prompt"),
        ({"characters": [make_person("A"), make_person("A")]}, "cast"),
        ({"characters": [make_person("a\0b")]}, "cast"),
        ({"characters": [make_person("A" * 61)]}, "cast"),
        ({"width": 63}, "size"),
        ({"height": None}, "size"),
        ({"provider": "No such"}, "provider"),
        ({"seed": -1}, "seed"),
        ({"candidates": 9}, "candidates"),
    ],
)
def test_a_refusal_is_said_next_to_what_it_concerns(changed: dict[str, Any], place: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        parse_frame(request_of(make_facts(**changed))[0])

    assert place_of(refused.value) == place


@pytest.mark.parametrize(
    ("code", "name", "place"),
    [
        ("provider_not_ready", "OpenAI", "provider"),
        ("reference_not_found", "the scene", "scene"),
        ("reference_not_found", "Mei", "cast"),
        ("session_missing", "", "form"),
    ],
)
def test_refusals_of_the_queue_have_their_places_too(code: str, name: str, place: str) -> None:
    assert place_of(RequestRejected("No.", code=code, name=name)) == place


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([], "no characters were given"),
        ([make_person("Mei"), make_person("Lin")], "known are Lin, Mei"),
    ],
)
def test_who_is_unknown_is_named_with_those_who_are_known(
    people: list[dict[str, Any]], said: str
) -> None:
    wanted, _ = request_of(make_facts(characters=people))

    with pytest.raises(RequestRejected, match=f"no character 'Old Tan'; {said}"):
        parse_frame(wanted | {"character_ids": ["Old Tan"]})


def test_a_long_name_that_nobody_has_is_not_repeated() -> None:
    with pytest.raises(RequestRejected) as refused:
        parse_frame(request_of(make_facts())[0] | {"character_ids": ["x" * 100_000]})

    assert len(str(refused.value)) < 200


def test_the_place_is_named_in_the_readers_language() -> None:
    gone = RequestRejected("No.", code="reference_not_found", name="the scene")

    assert refusal_words(gone, "zh") == "场景图已经不在了，请重新选择。"


def test_automatic_comes_first_and_says_what_it_would_take_and_why() -> None:
    price = Price(amount=0.04)
    backends = [
        make_backend("gemini", is_ready=False, reason="GEMINI_API_KEY is not set"),
        make_backend("openai", is_auto=True, model="gpt-image-2", price=price),
    ]

    auto, gemini, openai = provider_choices(backends, NOW, "en")

    assert auto["name"] == "auto"
    assert auto["label"] == "Automatic: Openai"
    assert auto["note"] == "First one ready · gpt-image-2 · 12 references"
    assert auto["price"] == openai["price"] == {"amount": 0.04, "before": "$", "after": ""}
    assert gemini["label"] == "Gemini (GEMINI_API_KEY is not set)"
    assert not gemini["is_ready"]
    assert not any(choice["is_built_in"] for choice in (auto, gemini, openai))


def test_the_sketch_is_taken_only_because_there_is_no_other_and_costs_nothing() -> None:
    sketch = make_backend("sketch", is_auto=True, kind="sketch", is_paid=False)

    auto = provider_choices([sketch], NOW, "en")[0]

    assert auto["note"] == "No other one is ready · built in, needs no network"
    assert not auto["is_paid"]
    assert auto["is_built_in"]


def test_before_the_first_worker_has_told_of_them_nothing_is_known() -> None:
    (auto,) = provider_choices([], NOW, "en")

    assert auto["is_ready"]
    assert "can draw" in auto["note"]


def test_a_provider_that_rests_says_for_how_long() -> None:
    resting = BackendView(
        facts=make_backend("openai").facts,
        is_auto=False,
        rests_until=NOW + 30,
        rest_reason="openai failed 5 times in a row",
        typical_s=12.0,
    )

    _, choice = provider_choices([resting], NOW, "en")

    assert choice["note"].startswith("Is left alone for 30 s: openai failed 5 times in a row")
    assert choice["note"].endswith("usually 12 s")
