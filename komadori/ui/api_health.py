"""The endpoints of the ComfyUI servers: how they do, and what an operator asks of them."""

from typing import TypedDict

from komadori.domain.servers import Verb
from komadori.errors import invalid_field
from komadori.queue.health import HOURS_MOST
from komadori.ui import fields
from komadori.ui.health_desk import HealthDesk
from komadori.ui.plain_health import PlainHealth, plain_health

_HOURS_LEAST = 0.1


class PlainAsked(TypedDict):
    """What was asked of which server. Its supervisor does it within seconds."""

    server: str
    verb: str
    asked: bool


class HealthCalls:
    """Their signatures and docstrings are what view_api() tells."""

    def __init__(self, desk: HealthDesk) -> None:
        self._desk = desk

    async def health(self, hours: float = 6, password: str | None = None) -> PlainHealth:
        """Tell how the ComfyUI servers do: state and why, samples, incidents; and the queue.

        It needs no session key: it is the same for everybody. hours: 0.1 to 24, of which samples
        are wanted; some 240 for each server come back. password: the operator's; with it the
        incidents carry the end of the server's log.
        """
        has_logs = password not in (None, "")
        if has_logs:
            await self._desk.operator.check(password)
        view = await self._desk.health.view(hours=_hours(hours))
        return plain_health(view, has_logs=has_logs)

    async def operate(self, server: str, verb: str, password: str) -> PlainAsked:
        """Ask something of a server, as its operator. Returns at once; health shows what follows.

        server: a name that health tells. verb: restart, start or stop, for a server that has a
        command in the settings; drain, resume or free for any. password: the operator's.
        """
        await self._desk.operator.check(password)
        wanted = fields.one_of(verb, "verb", tuple(one.value for one in Verb))
        if wanted is None:
            raise invalid_field("verb", "it is missing")
        await self._desk.ask(fields.text(server, "server"), Verb(wanted))
        return PlainAsked(server=server, verb=wanted, asked=True)


def _hours(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not _HOURS_LEAST <= float(value) <= HOURS_MOST:  # type: ignore[arg-type]
        raise invalid_field("hours", f"a number from {_HOURS_LEAST:g} to {HOURS_MOST:g} is wanted")
    return float(value)  # type: ignore[arg-type]
