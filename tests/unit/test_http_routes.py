"""The cookie, the private link, the files and the guards, without a server or a page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI, Request

from komadori.domain.ids import ArtifactId, SessionId, StepId
from komadori.errors import NotFound
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.cookie import COOKIE_NAME, SessionCookie, cookie_key
from komadori.ui.files import file_routes
from komadori.ui.guards import (
    BODY_MAX_BYTES,
    ClosedDoors,
    KnownCalls,
    SecurityHeaders,
    SmallBodies,
)
from komadori.ui.join import join_routes

pytestmark = pytest.mark.unit

ORIGIN = "http://komadori.test"
KEY = "k" * 43
PICTURE = ArtifactId("a" * 20)
CLIP = ArtifactId("c" * 20)
STEP = StepId("b" * 20)
MP4 = b"\0\0\0\x20ftypisom" + bytes(100)
OPEN = "open"


class FakeSessions:
    """Sessions by cookie key; one open link."""

    def __init__(self) -> None:
        self.joined: list[tuple[str, str]] = []

    async def open_with_cookie(self, key: str) -> SessionId:
        return SessionId(f"of {key}")

    async def link_is_open(self, token: str) -> bool:
        return token == OPEN

    async def join(self, token: str, cookie_key: str) -> bool:
        self.joined.append((token, cookie_key))
        return token == OPEN


class FakeJobs:
    """One picture, one clip and one preview, of one session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def file(
        self, session: SessionId, artifact_id: ArtifactId, *, thumbnail: bool = False
    ) -> Path:
        if session != f"of {KEY}" or artifact_id not in (PICTURE, CLIP):
            raise NotFound("file", artifact_id)
        if artifact_id == CLIP and not thumbnail:
            return self.folder / "film.clip"
        return self.folder / ("thumb" if thumbnail else "full")

    async def preview_path(self, session: SessionId, step_id: StepId) -> Path:
        if (session, step_id) != (f"of {KEY}", STEP):
            raise NotFound("file", step_id)
        return self.folder / "step.preview"


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
async def browser(tmp_path: Path, sessions: FakeSessions) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "full").write_bytes(b"full picture")
    (tmp_path / "thumb").write_bytes(b"thumbnail")
    (tmp_path / "film.clip").write_bytes(MP4)
    (tmp_path / "step.preview").write_bytes(b"\xff\xd8 a picture so far")
    (tmp_path / "gradio").mkdir()
    app = FastAPI()
    app.add_middleware(SessionCookie)
    app.add_middleware(KnownCalls, callable_names=["list_jobs", "draw"], told=["list_jobs"])
    app.add_middleware(SmallBodies)
    app.add_middleware(ClosedDoors, folder=tmp_path / "gradio")
    app.add_middleware(SecurityHeaders)
    app.include_router(file_routes(cast(Jobs, FakeJobs(tmp_path)), cast(Sessions, sessions)))
    app.include_router(join_routes(cast(Sessions, sessions)))

    @app.get("/{path:path}")
    async def page(path: str, request: Request) -> dict[str, Any]:
        return {"path": path, "key": cookie_key(request.cookies)}

    @app.post("/{path:path}")
    async def call(path: str, request: Request) -> dict[str, Any]:
        return {"path": path, "size": len(await request.body())}

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


async def test_a_first_page_load_gets_a_key_that_scripts_cannot_read(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/")

    cookie = answer.headers["set-cookie"]
    assert cookie_key(browser.cookies)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert answer.headers["cache-control"] == "private, no-store"


async def test_the_cookie_is_secure_over_https(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("https://komadori.test/")

    assert answer.headers["set-cookie"].endswith("; Secure")


async def test_a_valid_key_is_never_replaced(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)

    answer = await browser.get("/")

    assert "set-cookie" not in answer.headers
    assert answer.json()["key"] == KEY


@pytest.mark.parametrize("key", ["", "short", "k" * 42 + "!", "k" * 44])
async def test_a_key_that_we_did_not_make_is_replaced(browser: httpx.AsyncClient, key: str) -> None:
    answer = await browser.get("/", headers={"cookie": f"{COOKIE_NAME}={key}"})

    assert COOKIE_NAME in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/healthz", "/gradio_api/info", "/files/x", "/joined"])
async def test_other_requests_get_no_key(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)

    assert "set-cookie" not in answer.headers


async def test_every_answer_forbids_sniffing_and_referrers(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/files/x", "/gradio_api/proxy=x"):
        headers = (await browser.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_a_session_gets_its_file_and_its_thumbnail(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)

    full = await browser.get(f"/files/{PICTURE}")
    thumb = await browser.get(f"/files/{PICTURE}/thumb")

    assert (full.content, thumb.content) == (b"full picture", b"thumbnail")
    assert full.headers["content-type"] == "image/webp"
    assert full.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert full.headers["etag"] != thumb.headers["etag"]


async def test_a_file_that_the_browser_has_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)
    etag = (await browser.get(f"/files/{PICTURE}")).headers["etag"]

    again = await browser.get(f"/files/{PICTURE}", headers={"if-none-match": etag})
    other = await browser.get(f"/files/{PICTURE}", headers={"if-none-match": '"other"'})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (None, f"/files/{PICTURE}"),
        ("o" * 43, f"/files/{PICTURE}"),
        ("o" * 43, f"/files/{PICTURE}/thumb"),
        (KEY, "/files/" + "b" * 20),
        (KEY, "/files/..full"),
        (KEY, "/files/" + "a" * 21),
    ],
)
async def test_a_file_of_nobody_or_somebody_else_is_not_found(
    browser: httpx.AsyncClient, key: str | None, path: str
) -> None:
    if key:
        browser.cookies.set(COOKIE_NAME, key)

    assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gradio_api/proxy=https://example.org/", 404),
        ("/gradio_api/file=https://example.org/", 404),
        ("/gradio_api/file=HTTP://example.org/", 404),
        ("/gradio_api/file/https://example.org/", 404),
        ("/gradio_api/file=/etc/passwd", 404),
        ("/gradio_api/file={folder}/../full", 404),
        ("/gradio_api/file={folder}/%2e%2e/full", 404),
        ("/gradio_api/file={folder}/a%00b", 404),
        ("/gradio_api/file={folder}/ab/mine.png", 200),
        ("/gradio_api/info", 200),
    ],
)
async def test_gradio_serves_its_own_folder_only(
    browser: httpx.AsyncClient, tmp_path: Path, path: str, status: int
) -> None:
    answer = await browser.get(path.format(folder=tmp_path / "gradio"))

    assert answer.status_code == status


