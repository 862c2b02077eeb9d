"""The API as a script uses it: the real Gradio client against the real app and its workers."""

import json
import os
import secrets
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
STORY = (
    "Mei ran down to the harbour before the sun was up. The boats were already gone.\n\n"
    '"You are late," said Old Tan, mending a net on the wall. "I know," said Mei. '
    '"But I found the lantern." She held it up, and the old man put down his needle.\n\n'
    "In the forest above the town it began to rain. They walked without a word. "
    "At night they reached the shrine, and the lantern lit itself."
)
WAIT_S = 90
ENDPOINTS = {
    "/create_storyboard": [
        "story",
        "panels",
        "style",
        "characters",
        "session_key",
        "idempotency_key",
        "provider",
    ],
    "/create_frame": [
        *("prompt", "scene_reference", "characters", "character_ids", "size", "provider"),
        *("seed", "candidates", "draft", "session_key", "idempotency_key", "options"),
    ],
    "/create_clip": [
        *("first_frame", "job_id", "panels", "prompt", "workflow", "seconds", "fps", "seed"),
        *("width", "height", "options", "session_key", "idempotency_key"),
    ],
    "/job_clips": ["job_id", "session_key"],
    "/workflows": [],
    "/health": ["hours", "password"],
    "/operate": ["server", "verb", "password"],
    "/approve_draft": ["job_id", "draft", "session_key"],
    "/redo_draft": ["job_id", "request", "seed", "session_key"],
    "/pick_candidate": ["job_id", "number", "session_key"],
    "/job_pictures": ["job_id", "session_key"],
    "/providers": [],
    "/job_status": ["job_id", "session_key"],
    "/follow_job": ["job_id", "session_key"],
    "/list_jobs": ["session_key", "limit", "offset", "state", "kind"],
    "/cancel_job": ["job_id", "session_key"],
    "/retry_job": ["job_id", "session_key", "resend_unknown"],
    "/delete_job": ["job_id", "session_key"],
    "/redo_panel": ["job_id", "panel", "request", "seed", "session_key", "idempotency_key"],
    "/job_panels": ["job_id", "session_key"],
}


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


@pytest.fixture(scope="module")
def drawn(client: Client) -> tuple[str, str]:
    """A finished storyboard of three panels, for tests that only look: its session key and id."""
    key = secrets.token_urlsafe(24)
    job = client.predict(story=STORY, panels=3, session_key=key, api_name="/create_storyboard")
    final = client.submit(job_id=job["id"], session_key=key, api_name="/follow_job").result(
        timeout=WAIT_S
    )
    assert final["state"] == "COMPLETED", final
    return key, job["id"]


def finished(call: Call, job_id: str) -> dict[str, Any]:
    """Wait until a job is final."""
    return until(call, job_id, lambda job: bool(job["is_final"]))


def until(call: Call, job_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = call("job_status", job_id=job_id)
        if holds(job):
            return job
        time.sleep(0.05)
    pytest.fail(f"still not so after {WAIT_S} s: {job}")


def test_exactly_the_promised_endpoints_are_told_with_their_parameters(client: Client) -> None:
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]

    parameters = {
        name: [one["parameter_name"] for one in endpoint["parameters"]]
        for name, endpoint in told.items()
    }
    assert parameters == ENDPOINTS
    assert all(endpoint["description"] for endpoint in told.values())


def test_a_story_becomes_panels_that_the_client_downloads(
    call: Call, client: Client, key: str
) -> None:
    job = call("create_storyboard", story=STORY, panels=4, style={"mood": "calm"})
    assert set(job) >= {
        "id", "kind", "state", "stage", "progress", "position", "eta_s", "steps", "error",
    }  # fmt: skip
    assert job["kind"] == "storyboard"

    stream = client.submit(job_id=job["id"], session_key=key, api_name="/follow_job")
    views = list(stream)

    assert views[-1]["state"] == "COMPLETED"
    assert views[-1]["progress"] == 1
    assert views[-1]["error"] is None
    assert len(views[-1]["steps"]) == 5  # one for the scenes, four for the panels
    assert [view["progress"] for view in views] == sorted(view["progress"] for view in views)
    panels = call("job_panels", job_id=job["id"])
    assert [panel["number"] for panel in panels] == [1, 2, 3, 4]
    assert all(panel["text"] and panel["version"] == 1 for panel in panels)
    for panel in panels:
        with Image.open(panel["picture"]) as picture:
            assert (picture.format, picture.size) == ("WEBP", (1280, 720))


