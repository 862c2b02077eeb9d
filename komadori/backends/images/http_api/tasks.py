"""Asks a provider how a task stands until it is done. Asking costs nothing; sending again might."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from komadori.backends.images.http_api.answer import Link, Picture, find_picture
from komadori.backends.images.http_api.outcomes import Reply, Speaker
from komadori.backends.images.http_api.paths import find
from komadori.backends.images.http_api.spec import TaskSpec
from komadori.backends.images.protocol import Errand
from komadori.errors import BackendDown, BackendError, NotFetchedYet

log = logging.getLogger(__name__)

_FAULTS = 5
"""So many questions in a row may go wrong before the task is left for later."""
_FIRST, _SHARE = 0.1, 0.8
"""Sending and fetching have their share of the progress, too."""

Ask = Callable[[str], Awaitable[Reply]]


class Poll:
    """Follows one task to its end."""

    def __init__(self, speaker: Speaker, tasks: TaskSpec, task_id: str, ask: Ask) -> None:
        self._speaker = speaker
        self._tasks = tasks
        self._id = task_id
        self._path = tasks.poll.replace("{id}", quote(task_id, safe=""))
        self._ask = ask
        self._faults = 0

    async def result(self, errand: Errand, *, deadline: float) -> Picture | Link:
        """Return what the task has made.

        Raises:
            BackendRefused: it failed; the message is the provider's reason.
            NotFetchedYet: it is not done by the deadline, or the provider does not answer, or not
                to this key.
            OutcomeUnknown: it is not known there, or it is done without a picture.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._followed(errand)
        except TimeoutError as exc:
            raise self._later(f"is not done after {errand.timeout_s:.3g} s") from exc

    async def _followed(self, errand: Errand) -> Picture | Link:
        while True:
            wait_s = self._tasks.interval_s
            try:
                reply = await self._ask(self._path)
            except BackendDown as exc:
                self._fault(exc)
            else:
                if reply.status == 429:
                    wait_s = self._speaker.retry_after_s(reply)
                elif (made := await self._read(reply, errand)) is not None:
                    return made
            await asyncio.sleep(wait_s * (1 + self._faults))

    async def _read(self, reply: Reply, errand: Errand) -> Picture | Link | None:
        if reply.status in {401, 403}:  # the key is gone, the task is not
            raise self._later(f"can't be asked for just now. {self._speaker.failure(reply)}")
        data = reply.json() if reply.is_success else None
        if not isinstance(data, dict):
            self._fault(self._odd(reply))
            return None
        self._faults = 0
        word = next(find(data, self._tasks.status), "")
        match self._tasks.states.get(str(word), "working"):
            case "done":
                return await asyncio.to_thread(self._made, data)
            case "failed":
                reasons = find(data, self._tasks.reason) if self._tasks.reason else iter(())
                raise self._speaker.refused(next(reasons, "") or word)
            case "working":
                errand.report(_FIRST + _SHARE * self._progress(data), "drawing")
                return None

    def _made(self, data: dict[str, Any]) -> Picture | Link:
        made = find_picture(self._speaker, data, self._tasks.pictures)
        if made is None:
            raise self._speaker.lost(f"task {self._id} is done, but has no picture in it")
        return made

    def _progress(self, data: dict[str, Any]) -> float:
        values = find(data, self._tasks.progress) if self._tasks.progress else iter(())
        try:
            fraction = float(next(values, 0.0)) / self._tasks.progress_full
        except (TypeError, ValueError):
            return 0.0
        return min(1.0, fraction) if fraction > 0 else 0.0

    def _odd(self, reply: Reply) -> BackendError:
        """Return the error of an answer that says nothing of the task."""
        if 400 <= reply.status < 500:
            words = self._speaker.words_of(reply).rstrip(".")
            said = f": {words}" if words else ""
            what = f"task {self._id} is not known there ({reply.status}){said}"
            return self._speaker.lost(what)
        return self._later(f"can't be asked for just now ({reply.status})")

    def _fault(self, exc: BackendError) -> None:
        """Count a question that went wrong. A new task may be unknown for a moment."""
        self._faults += 1
        log.info(
            "poll failed: provider=%s faults=%d error=%s",
            self._speaker.spec.name,
            self._faults,
            exc,
        )
        if self._faults < _FAULTS:
            return
        if isinstance(exc, BackendDown):
            raise self._later(f"can't be asked for just now ({exc})") from exc
        raise exc

    def _later(self, what: str) -> NotFetchedYet:
        told = f"{self._speaker.spec.label}: task {self._id} {what}".rstrip(".")
        return NotFetchedYet(f"{told}. It will be asked for again, and not ordered anew.")
