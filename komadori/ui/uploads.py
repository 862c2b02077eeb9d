"""Files that cross the API: pictures that callers send, and copies of what they fetch."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils
from gradio.exceptions import InvalidPathError

from komadori.domain.ids import ArtifactId
from komadori.errors import RequestRejected

UPLOAD_MAX_BYTES = 20 * 1024 * 1024
KEPT_S = 24 * 3600
_SHELF = "pictures"


class Uploads:
    """Gradio's own file folder: what was uploaded is read from it, copies are served from it.

    Gradio serves whatever lies in this folder to whoever knows its path. So a copy's path holds a
    code that only this process can compute.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._secret = secrets.token_bytes(32)

    async def read(self, file: Mapping[str, Any], field: str) -> bytes:
        """Return the bytes of a file that a caller has uploaded.

        Raises:
            RequestRejected: it is not an uploaded file, or it is too large.
        """
        return await asyncio.to_thread(self._read, file.get("path"), field)

    async def offer(
        self, artifact: ArtifactId, source: Path, name: str, media_type: str = "image/webp"
    ) -> dict[str, Any]:
        """Make a file fetchable under a name, as the Gradio client expects files in its answers."""
        path = await asyncio.to_thread(self._copy, artifact, source, name)
        return {
            "path": str(path),
            "url": f"/gradio_api/file={path}",
            "orig_name": name,
            "mime_type": media_type,
            "meta": {"_type": "gradio.FileData"},
        }

    def _read(self, path: object, field: str) -> bytes:
        if not isinstance(path, str) or "\0" in path:
            raise _not_uploaded(field)
        file = Path(path).resolve()
        if not file.is_relative_to(self._folder) or not file.is_file():
            raise _not_uploaded(field)
        if file.stat().st_size > UPLOAD_MAX_BYTES:
            raise RequestRejected(
                f"{field}: the file is larger than {UPLOAD_MAX_BYTES // 1024**2} MB.",
                code="upload_size",
                field=field,
                most=UPLOAD_MAX_BYTES,
            )
        return file.read_bytes()

    def _copy(self, artifact: ArtifactId, source: Path, name: str) -> Path:
        code = hmac.new(self._secret, f"{artifact}/{name}".encode(), hashlib.sha256).hexdigest()
        folder = self._folder / _SHELF / code
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / name
        with contextlib.suppress(FileNotFoundError):
            if target.lstat().st_ctime > time.time() - KEPT_S / 2:
                return target  # it is there for long enough; polling callers ask often
        draft = folder / secrets.token_hex(8)
        try:
            os.link(source, draft)  # costs nothing, and its change time starts the day anew
        except OSError:
            shutil.copyfile(source, draft)
        draft.replace(target)
        draft.unlink(missing_ok=True)  # renaming onto the same inode leaves both names
        return target


def sweep(folder: Path, *, older_than_s: float = KEPT_S) -> None:
    """Remove uploads and copies whose day is over, and folders long empty."""
    latest = time.time() - older_than_s
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                if file.lstat().st_ctime < latest:
                    file.unlink()
        if Path(parent) != folder and Path(parent).lstat().st_ctime < latest:
            with contextlib.suppress(OSError):  # not empty
                Path(parent).rmdir()


def take_uploads_only() -> None:
    """Make Gradio refuse, in plain words, every file that callers name instead of uploading it.

    It would download addresses, and show a traceback in the log for other paths.
    """
    check = processing_utils._check_allowed

    async def refuse_address(url: str, cache_dir: str) -> NoReturn:  # noqa: ARG001
        raise gr.Error(
            "Files are taken as uploads only, not from an address. Download it and pass it as "
            "handle_file('picture.png').",
            print_exception=False,
        )

    def check_in_words(path: str | Path, check_in_upload_folder: bool) -> None:
        try:
            check(path, check_in_upload_folder)
        except InvalidPathError as exc:
            raise gr.Error(
                "This file was not uploaded here. Pass a file as handle_file('picture.png').",
                print_exception=False,
            ) from exc

    processing_utils.async_ssrf_protected_download = refuse_address
    processing_utils._check_allowed = check_in_words


def _not_uploaded(field: str) -> RequestRejected:
    return RequestRejected(
        f"{field}: this file was not uploaded here. Pass a picture as handle_file('picture.png').",
        code="not_uploaded",
        field=field,
    )
