"""The browser's session: a random key in a cookie that scripts on the page cannot read."""

import re
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE_NAME = "komadori_session"
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_MAX_AGE_S = 400 * 24 * 3600  # browsers keep no cookie longer than 400 days
_SCOPE_KEY = "komadori.session_key"


def cookie_key(cookies: Mapping[str, str]) -> str | None:
    """Return the session key among a request's cookies, if it is one that we made."""
    key = cookies.get(COOKIE_NAME, "")
    return key if _KEY.fullmatch(key) else None


def page_key(scope: Mapping[str, object]) -> str:
    """Return the key of a page load: the browser's own, or the one it is being given."""
    return str(scope[_SCOPE_KEY])


class SessionCookie:
    """Gives a browser its key when it loads a page, and never replaces a valid one.

    Plain ASGI: Starlette's BaseHTTPMiddleware would hold back the event streams.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding the cookie to the answer where it is missing."""
        if scope["type"] != "http" or not _is_page_load(scope["path"]):
            await self._app(scope, receive, send)
            return
        key = cookie_key(_cookies(scope))
        if key is not None:
            await self._app({**scope, _SCOPE_KEY: key}, receive, send)
            return
        key = secrets.token_urlsafe(32)
        is_https = scope["scheme"] == "https"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                _set_cookie(MutableHeaders(scope=message), key, is_https=is_https)
            await send(message)

        await self._app({**scope, _SCOPE_KEY: key}, receive, send_with_cookie)


def _is_page_load(path: str) -> bool:
    return path == "/" or path.startswith("/join/")


def _cookies(scope: Scope) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for header in Headers(scope=scope).getlist("cookie"):
        try:
            jar.load(header)
        except CookieError:
            continue
    return {name: morsel.value for name, morsel in jar.items()}


def _set_cookie(headers: MutableHeaders, key: str, *, is_https: bool) -> None:
    parts = [f"{COOKIE_NAME}={key}", f"Max-Age={_MAX_AGE_S}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if is_https:
        parts.append("Secure")
    headers.append("set-cookie", "; ".join(parts))
    # A cache between us and the browsers would hand one person's key to another.
    headers["cache-control"] = "private, no-store"
