"""The files of a session, and previews of what is being made, for the browser with its cookie."""

import asyncio
import re
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from komadori.domain.ids import ArtifactId, SessionId, StepId
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
_ID = re.compile(r"[0-9a-f]{20}")
_VIDEO = b"ftyp"
"""Begins the first box of an MP4, after its length of four bytes."""


class _Shelf:
    """Answers for one kind of reader: whoever holds a session's cookie. To all others: 404."""

    def __init__(self, jobs: Jobs, sessions: Sessions) -> None:
        self._jobs = jobs
        self._sessions = sessions

    async def file(self, artifact_id: str, request: Request, *, thumbnail: bool) -> Response:
        session = await self._session(artifact_id, request)
        try:
            path = await self._jobs.file(session, ArtifactId(artifact_id), thumbnail=thumbnail)
        except NotFound:
            raise HTTPException(404) from None
        return _file_answer(path, f'"{artifact_id}{"-thumb" if thumbnail else ""}"', request)

    async def preview(self, step_id: str, request: Request) -> Response:
        session = await self._session(step_id, request)
        try:
            path = await self._jobs.preview_path(session, StepId(step_id))
            picture = await asyncio.to_thread(path.read_bytes)
        except (NotFound, FileNotFoundError):  # it goes when its step ends
            raise HTTPException(404) from None
        headers = {"Cache-Control": "no-store"}  # the next attempt counts from 1 again
        return Response(picture, media_type=_kind_of(picture[:12]), headers=headers)

    async def _session(self, name: str, request: Request) -> SessionId:
        key = cookie_key(request.cookies)
        if key is None or not _ID.fullmatch(name):
            raise HTTPException(404)
        try:
            return await self._sessions.open_with_cookie(key)
        except NotFound:
            raise HTTPException(404) from None


def file_routes(jobs: Jobs, sessions: Sessions) -> APIRouter:
    """Return the routes of `/files/{artifact_id}`, its thumbnail, and `/previews/{step_id}`."""
    router = APIRouter()
    shelf = _Shelf(jobs, sessions)

    @router.get("/files/{artifact_id}")
    async def file(artifact_id: str, request: Request) -> Response:
        return await shelf.file(artifact_id, request, thumbnail=False)

    @router.get("/files/{artifact_id}/thumb")
    async def thumb(artifact_id: str, request: Request) -> Response:
        return await shelf.file(artifact_id, request, thumbnail=True)

    @router.get("/previews/{step_id}")
    async def preview(step_id: str, request: Request) -> Response:
        return await shelf.preview(step_id, request)

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
    """Return what a file is. Pictures of ours are WebP; references and clips are as they came."""
    if path.suffix == ".webp":
        return "image/webp"
    with path.open("rb") as file:
        return _kind_of(file.read(12))


def _kind_of(head: bytes) -> str:
    if head[4:8] == _VIDEO:
        return "video/mp4"
    return next((kind for mark, kind in _MARKS.items() if head.startswith(mark)), "image/webp")
