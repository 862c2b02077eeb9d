"""A ComfyUI for tests: it speaks the recorded protocol, draws without a model, fails on command.

`python tests/fakes/comfy.py --port N --base-directory DIR` stands where `python main.py` of a real
one would; options that it does not know it accepts. Queue, history and cache live in memory. What
it did is in DIR/fake-record.jsonl, what it shall do wrong in DIR/fake-faults (comfy_faults.py);
both outlive it.
"""

import argparse
import asyncio
import errno
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import web

if __package__ in (None, ""):  # started by its path, as a real one is
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.fakes.comfy_acts import die
from tests.fakes.comfy_books import Books
from tests.fakes.comfy_control import Control
from tests.fakes.comfy_faults import Faults
from tests.fakes.comfy_files import Folders
from tests.fakes.comfy_log import Lines, log_to
from tests.fakes.comfy_nodes import Catalog
from tests.fakes.comfy_queue import PromptQueue
from tests.fakes.comfy_routes import Routes
from tests.fakes.comfy_sockets import Hub
from tests.fakes.comfy_stats import Stats
from tests.fakes.comfy_worker import Worker

log = logging.getLogger("fake.comfy")

_MOST_UPLOADED = 104_857_600
_FAULTS_VARIABLE = "FAKE_COMFY_FAULTS"
_TALK_S = 0.2


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--listen", nargs="?", const="0.0.0.0", default="127.0.0.1")  # noqa: S104
    for name in ("base", "temp", "output", "input", "user"):
        parser.add_argument(f"--{name}-directory", type=Path)
    parser.add_argument("--database-url")
    parser.add_argument("--cache-none", action="store_true")
    parser.add_argument("--disable-metadata", action="store_true")
    # what a real one does not have
    parser.add_argument("--name", default="comfy")
    parser.add_argument("--start-delay", type=float, default=0.0)
    parser.add_argument("--step-seconds", type=float, default=0.02)
    parser.add_argument("--node-seconds", type=float, default=0.0)
    parser.add_argument("--history-lag", type=float, default=0.02)
    parser.add_argument("--vram-mb", type=int)
    parser.add_argument("--comfy-version", default="0.27.0")
    parser.add_argument("--fault", action="append", default=[], type=json.loads)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--strict", action="store_true")
    chosen, unknown = parser.parse_known_args()
    if chosen.strict:
        _be_strict(parser, chosen, unknown)
    return chosen


def _be_strict(
    parser: argparse.ArgumentParser, chosen: argparse.Namespace, unknown: list[str]
) -> None:
    """End as the real one does when an option is unknown or a folder is not there."""
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if chosen.user_directory and not chosen.user_directory.is_dir():
        parser.error(f"argument --user-directory: {chosen.user_directory} does not exist")
    nodes = chosen.base_directory and chosen.base_directory / "custom_nodes"
    if nodes and not nodes.is_dir():
        sys.exit(f"FileNotFoundError: [Errno 2] No such file or directory: '{nodes}'")


def _folders(chosen: argparse.Namespace) -> Folders:
    base = chosen.base_directory or Path(tempfile.gettempdir()) / f"fake-comfy-{chosen.port}"
    # The temp folder is made inside the one that is named, and is wiped at each start.
    temp = chosen.temp_directory / "temp" if chosen.temp_directory else base / "temp"
    return Folders(
        base=base,
        input=chosen.input_directory or base / "input",
        output=chosen.output_directory or base / "output",
        temp=temp,
        user=chosen.user_directory or base / "user",
    )


