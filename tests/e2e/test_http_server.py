"""The server as a process: its address, its port, its end, and what a browser may ask for."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import httpx
import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


class App(Protocol):
    """What these tests use of the running app."""

    url: str
    port: int
    process: subprocess.Popen[bytes]

    def log_text(self) -> str:
        """Return what it has printed."""


def test_the_page_gives_a_browser_its_session_cookie(app: App) -> None:
    with httpx.Client(base_url=app.url) as browser:
        first = browser.get("/")
        second = browser.get("/")

    assert first.status_code == 200
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "set-cookie" not in second.headers


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/redoc",
        "/openapi.json",
        "/monitoring",
        "/gradio_api/runs",
        "/gradio_api/proxy=https://example.org/",
        "/gradio_api/file=https://example.org/",
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={ROOT}/README.md",
        f"/gradio_api/file={ROOT}/app.py",
        "/files/" + "0" * 20,
        "/join/nothing",
    ],
)
def test_what_nobody_needs_is_closed(app: App, path: str) -> None:
    assert httpx.get(app.url + path).status_code in {403, 404}


@pytest.mark.parametrize("path", ["call/nope", "call/v2/nope", "run/nope", "api/nope"])
def test_a_call_that_does_not_exist_is_not_found_in_words(app: App, path: str) -> None:
    before = app.log_text().count("Traceback")

    answer = httpx.post(f"{app.url}/gradio_api/{path}", json={"data": []})

    assert answer.status_code == 404
    assert "There is no call 'nope'; there are create_storyboard" in answer.json()["detail"]
    assert app.log_text().count("Traceback") == before


def test_a_call_that_is_too_long_is_refused_over_the_wire(app: App) -> None:
    body = {"data": ["x" * 20_000_000, 1]}

    answer = httpx.post(f"{app.url}/gradio_api/call/create_storyboard", json=body, timeout=30)

    assert answer.status_code == 413
    assert "larger than 2 MB" in answer.json()["detail"]


def test_a_port_in_use_is_said_in_one_line_that_names_the_option(app: App, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--port", str(app.port)],
        env={**os.environ, "KOMADORI_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert f"Port {app.port} is already in use" in second.stderr.splitlines()[-1]
    assert "--port" in second.stderr.splitlines()[-1]


def test_sigterm_ends_the_app_and_its_workers(
    run_app: Callable[..., AbstractContextManager[App]], tmp_path: Path
) -> None:
    with run_app(tmp_path) as app:
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(timeout=30) == 0
        assert app.url in app.log_text()
        assert "Traceback" not in app.log_text()
