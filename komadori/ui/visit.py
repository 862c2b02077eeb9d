"""What every handler of the page begins with: whose visit it is, and in which language."""

import functools
import inspect
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import gradio as gr

from komadori.domain.ids import JobId, SessionId
from komadori.errors import RequestRejected
from komadori.queue.sessions import Sessions
from komadori.ui.cookie import cookie_key
from komadori.ui.render import rejection_words
from komadori.ui.texts import Language, language_of, say

# How every handler of the page listens: out of the public API, without Gradio's own progress, and
# never dropped or held up because another call of the same handler is still running.
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
    "trigger_mode": "multiple",
}
log = logging.getLogger(__name__)
_answers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One call of a handler: the reader's session, language and tab."""

    session: SessionId
    language: Language
    tab: str


async def visit(sessions: Sessions, request: gr.Request) -> Visit:
    """Return whose visit this is.

    Raises:
        RequestRejected: the browser sent no cookie.
    """
    key = cookie_key(request.cookies or {})
    if key is None:
        message = "The browser sent no session cookie."
        raise RequestRejected(message, code="session_missing")
    session = await sessions.open_with_cookie(key)
    return Visit(session, language_of(request), str(request.session_hash))


def facts_of(event: gr.EventData) -> dict[str, Any]:
    """Return what the page's script sent with an event."""
    data = event._data
    return data if isinstance(data, dict) else {}


def job_of(event: gr.EventData) -> JobId:
    """Return the job that an event is about."""
    return JobId(str(facts_of(event).get("job", "")))


def answer(to: str, **parts: Any) -> dict[str, Any]:
    """Return something for a slot of the page. Two equal answers are still two."""
    return {"to": to, "n": next(_answers), **parts}


def refusal(error: RequestRejected, request: gr.Request) -> dict[str, Any]:
    """Return a notice that says what was refused and why."""
    language = language_of(request)
    reason = rejection_words(error, language)
    return answer("notice", error=True, text=say(language, "went_wrong", reason=reason))


def guarded(handler: Callable[..., Any], answers: gr.HTML) -> Callable[..., Any]:
    """Return the handler, telling the reader when it breaks: Gradio would say nothing."""

    @functools.wraps(handler)
    async def once(*values: Any) -> Any:
        try:
            return await handler(*values)
        except Exception:  # the handler's boundary: Gradio would say nothing
            log.exception("handler failed: name=%s", handler.__name__)
            return {answers: broken(values)}

    @functools.wraps(handler)
    async def stream(*values: Any) -> AsyncIterator[Any]:
        try:
            async with aclosing(handler(*values)) as updates:
                async for update in updates:
                    yield update
        except Exception:  # the handler's boundary: Gradio would say nothing
            log.exception("handler failed: name=%s", handler.__name__)
            yield {answers: broken(values)}

    guard: Callable[..., Any] = stream if inspect.isasyncgenfunction(handler) else once
    # Gradio keeps one list of names for these and for the public API, whose names are promised.
    guard.__name__ = f"page_{handler.__name__}"
    return guard


def broken(values: tuple[Any, ...]) -> dict[str, Any]:
    """Return the notice that something broke inside; what exactly is for the log alone."""
    request = next((value for value in values if isinstance(value, gr.Request)), None)
    return answer("notice", error=True, text=say(language_of(request), "broken_inside"))
