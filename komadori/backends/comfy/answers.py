"""What a ComfyUI answers, as values. Workflows and inputs that it repeats are not kept.

Shapes as recorded from 0.3.64 and 0.27.0; a field that is missing or of another kind than expected
becomes its empty value, except where an answer without it means nothing: then it is `Unreadable`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from komadori.backends.comfy.errors import NodeFailure, clean
from komadori.backends.comfy.outputs import OutputFile, files_of
from komadori.backends.comfy.prompts import Graph, PromptId, node_title
from komadori.backends.comfy.reading import field_of, items_of, number_of, whole_of

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate memory|would exceed allowed memory", re.I
)
_BROKEN = re.compile(
    r"CUDA error|illegal memory access|device-side assert|cuDNN error|CUBLAS_STATUS_(?!ALLOC)"
    r"|unspecified launch failure|HIP error",
    re.I,
)


class Unreadable(Exception):
    """An answer has not the shape that it must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One GPU (or the CPU), in bytes."""

    name: str
    kind: str
    index: int | None
    vram_total: int
    vram_free: int
    torch_vram_total: int
    torch_vram_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStats:
    """The server and its machine. `ram_free` is the whole machine's, in bytes."""

    version: str
    ram_total: int
    ram_free: int
    argv: tuple[str, ...]
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedPrompt:
    """One line of the queue. `number` orders it; it counts from 0 since the server's start."""

    prompt_id: PromptId
    number: float
    client_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The server's queue; `pending` in the order in which it will run."""

    running: tuple[QueuedPrompt, ...]
    pending: tuple[QueuedPrompt, ...]

    @property
    def remaining(self) -> int:
        """How many prompts run or wait."""
        return len(self.running) + len(self.pending)

    def ahead_of(self, prompt_id: str) -> int | None:
        """Return how many prompts run or wait before this one; None: it does not wait here."""
        for place, prompt in enumerate(self.pending):
            if prompt.prompt_id == prompt_id:
                return len(self.running) + place
        return None

    def is_running(self, prompt_id: str) -> bool:
        """Whether this prompt runs."""
        return any(prompt.prompt_id == prompt_id for prompt in self.running)


