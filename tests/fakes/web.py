"""A small web server that misbehaves, each fault under a path of its own.

`python -m tests.fakes.web [CERTIFICATE]` prints its ports and serves until it is ended; with a file
that holds a certificate and its key it serves over TLS, too. It speaks HTTP by hand, since a proper
server would not let it lie. `/seen` returns what it was asked, as JSON.
"""

import asyncio
import gzip
import json
import ssl
import sys
from collections.abc import Awaitable, Callable
from io import BytesIO

from PIL import Image

Fault = Callable[[asyncio.StreamWriter, str], Awaitable[None]]

_DRIP_S = 0.02
_FOR_EVER_S = 3600.0
_seen: list[dict[str, str]] = []


def _encoded(kind: str, *, size: tuple[int, int] = (96, 64), mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    noise = Image.effect_noise(size, 80) if mode == "RGB" else Image.new("L", size)
    noise.convert(mode).save(buffer, kind)
    return buffer.getvalue()


_PNG = _encoded("PNG")
_ZIPPED = gzip.compress(bytes(50_000_000))
_PAGE = b"<!doctype html><title>Sign in</title>"


def _head(status: int, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} Whatever", *headers, "", "")).encode()


def _body(data: bytes, kind: str = "image/png", *headers: str) -> bytes:
    return _head(200, f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers) + data


def _says(answer: bytes) -> Fault:
    """Send this and close."""

    async def fault(writer: asyncio.StreamWriter, _rest: str) -> None:
        writer.write(answer)

    return fault


async def _seen_so_far(writer: asyncio.StreamWriter, _rest: str) -> None:
    writer.write(_body(json.dumps(_seen).encode(), "application/json"))


async def _picture(writer: asyncio.StreamWriter, rest: str) -> None:
    writer.write(_body(_encoded(rest.upper()), "application/octet-stream"))


async def _status(writer: asyncio.StreamWriter, rest: str) -> None:
    writer.write(_head(int(rest), "Content-Length: 0"))


async def _drip(writer: asyncio.StreamWriter, _rest: str) -> None:
    writer.write(_head(200, "Content-Type: image/png", "Content-Length: 1000000"))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_DRIP_S)


async def _drip_headers(writer: asyncio.StreamWriter, _rest: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(_DRIP_S)


async def _hang_before(_writer: asyncio.StreamWriter, _rest: str) -> None:
    await asyncio.sleep(_FOR_EVER_S)


async def _hang_after(writer: asyncio.StreamWriter, _rest: str) -> None:
    writer.write(_head(200, "Content-Type: image/png", f"Content-Length: {len(_PNG)}"))
    await asyncio.sleep(_FOR_EVER_S)


async def _endless(writer: asyncio.StreamWriter, _rest: str) -> None:
    writer.write(_head(200, "Content-Type: image/png"))
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def _chunked(writer: asyncio.StreamWriter, rest: str) -> None:
    """In chunks; `cut` leaves the last, empty one out."""
    writer.write(_head(200, "Content-Type: image/png", "Transfer-Encoding: chunked"))
    for start in range(0, len(_PNG), 1000):
        piece = _PNG[start : start + 1000]
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    writer.write(b"" if rest == "cut" else b"0\r\n\r\n")


async def _redirect(writer: asyncio.StreamWriter, rest: str) -> None:
    """`n` times, then a picture."""
    left = int(rest)
    where = f"/redirect/{left - 1}" if left > 1 else "/picture/png"
    writer.write(_head(302, f"Location: {where}", "Content-Length: 0", "Set-Cookie: a=b"))


async def _to(writer: asyncio.StreamWriter, rest: str) -> None:
    """Redirect to whatever follows in the path."""
    writer.write(_head(302, f"Location: {rest}", "Content-Length: 0"))


async def _endless_redirect(writer: asyncio.StreamWriter, _rest: str) -> None:
    """Redirect, with a body that nobody should wait for."""
    writer.write(_head(302, "Location: /picture/png"))
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def _slow_loop(writer: asyncio.StreamWriter, _rest: str) -> None:
    await asyncio.sleep(0.12)
    writer.write(_head(302, "Location: /slow-loop", "Content-Length: 0"))


_FAULTS: dict[str, Fault] = {
    "seen": _seen_so_far,
    "picture": _picture,
    "status": _status,
    "drip": _drip,
    "drip-headers": _drip_headers,
    "hang-before-headers": _hang_before,
    "hang-after-headers": _hang_after,
    "endless": _endless,
    "chunked": _chunked,
    "redirect": _redirect,
    "to": _to,
    "loop": _says(_head(302, "Location: /loop", "Content-Length: 0")),
    "slow-loop": _slow_loop,
    "nowhere": _says(_head(302, "Content-Length: 0")),
    "endless-redirect": _endless_redirect,
    "announces-more": _says(_head(200, f"Content-Length: {len(_PNG) + 1000}") + _PNG),
    "announces-less": _says(_head(200, "Content-Length: 1000") + _PNG),
    "announces-too-much": _says(_head(200, "Content-Length: 30000000")),
    "no-length": _says(_head(200, "Content-Type: image/png") + _PNG),
    "no-length-cut": _says(_head(200, "Content-Type: image/png") + _PNG[:-2000]),
    "no-length-empty": _says(_head(200, "Content-Type: image/png")),
    "empty": _says(_body(b"")),
    "truncated": _says(_body(_PNG[:-2000])),
    "truncated-jpeg": _says(_body(_encoded("JPEG")[:-1000], "image/jpeg")),
    "page": _says(_body(_PAGE, "text/html; charset=utf-8")),
    "page-as-png": _says(_body(_PAGE)),
    "page-no-length": _says(_head(200, "Content-Type: text/html") + _PAGE),
    "gzip-bomb": _says(
        _body(gzip.compress(bytes(50_000_000)), "image/png", "Content-Encoding: gzip")
    ),
    "pixel-bomb": _says(_body(_encoded("PNG", size=(9000, 9000), mode="1"))),
    "large-pixel-bomb": _says(_body(_encoded("PNG", size=(10000, 10000), mode="1"))),
    "huge-pixel-bomb": _says(_body(_encoded("PNG", size=(14000, 14000), mode="1"))),
    "no-http": _says(b"220 mail.example.com ESMTP\r\n"),
    "long-header": _says(_head(200, f"X-Long: {'x' * 100_000}")),
    "nothing": _says(b""),
}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = request.split("\r\n")
        path = line.split(" ")[1]
        name, _, rest = path.lstrip("/").partition("?")[0].partition("/")
        if name != "seen":
            _seen.append({"path": path, **dict(h.lower().split(": ", 1) for h in headers if h)})
        await _FAULTS[name](writer, rest)
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # they hung up, which is what the tests are about
    finally:
        writer.close()


async def _main(certificate: str | None) -> None:
    plain = await asyncio.start_server(_serve, "127.0.0.1", 0)
    ports = [plain.sockets[0].getsockname()[1]]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        secure = await asyncio.start_server(_serve, "127.0.0.1", 0, ssl=context)
        ports.append(secure.sockets[0].getsockname()[1])
    print("serving:", *ports, flush=True)  # noqa: T201  # the test reads it
    await plain.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1] if len(sys.argv) > 1 else None))
