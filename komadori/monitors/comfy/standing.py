"""The values from which a server's next state follows, and the table of states."""

from dataclasses import dataclass, replace
from enum import StrEnum

from komadori.domain.servers import IncidentKind, ServerState
from komadori.errors import InvalidTransition
from komadori.monitors.comfy.verdicts import Exit, Verdict

_S = ServerState
_RUNNING = frozenset({_S.READY, _S.BUSY, _S.DEGRADED})
_AWAY = frozenset({_S.CRASHED, _S.WEDGED, _S.STOPPING})

NEXT: dict[ServerState, frozenset[ServerState]] = {
    _S.STOPPED: frozenset({_S.STARTING, _S.FAILED, *_RUNNING}),
    _S.STARTING: _RUNNING | _AWAY | {_S.FAILED},
    _S.READY: _RUNNING | _AWAY | {_S.STARTING},
    _S.BUSY: _RUNNING | _AWAY | {_S.STARTING},
    _S.DEGRADED: _RUNNING | _AWAY | {_S.STARTING},
    _S.WEDGED: frozenset({_S.CRASHED, _S.STOPPING}),
    _S.CRASHED: frozenset({_S.BACKOFF, _S.FAILED, _S.STOPPED, _S.STARTING}),
    _S.BACKOFF: frozenset({_S.STARTING, _S.STOPPED, _S.FAILED}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.STARTING, _S.FAILED}),
    _S.FAILED: frozenset({_S.STARTING, _S.STOPPED}),
    _S.UP: frozenset({_S.SUSPECT, _S.DOWN}),
    _S.SUSPECT: frozenset({_S.UP, _S.DOWN}),
    _S.DOWN: frozenset({_S.UP, _S.SUSPECT}),
}


class Act(StrEnum):
    """What the supervisor has to do to the process."""

    NONE = "none"
    START = "start"
    END = "end"
    """In order: it is asked first."""
    KILL = "kill"
    """At once, since it would not listen; also what a dead one has left."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What is to be written into the book of incidents."""

    kind: IncidentKind
    cause: str
    action: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a server stands, with all that its next state depends on. Times as in `Seen.now`."""

    state: ServerState
    since: float
    reason: str = ""
    attempt: int = 0
    next_try_at: float | None = None
    was_ready: bool = False
    """Whether it has answered since it was started."""
    ready_at: float | None = None
    misses: int = 0
    """Probes in a row that failed."""
    missing_since: float | None = None
    crashes: tuple[float, ...] = ()
    start_failures: int = 0
    openings: int = 0
    """How often the breaker has opened since it was last well."""

    def moved(self, state: ServerState, now: float, reason: str = "") -> "Standing":
        """Return the standing in another state; its `since` is kept when it is the same."""
        if state is not self.state and state not in NEXT[self.state]:
            raise InvalidTransition(f"a server that is {self.state} cannot become {state}")
        since = self.since if state is self.state else now
        return replace(self, state=state, since=since, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of a server at one moment."""

    now: float
    has_process: bool = True
    unwanted: str = ""
    """Why it is not to run: an operator has stopped it, or there is no work. Empty: it is to."""
    exit: Exit | None = None
    is_reboot: bool = False
    """Whether it ended because somebody asked it, from its own page, to start anew."""
    verdict: Verdict | None = None
    """None: it was not asked at this moment."""
    is_busy: bool = False
    wedge: str = ""
    """Why it will do nothing any more."""
    start_fault: str = ""
    """Why its start is given up."""
    restart: str = ""
    """Why it is to be started anew, as an operator or a plan wants."""
    restart_kind: IncidentKind = IncidentKind.OPERATOR
    try_now: str = ""
    """Why the pause before the next attempt is cut short."""
    port_taken: str = ""
    """Who else has its port; asked before a start."""
    fault: str = ""
    """Why there is no process, where it could not even be started."""
    log_says: str = ""
    """What its log knows of its end, in words."""
    good_prompts: int = 0
    """Prompts that it has done since it is ready."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next standing, what to do and what to write down."""

    standing: Standing
    act: Act = Act.NONE
    happening: Happening | None = None
