"""The book of requests to backends: kept in the store, so that whoever comes later knows of them.

A worker may be killed between any two lines. What the book says decides what its successor may do:
a request that was only intended or sent is never sent again on our own; one whose task was accepted
is fetched; one that was answered is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType, Protocol

from komadori.domain.backends import Price
from komadori.domain.files import StoredFile
from komadori.domain.servers import Incident, ServerStanding

CallId = NewType("CallId", str)


class CallState(StrEnum):
    """How far a request came."""

    SENDING = "sending"
    """It was about to go out, or went out."""
    ACCEPTED = "accepted"
    """The backend works on it, and its result can be fetched."""
    ANSWERED = "answered"
    """Its picture is kept."""
    REFUSED = "refused"
    BUSY = "busy"
    DOWN = "down"
    """Nothing was made: the backend said so, or cannot have got the request."""
    UNKNOWN = "unknown"
    """No answer came; it may have been made, and be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A request that is about to go out."""

    provider: str
    model: str
    size_band: str
    """Pixels, coarsely, because times differ by them: "1MP"."""
    references: int
    is_paid: bool
    at_once: int
    """How many requests this backend may have under way, over all machines."""
    timeout_s: float
    price: Price | None = None
    server: str = ""
    """Which of our ComfyUI servers; "" for a provider that is a server itself. `at_once` is then
    what this server may have of us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A request of an earlier attempt whose picture needs no second one."""

    id: CallId
    provider: str
    model: str
    price: Price | None
    ticket: Mapping[str, Any] | None
    """How its result is fetched."""
    file: StoredFile | None
    """Its picture, when that is kept already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An earlier request that was answered or timed out: what it was like, and its seconds."""

    size_band: str
    references: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A backend is left alone for so long, and why."""

    seconds: float
    reason: str
    is_down: bool
    """Whether it failed too often; else it asked for a pause."""


class Calls(Protocol):
    """The book, as one step may use it."""

    async def servers(self, provider: str) -> Sequence[ServerStanding]:
        """Return the ComfyUI servers as they stand, with how a provider does at each."""

    async def incident(self, server: str) -> Incident | None:
        """Return what last happened to a server."""

    async def ask_restart(self, server: str, reason: str) -> None:
        """Ask a server's supervisor to start it anew: it lives, and does nothing."""

    async def open(self) -> OpenCall | None:
        """Return the newest request of this step that can still be fetched, if there is one."""

    async def rest(self, provider: str) -> Rest | None:
        """Return why a provider is not to be asked now; None: it may be asked."""

    async def runs(self, provider: str, model: str) -> Sequence[Run]:
        """Return the newest runs of a model, newest first, at most 200."""

    async def begin(self, intent: Intent) -> CallId:
        """Store that a request goes out; committed when this returns.

        Raises:
            BackendBusy: all its places are taken, or it is to be left alone.
            LeaseLost: another worker has the step, or its job is being cancelled.
        """

    async def accepted(self, call: CallId, ticket: Mapping[str, Any]) -> None:
        """Store how the result is fetched."""

    async def answered(self, call: CallId, file: StoredFile, seconds: float | None) -> None:
        """Store that the picture is kept. `seconds`: from sending to the whole answer.

        `seconds` is None where an earlier attempt had sent it: nobody timed the whole.
        """

    async def ended(
        self, call: CallId, state: CallState, message: str, rest_s: float | None = None
    ) -> None:
        """Store that no picture came, and why. `rest_s`: how long the backend wants peace."""
