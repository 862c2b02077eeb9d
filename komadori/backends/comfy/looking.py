"""Looks for a prompt whose POST was not answered: it may be there, or come late, or never."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from komadori.backends.comfy.answers import Missing, Place
from komadori.backends.comfy.errors import ServerFault, ServerGone, ServerSilent
from komadori.backends.comfy.prompts import PromptId
from komadori.backends.comfy.wire import was_sent

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_REFUSALS = 3

Find = Callable[[PromptId], Awaitable[Place]]


async def look_for(
    server: str, find: Find, prompt_id: PromptId, fault: ServerFault, seconds: float
) -> None:
    """Return when the prompt is there after all. `fault` is what its POST came to.

    Raises:
        ServerGone: the server is not there (any more), so that nothing is.
        ServerSilent: the prompt was not found until the time was over.
    """
    if not was_sent(fault):
        raise fault
    log.warning("prompt unanswered: server=%s id=%s error=%s", server, prompt_id, fault)
    has_answered = False
    try:
        async with asyncio.timeout(seconds):
            async for place in _places(find, prompt_id):
                has_answered = True
                if not isinstance(place, Missing):
                    return
    except TimeoutError:
        known = "the prompt was not sent" if has_answered else "it may have the prompt"
        what = f"did not answer a prompt, nor for {seconds:g} s after that; {known}"
        raise ServerSilent(server, what, may_still_run=not has_answered) from fault


async def _places(find: Find, prompt_id: PromptId) -> AsyncIterator[Place]:
    """Yield what the server answers, each time that it does."""
    refusals = 0
    while True:
        try:
            place = await find(prompt_id)
        except ServerGone as exc:
            refusals += 1
            if refusals == _REFUSALS:
                exc.was_running = True  # it had the request, and died: the prompt may have begun
                raise
        except ServerFault:
            refusals = 0
        else:
            refusals = 0
            yield place
        await asyncio.sleep(_LOOK_S)
