"""ComfyUI servers as API callers see them: plain JSON.

The types are those that view_api() shows.
"""

from typing import TypedDict

from komadori.domain.servers import Device, Sample
from komadori.queue.health import HealthView, ServerHealth
from komadori.queue.moments import NotedIncident


class PlainDevice(TypedDict):
    """A GPU, or the processor. Sizes in bytes."""

    name: str
    vram_total: int
    vram_free: int


class PlainSample(TypedDict):
    """One moment of a server; null: it was not told. `rss`: bytes of its processes."""

    at: float
    ram_percent: float | None
    cpu_percent: float | None
    vram_percent: float | None
    rss: int | None
    queue: int | None
    restarts: int


class PlainIncident(TypedDict):
    """What happened, why, and what was done. `prompts`: how many were running.

    `recovered_at`: when it was ready again; null: not yet. `log_tail`: null without the
    operator's password.
    """

    id: str
    kind: str
    at: float
    cause: str
    action: str
    exit_code: int | None
    prompts: int
    recovered_at: float | None
    log_tail: str | None


class PlainServer(TypedDict):
    """A ComfyUI server. Times are seconds since 1970 (UTC), sizes bytes.

    `waits`: what a job that needs it is told. `attempt`: which attempt to bring it back this is;
    0: none is under way. `queue`: prompts there, anybody's; `ours`: those of our jobs.
    `workflows`: those that it can run; `faults`: why not the others. `asked`: what an operator
    has asked for and is not begun yet.
    """

    name: str
    url: str
    is_owned: bool
    is_watched: bool
    state: str
    reason: str
    waits: str
    since: float
    attempt: int
    attempts_most: int
    next_try_at: float | None
    is_draining: bool
    plan: str
    version: str
    devices: list[PlainDevice]
    ram_total: int
    ram_free: int
    queue: int
    ours: int
    restarts: int
    seen_at: float | None
    workflows: list[str]
    faults: dict[str, str]
    asked: list[str]
    samples: list[PlainSample]
    incidents: list[PlainIncident]


class PlainQueue(TypedDict):
    """The steps of all jobs that are not over."""

    queued: int
    running: int
    waiting: int


class PlainHealth(TypedDict):
    """All ComfyUI servers and the queue. `now`: the clock that the times belong to."""

    now: float
    hours: float
    queue: PlainQueue
    servers: list[PlainServer]


def plain_health(view: HealthView, *, has_logs: bool) -> PlainHealth:
    """Return the servers' health as an API caller sees it."""
    queue = view.queue
    return PlainHealth(
        now=view.now,
        hours=view.hours,
        queue=PlainQueue(queued=queue.queued, running=queue.running, waiting=queue.waiting),
        servers=[_plain_server(one, has_logs=has_logs) for one in view.servers],
    )


def _plain_server(server: ServerHealth, *, has_logs: bool) -> PlainServer:
    report = server.report
    return PlainServer(
        name=report.name,
        url=report.url,
        is_owned=report.is_owned,
        is_watched=server.is_watched,
        state=report.state.value,
        reason=report.reason,
        waits="" if report.state.takes_prompts and not report.is_draining else report.waits,
        since=report.since,
        attempt=report.attempt,
        attempts_most=report.attempts_most,
        next_try_at=report.next_try_at,
        is_draining=report.is_draining,
        plan=report.plan,
        version=report.version,
        devices=[_plain_device(one) for one in report.devices],
        ram_total=report.ram_total,
        ram_free=report.ram_free,
        queue=report.queue_remaining,
        ours=server.ours,
        restarts=report.restarts,
        seen_at=report.seen_at,
        workflows=sorted(name for name, offer in report.offers.items() if not offer.fault),
        faults={name: offer.fault for name, offer in report.offers.items() if offer.fault},
        asked=[verb.value for verb in server.asked],
        samples=[_plain_sample(one) for one in server.samples],
        incidents=[_plain_incident(one, has_logs=has_logs) for one in server.incidents],
    )


def _plain_device(device: Device) -> PlainDevice:
    return PlainDevice(name=device.name, vram_total=device.vram_total, vram_free=device.vram_free)


def _plain_sample(sample: Sample) -> PlainSample:
    return PlainSample(
        at=sample.at,
        ram_percent=sample.ram_percent,
        cpu_percent=sample.cpu_percent,
        vram_percent=sample.vram_percent,
        rss=sample.rss,
        queue=sample.queue,
        restarts=sample.restarts,
    )


def _plain_incident(noted: NotedIncident, *, has_logs: bool) -> PlainIncident:
    incident = noted.incident
    return PlainIncident(
        id=noted.id,
        kind=incident.kind.value,
        at=incident.at,
        cause=incident.cause,
        action=incident.action,
        exit_code=incident.exit_code,
        prompts=len(incident.prompts),
        recovered_at=incident.recovered_at,
        log_tail=incident.log_tail if has_logs else None,
    )
