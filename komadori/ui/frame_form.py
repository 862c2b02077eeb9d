"""The form of a first frame: what it asks for, and beside which field each refusal is said."""

from collections.abc import Mapping
from typing import Any

from komadori.errors import RequestRejected
from komadori.ui.render import rejection_words
from komadori.ui.texts import Language, say

SCENE = "the scene"
"""How the queue names the picture of the place when it is gone."""
OPTION = "options."
"""Begins the names of the fields that a workflow has of its own."""
_PLACES = (
    ("prompt", "prompt"),
    ("size", "size"),
    ("width", "size"),
    ("height", "size"),
    ("provider", "provider"),
    ("candidates", "candidates"),
    ("seed", "seed"),
    ("cast", "cast"),
    ("character_unknown", "cast"),
    ("character_ids", "cast"),
    ("characters", "cast"),
    ("character name", "cast"),
    ("character description", "cast"),
    ("reference", "cast"),
    ("options", "provider"),
)


def request_of(facts: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return the request that the form's values make, and its idempotency key.

    Raises:
        RequestRejected: a character with a picture or looks has no name.
    """
    people = [person for person in _people(facts) if _is_somebody(person)]
    if any(not str(person.get("name", "")).strip() for person in people):
        raise RequestRejected("A character needs a name.", code="cast_needs_name")
    wanted = {
        "prompt": str(facts.get("prompt") or ""),
        "scene_reference": facts.get("scene") or None,
        "characters": [_character(person) for person in people],
        "character_ids": [str(p["name"]).strip() for p in people if p.get("in_shot") is not False],
        "width": facts.get("width"),
        "height": facts.get("height"),
        "provider": facts.get("provider") or "auto",
        "seed": facts.get("seed"),
        "candidates": facts.get("candidates"),
        "draft": facts.get("draft") or None,
        "options": options_of(facts),
    }
    key = facts.get("key")
    return wanted, str(key)[:64] if key else None


def options_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen in the form of a workflow's options."""
    options = facts.get("options")
    return dict(options) if isinstance(options, dict) else {}


def option_of(error: RequestRejected) -> str:
    """Name the option that a refusal concerns, as its field is named; "" when it is none."""
    field = str(error.facts.get("field", ""))
    return field if field.startswith(OPTION) else ""


def place_of(error: RequestRejected) -> str:
    """Name the field that a refusal concerns; "form" when it is none."""
    if option := option_of(error):
        return option
    if error.code == "reference_not_found" and error.facts.get("name") == SCENE:
        return "scene"
    concerns = f"{error.code} {error.facts.get('field', '')}"
    return next((place for word, place in _PLACES if word in concerns), "form")


def refusal_words(error: RequestRejected, language: Language) -> str:
    """Say a refusal as it stands beside its field."""
    if option_of(error):
        return say(language, "option_wrong", reason=error.facts.get("reason", ""))
    if error.code == "reference_not_found" and error.facts.get("name") == SCENE:
        return say(language, "frame_scene_gone")
    return rejection_words(error, language)


def _people(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    people = facts.get("characters")
    return [one for one in people if isinstance(one, dict)] if isinstance(people, list) else []


def _is_somebody(person: Mapping[str, Any]) -> bool:
    """Whether anything was filled in: an empty row is nobody."""
    return any(str(person.get(part) or "").strip() for part in ("name", "description", "reference"))


def _character(person: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(person.get("name") or "").strip(),
        "description": str(person.get("description") or ""),
        "reference": person.get("reference") or None,
    }
