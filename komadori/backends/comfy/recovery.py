"""A prompt that its server does not know any more: is its file there, and was it to blame?"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.errors import OutputMissing, PromptRemoved, clean
from komadori.backends.comfy.outputs import expected_files
from komadori.backends.comfy.ticket import CRASHES_MOST, Ticket
from komadori.backends.images.protocol import Errand
from komadori.domain.servers import Incident, IncidentKind
from komadori.errors import BackendRefused

log = logging.getLogger(__name__)

_TAIL_LINES = 12
_NOT_ITS_FAULT = (IncidentKind.OPERATOR, IncidentKind.RECYCLED)


class Lost(Exception):
    """Nothing will come of a ticket. `crashes`: how many servers the prompt has ended by now."""

    def __init__(
        self,
        why: str | Exception,
        *,
        crashes: int = 0,
        avoid: str = "",
        alone: bool = False,
    ) -> None:
        """`avoid`: which server failed with it; `alone`: nothing else of ours may be beside it."""
        super().__init__(str(why))
        self.fault = why if isinstance(why, Exception) else None
        self.crashes = crashes
        self.avoid = avoid
        self.alone = alone


class Recovery:
    """What can be saved of a lost prompt."""

    def __init__(
        self,
        errand: Errand,
        *,
        is_whole: Callable[[bytes], bool],
        suffixes: Sequence[str],
        max_bytes: int,
    ) -> None:
        """`is_whole`: whether a file was written to its end; `suffixes`: of what may be written."""
        self._errand = errand
        self._is_whole = is_whole
        self._suffixes = suffixes
        self._max_bytes = max_bytes

    async def file(
        self, client: ComfyClient, ticket: Ticket, *, is_outage: bool, was_seen: bool
    ) -> bytes:
        """Return the file of a prompt that the server does not know any more.

        `is_outage`: whether it was started anew. `was_seen`: whether we followed the prompt until
        then; whoever finds it gone later cannot say that somebody took it away.

        Raises:
            Lost: there is none; it may be sent again.
            PromptRemoved: somebody took it away.
            BackendRefused: it is set apart.
        """
        if ticket.is_sent or ticket.has_run:
            for suffix in self._suffixes:
                (file,) = expected_files(ticket.prefix, suffix=suffix)
                with suppress(OutputMissing):
                    data = await client.view(file, max_bytes=self._max_bytes)
                    if self._is_whole(data):
                        log.info("output recovered: server=%s file=%s", client.name, file.name)
                        return data
        if was_seen and not is_outage and not ticket.has_run:
            raise PromptRemoved(client.name)
        crashes = await self.crashes(ticket, is_outage=is_outage)
        raise Lost(f"ComfyUI {client.name} lost the prompt", crashes=crashes)

    async def crashes(self, ticket: Ticket, *, is_outage: bool) -> int:
        """Count the servers that this prompt has ended. One that it ended twice is not sent again.

        Raises:
            BackendRefused: it is set apart.
        """
        if not (ticket.has_run and is_outage):
            return ticket.crashes
        incident = await self._errand.incident(ticket.server)
        if incident is not None and incident.kind in _NOT_ITS_FAULT:
            return ticket.crashes
        crashes = ticket.crashes + 1
        if crashes < CRASHES_MOST:
            return crashes
        raise _set_apart(ticket.server, crashes, incident)


def _set_apart(server: str, crashes: int, incident: Incident | None) -> BackendRefused:
    why = incident.cause if incident else "nobody watched it, so the reason is not known"
    tail = incident.log_tail.splitlines()[-_TAIL_LINES:] if incident else []
    lines = "".join(f"\n{clean(line, 160)}" for line in tail)
    return BackendRefused(
        f"It ended ComfyUI {server} {crashes} times and is set apart; all else goes on. "
        f"The last time: {why}.{' The last lines of its log:' if lines else ''}{lines}"
    )
