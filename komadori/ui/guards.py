"""What stands before every route: headers that protect the reader, doors of Gradio kept shut.

Plain ASGI: Starlette's BaseHTTPMiddleware would hold back the event streams.
"""

import re
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX_BYTES = 2 * 1024 * 1024  # the longest story and a full cast have 0.2 MB
_THROWN_AWAY_MAX_BYTES = 64 * 1024 * 1024
_BODY_WANTED = re.compile(r"/gradio_api/(call|run|api|queue/join)(/|$)")
_CALL = re.compile(r"/gradio_api/(?:call/v2|call|run|api)/([^/]+)/?")


class SecurityHeaders:
    """Adds what every answer should carry, where a route has not said otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, completing the headers of the answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "no-referrer")  # a link's token stays here
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class ClosedDoors:
    """Closes the routes of Gradio that would fetch other servers' pages for anybody who asks."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404 at a closed door."""
        if scope["type"] == "http" and self._is_closed(scope["path"]):
            await Response(status_code=404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_closed(self, path: str) -> bool:
        if path.startswith("/gradio_api/proxy="):
            return True
        for prefix in ("/gradio_api/file=", "/gradio_api/file/"):
            if path.startswith(prefix):
                file = path.removeprefix(prefix)
                return "\0" in file or not Path(file).resolve().is_relative_to(self._folder)
        return False


class SmallBodies:
    """Refuses calls with long bodies: 20 MB of JSON would hold up everybody for 2 s.

    Files are not meant; they go to /gradio_api/upload, which has a limit of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the body read, or answer 413."""
        if scope["type"] != "http" or not _BODY_WANTED.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await _read(scope, receive)
        if body is None:
            await _refusal(
                413,
                f"The call is larger than {BODY_MAX_BYTES // 1024**2} MB. Send pictures as uploads "
                "(handle_file in the Gradio client); everything else is short.",
            )(scope, receive, send)
            return
        unread: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def receive_once() -> Message:
            nonlocal unread
            message, unread = unread, None
            return message or await receive()

        await self._app(scope, receive_once, send)


class KnownCalls:
    """Answers a call that does not exist: Gradio would fail, with a traceback."""

    def __init__(
        self, app: ASGIApp, callable_names: Collection[str], told: Collection[str]
    ) -> None:
        self._app = app
        self._callable_names = frozenset(callable_names)
        self._told = ", ".join(told)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 404."""
        if scope["type"] == "http" and scope["method"] == "POST":
            called = _CALL.fullmatch(scope["path"])
            if called and called[1] not in self._callable_names:
                sentence = f"There is no call {called[1][:40]!r}; there are {self._told}."
                await _refusal(404, sentence)(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the whole body, or None when it is too long or its sender has gone.

    A body that is too long is read on and thrown away: many clients look at the answer only when
    they have sent everything.
    """
    promised = Headers(scope=scope).get("content-length", "0")
    is_small = promised.isdecimal() and int(promised) <= BODY_MAX_BYTES
    parts, size, has_more = [], 0, True
    while has_more and size <= _THROWN_AWAY_MAX_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        has_more = message.get("more_body", False)
        is_small = is_small and size <= BODY_MAX_BYTES
        if is_small:
            parts.append(part)
        else:
            parts.clear()
    return b"".join(parts) if is_small else None


def _refusal(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status_code=status)
