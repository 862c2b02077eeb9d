"""The prepared pictures in a folder that several processes share, each written whole or not at all.

A file is a checksum, a line of JSON and the picture. The folder keeps within a bound: whoever has
written a part of it removes the files that were used least lately. Nothing here fails a job: a
folder that cannot be read or written costs time, and a line in the log.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from komadori.pipeline.compressing.values import Prepared

log = logging.getLogger(__name__)

_DIGEST_BYTES = 32
_SWEEPS = 16
"""A process looks through the folder each time it has written this part of the bound."""
_UNFINISHED_S = 600
"""A file that is not whole after this time was left by a process that died."""
_FACTS = ("media_type", "width", "height", "source_bytes", "source_width", "source_height")


@dataclass(frozen=True, slots=True)
class _Entry:
    used_at: float
    size: int
    path: Path


class Disk:
    """Safe between threads and processes. Each further process may add a sixteenth to the bound."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._share = limit_bytes // _SWEEPS
        self._unswept: int | None = None  # of the bytes we wrote; None: not looked yet

    def get(self, key: str) -> Prepared | None:
        """Return what is kept under the key; what is torn or altered is removed instead."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            found = _unpacked(content)
            if found is None:
                log.warning("cached picture is damaged, made anew: file=%s", path)
                path.unlink(missing_ok=True)
            else:
                os.utime(path)  # used: what is oldest goes first
        except FileNotFoundError:
            return None
        except OSError as exc:
            log.warning("cached picture cannot be read: file=%s reason=%s", path, exc)
            return None
        return found

    def put(self, key: str, picture: Prepared) -> None:
        """Keep it, if there is room."""
        content = _packed(picture)
        if len(content) > self._share:
            return
        try:
            self._make_room(len(content))
            self._write(self._path(key), content)
        except OSError as exc:
            log.warning("picture cannot be cached: folder=%s reason=%s", self._folder, exc)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Keep within the bound, without a look through the folder for every file."""
        if self._unswept is None or self._unswept + size > self._share:
            self._sweep()
            self._unswept = 0
        self._unswept += size

    def _sweep(self) -> None:
        room = self._limit - self._share
        entries = sorted(self._entries(), key=lambda entry: entry.used_at)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= room:
                break
            entry.path.unlink(missing_ok=True)  # another process may have been quicker
            total -= entry.size

    def _entries(self) -> Iterator[_Entry]:
        for path in self._folder.glob("??/*"):
            try:
                about = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix == ".part" and about.st_mtime < time.time() - _UNFINISHED_S:
                path.unlink(missing_ok=True)
                continue
            yield _Entry(about.st_mtime, about.st_size, path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def _packed(picture: Prepared) -> bytes:
    about = {name: getattr(picture, name) for name in _FACTS} | {"notes": picture.notes}
    body = json.dumps(about).encode() + b"\n" + picture.data
    return hashlib.sha256(body).digest() + body


def _unpacked(content: bytes) -> Prepared | None:
    digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return None
    line, _, data = body.partition(b"\n")
    about = json.loads(line)
    facts = {name: about[name] for name in _FACTS}
    return Prepared(data=data, notes=tuple(about["notes"]), seconds=0.0, from_cache=True, **facts)
