"""What a job that waits for a ComfyUI server is told: which server, why, and what comes next."""

from collections.abc import Callable, Sequence

from komadori.domain.backends import COMFY_PREFIX
from komadori.domain.servers import ServerReport, ServerState
from komadori.domain.view import JobView, Problem
from komadori.ui.reasons import told
from komadori.ui.texts import Language, say

SERVER_AWAY = "server_away"
"""The problem code of a step that waits for a ComfyUI server."""
_RETOLD = "retold"
"""It has no words of its own: the message is in the reader's language already."""
_NAMED_MOST = 3
_BETWEEN: dict[Language, str] = {"en": "; ", "zh": "；"}
_AWAY = frozenset({ServerState.DOWN, ServerState.FAILED, ServerState.STOPPED})
_MISSED = frozenset({ServerState.DEGRADED, ServerState.SUSPECT})

Clock = Callable[[float], str]
Text = Callable[[object], str]


def waits_for_server(problem: Problem | None) -> bool:
    """Whether a problem is that no server is there."""
    return problem is not None and problem.code == SERVER_AWAY


def in_question(servers: Sequence[ServerReport], provider: str) -> Sequence[ServerReport]:
    """Return the servers that a job waits for: those that can run its workflow, or may."""
    workflow = provider.removeprefix(COMFY_PREFIX)
    if workflow == provider:
        return servers
    offers = [(one, one.offers.get(workflow)) for one in servers]
    able = [one for one, offer in offers if offer is not None and not offer.fault]
    unknown = [one for one, offer in offers if offer is None]
    return able or unknown or servers


def retold(problem: Problem | None, view: JobView, language: Language) -> Problem | None:
    """Return a problem of a job; one that waits for a server is said in the reader's language."""
    if problem is None or not waits_for_server(problem) or not view.servers:
        return problem
    return Problem(code=_RETOLD, message=away_words(view.servers, view.provider, language))


def away_words(
    servers: Sequence[ServerReport],
    provider: str,
    language: Language,
    *,
    clock: Clock | None = None,
    safe: Text = str,
) -> str:
    """Say what is waited for.

    `clock` writes a time of the day (without it times are left out), `safe` makes facts fit for
    where the sentence goes.
    """
    wanted = in_question(servers, provider)
    if not wanted:
        return safe(say(language, "wait_nobody"))
    named = [
        say(
            language,
            "wait_one",
            name=safe(one.name),
            words=_one(one, language, clock, safe),
        )
        for one in wanted[:_NAMED_MOST]
    ]
    if len(wanted) > _NAMED_MOST:
        named.append(say(language, "wait_more", count=len(wanted) - _NAMED_MOST))
    return say(language, "wait_for", servers=_BETWEEN[language].join(named))


def _one(report: ServerReport, language: Language, clock: Clock | None, safe: Text) -> str:
    words = state_of_wait(report, language)
    if clock is not None and report.state in _AWAY:
        words = say(language, "wait_since", words=words, time=clock(report.since))
    if report.reason and report.state in _AWAY | _MISSED:
        reason = safe(told(report.reason, language))
        words = say(language, "wait_because", words=words, reason=reason)
    if clock is not None and report.state is ServerState.FAILED and report.next_try_at is not None:
        words = say(language, "wait_next", words=words, time=clock(report.next_try_at))
    return words


def state_of_wait(report: ServerReport, language: Language) -> str:
    """Say what a server that is waited for does: "restarting, attempt 1 of 5"."""
    if report.state.takes_prompts:
        return say(language, "wait_draining" if report.is_draining else "wait_again")
    is_paused = report.state is ServerState.STOPPED and report.attempt > 0
    if not report.state.is_coming and not is_paused:
        return say(language, f"wait_state_{report.state.value}")
    if report.attempt:
        facts = {"attempt": report.attempt, "most": report.attempts_most}
        return say(language, "wait_restarting_count", **facts)
    is_first = report.state is ServerState.STARTING and report.restarts == 0
    return say(language, "wait_starting" if is_first else "wait_restarting")
