"""ComfyUI servers as the store knows them: how each one does, what happened, what it offers.

One supervisor watches a server and writes these values; workers choose a server by them, and the
page shows them. Times are seconds since the epoch by the store's clock; sizes are bytes.
"""

import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ServerState(StrEnum):
    """Where a server stands. Those of others (UP, SUSPECT, DOWN) are watched and never ended."""

    STOPPED = "STOPPED"
    """We may start it, and it is not to run: an operator stopped it, or there is no work."""
    STARTING = "STARTING"
    READY = "READY"
    BUSY = "BUSY"
    """It answers and works on a prompt."""
    DEGRADED = "DEGRADED"
    """It missed probes, too few yet to act on."""
    WEDGED = "WEDGED"
    """It lives and does nothing: it is being ended."""
    CRASHED = "CRASHED"
    BACKOFF = "BACKOFF"
    """It is started again at `next_try_at`."""
    STOPPING = "STOPPING"
    FAILED = "FAILED"
    """Given up, as the reason says: an operator, or the end of a long pause, tries again."""
    UP = "UP"
    SUSPECT = "SUSPECT"
    DOWN = "DOWN"

    @property
    def takes_prompts(self) -> bool:
        """Whether a prompt may be sent to it."""
        return self in _TAKING

    @property
    def answers(self) -> bool:
        """Whether what it was given goes on."""
        return self in _TAKING or self in (ServerState.DEGRADED, ServerState.SUSPECT)

    @property
    def is_coming(self) -> bool:
        """Whether it is being brought back without anybody's doing."""
        return self in _COMING


_TAKING = frozenset({ServerState.READY, ServerState.BUSY, ServerState.UP})
_COMING = frozenset(
    {
        ServerState.STARTING,
        ServerState.WEDGED,
        ServerState.CRASHED,
        ServerState.BACKOFF,
        ServerState.STOPPING,
    }
)


class Offer(_Value):
    """One workflow at one server: whether it can run there, and what may be chosen."""

    fault: str = ""
    """Why it cannot run there: "the model sd_xl_base_1.0.safetensors is not in checkpoints"."""
    fields: tuple[Mapping[str, Any], ...] = ()
    """The form of its options (values of komadori.domain.workflows, as JSON)."""


class Device(_Value):
    """One GPU (or the processor) as /system_stats tells."""

    name: str
    vram_total: int = 0
    vram_free: int = 0


class ServerReport(_Value):
    """One server, as its supervisor last told."""

    name: ServerName
    url: str
    host: str | None = None
    """The machine that may start it."""
    is_owned: bool = False
    """Whether a supervisor starts and ends it; else it is only watched."""
    state: ServerState
    reason: str = ""
    """Why it is in this state, in a sentence: "it ended with code -9: out of memory, likely"."""
    since: float
    is_idle: bool = False
    """Whether it is stopped only because there is no work for it: work starts it."""
    attempt: int = 0
    """Which attempt to bring it back this is; 0: none is under way."""
    attempts_most: int = 0
    next_try_at: float | None = None
    is_draining: bool = False
    """Whether it takes no new prompts: an operator said so, or a planned restart is near."""
    at_once: Annotated[int, Field(ge=0)] = 2
    """How many of our prompts it may have, one running and the others waiting."""
    boot: int = 0
    """Counts its starts: a prompt sent in another boot is gone from its queue."""
    number: float | None = None
    """The largest number of a prompt seen there in this boot: one that falls tells of a restart."""
    started_at: float | None = None
    pid: int | None = None
    version: str = ""
    devices: tuple[Device, ...] = ()
    ram_total: int = 0
    ram_free: int = 0
    queue_remaining: int = 0
    """Prompts running and waiting there, anybody's."""
    restarts: int = 0
    """How often it was started again since it is watched."""
    plan: str = ""
    """What is planned: "restart in a gap before 03:10, its memory grows by 210 MB an hour"."""
    offers: Mapping[str, Offer] = Field(default_factory=dict)
    """What of the workflows it can run, by workflow name."""
    supervisor: str = ""
    """Who watches it: machine and process."""
    seen_at: float | None = None
    """When it last answered."""

    @property
    def waits(self) -> str:
        """What somebody who waits for it is told: "restarting, attempt 1 of 5"."""
        if self.is_draining and self.state.takes_prompts:
            return "takes no new prompts just now"
        if self.state.is_coming or (self.state is ServerState.STOPPED and self.attempt):
            count = f", attempt {self.attempt} of {self.attempts_most}" if self.attempt else ""
            return ("restarting" if self.attempt else "starting") + count
        if self.is_idle:
            return "starts when there is work for it"
        told = f"{_WORDS[self.state]}{f' ({self.reason})' if self.reason else ''}"
        if self.state is not ServerState.FAILED or self.next_try_at is None:
            return told
        again = time.strftime("%H:%M", time.localtime(self.next_try_at))
        return f"{told}, tried again at {again}"


_WORDS = {
    ServerState.STOPPED: "stopped",
    ServerState.DEGRADED: "does not answer just now",
    ServerState.SUSPECT: "does not answer just now",
    ServerState.FAILED: "given up",
    ServerState.DOWN: "not reachable",
    ServerState.READY: "ready",
    ServerState.UP: "ready",
    ServerState.BUSY: "busy",
}