CALLS = [
    "/gradio_api/call/list_jobs",
    "/gradio_api/call/v2/list_jobs/",
    "/gradio_api/run/list_jobs",
    "/gradio_api/queue/join",
]


async def chunks(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not told before."""
    for _ in range(size // 1024):
        yield b"x" * 1024
    yield b"x" * (size % 1024)


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_call_of_more_than_2_mb_is_refused_in_words(
    browser: httpx.AsyncClient, path: str, is_streamed: bool
) -> None:
    async def post(size: int) -> httpx.Response:
        return await browser.post(path, content=chunks(size) if is_streamed else b"x" * size)

    fits, too_long = await post(BODY_MAX_BYTES), await post(BODY_MAX_BYTES + 1)

    assert fits.json()["size"] == BODY_MAX_BYTES
    assert too_long.status_code == 413
    assert "larger than 2 MB" in too_long.json()["detail"]


async def test_a_call_cannot_hide_its_length(browser: httpx.AsyncClient) -> None:
    headers = {"content-length": "5"}

    answer = await browser.post(CALLS[0], content=chunks(BODY_MAX_BYTES + 1), headers=headers)

    assert answer.status_code == 413


async def test_an_upload_may_be_longer_than_a_call(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/gradio_api/upload", content=b"x" * (BODY_MAX_BYTES + 1))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gradio_api/call/list_jobs", 200),
        ("/gradio_api/call/draw", 200),
        ("/gradio_api/call/nope", 404),
        ("/gradio_api/call/nope/", 404),
        ("/gradio_api/call/v2/nope", 404),
        ("/gradio_api/run/nope", 404),
        ("/gradio_api/api/nope", 404),
    ],
)
async def test_a_call_that_does_not_exist_is_not_found(
    browser: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await browser.post(path)

    assert answer.status_code == status
    if status == 404:
        assert answer.json()["detail"] == "There is no call 'nope'; there are list_jobs."


@pytest.mark.parametrize(
    ("languages", "lang"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr,zh-TW;q=0.5", "zh-CN"),
        ("", "en"),
    ],
)
async def test_an_open_link_asks_in_the_readers_language(
    browser: httpx.AsyncClient, sessions: FakeSessions, languages: str, lang: str
) -> None:
    answer = await browser.get("/join/open", headers={"accept-language": languages})

    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert '<form method="post">' in answer.text
    assert answer.headers["referrer-policy"] == "same-origin"
    assert sessions.joined == []


async def test_the_answer_joins_with_the_key_that_the_question_gave(
    browser: httpx.AsyncClient, sessions: FakeSessions
) -> None:
    await browser.get("/join/open")

    answer = await browser.post("/join/open", headers={"origin": ORIGIN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert sessions.joined == [("open", browser.cookies[COOKIE_NAME])]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.test"},
        {"origin": "http://komadori.test.evil.test"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_cannot_make_a_browser_join(
    browser: httpx.AsyncClient, sessions: FakeSessions, headers: dict[str, str]
) -> None:
    answer = await browser.post("/join/open", headers=headers)

    assert answer.status_code == 403
    assert sessions.joined == []


@pytest.mark.parametrize("token", ["used", "<script>", "x" * 300])
async def test_a_link_that_is_gone_says_so(
    browser: httpx.AsyncClient, sessions: FakeSessions, token: str
) -> None:
    asked = await browser.get(f"/join/{token}")
    answered = await browser.post(f"/join/{token}", headers={"sec-fetch-site": "same-origin"})

    assert (asked.status_code, answered.status_code) == (404, 404)
    assert "no longer works" in asked.text
    assert "<form" not in asked.text
    assert token not in asked.text


async def test_a_clip_is_a_video_and_can_be_read_in_parts(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)

    whole = await browser.get(f"/files/{CLIP}")
    part = await browser.get(f"/files/{CLIP}", headers={"range": "bytes=4-11"})

    assert (whole.headers["content-type"], whole.content) == ("video/mp4", MP4)
    assert (part.status_code, part.content) == (206, b"ftypisom")


async def test_a_preview_is_shown_as_it_is_now_and_never_kept(browser: httpx.AsyncClient) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)

    answer = await browser.get(f"/previews/{STEP}?v=3")

    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("step", [STEP, "d" * 20, "b" * 21])
async def test_a_preview_of_another_session_does_not_exist(
    browser: httpx.AsyncClient, step: str
) -> None:
    browser.cookies.set(COOKIE_NAME, "o" * 43)

    assert (await browser.get(f"/previews/{step}")).status_code == 404


async def test_a_preview_that_has_just_gone_is_not_there(
    browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    browser.cookies.set(COOKIE_NAME, KEY)
    (tmp_path / "step.preview").unlink()

    assert (await browser.get(f"/previews/{STEP}")).status_code == 404
