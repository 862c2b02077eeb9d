"""What a prompt costs besides the server: bare HTTP, our client, and the whole product.

All three have the same workflow made by the same server, in turns. The bare side asks for the
history every 50 ms and fetches the file: it checks nothing, hears nothing and stores nothing.
"""

import asyncio
import itertools
import json
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp
from comfy_stage import HEIGHT, WIDTH, Stage, stage
from sides import ROOT

from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.folder import load_workflow
from komadori.backends.comfy.follow import follow
from komadori.backends.comfy.prompts import Graph, new_client_id, new_prompt_id
from komadori.backends.comfy.workflow import Values

WORKFLOW = load_workflow(ROOT / "config" / "workflows" / "sdxl.json")
BARE, CLIENT, PRODUCT = "bare aiohttp", "our client", "whole product"
SIDES = (BARE, CLIENT, PRODUCT)
_ASK_S = 0.05
_MAX_BYTES = 64_000_000
_seeds = itertools.count(1)
Way = Callable[[int], Awaitable[float]]


def overhead(step_seconds: Sequence[float], rounds: int) -> list[dict[str, Any]]:
    """Measure all sides with each pace of the server."""
    return [_at_pace(step_s, rounds) for step_s in step_seconds]


def _at_pace(step_s: float, rounds: int) -> dict[str, Any]:
    options = ("--step-seconds", str(step_s))
    with stage({"a": options}, workers=1) as opened:
        took = asyncio.run(_in_turns(opened, rounds))
        figures: dict[str, Any] = {name: _figures(took, name) for name in SIDES}
        return {"step_s": step_s, "sides": figures, "product_spans_ms": _spans(opened)}


async def _in_turns(opened: Stage, rounds: int) -> Mapping[str, list[float]]:
    url = opened.servers["a"].url
    took: dict[str, list[float]] = defaultdict(list)
    async with aiohttp.ClientSession() as http:
        client = ComfyClient("a", url, http=http)
        ways: dict[str, Way] = {
            BARE: lambda seed: _by_hand(http, url, seed),
            CLIENT: lambda seed: _by_client(client, seed),
            PRODUCT: lambda seed: asyncio.to_thread(_by_product, opened, seed),
        }
        for turn in range(-1, rounds):
            for place in range(len(SIDES)):
                name = SIDES[(place + turn) % len(SIDES)]
                seconds = await ways[name](next(_seeds))
                if turn >= 0:  # the first round warms everything up
                    took[name].append(seconds)
    return took


async def _by_hand(http: aiohttp.ClientSession, url: str, seed: int) -> float:
    graph = _graph(seed, prompt_id := str(uuid.uuid4()))
    began = time.monotonic()
    entry = await bare_prompt(http, url, graph, prompt_id)
    (file,) = entry["outputs"][WORKFLOW.output]["images"]
    async with http.get(f"{url}/view", params=file) as answer:
        answer.raise_for_status()
        await answer.read()
    return time.monotonic() - began


async def bare_prompt(
    http: aiohttp.ClientSession, url: str, graph: Graph, prompt_id: str
) -> dict[str, Any]:
    """Have a prompt run with nothing but HTTP; returns what the history has of it."""
    content = {"prompt": graph, "prompt_id": prompt_id, "client_id": uuid.uuid4().hex}
    async with http.post(f"{url}/prompt", json=content) as answer:
        answer.raise_for_status()
    while True:
        async with http.get(f"{url}/history/{prompt_id}") as answer:
            entry: dict[str, Any] | None = (await answer.json()).get(prompt_id)
        if entry is not None:
            return entry
        await asyncio.sleep(_ASK_S)


def ran_s(url: str) -> float:
    """Have a prompt run, and return how long it took by the server's own word."""

    async def run() -> dict[str, Any]:
        async with aiohttp.ClientSession() as http:
            prompt_id = str(uuid.uuid4())
            return await bare_prompt(http, url, _graph(next(_seeds), prompt_id), prompt_id)

    messages = asyncio.run(run())["status"]["messages"]
    at = {name: told["timestamp"] for name, told in messages}
    return float(at["execution_success"] - at["execution_start"]) / 1000


async def _by_client(client: ComfyClient, seed: int) -> float:
    prompt_id = new_prompt_id()
    graph = _graph(seed, prompt_id)
    began = time.monotonic()
    async with client.listener(new_client_id()) as listener:
        await client.submit(graph, prompt_id=prompt_id, client_id=listener.client_id)
        entry = await follow(client, prompt_id, listener, graph=graph, report=lambda _: None)
        await client.view(entry.files[0], max_bytes=_MAX_BYTES)
    return time.monotonic() - began


def _by_product(opened: Stage, seed: int) -> float:
    began = time.time()
    return opened.completed(opened.submit(f"picture {seed}", seed)) - began


def _graph(seed: int, prompt_id: str) -> Graph:
    values = Values(
        prompt=f"picture {seed}",
        seed=seed,
        width=WIDTH,
        height=HEIGHT,
        filename_prefix=f"komadori/{prompt_id}",
    )
    return WORKFLOW.bound(values)


def _figures(took: Mapping[str, list[float]], name: str) -> dict[str, Any]:
    ratios = [one / base for one, base in zip(took[name], took[BARE], strict=True)]
    more = [one - base for one, base in zip(took[name], took[BARE], strict=True)]
    return {
        "ms": _ms(took[name]),
        "more_ms": _ms(more),
        "ratio": round(statistics.median(ratios), 3),
        "prompts": len(ratios),
    }


def _ms(seconds: Sequence[float]) -> float:
    return round(1000 * statistics.median(seconds), 1)


def _spans(opened: Stage) -> dict[str, float]:
    """Return the medians of what the product itself has timed in its steps."""
    spans: dict[str, list[float]] = defaultdict(list)
    query = (
        "SELECT s.timings, s.started_at - j.created_at AS waited FROM steps s"
        " JOIN jobs j ON j.id = s.job_id WHERE s.state = 'COMPLETED'"
    )
    for row in opened.read(query):
        spans["until it began"].append(row["waited"])
        for span in json.loads(row["timings"]):
            spans[span["stage"]].append(span["seconds"])
    return {name: _ms(seconds) for name, seconds in spans.items()}
