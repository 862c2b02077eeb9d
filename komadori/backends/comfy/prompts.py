"""What is sent to a ComfyUI: graphs in API format, and the ids that we choose for them."""

import uuid
from collections.abc import Mapping
from typing import Any, NewType

from komadori.backends.comfy.errors import NodeFault

PromptId = NewType("PromptId", str)
ClientId = NewType("ClientId", str)

Graph = Mapping[str, Any]
"""A workflow in API format: node id → {"class_type", "inputs", "_meta"}."""


def new_prompt_id() -> PromptId:
    """Return an id for one attempt, in the only form that servers after 0.24 take."""
    return PromptId(str(uuid.uuid4()))


def new_client_id() -> ClientId:
    """Return an id for the sockets of one attempt.

    A server that notices late that an old socket is closed mutes the new one of the same id, so an
    id is never used for two attempts.
    """
    return ClientId(uuid.uuid4().hex)


def client_id_of(prompt_id: PromptId) -> ClientId:
    """Return the client id that goes with a prompt's id, for its sender and for whoever adopts it.

    A server tells what a prompt does only to the client id that it was sent with.
    """
    return ClientId(prompt_id.replace("-", ""))


def is_prompt_id(text: str) -> bool:
    """Whether this is a canonical, lower-case, hyphenated UUID."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def node_title(graph: Graph, node_id: str) -> str:
    """Return what a person calls a node: its title, else its class."""
    node = graph.get(node_id)
    if not isinstance(node, Mapping):
        return ""
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return str(title or node.get("class_type") or "")


def malformed(graph: Any) -> NodeFault | None:
    """Return what is wrong with the shape of a graph; ComfyUI would answer it with a bare 500."""
    if not isinstance(graph, Mapping) or not graph:
        return graph_fault("it is not a graph in API format: nodes by their ids.")
    if isinstance(graph.get("nodes"), list):
        return graph_fault(
            "it was saved for the editor; export it with Workflow → Export (API) and use that file"
        )
    for node_id, node in graph.items():
        if not isinstance(node_id, str):
            return graph_fault(f"the id {node_id!r} must be a text")
        if not isinstance(node, Mapping) or not isinstance(node.get("inputs"), Mapping):
            return graph_fault("it must have class_type and inputs", node_id)
        if not isinstance(node.get("class_type"), str):
            return graph_fault("it has no class_type", node_id)
    return None


def graph_fault(message: str, node_id: str = "") -> NodeFault:
    """Return what is wrong with a graph as such, or with the shape of a node."""
    return NodeFault(
        node_id=node_id,
        class_type="",
        title="",
        field="",
        kind="malformed_graph",
        message=message,
    )