def test_following_a_final_job_yields_it_once_and_whole(
    client: Client, drawn: tuple[str, str]
) -> None:
    key, job_id = drawn

    views = list(client.submit(job_id=job_id, session_key=key, api_name="/follow_job"))

    assert len(views) == 1
    assert views[0] == client.predict(job_id=job_id, session_key=key, api_name="/job_status")


def test_a_picture_that_was_not_offered_cannot_be_fetched(
    app: App, client: Client, drawn: tuple[str, str]
) -> None:
    key, job_id = drawn
    plain = Client(app.url, verbose=False, download_files=False, analytics_enabled=False)
    answer = plain.predict(job_id=job_id, session_key=key, api_name="/job_panels")
    picture = answer[0]["picture"]
    file = Path(picture["path"])

    assert httpx.get(picture["url"]).status_code == 200
    for path in (file.parents[1], file.parents[1] / ("0" * 64) / file.name, ROOT / "app.py"):
        assert httpx.get(f"{app.url}/gradio_api/file={path}").status_code in {403, 404}
    assert httpx.get(f"{app.url}/gradio_api/file=http://127.0.0.1/").status_code == 404


def test_the_same_idempotency_key_returns_the_job_that_exists(call: Call) -> None:
    first = call("create_storyboard", story=STORY, panels=1, idempotency_key="once")
    second = call("create_storyboard", story=STORY, panels=1, idempotency_key="once")
    other = call("create_storyboard", story=STORY, panels=1, idempotency_key="twice")

    assert first["id"] == second["id"] != other["id"]
    assert call("list_jobs")["total"] == 2
    for job in (first, other):
        finished(call, job["id"])


def test_jobs_are_listed_newest_first_in_parts_and_filtered(call: Call) -> None:
    made = [call("create_storyboard", story=STORY, panels=1)["id"] for _ in range(3)]
    for job_id in made:
        finished(call, job_id)

    first = call("list_jobs", limit=2)
    rest = call("list_jobs", limit=2, offset=2)

    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert (first["total"], first["limit"], first["offset"]) == (3, 2, 0)
    assert call("list_jobs", state="COMPLETED", kind="storyboard")["total"] == 3
    assert call("list_jobs", state="FAILED")["jobs"] == []
    assert call("list_jobs", kind="panel")["jobs"] == []


def test_a_cancelled_job_ends_keeps_its_panels_and_can_be_finished_later(call: Call) -> None:
    job_id = call("create_storyboard", story=STORY * 10, panels=30)["id"]
    until(call, job_id, lambda job: job["steps_done"] >= 2)

    call("cancel_job", job_id=job_id)
    cancelled = finished(call, job_id)

    assert cancelled["state"] == "CANCELLED"
    kept = {panel["number"] for panel in call("job_panels", job_id=job_id) if panel["picture"]}
    assert kept
    assert call("cancel_job", job_id=job_id)["state"] == "CANCELLED"
    call("retry_job", job_id=job_id)
    assert finished(call, job_id)["state"] == "COMPLETED"
    panels = call("job_panels", job_id=job_id)
    assert [panel["version"] for panel in panels] == [1] * 30


def test_a_job_with_nothing_missing_cannot_be_retried(
    client: Client, drawn: tuple[str, str]
) -> None:
    key, job_id = drawn

    with pytest.raises(AppError, match="missing"):
        client.predict(job_id=job_id, session_key=key, api_name="/retry_job")


def test_a_redone_panel_gets_a_second_version_and_the_others_stay(call: Call) -> None:
    job_id = call("create_storyboard", story=STORY, panels=2)["id"]
    finished(call, job_id)
    before = call("job_panels", job_id=job_id)

    redo = call(
        "redo_panel", job_id=job_id, panel=2, request="more rain", seed=7, idempotency_key="r"
    )
    again = call(
        "redo_panel", job_id=job_id, panel=2, request="more rain", seed=7, idempotency_key="r"
    )

    assert (redo["kind"], redo["target"]) == ("panel", job_id)
    assert again["id"] == redo["id"]
    assert finished(call, redo["id"])["state"] == "COMPLETED"
    after = call("job_panels", job_id=job_id)
    assert [panel["version"] for panel in after] == [1, 2]
    assert Path(after[0]["picture"]).read_bytes() == Path(before[0]["picture"]).read_bytes()
    assert Path(after[1]["picture"]).read_bytes() != Path(before[1]["picture"]).read_bytes()


def test_a_deleted_job_is_not_listed_any_more(call: Call) -> None:
    job_id = call("create_storyboard", story=STORY * 10, panels=60)["id"]

    call("delete_job", job_id=job_id)

    assert call("list_jobs")["total"] == 0
    finished_or_gone(call, job_id)


