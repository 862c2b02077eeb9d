"""What the tests of the ComfyUI client need: a client, small graphs, and a prompt's whole way."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from komadori.backends.comfy.answers import HistoryEntry
from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.follow import FollowEvent, Pace, follow
from komadori.backends.comfy.prompts import PromptId, new_client_id, new_prompt_id

QUICK = Pace(
    ask_s=0.2,
    hurry_s=0.05,
    hurry_for_s=2,
    refused_s=0.1,
    no_answer_s=1.5,
    missing_s=0.5,
    idle_s=2,
    mute_s=0.5,
)
_numbers = itertools.count(1)


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    """Return one node of a graph."""
    meta = {"_meta": {"title": title}} if title else {}
    return {"class_type": class_type, "inputs": inputs, **meta}


def graph(text: str = "a red bird", *, steps: int = 4, prefix: str = "") -> dict[str, Any]:
    """Return a graph with a sampler, that saves under a name of its own."""
    number = next(_numbers)
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "2": node("CLIPTextEncode", "Words", text=text, clip=["1", 1]),
        "3": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "4": node(
            "KSampler",
            "Paint",
            model=["1", 0],
            seed=number,
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
        "9": node("SaveImage", "Keep", images=["5", 0], filename_prefix=prefix or f"t/{number}"),
    }


@asynccontextmanager
async def client_of(url: str, **options: Any) -> AsyncIterator[ComfyClient]:
    """Open a client of a server."""
    async with aiohttp.ClientSession() as http:
        yield ComfyClient("a", url, http=http, **{"timeout_s": 5.0, **options})


@dataclass
class Prompt:
    """One prompt's way: its ids, and what was told of it."""

    client: ComfyClient
    graph: dict[str, Any]
    id: PromptId = field(default_factory=new_prompt_id)
    client_id: Any = field(default_factory=new_client_id)
    told: list[FollowEvent] = field(default_factory=list)
    is_sent: bool = False
    pace: Pace = QUICK
    report: Callable[[FollowEvent], None] | None = None

    async def send(self) -> None:
        """Send it, without listening."""
        self.is_sent = True
        await self.client.submit(self.graph, prompt_id=self.id, client_id=self.client_id)

    async def run(self, *, silent_limit_s: float = 60, pace: Pace | None = None) -> HistoryEntry:
        """Send it, unless that was done, and follow it to its end."""
        async with self.client.listener(self.client_id) as listener:
            if not self.is_sent:
                await self.send()
            return await follow(
                self.client,
                self.id,
                listener,
                graph=self.graph,
                report=self.report or self.told.append,
                silent_limit_s=silent_limit_s,
                pace=pace or self.pace,
            )

    def heard(self, kind: type[FollowEvent]) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.told if isinstance(event, kind)]


def local(port: int) -> str:
    """Return an address on this machine."""
    return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def strange_server(port: int, handle: Callable[..., Any]) -> AsyncIterator[None]:
    """Run a server that answers everything in one way."""
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], Any], what: str, *, within_s: float = 15) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # the condition is another process's doing
            await asyncio.sleep(0.02)
    assert what
