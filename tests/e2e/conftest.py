"""The real app on a free port with a folder of its own, ended so that nothing of it is left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, ViewportSize

from tests.e2e.browser import WIDE, NewReader, Reader, chromium_in
from tests.fakes.comfy_server import comfy_server

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30

# The client of the tests must not phone home either.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


@dataclass(frozen=True, slots=True)
class App:
    """A running `python app.py`."""

    url: str
    port: int
    data_dir: Path
    process: subprocess.Popen[bytes]
    log: Path

    def log_text(self) -> str:
        """Return what the app and its workers have printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


RunApp = Callable[..., AbstractContextManager[App]]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app for all tests that only use it."""
    with _running(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def clip_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app with a fake ComfyUI that can run every workflow; pictures are still sketches."""
    folder = tmp_path_factory.mktemp("clips")
    with comfy_server(folder / "comfy", "--step-seconds", "0.1") as server:
        servers = [{"name": "a", "url": server.url}]
        environment = {
            "KOMADORI_COMFYUI__SERVERS": json.dumps(servers),
            "KOMADORI_DEFAULTS__IMAGE__PROVIDER": "sketch",
            "KOMADORI_DEFAULTS__CONCURRENCY__IMAGE_WORKERS": "2",
        }
        with _running(folder, environment=environment) as running:
            yield running


@pytest.fixture(scope="session")
def run_app() -> RunApp:
    """Start an app of one's own: `with run_app(folder, port=…, environment={…}) as app:`."""
    return _running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for a module; each reader has a session of their own in it."""
    with chromium_in(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def new_reader(app: App, chromium: Browser) -> Iterator[NewReader]:
    """Bring readers to the page; at the end no console has complained, nobody was sent away."""
    readers: list[Reader] = []

    def come(
        *,
        at: App = app,
        locale: str = "en-GB",
        size: tuple[int, int] = WIDE,
        **options: Any,
    ) -> Reader:
        viewport = ViewportSize(width=size[0], height=size[1])
        context = chromium.new_context(viewport=viewport, locale=locale, **options)
        readers.append(Reader(context, at.url))
        return readers[-1]

    yield come
    for reader in readers:
        reader.context.close()
    assert [reader.elsewhere() for reader in readers] == [[] for _ in readers]
    assert [reader.surprises() for reader in readers] == [[] for _ in readers]


@pytest.fixture
def reader(new_reader: NewReader) -> Reader:
    """A person with a wide screen who reads English."""
    return new_reader()


@contextmanager
def _running(
    data_dir: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[App]:
    data_dir = data_dir.resolve()
    port = port or _free_port()
    log = data_dir / "app.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py"), "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "KOMADORI_DATA_DIR": str(data_dir), **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    started = App(f"http://127.0.0.1:{port}", port, data_dir, process, log)
    try:
        _wait_until_it_answers(started)
        yield started
        _stop(started)
        left = [process.cmdline() for process in _processes_of(data_dir)]
        assert not left, f"still running after the app ended: {left}"
    finally:
        _kill(_processes_of(data_dir))
        process.wait(timeout=STOP_TIMEOUT_S)


def _wait_until_it_answers(app: App) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if app.process.poll() is not None:
            pytest.fail(f"app.py ended with {app.process.returncode}:\n{app.log_text()}")
        try:
            with urllib.request.urlopen(f"{app.url}/healthz", timeout=5):  # noqa: S310 (our own)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"app.py did not answer in {START_TIMEOUT_S} s:\n{app.log_text()}")


def _stop(app: App) -> None:
    """End the app as Ctrl-C does, unless the test has ended it itself."""
    if app.process.poll() is None:
        app.process.send_signal(signal.SIGINT)
    try:
        app.process.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pytest.fail(f"app.py did not end in {STOP_TIMEOUT_S} s after SIGINT:\n{app.log_text()}")


def _processes_of(data_dir: Path) -> list[psutil.Process]:
    """Find the app, its workers and their orphans by the data folder in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("KOMADORI_DATA_DIR") == str(data_dir):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
