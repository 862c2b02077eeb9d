"""The bindings of an exported graph without a file beside it, where they are unmistakable.

A node titled "Prompt" gets the prompt. Without such titles the links tell: the text that a
sampler's `positive` comes from is the prompt. What could be meant in two ways is refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from komadori.backends.comfy.graph import Graph, Node, WorkflowInvalid, is_link, named, title_of

_TITLES = {
    "prompt": ("prompt", "positive", "positive prompt"),
    "negative": ("negative", "negative prompt"),
    "seed": ("seed",),
    "first_frame": ("first frame",),
    "output": ("output", "result"),
}
_TEXTS = ("text", "prompt", "value", "string")
_SEEDS = ("seed", "noise_seed", "value")
_REFERENCE = re.compile(r"reference(?: image| picture)?[ _-]*(\d+)?", re.IGNORECASE)
_VIDEO = re.compile(r"video|animated|webm|gif", re.IGNORECASE)
_MAX_STEPS = 100
"""Links followed from a sampler to its text; no graph has so many."""


def guess(name: str, graph: Graph) -> dict[str, Any]:
    """Return what a file beside the graph would say.

    Raises:
        WorkflowInvalid: with all that such a file has to say, since it can't be guessed.
    """
    missing: list[str] = []
    savers = [
        key for key, node in graph.items() if isinstance(_value(node, "filename_prefix"), str)
    ]
    output = _titled(graph, "output") or savers
    if len(output) != 1:
        missing.append(f"output ({_which(graph, output, 'that save something')})")
    is_clip = any(_VIDEO.search(graph[key]["class_type"]) for key in output)
    prompts = _text_places(graph, "prompt", "positive")
    if len(prompts) != 1:
        missing.append(f"prompt ({_which(graph, [key for key, _ in prompts], 'that hold it')})")
    negatives = _text_places(graph, "negative", "negative")
    pictures = _pictures(graph, missing, is_clip=is_clip)
    if missing:
        raise WorkflowInvalid(
            f"without {name}.yaml beside it, it is not clear what to bind: {'; '.join(missing)}. "
            "Title the nodes in ComfyUI (Prompt, Negative, Seed, Reference 1, First frame, "
            f"Output) or write {name}.yaml"
        )
    bindings: dict[str, Any] = {"prompt": _places(prompts), "output": output[0]}
    if len(negatives) == 1 and negatives != prompts:
        bindings["negative"] = _places(negatives)
    bindings["seed"] = _places(_seed_places(graph))
    bindings |= _size_places(graph)
    bindings |= pictures
    if is_clip:
        bindings |= _clip_places(graph)
    return {
        "label": name,
        "kind": "clip" if is_clip else "image",
        "auto": False,
        "min_references": len(pictures.get("references", ())),
        "bindings": bindings,
    }


def _titled(graph: Graph, key: str) -> list[str]:
    return [
        node_id
        for node_id, node in graph.items()
        if title_of(node).strip().casefold() in _TITLES[key]
    ]


def _value(node: Node, *fields: str) -> Any:
    """Return the first of the inputs that is no link."""
    return next((node["inputs"][one] for one in fields if _is_plain(node, one)), None)


def _is_plain(node: Node, field: str) -> bool:
    return field in node["inputs"] and not is_link(node["inputs"][field])


def _field(node: Node, fields: tuple[str, ...], kind: type) -> str | None:
    """Return the first of these inputs that holds a value of this kind."""
    for field in fields:
        value = node["inputs"].get(field)
        if isinstance(value, kind) and not isinstance(value, bool):
            return field
    return None


def _text_places(graph: Graph, key: str, side: str) -> list[tuple[str, str]]:
    """Return where a text belongs: by title, else by the samplers' links on this side."""
    titled = [(one, _field(graph[one], _TEXTS, str)) for one in _titled(graph, key)]
    places = [(one, field) for one, field in titled if field is not None]
    if places:
        return places
    found: dict[tuple[str, str], None] = {}
    for node in graph.values():
        for field in _conditions(node, side):
            if place := _text_behind(graph, node["inputs"][field]):
                found.setdefault(place)
    return list(found)