@pytest.mark.parametrize(
    "name", ["job_status", "follow_job", "job_panels", "cancel_job", "retry_job", "delete_job"]
)
def test_a_deleted_job_is_gone_for_every_call(call: Call, name: str) -> None:
    job_id = call("create_storyboard", story=STORY, panels=1)["id"]
    call("delete_job", job_id=job_id)

    with pytest.raises(AppError, match="There is no job"):
        call(name, job_id=job_id)


def finished_or_gone(call: Call, job_id: str) -> None:
    """Wait until a deleted job works no more, so that it takes no worker from the next test."""
    try:
        finished(call, job_id)
    except AppError as exc:
        assert "There is no job" in exc.message  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("job_status", {}),
        ("follow_job", {}),
        ("job_panels", {}),
        ("cancel_job", {}),
        ("retry_job", {}),
        ("delete_job", {}),
        ("redo_panel", {"panel": 1}),
    ],
)
def test_another_key_sees_nothing(
    client: Client, drawn: tuple[str, str], key: str, name: str, values: dict[str, Any]
) -> None:
    _, job_id = drawn

    with pytest.raises(AppError, match="There is no job"):
        client.predict(job_id=job_id, session_key=key, **values, api_name=f"/{name}")

    assert client.predict(session_key=key, api_name="/list_jobs")["total"] == 0


BAD_STORYBOARDS: list[tuple[dict[str, Any], str]] = [
    ({"story": ""}, "50 to 20,000"),
    ({"story": "x" * 200_000}, "200,000.*50 to 20,000"),
    ({"story": None}, "story: null"),
    ({"story": STORY + "\0"}, "control character"),
    ({"story": STORY + "\x1b[31m"}, "control character"),
    ({"story": "。" * 60}, "no words"),
    ({"panels": 0}, "panels.*1 to 60"),
    ({"panels": 1_000}, "panels.*1 to 60"),
    ({"panels": "three"}, "panels.*'three'.*1 to 60"),
    ({"panels": 2.5}, "panels.*1 to 60"),
    ({"panels": True}, "panels.*1 to 60"),
    ({"panels": None}, "panels.*1 to 60"),
    ({"style": [1]}, "style.*art_style"),
    ({"style": "calm"}, "style.*art_style"),
    ({"style": {"moods": "calm"}}, "style.moods.*art_style"),
    ({"style": {"mood": 5}}, "style.mood"),
    ({"style": {"mood": "x" * 201}}, "style.mood.*200"),
    ({"style": {"mood": "a\0b"}}, "control character"),
    ({"characters": "Mei"}, "characters.*list"),
    ({"characters": ["Mei"]}, "characters.0.*name"),
    ({"characters": [{"description": "tall"}]}, "characters.0.name"),
    ({"characters": [{"name": "Mei", "age": 9}]}, "characters.0.age.*description"),
    ({"characters": [{"name": "Mei"}, {"name": "Mei"}]}, "Mei"),
    ({"characters": [{"name": f"n{n}"} for n in range(13)]}, "at most 12"),
    ({"characters": [{"name": "Mei", "reference": "a.png"}]}, "characters.0.reference"),
    ({"characters": [{"name": "Mei", "reference": {"path": "a.png"}}]}, "handle_file"),
    ({"characters": [{"name": "Mei", "reference": {"path": "/etc/passwd"}}]}, "handle_file"),
    ({"provider": "nobody"}, "provider.*'nobody'.*sketch"),
    ({"provider": "no such one!"}, "provider.*auto"),
    ({"session_key": "short"}, "16"),
    ({"session_key": "x" * 300}, "256"),
    ({"session_key": ""}, "16"),
    ({"session_key": None}, "session_key.*16"),
    ({"session_key": "\0" * 20}, "session_key.*control character"),
    ({"idempotency_key": 5}, "idempotency_key.*200"),
    ({"idempotency_key": "k" * 201}, "idempotency_key.*200"),
    ({"idempotency_key": "a\nb"}, "idempotency_key.*control character"),
]


