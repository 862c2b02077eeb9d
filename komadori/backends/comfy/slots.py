"""Finds the places of a workflow's file in its graph: titles become ids, and inputs are there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from komadori.backends.comfy.bindings import (
    PicturePlace,
    Place,
    ReferencePlace,
    SeedPlace,
    Spec,
)
from komadori.backends.comfy.graph import (
    Graph,
    WorkflowInvalid,
    find_node,
    is_link,
    links,
    named,
    title_of,
)

PREFIX = "filename_prefix"
_NEVER_OPTIONS = frozenset({PREFIX, "image", "images", "video", "audio", "mask", "upload", "file"})
"""Inputs that name files. What people choose must not become a file's name."""
_PATHS = re.compile(r"(^|_)(path|dir|directory|folder|file|filename|url|uri|prefix)(_|$)", re.I)


class Slot(NamedTuple):
    """One input of one node, by the node's id."""

    node: str
    field: str


@dataclass(frozen=True, slots=True)
class SeedSlot:
    """Where the seed goes; `within` as in SeedPlace."""

    slot: Slot
    within: int | None


@dataclass(frozen=True, slots=True)
class ReferenceSlot:
    """Where a picture's name goes; what is removed when there is none."""

    slot: Slot
    remove: tuple[str, ...]
    bypass: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """All places, found."""

    prompt: tuple[Slot, ...]
    negative: tuple[Slot, ...]
    seed: tuple[SeedSlot, ...]
    width: tuple[Slot, ...]
    height: tuple[Slot, ...]
    references: tuple[ReferenceSlot, ...]
    first_frame: Slot | None
    frames: tuple[Slot, ...]
    fps: tuple[Slot, ...]
    filename_prefix: tuple[Slot, ...]
    options: Mapping[str, Slot]
    output: str

    @property
    def files(self) -> frozenset[Slot]:
        """The inputs that get names of uploaded pictures."""
        first = () if self.first_frame is None else (self.first_frame,)
        return frozenset([reference.slot for reference in self.references]) | frozenset(first)

    @property
    def bound(self) -> frozenset[Slot]:
        """All inputs that are written, the options aside."""
        plain = (self.prompt, self.negative, self.width, self.height, self.frames, self.fps)
        return (
            frozenset(slot for slots in plain for slot in slots)
            | frozenset(seed.slot for seed in self.seed)
            | frozenset(self.filename_prefix)
            | self.files
        )


