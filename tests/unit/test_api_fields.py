"""What an API caller sent, field by field."""

from collections.abc import Callable
from typing import Any

import pytest

from komadori.domain.states import JobState
from komadori.errors import NotFound, RequestRejected
from komadori.ui import fields

pytestmark = pytest.mark.unit


def number(value: object) -> int:
    return fields.whole_number(value, "panels", least=1, most=60)


def state(value: object) -> JobState | None:
    return fields.choice(value, "state", JobState)


def style(value: object) -> dict[str, Any]:
    return fields.mapping(value, "style", known=("mood", "line_style"))


def cast(value: object) -> list[dict[str, Any]]:
    return fields.objects(value, "characters", known=("name",))


def key(value: object) -> str:
    return fields.secret(value, "session_key")


def draft(value: object) -> str | None:
    return fields.one_of(value, "draft", ("sketch", "provider"))


def in_shot(value: object) -> list[str] | None:
    return fields.names(value, "character_ids")


def place(value: object) -> Any:
    return fields.picture(value, "scene_reference")


def resend(value: object) -> bool:
    return fields.flag(value, "resend_unknown")


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (number, 1, 1),
        (number, 60, 60),
        (state, "QUEUED", JobState.QUEUED),
        (state, None, None),
        (state, "", None),
        (style, {"mood": "calm"}, {"mood": "calm"}),
        (style, None, {}),
        (fields.panel_number, 1, 1),
        (fields.draft_number, None, None),
        (fields.draft_number, 2, 2),
        (fields.candidate_number, 8, 8),
        (fields.seed, None, None),
        (fields.seed, 0, 0),
        (fields.size, "1280x720", (1280, 720)),
        (fields.size, "64×2048", (64, 2048)),
        (fields.provider, "auto", "auto"),
        (draft, None, None),
        (draft, "", None),
        (draft, "sketch", "sketch"),
        (in_shot, None, None),
        (in_shot, [], []),
        (in_shot, [" Mei "], ["Mei"]),
        (place, None, None),
        (place, {"path": "a.png"}, {"path": "a.png"}),
        (resend, True, True),
        (resend, False, False),
        (resend, None, False),
        (cast, [{"name": "Mei"}], [{"name": "Mei"}]),
        (cast, None, []),
        (key, "k" * 16, "k" * 16),
        (fields.job_id, "0a" * 10, "0a" * 10),
        (fields.idempotency_key, "once", "once"),
        (fields.idempotency_key, None, None),
    ],
)
def test_what_is_right_passes(check: Callable[[object], Any], value: object, expected: Any) -> None:
    assert check(value) == expected


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (number, 0, "panels: 0 is out of range; 1 to 60"),
        (number, 61, "panels: 61"),
        (number, "3", "panels: '3' was given; needed is a whole number from 1 to 60"),
        (number, True, "panels: true"),
        (number, 2.5, r"panels: 2\.5"),
        (number, None, "panels: null"),
        (number, [3], "panels: a list"),
        (state, "NOPE", "state: 'NOPE' is unknown; known are QUEUED, RUNNING"),
        (state, 5, "state: 5 was given; needed is one of QUEUED"),
        (style, [1], "style: a list was given; needed is an object with mood, line_style"),
        (style, {5: "calm"}, "style: an object"),
        (cast, "Mei", "characters: 'Mei' was given; needed is a list of objects with name"),
        (cast, [5], r"characters\.0: 5"),
        (key, None, "session_key: null"),
        (key, "k" * 20 + "\0", r"session_key: character 21 is the control character U\+0000"),
        (key, "\ud800" * 20, r"U\+D800"),
        (fields.panel_number, 0, "panel: there is no panel 0; they are numbered from 1"),
        (fields.panel_number, 10**30, "panel: there is no panel 1000"),
        (fields.panel_number, True, "panel: true.*numbered from 1"),
        (fields.draft_number, 0, "draft: there is no draft 0; they are numbered from 1"),
        (fields.draft_number, "1", "draft: '1'.*numbered from 1"),
        (fields.candidate_number, None, "number: null"),
        (fields.candidate_number, 10**9, "number: there is no picture 1000000000"),
        (fields.seed, 2**31, "seed: 2147483648 is out of range"),
        (fields.seed, "lucky", "seed: 'lucky'"),
        (fields.size, "1280", "size: '1280' was given; needed is width x height"),
        (fields.size, "63x720", "size: 63x720 is out of range.*64 to 2048 pixels"),
        (fields.size, "٣٣٣x٣٣٣", "size"),
        (fields.size, None, "size: null"),
        (fields.provider, "Open AI", "provider: 'Open AI'.*'auto'"),
        (fields.provider, None, "provider: null"),
        (draft, "rough", "draft: 'rough' was given; needed is null or one of sketch, provider"),
        (draft, 1, "draft: 1"),
        (in_shot, "Mei", "character_ids: 'Mei' was given; needed is a list of names"),
        (in_shot, [5], r"character_ids\.0: 5"),
        (place, "a.png", "scene_reference: a picture is needed, uploaded with handle_file"),
        (resend, "yes", "resend_unknown: 'yes' was given; needed is true or false"),
        (resend, 1, "resend_unknown: 1"),
        (fields.job_id, None, "job_id: null"),
        (fields.job_id, "", "job_id: ''"),
        (fields.idempotency_key, 5, "idempotency_key: 5"),
        (fields.idempotency_key, "k" * 201, "idempotency_key: it has 201 characters"),
        (fields.idempotency_key, "a\n", r"U\+000A"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(
    check: Callable[[object], Any], value: object, message: str
) -> None:
    with pytest.raises(RequestRejected, match=message):
        check(value)


@pytest.mark.parametrize("value", ["nope!", "../jobs", "\0", "x" * 1_000, "a b"])
def test_what_cannot_be_an_id_does_not_exist(value: str) -> None:
    with pytest.raises(NotFound):
        fields.job_id(value)


def test_long_values_are_not_repeated() -> None:
    with pytest.raises(RequestRejected) as refusal:
        state("x" * 100_000)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("check", [number, fields.seed, fields.panel_number])
def test_long_numbers_are_cut(check: Callable[[object], Any]) -> None:
    with pytest.raises(RequestRejected) as refusal:
        check(10**400)

    assert len(str(refusal.value)) < 200
