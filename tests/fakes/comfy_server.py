"""The tests' hands on a fake ComfyUI: its process, its faults, its books."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.fakes.comfy_books import summary
from tests.fakes.comfy_faults import leave
from tests.fakes.provider_books import read

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("comfy.py")
_PATIENCE_S = 30.0
_LOOK_S = 0.02


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command(port: int, folder: Path, *more: str) -> list[str]:
    """Return the command line of a fake, as a supervisor would be given it."""
    start = [sys.executable, str(SCRIPT), "--port", str(port)]
    return [*start, "--base-directory", str(folder), *more]


class ComfyServer:
    """One fake ComfyUI on one port and folder, over as many processes as it takes."""

    def __init__(self, folder: Path, *options: str, port: int = 0, starts: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self.options: Sequence[str] = options
        self.process: subprocess.Popen[bytes] | None = None
        if starts:
            self.start()

    @property
    def url(self) -> str:
        """Its address, which stays the same after a restart."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """Its command line; for a supervisor that starts it instead of us (`starts=False`)."""
        return command(self.port, self.folder, *self.options)

    @property
    def pid(self) -> int:
        """The id of the process that we have started."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """What the processes that we have started have printed."""
        path = self.folder / "process.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def output(self, name: str) -> Path:
        """Return the path of a file that it has saved."""
        return self.folder / "output" / name

    # its process

    def start(self, *, is_awaited: bool = True) -> None:
        """Start it, and wait until it answers."""
        # It is none of the house's processes, and must not look like one.
        others = {key: value for key, value in os.environ.items() if "KOMADORI" not in key}
        with (self.folder / "process.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=others,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if is_awaited:
            self.wait_until_ready()

    def wait_until_ready(self, *, within_s: float = _PATIENCE_S) -> None:
        """Wait until it answers, whoever has started it; what fails is ended."""
        deadline = time.monotonic() + within_s
        try:
            while not self.answers():
                has_ended = self.process is not None and self.process.poll() is not None
                assert not has_ended, f"the fake ComfyUI has ended:\n{self.log}"
                assert time.monotonic() < deadline, f"not ready:\n{self.log}"
                time.sleep(_LOOK_S)
        except BaseException:
            self.stop()
            raise

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            self.get("/system_stats", timeout_s=2)
        except (OSError, ValueError):
            return False
        return True

    def kill(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal; after one that ends it, wait for the end."""
        assert self.process is not None
        self.process.send_signal(signum)
        if signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self.ended()

    def thaw(self) -> None:
        """Let it go on after a freeze."""
        self.kill(signal.SIGCONT)

    def ended(self, *, within_s: float = _PATIENCE_S) -> int:
        """Wait until it has ended, and return its code."""
        assert self.process is not None
        return self.process.wait(within_s)

    def stop(self) -> None:
        """End it by force, frozen or not, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def living(self) -> list[psutil.Process]:
        """Return all its living processes, whoever has started them."""
        pids = {entry["pid"] for entry in read(self.folder / "fake-record.jsonl")}
        return [process for pid in pids if (process := self._process(pid)) is not None]

    def _process(self, pid: int) -> psutil.Process | None:
        try:
            process = psutil.Process(pid)
            is_ours = {str(SCRIPT), str(self.folder)} <= {*process.cmdline()}
            return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def stop_all(self) -> None:
        """End all its processes by force, also those that a supervisor has started."""
        self.stop()
        for process in self.living():
            process.kill()

    def restart(self) -> None:
        """End it, and start it again on the same port and folder."""
        self.stop()
        self.start()

    # its faults

    def do(self, name: str, **options: Any) -> dict[str, Any]:
        """Order a fault of a server that answers: comfy_faults.py and comfy_control.py."""
        answer: dict[str, Any] = self.post("/fake/do", {"do": name, **options})
        assert "error" not in answer, answer["error"]
        return answer

    def leave(self, name: str, **options: Any) -> None:
        """Leave a fault in its folder, for a server that does not answer or is not there yet."""
        leave(self.folder / "fake-faults", {"do": name, **options})

    def heal(self, name: str = "") -> None:
        """Take back all faults, or those of a name, whether it answers or not."""
        for path in (self.folder / "fake-faults").glob(f"*-{name or '*'}.json"):
            path.unlink(missing_ok=True)

    # its books

    def seen(self) -> dict[str, Any]:
        """Return what all its processes have done (comfy_books.summary); needs no living one."""
        return summary(read(self.folder / "fake-record.jsonl"))

    def wait_for(self, what: str, least: int = 1, *, within_s: float = _PATIENCE_S) -> None:
        """Wait until there are so many of an entry of the books: began, ended, written ..."""
        deadline = time.monotonic() + within_s
        while len(self.seen()[what]) < least:
            told = f"not {least} {what}: {self.seen()}\n{self.log}"
            assert time.monotonic() < deadline, told
            time.sleep(_LOOK_S)

    # plain questions

    def get(self, path: str, *, timeout_s: float = 10) -> Any:
        """Ask, and return the JSON."""
        with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str, body: Any, *, timeout_s: float = 10) -> Any:
        """Send JSON, and return the JSON of the answer, also of a refusal; None if it has none."""
        head = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, head)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as exc:
            text = exc.read()
            exc.close()
        return json.loads(text) if text[:1] in (b"{", b"[") else None


@contextmanager
def comfy_server(
    folder: Path, *options: str, port: int = 0, starts: bool = True
) -> Iterator[ComfyServer]:
    """Have a fake ComfyUI, started or for others to start; nothing of it is left at the end."""
    server = ComfyServer(folder, *options, port=port, starts=starts)
    try:
        yield server
    finally:
        server.stop_all()
        print(f"--- {folder.name} ---\n{server.log}")  # noqa: T201  # shown on failure
