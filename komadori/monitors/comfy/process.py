"""The processes of ComfyUI: started, found again, looked at, and ended with all their children.

All that differs between systems is here. What is for Windows could not be run where this was
written; it uses only what psutil and the subprocess module say of it.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from komadori.monitors.comfy.verdicts import Exit

log = logging.getLogger(__name__)

IS_WINDOWS = sys.platform == "win32"
_LOOK_S = 0.05
_SAME_S = 2.0
"""The system's word of when a process began may shift a little when its clock is set."""

# Those that were started by this process, also those that a stopped supervisor left running: who
# adopts one learns its exit code, and it does not stay as a zombie.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take to end, in seconds."""

    interrupt_s: float = 10.0
    terminate_s: float = 5.0
    kill_s: float = 10.0
    port_s: float = 20.0


class Server:
    """One process and its children."""

    def __init__(self, process: psutil.Process, created: float) -> None:
        self._process = process
        self._known: dict[int, psutil.Process] = {process.pid: process}
        self._exit: Exit | None = None
        self.pid = process.pid
        self.created = created

    @classmethod
    def start(
        cls, command: Sequence[str], *, cwd: Path | None, environment: Mapping[str, str],
        log_file: BinaryIO,
    ) -> "Server":  # fmt: skip
        """Start it in a session of its own, so that Ctrl-C at our terminal does not reach it.

        Raises:
            OSError: there is no such program or folder.
        """
        child = subprocess.Popen(  # noqa: S603  # the operator's own settings
            list(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=not IS_WINDOWS,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        _children[child.pid] = child
        try:
            process = psutil.Process(child.pid)
            return cls(process, process.create_time())
        except psutil.NoSuchProcess as exc:  # only Windows forgets a child before we have waited
            raise ChildProcessError(f"it ended at once (code {child.wait()})") from exc

    @classmethod
    def adopt(cls, pid: int, created: float) -> "Server | None":
        """Find a process again that was started before; None: it is gone, or the pid another's."""
        if (child := _children.get(pid)) is not None and child.poll() is not None:
            del _children[pid]  # ours, and over: not to stay as a zombie
        try:
            process = psutil.Process(pid)
            is_same = abs(process.create_time() - created) < _SAME_S
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return cls(process, created)
        except psutil.Error:
            pass
        return None

    @classmethod
    def find(cls, variable: str, value: str) -> "Server | None":
        """Find the process that was started with a variable in its environment, if it lives."""
        found: list[tuple[float, int]] = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if value and _has(one, variable, value):
                    found.append((one.create_time(), one.pid))
        if not found:
            return None
        created, pid = min(found)  # not one of its children
        return cls.adopt(pid, created)

    def exit(self) -> Exit | None:
        """Return how it ended; None: it lives."""
        if self._exit is None:
            self._exit = self._ended()
        return self._exit

    def _ended(self) -> Exit | None:
        child = _children.get(self.pid)
        if child is not None:
            code = child.poll()
            return None if code is None else Exit(code)
        try:
            if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                return None
        except psutil.NoSuchProcess:
            pass
        except psutil.AccessDenied:
            return None
        return Exit(None)

    def is_frozen(self) -> bool:
        """Whether it is stopped (state T): it answers to nothing, not even to SIGTERM."""
        try:
            return bool(self._process.status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def look_at_tree(self) -> None:
        """Note its children: when it dies they are nobody's, and can't be found by it any more."""
        with contextlib.suppress(psutil.Error):
            for child in self._process.children(recursive=True):
                self._known.setdefault(child.pid, child)
        self._known = {one.pid: one for one in self._known.values() if _lives(one)}

    def memory(self) -> int:
        """Return the memory of the tree in bytes."""
        total = 0
        for process in self._known.values():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def cpu_s(self) -> float:
        """Return the processor's seconds that the tree has used."""
        total = 0.0
        for process in self._known.values():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def end(self, *, is_gentle: bool, keep: Callable[[], None], patience: Patience) -> bool:
        """End it and all its children; True: nothing is left.

        `keep` is called again and again meanwhile; what it raises ends the waiting.
        """
        self.look_at_tree()  # before it dies
        if is_gentle and not self.is_frozen():
            self._ask(keep, patience)
        keep()
        self.look_at_tree()
        self._kill()
        return _wait(lambda: not self._left(), patience.kill_s, keep)

    def _ask(self, keep: Callable[[], None], patience: Patience) -> None:
        """Ask it to end: Python's own interrupt first, so that it can put things in order."""
        steps = [(signal.SIGINT, patience.interrupt_s), (signal.SIGTERM, patience.terminate_s)]
        if IS_WINDOWS:
            steps = [(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM), patience.interrupt_s)]
        for signum, wait_s in steps:
            if signum == signal.SIGINT and _ignores_interrupt(self.pid):
                continue
            if self.exit() is not None:
                return
            keep()
            with contextlib.suppress(psutil.Error, OSError, ValueError):
                self._process.send_signal(signum)
            _wait(lambda: self.exit() is not None, wait_s, keep)

    def _kill(self) -> None:
        for process in self._known.values():
            with contextlib.suppress(psutil.Error, OSError):
                process.kill()  # the killing signal also ends what is stopped
        if not IS_WINDOWS and self.pid != os.getpgrp():
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)  # it began a session: the group has its number

    def _left(self) -> bool:
        if self.exit() is None:
            return True
        return any(_lives(process) for process in self._known.values())


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return process.environ().get(variable) == value
    except (psutil.Error, OSError):  # it is another user's, or gone
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait(done: Callable[[], bool], within_s: float, keep: Callable[[], None]) -> bool:
    until = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until:
            return False
        keep()
        time.sleep(_LOOK_S)
    return True


def _ignores_interrupt(pid: int) -> bool:
    """Whether it was started with SIGINT ignored, as shells do for what runs in the background."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("SigIgn:"):
                return bool(int(line.split()[1], 16) & (1 << (signal.SIGINT - 1)))
    except (OSError, ValueError, IndexError):
        pass
    return False


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if not IS_WINDOWS:  # as the server itself does: closed connections do not keep a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def who_listens(port: int) -> str:
    """Say in words who listens at a port, as far as the system tells us; empty: nobody."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):  # some systems tell it to their operators only
        return f"port {port} is taken by another program"
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port:
            by = f"{_name(one.pid)} (pid {one.pid})" if one.pid is not None else "another program"
            return f"port {port} is taken by {by}"
    return ""


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "another program"