Ending = Literal["success", "failed", "out_of_memory", "gpu_broken", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """How a prompt ended. `cached`: ids of the nodes that did not run since nothing had changed."""

    prompt_id: PromptId
    number: float
    ending: Ending
    files: tuple[OutputFile, ...]
    cached: frozenset[str] = frozenset()
    failure: NodeFailure | None = None
    texts: tuple[str, ...] = ()
    ran_s: float | None = None

    def is_cached(self, file: OutputFile) -> bool:
        """Whether the file was made by an earlier prompt, and may have gone since."""
        return file.node_id in self.cached


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The prompt waits; so many run or wait before it."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Running:
    """The prompt runs, or its result is just being put away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The prompt ended."""

    entry: HistoryEntry


@dataclass(frozen=True, slots=True)
class Missing:
    """The server does not know the prompt."""


Place = Pending | Running | Finished | Missing


def read_system_stats(data: Any) -> SystemStats:
    """Read the answer of /system_stats."""
    system = _mapping(data, "system")
    return SystemStats(
        version=str(system.get("comfyui_version") or ""),
        ram_total=whole_of(system.get("ram_total")),
        ram_free=whole_of(system.get("ram_free")),
        argv=tuple(str(part) for part in items_of(system.get("argv"))),
        devices=tuple(_device(device) for device in items_of(data.get("devices"))),
    )


def read_queue(data: Any) -> Queue:
    """Read the answer of /queue, whose waiting prompts come in a heap's order."""
    if not isinstance(data, Mapping) or "queue_running" not in data:
        raise Unreadable("the queue")
    pending = [_queued(item) for item in items_of(data.get("queue_pending"))]
    return Queue(
        running=tuple(_queued(item) for item in items_of(data["queue_running"])),
        pending=tuple(sorted(pending, key=lambda prompt: prompt.number)),
    )


def read_history(data: Any, prompt_id: str) -> HistoryEntry | None:
    """Read the answer of /history/{id}; None when it has no such entry."""
    if not isinstance(data, Mapping):
        raise Unreadable("the history")
    entry = data.get(prompt_id)
    if entry is None:
        return None
    prompt = items_of(field_of(entry, "prompt"))
    graph = prompt[2] if len(prompt) > 2 and isinstance(prompt[2], Mapping) else {}
    return _entry(
        prompt_id,
        number=prompt[0] if prompt else 0,
        graph=graph,
        outputs=field_of(entry, "outputs"),
        status=field_of(entry, "status"),
    )


def read_job(data: Any, prompt_id: str) -> HistoryEntry | Literal["pending", "running"]:
    """Read the answer of /api/jobs/{id}."""
    status = field_of(data, "status")
    if status == "pending":
        return "pending"
    if status == "in_progress":
        return "running"
    if status not in {"completed", "failed", "cancelled"}:
        raise Unreadable("the job")
    graph = field_of(field_of(data, "workflow"), "prompt")
    return _entry(
        prompt_id,
        number=data.get("priority"),
        graph=graph if isinstance(graph, Mapping) else {},
        outputs=data.get("outputs"),
        status=data.get("execution_status"),
    )


def read_log(data: Any) -> tuple[str, ...]:
    """Read the lines of /internal/logs/raw, without their colours."""
    text = "".join(str(field_of(entry, "m") or "") for entry in items_of(field_of(data, "entries")))
    return tuple(_ANSI.sub("", text).splitlines())


def read_last_logged(data: Any) -> str:
    """Read when something was last logged, other than that a prompt came."""
    times = [
        str(field_of(entry, "t") or "")
        for entry in items_of(field_of(data, "entries"))
        if "got prompt" not in str(field_of(entry, "m"))
    ]
    return max(times, default="")


def _entry(prompt_id: str, *, number: Any, graph: Graph, outputs: Any, status: Any) -> HistoryEntry:
    messages = _messages(field_of(status, "messages"))
    outputs = outputs if isinstance(outputs, Mapping) else {}
    ending: Ending = "success" if field_of(status, "status_str") == "success" else "failed"
    failure = None
    if "execution_interrupted" in messages:
        ending = "interrupted"
    elif ending == "failed":
        failure = _failure(messages.get("execution_error"), graph)
        ending = _kind_of(failure)
    return HistoryEntry(
        prompt_id=PromptId(prompt_id),
        number=number_of(number),
        ending=ending,
        files=files_of(outputs, graph),
        cached=frozenset(map(str, items_of(field_of(messages.get("execution_cached"), "nodes")))),
        failure=failure,
        texts=tuple(
            str(text) for output in outputs.values() for text in items_of(field_of(output, "text"))
        ),
        ran_s=_ran_s(messages),
    )


def _messages(data: Any) -> dict[str, Any]:
    """Return the notes of a run by their names; each comes once."""
    return {
        str(item[0]): item[1]
        for item in items_of(data)
        if isinstance(item, list) and len(item) == 2
    }


def _ran_s(messages: Mapping[str, Any]) -> float | None:
    times = [field_of(message, "timestamp") for message in messages.values()]
    known = [time for time in times if isinstance(time, (int, float))]
    return (max(known) - min(known)) / 1000 if len(known) > 1 else None


def _failure(data: Any, graph: Graph) -> NodeFailure:
    node_id = str(field_of(data, "node_id") or "")
    return NodeFailure(
        node_id=node_id,
        class_type=clean(field_of(data, "node_type") or "", 80),
        title=clean(node_title(graph, node_id), 80),
        exception_type=clean(field_of(data, "exception_type") or "an unnamed exception", 80),
        message=clean(field_of(data, "exception_message") or ""),
    )


def _kind_of(failure: NodeFailure) -> Ending:
    kind = failure.exception_type.rpartition(".")[2]
    if kind in {"OutOfMemoryError", "MemoryError"} or _MEMORY.search(failure.message):
        return "out_of_memory"
    if kind == "AcceleratorError" or _BROKEN.search(failure.message):
        return "gpu_broken"
    return "failed"


def _device(data: Any) -> Device:
    index = field_of(data, "index")
    return Device(
        name=str(field_of(data, "name") or ""),
        kind=str(field_of(data, "type") or ""),
        index=index if isinstance(index, int) else None,
        vram_total=whole_of(field_of(data, "vram_total")),
        vram_free=whole_of(field_of(data, "vram_free")),
        torch_vram_total=whole_of(field_of(data, "torch_vram_total")),
        torch_vram_free=whole_of(field_of(data, "torch_vram_free")),
    )


def _queued(item: Any) -> QueuedPrompt:
    if not isinstance(item, list) or len(item) < 2:
        raise Unreadable("the queue")
    extra = item[3] if len(item) > 3 else {}
    return QueuedPrompt(
        prompt_id=PromptId(str(item[1])),
        number=number_of(item[0]),
        client_id=str(field_of(extra, "client_id") or ""),
    )


def _mapping(data: Any, name: str) -> Mapping[str, Any]:
    value = field_of(data, name)
    if not isinstance(value, Mapping):
        raise Unreadable(name)
    return value
