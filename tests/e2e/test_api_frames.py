"""First frames as a script makes them: references, drafts, approval, candidates."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "Mara stands at the window of her room and looks at the first snow."
WAIT_S = 90


class App(Protocol):
    """What these tests use of the running app."""

    url: str

    def log_text(self) -> str:
        """Return what it has printed."""


Call = Callable[..., Any]


@pytest.fixture(scope="module")
def client(app: App, tmp_path_factory: pytest.TempPathFactory) -> Client:
    downloads = tmp_path_factory.mktemp("downloads")
    return Client(app.url, verbose=False, download_files=downloads, analytics_enabled=False)


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
def references(tmp_path: Path) -> dict[str, Path]:
    """Pictures of a place and of two people."""
    files = {}
    for name, colour in (("place", "seagreen"), ("Mara", "firebrick"), ("Tan", "navy")):
        files[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (900, 600), colour).save(files[name])
    return files


def cast(references: dict[str, Path]) -> list[dict[str, Any]]:
    """Return the two people as create_frame takes them."""
    return [{"name": name, "reference": handle_file(references[name])} for name in ("Mara", "Tan")]


def until(call: Call, job_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until something is so of a job."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = call("job_status", job_id=job_id)
        if holds(job):
            return job
        time.sleep(0.05)
    pytest.fail(f"still not so after {WAIT_S} s: {job}")


def finished(call: Call, job_id: str) -> dict[str, Any]:
    """Wait until a job is final."""
    return until(call, job_id, lambda job: bool(job["is_final"]))


def awaited(call: Call, job_id: str) -> dict[str, Any]:
    """Wait until a draft waits for approval."""
    return until(call, job_id, lambda job: bool(job["state"] == "WAITING"))


def steps_of(job: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if step["kind"] == kind]


def test_a_prompt_with_references_becomes_a_picture_of_that_size(
    call: Call, references: dict[str, Path]
) -> None:
    job = call(
        "create_frame",
        prompt=PROMPT,
        scene_reference=handle_file(references["place"]),
        characters=cast(references),
        character_ids=["Mara"],
        size="640x360",
        seed=7,
    )
    assert (job["kind"], job["title"]) == ("frame", PROMPT)

    final = finished(call, job["id"])

    assert final["state"] == "COMPLETED"
    assert (final["provider"], final["picked"]) == ("sketch", 1)
    assert (final["cost"], final["cost_unknown"]) == ([], [])
    (step,) = steps_of(final, "frame")
    assert step["making"]["provider"] == "sketch"
    assert step["making"]["seed"] == 7
    assert step["making"]["left_out"] == []
    stages = [span["stage"] for span in step["spans"]]
    assert {"references", "draw", "store"} <= set(stages)
    assert set(step["timings"]) == set(stages)
    (picture,) = call("job_pictures", job_id=job["id"])
    assert (picture["kind"], picture["number"], picture["is_picked"]) == ("frame", 1, True)
    with Image.open(picture["picture"]) as image:
        assert (image.format, image.size) == ("WEBP", (640, 360))


def test_a_draft_waits_is_drawn_again_and_approved_with_its_own_seed(call: Call) -> None:
    job_id = call("create_frame", prompt=PROMPT, size="640x360", draft="sketch")["id"]
    waiting = awaited(call, job_id)
    assert (waiting["stage"], waiting["error"]["code"]) == ("APPROVAL", "approval")
    (draft,) = [one for one in call("job_pictures", job_id=job_id) if one["picture"]]
    assert draft["kind"] == "draft"

    call("redo_draft", job_id=job_id, request="at night", seed=11)
    until(call, job_id, lambda job: len(steps_of(job, "draft")) == 2 and job["state"] == "WAITING")
    call("approve_draft", job_id=job_id, draft=2)
    final = finished(call, job_id)

    assert final["state"] == "COMPLETED"
    (frame,) = steps_of(final, "frame")
    assert frame["making"]["seed"] == 11
    kinds = [one["kind"] for one in call("job_pictures", job_id=job_id) if one["picture"]]
    assert sorted(kinds) == ["draft", "draft", "frame"]


def test_a_draft_can_be_cancelled_and_stays(call: Call) -> None:
    job_id = call("create_frame", prompt=PROMPT, size="640x360", draft="sketch")["id"]
    awaited(call, job_id)

    call("cancel_job", job_id=job_id)

    assert finished(call, job_id)["state"] == "CANCELLED"
    assert [one["kind"] for one in call("job_pictures", job_id=job_id) if one["picture"]] == [
        "draft"
    ]


def test_one_of_several_candidates_is_picked(call: Call) -> None:
    job_id = call("create_frame", prompt=PROMPT, size="320x180", candidates=3)["id"]
    final = finished(call, job_id)
    assert final["picked"] is None
    pictures = call("job_pictures", job_id=job_id)
    assert [one["number"] for one in pictures] == [1, 2, 3]
    assert len({one["seed"] for one in pictures}) == 3

    picked = call("pick_candidate", job_id=job_id, number=2)

    assert picked["picked"] == 2
    chosen = [one["number"] for one in call("job_pictures", job_id=job_id) if one["is_picked"]]
    assert chosen == [2]


def test_frames_are_listed_by_their_kind_and_named_once_by_their_key(call: Call) -> None:
    first = call("create_frame", prompt=PROMPT, size="64x64", idempotency_key="once")
    again = call("create_frame", prompt=PROMPT, size="64x64", idempotency_key="once")

    assert first["id"] == again["id"]
    assert call("list_jobs", kind="frame")["total"] == 1
    assert call("list_jobs", kind="storyboard")["total"] == 0
    finished(call, first["id"])


def test_everybody_is_told_who_can_draw(client: Client) -> None:
    providers = client.predict(api_name="/providers")

    by_name = {one["name"]: one for one in providers}
    assert by_name["sketch"]["is_ready"]
    assert [one["name"] for one in providers if one["is_auto"]] == ["sketch"]
    assert not by_name["openai"]["is_ready"]
    assert "OPENAI_API_KEY" in by_name["openai"]["reason"]


BAD_FRAMES: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "prompt"),
    ({"prompt": None}, "prompt: null"),
    ({"prompt": "x" * 2_001}, "2,001.*2,000"),
    ({"prompt": "a\0b"}, "control character"),
    ({"size": "large"}, "size: 'large'.*'1280x720'"),
    ({"size": "63x720"}, "size: 63x720.*64 to 2048"),
    ({"size": 720}, "size: 720"),
    ({"seed": -1}, "seed.*2,147,483,647"),
    ({"seed": "lucky"}, "seed: 'lucky'"),
    ({"candidates": 0}, "candidates.*1 to 8"),
    ({"candidates": 9}, "candidates.*1 to 8"),
    ({"candidates": True}, "candidates: true"),
    ({"draft": "rough"}, "draft: 'rough'.*sketch, provider"),
    ({"provider": "nobody"}, "provider.*'nobody'.*sketch"),
    ({"provider": "openai"}, "OPENAI_API_KEY"),
    ({"provider": 5}, "provider: 5"),
    ({"scene_reference": "a.png"}, "scene_reference.*handle_file"),
    ({"scene_reference": {"path": "/etc/passwd"}}, "scene_reference.*handle_file"),
    ({"characters": [{"name": "Mara"}, {"name": "Mara"}]}, "Mara"),
    ({"characters": [{"name": "Mara", "reference": "a.png"}]}, "characters.0.reference"),
    ({"character_ids": ["Nobody"]}, "character_ids.*'Nobody'"),
    ({"character_ids": "Mara"}, "character_ids: 'Mara'.*list"),
    ({"character_ids": [5]}, "character_ids.0: 5"),
    ({"session_key": "short"}, "16"),
    ({"idempotency_key": 5}, "idempotency_key.*200"),
]


@pytest.mark.parametrize(("values", "message"), BAD_FRAMES)
def test_a_bad_frame_is_refused_in_words_and_leaves_nothing(
    app: App, call: Call, values: dict[str, Any], message: str
) -> None:
    before = app.log_text().count("Traceback")

    with pytest.raises(AppError, match=message):
        call("create_frame", **{"prompt": PROMPT, **values})

    assert call("list_jobs")["total"] == 0
    assert app.log_text().count("Traceback") == before


def test_a_reference_that_is_no_picture_is_named_and_leaves_no_job(
    call: Call, tmp_path: Path
) -> None:
    text = tmp_path / "place.png"
    text.write_text("This is a text.")

    with pytest.raises(AppError, match=r"scene_reference \(the scene\): .*picture"):
        call("create_frame", prompt=PROMPT, scene_reference=handle_file(text))
    with pytest.raises(AppError, match=r"characters\.0\.reference \(character 1, Mara\)"):
        call(
            "create_frame",
            prompt=PROMPT,
            characters=[{"name": "Mara", "reference": handle_file(text)}],
        )

    assert call("list_jobs")["total"] == 0


@pytest.fixture
def done(call: Call) -> str:
    """The id of a finished frame of one picture."""
    job_id = str(call("create_frame", prompt=PROMPT, size="64x64")["id"])
    finished(call, job_id)
    return job_id


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("approve_draft", {}, "no draft that waits"),
        ("approve_draft", {"draft": 0}, "draft: there is no draft 0"),
        ("approve_draft", {"draft": "first"}, "draft: 'first'"),
        ("redo_draft", {}, "no draft that waits"),
        ("redo_draft", {"request": "x" * 1_001}, "1,001.*1,000"),
        ("redo_draft", {"request": 5}, "request: 5"),
        ("redo_draft", {"seed": -1}, "seed"),
        ("pick_candidate", {"number": 2}, "candidate"),
        ("pick_candidate", {"number": 0}, "no picture 0"),
        ("pick_candidate", {"number": "1"}, "number: '1'"),
        ("retry_job", {"resend_unknown": "yes"}, "resend_unknown: 'yes'.*true or false"),
        ("retry_job", {"resend_unknown": True}, "missing"),
    ],
)
def test_what_cannot_be_done_to_a_frame_is_said(
    call: Call, done: str, name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        call(name, job_id=done, **values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("approve_draft", {}),
        ("redo_draft", {}),
        ("pick_candidate", {"number": 1}),
        ("job_pictures", {}),
    ],
)
def test_another_key_sees_no_frame(
    client: Client, done: str, name: str, values: dict[str, Any]
) -> None:
    with pytest.raises(AppError, match="There is no job"):
        client.predict(
            job_id=done, **values, session_key=secrets.token_urlsafe(24), api_name=f"/{name}"
        )


def run_example(
    app: App, *arguments: str, key: str, answers: str = ""
) -> subprocess.CompletedProcess[str]:
    script = str(ROOT / "examples" / "first_frame.py")
    return subprocess.run(
        [sys.executable, script, "--url", app.url, *arguments],
        env={**os.environ, "KOMADORI_SESSION_KEY": key},
        input=answers,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def test_the_example_script_draws_its_references_approves_and_saves(
    app: App, key: str, tmp_path: Path
) -> None:
    ended = run_example(app, "--size", "640x360", "--yes", "--out", str(tmp_path), key=key)

    assert ended.returncode == 0, ended.stdout
    assert "Can draw now: sketch (auto)" in ended.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["draft-001.webp", "frame-001.webp"]


def test_the_example_script_takes_pictures_and_a_wish(
    app: App, key: str, references: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run_example(
        app,
        *("--scene", str(references["place"]), "--character", f"Mara={references['Mara']}"),
        *("--size", "320x180", "--out", str(out)),
        key=key,
        answers="at night\n\n",
    )

    assert ended.returncode == 0, ended.stdout
    assert sorted(file.name for file in out.iterdir()) == [
        "draft-001.webp",
        "draft-002.webp",
        "frame-001.webp",
    ]


def test_the_example_script_says_how_to_come_back_and_what_is_wrong(
    app: App, call: Call, key: str, tmp_path: Path
) -> None:
    left = run_example(app, "--size", "64x64", "--out", str(tmp_path), key=key)
    misused = run_example(app, "--scene", str(tmp_path / "none.png"), key=key)
    refused = run_example(app, "--provider", "nobody", key=key)

    assert left.returncode == 130
    (job,) = call("list_jobs")["jobs"]
    assert f"--job {job['id']}" in left.stdout
    assert misused.returncode == 2
    assert refused.returncode == 1
    assert "'nobody'" in refused.stdout
