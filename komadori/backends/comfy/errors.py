"""What can go wrong with a ComfyUI server and with a prompt on it.

BackendRefused
├── WorkflowRefused      the graph is wrong for this server: which nodes, which fields
├── PromptFailed         a node raised; it would again
├── PromptInterrupted    somebody stopped it while it ran: do not send it again
└── PromptRemoved        somebody took it out of the queue: do not send it again
BackendDown
├── OutOfMemory          free the memory, then run it once more alone, or elsewhere
├── GpuBroken            every later prompt fails, too, until the server is started anew
├── OutputMissing        it says that it is done, but the file is not there: run it again
└── ServerFault          nobody will finish this prompt; `was_running`: did it run when that began?
    ├── ServerGone       nothing listens there (any more): its queue is lost
    ├── ServerSilent     it takes connections and does not answer in time
    ├── ServerSick       it answers, but not as a ComfyUI in good health does
    ├── PromptLost       it answers and does not know the prompt (any more)
    └── PromptSilent     it answers, but the prompt does not move

The prompts of a ComfyUI cost nothing, so that running one twice does no harm beyond the time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from komadori.errors import BackendDown, BackendRefused

_SHOWN_CHARACTERS = 300
_SHOWN_FAULTS = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def clean(text: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return foreign text on one line, without control characters, and not too long."""
    words = " ".join(_CONTROL.sub(" ", str(text)).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFault:
    """What the server's validation says of one node. `field` is "" when it means the whole node.

    `kind` is ComfyUI's own word (`value_not_in_list`, `missing_node_type` ...).
    """

    node_id: str
    class_type: str
    title: str
    field: str
    kind: str
    message: str

    def __str__(self) -> str:
        name = f" “{self.title}”" if self.title and self.title != self.class_type else ""
        node = f"Node {self.node_id}{name}" if self.node_id else "The workflow"
        kind = f" ({self.class_type})" if self.class_type else ""
        field = f", field {self.field}" if self.field else ""
        return f"{node}{kind}{field}: {self.message.rstrip('.')}."


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """The exception of a node. Its inputs are left out: they may hold what nobody else may read."""

    node_id: str
    class_type: str
    title: str
    exception_type: str
    message: str

    def __str__(self) -> str:
        name = f" “{self.title}”" if self.title and self.title != self.class_type else ""
        kind = f" ({self.class_type})" if self.class_type else ""
        said = f": {self.message}" if self.message else ""
        return f"node {self.node_id}{name}{kind} raised {self.exception_type}{said}"


class WorkflowRefused(BackendRefused):
    """The server does not take the workflow as it is, or would leave some of its outputs out."""

    def __init__(self, server: str, faults: Sequence[NodeFault]) -> None:
        shown = " ".join(str(fault) for fault in faults[:_SHOWN_FAULTS])
        more = len(faults) - _SHOWN_FAULTS
        rest = f" And {more} more." if more > 0 else ""
        super().__init__(f"ComfyUI {server} refuses the workflow. {shown}{rest}")
        self.server = server
        self.faults = tuple(faults)

    @property
    def misses_a_file(self) -> bool:
        """Whether an input file is not there (any more): upload it again and send anew."""
        kinds = {fault.kind for fault in self.faults if fault.class_type.startswith("Load")}
        return bool(kinds & {"custom_validation_failed", "value_not_in_list"})


class PromptFailed(BackendRefused):
    """A node of the prompt raised an exception."""

    def __init__(self, server: str, failure: NodeFailure) -> None:
        super().__init__(f"ComfyUI {server}: {failure}")
        self.server = server
        self.failure = failure


class PromptInterrupted(BackendRefused):
    """The prompt was interrupted while it ran."""

    def __init__(self, server: str) -> None:
        super().__init__(f"ComfyUI {server}: the prompt was interrupted while it ran.")
        self.server = server


class PromptRemoved(BackendRefused):
    """The prompt waited, and was taken out of the server's queue."""

    def __init__(self, server: str) -> None:
        super().__init__(f"ComfyUI {server}: somebody removed the prompt from the server's queue.")
        self.server = server


class OutOfMemory(BackendDown):
    """The GPU or the machine had not enough memory for the prompt."""

    def __init__(self, server: str, failure: NodeFailure) -> None:
        super().__init__(f"ComfyUI {server} ran out of memory: {failure}")
        self.server = server
        self.failure = failure


class GpuBroken(BackendDown):
    """The server's GPU context is damaged: it must be started anew."""

    def __init__(self, server: str, failure: NodeFailure) -> None:
        super().__init__(f"ComfyUI {server} lost its GPU and must be restarted: {failure}")
        self.server = server
        self.failure = failure


class OutputMissing(BackendDown):
    """A file that the server names is not there."""

    def __init__(self, server: str, name: str, *, is_cached: bool = False) -> None:
        why = (
            "It was made by an earlier, equal prompt, and has been moved or deleted since; "
            "a filename_prefix of its own has it made again."
            if is_cached
            else "It was moved or deleted; run the prompt again."
        )
        super().__init__(f"ComfyUI {server}: the file {clean(name)} is not there. {why}")
        self.server = server
        self.is_cached = is_cached


class ServerFault(BackendDown):
    """This server will not bring this prompt to its end.

    `was_running`: the prompt ran, or may have begun to, when the trouble began. Only then may the
    prompt be the cause; one that waited is not.
    `may_still_run`: the server has, or may have, the prompt, and may yet run it: whoever sends it
    elsewhere should stop it there when the server answers again.
    """

    def __init__(
        self, server: str, what: str, *, was_running: bool = False, may_still_run: bool = False
    ) -> None:
        super().__init__(f"ComfyUI {server} {what.rstrip('.')}.")
        self.server = server
        self.was_running = was_running
        self.may_still_run = may_still_run


class ServerGone(ServerFault):
    """The server refuses connections, or hung up: it is not there."""


class ServerSilent(ServerFault):
    """The server did not answer in time. It may be busy, frozen or wedged."""


class ServerSick(ServerFault):
    """The server answered with something that no ComfyUI in good health says."""


class PromptLost(ServerFault):
    """The server does not know the prompt, asked twice: it was started anew, or forgot it.

    `was_outage`: the server was away in between, or counts from 0 again.
    """

    def __init__(self, server: str, *, was_running: bool, was_outage: bool) -> None:
        why = "it was away in between" if was_outage else "its history may have been cleared"
        super().__init__(server, f"no longer knows the prompt; {why}", was_running=was_running)
        self.was_outage = was_outage


class PromptSilent(ServerFault):
    """The server answers, but for too long nothing was heard of the prompt."""
