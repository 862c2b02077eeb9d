"""How a server's state moves: what was seen, the rules and the time make the next state and act.

Nothing here looks at a clock, a process or a socket.
"""

from collections.abc import Callable
from dataclasses import replace

from komadori.domain.servers import IncidentKind, ServerState
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.standing import Act, Decision, Happening, Seen, Standing
from komadori.monitors.comfy.verdicts import VERDICT_WORDS, Verdict, exit_words

_S = ServerState


def decide(standing: Standing, seen: Seen, rules: Rules, jitter: float = 1.0) -> Decision:
    """Return what follows for a server that we start and end. `jitter` stretches the pauses."""
    return _MOVES[standing.state](standing, seen, rules, jitter)


def _off(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    del rules, jitter
    if seen.unwanted:
        return Decision(standing.moved(_S.STOPPED, seen.now, seen.unwanted))
    return _start(_afresh(standing), seen)


def _starting(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    if seen.exit is not None and seen.is_reboot:  # some nodes install themselves and start anew
        return _rebooted(standing, seen)
    if seen.exit is not None or not seen.has_process:
        return _fallen(standing, seen, rules, jitter)
    if (turn := _wished(standing, seen)) is not None:
        return turn
    if seen.verdict is Verdict.OK:
        return Decision(_well(standing, seen, rules))
    if fault := seen.wedge or seen.start_fault:
        return Decision(standing.moved(_S.WEDGED, seen.now, fault), Act.KILL)
    return Decision(standing)


def _running(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    if seen.exit is not None and seen.is_reboot:
        return _rebooted(standing, seen)
    if seen.exit is not None or not seen.has_process:
        return _fallen(standing, seen, rules, jitter)
    if (turn := _wished(standing, seen)) is not None:
        return turn
    if seen.wedge:
        happening = Happening(IncidentKind.WEDGED, seen.wedge, "it is ended and started again")
        return Decision(standing.moved(_S.WEDGED, seen.now, seen.wedge), Act.KILL, happening)
    if seen.verdict is Verdict.OK:
        return Decision(_well(standing, seen, rules))
    if seen.verdict is not None:
        return Decision(_missed(standing, seen, seen.verdict, _S.DEGRADED))
    return Decision(standing)


def _wished(standing: Standing, seen: Seen) -> Decision | None:
    if seen.unwanted:
        return Decision(standing.moved(_S.STOPPING, seen.now, seen.unwanted), Act.END)
    if seen.restart:
        happening = Happening(seen.restart_kind, seen.restart, "it is ended and started again")
        moved = standing.moved(_S.STOPPING, seen.now, seen.restart)
        return Decision(_afresh(moved), Act.END, happening)
    return None


def _rebooted(standing: Standing, seen: Seen) -> Decision:
    cause = "it was asked for a restart in its own page"
    happening = Happening(IncidentKind.OPERATOR, cause, "it is started again")
    turn = _start(standing, seen, cause)
    return replace(turn, happening=happening)


def _wedged(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    if seen.has_process and seen.exit is None:  # it could not be ended: try once more
        return Decision(standing, Act.KILL)
    return _fallen(standing, replace(seen, wedge=standing.reason), rules, jitter)


def _fallen(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    """It is gone and nobody wanted that: count it, and say when it is tried again."""
    cause = seen.wedge or _cause(seen)
    crashes = (*(at for at in standing.crashes if at > seen.now - rules.crashes_within_s), seen.now)
    attempt = standing.attempt + 1
    pause = rules.backoff_s[min(attempt, len(rules.backoff_s)) - 1] * jitter
    fallen = replace(
        standing.moved(_S.CRASHED, seen.now, cause),
        attempt=attempt,
        next_try_at=seen.now + pause,
        crashes=crashes,
        start_failures=0 if standing.was_ready else standing.start_failures + 1,
        misses=0,
        missing_since=None,
    )
    action = f"started again after {pause:.3g} s"
    if gives_up(fallen, rules):
        action = "it is left alone, since this happened too often"
    happening = _fall_note(standing, seen, cause, action)
    return Decision(fallen, Act.KILL, happening)


def _fall_note(standing: Standing, seen: Seen, cause: str, action: str) -> Happening | None:
    if standing.was_ready and seen.wedge:
        return None  # written down when it was found to be stuck
    kind = IncidentKind.CRASHED if standing.was_ready else IncidentKind.START_FAILED
    return Happening(kind, cause, action, seen.exit.code if seen.exit else None)


def _cause(seen: Seen) -> str:
    if seen.exit is None and seen.fault:
        return seen.fault
    words = exit_words(seen.exit) if seen.exit is not None else "its process is gone"
    return f"{words}; its log says: {seen.log_says}" if seen.log_says else words


def gives_up(standing: Standing, rules: Rules) -> bool:
    """Whether a server that has just crashed is left alone."""
    return (
        standing.openings > 0
        or len(standing.crashes) >= rules.crashes_most
        or standing.start_failures >= rules.starts_most
    )


def _crashed(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    """What it left is cleared away by now."""
    del jitter
    if seen.unwanted:
        return Decision(_rest(standing, seen))
    if not gives_up(standing, rules):
        return Decision(standing.moved(_S.BACKOFF, seen.now, standing.reason))
    pause = rules.half_open_s[min(standing.openings, len(rules.half_open_s) - 1)]
    reason = f"{_too_often(standing, rules)}: {standing.reason}"
    given_up = replace(
        standing.moved(_S.FAILED, seen.now, reason),
        next_try_at=seen.now + pause,
        openings=standing.openings + 1,
    )
    action = f"it is tried once more in {pause / 60:.3g} min; an operator may start it at once"
    return Decision(given_up, Act.NONE, Happening(IncidentKind.GAVE_UP, reason, action))


def _too_often(standing: Standing, rules: Rules) -> str:
    if standing.start_failures >= rules.starts_most:
        return f"it failed to start {standing.start_failures} times in a row"
    if standing.openings:
        return "the attempt after the pause failed, too"
    return f"it crashed {len(standing.crashes)} times in {rules.crashes_within_s / 60:.3g} min"


def _pausing(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    del rules, jitter
    if seen.unwanted:
        return Decision(_rest(standing, seen))
    if wish := seen.try_now or seen.restart:
        happening = Happening(IncidentKind.NOTED, wish, "it is started")
        return replace(_start(_afresh(standing), seen, wish), happening=happening)
    if standing.next_try_at is not None and seen.now >= standing.next_try_at:
        return _start(standing, seen, standing.reason)
    return Decision(standing)


def _stopping(standing: Standing, seen: Seen, rules: Rules, jitter: float) -> Decision:
    del rules, jitter
    if seen.has_process and seen.exit is None:
        return Decision(standing, Act.KILL)  # asked once, in vain
    if seen.unwanted:
        return Decision(_rest(standing, seen))
    return _start(standing, seen, standing.reason)


def _start(standing: Standing, seen: Seen, reason: str = "") -> Decision:
    started = replace(standing, was_ready=False, ready_at=None, misses=0, missing_since=None)
    return Decision(started.moved(_S.STARTING, seen.now, reason), Act.START)


def _rest(standing: Standing, seen: Seen) -> Standing:
    return _afresh(standing.moved(_S.STOPPED, seen.now, seen.unwanted))


def _afresh(standing: Standing) -> Standing:
    """Forget its failures."""
    return replace(standing, attempt=0, next_try_at=None, crashes=(), start_failures=0, openings=0)


def _well(standing: Standing, seen: Seen, rules: Rules) -> Standing:
    state = _S.BUSY if seen.is_busy else _S.READY
    ready_at = standing.ready_at if standing.ready_at is not None else seen.now
    well = replace(
        standing.moved(state, seen.now),
        was_ready=True,
        ready_at=ready_at,
        misses=0,
        missing_since=None,
        next_try_at=None,
        start_failures=0,
    )
    is_steady = seen.now - ready_at >= rules.steady_s or seen.good_prompts >= rules.good_prompts
    return _afresh(well) if is_steady and well.attempt else well


def _missed(
    standing: Standing, seen: Seen, verdict: Verdict, state: ServerState, why: str = ""
) -> Standing:
    reason = why or VERDICT_WORDS[verdict]
    since = standing.missing_since if standing.missing_since is not None else seen.now
    moved = standing.moved(state, seen.now, reason)
    return replace(moved, misses=standing.misses + 1, missing_since=since)


_Move = Callable[[Standing, Seen, Rules, float], Decision]
_MOVES: dict[ServerState, _Move] = {
    _S.STOPPED: _off,
    _S.STARTING: _starting,
    _S.READY: _running,
    _S.BUSY: _running,
    _S.DEGRADED: _running,
    _S.WEDGED: _wedged,
    _S.CRASHED: _crashed,
    _S.BACKOFF: _pausing,
    _S.FAILED: _pausing,
    _S.STOPPING: _stopping,
}


def port_is_taken(standing: Standing, now: float, who: str, rules: Rules) -> Decision:
    """A start was not tried, since the port is somebody else's: he is never touched."""
    reason = f"{who}; it is not ours and is left alone: end it, or give this server another port"
    failed = replace(standing, state=_S.FAILED, reason=reason, next_try_at=now + rules.port_look_s)
    if standing.state is _S.FAILED and standing.reason == reason:
        return Decision(failed)
    failed = replace(failed, since=now)
    return Decision(failed, Act.NONE, Happening(IncidentKind.GAVE_UP, reason, "it is not started"))


def watch(standing: Standing, seen: Seen, rules: Rules) -> Decision:
    """Return what follows for a server of others: it is only looked at."""
    if seen.wedge and (seen.verdict is Verdict.OK or standing.state is _S.UP):
        suspect = standing.moved(_S.SUSPECT, seen.now, seen.wedge)
        return Decision(replace(suspect, misses=0, missing_since=None, was_ready=True))
    if seen.verdict is None:
        return Decision(standing)
    if seen.verdict is Verdict.OK:
        return _came_up(standing, seen)
    missed = _missed(standing, seen, seen.verdict, standing.state)
    silent_s = seen.now - (missed.missing_since if missed.missing_since is not None else seen.now)
    is_refused = seen.verdict is Verdict.REFUSED and missed.misses >= rules.misses_most
    if is_refused or silent_s >= rules.wedge_s or standing.state is _S.DOWN:
        return _went_down(missed, seen)
    return Decision(missed.moved(_S.SUSPECT, seen.now, missed.reason))


def _came_up(standing: Standing, seen: Seen) -> Decision:
    up = replace(standing.moved(_S.UP, seen.now), misses=0, missing_since=None, was_ready=True)
    if standing.state is _S.DOWN and standing.was_ready:
        return Decision(up, Act.NONE, Happening(IncidentKind.CAME_UP, "it answers again"))
    return Decision(up)


def _went_down(missed: Standing, seen: Seen) -> Decision:
    down = missed.moved(_S.DOWN, seen.now, missed.reason)
    if missed.state is _S.DOWN:
        return Decision(down)
    cause = missed.reason
    return Decision(down, Act.NONE, Happening(IncidentKind.WENT_DOWN, cause, "it is waited for"))
