"""One request to a backend: what it tells on its way is written into the book of calls."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from komadori.domain.calls import CallId, CallState, Intent, OpenCall
from komadori.domain.files import StoredFile
from komadori.domain.servers import Incident, ServerStanding
from komadori.domain.work import StepContext
from komadori.errors import (
    BackendAway,
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    NotFetchedYet,
    OutcomeUnknown,
)

_STATES: dict[type[BackendError], CallState] = {
    BackendRefused: CallState.REFUSED,
    BackendBusy: CallState.BUSY,
    BackendAway: CallState.DOWN,
    BackendDown: CallState.DOWN,
    OutcomeUnknown: CallState.UNKNOWN,
}


class PictureErrand:
    """An Errand for one picture. `earlier`: a request that is to be fetched, not sent again."""

    def __init__(
        self, context: StepContext, intent: Intent, earlier: OpenCall | None = None
    ) -> None:
        self._context = context
        self._intent = intent
        self._ticket = earlier.ticket if earlier else None
        self._call: CallId | None = earlier.id if earlier else None
        self._sent_at: float | None = None
        self._answer_s: float | None = None
        self._worked_s: float | None = None

    @property
    def timeout_s(self) -> float:
        """Seconds that the request may take as a whole."""
        return self._intent.timeout_s

    @property
    def ticket(self) -> Mapping[str, Any] | None:
        """How the result of an earlier request is fetched."""
        return self._ticket

    def report(self, fraction: float, message: str = "") -> None:
        """Tell how far it is."""
        self._context.report(fraction, message)

    def timed(self, stage: str) -> AbstractContextManager[None]:
        """Time a part for the waterfall."""
        return self._context.timed(stage)

    def span(self, stage: str, began: float, ended: float) -> None:
        """Note a part that somebody else has timed."""
        self._context.span(stage, began, ended)

    async def sending(self, server: str = "", at_once: int = 0) -> None:
        """Store that the request goes out now; see Errand.sending."""
        intent = self._intent
        if server:
            intent = replace(intent, server=server, at_once=at_once)
        self._call = await self._context.calls.begin(intent)
        self._sent_at = time.perf_counter()

    async def accepted(self, ticket: Mapping[str, Any]) -> None:
        """Store how the result is fetched."""
        self._ticket = dict(ticket)
        if self._call is not None:
            await self._context.calls.accepted(self._call, ticket)

    async def servers(self) -> Sequence[ServerStanding]:
        """Return our ComfyUI servers as they stand now."""
        return await self._context.calls.servers(self._intent.provider)

    async def ask_restart(self, server: str, reason: str) -> None:
        """Ask a server's supervisor to start it anew."""
        await self._context.calls.ask_restart(server, reason)

    async def incident(self, server: str) -> Incident | None:
        """Return what last happened to a server."""
        return await self._context.calls.incident(server)

    async def given_up(self, message: str, *, is_fault: bool = False) -> None:
        """Close what was begun: nothing will come of it; see Errand.given_up."""
        state = CallState.DOWN if is_fault else CallState.BUSY
        call, self._call, self._ticket = self._call, None, None
        if call is not None:
            await self._context.calls.ended(call, state, message)

    def preview(self, picture: bytes) -> None:
        """Show what is there of the result so far."""
        self._context.preview(picture)

    def alive(self) -> None:
        """Tell that it goes on, where nobody can know how long it takes."""
        self._context.alive()

    @property
    def is_cancelled(self) -> bool:
        """Whether a stopped errand is not to go on later."""
        return self._context.is_cancelled

    def took(self, seconds: float) -> None:
        """Tell how long the work itself took."""
        self._worked_s = seconds

    def came_back(self) -> None:
        """The whole answer is here: what comes now is our own time, not the backend's."""
        if self._sent_at is not None:
            self._answer_s = time.perf_counter() - self._sent_at
        if self._worked_s is not None:
            self._answer_s = self._worked_s

    async def kept(self, file: StoredFile) -> None:
        """The picture is stored: from now on it can be found again."""
        if self._call is not None:
            await self._context.calls.answered(self._call, file, self._answer_s)

    async def failed(self, exc: BackendError) -> None:
        """Close the request as its error says; one that can still be fetched stays open."""
        if self._call is None or isinstance(exc, NotFetchedYet):
            return
        if isinstance(exc, BackendAway) and self._ticket is not None:
            return  # it is looked for when its server is there
        state = next(state for kind, state in _STATES.items() if isinstance(exc, kind))
        rest_s = exc.retry_after_s if isinstance(exc, BackendBusy) else None
        await self._context.calls.ended(self._call, state, str(exc), rest_s)