def away_sentence(reports: Sequence[ServerReport]) -> str:
    """Return what those wait for who want a server: all of them, or the reason of each."""
    if not reports:
        return "Waiting for ComfyUI: nobody watches a server yet."
    return "Waiting for ComfyUI " + "; ".join(f"{one.name}: {one.waits}" for one in reports) + "."


class ServerStanding(_Value):
    """A server as a worker may choose it."""

    report: ServerReport
    is_watched: bool
    """Whether a supervisor's word is fresh; a server that nobody watches is simply tried."""
    ours: int
    """Our prompts there, running and waiting."""
    last_workflow: str = ""
    """The workflow of the newest prompt there: its model is loaded."""
    seconds: float | None = None
    """The median of the newest prompts of the workflow in question there; None: not known."""
    failures: int = 0
    """Failures of the server in a row."""
    rests_until: float | None = None


class Sample(_Value):
    """One moment of a server, for the charts and the forecast."""

    at: float
    ram_percent: float | None = None
    """Of the machine."""
    rss: int | None = None
    """Memory of its process tree; None where it is not ours to see."""
    cpu_percent: float | None = None
    """Of the machine, all cores."""
    vram_percent: float | None = None
    queue: int | None = None
    restarts: int = 0


class IncidentKind(StrEnum):
    """What happened to a server."""

    CRASHED = "crashed"
    WEDGED = "wedged"
    START_FAILED = "start_failed"
    GAVE_UP = "gave_up"
    """The breaker opened."""
    RECYCLED = "recycled"
    """A planned restart."""
    FREED = "freed"
    """Memory over its limit was freed."""
    OPERATOR = "operator"
    """Somebody had it restarted or stopped, by a button or the command."""
    NOTED = "noted"
    """Somebody asked for what ends nothing: no new prompts, prompts again, a start."""
    ADOPTED = "adopted"
    """A supervisor found a server that an earlier one had started."""
    WENT_DOWN = "went_down"
    CAME_UP = "came_up"
    SCALED = "scaled"


class Incident(_Value):
    """What happened, why, and what was done about it."""

    server: ServerName
    kind: IncidentKind
    at: float
    cause: str
    """In words: "killed (signal 9): out of memory, likely"."""
    action: str = ""
    """What was done: "started again after 2 s"."""
    exit_code: int | None = None
    prompts: tuple[str, ...] = ()
    """The prompts that ran there at that moment, as the last probe saw them."""
    samples: tuple[Sample, ...] = ()
    """The two minutes before."""
    log_tail: str = ""
    """The last lines of its log, at most 200, without secrets."""
    recovered_at: float | None = None
    """When it was ready again."""


class Verb(StrEnum):
    """What an operator, or a worker who saw a wedge, may ask of a server's supervisor."""

    RESTART = "restart"
    START = "start"
    STOP = "stop"
    DRAIN = "drain"
    RESUME = "resume"
    FREE = "free"


class Command(_Value):
    """One wish of an operator or a worker."""

    id: str
    server: ServerName
    verb: Verb
    by: Literal["operator", "worker", "command line"]
    reason: str = ""
    at: float


class ServerBook(Protocol):
    """The store as supervisors use it, from their threads. Raises StoreAway when it is away."""

    def now(self) -> float:
        """Return the store's clock."""

    def take(self, server: str, owner: str, lease_s: float) -> bool:
        """Become, or stay, the one supervisor of a server for so long. False: another one is."""

    def leave(self, server: str, owner: str) -> None:
        """Give the server up at once, so that another supervisor may take it."""

    def report(self, server: str) -> ServerReport | None:
        """Return what was last told of a server, by whomever."""

    def tell(self, report: ServerReport) -> None:
        """Store how a server does. Jobs that wait for it read why; they go on when it is ready."""

    def add_sample(self, server: str, sample: Sample) -> None:
        """Store one moment, for the charts."""

    def samples(self, server: str, since: float) -> Sequence[Sample]:
        """Return the moments since then, oldest first."""

    def note(self, incident: Incident) -> str:
        """Store what happened. Returns its id."""

    def recovered(self, incident_id: str, at: float) -> None:
        """Store when the server was ready again."""

    def incidents(self, server: str, since: float) -> Sequence[Incident]:
        """Return what happened since then, newest first."""

    def take_commands(self, server: str) -> Sequence[Command]:
        """Return what was asked for and nobody has done, oldest first, once."""

    def prompts(self, server: str) -> Sequence[str]:
        """Return the ids of our prompts that should be there."""

    def orphans(self, server: str) -> Sequence[str]:
        """Return the ids of prompts that nobody waits for any more: to be stopped there."""

    def orphan_ended(self, prompt_id: str) -> None:
        """Store that such a prompt is gone from its server."""

    def backlog(self) -> int:
        """Count the steps that wait for a ComfyUI server to have room."""

    def forget_others(self, names: Sequence[str]) -> None:
        """Forget servers with other names, unless somebody watches them."""
