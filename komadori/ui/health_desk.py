"""What the Health tab and its endpoints stand on: the servers' health, limits and operator.

The server of the page needs it before Gradio may be imported, so nothing of Gradio is here.
"""

from dataclasses import dataclass

from komadori.domain.servers import ServerReport, ServerState, Verb
from komadori.errors import NotFound, RequestRejected
from komadori.queue.health import Health
from komadori.settings import ServerLimits, Settings
from komadori.ui.operator import Operator

_OTHERS = (Verb.DRAIN, Verb.RESUME, Verb.FREE)
"""What may be asked of any server; the rest is for those that are ours to start and end."""
_OFF = frozenset({ServerState.STOPPED, ServerState.FAILED, ServerState.BACKOFF})
"""It does not run, and may be started at once."""


def verbs_for(report: ServerReport) -> tuple[Verb, ...]:
    """Return what an operator may ask of a server. One that is not ours is never ended."""
    drain = Verb.RESUME if report.is_draining else Verb.DRAIN
    if not report.is_owned:
        return (Verb.FREE, drain)
    if report.state in _OFF:
        more = () if report.state is ServerState.STOPPED else (Verb.STOP,)
        return (Verb.START, drain, *more)
    return (Verb.RESTART, Verb.FREE, drain, Verb.STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthDesk:
    """The servers as the page sees them, and who may ask something of them."""

    health: Health
    limits: ServerLimits
    operator: Operator

    @classmethod
    def of(cls, health: Health, settings: Settings) -> "HealthDesk":
        """Take limits and password from the settings."""
        operator = Operator(settings.operator_password)
        return cls(health=health, limits=settings.comfyui.limits, operator=operator)

    async def ask(self, server: str, verb: Verb) -> None:
        """Ask something of a server, for an operator who has given the password.

        Raises:
            NotFound: there is no such server.
            RequestRejected: it is not ours to start and end.
        """
        reports = await self.health.reports()
        report = next((one for one in reports if one.name == server), None)
        if report is None:
            raise NotFound("server", server)
        if not report.is_owned and verb not in _OTHERS:
            possible = ", ".join(one.value for one in verbs_for(report))
            raise RequestRejected(
                f"ComfyUI {server} is not ours to {verb.value}: it has no command in the settings. "
                f"Possible are {possible}.",
                code="server_not_owned",
                name=server,
            )
        await self.health.ask(server, verb)
