"""How a test gives orders to a fake ComfyUI that answers, and what a fault does to a request."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.comfy_acts import act_now
from tests.fakes.comfy_books import Books
from tests.fakes.comfy_faults import Faults, is_for_now, leave
from tests.fakes.comfy_routes import Routes
from tests.fakes.comfy_sockets import Hub

log = logging.getLogger("fake.comfy")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SOON_S = 0.05
_OURS = "/fake/"


class Control:
    """Takes orders at /fake/do, and spoils the requests that faults are meant for."""

    def __init__(
        self, folder: Path, faults: Faults, routes: Routes, hub: Hub, books: Books
    ) -> None:
        self._folder = folder
        self._faults, self._routes, self._hub, self._books = faults, routes, hub, books
        self._tasks: set[asyncio.Task[None]] = set()
        self.refuse: Callable[[float], Awaitable[None]] | None = None

    def add_to(self, app: web.Application) -> None:
        """Add the routes and the middleware."""
        app.router.add_post(f"{_OURS}do", self._do)
        app.router.add_get(f"{_OURS}seen", self._seen)
        for path in ("/manager/reboot", "/v2/manager/reboot"):
            app.router.add_route("*", path, self._reboot)
            app.router.add_route("*", f"/api{path}", self._reboot)
        app.middlewares.append(self._spoil())

    async def _seen(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._books.summary())

    async def _do(self, request: web.Request) -> web.StreamResponse:
        order = await request.json()
        try:
            answer = self._obey(order)
        except (KeyError, ValueError) as exc:
            return web.json_response({"error": str(exc)}, status=400)
        return web.json_response(answer)

    async def _reboot(self, _: web.Request) -> web.StreamResponse:
        """Do as the Manager does below comfy-cli: leave a file, and end with 0."""
        _leave_mark()
        self._later(_act_soon({"do": "die", "how": 0}))
        return web.Response()

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        at_once: dict[str, Callable[[dict[str, Any]], Any]] = {
            "heal": self._heal,
            "refuse": lambda told: self._later(self._refuse(told.get("seconds", 1))),
            "cut_sockets": lambda _: self._hub.abort_all(),
            "drop_history": lambda _: self._routes.queue.forget_all(),
            "lose_queue": lambda _: self._routes.queue.clear(),
            "foreign": self._add_foreign,
        }
        name = order["do"]
        if name in at_once:
            return {"ids": at_once[name](order)}
        if is_for_now(order):
            self._later(_act_soon(order))
        else:
            leave(self._folder, order)
        return {}

    def _heal(self, order: dict[str, Any]) -> None:
        self._faults.heal(order.get("name", ""))
        if order.get("name", "") in ("", "cuda"):
            self._routes.worker.is_poisoned = False

    def _later(self, work: Any) -> None:
        """Do something when the order has been answered."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self, seconds: float) -> None:
        await asyncio.sleep(_SOON_S)
        if self.refuse is not None:
            await self.refuse(seconds)

    def _add_foreign(self, order: dict[str, Any]) -> list[str]:
        """Add prompts of somebody else, each of which takes `seconds`."""
        client_id = order.get("client_id", "somebody-else")
        seconds, steps = float(order.get("seconds", 1)), int(order.get("steps", 4))
        text = order.get("text", "a foreign prompt")
        made = []
        for number in range(int(order.get("count", 1))):
            prompt = _foreign(text, number, steps)
            made.append(self._routes.add_foreign(prompt, client_id, seconds / steps))
        return made

    def _spoil(self) -> Any:
        @web.middleware
        async def spoil(request: web.Request, handler: _Handler) -> web.StreamResponse:
            if request.path.startswith(_OURS):
                return await handler(request)
            if _is_foreign_page(request):
                return web.Response(status=403)
            facts = {"path": request.path.removeprefix("/api"), "method": request.method}
            for order in self._faults.take("request", **facts):
                if answer := await _spoilt(order):
                    return answer
            answer = await handler(request)
            if lost := self._faults.take_one("lose_answer", "answer", **facts):
                await _lose(request, lost)
            return answer

        return spoil


async def _spoilt(order: dict[str, Any]) -> web.StreamResponse | None:
    match order["do"]:
        case "status":
            text = "500 Internal Server Error\n\nServer got itself in trouble"
            return web.Response(status=order.get("status", 500), text=order.get("text", text))
        case "hang":
            await asyncio.sleep(order.get("seconds", 1_000_000))
        case "delay":
            await asyncio.sleep(order.get("seconds", 1))
    return None


async def _lose(request: web.Request, order: dict[str, Any]) -> None:
    """Never answer: cut the connection, or leave it open (`how: hang`)."""
    if order.get("how") == "hang":
        await asyncio.sleep(order.get("seconds", 1_000_000))
    if request.transport is not None:
        request.transport.abort()


def _leave_mark() -> None:
    if session := os.environ.get("__COMFY_CLI_SESSION__"):
        Path(f"{session}.reboot").touch()


async def _act_soon(order: dict[str, Any]) -> None:
    await asyncio.sleep(_SOON_S)
    act_now(order)


def _is_foreign_page(request: web.Request) -> bool:
    """Whether a browser's page of another origin asks a server on this machine."""
    origin = request.headers.get("Origin")
    if not origin or request.url.host not in _LOOPBACK:
        return False
    return origin.partition("://")[2] != request.host


def _foreign(text: str, number: int, steps: int) -> dict[str, Any]:
    def node(name: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": name, "inputs": inputs}

    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "2": node("CLIPTextEncode", text=text, clip=["1", 1]),
        "3": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "4": node(
            "KSampler",
            model=["1", 0],
            seed=id(object()) % 1_000_000 + number,
            steps=steps,
            cfg=1.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["2", 0],
            negative=["2", 0],
            latent_image=["3", 0],
            denoise=1.0,
        ),
        "5": node("VAEDecode", samples=["4", 0], vae=["1", 2]),
        "6": node("SaveImage", images=["5", 0], filename_prefix="foreign"),
    }
