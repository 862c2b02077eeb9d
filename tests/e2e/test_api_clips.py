"""Clips as a script makes them: from an upload or a storyboard, fetched as files or by address."""

import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.e2e.conftest import App

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
STORY = "Mio walked through the forest. The fox was waiting. They went on together until night."
WAIT_S = 90

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def client(clip_app: App, tmp_path_factory: pytest.TempPathFactory) -> Client:
    downloads = tmp_path_factory.mktemp("downloads")
    return Client(clip_app.url, verbose=False, download_files=downloads, analytics_enabled=False)


@pytest.fixture
def key() -> str:
    return secrets.token_urlsafe(24)


@pytest.fixture
def call(client: Client, key: str) -> Call:
    """Call an endpoint with a session key that nobody else has."""

    def call_with_key(name: str, **values: Any) -> Any:
        return client.predict(**{"session_key": key, **values}, api_name=f"/{name}")

    return call_with_key


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture to begin with."""
    path = tmp_path / "first.png"
    Image.linear_gradient("L").resize((640, 360)).convert("RGB").save(path)
    return path


@pytest.fixture
def ready(client: Client) -> dict[str, Any]:
    """The workflow that any ComfyUI can run, once a server has said so."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        known = {one["name"]: one for one in client.predict(api_name="/workflows")}
        if "check-clip" in known and known["check-clip"]["is_ready"]:
            return dict(known["check-clip"])
        time.sleep(0.1)
    pytest.fail("no server says that it can run check-clip")


def finished(call: Call, job_id: str) -> dict[str, Any]:
    """Wait until a job is final."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = call("job_status", job_id=job_id)
        if job["is_final"]:
            return job
        time.sleep(0.05)
    pytest.fail(f"still not final after {WAIT_S} s: {job}")


def test_an_upload_becomes_a_clip_that_is_fetched_by_its_address_and_as_a_file(
    clip_app: App, client: Client, call: Call, picture: Path, ready: dict[str, Any]
) -> None:
    assert (ready["makes"], ready["servers"], ready["waits"]) == ("clip", ["a"], "")
    (grain,) = ready["options"]
    assert (grain["name"], grain["kind"], grain["maximum"]) == ("grain", "number", 0.5)
    wanted = {
        "first_frame": handle_file(picture),
        "prompt": "the camera moves closer",
        "workflow": "check-clip",
        "seconds": 1.0,
        "fps": 12,
        "seed": 7,
        "options": {"grain": 0.2},
        "idempotency_key": "once",
    }
    job = call("create_clip", **wanted)
    assert (job["kind"], job["stage"], job["clips"]) == ("clip", "CLIP_GENERATION", [])
    assert call("create_clip", **wanted)["id"] == job["id"]

    final = finished(call, job["id"])

    assert (final["state"], final["provider"]) == ("COMPLETED", "comfyui-check-clip")
    (clip,) = final["clips"]
    assert (clip["number"], clip["media_type"], clip["frames"]) == (1, "video/mp4", 12)
    assert clip["seconds"] == pytest.approx(1.0)
    with urllib.request.urlopen(clip_app.url + clip["url"]) as answer:  # noqa: S310 (our own)
        assert answer.headers["content-type"] == "video/mp4"
        fetched = answer.read()
    (made,) = call("job_clips", job_id=job["id"])
    assert (made["prompt"], made["seed"]) == ("the camera moves closer", 7)
    assert Path(made["clip"]).read_bytes() == fetched
    assert Path(made["clip"]).name == "the-camera-moves-closer.mp4"
    with av.open(made["clip"]) as film:
        assert sum(1 for _ in film.decode(video=0)) == 12
    for name in ("job_status", "job_clips"):
        with pytest.raises(AppError, match="There is no job"):
            client.predict(job["id"], secrets.token_urlsafe(24), api_name=f"/{name}")


BAD_CLIPS: list[tuple[dict[str, Any], str]] = [
    ({}, "first_frame: give a picture, or the job_id"),
    ({"first_frame": "a.png"}, "first_frame.*handle_file"),
    ({"first_frame": {"path": "/etc/passwd"}}, "first_frame.*handle_file"),
    ({"job_id": "0" * 20}, "There is no job"),
    ({"panels": [9]}, "panels: there is no picture 9"),
    ({"panels": "all"}, "panels: it must be a list"),
    ({"workflow": "nobody"}, "provider.*comfyui-nobody.*comfyui-check-clip"),
    ({"workflow": 5}, "workflow: 5.*workflows returned"),
    ({"seconds": 31}, "seconds: 31 is out of range; 0.5 to 30"),
    ({"seconds": "long"}, "seconds: 'long'"),
    ({"fps": 0}, "fps: 0.*1 to 60"),
    ({"width": 9000}, "width: 9000.*64 to 2,048"),
    ({"options": [1]}, "options: a list"),
    ({"options": {"grain": 3}}, "options.grain: it must be a number from 0 to 0.5"),
    ({"options": {"oil": 3}}, "options.oil: there is no such option; known are grain"),
    ({"prompt": "x" * 2_001}, "prompt: at most 2,000"),
]


def test_panels_become_clips_and_what_cannot_be_is_said_in_words(
    clip_app: App, call: Call, ready: dict[str, Any]
) -> None:
    board = call("create_storyboard", story=STORY, panels=3)["id"]
    finished(call, board)
    for values, message in BAD_CLIPS:
        source = {} if {"first_frame", "job_id"} & set(values) or not values else {"job_id": board}
        with pytest.raises(AppError, match=message):
            call("create_clip", **{"workflow": ready["name"], **source, **values})
    assert "Traceback" not in clip_app.log_text()

    job = call(
        "create_clip", job_id=board, panels=[1, 3], prompt="slowly", workflow=ready["provider"],
        seconds=0.5, fps=12, width=320, height=176,
    )  # fmt: skip
    final = finished(call, job["id"])

    assert final["state"] == "COMPLETED"
    assert [clip["number"] for clip in final["clips"]] == [1, 3]
    assert {(clip["width"], clip["height"]) for clip in final["clips"]} == {(320, 176)}
    made = call("job_clips", job_id=job["id"])
    assert all(one["prompt"].endswith("\nslowly") for one in made)
    assert [Path(one["clip"]).name for one in made] == ["slowly-01.mp4", "slowly-03.mp4"]
    assert call("list_jobs", kind="clip")["total"] == 1


def test_the_example_script_draws_a_first_frame_and_saves_its_clip(
    clip_app: App, key: str, ready: dict[str, Any], tmp_path: Path
) -> None:
    script = str(ROOT / "examples" / "clip.py")
    wanted = ["--workflow", ready["name"], "--seconds", "0.5", "--option", "grain=0.3"]
    ended = subprocess.run(
        [sys.executable, script, "slowly", "--url", clip_app.url, "--out", str(tmp_path), *wanted],
        env={**os.environ, "KOMADORI_SESSION_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout
    assert "Can make clips now: check-clip" in ended.stdout or "check-clip" in ended.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["slowly.mp4"]
