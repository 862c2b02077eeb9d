"""What stands before every route: headers that protect the reader, doors of Gradio kept shut.

Plain ASGI: Starlette's BaseHTTPMiddleware would hold back the event streams.
"""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
