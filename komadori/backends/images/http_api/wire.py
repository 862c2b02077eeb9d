"""The HTTP of one provider: one session for each running loop, and what each request cost in time.

A connection is used for one request only. A kept one may be closed by the server just as an order
goes out, and then nobody could tell whether the order was taken.
"""

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from yarl import URL

from komadori.backends.images.http_api.outcomes import Reply, Speaker
from komadori.backends.images.http_api.request import Encoded
from komadori.backends.images.http_api.spec import ProviderSpec
from komadori.backends.images.protocol import Errand
from komadori.errors import BackendDown, BackendError

log = logging.getLogger(__name__)

_CONNECT_S = 10.0
_ASK_S = 30.0
_ANSWER_BYTES = 64 * 2**20
_COMPLAINT_BYTES = 2**20
_WRITE_BYTES = 2**16


@dataclass(slots=True)
class Marks:
    """When each part of a request began, in seconds of `perf_counter`; None: not yet."""

    began: float | None = None
    connected: float | None = None
    writing: float | None = None
    """From here on the server may have read something."""
    written: float | None = None
    answered: float | None = None
    ended: float | None = None
    transport: asyncio.WriteTransport | None = None

    def give_up(self) -> None:
        """Drop the connection of a request that did not come to its end.

        Closing alone would wait for ever until a server reads that has stopped to.
        """
        if self.ended is None and self.transport is not None:
            self.transport.abort()

    def tell(self, errand: Errand) -> None:
        """Put the parts into the waterfall; one that did not end, ends now."""
        now = perf_counter()
        parts = (
            ("connect", self.began, self.connected),
            ("upload", self.writing, self.written or self.answered),
            ("wait", self.written, self.answered),
            ("receive", self.answered, self.ended),
        )
        for stage, began, ended in parts:
            if began is not None:
                errand.span(stage, began, max(began, ended or now))


class _Body(Payload):
    """The body of a request, written in pieces; notes when the last one is out of our hands."""

    def __init__(self, encoded: Encoded, marks: Marks) -> None:
        super().__init__(encoded.body, content_type=encoded.media_type)
        self._size = len(encoded.body)
        self._marks = marks

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text (aiohttp wants every payload to have this)."""
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it; waits whenever the connection is full."""
        self._marks.transport = writer.transport
        view = memoryview(self._value)
        for start in range(0, len(view), _WRITE_BYTES):
            await writer.write(view[start : start + _WRITE_BYTES])
        self._marks.written = perf_counter()

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002  # the signature is aiohttp's
    ) -> None:
        """Write all of it: the length that was announced is that of the whole."""
        await self.write(writer)


class Wire:
    """Sends requests to one provider, and to no other host."""

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec

    async def post(
        self, encoded: Encoded, errand: Errand, speaker: Speaker, *, deadline: float
    ) -> Reply:
        """Send an order and return the answer, whatever its status is.

        Raises:
            BackendDown: it did not go out.
            OutcomeUnknown: it went out, and no whole answer came before the deadline.
        """
        marks = Marks()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._exchange("POST", encoded.path, speaker.key, marks, encoded)
        except (aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
            raise _broken(speaker, marks, _reason(exc, errand.timeout_s, speaker)) from exc
        finally:
            marks.give_up()
            marks.tell(errand)

    async def get(self, path: str, speaker: Speaker) -> Reply:
        """Ask something that can be asked again.

        Raises:
            BackendDown: no whole answer came.
        """
        try:
            async with asyncio.timeout(_ASK_S):
                return await self._exchange("GET", path, speaker.key, Marks(), None)
        except (aiohttp.ClientError, OSError) as exc:
            what = speaker.clean(_reason(exc, _ASK_S, speaker)).rstrip(".")
            raise BackendDown(f"{self._spec.label} can't be reached: {what}.") from exc

    async def _exchange(
        self, method: str, path: str, key: str, marks: Marks, encoded: Encoded | None
    ) -> Reply:
        url = URL(self._spec.base_url + path, encoded=True)
        headers = {"Accept": "application/json"}
        if key:
            headers[self._spec.auth.header] = self._spec.auth.prefix + key
        # A connection is never kept: one that has gone stale would make an order's outcome unknown.
        async with (
            _session() as session,
            session.request(
                method,
                url,
                headers=headers,
                data=_Body(encoded, marks) if encoded else None,
                allow_redirects=False,
                trace_request_ctx=marks,
            ) as response,
        ):
            marks.answered = perf_counter()
            reply = await _reply(response)
            marks.ended = perf_counter()
            return reply


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S),
        trace_configs=[_tracing()],
    )


def _broken(speaker: Speaker, marks: Marks, what: str) -> BackendError:
    what = speaker.clean(what).rstrip(".")
    if marks.writing is None:
        return BackendDown(f"{speaker.spec.label} can't be reached: {what}.")
    return speaker.lost(what)


class AnswerBroken(aiohttp.ClientError):
    """An answer of success did not come whole."""


async def _reply(response: aiohttp.ClientResponse) -> Reply:
    """Read an answer. A complaint counts by its status, even when its body breaks off."""
    is_success = 200 <= response.status < 300
    limit = _ANSWER_BYTES if is_success else _COMPLAINT_BYTES
    body = bytearray()
    with suppress(*(() if is_success else (aiohttp.ClientError, OSError))):
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > limit and is_success:
                raise AnswerBroken(f"the answer has more than {limit >> 20} MB")
            if len(body) > limit:
                break
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status, headers=headers, body=bytes(body))


def _reason(exc: BaseException, timeout_s: float, speaker: Speaker) -> str:
    """Say what happened in words of ours: those of a parser quote the answer and the address."""
    match exc:
        case aiohttp.ClientConnectorError():
            return _unconnected(exc)
        case aiohttp.ConnectionTimeoutError():
            return f"no connection within {_CONNECT_S:g} s"
        case AnswerBroken():
            return str(exc)
        case TimeoutError():
            return f"no answer within {timeout_s:.3g} s"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.ServerDisconnectedError():
            return "the server hung up without an answer"
    said = speaker.clean(f"{type(exc).__name__}: {exc}")
    log.warning("request failed: provider=%s error=%s", speaker.spec.name, said)
    is_broken = isinstance(exc, (aiohttp.ClientConnectionError, OSError))
    return "the connection broke" if is_broken else "the answer could not be read"


def _unconnected(exc: aiohttp.ClientConnectorError) -> str:
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return "no such host is known"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return f"its certificate can't be trusted ({exc.certificate_error})"
    number = exc.os_error.errno
    if number is None or isinstance(exc, aiohttp.ClientSSLError):
        return str(exc.os_error)
    return os.strerror(number)


def _tracing() -> aiohttp.TraceConfig:
    """Note in the marks of a request when it connects and when it begins to write.

    aiohttp tells of the head before it writes it, so the mark is never too late.
    """

    def noting(name: str) -> Any:
        async def note(_session: aiohttp.ClientSession, context: Any, _params: Any) -> None:
            setattr(context.trace_request_ctx, name, perf_counter())

        return note

    config = aiohttp.TraceConfig(SimpleNamespace)
    config.on_connection_create_start.append(noting("began"))
    config.on_connection_create_end.append(noting("connected"))
    config.on_request_headers_sent.append(noting("writing"))
    return config
