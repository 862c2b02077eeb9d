"""Servers as the page sees them, for the tests of what is drawn of them."""

from typing import Any

from komadori.domain.servers import (
    Device,
    Incident,
    IncidentKind,
    Offer,
    Sample,
    ServerReport,
    ServerState,
)
from komadori.queue.health import HealthView, QueueHealth, ServerHealth
from komadori.queue.moments import NotedIncident
from komadori.settings import ServerLimits
from komadori.ui.render_server import Moment
from komadori.ui.texts import Language

NOW = 1_800_000_000.0
GB = 2**30
LIMITS = ServerLimits(memory_percent=85, cpu_percent=80, vram_percent=95)


def make_report(state: ServerState = ServerState.READY, **facts: Any) -> ServerReport:
    """Return what is told of a server that is ours to start and end."""
    given: dict[str, Any] = {
        "name": "a",
        "url": "http://127.0.0.1:8188",
        "is_owned": True,
        "state": state,
        "since": NOW - 720,
        "attempts_most": 5,
        "version": "0.38.1",
        "devices": (Device(name="cuda:0 RTX 4090 : native", vram_total=24 * GB, vram_free=6 * GB),),
        "ram_total": 64 * GB,
        "ram_free": 32 * GB,
        "seen_at": NOW,
        "offers": {"sdxl": Offer()},
    }
    return ServerReport(**(given | facts))


def make_server(report: ServerReport | None = None, **facts: Any) -> ServerHealth:
    """Return a server's health."""
    given: dict[str, Any] = {
        "report": report or make_report(),
        "is_watched": True,
        "ours": 1,
        "samples": (),
        "incidents": (),
        "asked": (),
    }
    return ServerHealth(**(given | facts))


def make_view(*servers: ServerHealth, hours: float = 6, **queue: Any) -> HealthView:
    """Return the health of these servers."""
    return HealthView(servers=servers, queue=QueueHealth(**queue), hours=hours, now=NOW)


def make_incident(kind: IncidentKind = IncidentKind.CRASHED, **facts: Any) -> NotedIncident:
    """Return what happened to server a, an hour ago."""
    given: dict[str, Any] = {
        "server": "a",
        "kind": kind,
        "at": NOW - 3600,
        "cause": "killed (signal 9): out of memory, likely",
        "action": "started again after 1.1 s",
        "exit_code": -9,
        "recovered_at": NOW - 3600 + 14,
    }
    return NotedIncident(id=f"{kind.value}1", incident=Incident(**(given | facts)))


def make_samples(count: int, step_s: float = 60.0, **facts: Any) -> tuple[Sample, ...]:
    """Return so many moments up to now."""
    given: dict[str, Any] = {"ram_percent": 50.0, "cpu_percent": 20.0, "vram_percent": 40.0}
    return tuple(
        Sample(at=NOW - (count - 1 - index) * step_s, **({**given, "queue": 1} | facts))
        for index in range(count)
    )


def make_moment(language: Language = "en") -> Moment:
    """Return the moment at which cards are drawn."""
    return Moment(now=NOW, language=language, limits=LIMITS)
