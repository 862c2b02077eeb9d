"""Real processes for tests: started in sessions of their own, signalled, and all ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from komadori.settings import ROOT

T = TypeVar("T")

PATIENCE_S = 30.0
_LOOK_S = 0.02


def until(found: Callable[[], T | None], what: str, *, within_s: float = PATIENCE_S) -> T:
    """Look until there is something true, and return it; fail with `what` at the deadline."""
    deadline = time.monotonic() + within_s
    while True:
        if value := found():
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {what}", pytrace=True)
        time.sleep(_LOOK_S)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call took."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


class Program:
    """A program that runs in a session of its own, so that all it has begun can be found."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def output(self) -> str:
        """What it and its children have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def all_processes(self) -> list[psutil.Process]:
        """All living processes of its session, orphans too."""
        self.process.poll()
        return [process for process in psutil.process_iter() if _lives_in(process, self.pid)]

    def children(self) -> list[psutil.Process]:
        """Its living children, oldest first."""
        try:
            found = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        found = [child for child in found if _lives_in(child, self.pid)]
        return sorted(found, key=lambda child: (child.create_time(), child.pid))

    def children_everywhere(self) -> list[psutil.Process]:
        """Its living children, in sessions of their own, too."""
        try:
            found = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child for child in found if is_alive(child.pid)]

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the main process only."""
        self.process.send_signal(signum)

    def ended(self, *, within_s: float = PATIENCE_S) -> int:
        """Wait for the main process and return its code."""
        until(lambda: self.process.poll() is not None, f"{self.pid} ended", within_s=within_s)
        return int(self.process.returncode)

    def wait_until_nothing_is_left(self, *, within_s: float = PATIENCE_S) -> None:
        """Wait until every process of the session is gone."""
        until(lambda: not self.all_processes(), "no process is left", within_s=within_s)

    def stop(self) -> None:
        """Have it end in order; fail if it leaves a process."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        self.wait_until_nothing_is_left(within_s=15)

    def kill_all(self) -> None:
        """End whatever is left, by force."""
        for process in self.all_processes():
            process.kill()
        self.process.wait()


class Consumer(Program):
    """huey_consumer with some worker processes."""

    def __init__(self, log: Path, *, module: str, workers: int, options: Sequence[str]) -> None:
        script = str(Path(sys.executable).with_name("huey_consumer"))
        command = [script, module, "-k", "process", "-w", str(workers), *options]
        super().__init__(command, log)

    def workers(self) -> list[int]:
        """Ids of the worker processes: all children but the scheduler, which comes first."""
        return [child.pid for child in self.children()[1:]]


def processes_of(folder: Path) -> list[psutil.Process]:
    """All living processes that were started for a data folder, whatever session they are in."""
    return [process for process in psutil.process_iter() if _is_of(process, folder)]


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        is_ours = process.environ().get("KOMADORI_DATA_DIR") == str(folder)
        return is_ours and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _lives_in(process: psutil.Process, session: int) -> bool:
    try:
        is_inside = os.getsid(process.pid) == session
        return is_inside and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def is_alive(pid: int) -> bool:
    """Whether a process runs, or is stopped."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