class _Finder:
    """Finds places, and keeps what is wrong with each instead of stopping at the first."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.faults: list[str] = []

    def node(self, key: str, name: str) -> str | None:
        try:
            return find_node(self._graph, name)
        except WorkflowInvalid as exc:
            self.faults.append(f"{key}: {exc}")
            return None

    def slot(self, key: str, place: Place | PicturePlace) -> Slot | None:
        node_id = self.node(key, place.node)
        if node_id is None:
            return None
        inputs = self._graph[node_id]["inputs"]
        if place.input not in inputs:
            has = ", ".join(inputs) or "none"
            self._blame(key, node_id, f"there is no input {place.input!r}; its inputs are {has}")
            return None
        if is_link(inputs[place.input]):
            source = named(self._graph, inputs[place.input][0])
            reason = f"the input {place.input!r} is linked to {source}; bind that node's input"
            self._blame(key, node_id, f"{reason}, or unlink it in ComfyUI")
            return None
        return Slot(node_id, place.input)

    def slots(self, key: str, places: Iterable[Place]) -> tuple[Slot, ...]:
        found = (self.slot(key, place) for place in places)
        return tuple(slot for slot in found if slot is not None)

    def seeds(self, key: str, places: Iterable[SeedPlace]) -> tuple[SeedSlot, ...]:
        pairs = ((self.slot(key, place), place.within) for place in places)
        return tuple(SeedSlot(slot, within) for slot, within in pairs if slot is not None)

    def references(self, key: str, places: Sequence[ReferencePlace]) -> tuple[ReferenceSlot, ...]:
        found = (self._reference(f"{key}.{at}", place) for at, place in enumerate(places))
        return tuple(reference for reference in found if reference is not None)

    def _reference(self, key: str, place: ReferencePlace) -> ReferenceSlot | None:
        slot = self.slot(key, place)
        remove = [self.node(f"{key}.remove", name) for name in place.remove]
        bypass: dict[str, str] = {}
        for part in place.bypass:
            node_id = self.node(f"{key}.bypass", part.node)
            if node_id is None:
                continue
            if not is_link(self._graph[node_id]["inputs"].get(part.input)):
                reason = f"the input {part.input!r} must be linked to another node"
                self._blame(f"{key}.bypass", node_id, reason)
            bypass[node_id] = part.input
        if slot is None:
            return None
        return ReferenceSlot(slot, tuple(one for one in remove if one is not None), bypass)

    def prefixes(self, key: str, places: Sequence[Place]) -> tuple[Slot, ...]:
        if places:
            return self.slots(key, places)
        return tuple(
            Slot(node_id, PREFIX)
            for node_id, node in self._graph.items()
            if isinstance(node["inputs"].get(PREFIX), str)
        )

    def output(self, key: str, name: str | None, prefixes: Sequence[Slot]) -> str:
        """Return the node whose files are the result. Without a prefix of its own for each job
        ComfyUI answers a repeated graph from its cache, with the names of the old files.
        """
        savers = list(dict.fromkeys(slot.node for slot in prefixes))
        if name is None and len(savers) == 1:
            return savers[0]
        shown = ", ".join(f"{key} ({title_of(self._graph[key])})" for key in savers) or "none"
        if name is None:
            self.faults.append(
                f"{key}: name the node whose files are the result; nodes that save are: {shown}"
            )
            return ""
        node_id = self.node(key, name)
        if node_id is not None and node_id not in savers:
            reason = f"it has no {PREFIX}, so its files can't be told apart; nodes that save are:"
            self._blame(key, node_id, f"{reason} {shown}")
        return node_id or ""

    def _blame(self, key: str, node_id: str, reason: str) -> None:
        self.faults.append(f"{key}: {named(self._graph, node_id)}: {reason}")

    def options(self, spec: Spec) -> dict[str, Slot]:
        found: dict[str, Slot] = {}
        for name, place in spec.options.items():
            key = f"options.{name}"
            slot = self.slot(key, place)
            if slot is None:
                continue
            if slot.field in _NEVER_OPTIONS:
                self._blame(key, slot.node, f"{slot.field!r} names a file and can't be an option")
            found[name] = slot
        return found


def find_slots(graph: Graph, spec: Spec) -> Slots:
    """Return the places of a workflow.

    Raises:
        WorkflowInvalid: with all that is wrong, each with its key, node and field.
    """
    finder, bound = _Finder(graph), spec.bindings
    plain = partial(_plain, finder)
    prefixes = finder.prefixes("bindings.filename_prefix", bound.filename_prefix)
    first = bound.first_frame
    slots = Slots(
        prompt=plain("prompt", bound.prompt),
        negative=plain("negative", bound.negative),
        seed=finder.seeds("bindings.seed", bound.seed),
        width=plain("width", bound.width),
        height=plain("height", bound.height),
        references=finder.references("bindings.references", bound.references),
        first_frame=None if first is None else finder.slot("bindings.first_frame", first),
        frames=plain("frames", bound.frames),
        fps=plain("fps", bound.fps),
        filename_prefix=prefixes,
        options=finder.options(spec),
        output=finder.output("bindings.output", bound.output, prefixes),
    )
    faults = finder.faults or [*_overlaps(graph, slots), *_paths(graph, slots)]
    if faults:
        raise WorkflowInvalid(". ".join(faults[:3]))
    return slots


def names_a_path(field: str) -> bool:
    """Whether a text in an input of this name becomes a path or an address at the server."""
    return _PATHS.search(field) is not None


def _plain(finder: _Finder, key: str, places: Iterable[Place]) -> tuple[Slot, ...]:
    return finder.slots(f"bindings.{key}", places)


def _overlaps(graph: Graph, slots: Slots) -> list[str]:
    """Say which inputs would be written twice, and which needed nodes a missing picture removes."""
    faults = []
    seen: set[Slot] = set()
    for reference in slots.references:
        if reference.slot in seen:
            faults.append(
                f"bindings.references: {named(graph, reference.slot.node)} is named twice"
            )
        seen.add(reference.slot)
        removed = {reference.slot.node, *reference.remove, *reference.bypass}
        if slots.output in removed:
            faults.append(
                f"bindings.references: the output {named(graph, slots.output)} is removed"
            )
    for name, slot in slots.options.items():
        if slot in slots.bound:
            reason = f"{slot.field!r} is bound already"
            faults.append(f"options.{name}: {named(graph, slot.node)}: {reason}")
    return faults


def _paths(graph: Graph, slots: Slots) -> list[str]:
    """Say where what people write would become a path at the server."""
    written: dict[str, tuple[Slot, ...]] = {
        "bindings.prompt": slots.prompt,
        "bindings.negative": slots.negative,
        **{f"options.{name}": (slot,) for name, slot in slots.options.items()},
    }
    faults = []
    for key, places in written.items():
        for slot in places:
            if not key.startswith("options.") and names_a_path(slot.field):
                faults.append(f"{key}: {named(graph, slot.node)}: {slot.field!r} names a file")
            for node_id, field in _fed(graph, slot.node):
                reason = f"it goes on to {field!r} of {named(graph, node_id)}, which names a file"
                faults.append(f"{key}: {named(graph, slot.node)}: {reason}")
    return faults


def _fed(graph: Graph, node_id: str) -> list[tuple[str, str]]:
    """Return the linked inputs behind a node, directly or not, that name files."""
    reached, found = {node_id}, []
    while new := [link for link in links(graph) if link[2] in reached and link[0] not in reached]:
        reached |= {user for user, _, _, _ in new}
    for user, field, source, _ in links(graph):
        if source in reached and names_a_path(field):
            found.append((user, field))
    return found
