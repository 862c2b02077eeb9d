"""Which ComfyUI server a prompt goes to, and whether one that waits is better off elsewhere."""

import statistics
from collections.abc import Collection, Sequence

from komadori.domain.servers import ServerReport, ServerStanding

UNKNOWN_S = 30.0
"""What a prompt is taken to last where nothing is known yet."""
SWITCH_S = 10.0
"""What loading other models is taken to cost."""


def offers(report: ServerReport, workflow: str) -> bool:
    """Whether a server can run a workflow; one that was not asked yet may."""
    offer = report.offers.get(workflow)
    return offer is None or not offer.fault


def ranked(
    standings: Sequence[ServerStanding],
    workflow: str,
    provider: str,
    *,
    avoid: Collection[str] = (),
    alone: bool = False,
    vram_gb: float | None = None,
) -> tuple[ServerStanding, ...]:
    """Return the servers that may be sent a prompt now, the one that is done soonest first.

    `avoid`: names of servers that have just failed with it. `alone`: only where we have no other.
    `vram_gb`: what the workflow is known to need; servers with less come last.
    """
    known = [one.seconds for one in standings if one.seconds is not None]
    usual = statistics.median(known) if known else UNKNOWN_S
    fit = [
        one
        for one in standings
        if _has_room(one, alone=alone)
        and offers(one.report, workflow)
        and one.report.name not in avoid
    ]
    return tuple(
        sorted(
            fit,
            key=lambda one: (
                _is_small(one.report, vram_gb),
                _done_in(one, provider, usual),
                one.report.name,
            ),
        )
    )


def _is_small(report: ServerReport, vram_gb: float | None) -> bool:
    sizes = [device.vram_total for device in report.devices]
    return bool(vram_gb and sizes and max(sizes) < vram_gb * 1e9)


def may_be_sent(standing: ServerStanding) -> bool:
    """Whether a server takes prompts. One that nobody watches is tried."""
    report = standing.report
    return not report.is_draining and (report.state.takes_prompts or not standing.is_watched)


def may_answer(standing: ServerStanding) -> bool:
    """Whether it is worth asking a server. One that nobody watches is asked."""
    return standing.report.state.answers or not standing.is_watched


def _has_room(standing: ServerStanding, *, alone: bool) -> bool:
    if not may_be_sent(standing) or standing.rests_until is not None:
        return False
    return standing.ours < (1 if alone else standing.report.at_once)


def _done_in(standing: ServerStanding, provider: str, usual: float) -> float:
    """Guess the seconds until a prompt that is sent now would be done there."""
    seconds = standing.seconds if standing.seconds is not None else usual
    before = max(standing.ours, standing.report.queue_remaining)
    is_loaded = standing.last_workflow in ("", provider)
    return (before + 1 + standing.failures) * seconds + (0.0 if is_loaded else SWITCH_S)


def better_place(
    standings: Sequence[ServerStanding], here: str, workflow: str, provider: str
) -> str | None:
    """Return a server that would begin at once with a prompt that waits `here`, and be sooner."""
    known = [one.seconds for one in standings if one.seconds is not None]
    usual = statistics.median(known) if known else UNKNOWN_S
    stays = min(
        (_done_in(one, provider, usual) for one in standings if one.report.name == here),
        default=float("inf"),
    )
    for standing in ranked(standings, workflow, provider, avoid=(here,)):
        is_idle = standing.ours == 0 and standing.report.queue_remaining == 0
        if is_idle and _done_in(standing, provider, usual) < stays:
            return standing.report.name
    return None


def must_leave(standings: Sequence[ServerStanding], here: str) -> bool:
    """Whether a prompt that waits `here` should not be left there: it takes no more of them."""
    return any(
        one.report.is_draining or (one.is_watched and not one.report.state.takes_prompts)
        for one in standings
        if one.report.name == here
    )
