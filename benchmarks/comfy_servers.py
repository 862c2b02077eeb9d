"""The ComfyUI servers of the benchmark: the tests' fake ones, started by their command line.

`Counting` stands before one of them and counts what it is asked.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil
from aiohttp import web
from sides import ROOT, BenchmarkFailed

FAKE = ROOT / "tests" / "fakes" / "comfy.py"
LOOK_S = 0.005
_START_S = 60.0
T = TypeVar("T")


def until(found: Callable[[], T | None], what: str, *, within_s: float = _START_S) -> T:
    """Look until there is something true, and return it."""
    deadline = time.monotonic() + within_s
    while not (value := found()):
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"not within {within_s:g} s: {what}")
        time.sleep(LOOK_S)
    return value


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of the product, which would change the figures."""
    return {name: value for name, value in os.environ.items() if not name.startswith("KOMADORI")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One fake server on one port and folder, whoever starts it."""

    name: str
    folder: Path
    port: int
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """Its command line, as an operator would write it into the settings."""
        start = [sys.executable, str(FAKE), "--port", str(self.port), "--cache-none"]
        return [*start, "--base-directory", str(self.folder), *self.options]

    def start(self) -> subprocess.Popen[bytes]:
        """Start it by hand, without waiting for it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "process.log").open("ab") as log:
            return subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it answers what a supervisor asks."""
        try:
            return bool(self.get("/system_stats")) and bool(self.get("/queue"))
        except (OSError, ValueError):
            return False

    def get(self, path: str) -> Any:
        """Ask, and return the JSON."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310  # our own
            return json.load(answer)

    def running(self) -> Sequence[str]:
        """Return the ids of the prompts that run there; none if it does not answer."""
        try:
            return [str(item[1]) for item in self.get("/queue")["queue_running"]]
        except (OSError, ValueError):
            return []


def make_servers(folder: Path, options: Mapping[str, tuple[str, ...]]) -> list[Server]:
    """Return a server for each name, in a folder of its own, started by nobody yet."""
    return [
        Server(name=name, folder=folder / f"comfy-{name}", port=free_port(), options=more)
        for name, more in options.items()
    ]


@contextmanager
def by_hand(server: Server) -> Iterator[float]:
    """Have a server that we have started; yields the seconds that its start took."""
    began = time.monotonic()
    process = server.start()
    try:
        until(lambda: server.is_ready() or process.poll() is not None, f"{server.name} answers")
        if process.poll() is not None:
            raise BenchmarkFailed(f"{server.name} ended with {process.poll()}")
        yield time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def end_all_of(folder: Path) -> None:
    """End every process that was started for a folder of ours, whoever has started it."""
    found = [one for one in psutil.process_iter() if _is_of(one, folder)]
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=5)


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(word.startswith(str(folder)) for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


class Counting:
    """Passes requests on to a server, in a thread, and counts them by path."""

    def __init__(self, server: Server, port: int) -> None:
        self.asked: Counter[str] = Counter()
        self._server, self._port = server, port
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listen, from now on."""
        self._thread.start()
        if not self._is_open.wait(10):
            raise BenchmarkFailed(f"port {self._port} could not be opened")

    def close(self) -> None:
        """Close it, if it was opened."""
        if self._is_open.is_set():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        async with aiohttp.ClientSession() as session:
            runner = web.ServerRunner(web.Server(self._passing(session)), shutdown_timeout=0.1)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", self._port).start()
                self._is_open.set()
                await self._closing.wait()
            finally:
                await runner.cleanup()

    def _passing(self, session: aiohttp.ClientSession) -> Any:
        async def pass_on(request: web.BaseRequest) -> web.Response:
            self.asked[request.path.split("/")[1]] += 1
            url, body = self._server.url + request.path_qs, await request.read()
            async with session.request(request.method, url, data=body or None) as answer:
                kind = answer.content_type
                return web.Response(
                    status=answer.status, body=await answer.read(), content_type=kind
                )

        return pass_on
