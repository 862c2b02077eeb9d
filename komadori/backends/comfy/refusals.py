"""Reads why a ComfyUI refuses a graph: which nodes, which fields, in its own words."""

from collections.abc import Mapping
from typing import Any

from komadori.backends.comfy.errors import NodeFault, clean
from komadori.backends.comfy.prompts import Graph, node_title
from komadori.backends.comfy.reading import field_of, items_of, pairs_of

_SHOWN = 160


def read_faults(data: Any, graph: Graph) -> tuple[NodeFault, ...]:
    """Read what an answer of POST /prompt complains of; empty when of nothing."""
    faults = [
        _node_fault(node_id, about, error, graph)
        for node_id, about in pairs_of(field_of(data, "node_errors"))
        for error in items_of(field_of(about, "errors"))
    ]
    error = field_of(data, "error")
    if not faults and error:
        faults = [_workflow_fault(error, graph)]
    return tuple(faults)


def _node_fault(node_id: str, about: Any, error: Any, graph: Graph) -> NodeFault:
    field = str(field_of(field_of(error, "extra_info"), "input_name") or "")
    message, details = str(field_of(error, "message") or ""), str(field_of(error, "details") or "")
    said = message if details in {"", field, message} else f"{message} ({details})"
    if str(field_of(error, "type")) in {"value_bigger_than_max", "value_smaller_than_min"}:
        said = message  # the details are the field's name and nothing more
    return NodeFault(
        node_id=node_id,
        class_type=clean(field_of(about, "class_type") or "", 80),
        title=clean(node_title(graph, node_id), 80),
        field=clean(field, 80),
        kind=str(field_of(error, "type") or ""),
        message=clean(said, _SHOWN),
    )


def _workflow_fault(error: Any, graph: Graph) -> NodeFault:
    """Read a complaint about the whole; before 0.11.1 it may be a bare text."""
    info = field_of(error, "extra_info")
    node_id = str(field_of(info, "node_id") or "")
    message = field_of(error, "message") if isinstance(error, Mapping) else error
    return NodeFault(
        node_id=node_id,
        class_type=clean(field_of(info, "class_type") or "", 80),
        title=clean(field_of(info, "node_title") or node_title(graph, node_id), 80),
        field="",
        kind=str(field_of(error, "type") or ""),
        message=clean(message or "it was refused without a reason", _SHOWN),
    )
