"""What is told of a server, and what a new supervisor takes over from what the last one told."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from komadori.domain.servers import Incident, IncidentKind, Offer, ServerReport, ServerState
from komadori.monitors.comfy.eyes import Eyes
from komadori.monitors.comfy.planning import BETWEEN
from komadori.monitors.comfy.probe import Look, Queue, without_secrets
from komadori.monitors.comfy.standing import Standing
from komadori.monitors.comfy.surroundings import hide
from komadori.monitors.comfy.tending import Tending
from komadori.monitors.comfy.verdicts import Verdict
from komadori.monitors.comfy.wishes import Wishes
from komadori.settings import ServerSettings

OVER_AT_ONCE = frozenset(
    {IncidentKind.ADOPTED, IncidentKind.CAME_UP, IncidentKind.SCALED, IncidentKind.NOTED}
)
_CRASHES = frozenset({IncidentKind.CRASHED, IncidentKind.WEDGED, IncidentKind.START_FAILED})
_PAUSED = frozenset({ServerState.BACKOFF, ServerState.FAILED})


@dataclass(frozen=True, slots=True)
class Before:
    """What outlives supervisors: how often it was started."""

    boot: int = 0
    restarts: int = 0
    number: int | None = None
    """The largest number of a prompt that was seen there since its start."""
    was_refused: bool = False

    @classmethod
    def of(cls, report: ServerReport | None) -> "Before":
        """Take it from what was told last."""
        if report is None:
            return cls()
        number = int(report.number) if report.number is not None else None
        return cls(report.boot, report.restarts, number)

    def has_lost(
        self, queue: Queue, ours: Collection[str], has_ended: Callable[[str], bool]
    ) -> bool:
        """Whether all that it had of ours is gone without a trace, as only a restart does that.

        Asked once, by who has not watched it meanwhile. A number that goes on tells that it lives.
        """
        if not ours or self.number is None:
            return False
        if queue.number is not None and queue.number >= self.number:
            return False
        there = {*queue.running, *queue.pending}
        return not any(one in there or has_ended(one) for one in ours)

    def seeing(self, look: Look | None) -> "Before":
        """Take in a look at a server of others: neither pid nor start time is told by it."""
        if look is None:
            return self
        if look.verdict is not Verdict.OK:
            return replace(self, was_refused=self.was_refused or look.verdict is Verdict.REFUSED)
        number = look.queue.number
        has_dropped = number is not None and self.number is not None and number < self.number
        if has_dropped or (self.was_refused and self.boot):
            return Before(self.boot + 1, self.restarts + 1, number)
        return Before(max(self.boot, 1), self.restarts, self.number if number is None else number)


def offers_of(report: ServerReport | None, server: ServerSettings) -> Mapping[str, Offer]:
    """Return what a server could run when it was told of last, if it is the same one still."""
    if report is None or report.is_owned is not (server.command is not None):
        return {}
    is_same = report.is_owned or report.url == without_secrets(server.url)
    return report.offers if is_same else {}


def is_news(report: ServerReport, told: ServerReport | None) -> bool:
    """Whether something has changed that does not change all the time."""
    if told is None:
        return True
    passing = {
        name: getattr(told, name) for name in ("seen_at", "ram_free", "ram_total", "devices")
    }
    return report.model_copy(update=passing) != told


def was_drained(report: ServerReport | None) -> bool:
    """Whether an operator had drained a server; a plan's drain is planned anew."""
    return report is not None and report.is_draining and not report.plan.startswith(BETWEEN)


def standing_of(
    report: ServerReport | None, incidents: Sequence[Incident], now: float, *, is_owned: bool
) -> Standing:
    """Return where a server stood when its last supervisor told of it.

    Of a process only what is found counts; pauses and failures are taken over.
    """
    first = ServerState.STOPPED if is_owned else ServerState.SUSPECT
    if report is None or report.is_owned != is_owned:
        return Standing(state=first, since=now)
    if not is_owned:
        is_known = report.state in (ServerState.UP, ServerState.SUSPECT, ServerState.DOWN)
        state = report.state if is_known else first
        return Standing(state=state, since=report.since, was_ready=report.seen_at is not None)
    crashes = tuple(sorted(one.at for one in incidents if one.kind in _CRASHES))
    is_paused = report.state in _PAUSED and report.next_try_at is not None
    return Standing(
        state=report.state if is_paused else first,
        since=report.since if is_paused else now,
        reason=report.reason if is_paused else "",
        attempt=report.attempt,
        next_try_at=report.next_try_at if is_paused else None,
        crashes=crashes,
        openings=int(report.state is ServerState.FAILED),
    )


def report_of(
    server: ServerSettings,
    standing: Standing,
    eyes: Eyes,
    tending: Tending,
    before: Before,
    *,
    attempts_most: int,
    wishes: Wishes,
    owner: str,
) -> ServerReport:
    """Return what is told of a server now."""
    hands, stats = eyes.hands, eyes.last.stats
    birth = hands.birth if hands is not None else None
    is_ending = standing.state is ServerState.WEDGED  # it is not counted as a failure yet
    return ServerReport(
        name=server.name,
        url=without_secrets(server.url),
        host=server.host,
        is_owned=hands is not None,
        state=standing.state,
        reason=hide(standing.reason, hands.untold) if hands is not None else standing.reason,
        since=standing.since,
        attempt=min(standing.attempt + is_ending, attempts_most),
        attempts_most=attempts_most if hands is not None else 0,
        next_try_at=standing.next_try_at,
        is_idle=standing.state is ServerState.STOPPED and wishes.is_only_unneeded,
        is_draining=wishes.takes_no_more or tending.plan.drains,
        at_once=tending.at_once,
        boot=before.boot,
        number=before.number if hands is None else None,
        started_at=birth.started_at if birth is not None else None,
        pid=birth.pid if birth is not None else None,
        version=stats.version,
        devices=stats.devices,
        ram_total=stats.ram_total,
        ram_free=stats.ram_free,
        queue_remaining=eyes.last.queue.remaining if standing.state.answers else 0,
        restarts=before.restarts,
        plan=tending.plan.text,
        offers=tending.offers.found,
        supervisor=owner,
        seen_at=eyes.seen_at,
    )
