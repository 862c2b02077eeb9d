"""Fetches a result picture from a link that a provider gave: in time, bounded, and looked at.

Nothing of ours goes along: no proxy of the environment, no cookie, no key. Messages name the host
and never the link, which may be signed.
"""

import asyncio
import logging
import os
import ssl
from dataclasses import dataclass
from io import BytesIO
from typing import NoReturn

import aiohttp
from PIL import Image, UnidentifiedImageError
from yarl import URL

from komadori.backends.addresses import (
    CheckedResolver,
    LinkNotAllowed,
    Resolve,
    checked_url,
    next_url,
    system_addresses,
)
from komadori.backends.pictures import BROKEN, FORMATS
from komadori.errors import BackendDown, BackendRefused

log = logging.getLogger(__name__)

_MAX_PIXELS = 64_000_000
"""Above every provider's largest size; a picture of 20 MB may claim a thousand times as many."""
_HEADERS = {
    "Accept": "image/webp,image/png,image/jpeg,image/*;q=0.8",
    "Accept-Encoding": "identity",
    "User-Agent": "komadori",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({403, 404, 410})
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLimits:
    """How much a download may take. `total_s`: seconds from the first look-up to the last byte."""

    total_s: float = 60
    max_bytes: int = 20_000_000
    redirects: int = 3
    allow_private: bool = False


async def download_picture(
    url: str, limits: DownloadLimits, *, resolve: Resolve = system_addresses
) -> bytes:
    """Fetch a picture and return it, encoded as it came, once it was decoded in whole.

    Raises:
        BackendDown: it may work later: no connection, no end in time, 5xx, or cut short.
        BackendRefused: it never will: the link is gone or leads nowhere, or what it leads to is
            not a picture.
        LinkNotAllowed: it is our own limits that forbid it: the link leads inside the network, from
            https to http or over too many redirects, or the file is too large.
    """
    download = _Download(checked_url(url, allow_private=limits.allow_private), limits)
    try:
        async with asyncio.timeout(limits.total_s), _session(limits, resolve) as session:
            answer = await download.answer(session)
    except TimeoutError as exc:
        raise BackendDown(
            f"{download.host} did not send the picture within {limits.total_s:g} s. "
            "Try again, or raise defaults.image.download_timeout."
        ) from exc
    await asyncio.to_thread(_check_picture, answer)
    log.info(
        "picture downloaded: host=%s bytes=%d type=%s",
        answer.host,
        len(answer.data),
        answer.media_type,
    )
    return answer.data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A body that came to its end. `is_whole`: the server had said where that is."""

    host: str
    media_type: str
    data: bytes
    is_whole: bool


class _Download:
    """One picture's way over its redirects."""

    def __init__(self, url: URL, limits: DownloadLimits) -> None:
        self._url = url
        self._limits = limits

    @property
    def host(self) -> str:
        """The host that is being asked."""
        return self._url.raw_host or ""

    async def answer(self, session: aiohttp.ClientSession) -> _Answer:
        """Ask, and follow by hand, so that each address is checked before it is asked."""
        for _ in range(self._limits.redirects + 1):
            answer = await self._asked(session)
            if isinstance(answer, _Answer):
                return answer
            self._url = answer
        raise LinkNotAllowed(
            f"{self.host} is one redirect too many: a picture's link may redirect "
            f"{self._limits.redirects} times, and no setting allows more. "
            "Check what the provider returns."
        )

    async def _asked(self, session: aiohttp.ClientSession) -> _Answer | URL:
        """Return the body, or where to ask instead, and translate whatever aiohttp raises."""
        try:
            async with session.get(self._url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    return self._next(response)
                self._check_status(response.status)
                self._check_head(response)
                return await self._body(response)
        except (aiohttp.ClientResponseError, aiohttp.InvalidURL):
            self._down("did not answer in HTTP")
        except aiohttp.ClientSSLError as exc:
            self._down(f"could not prove who it is ({_reason(exc)})", exc)
        except aiohttp.ClientConnectorError as exc:
            self._down(f"cannot be reached ({_reason(exc)})", exc)
        except aiohttp.ClientPayloadError as exc:
            self._down("sent less of the picture than it announced", exc)
        except (aiohttp.ClientError, OSError):
            self._down("broke the connection")

    def _down(self, what: str, exc: Exception | None = None) -> NoReturn:
        """`exc` is left out where it may quote the link."""
        raise BackendDown(f"{self.host} {what}. Try again later.") from exc

    def _next(self, response: aiohttp.ClientResponse) -> URL:
        location = response.headers.get("Location")
        if not location:
            raise BackendRefused(
                f"{self.host} redirects without saying where. Check what the provider returns."
            )
        return next_url(self._url, location, allow_private=self._limits.allow_private)

    def _check_status(self, status: int) -> None:
        if status in _GONE:
            raise BackendRefused(
                f"{self.host} answered {status}: the link has expired or is gone. "
                "Have the picture made again."
            )
        if status >= 500 or status in _LATER:
            self._down(f"answered {status} instead of the picture")
        if not 200 <= status < 300:
            raise BackendRefused(
                f"{self.host} answered {status} instead of the picture. "
                "Check what the provider returns."
            )

    def _check_head(self, response: aiohttp.ClientResponse) -> None:
        # Asked for as it is, and never unpacked: a small body can hold a very large one.
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            raise BackendRefused(
                f"{self.host} sent the picture packed once more, though asked not to. "
                "Check what the provider returns."
            )
        if (response.content_length or 0) > self._limits.max_bytes:
            self._too_large()

    async def _body(self, response: aiohttp.ClientResponse) -> _Answer:
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > self._limits.max_bytes:
                self._too_large()
        is_chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        return _Answer(
            host=self.host,
            media_type=_media_type(response),
            data=bytes(data),
            is_whole=is_chunked or response.content_length is not None,
        )

    def _too_large(self) -> NoReturn:
        raise LinkNotAllowed(
            f"{self.host} sends more than {self._limits.max_bytes / 1e6:g} MB. "
            "If its pictures are that large, raise defaults.image.download_max_mb."
        )


def _session(limits: DownloadLimits, resolve: Resolve) -> aiohttp.ClientSession:
    """A session for one picture. Its connections are closed after each answer."""
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(resolve, allow_private=limits.allow_private),
        use_dns_cache=False,
        force_close=True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # ours is around all of it
    )


def _check_picture(answer: _Answer) -> None:
    """Decode a picture, since a JPEG that lacks its lower half passes Pillow's `verify`."""
    try:
        with Image.open(BytesIO(answer.data), formats=FORMATS) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                _too_many_pixels(answer.host)
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        _too_many_pixels(answer.host, exc)
    except UnidentifiedImageError as exc:
        _not_a_picture(answer, exc)
    except BROKEN as exc:
        _cut_or_damaged(answer, exc)


def _too_many_pixels(host: str, exc: Exception | None = None) -> NoReturn:
    raise BackendRefused(
        f"{host} sent a picture of more than {_MAX_PIXELS // 1_000_000} megapixels. "
        "Ask the provider for a smaller one."
    ) from exc


def _not_a_picture(answer: _Answer, exc: Exception) -> NoReturn:
    is_text = answer.media_type.startswith("text/")
    if not answer.data or not (answer.is_whole or is_text):
        _cut_or_damaged(answer, exc)
    what = "a web page" if answer.media_type == "text/html" else "something"
    raise BackendRefused(
        f"{answer.host} sent {what} ({answer.media_type}) instead of a picture "
        f"({', '.join(FORMATS)}). Check what the provider returns."
    ) from exc


def _cut_or_damaged(answer: _Answer, exc: Exception) -> NoReturn:
    """Nobody said where the body ends: then it was cut. Else the server's own copy is damaged."""
    what = "a picture that is damaged" if answer.data else "an empty picture"
    if answer.is_whole:
        raise BackendRefused(f"{answer.host} sent {what}. Have it made again.") from exc
    raise BackendDown(f"{answer.host} sent {what}, or was cut short. Try again later.") from exc


def _media_type(response: aiohttp.ClientResponse) -> str:
    kind = response.content_type
    return kind[:60] if kind.isascii() and kind.isprintable() else "unknown"


def _reason(exc: aiohttp.ClientConnectorError) -> str:
    """The system's words, without what aiohttp and asyncio add: addresses and settings."""
    inner = exc.os_error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message
    if isinstance(inner, ssl.SSLError):
        return inner.reason or "TLS failed"
    return os.strerror(inner.errno) if inner.errno else "no connection"
