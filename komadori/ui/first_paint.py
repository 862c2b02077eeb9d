"""Puts a small script before all others of the page, so that language and shade are right at once.

Gradio adds its `head` only after it has chosen the language; this is the one place before that.
"""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = (Path(__file__).parent / "assets" / "first_paint.js").read_text(encoding="utf-8")
# Gradio's own spinner would flash up before our styles are there.
_STYLE = '[data-testid="status-tracker"]{display:none!important}'
_BEFORE = b'<meta charset="utf-8" />'


class FirstPaint:
    """Middleware that adds the script to the page's HTML."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, changing only the page itself."""
        if scope["type"] == "http" and scope["path"] == "/":
            send = _Rewrite(send)
        await self._app(scope, receive, send)


class _Rewrite:
    """Collects an HTML answer, adds the script, and sends it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_plain_html(message):
            self._start = message
            return
        if self._start is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = with_script(self._body)
        MutableHeaders(scope=self._start)["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def with_script(page: bytes) -> bytes:
    """Return the page with the script behind its first line of `head`."""
    return page.replace(
        _BEFORE, _BEFORE + f"<style>{_STYLE}</style><script>{_SCRIPT}</script>".encode(), 1
    )


def _is_plain_html(message: Message) -> bool:
    headers = MutableHeaders(scope=message)
    is_html = headers.get("content-type", "").startswith("text/html")
    return is_html and "content-encoding" not in headers
