"""The HTTP of one ComfyUI: bounded in time and size, never redirected, and errors as ours.

An address is an operator's setting and may hold a password, so that messages name the server by
its name, and never by its address.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from komadori.backends.comfy.errors import ServerFault, ServerGone, ServerSick, ServerSilent, clean

JSON_BYTES = 32 * 2**20
"""Above the largest answer of use: a queue of some hundred large workflows."""
_BAD_WORDS_BYTES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. `body` may be cut short when the status is no success."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def was_sent(fault: ServerFault) -> bool:
    """Whether the server may have read something of the request that failed."""
    unsent = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    return not isinstance(fault.__cause__, unsent)


class TooLarge(Exception):
    """An answer has more bytes than were allowed."""


def path_of(*parts: str) -> str:
    """Return a path whose parts can't lead elsewhere, whatever they hold."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Wire:
    """Sends requests to one server."""

    def __init__(
        self, name: str, url: str, http: aiohttp.ClientSession, *, timeout_s: float
    ) -> None:
        self._name = name
        self._base = url.rstrip("/")
        self._http = http
        self._timeout_s = timeout_s

    async def get_json(self, path: str) -> Any:
        """Ask for JSON.

        Raises:
            ServerGone, ServerSilent, ServerSick: it did not answer, or not with success.
        """
        reply = await self.ask("GET", path)
        if reply.status != 200:
            raise self.sick(f"GET {path}", reply)
        data = reply.json()
        if data is None:
            raise ServerSick(self._name, f"answered GET {path} with something that is no JSON")
        return data

    async def post_json(self, path: str, content: Mapping[str, Any]) -> Reply:
        """Send JSON and return the answer, whatever its status is.

        Raises:
            ServerGone, ServerSilent, ServerSick: no whole answer came; see `was_sent`.
        """
        return await self.ask("POST", path, json=content)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
        **content: Any,
    ) -> Reply:
        """Send a request and return the answer, whatever its status is.

        Raises:
            ServerGone, ServerSilent, ServerSick: as `post_json`.
            TooLarge: the answer has more than `max_bytes`, if that was given.
        """
        seconds = timeout_s or self._timeout_s
        url = URL(self._base + path, encoded=True)
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.request(
                    method,
                    url,
                    allow_redirects=False,
                    # All of it is bounded above; a connection alone must come sooner.
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds / 2),
                    **content,
                ) as response,
            ):
                return await _read(response, max_bytes or JSON_BYTES)
        except TooLarge as exc:
            if max_bytes is not None:
                raise
            raise ServerSick(self._name, f"answered {method} {path} with too much") from exc
        except (aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
            raise self._fault(exc, f"{method} {path}", seconds) from exc

    def sick(self, what: str, reply: Reply) -> ServerSick:
        """Return the error of an answer that should not be."""
        if 300 <= reply.status < 400:
            return ServerSick(
                self._name,
                f"answered {what} with a redirect, which is not followed; set its url in "
                "comfyui.servers to where it leads",
            )
        is_text = "html" not in reply.headers.get("content-type", "html")
        words = clean(reply.body[:300].decode("utf-8", "replace")) if is_text else ""
        return ServerSick(
            self._name, f"answered {what} with {reply.status}{f': {words}' if words else ''}"
        )

    def _fault(self, exc: Exception, what: str, seconds: float) -> ServerFault:
        match exc:
            case aiohttp.ClientSSLError():
                return ServerGone(self._name, "can't be reached: its certificate can't be trusted")
            case aiohttp.ClientConnectorDNSError():
                return ServerGone(self._name, "can't be reached: no such host is known")
            case aiohttp.ClientConnectorError():
                return ServerGone(self._name, f"can't be reached: {_reason(exc.os_error)}")
            case TimeoutError():
                return ServerSilent(self._name, f"did not answer {what} within {seconds:.3g} s")
            case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
                return ServerGone(self._name, f"hung up before it had answered {what}")
            case aiohttp.ClientConnectionError() | OSError():
                return ServerGone(self._name, f"broke the connection during {what}")
        return ServerSick(self._name, f"did not answer {what} in HTTP")


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> Reply:
    is_success = 200 <= response.status < 300
    limit = max_bytes if is_success else _BAD_WORDS_BYTES
    if is_success and (response.content_length or 0) > limit:
        raise TooLarge
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > limit and is_success:
            raise TooLarge
        if len(body) > limit:
            break
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status, headers=headers, body=bytes(body))


def _reason(exc: OSError) -> str:
    return os.strerror(exc.errno) if exc.errno else "no connection"
