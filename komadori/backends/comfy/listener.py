"""Hears what a ComfyUI tells of one attempt's prompt; for progress and previews, never for results.

A server sends what a prompt does only to the socket of the prompt's client id. When two sockets had
the same id one after the other, and the server notices late that the first is closed, it forgets
the second: it stays open and mute (seen from 0.3.64 to 0.27). So there is never more than one: the
old one is closed, and time given, before the next is opened.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

import aiohttp
from yarl import URL

from komadori.backends.comfy.messages import FEATURE_FLAGS, Message, read_binary, read_text
from komadori.backends.comfy.prompts import ClientId

log = logging.getLogger(__name__)

_OPEN_S = 5.0
_CLOSE_S = 0.05
_BETWEEN_S = 0.5
"""Between the end of a socket and the next one: for the server to notice."""
_AWAY_MOST_S = 10.0
_PING_S = 120.0
"""aiohttp waits half of it for the pong; a node that holds the GIL delays one for a minute."""
_FRAME_BYTES = 16 * 2**20
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class SocketLost:
    """The socket broke without our doing: the server may be gone."""


Heard = Message | SocketLost


class Listener:
    """One client id's ear at one server, in an `async with`.

    It never fails: a socket that breaks, or is refused, is opened again until the block ends.
    """

    def __init__(
        self, name: str, url: str, client_id: ClientId, *, http: aiohttp.ClientSession
    ) -> None:
        """Headers and password of `http` are used, but no connection of it."""
        self.client_id = client_id
        self._name = name
        self._url = URL(url.rstrip("/") + "/ws").with_query(clientId=client_id)
        self._http = http
        self._heard: asyncio.Queue[Heard] = asyncio.Queue(_KEPT)
        self._opened = asyncio.Event()
        self._tried = asyncio.Event()
        self._renewed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a socket just now. It may be mute."""
        return self._opened.is_set()

    async def __aenter__(self) -> Self:
        """Begin, and wait a little for the socket, so that a prompt's start is not missed."""
        self._task = asyncio.create_task(self._listen())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_OPEN_S):
                    await self._tried.wait()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the socket at once, without waiting for the server. Its prompt goes on."""
        await self._end()

    def renew(self) -> None:
        """Close the socket, which may be mute, and open another one."""
        self._renewed.set()

    async def heard(self) -> AsyncIterator[Heard]:
        """Yield what was heard since the block began; never ends."""
        while True:
            yield await self._heard.get()

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        pause_s = _BETWEEN_S
        while True:
            try:
                await self._hear_one_socket()
            except (aiohttp.ClientError, OSError, _Redirected) as exc:
                log.debug("socket refused: server=%s error=%s", self._name, type(exc).__name__)
            was_open = self._opened.is_set()
            self._opened.clear()
            self._tried.set()
            pause_s = _BETWEEN_S if was_open else min(2 * pause_s, _AWAY_MOST_S)
            await asyncio.sleep(pause_s)

    async def _hear_one_socket(self) -> None:
        """Listen on one socket until it ends or is to be renewed."""
        async with _session(self._http) as session, _socket(session, self._url) as socket:
            await socket.send_str(FEATURE_FLAGS)
            self._renewed.clear()
            self._opened.set()
            self._tried.set()
            reading = asyncio.create_task(self._read(socket))
            renewing = asyncio.create_task(self._renewed.wait())
            try:
                await asyncio.wait({reading, renewing}, return_when=asyncio.FIRST_COMPLETED)
                is_ours = renewing.done()
            finally:
                await _ended(reading, renewing)
        if is_ours:
            log.info("socket renewed: server=%s", self._name)
        else:
            log.info("socket lost: server=%s code=%s", self._name, socket.close_code)
            self._keep(SocketLost())

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                message = read_text(frame.data)
            elif frame.type is aiohttp.WSMsgType.BINARY:
                message = read_binary(frame.data)
            else:
                continue
            if message is not None:
                self._keep(message)

    def _keep(self, heard: Heard) -> None:
        if self._heard.full():  # nobody follows: the newest counts
            self._heard.get_nowait()
        self._heard.put_nowait(heard)


class _Redirected(Exception):
    """The server sends us elsewhere, and we don't go."""


@asynccontextmanager
async def _socket(
    session: aiohttp.ClientSession, url: URL
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a socket in time, and close it without waiting for the other side."""
    async with asyncio.timeout(_OPEN_S):
        socket = await session.ws_connect(
            url,
            heartbeat=_PING_S,
            max_msg_size=_FRAME_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
        )
    try:
        yield socket
    finally:
        await socket.close()


def _session(http: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """Return a session for one socket: it ends with it, and follows no redirect."""

    async def stop(_session: Any, _context: SimpleNamespace, _params: Any) -> None:
        raise _Redirected

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(stop)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        headers=http.headers,
        auth=http.auth,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[tracing],
    )


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
