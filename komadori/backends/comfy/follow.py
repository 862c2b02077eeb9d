"""Follows one prompt to its end. The server's queue and history are asked and are the truth.

What is heard on the socket is shown, and at most has them asked at once: sockets break, fall mute,
and announce a success before the history has it (0.3 s before, measured).
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from komadori.backends.comfy.answers import (
    Finished,
    HistoryEntry,
    Missing,
    Pending,
    Place,
    Running,
)
from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.errors import (
    GpuBroken,
    OutOfMemory,
    PromptFailed,
    PromptInterrupted,
    PromptLost,
    PromptRemoved,
    PromptSilent,
    ServerFault,
    ServerGone,
)
from komadori.backends.comfy.listener import Heard, Listener, SocketLost
from komadori.backends.comfy.messages import (
    NodeStarted,
    PreviewShown,
    PromptEnded,
    PromptStarted,
    QueueChanged,
)
from komadori.backends.comfy.progress import GraphProgress, Progress
from komadori.backends.comfy.prompts import Graph, PromptId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The prompt waits; so many of the server's prompts come before it."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A small picture of what is being made."""

    data: bytes
    media_type: str


FollowEvent = Queued | Started | Progress | Preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often to ask, and how long to put up with what is wrong, in seconds."""

    ask_s: float = 2.0
    hurry_s: float = 0.2
    """Between two questions when the socket told of the end."""
    hurry_for_s: float = 5.0
    refused_s: float = 0.5
    refusals: int = 3
    """So many refusals in a row, and the server is gone."""
    no_answer_s: float = 60.0
    """Nothing but timeouts and errors for so long, and the server is given up."""
    missing_s: float = 3.0
    """An unknown prompt is asked for again after so long before it is lost."""
    idle_s: float = 30.0
    """The prompt is next, nothing runs, and it does not begin."""
    mute_s: float = 15.0
    """A socket that is silent while the prompt runs is renewed, each time after twice as long."""


_USUAL = Pace()


async def follow(
    client: ComfyClient,
    prompt_id: PromptId,
    listener: Listener,
    *,
    graph: Graph,
    report: Callable[[FollowEvent], None],
    silent_limit_s: float = 600.0,
    pace: Pace = _USUAL,
) -> HistoryEntry:
    """Return how a prompt ended well. To cancel this leaves the prompt alone.

    `listener` is open for the client id that the prompt was sent with; without a socket there are
    no progress and no previews, and that is all. `report` is called often, must be quick, and what
    it raises ends the following.

    Raises:
        PromptFailed, OutOfMemory, GpuBroken, PromptInterrupted: it ended in another way.
        PromptRemoved: it waited, and was taken out of the queue.
        PromptLost: the server does not know it any more.
        PromptSilent: it runs, and nothing was heard of it for `silent_limit_s`; or it never began.
        ServerGone, ServerSilent, ServerSick: the server does not answer any more.
    """
    following = _Following(client, prompt_id, listener, GraphProgress(graph), report, pace)
    hearing = asyncio.create_task(following.hear())
    hearing.add_done_callback(lambda _: following.ask_now())
    try:
        return await following.ended(hearing, silent_limit_s)
    finally:
        hearing.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await hearing


class _Following:
    """What is known of one prompt while it is followed."""

    def __init__(
        self,
        client: ComfyClient,
        prompt_id: PromptId,
        listener: Listener,
        progress: GraphProgress,
        report: Callable[[FollowEvent], None],
        pace: Pace,
    ) -> None:
        self._client = client
        self._id = prompt_id
        self._listener = listener
        self._progress = progress
        self._report = report
        self._pace = pace
        self._clock = asyncio.get_running_loop().time
        self._wake = asyncio.Event()
        self._place: Place | None = None
        self._told: Progress | None = None
        self._has_started = False
        self._was_outage = False
        """Whether the server was away, or hung up, since it last knew the prompt."""
        self._refusals = 0
        self._hurry_until = 0.0
        now = self._clock()
        self._heard_at = now
        """When the prompt last gave a sign of life."""
        self._answered_at = now
        self._logged: str | None = None
        self._idle_since: float | None = None
        self._missing_since: float | None = None
        self._renew_at: float | None = None
        self._mute_s = pace.mute_s

    @property
    def may_have_begun(self) -> bool:
        """Whether the prompt may be what the server died of.

        One that was next may have begun since; of one that was just sent, nothing is known yet.
        """
        if self._has_started:
            return True
        if isinstance(self._place, Pending):
            return self._place.ahead == 0
        return self._place is None and self._client.has_sent(self._id)

    def ask_now(self) -> None:
        """Have the server asked at once."""
        self._wake.set()

    # what is heard

    async def hear(self) -> None:
        """Take in what the socket tells, for ever."""
        async for heard in self._listener.heard():
            self._take(heard)

    def _take(self, heard: Heard) -> None:
        match heard:
            case SocketLost():
                self._was_outage = True
                self.ask_now()
            case PreviewShown(prompt_id=""):  # an old server; it runs one prompt at a time
                if self._has_started:
                    self._show(heard)
            case QueueChanged():
                if isinstance(self._place, Pending):
                    self.ask_now()
            case _ if heard.prompt_id == self._id:
                self._sign_of_life()
                self._take_ours(heard)

    def _take_ours(self, heard: Heard) -> None:
        match heard:
            case PromptStarted():
                self._start()
            case PreviewShown():
                self._show(heard)
            case PromptEnded() | NodeStarted(node_id=None):
                self._hurry_until = self._clock() + self._pace.hurry_for_s
                self.ask_now()
            case SocketLost():
                pass
            case _ if progress := self._progress.after(heard):
                self._start()
                if progress != self._told:  # servers say many things twice
                    self._told = progress
                    self._report(progress)

    def _show(self, preview: PreviewShown) -> None:
        self._sign_of_life()
        self._report(Preview(data=preview.data, media_type=preview.media_type))

    def _sign_of_life(self) -> None:
        self._heard_at = self._clock()
        self._mute_s = self._pace.mute_s
        self._renew_at = None

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._sign_of_life()
            self._report(Started())

    # what is asked

    async def ended(self, hearing: asyncio.Task[None], silent_limit_s: float) -> HistoryEntry:
        """Ask until the prompt is over."""
        while True:
            if hearing.done():
                hearing.result()  # a report that raised
            place = await self._asked()
            if isinstance(place, Finished):
                return self._outcome(place.entry)
            if place is not None:
                self._note(place)
                await self._check_life(silent_limit_s)
            await self._pause(place)

    async def _asked(self) -> Place | None:
        """Ask where the prompt is; None: no answer, which is put up with for now."""
        try:
            place = await self._client.find(self._id)
        except ServerFault as exc:
            exc.was_running = self.may_have_begun
            exc.may_still_run = not isinstance(exc, ServerGone)
            if self._is_over_with(exc):
                raise
            log.debug("no answer: server=%s error=%s", self._client.name, exc)
            return None
        self._refusals = 0
        self._answered_at = self._clock()
        return place

    def _is_over_with(self, fault: ServerFault) -> bool:
        if isinstance(fault, ServerGone):
            self._was_outage = True
            self._refusals += 1
            return self._refusals >= self._pace.refusals
        self._refusals = 0
        last_sign = max(self._answered_at, self._heard_at)
        return self._clock() - last_sign >= self._pace.no_answer_s

    def _note(self, place: Place) -> None:
        """Take in an answer."""
        if isinstance(place, Missing):
            self._check_missing()
            return
        self._missing_since, self._was_outage = None, False
        if isinstance(place, Running):
            self._start()
        elif isinstance(place, Pending) and place != self._place:
            self._report(Queued(ahead=place.ahead))
        is_next = isinstance(place, Pending) and place.ahead == 0
        self._idle_since = (self._idle_since or self._clock()) if is_next else None
        self._place = place

    def _check_missing(self) -> None:
        now = self._clock()
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < self._pace.missing_s:
            return
        if isinstance(self._place, Pending) and not self._has_started and not self._was_outage:
            raise PromptRemoved(self._client.name)
        raise PromptLost(
            self._client.name, was_running=self.may_have_begun, was_outage=self._was_outage
        )

    async def _check_life(self, silent_limit_s: float) -> None:
        """Notice a prompt that does not move, and before that a socket that may be mute."""
        now = self._clock()
        if self._idle_since is not None and now - self._idle_since >= self._pace.idle_s:
            what = f"has begun no prompt for {self._pace.idle_s:g} s, though one waits"
            raise PromptSilent(self._client.name, what, may_still_run=True)
        if not self._has_started or self._missing_since is not None:
            return
        if now - self._heard_at >= silent_limit_s / 2:
            await self._look_into_log()
        silent_s = now - self._heard_at
        if silent_s >= silent_limit_s:
            what = f"has told nothing of the running prompt for {silent_s:.0f} s"
            raise PromptSilent(self._client.name, what, was_running=True, may_still_run=True)
        self._renew_if_mute(now)

    async def _look_into_log(self) -> None:
        """Take what the server logs, its samplers' bars among it, for a sign of life, too.

        Some servers' sockets are all mute while they work (ComfyUI issues 3980, 9393).
        """
        with suppress(ServerFault):
            logged = await self._client.last_logged()
            if self._logged is not None and logged != self._logged:
                self._heard_at = self._clock()
            self._logged = logged

    def _renew_if_mute(self, now: float) -> None:
        if self._renew_at is None:
            self._renew_at = self._heard_at + self._mute_s
        if now >= self._renew_at and self._listener.is_open:
            self._listener.renew()
            self._mute_s *= 2
            self._renew_at = now + self._mute_s

    async def _pause(self, place: Place | None) -> None:
        if place is None or isinstance(place, Missing):
            seconds = self._pace.refused_s
        elif self._clock() < self._hurry_until:
            seconds = self._pace.hurry_s
        else:
            seconds = self._pace.ask_s
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _outcome(self, entry: HistoryEntry) -> HistoryEntry:
        """Return a good ending, and raise any other."""
        name = self._client.name
        log.info("prompt ended: server=%s id=%s how=%s", name, self._id, entry.ending)
        if entry.ending == "success":
            return entry
        if entry.ending == "interrupted" or entry.failure is None:
            raise PromptInterrupted(name)
        kinds = {"out_of_memory": OutOfMemory, "gpu_broken": GpuBroken}
        raise kinds.get(entry.ending, PromptFailed)(name, entry.failure)
