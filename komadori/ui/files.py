"""The files of a session, for the browser that holds its cookie."""

import re
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from komadori.domain.ids import ArtifactId
from komadori.errors import NotFound
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.cookie import cookie_key

_MARKS = {
    b"\xff\xd8": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
_ARTIFACT_ID = re.compile(r"[0-9a-f]{20}")


def file_routes(jobs: Jobs, sessions: Sessions) -> APIRouter:
    """Return the routes of `/files/{artifact_id}` and its thumbnail."""
    router = APIRouter()

    async def answer(artifact_id: str, request: Request, *, thumbnail: bool) -> Response:
        key = cookie_key(request.cookies)
        if key is None or not _ARTIFACT_ID.fullmatch(artifact_id):
            raise HTTPException(404)
        try:
            session = await sessions.open_with_cookie(key)
            path = await jobs.file(session, ArtifactId(artifact_id), thumbnail=thumbnail)
        except NotFound:
            raise HTTPException(404) from None
        return _file_answer(path, f'"{artifact_id}{"-thumb" if thumbnail else ""}"', request)

    @router.get("/files/{artifact_id}")
    async def file(artifact_id: str, request: Request) -> Response:
        return await answer(artifact_id, request, thumbnail=False)

    @router.get("/files/{artifact_id}/thumb")
    async def thumb(artifact_id: str, request: Request) -> Response:
        return await answer(artifact_id, request, thumbnail=True)

    return router


def _file_answer(path: Path, etag: str, request: Request) -> Response:
    """Send a file that never changes under its id."""
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    known = request.headers.get("if-none-match", "")
    if etag in (part.strip().removeprefix("W/") for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=_media_type(path), headers=headers)


def _media_type(path: Path) -> str:
    """Return what a picture is. What we have made is WebP; references are as they came."""
    if path.suffix == ".webp":
        return "image/webp"
    with path.open("rb") as file:
        head = file.read(4)
    return next((kind for mark, kind in _MARKS.items() if head.startswith(mark)), "image/webp")
