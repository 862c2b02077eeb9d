"""One request at the fake provider: the phases that it goes through, and what is done in each."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.provider_faults import MAY_BE_JOINED, Fault, Faults
from tests.fakes.provider_shapes import Endpoint, bad_key

_LOOK_S = 0.02
_PIECE = 64 * 1024
_DRIPS = 20
_METADATA = "http://169.254.169.254/latest/meta-data/"
_GATEWAY = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_SIGN_IN = "<!doctype html><html><body><h1>Please sign in to this network</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_chunked: bool = False
    drip_s: float = 0.0

    @classmethod
    def of(cls, status: int, body: dict[str, Any]) -> "Answer":
        """Return an answer in JSON."""
        return cls(status, json.dumps(body).encode())


class Answered(Exception):
    """A fault that answers in place of the provider."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Gone(Exception):
    """The connection was ended by a fault; there is nobody to answer."""


class Exchange:
    """A request on its way. `facts` is what faults are matched with."""

    def __init__(
        self, request: web.Request, endpoint: Endpoint, facts: dict[str, str], folder: Path
    ) -> None:
        self.request = request
        self.endpoint = endpoint
        self.facts = facts
        self.response: web.StreamResponse | None = None
        self._faults = Faults(folder / "faults")
        self._held = folder / "held"

    async def reach(self, phase: str) -> None:
        """Reach a phase, and do or suffer what was ordered for it."""
        for fault in self.taken(phase):
            await _DEEDS[fault.act](self, phase, fault)

    def taken(self, phase: str) -> "list[Fault]":
        """Take the faults of a phase, one of each sort, until one bears no other beside it."""
        faults: list[Fault] = []
        while fault := self._faults.take(
            phase, self.facts, but_not={earlier.act for earlier in faults}
        ):
            faults.append(fault)
            if fault.act not in MAY_BE_JOINED:
                break
        return faults

    async def send(self, answer: Answer) -> web.StreamResponse:
        """Send an answer, stopping at its phases."""
        response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
        response.content_type = answer.content_type
        if answer.is_chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = len(answer.body)
        self.response = response
        await response.prepare(self.request)
        await self.reach("headers_sent")
        middle = len(answer.body) // 2
        await self._write(answer.body[:middle], answer.drip_s / 2)
        await self.reach("half_body")
        await self._write(answer.body[middle:], answer.drip_s / 2)
        await response.write_eof()
        return response

    async def _write(self, body: bytes, during_s: float) -> None:
        assert self.response is not None
        piece = max(1, len(body) // (_DRIPS // 2)) if during_s else _PIECE
        for start in range(0, len(body), piece):
            await self.response.write(body[start : start + piece])
            if during_s:
                await asyncio.sleep(during_s * piece / len(body))

    def transport(self) -> asyncio.Transport:
        """The connection, unless the client has left."""
        if self.request.transport is None:
            raise Gone
        return self.request.transport

    async def hold(self, phase: str, _fault: Fault) -> None:
        """Wait until the file that says so is taken away."""
        mark = self._held / f"{self.facts['id']}.{phase}"
        mark.write_text(json.dumps({**self.facts, "at": phase}))
        if phase == "arrived":
            self.transport().pause_reading()
        while mark.exists():  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(_LOOK_S)
        if phase == "arrived":
            self.transport().resume_reading()

    async def hang(self, phase: str, _fault: Fault) -> None:
        """Never go on."""
        if phase == "arrived":
            self.transport().pause_reading()
        await asyncio.Event().wait()

    async def slow(self, _phase: str, fault: Fault) -> None:
        """Take some time."""
        await asyncio.sleep(float(fault.options.get("seconds", 1.0)))

    async def die(self, _phase: str, _fault: Fault) -> None:
        """End the whole provider, without a word to anybody."""
        os._exit(1)

    async def reset(self, _phase: str, _fault: Fault) -> None:
        """End the connection with an RST."""
        transport = self.transport()
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        raise Gone

    async def cut(self, _phase: str, _fault: Fault) -> None:
        """End the connection in order, before all was sent."""
        self.transport().close()
        raise Gone

    async def status(self, _phase: str, fault: Fault) -> None:
        """Answer with a bad status; gateways speak HTML."""
        raise Answered(_with_retry_after(self._bad(fault), fault))

    def _bad(self, fault: Fault) -> Answer:
        status = int(fault.name)
        said = fault.options.get("message")
        if status in (502, 504) and said is None:
            return Answer(status, _GATEWAY.format(f"{status} Bad gateway").encode(), "text/html")
        if status == 401 and said is None:
            said = bad_key(self.endpoint.shape, self.request.headers).message
        message = str(said or f"The provider answers {status}.")
        return self.complaint(status, message, code=fault.options.get("code"))

    async def no_quota(self, _phase: str, _fault: Fault) -> None:
        """Answer that the account is empty: a 429 that no waiting helps."""
        message = "You exceeded your current quota, please check your plan and billing details."
        raise Answered(self.complaint(429, message, code="insufficient_quota"))

    async def refuse(self, _phase: str, fault: Fault) -> None:
        """Answer that such pictures are not drawn; `of_prompt`: that such words are not read."""
        of_prompt = bool(fault.options.get("of_prompt"))
        raise Answered(Answer.of(*self.endpoint.complaints.refused(of_prompt=of_prompt)))

    async def redirect(self, _phase: str, fault: Fault) -> None:
        """Send the client elsewhere: `to` is an address, or "self"."""
        is_order = self.endpoint.kind == "create"
        to = str(fault.options.get("to", f"/moved{self.request.path}" if is_order else _METADATA))
        location = str(self.request.url) if to == "self" else to
        raise Answered(Answer(307 if is_order else 302, b"", headers={"Location": location}))

    async def expire(self, _phase: str, _fault: Fault) -> None:
        """Answer as a store of results does when an address is too old."""
        body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        raise Answered(Answer(403, body, "application/xml"))

    def complaint(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> Answer:
        """Return a bad answer in the form of the shape that was asked."""
        body = self.endpoint.complaints.error(status, message, param=param, code=code)
        return Answer.of(status, body)


def _with_retry_after(answer: Answer, fault: Fault) -> Answer:
    after = fault.options.get("retry_after")
    if after is None:
        return answer
    moment = datetime.now(UTC) + timedelta(seconds=float(after))
    told = format_datetime(moment, usegmt=True) if fault.options.get("as_date") else str(after)
    return replace(answer, headers={"Retry-After": told})


def spoilt(answer: Answer, fault: Fault) -> Answer:
    """Return an answer as a fault of the phase `answer` makes it."""
    match fault.act:
        case "truncate":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case "retype":
            return replace(
                answer, content_type=str(fault.options.get("content_type", "text/plain"))
            )
        case "html":
            return replace(answer, body=_SIGN_IN.encode(), content_type="text/html")
        case "huge":  # what follows a JSON text or a picture does not spoil it
            size = int(fault.options.get("megabytes", 70)) * 1_000_000
            return replace(answer, body=answer.body.ljust(size))
        case "chunked":
            return replace(answer, is_chunked=True)
        case "drip":
            return replace(answer, drip_s=float(fault.options.get("seconds", 1.0)))
    return answer


_DEEDS: dict[str, Callable[[Exchange, str, Fault], Awaitable[None]]] = {
    "hold": Exchange.hold,
    "hang": Exchange.hang,
    "slow": Exchange.slow,
    "die": Exchange.die,
    "reset": Exchange.reset,
    "cut": Exchange.cut,
    "status": Exchange.status,
    "no_quota": Exchange.no_quota,
    "refuse": Exchange.refuse,
    "redirect": Exchange.redirect,
    "expire": Exchange.expire,
}
