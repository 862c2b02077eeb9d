"""The frames of a ComfyUI's WebSocket, as values.

Text frames are JSON {"type", "data"}. Binary frames begin with a big-endian number: 1 is a preview
(a number for its format, then the picture), 3 a text of a node, 4 a preview with JSON in front that
names its prompt, sent only to who has asked for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from struct import unpack_from
from typing import Any

from komadori.backends.comfy.reading import number_of, text_of

FEATURE_FLAGS = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
"""The first thing to say on a socket, so that previews name their prompt."""

_FORMATS = {1: "image/jpeg", 2: "image/png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged:
    """Prompts came or went; `remaining` run or wait."""

    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptStarted:
    """A prompt begins."""

    prompt_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesCached:
    """These nodes will not run: nothing has changed for them."""

    prompt_id: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted:
    """A node begins; None: the prompt's last one is done.

    `prompt_id` is "" in the greeting of a socket, which tells where the running prompt is.
    """

    prompt_id: str
    node_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStepped:
    """A node did `value` of `maximum` steps."""

    prompt_id: str
    node_id: str
    value: float
    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node in `NodesMoved`; `state` is pending, running, finished or error."""

    node_id: str
    state: str
    value: float
    maximum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesMoved:
    """Where all nodes are that have begun (servers after 0.3.44)."""

    prompt_id: str
    nodes: tuple[NodeState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDone:
    """A node with an output is done."""

    prompt_id: str
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptEnded:
    """A prompt is over, one way or another. Its history entry may come a moment later."""

    prompt_id: str
    is_success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewShown:
    """A picture on its way. `prompt_id` is "" in the old form, which does not tell."""

    prompt_id: str
    node_id: str
    media_type: str
    data: bytes


Message = (
    QueueChanged
    | PromptStarted
    | NodesCached
    | NodeStarted
    | NodeStepped
    | NodesMoved
    | NodeDone
    | PromptEnded
    | PreviewShown
)


def read_text(frame: str) -> Message | None:
    """Read a text frame; None: one that tells us nothing, or that is damaged."""
    try:
        content = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not isinstance(content.get("data"), dict):
        return None
    reader = _READERS.get(str(content.get("type")))
    return reader(content["data"]) if reader else None


def read_binary(frame: bytes) -> PreviewShown | None:
    """Read a binary frame; None: no preview, or one that is damaged."""
    if len(frame) < 8:
        return None
    event, number = unpack_from(">II", frame)
    if event == 1:
        return PreviewShown(
            prompt_id="",
            node_id="",
            media_type=_FORMATS.get(number, "image/jpeg"),
            data=frame[8:],
        )
    if event == 4 and 8 + number <= len(frame):
        return _with_facts(frame[8 : 8 + number], frame[8 + number :])
    return None


def _with_facts(head: bytes, picture: bytes) -> PreviewShown | None:
    try:
        facts = json.loads(head)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    return PreviewShown(
        prompt_id=text_of(facts, "prompt_id"),
        node_id=text_of(facts, "real_node_id") or text_of(facts, "node_id"),
        media_type=text_of(facts, "image_type") or "image/jpeg",
        data=picture,
    )


def _queue_changed(data: Mapping[str, Any]) -> Message | None:
    status = data.get("status")
    info = status.get("exec_info") if isinstance(status, dict) else None
    remaining = info.get("queue_remaining") if isinstance(info, dict) else None
    return QueueChanged(remaining=remaining) if isinstance(remaining, int) else None


def _prompt_started(data: Mapping[str, Any]) -> Message:
    return PromptStarted(prompt_id=text_of(data, "prompt_id"))


def _nodes_cached(data: Mapping[str, Any]) -> Message:
    nodes = data.get("nodes")
    known = tuple(map(str, nodes)) if isinstance(nodes, list) else ()
    return NodesCached(prompt_id=text_of(data, "prompt_id"), nodes=known)


def _node_started(data: Mapping[str, Any]) -> Message:
    node = data.get("node")
    return NodeStarted(
        prompt_id=text_of(data, "prompt_id"), node_id=None if node is None else str(node)
    )


def _node_stepped(data: Mapping[str, Any]) -> Message:
    return NodeStepped(
        prompt_id=text_of(data, "prompt_id"),
        node_id=text_of(data, "node"),
        value=number_of(data.get("value")),
        maximum=number_of(data.get("max")),
    )


def _nodes_moved(data: Mapping[str, Any]) -> Message:
    nodes = data.get("nodes")
    states = nodes.items() if isinstance(nodes, dict) else ()
    return NodesMoved(
        prompt_id=text_of(data, "prompt_id"),
        nodes=tuple(
            NodeState(
                node_id=text_of(state, "real_node_id") or str(node_id),
                state=text_of(state, "state"),
                value=number_of(state.get("value")),
                maximum=number_of(state.get("max")),
            )
            for node_id, state in states
            if isinstance(state, dict)
        ),
    )


def _node_done(data: Mapping[str, Any]) -> Message:
    return NodeDone(prompt_id=text_of(data, "prompt_id"), node_id=text_of(data, "node"))


def _prompt_succeeded(data: Mapping[str, Any]) -> Message:
    return PromptEnded(prompt_id=text_of(data, "prompt_id"), is_success=True)


def _prompt_broke(data: Mapping[str, Any]) -> Message:
    return PromptEnded(prompt_id=text_of(data, "prompt_id"), is_success=False)


_READERS = {
    "status": _queue_changed,
    "execution_start": _prompt_started,
    "execution_cached": _nodes_cached,
    "executing": _node_started,
    "progress": _node_stepped,
    "progress_state": _nodes_moved,
    "executed": _node_done,
    "execution_success": _prompt_succeeded,
    "execution_error": _prompt_broke,
    "execution_interrupted": _prompt_broke,
}