class Server:
    """One process: it starts slowly or not at all, opens its port, and serves until it ends."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._chosen = chosen
        self._folders = _folders(chosen)
        self._folders.base.mkdir(parents=True, exist_ok=True)
        lasting = [*chosen.fault, *json.loads(os.environ.get(_FAULTS_VARIABLE, "[]"))]
        self._fault_folder = self._folders.base / "fake-faults"
        self._faults = Faults(self._fault_folder, lasting)
        self._lines = Lines()
        log_to(self._lines)
        record = chosen.record or self._folders.base / "fake-record.jsonl"
        self._books = Books(record, chosen.name)
        self._site: web.TCPSite | None = None
        self._runner: web.AppRunner | None = None

    async def serve(self) -> None:
        """Start, and serve for ever."""
        self._books.note("start", port=self._chosen.port)
        self._folders.prepare()
        await self._start_up()
        app = self._app()
        # aiohttp waits for handlers that hang when it ends; this one ends at once.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._open()
        log.info("Starting server\n")
        address = f"{self._chosen.listen}:{self._chosen.port}"
        log.info("To see the GUI go to: http://%s", address)
        self._books.note("ready")
        publishing = asyncio.create_task(self._hub.publish())
        self._worker.start()
        if order := self._faults.take_one("die_ready", "ready"):
            await asyncio.sleep(order.get("seconds", 0))
            die(order.get("how", 1))
        await publishing

    def leave(self) -> None:
        """Do what is done before an end in order: temp is taken away."""
        shutil.rmtree(self._folders.temp, ignore_errors=True)

    async def _start_up(self) -> None:
        log.info("Total VRAM 24106 MB, total RAM 24106 MB")
        log.info("ComfyUI version: %s", self._chosen.comfy_version)
        if self._chosen.start_delay:
            await self._be_slow(self._chosen.start_delay, talks=True)
        for order in self._faults.take("starting"):
            await self._be_slow(order.get("seconds", 0), talks=order.get("talks", True))
            if order["do"] == "fail_start":
                log.error("%s", self._why(order))
                sys.exit(order.get("code", 1))

    def _why(self, order: dict[str, Any]) -> str:
        if order.get("port_taken"):
            return self._port_taken()
        return str(order.get("message", "ModuleNotFoundError: No module named 'torch'"))

    def _port_taken(self) -> str:
        where = f"Port {self._chosen.port} is already in use on address {self._chosen.listen}"
        return f"{where}. Please close the other application or use a different port with --port."

    async def _be_slow(self, seconds: float, *, talks: bool) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if talks:
                log.info("Import times for custom nodes: %.1f s to go", left)
            await asyncio.sleep(min(_TALK_S, left))

    async def _open(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, self._chosen.listen, self._chosen.port)
        try:
            await self._site.start()
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            log.error("%s", self._port_taken())  # noqa: TRY400  # a traceback is not printed
            sys.exit(1)

    def _app(self) -> web.Application:
        chosen, faults = self._chosen, self._faults
        queue: PromptQueue

        def length() -> dict[str, Any]:
            return {"exec_info": {"queue_remaining": queue.remaining()}}

        hub = Hub(faults, length)
        queue = PromptQueue(hub.tell_status)
        catalog = Catalog(self._folders.input, faults)
        self._worker = Worker(
            queue,
            hub,
            catalog,
            self._folders,
            faults,
            self._books,
            step_s=chosen.step_seconds,
            node_s=chosen.node_seconds,
            history_lag_s=chosen.history_lag,
            keeps=not chosen.cache_none,
            has_metadata=not chosen.disable_metadata,
            hides_cached=chosen.comfy_version.startswith("0.27."),
        )
        self._hub = hub
        stats = Stats(chosen.comfy_version, list(sys.argv), faults, self._worker, chosen.vram_mb)
        routes = Routes(
            queue, hub, catalog, self._folders, self._worker, self._books, stats, self._lines
        )
        control = Control(self._fault_folder, faults, routes, hub, self._books)
        control.refuse = self._refuse
        app = web.Application(client_max_size=_MOST_UPLOADED)
        control.add_to(app)
        routes.add_to(app)
        return app

    async def _refuse(self, seconds: float) -> None:
        """Close the port and all connections; open it again later."""
        assert self._site is not None
        assert self._runner is not None
        await self._site.stop()
        self._hub.abort_all()
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        await self._open()


def main() -> None:
    """Serve, and end as the real one does: SIGINT says so and ends with 0, SIGTERM just ends."""
    server = Server(options())
    try:
        asyncio.run(server.serve())
    except KeyboardInterrupt:
        server.leave()
        log.info("\nStopped server")
        sys.stdout.flush()
        os._exit(0)  # the thread of a running prompt is not waited for


if __name__ == "__main__":
    main()
