"""A whole installation for a measurement: store, servers, their watch, and a consumer."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from comfy_servers import (
    Counting,
    Server,
    clean_environment,
    end_all_of,
    free_port,
    make_servers,
    until,
)
from sides import ROOT, BenchmarkFailed, end_group
from sqlalchemy import RowMapping, text

sys.path.insert(0, str(ROOT))

from komadori.domain.ids import JobId
from komadori.domain.states import JobState, Lane
from komadori.queue.broker import open_broker
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.migrate import migrate
from komadori.queue.orders import Orders
from komadori.queue.servers import ServerRows
from komadori.queue.sessions import Sessions
from komadori.queue.store import Store
from komadori.settings import load_settings
from komadori.wiring.parts import make_plan

SDXL = "comfyui-sdxl"
WIDTH, HEIGHT = 1344, 768
SETTINGS = {
    # the breaker and the care for a busy machine are not what is measured
    "COMFYUI__CRASHES_MOST": "99",
    "COMFYUI__LIMITS__CPU_PERCENT": "100",
    "COMFYUI__LIMITS__MEMORY_PERCENT": "100",
}
_JOB_S = 120.0


class Stage:
    """What a page knows, and the processes around it."""

    def __init__(self, folder: Path, servers: Sequence[Server], *, is_counted: bool) -> None:
        self.folder = folder
        self.servers = {server.name: server for server in servers}
        self.counts = [Counting(one, free_port()) for one in servers if is_counted]
        urls = [one.url for one in self.counts or servers]
        told = [
            {"name": one.name, "url": url, "command": one.command}
            for one, url in zip(servers, urls, strict=True)
        ]
        address = f"sqlite:///{folder / 'data' / 'komadori.db'}"
        settings = {
            "DATA_DIR": str(folder / "data"),
            "DATABASE__URL": address,
            "QUEUE__BACKEND": "sqlite",
            "COMFYUI__SERVERS": json.dumps(told),
            **SETTINGS,
        }
        own = {f"KOMADORI_{name}": value for name, value in settings.items()}
        self._environment = clean_environment() | own
        (folder / "data").mkdir(parents=True)
        migrate(address)
        self.store = Store(address)
        self.rows = ServerRows(self.store)
        self.bell = open_broker(Lane.IMAGE, data_dir=folder / "data", redis_url=None)
        orders = Orders(self.store, make_plan(load_settings()), self.bell.ring)
        self._frames = FrameOrders(orders.desk)
        with ThreadPoolExecutor(1) as executor:
            opening = Sessions(self.store, executor).open_with_api_key(os.urandom(16).hex())
            self._session = asyncio.run(opening)

    def close(self) -> None:
        """Let go of the store and the bell."""
        self.bell.storage.close()
        self.store.close()

    # processes

    watch: subprocess.Popen[str]

    def start(self, workers: int, stack: ExitStack) -> None:
        """Start what belongs to it, to be ended by the stack; returns when all is up."""
        python = (sys.executable, "-m", "komadori.monitors", "comfy", "watch")
        self.watch = self.run("watch", *python)
        stack.callback(end_group, self.watch)
        if workers:
            script = str(Path(sys.executable).with_name("huey_consumer"))
            options = ("-k", "process", "-w", str(workers))
            consumer = self.run("consumer", script, "huey_worker.huey", *options)
            stack.callback(end_group, consumer)
            until(lambda: len(_children(consumer.pid)) > workers, "the workers are there")
        for server, count in zip(self.servers.values(), self.counts, strict=False):
            until(server.is_ready, f"{server.name} answers")
            stack.callback(count.close)
            count.open()  # not before: the watch starts no server whose port is taken
        until(self.all_ready, "all servers take prompts")

    def run(self, name: str, *command: str) -> subprocess.Popen[str]:
        """Start a process of the product."""
        with (self.folder / f"{name}.log").open("a") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def all_ready(self) -> bool:
        """Whether all servers take prompts."""
        reports = [self.rows.report(name) for name in self.servers]
        return all(one is not None and one.state.takes_prompts and one.offers for one in reports)

    def log_tail(self) -> str:
        """Return the ends of all logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in logs)

    # jobs

    def submit(self, prompt: str, seed: int) -> JobId:
        """Ask for a picture."""
        size = {"width": WIDTH, "height": HEIGHT}
        asked = {"prompt": prompt, "provider": SDXL, "seed": seed, **size}
        return self._frames.submit(self._session, asked, None)

    def completed(self, *jobs: JobId, within_s: float = _JOB_S) -> float:
        """Wait until all jobs have ended well; returns when that was, by time.time()."""
        until(lambda: not self._unfinished(jobs), "the jobs end", within_s=within_s)
        return time.time()

    def _unfinished(self, jobs: Sequence[JobId]) -> int:
        names = ", ".join(f"'{job}'" for job in jobs)
        rows = self.read(f"SELECT state, error FROM jobs WHERE id IN ({names})")  # noqa: S608
        states = [JobState(row["state"]) for row in rows]
        for row, state in zip(rows, states, strict=True):
            if state.is_final and state is not JobState.COMPLETED:
                raise BenchmarkFailed(f"a job is {state}: {row['error']}")
        return sum(not state.is_final for state in states)

    def read(self, query: str, **values: Any) -> Sequence[RowMapping]:
        """Read the store."""
        with self.store.read() as connection:
            return connection.execute(text(query), values).mappings().all()


@contextmanager
def stage(
    servers: Mapping[str, tuple[str, ...]], *, workers: int, is_counted: bool = False
) -> Iterator[Stage]:
    """Open an installation whose watch starts the servers; nothing of it is left at the end.

    `servers`: the options of each by its name; `workers`: 0 for no consumer; `is_counted`: the
    watch reaches the servers through something that counts what they are asked.
    """
    with ExitStack() as stack:
        temporary = TemporaryDirectory(prefix="komadori-comfy-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(temporary))
        opened = Stage(folder, make_servers(folder, servers), is_counted=is_counted)
        stack.callback(opened.close)
        stack.callback(end_all_of, folder)
        try:
            opened.start(workers, stack)
            yield opened
        except BenchmarkFailed as exc:
            raise BenchmarkFailed(f"{exc}\n{opened.log_tail()}") from exc


def _children(pid: int) -> Sequence[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return ()
