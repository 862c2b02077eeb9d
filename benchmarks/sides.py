"""One side of the comparison: its folder, its producer and its workers, all ended with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from redis import Redis, RedisError
from stamps import count_stamps, read_stamps

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORKERS = 2


class BenchmarkFailed(Exception):
    """A side did not do what it was asked to, so there is nothing to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What is measured: a module with `enqueue`, and the command that starts its workers."""

    name: str
    module: str
    broker: str
    command: tuple[str, ...]
    steps_per_job: int = 1


def huey_side(name: str, module: str, broker: str, *, steps_per_job: int = 1) -> Side:
    """Return a side whose workers are huey_consumer's."""
    consumer = str(Path(sys.executable).parent / "huey_consumer")
    return Side(
        name=name,
        module=module,
        broker=broker,
        command=(consumer, f"{module}.huey", "-k", "process", "-w", str(WORKERS), "-q"),
        steps_per_job=steps_per_job,
    )


def celery_side(broker: str) -> Side:
    """Return the Celery side: prefork, and without the chatter between workers."""
    chatter = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    command = (sys.executable, "-m", "celery", "-A", "celery_noop", "-q", "worker")
    prefork = ("-P", "prefork", "-c", str(WORKERS), "--loglevel", "ERROR")
    return Side(
        name="celery on redis",
        module="celery_noop",
        broker=broker,
        command=(*command, *prefork, *chatter),
    )


@dataclass
class RunningSide:
    """A side with its producer open; workers are started and stopped as the measurement asks."""

    side: Side
    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        producer = (sys.executable, str(HERE / "producer.py"), self.side.module)
        self.producer = self._start(producer, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer()

    def _start(
        self,
        command: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[str] | None = None,
    ) -> subprocess.Popen[str]:
        env = os.environ | {
            "BENCH_DIR": str(self.folder),
            "BENCH_BROKER": self.side.broker,
            "BENCH_WORKERS": str(WORKERS),
            "BENCH_STEPS_PER_JOB": str(self.side.steps_per_job),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}",
        }
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                command,
                cwd=HERE,
                env=env,
                stdin=stdin,
                stdout=stdout or log,
                stderr=log,
                text=True,
                start_new_session=True,  # so that workers' children can be ended with them
            )
        self.started.append(process)
        return process

    def enqueue(self, count: int) -> tuple[float, float]:
        """Let the producer enqueue; returns the monotonic times before and after."""
        assert self.producer.stdin is not None
        self.producer.stdin.write(f"{count}\n")
        self.producer.stdin.flush()
        before, after = self._answer().split()
        return float(before), float(after)

    def _answer(self) -> str:
        assert self.producer.stdout is not None
        line = self.producer.stdout.readline()
        if not line:
            raise BenchmarkFailed(f"{self.side.name}: the producer ended\n{self.log_tail()}")
        return line

    def start_workers(self) -> None:
        """Start the workers; they are ready when the first step has started."""
        self.workers = self._start(self.side.command)

    def wait_for(self, count: int, *, timeout_s: float) -> list[float]:
        """Wait until so many steps have started; returns when they did."""
        until = time.monotonic() + timeout_s
        while count_stamps(self.folder) < count:
            if time.monotonic() > until or self.workers.poll() is not None:
                done = count_stamps(self.folder)
                raise BenchmarkFailed(
                    f"{self.side.name}: {done} of {count} steps started\n{self.log_tail()}"
                )
            time.sleep(0.01)
        return read_stamps(self.folder)

    def log_tail(self) -> str:
        """Return the end of what the side's processes have said."""
        return (self.folder / "log").read_text()[-3000:]

    def close(self) -> None:
        """End every process of this side."""
        for process in self.started:
            end_group(process)


def end_group(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, then end all that is left of its group."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


@contextmanager
def running(side: Side) -> Iterator[RunningSide]:
    """Open a side in a folder of its own and end it afterwards."""
    with TemporaryDirectory(prefix="komadori-bench-", ignore_cleanup_errors=True) as folder:
        opened: RunningSide | None = None
        try:
            opened = RunningSide(side, Path(folder))
            yield opened
        finally:
            if opened:
                opened.close()


@contextmanager
def redis_server() -> Iterator[tuple[str, Callable[[], None]]]:
    """Start a Redis of our own on a free port; yields its address and a way to empty it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryDirectory(prefix="komadori-bench-redis-") as folder:
        command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder)
        quiet = ("--save", "", "--appendonly", "no", "--loglevel", "warning")
        process = subprocess.Popen(
            (*command, *quiet), text=True, stdout=subprocess.DEVNULL, start_new_session=True
        )
        client = Redis(port=port)
        try:
            _wait_until_up(client)
            yield f"redis://127.0.0.1:{port}/0", lambda: _empty(client)
        finally:
            client.close()
            end_group(process)


def _empty(client: Redis) -> None:
    client.flushall()


def _wait_until_up(client: Redis) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            client.ping()
        except RedisError as exc:
            if time.monotonic() > until:
                raise BenchmarkFailed("redis-server did not come up") from exc
            time.sleep(0.05)
        else:
            return