@pytest.mark.parametrize(("values", "message"), BAD_STORYBOARDS)
def test_a_bad_storyboard_is_refused_in_words_and_leaves_nothing(
    call: Call, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        call("create_storyboard", **{"story": STORY, "panels": 2, **values})

    assert call("list_jobs")["total"] == 0


BAD_CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("list_jobs", {"limit": -1}, "limit.*1 to 200"),
    ("list_jobs", {"limit": 0}, "limit.*1 to 200"),
    ("list_jobs", {"limit": 201}, "limit.*1 to 200"),
    ("list_jobs", {"limit": "all"}, "limit.*'all'"),
    ("list_jobs", {"offset": -1}, "offset"),
    ("list_jobs", {"state": "NOPE"}, "state.*NOPE.*QUEUED.*CANCELLED"),
    ("list_jobs", {"state": ["QUEUED"]}, "state.*a list"),
    ("list_jobs", {"kind": "film"}, "kind.*storyboard, panel, frame"),
    ("job_status", {"job_id": None}, "job_id: null"),
    ("job_status", {"job_id": ""}, "job_id"),
    ("job_status", {"job_id": 7}, "job_id: 7"),
    ("job_status", {"job_id": "0" * 20}, "There is no job"),
    ("job_status", {"job_id": "\0"}, "There is no job"),
    ("job_status", {"job_id": "../../jobs"}, "There is no job"),
    ("job_status", {"job_id": "x" * 100_000}, "There is no job"),
    ("follow_job", {"job_id": "0" * 20}, "There is no job"),
]


@pytest.mark.parametrize(("name", "values", "message"), BAD_CALLS)
def test_a_bad_call_is_refused_in_words(
    call: Call, name: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AppError, match=message):
        call(name, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"panel": 0}, "numbered from 1"),
        ({"panel": 10**30}, "numbered from 1"),
        ({"panel": 4}, "panel"),
        ({"panel": "1"}, "panel.*'1'"),
        ({"panel": 1, "request": 5}, "request: 5"),
        ({"panel": 1, "request": "x" * 1_001}, "1,001.*1,000"),
        ({"panel": 1, "request": "a\0"}, "control character"),
        ({"panel": 1, "seed": -1}, "seed.*2,147,483,647"),
        ({"panel": 1, "seed": "lucky"}, "seed.*'lucky'"),
    ],
)
def test_a_bad_redo_is_refused_in_words(
    client: Client, drawn: tuple[str, str], values: dict[str, Any], message: str
) -> None:
    key, job_id = drawn

    with pytest.raises(AppError, match=message):
        client.predict(job_id=job_id, session_key=key, **values, api_name="/redo_panel")

    jobs = client.predict(session_key=key, kind="panel", api_name="/list_jobs")
    assert jobs["total"] == 0


def test_an_uploaded_reference_picture_is_taken(call: Call, tmp_path: Path) -> None:
    picture = tmp_path / "mei.png"
    Image.new("RGB", (400, 600), "seagreen").save(picture)
    cast = [{"name": "Mei", "description": "tall", "reference": handle_file(picture)}]

    job = call("create_storyboard", story=STORY, panels=1, characters=cast)

    assert finished(call, job["id"])["state"] == "COMPLETED"


def test_files_that_are_no_pictures_are_refused_and_leave_no_job(
    call: Call, tmp_path: Path
) -> None:
    text = tmp_path / "mei.png"
    text.write_text("This is a text.")
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(decompression_bomb())

    for file in (text, bomb):
        cast = [{"name": "Tan"}, {"name": "Mei", "reference": handle_file(file)}]
        whose = r"characters\.1\.reference \(character 2, Mei\): .*(picture|pixels)"
        with pytest.raises(AppError, match=whose):
            call("create_storyboard", story=STORY, panels=1, characters=cast)

    assert call("list_jobs")["total"] == 0


def decompression_bomb() -> bytes:
    """Return a small PNG that says it is 50,000 pixels wide and high."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(ROOT / "README.md"), "http://127.0.0.1/a.png", "https://a.b/c.png"]
)
def test_a_file_that_was_only_named_is_refused(app: App, key: str, path: str) -> None:
    """The client would upload it first, so this is said by hand."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    values = [STORY, 1, None, [{"name": "Mei", "reference": file}], key, None]

    answer = httpx.post(f"{app.url}/gradio_api/run/create_storyboard", json={"data": values})

    assert "handle_file" in answer.json()["error"]


def test_refusals_leave_no_traceback_in_the_log(app: App, call: Call) -> None:
    before = app.log_text().count("Traceback")

    with pytest.raises(AppError, match="1 to 60"):
        call("create_storyboard", story=STORY, panels=61)

    assert app.log_text().count("Traceback") == before