def _conditions(node: Node, side: str) -> Iterator[str]:
    """Yield the inputs of a sampler or guider that lead to the text of this side."""
    is_sampler = "latent_image" in node["inputs"] or node["class_type"].endswith("Guider")
    if not is_sampler:
        return
    wanted = (side, "conditioning") if side == "positive" else (side,)
    for field in wanted:
        if is_link(node["inputs"].get(field)):
            yield field


def _text_behind(graph: Graph, link: list[Any]) -> tuple[str, str] | None:
    """Follow a link back to the input that holds the text."""
    for _ in range(_MAX_STEPS):
        node = graph[link[0]]
        if field := _field(node, _TEXTS, str):
            return link[0], field
        before = _before(node, link[1])
        if before is None:
            return None
        link = before
    return None


def _before(node: Node, slot: int) -> list[Any] | None:
    """Return the link that a conditioning or a text came through a node by."""
    if node["class_type"] == "ConditioningZeroOut":
        return None  # nothing of the text is left
    inputs = node["inputs"]
    both = ("positive", "negative")
    if all(field in inputs for field in both):
        fields: tuple[str, ...] = both[slot : slot + 1]
    else:
        fields = ("conditioning", "positive", *_TEXTS)
    return next((inputs[field] for field in fields if is_link(inputs.get(field))), None)


def _seed_places(graph: Graph) -> list[tuple[str, str]]:
    titled = [(one, _field(graph[one], _SEEDS, int)) for one in _titled(graph, "seed")]
    places = [(one, field) for one, field in titled if field is not None]
    if places:
        return places
    return [
        (node_id, field)
        for node_id, node in graph.items()
        if (field := _field(node, ("seed", "noise_seed"), int)) is not None
    ]


def _size_places(graph: Graph) -> dict[str, Any]:
    """Return the size of the one empty latent that is sampled; nothing if there are more."""
    sized = [
        node_id
        for node_id, node in graph.items()
        if "Latent" in node["class_type"]
        and _field(node, ("width",), int)
        and _field(node, ("height",), int)
    ]
    if len(sized) != 1:
        return {}
    return {side: [{"node": sized[0], "input": side}] for side in ("width", "height")}


def _pictures(graph: Graph, missing: list[str], *, is_clip: bool) -> dict[str, Any]:
    """Return the nodes that load pictures, in order; note in `missing` if that is not clear."""
    loaders = [key for key, node in graph.items() if node["class_type"] == "LoadImage"]
    numbers = {key: _number(title_of(graph[key])) for key in loaders}
    references = sorted(
        (key for key in loaders if numbers[key] is not None), key=lambda key: numbers[key] or 0
    )
    first = [key for key in loaders if key in _titled(graph, "first_frame")]
    rest = [key for key in loaders if key not in references and key not in first]
    if is_clip and not first and len(rest) == 1:
        first, rest = rest, []
    if not is_clip and not references and len(rest) == 1:
        references, rest = rest, []
    if is_clip and len(first) != 1:
        missing.append(f"first_frame ({_which(graph, first or loaders, 'that load a picture')})")
    elif rest:
        missing.append(f"references ({_which(graph, rest, 'that load a picture')})")
    found: dict[str, Any] = {"references": [{"node": key} for key in references]}
    if is_clip and first:
        found["first_frame"] = {"node": first[0]}
    return found


def _number(title: str) -> int | None:
    match = _REFERENCE.fullmatch(title.strip())
    return int(match[1] or 1) if match else None


def _clip_places(graph: Graph) -> dict[str, Any]:
    wanted: Mapping[str, Callable[[Node], str | None]] = {
        "frames": lambda node: (
            _field(node, ("length",), int) if "Video" in node["class_type"] else None
        ),
        "fps": lambda node: (
            _field(node, ("fps", "frame_rate"), float) or _field(node, ("fps",), int)
        ),
    }
    found: dict[str, Any] = {}
    for key, field_of in wanted.items():
        places = [(one, field) for one, node in graph.items() if (field := field_of(node))]
        if len(places) == 1:
            found[key] = _places(places)
    return found


def _places(places: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"node": node_id, "input": field} for node_id, field in places]


def _which(graph: Graph, nodes: list[str], what: str) -> str:
    if not nodes:
        return f"there are no nodes {what}"
    return f"there are {len(nodes)} nodes {what}: {', '.join(named(graph, key) for key in nodes)}"
