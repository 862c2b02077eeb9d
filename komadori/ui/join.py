"""A private link opens a session in another browser, after its owner has said yes to that."""

import re
import secrets
from html import escape
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from komadori.queue.sessions import Sessions
from komadori.ui.cookie import page_key

_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{1,200}")


class _Words(NamedTuple):
    lang: str
    title: str
    text: str
    button: str
    gone_title: str
    gone_text: str
    home: str
    foreign_title: str
    foreign_text: str


_ENGLISH = _Words(
    lang="en",
    title="Open this session here?",
    text="This private link brings a session with its stories and panels to this browser. "
    "What the browser shows now will not be shown here any more. The link works once.",
    button="Open the session",
    gone_title="This link no longer works",
    gone_text="A private link works once, within a day. Nothing is lost: make a new one on the "
    "page that shows the session.",
    home="Go to Komadori",
    foreign_title="This did not come from our own page",
    foreign_text="Open the private link again and press the button there.",
)
_CHINESE = _Words(
    lang="zh-CN",
    title="在这里打开这个会话？",
    text="这个私人链接会把一个会话连同其中的故事和分镜带到当前浏览器。"
    "浏览器里现有的内容将不再显示。链接只能用一次。",
    button="打开会话",
    gone_title="这个链接已经失效",
    gone_text="私人链接一天之内有效，只能用一次。内容都还在：回到显示该会话的页面，重新生成一个链接即可。",
    home="前往 Komadori",
    foreign_title="这个请求不是从我们的页面发出的",
    foreign_text="请重新打开私人链接，再点页面上的按钮。",
)

_CSS = """
:root{color-scheme:light dark;--paper:#FAF8F4;--ink:#1B1A18;--rule:#DDD8CF;--robin:#C23E16;
--on-robin:#fff}
@media(prefers-color-scheme:dark){:root{--paper:#161513;--ink:#EDEAE4;--rule:#34312C;
--robin:#FF7A4D;--on-robin:#161513}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/22px system-ui,"PingFang SC",
"Noto Sans CJK SC","Microsoft YaHei",sans-serif;display:grid;place-items:center;min-height:100vh}
main{box-sizing:border-box;width:min(30rem,calc(100vw - 2rem));aspect-ratio:16/9;
border:2px solid var(--ink);border-radius:4px;padding:1.5rem;display:flex;flex-direction:column;
justify-content:center;gap:.75rem}
b{color:var(--robin)}h1{font-size:22px;line-height:28px;font-weight:700;margin:0}p{margin:0}
button{font:inherit;font-weight:600;color:var(--on-robin);background:var(--robin);border:0;
border-radius:4px;padding:.6rem 1rem;cursor:pointer}
a{color:inherit}button:focus-visible,a:focus-visible{outline:3px solid var(--ink);
outline-offset:2px}
"""


def join_routes(sessions: Sessions) -> APIRouter:
    """Return the routes of `/join/{token}`: a question, and its answer."""
    router = APIRouter()

    @router.get("/join/{token}")
    async def ask(token: str, request: Request) -> Response:
        words = _words(request)
        if not _TOKEN.fullmatch(token) or not await sessions.link_is_open(token):
            return _gone(words)
        button = f'<form method="post"><button>{escape(words.button)}</button></form>'
        return _page(words, words.title, words.text, button)

    @router.post("/join/{token}")
    async def answer(token: str, request: Request) -> Response:
        words = _words(request)
        if not is_same_origin(request):
            return _page(words, words.foreign_title, words.foreign_text, _home(words), status=403)
        if not _TOKEN.fullmatch(token) or not await sessions.join(token, page_key(request.scope)):
            return _gone(words)
        return RedirectResponse("/", status_code=303)

    return router


def is_same_origin(request: Request) -> bool:
    """Whether a form was sent by one of our own pages.

    Browsers send Sec-Fetch-Site over https and to localhost, and Origin elsewhere. A request with
    neither is not taken. Only the hosts are compared: a proxy may hide the scheme from us.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host")


def _words(request: Request) -> _Words:
    """Take the first language of the browser that we have."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        language = part.split(";")[0].strip()
        if language.startswith("zh"):
            return _CHINESE
        if language.startswith("en"):
            return _ENGLISH
    return _ENGLISH


def _gone(words: _Words) -> HTMLResponse:
    return _page(words, words.gone_title, words.gone_text, _home(words), status=404)


def _home(words: _Words) -> str:
    return f'<a href="/">{escape(words.home)}</a>'


def _page(words: _Words, title: str, text: str, action: str, *, status: int = 200) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    html = (
        f'<!doctype html><html lang="{words.lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Komadori</title><style nonce="{nonce}">{_CSS}</style></head>'
        f"<body><main><b>Komadori</b><h1>{escape(title)}</h1><p>{escape(text)}</p>{action}</main>"
        "</body></html>"
    )
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": f"default-src 'none'; style-src 'nonce-{nonce}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
        # With no-referrer the form's Origin would be "null", and it could not be checked.
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(html, status_code=status, headers=headers)