def posted(app: App, path: str, body: Any) -> tuple[str, Any]:
    """Call as curl does, in two steps; return the last event and what it brought."""
    made = httpx.post(f"{app.url}/gradio_api/call/{path}", json=body)
    assert made.status_code == 200, made.text
    name = path.removeprefix("v2/")
    answer = httpx.get(f"{app.url}/gradio_api/call/{name}/{made.json()['event_id']}", timeout=30)
    event, data = answer.text.strip().split("\n\n")[-1].split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_values_at_the_end_of_a_call_may_be_left_out(app: App, key: str) -> None:
    for path, body in (("list_jobs", {"data": [key]}), ("v2/list_jobs", {"session_key": key})):
        event, data = posted(app, path, body)

        assert event == "complete"
        assert data[0] == {"jobs": [], "total": 0, "limit": 50, "offset": 0}
    assert key not in app.log_text()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("list_jobs", [], "session_key: it is missing"),
        ("create_storyboard", ["leak-me-0123456789"], "panels: it is missing"),
        ("follow_job", ["leak-me-0123456789"], "session_key: it is missing"),
        ("create_storyboard", [STORY, 1], "16"),
    ],
)
def test_values_that_are_needed_are_named_and_none_gets_into_the_log(
    app: App, name: str, values: list[Any], message: str
) -> None:
    before = app.log_text().count("Traceback")

    event, data = posted(app, name, {"data": values})
    at_once = httpx.post(f"{app.url}/gradio_api/run/{name}", json={"data": values})

    assert event == "error"
    assert message in data["error"]
    assert message in at_once.json()["error"]
    assert "leak-me" not in app.log_text()
    assert app.log_text().count("Traceback") == before


@pytest.mark.parametrize(
    ("body", "message"),
    [({}, "session_key"), ({"session_key": "leak-me-0123456789", "nope": 1}, "nope")],
)
def test_a_call_by_names_says_which_name_is_wrong(
    app: App, body: dict[str, Any], message: str
) -> None:
    before = app.log_text().count("Traceback")

    answer = httpx.post(f"{app.url}/gradio_api/call/v2/list_jobs", json=body)

    assert answer.status_code == 422
    assert message in answer.json()["detail"]
    assert "leak-me" not in app.log_text()
    assert app.log_text().count("Traceback") == before


def run_example(app: App, *arguments: str, key: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "examples" / "storyboard.py"), "--url", app.url, *arguments],
        env={**os.environ, "KOMADORI_SESSION_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_example_script_saves_the_panels(app: App, key: str, tmp_path: Path) -> None:
    story, out = tmp_path / "story.txt", tmp_path / "out"
    story.write_text(STORY, encoding="utf-8")

    with run_example(
        app, str(story), "--panels", "3", "--style", "mood=calm", "--out", str(out), key=key
    ) as script:
        output, _ = script.communicate(timeout=WAIT_S)

    assert script.returncode == 0, output
    assert "3 of 3 panels saved" in output
    panels = json.loads((out / "panels.json").read_text(encoding="utf-8"))
    for panel in panels:
        with Image.open(out / panel["picture"]) as picture:
            assert picture.size == (1280, 720)


def test_the_example_script_refuses_a_text_that_is_not_utf_8(
    app: App, key: str, tmp_path: Path
) -> None:
    story = tmp_path / "story.txt"
    story.write_bytes(STORY.replace("Mei", "小美").encode("gb18030"))

    with run_example(app, str(story), key=key) as script:
        output, _ = script.communicate(timeout=WAIT_S)

    assert script.returncode == 2
    assert output.splitlines() == [f"{story} is not a text in UTF-8. Save it as UTF-8 first."]


def test_the_example_script_says_after_ctrl_c_how_to_go_on(
    app: App, call: Call, key: str, tmp_path: Path
) -> None:
    story, out = tmp_path / "story.txt", tmp_path / "out"
    story.write_text(STORY * 10, encoding="utf-8")

    with run_example(app, str(story), "--panels", "60", "--out", str(out), key=key) as script:
        assert script.stdout is not None
        shown = ""
        while "RUNNING" not in shown:
            shown += (part := script.stdout.read(1))
            assert part, shown
        script.send_signal(signal.SIGINT)
        output, _ = script.communicate(timeout=WAIT_S)

    assert script.returncode == 130
    (job,) = call("list_jobs")["jobs"]
    assert f"--job {job['id']}" in output
    call("cancel_job", job_id=job["id"])
    finished(call, job["id"])


def test_the_example_script_says_what_is_wrong(app: App, key: str, tmp_path: Path) -> None:
    story = tmp_path / "story.txt"
    story.write_text("Too short.", encoding="utf-8")

    with run_example(app, str(story), key=key) as refused:
        output, _ = refused.communicate(timeout=WAIT_S)
    with run_example(app, str(tmp_path / "none.txt"), key=key) as misused:
        misused.communicate(timeout=WAIT_S)

    assert refused.returncode == 1
    assert "50 to 20,000" in output
    assert misused.returncode == 2
