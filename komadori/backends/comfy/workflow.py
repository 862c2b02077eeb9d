"""A workflow and what is written into it: a graph of ComfyUI's that becomes one prompt."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from komadori.backends.comfy.bindings import Spec
from komadori.backends.comfy.graph import Graph, WorkflowInvalid, is_link, named, without
from komadori.backends.comfy.slots import Slot, Slots, find_slots
from komadori.backends.images.http_api.sizes import choose_size
from komadori.backends.images.http_api.spec import SizeSpec
from komadori.domain.workflows import Scalar, WorkflowFacts
from komadori.errors import BackendRefused

_KNUTH = 2654435761
"""An odd number near 2^32 / golden ratio: multiplying by it spreads neighbours far apart."""
_UPLOADED = re.compile(r"[^\W_][\w ().-]*(/[^\W_][\w ().-]*)*")
_MODEL_FILE = re.compile(r"[^\n]+\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What one prompt is made with. None leaves what the graph has of its own.

    Sizes in pixels. `references` and `first_frame` are names as uploads answered them. `options`
    were checked against the form (`check_options`).
    """

    prompt: str = ""
    negative: str | None = None
    seed: int = 0
    width: int | None = None
    height: int | None = None
    references: tuple[str, ...] = ()
    first_frame: str | None = None
    frames: int | None = None
    fps: float | None = None
    filename_prefix: str = "komadori"
    options: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model that the graph names: where it is named, and where it belongs."""

    node: str
    field: str
    name: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow. `spec` is what its file says; `slots` is where things go in `graph`."""

    name: str
    spec: Spec
    graph: Graph = field(repr=False)
    slots: Slots = field(repr=False)

    @property
    def label(self) -> str:
        """How messages and logs call it, which are in English."""
        return self.spec.label.en

    @property
    def kind(self) -> Literal["image", "clip"]:
        """What comes out."""
        return self.spec.kind

    @property
    def is_auto(self) -> bool:
        """Whether it may be chosen for somebody who did not choose."""
        return self.spec.auto

    @property
    def max_references(self) -> int:
        """How many pictures it can use, the first frame aside."""
        nodes = len(self.slots.references)
        most = self.spec.max_references
        return nodes if most is None else min(most, nodes)

    @property
    def takes_seed(self) -> bool:
        """Whether the same seed gives the same picture again."""
        return bool(self.slots.seed)

    @property
    def output(self) -> str:
        """The id of the node whose files are the result."""
        return self.slots.output

    @property
    def classes(self) -> frozenset[str]:
        """The classes of nodes that a server must have."""
        return frozenset(node["class_type"] for node in self.graph.values())

    @property
    def model_files(self) -> tuple[ModelFile, ...]:
        """The files of models that the graph names."""
        return tuple(
            ModelFile(node_id, name, value, node["class_type"])
            for node_id, node in self.graph.items()
            for name, value in node["inputs"].items()
            if isinstance(value, str) and _MODEL_FILE.fullmatch(value)
        )

    @property
    def facts(self) -> WorkflowFacts:
        """What the page needs to know of it."""
        lengths = self.spec.frames.allowed if self.slots.frames else None
        return WorkflowFacts(
            name=self.name,
            label=self.spec.label,
            kind=self.kind,
            model=self.spec.model,
            note=self.spec.note,
            is_auto=self.is_auto,
            takes_prompt=bool(self.slots.prompt),
            takes_negative=bool(self.slots.negative),
            takes_seed=self.takes_seed,
            takes_size=bool(self.slots.width),
            min_references=self.spec.min_references,
            max_references=self.max_references,
            min_frames=lengths[0] if lengths else None,
            max_frames=lengths[-1] if lengths else None,
            frames_step=self.spec.frames.multiple_of,
            frames=self._own(self.slots.frames, int),
            fps=self.fps,
            takes_fps=bool(self.slots.fps),
        )

    @property
    def fps(self) -> float | None:
        """Frames each second of a clip for which nothing else is asked."""
        return self.spec.fps or self._own(self.slots.fps, float)

    def _own(self, slots: tuple[Slot, ...], kind: type[float]) -> Any:
        """Return the graph's own number at the first place."""
        values = [self.graph[slot.node]["inputs"][slot.field] for slot in slots]
        numbers = [value for value in values if isinstance(value, int | float)]
        return kind(numbers[0]) if numbers else None

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that it makes for this one: the same shape, as near as its rule lets."""
        rule = self.spec.sizes
        pixels = SizeSpec(
            form="pixels",
            multiple_of=rule.multiple_of,
            min_pixels=rule.min_pixels,
            max_pixels=rule.max_pixels,
        )
        wide, high = choose_size(pixels, width, height).size.split("x")
        return int(wide), int(high)

    def frames_for(self, frames: float) -> int:
        """Return the nearest number of frames that a clip may have."""
        return min(self.spec.frames.allowed, key=lambda allowed: abs(allowed - frames))

    def bound(self, values: Values) -> Graph:
        """Return the whole graph of one prompt; this workflow stays as it is.

        Raises:
            BackendRefused: a picture is missing or one too many, or an option is unknown.
        """
        self._check_pictures(values)
        graph = self._reduced(len(values.references))
        for slot, value in self._writes(values):
            if slot.node in graph:
                graph[slot.node]["inputs"][slot.field] = value
        return graph

    def _reduced(self, count: int) -> Graph:
        """Return a copy without the nodes of references that there are not."""
        unused = self.slots.references[count:]
        if not unused:
            return deepcopy(self.graph)
        gone = [reference.slot.node for reference in unused]
        gone += [node for reference in unused for node in reference.remove]
        bypassed: dict[str, str] = {}
        for reference in unused:
            bypassed.update(reference.bypass)
        return deepcopy(without(self.graph, gone, bypassed))

    def _writes(self, values: Values) -> Iterator[tuple[Slot, Any]]:
        slots = self.slots
        for name, slot in slots.options.items():
            value = values.options.get(name, self.spec.options[name].default)
            if value is not None:
                yield slot, value
        yield from ((slot, values.prompt) for slot in slots.prompt)
        if values.negative is not None:
            yield from ((slot, values.negative) for slot in slots.negative)
        yield from ((seed.slot, _spread(values.seed, seed.within)) for seed in slots.seed)
        yield from self._size_writes(values)
        yield from self._clip_writes(values)
        names = zip(slots.references, values.references, strict=False)
        yield from ((reference.slot, name) for reference, name in names)
        yield from ((slot, values.filename_prefix) for slot in slots.filename_prefix)

    def _size_writes(self, values: Values) -> Iterator[tuple[Slot, int]]:
        if values.width is None or values.height is None:
            return
        width, height = self.size_for(values.width, values.height)
        yield from ((slot, width) for slot in self.slots.width)
        yield from ((slot, height) for slot in self.slots.height)

    def _clip_writes(self, values: Values) -> Iterator[tuple[Slot, Any]]:
        if self.slots.first_frame is not None:
            yield self.slots.first_frame, values.first_frame
        if values.frames is not None:
            frames = self.frames_for(values.frames)
            yield from ((slot, frames) for slot in self.slots.frames)
        fps = values.fps if values.fps is not None else self.spec.fps
        if fps is not None:
            yield from ((slot, int(fps) if fps == int(fps) else fps) for slot in self.slots.fps)

    def _check_pictures(self, values: Values) -> None:
        count, least, most = len(values.references), self.spec.min_references, self.max_references
        if not least <= count <= most:
            wanted = f"{least} to {most}" if least != most else str(least)
            raise BackendRefused(f"{self.label} takes {wanted} reference pictures, not {count}.")
        if self.slots.first_frame is not None and not values.first_frame:
            raise BackendRefused(f"{self.label} needs a first frame.")
        for name in (*values.references, *filter(None, [values.first_frame])):
            if not _UPLOADED.fullmatch(name) or ".." in name:
                raise BackendRefused(f"{name!r} is no name of an uploaded picture.")
        for name in values.options:
            if name not in self.slots.options:
                raise BackendRefused(f"{self.label} has no option {name!r}.")


def make_workflow(name: str, graph: Graph, spec: Spec) -> Workflow:
    """Return the workflow of a graph and what its file says.

    Raises:
        WorkflowInvalid: with key, node and field of what does not fit.
    """
    slots = find_slots(graph, spec)
    _check_numbers(graph, slots)
    return Workflow(name, spec, graph, slots)


def _check_numbers(graph: Graph, slots: Slots) -> None:
    """Refuse numbers bound to inputs that hold texts: a wrong title is found before a server is."""
    seeds = tuple(seed.slot for seed in slots.seed)
    numbers = {
        "seed": seeds,
        "width": slots.width,
        "height": slots.height,
        "frames": slots.frames,
        "fps": slots.fps,
    }
    texts = {"prompt": slots.prompt, "negative": slots.negative, "filename_prefix": ()}
    for kind, wanted, groups in (
        ((int, float), "a number", numbers),
        ((str,), "a text", texts),
    ):
        for key, places in groups.items():
            for slot in places:
                value = graph[slot.node]["inputs"][slot.field]
                if is_link(value) or isinstance(value, bool) or not isinstance(value, kind):
                    raise WorkflowInvalid(
                        f"bindings.{key}: {named(graph, slot.node)}: the input {slot.field!r} "
                        f"holds {value!r}, not {wanted}"
                    )


def _spread(seed: int, within: int | None) -> int:
    if within is None:
        return seed
    return (seed * _KNUTH % 2**32) * within // 2**32
