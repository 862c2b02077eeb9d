"""Frames of recorded WebSockets become values; damaged and foreign ones become nothing."""

import json
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from komadori.backends.comfy.messages import (
    FEATURE_FLAGS,
    NodeDone,
    NodesCached,
    NodesMoved,
    NodeStarted,
    NodeStepped,
    PreviewShown,
    PromptEnded,
    PromptStarted,
    QueueChanged,
    read_binary,
    read_text,
)
from komadori.backends.comfy.progress import GraphProgress

RECORDINGS = Path(__file__).parent.parent / "data" / "comfy"
JPEG = b"\xff\xd8\xff\xe0rest"


def recorded(name: str) -> list[dict[str, Any]]:
    return json.loads((RECORDINGS / f"socket_{name}.json").read_text(encoding="utf-8"))


def read(message: dict[str, Any]) -> Any:
    return read_text(json.dumps({"type": message["type"], "data": message["data"]}))


def texts(name: str) -> list[Any]:
    return [read(message) for message in recorded(name) if not message.get("binary")]


def test_every_text_of_a_recorded_success_is_read_in_its_order() -> None:
    heard = texts("success")

    kinds = [type(message) for message in heard]
    assert None not in heard
    assert kinds[:5] == [QueueChanged, QueueChanged, QueueChanged, PromptStarted, NodesCached]
    assert kinds[-5:] == [NodeDone, NodesMoved, PromptEnded, QueueChanged, NodeStarted]
    assert heard[-3].is_success
    assert heard[-1].node_id is None
    assert len({message.prompt_id for message in heard if hasattr(message, "prompt_id")}) == 1


@pytest.mark.parametrize("name", ["exception", "interrupted"])
def test_a_recorded_failure_is_an_end_without_success(name: str) -> None:
    ends = [message for message in texts(name) if isinstance(message, PromptEnded)]

    assert [message.is_success for message in ends] == [False]


def test_steps_of_a_sampler_are_read() -> None:
    steps = [message for message in texts("previews") if isinstance(message, NodeStepped)]

    assert [(step.value, step.maximum) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {step.node_id for step in steps} == {"2"}


def test_a_preview_with_facts_names_its_prompt() -> None:
    facts = next(m["metadata"] for m in recorded("previews") if m.get("binary"))
    head = json.dumps(facts).encode()

    preview = read_binary(pack(">II", 4, len(head)) + head + JPEG)

    assert preview == PreviewShown(
        prompt_id=facts["prompt_id"], node_id="2", media_type="image/jpeg", data=JPEG
    )


@pytest.mark.parametrize(("number", "media_type"), [(1, "image/jpeg"), (2, "image/png")])
def test_a_preview_of_the_old_form_names_no_prompt(number: int, media_type: str) -> None:
    preview = read_binary(pack(">II", 1, number) + JPEG)

    assert preview == PreviewShown(prompt_id="", node_id="", media_type=media_type, data=JPEG)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00\x00\x00\x01",
        pack(">II", 4, 10_000) + b"{}",
        pack(">II", 4, 2) + b"[]" + JPEG,
        pack(">II", 4, 4) + b"nope" + JPEG,
        pack(">II", 3, 1) + b"7hello",
        pack(">II", 99, 0) + JPEG,
    ],
)
def test_a_damaged_or_foreign_binary_frame_is_passed_over(frame: bytes) -> None:
    assert read_binary(frame) is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"type": "progress"}',
        '{"type": "progress", "data": []}',
        '{"type": "crystools.monitor", "data": {"cpu": 3}}',
        '{"type": "status", "data": {"status": null}}',
        '{"type": ["progress"], "data": {}}',
    ],
)
def test_a_damaged_or_foreign_text_frame_is_passed_over(frame: str) -> None:
    assert read_text(frame) is None


def test_fields_of_the_wrong_kind_become_empty_values() -> None:
    assert read_text('{"type": "progress", "data": {"value": "x", "max": null}}') == NodeStepped(
        prompt_id="", node_id="", value=0, maximum=0
    )
    assert read_text('{"type": "progress_state", "data": {"nodes": {"1": 3}}}') == NodesMoved(
        prompt_id="", nodes=()
    )


def test_the_greeting_of_a_running_prompt_names_no_prompt() -> None:
    assert read_text('{"type": "executing", "data": {"node": "2"}}') == NodeStarted(
        prompt_id="", node_id="2"
    )


def test_the_feature_flags_ask_for_previews_with_facts() -> None:
    flags = json.loads(FEATURE_FLAGS)

    assert flags == {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


GRAPH = {
    key: {"class_type": kind, "inputs": {}, "_meta": {"title": title}}
    for key, kind, title in [
        ("1", "EmptyImage", ""),
        ("2", "ChaosSleep", "Think"),
        ("3", "ChaosFail", ""),
        ("9", "SaveImage", "Keep"),
    ]
}


def test_progress_counts_nodes_and_the_steps_of_the_one_that_runs() -> None:
    progress = GraphProgress(GRAPH)

    told = [now for message in texts("previews") if (now := progress.after(message))]

    assert [now.fraction for now in told] == sorted(now.fraction for now in told)
    assert told[0].nodes_done == 1  # one was cached
    steps = [now for now in told if now.steps]
    assert (steps[0].title, steps[0].step, steps[0].steps) == ("Think", 1, 4)
    assert steps[0].fraction == pytest.approx((1 + 1 / 4) / 4)
    assert told[-1].fraction == 1
    assert told[-1].nodes == 4


def test_progress_needs_no_node_states() -> None:
    progress = GraphProgress(GRAPH)
    old = [m for m in texts("previews") if not isinstance(m, NodesMoved)]

    told = [now for message in old if (now := progress.after(message))]

    assert told[-1].fraction == 1


def test_nodes_that_a_node_makes_do_not_count() -> None:
    progress = GraphProgress(GRAPH)

    now = progress.after(NodeDone(prompt_id="p", node_id="2.0.5"))

    assert now is not None
    assert now.fraction == 0


def test_a_maximum_of_nothing_divides_nothing() -> None:
    progress = GraphProgress(GRAPH)

    now = progress.after(NodeStepped(prompt_id="p", node_id="2", value=1, maximum=0))

    assert now is not None
    assert now.fraction == 0
