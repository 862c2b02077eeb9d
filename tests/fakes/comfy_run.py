"""One execution of one prompt in the fake ComfyUI: order of nodes, cache, messages, points."""

import hashlib
import json
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.fakes.comfy_drawing import Picture, preview
from tests.fakes.comfy_files import Folders
from tests.fakes.comfy_making import Made, make
from tests.fakes.comfy_nodes import Catalog
from tests.fakes.comfy_saving import Saver
from tests.fakes.comfy_sockets import Hub

Cache = OrderedDict[str, Made]
KEPT = 2000
_WORDS = ("text", "prompt")


class Interrupted(Exception):
    """Somebody interrupted the prompt."""


class NodeFailed(Exception):
    """A node raises what a fault tells it to."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Site(Protocol):
    """What a run needs of its server."""

    hub: Hub
    catalog: Catalog
    folders: Folders
    cache: Cache
    has_metadata: bool
    hides_cached: bool

    def pause(self, seconds: float) -> None:
        """Work so long."""

    def check_interrupted(self) -> None:
        """Raise if the prompt is interrupted."""

    def reach(self, point: str, run: "Run") -> None:
        """Come to a point where faults may wait."""

    def wrote(self, run: "Run", ui: dict[str, Any]) -> None:
        """Note what was written."""

    def log_failure(self, exc: Exception) -> None:
        """Log what a node has raised."""


@dataclass
class Run:
    """One execution. Its `nth` is counted from the start of the process."""

    site: Site
    nth: int
    prompt_id: str
    prompt: dict[str, Any]
    extra: dict[str, Any]
    wanted: list[str]
    messages: list[Any] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    is_success: bool = False
    is_interrupted: bool = False

    def __post_init__(self) -> None:
        self._hub = self.site.hub
        self._states: dict[str, dict[str, Any]] = {}
        self._made: dict[str, Made] = {}
        self._node_id = ""
        self._is_past_middle = False
        self.folders = self.site.folders
        metadata = {"prompt": self.prompt, **self.extra.get("extra_pnginfo", {})}
        self.saver = Saver(self.folders, metadata, self.site.has_metadata)

    @property
    def text(self) -> str:
        """All texts of the prompt, which a marker is looked for in."""
        values = [v for node in self.prompt.values() for v in node["inputs"].values()]
        return "\n".join(value for value in values if isinstance(value, str))

    @property
    def facts(self) -> dict[str, Any]:
        """What the books say of it: its words, and where it saves."""
        inputs = [node["inputs"] for node in self.prompt.values()]
        words = [one[key] for one in inputs for key in _WORDS if isinstance(one.get(key), str)]
        prefixes = [one["filename_prefix"] for one in inputs if "filename_prefix" in one]
        text = "\n".join(word for word in words if word)
        return {"id": self.prompt_id, "nth": self.nth, "text": text, "prefixes": prefixes}

    @property
    def client_id(self) -> str | None:
        """The client that asked for it."""
        client_id: str | None = self.extra.get("client_id")
        return client_id

    def go(self) -> None:
        """Execute; what goes wrong is told and kept, not raised."""
        self._hub.client_id = self.client_id
        self._keys: dict[str, str] = {}
        self._add_message("execution_start", {})
        cached = [one for one in self.prompt if self._key(one) in self.site.cache]
        self._add_message("execution_cached", {"nodes": cached})
        try:
            self.site.reach("start", self)
            for node_id in self._in_order():
                self._node_id = node_id
                self._execute(node_id)
            self.is_success = True
            self._add_message("execution_success", {})
        except Interrupted:
            self._tell_interrupted()
        except Exception as exc:  # noqa: BLE001  # any node may raise anything
            self.site.log_failure(exc)
            self._tell_failed(exc)
        self._hub.node_id = None

    @property
    def status(self) -> dict[str, Any]:
        """The status as the history has it."""
        name = "success" if self.is_success else "error"
        return {"status_str": name, "completed": self.is_success, "messages": self.messages}

    @property
    def result(self) -> dict[str, Any]:
        """The outputs and their meta as the history has them."""
        meta = {
            node_id: {
                "node_id": node_id,
                "display_node": node_id,
                "parent_node": None,
                "real_node_id": node_id,
            }
            for node_id in self.outputs
        }
        return {"outputs": self.outputs, "meta": meta}

    def step(self, value: int, of: int, picture: Picture) -> None:
        """Do one step of the node that runs."""
        seconds = self.extra.get("fake_step_seconds")
        self.site.pause(-1.0 if seconds is None else seconds)
        self.site.check_interrupted()
        self._set_progress(self._node_id, value, of, "running")
        has_metadata = self._hub.wants_metadata(self.client_id)
        if has_metadata:
            self._tell_preview(picture, value / of)
        told = {"value": value, "max": of, "prompt_id": self.prompt_id, "node": self._node_id}
        self._hub.tell("progress", told, self.client_id)
        if not has_metadata:
            self._tell_preview(picture, value / of)
        if value >= max(1, of // 2):
            self._come_to_middle()

    # order

    def _in_order(self) -> Iterator[str]:
        """Yield the nodes that must be run: outputs and what of theirs is not cached."""
        needs = self._needs()
        while needs:
            ready = [one for one, sources in needs.items() if not sources]
            picked = self._picked(ready, needs)
            yield picked
            del needs[picked]
            for sources in needs.values():
                sources.discard(picked)

    def _needs(self) -> dict[str, set[str]]:
        needs: dict[str, set[str]] = {}
        waiting = []
        for output in self.wanted:
            waiting.append(output)
            while waiting:
                node_id = waiting.pop()
                if node_id in needs:
                    continue
                needs[node_id] = set()
                if self._key(node_id) in self.site.cache:
                    continue
                for link in _links(self.prompt[node_id]):
                    if self._key(link[0]) not in self.site.cache:
                        needs[node_id].add(link[0])
                        waiting.append(link[0])
        return needs

    def _picked(self, ready: list[str], needs: dict[str, set[str]]) -> str:
        """Outputs first, then what an output waits for, then the first that came."""
        outputs = {one for one in needs if one in self.wanted}
        before = {source for one in outputs for source in needs[one]}
        long_before = {source for one in before for source in needs.get(one, ())}
        for group in (outputs, before, long_before):
            for one in ready:
                if one in group:
                    return one
        return ready[0]

    # one node

    def _execute(self, node_id: str) -> None:
        node = self.prompt[node_id]
        key = self._key(node_id)
        if (known := self.site.cache.get(key)) is not None:
            self._tell_cached(node_id, known)
            return
        described = self.site.catalog.described(node["class_type"])
        self._set_progress(node_id, 0.0, 1.0, "running")
        self._hub.node_id = node_id
        if self.client_id is not None:
            told = {"node": node_id, "display_node": node_id, "prompt_id": self.prompt_id}
            self._hub.tell("executing", told, self.client_id)
        self.site.check_interrupted()
        if described["output_node"]:
            self._come_to_middle()
        self.site.pause(0)
        made = make(node["class_type"], self._given(node), described, self)
        self._keep(node_id, key, made)

    def _keep(self, node_id: str, key: str, made: Made) -> None:
        if made.ui is not None:
            self.site.wrote(self, made.ui)
            self.site.reach("saved", self)
            self.outputs[node_id] = made.ui
            if self.client_id is not None:
                self._tell_executed(node_id, made.ui)
        self._made[node_id] = made
        self.site.cache[key] = made
        while len(self.site.cache) > KEPT:
            self.site.cache.popitem(last=False)
        self.executed.append(node_id)
        state = self._states[node_id]
        self._set_progress(node_id, state["max"], state["max"], "finished")

    def _given(self, node: dict[str, Any]) -> dict[str, Any]:
        given = {}
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                source, slot = value
                made = self._made.get(source) or self.site.cache[self._key(source)]
                given[name] = made.result[slot]
            else:
                given[name] = value
        return given

    def _key(self, node_id: str) -> str:
        """Return what the cache knows a node by: class, values, and all before it."""
        if node_id not in self._keys:
            node = self.prompt[node_id]
            told: list[Any] = [node["class_type"]]
            for name, value in sorted(node["inputs"].items()):
                is_link = isinstance(value, list)
                told.append([name, [self._key(value[0]), value[1]] if is_link else value])
            if node["class_type"].startswith("Load") and "image" in node["inputs"]:
                told.append(self._digest(node["inputs"]["image"]))
            text = json.dumps(told, sort_keys=True)
            self._keys[node_id] = hashlib.sha256(text.encode()).hexdigest()
        return self._keys[node_id]

    def _digest(self, name: Any) -> str:
        path = self.folders.annotated(str(name))
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    def _come_to_middle(self) -> None:
        if not self._is_past_middle:
            self._is_past_middle = True
            self.site.reach("middle", self)

    # what is told

    def _tell_cached(self, node_id: str, known: Made) -> None:
        """Without a client nothing is told; in 0.27 the history has no output then, either."""
        if known.ui is not None and self.client_id is not None:
            self._tell_executed(node_id, known.ui)
        if known.ui is not None and (self.client_id is not None or not self.site.hides_cached):
            self.outputs[node_id] = known.ui
        self._set_progress(node_id, 1, 1, "finished")

    def _tell_executed(self, node_id: str, ui: dict[str, Any]) -> None:
        told = {"node": node_id, "display_node": node_id, "output": ui}
        self._hub.tell("executed", {**told, "prompt_id": self.prompt_id}, self.client_id)

    def _tell_preview(self, picture: Picture, done: float) -> None:
        told = self._ids(self._node_id)
        self._hub.tell_preview(preview(picture, done), told, self.client_id)

    def _set_progress(self, node_id: str, value: float, most: float, state: str) -> None:
        told = {"value": value, "max": most, "state": state}
        self._states[node_id] = {**told, **self._ids(node_id)}
        data = {"prompt_id": self.prompt_id, "nodes": self._states}
        self._hub.tell("progress_state", data, self.client_id)

    def _ids(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "prompt_id": self.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }

    def _add_message(self, kind: str, data: dict[str, Any], *, to_all: bool = False) -> None:
        whole = {**data, "prompt_id": self.prompt_id, "timestamp": int(time.time() * 1000)}
        self.messages.append((kind, whole))
        if self.client_id is not None or to_all:
            self._hub.tell(kind, whole, None if to_all else self.client_id)

    def _tell_interrupted(self) -> None:
        self.is_interrupted = True
        self._add_message("execution_interrupted", self._where(), to_all=True)

    def _where(self) -> dict[str, Any]:
        node_id = self._node_id or self.wanted[0]
        name = self.prompt[node_id]["class_type"]
        return {"node_id": node_id, "node_type": name, "executed": self.executed}

    def _tell_failed(self, exc: Exception) -> None:
        kind = type(exc).__name__
        message = f"{exc}\n"
        if isinstance(exc, NodeFailed):
            kind, message = exc.kind, str(exc)
        where = self._where()
        inputs = self.prompt[where["node_id"]]["inputs"]
        told = {
            **where,
            "exception_message": message,
            "exception_type": kind,
            "traceback": traceback.format_tb(exc.__traceback__),
            "current_inputs": {
                name: [value if not isinstance(value, list) else "tensor([[[[0.2000, ...]]]])"]
                for name, value in inputs.items()
            },
            "current_outputs": list(self.prompt),
        }
        self._add_message("execution_error", told)


def _links(node: dict[str, Any]) -> list[list[Any]]:
    return [value for value in node["inputs"].values() if isinstance(value, list)]
