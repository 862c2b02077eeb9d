"""The WebSocket of the fake ComfyUI: who listens, what is sent, and how it goes silent.

As in the real one, the messages go through one queue that any thread may add to, and the socket
that ends takes its client's id with it, also when a younger socket has that id by then.
"""

import asyncio
import json
import struct
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.comfy_faults import Faults

FEATURES: dict[str, Any] = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": 104857600,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}
_PREVIEW, _PREVIEW_WITH_METADATA, _TEXT = 1, 4, 3
_JPEG = 1


class Hub:
    """All sockets of one server."""

    def __init__(self, faults: Faults, queue_info: Callable[[], dict[str, Any]]) -> None:
        self.client_id: str | None = None
        self.node_id: str | None = None
        self._faults = faults
        self._queue_info = queue_info
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._flags: dict[str, dict[str, Any]] = {}
        self._wires: set[asyncio.Transport] = set()
        self._messages: asyncio.Queue[tuple[str | bytes, str | None]] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def publish(self) -> None:
        """Send what was queued, for ever."""
        self._loop = asyncio.get_running_loop()
        while True:
            message, sid = await self._messages.get()
            if not self._faults.take_one("mute", "publish"):
                await self._send(message, sid)

    def tell(self, kind: str, data: dict[str, Any], sid: str | None) -> None:
        """Queue a message for a client, or for all (None). Called from any thread."""
        self._queue(json.dumps({"type": kind, "data": data}), sid)

    def tell_status(self) -> None:
        """Queue the length of the queue, for all."""
        self.tell("status", {"status": self._queue_info()}, None)

    def tell_text(self, node_id: str, text: str, sid: str | None) -> None:
        """Queue a text that a node shows while it works."""
        name = node_id.encode()
        self._queue(struct.pack(">II", _TEXT, len(name)) + name + text.encode(), sid)

    def wants_metadata(self, sid: str | None) -> bool:
        """Whether a client has said that it understands previews with metadata."""
        return bool(self._flags.get(sid or "", {}).get("supports_preview_metadata"))

    def tell_preview(self, jpeg: bytes, metadata: dict[str, Any], sid: str | None) -> None:
        """Queue a preview in the form that the client understands."""
        if self.wants_metadata(sid):
            told = json.dumps({**metadata, "image_type": "image/jpeg"}).encode()
            head = struct.pack(">II", _PREVIEW_WITH_METADATA, len(told)) + told
        else:
            head = struct.pack(">II", _PREVIEW, _JPEG)
        self._queue(head + jpeg, sid)

    def abort_all(self) -> None:
        """Cut all sockets, without a close frame."""
        for wire in list(self._wires):
            wire.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        wire = request.transport
        if wire is not None:
            self._wires.add(wire)
        sid = request.query.get("clientId", "")
        if sid:
            self._sockets.pop(sid, None)
        else:
            sid = uuid.uuid4().hex
        self._sockets[sid] = socket
        self._flags[sid] = {}
        try:
            await self._greet(socket, sid)
            await self._listen(socket, sid)
        finally:
            if late := self._faults.take_one("close_late", "socket_end"):
                await asyncio.shield(asyncio.sleep(late.get("seconds", 1)))
            self._sockets.pop(sid, None)  # the successor's, too
            self._flags.pop(sid, None)
            if wire is not None:
                self._wires.discard(wire)
        return socket

    async def _greet(self, socket: web.WebSocketResponse, sid: str) -> None:
        if self._faults.take_one("mute", "publish"):
            return
        status = {"status": self._queue_info(), "sid": sid}
        await socket.send_json({"type": "status", "data": status})
        if self.client_id == sid and self.node_id is not None:
            await socket.send_json({"type": "executing", "data": {"node": self.node_id}})

    async def _listen(self, socket: web.WebSocketResponse, sid: str) -> None:
        is_first = True
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            told = json.loads(message.data)
            if is_first and told.get("type") == "feature_flags":
                self._flags[sid] = told.get("data", {})
                await socket.send_json({"type": "feature_flags", "data": FEATURES})
            is_first = False

    def _queue(self, message: str | bytes, sid: str | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._messages.put_nowait, (message, sid))

    async def _send(self, message: str | bytes, sid: str | None) -> None:
        if sid is None:
            receivers = list(self._sockets.values())
        else:
            receivers = [self._sockets[sid]] if sid in self._sockets else []
        for socket in receivers:
            try:
                if isinstance(message, str):
                    await socket.send_str(message)
                else:
                    await socket.send_bytes(message)
            except ConnectionError:
                continue
