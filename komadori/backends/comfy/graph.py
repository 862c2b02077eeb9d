"""A graph in ComfyUI's API format: `{id: {class_type, inputs, _meta: {title}}}`.

An input is a value, or a link `[id, slot]` to an output of another node. Nothing here knows what a
class does.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from komadori.errors import KomadoriError

Node: TypeAlias = dict[str, Any]
Graph: TypeAlias = dict[str, Node]

_SHOWN = 12
_HOW_TO_EXPORT = (
    "this is the editor's own format. Open it in ComfyUI, choose File → Export Workflow (API) "
    "(in older versions Workflow → Export (API)), and put that file here"
)


class WorkflowInvalid(KomadoriError):
    """A workflow's files can't be used; the message names file, node and field."""


def parse_graph(text: str) -> Graph:
    """Return the graph of an exported file.

    Raises:
        WorkflowInvalid: it is not one, or its links don't hold.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise WorkflowInvalid(f"it is no JSON: {' '.join(str(exc).split())}") from exc
    if not isinstance(data, dict) or not data:
        raise WorkflowInvalid(
            "it must hold nodes by their ids, as ComfyUI exports them for the API"
        )
    if _is_of_editor(data):
        raise WorkflowInvalid(_HOW_TO_EXPORT)
    if isinstance(inner := data.get("prompt"), dict) and "class_type" not in inner:
        raise WorkflowInvalid("it is a whole request; only what is under `prompt` belongs here")
    graph = {node_id: _node(node_id, node) for node_id, node in data.items()}
    _check_links(graph)
    _check_circles(graph)
    return graph


def is_link(value: object) -> bool:
    """Whether an input is linked to another node's output."""
    return isinstance(value, list)


def links(graph: Mapping[str, Node]) -> Iterator[tuple[str, str, str, int]]:
    """Yield each link: the id and input where it ends, the id and slot where it begins."""
    for node_id, node in graph.items():
        for field, value in node["inputs"].items():
            if is_link(value):
                yield node_id, field, value[0], value[1]


def title_of(node: Node) -> str:
    """Return the title, or the class of a node without one."""
    return str(node.get("_meta", {}).get("title") or node["class_type"])


def named(graph: Mapping[str, Node], node_id: str) -> str:
    """Return how messages call a node: its title and its id."""
    return f"node {node_id} ({title_of(graph[node_id])})"


def find_node(graph: Mapping[str, Node], name: str) -> str:
    """Return the id of the node with this id or title.

    Raises:
        WorkflowInvalid: there is none, or more than one has this title.
    """
    if name in graph:
        return name
    found = [key for key, node in graph.items() if _same(title_of(node), name)]
    if len(found) > 1:
        raise WorkflowInvalid(
            f"the nodes {', '.join(found)} are all titled {name!r}; name the one meant by its id"
        )
    if not found:
        raise WorkflowInvalid(f"there is no node {name!r}; there are {_all_nodes(graph)}")
    return found[0]


def without(graph: Graph, gone: Iterable[str], bypassed: Mapping[str, str]) -> Graph:
    """Return the graph without some nodes and without what worked only for them.

    Inputs linked to a node that is gone are dropped. `bypassed` nodes (id → input) are removed,
    and those that they fed get what was linked to that input.
    """
    gone = set(gone)
    kept = {key: {**node, "inputs": dict(node["inputs"])} for key, node in graph.items()}
    for node in kept.values():
        for field, value in list(node["inputs"].items()):
            if is_link(value):
                if (source := _source(graph, value, gone, bypassed)) is None:
                    del node["inputs"][field]
                else:
                    node["inputs"][field] = source
    for key in gone | set(bypassed):
        del kept[key]
    worked = _used(graph)
    while idle := [key for key in kept if key in worked and key not in _used(kept)]:
        for key in idle:  # it worked only for what is gone
            del kept[key]
    return kept


def _source(
    graph: Graph, link: list[Any], gone: set[str], bypassed: Mapping[str, str]
) -> list[Any] | None:
    """Follow a link past the bypassed nodes; None when it ends at one that is gone."""
    while link[0] in bypassed:
        before = graph[link[0]]["inputs"].get(bypassed[link[0]])
        if not is_link(before):
            return None
        link = before
    return None if link[0] in gone else list(link)


def _used(graph: Mapping[str, Node]) -> set[str]:
    """Return the nodes that another one takes something from."""
    return {source for _, _, source, _ in links(graph)}


def _is_of_editor(data: Mapping[str, Any]) -> bool:
    inner = data.get("workflow")
    return isinstance(data.get("nodes"), list) or (isinstance(inner, dict) and "nodes" in inner)


def _node(node_id: str, node: object) -> Node:
    if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
        raise WorkflowInvalid(f"node {node_id}: class_type is missing")
    inputs = node.get("inputs", {})
    if not isinstance(inputs, dict):
        raise WorkflowInvalid(f"node {node_id}: inputs must be an object")
    meta = node.get("_meta")
    for field, value in inputs.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise WorkflowInvalid(f"node {node_id}: inputs.{field}: {value} is no number of JSON")
    return {
        "class_type": node["class_type"],
        "inputs": inputs,
        "_meta": meta if isinstance(meta, dict) else {},
    }


def _check_links(graph: Graph) -> None:
    for node_id, node in graph.items():
        for field, value in node["inputs"].items():
            if not is_link(value):
                continue
            place = f"{named(graph, node_id)}: inputs.{field}"
            if not _is_well_formed(value):
                raise WorkflowInvalid(
                    f"{place}: a link must be [id of a node, number of an output]"
                )
            if value[0] not in graph:
                raise WorkflowInvalid(f"{place}: it is linked to node {value[0]}, which is missing")


def _is_well_formed(link: list[Any]) -> bool:
    return (
        len(link) == 2
        and isinstance(link[0], str)
        and isinstance(link[1], int)
        and not isinstance(link[1], bool)
        and link[1] >= 0
    )


def _check_circles(graph: Graph) -> None:
    waits: dict[str, set[str]] = {key: set() for key in graph}
    for user, _, source, _ in links(graph):
        waits[user].add(source)
    while free := [key for key, sources in waits.items() if not sources & waits.keys()]:
        for key in free:
            del waits[key]
    if waits:
        raise WorkflowInvalid(f"{named(graph, min(waits))}: its links lead back to itself")


def _same(title: str, name: str) -> bool:
    return title.strip().casefold() == name.strip().casefold()


def _all_nodes(graph: Mapping[str, Node]) -> str:
    shown = ", ".join(f"{key} ({title_of(node)})" for key, node in list(graph.items())[:_SHOWN])
    more = len(graph) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
