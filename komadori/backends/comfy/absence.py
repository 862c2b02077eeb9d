"""Why a prompt cannot be sent or fetched now, as the error that its step is parked with."""

from collections.abc import Sequence

from komadori.backends.comfy import pool
from komadori.backends.comfy.errors import ServerFault, ServerGone, ServerSilent
from komadori.backends.comfy.workflow import Workflow
from komadori.domain.servers import ServerReport, ServerStanding, away_sentence
from komadori.errors import BackendAway, BackendDown, BackendError, BackendRefused, NoRoom

_SOON_S, _COMING_S, _REST_S, _GONE_S = 2.0, 20.0, 30.0, 120.0
"""When it is looked again by itself. A supervisor that sees the server come wakes who waits."""
_ROOM_S = 10.0
"""Whoever gives a place back wakes who waits; this is for places that nobody gives back."""


def nowhere(
    standings: Sequence[ServerStanding], workflow: Workflow, faults: Sequence[Exception]
) -> BackendError:
    """Return why no server can be sent a prompt now. `faults`: how servers have just failed."""
    able = [one for one in standings if pool.offers(one.report, workflow.name)]
    if standings and not able:
        return _unable(standings, workflow)
    others = [fault for fault in faults if not isinstance(fault, ServerGone | ServerSilent)]
    if others:
        return BackendDown(f"{others[-1]} It is tried again.")
    if faults:
        return BackendAway(f"Waiting for ComfyUI. {faults[-1]}", retry_after_s=_SOON_S)
    sendable = [one for one in able if pool.may_be_sent(one)]
    if not sendable:
        return away(able)
    if all(one.rests_until is not None for one in sendable):
        names = " and ".join(f"{one.report.name} ({one.failures} times)" for one in sendable)
        return BackendAway(
            f"Waiting for ComfyUI. It failed, and is left alone for a moment: {names}.",
            retry_after_s=_REST_S,
        )
    return NoRoom(
        "All ComfyUI servers have as many prompts as they may have", retry_after_s=_ROOM_S
    )


def _unable(standings: Sequence[ServerStanding], workflow: Workflow) -> BackendRefused:
    faults = "; ".join(
        f"{one.report.name}: {one.report.offers[workflow.name].fault}" for one in standings
    )
    return BackendRefused(f"No ComfyUI server can run {workflow.label}. {faults}")


def away(
    able: Sequence[ServerStanding], server: str = "", fault: ServerFault | None = None
) -> BackendAway:
    """Return that a server is waited for, or any of those that are able.

    `fault`: how it was noticed that the server is away.
    """
    reports = [one.report for one in able if server in ("", one.report.name)]
    if fault is not None and all(one.state.takes_prompts for one in reports):
        # its supervisor has not seen it yet
        return BackendAway(f"Waiting for ComfyUI. {fault}", retry_after_s=_SOON_S)
    return BackendAway(away_sentence(reports), retry_after_s=_pause_s(able, reports))


def _pause_s(able: Sequence[ServerStanding], reports: Sequence[ServerReport]) -> float:
    if any(pool.may_be_sent(one) for one in able):  # it may be begun elsewhere
        return _SOON_S
    is_coming = not reports or any(one.state.is_coming or one.state.answers for one in reports)
    return _COMING_S if is_coming else _GONE_S
