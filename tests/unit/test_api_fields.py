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
