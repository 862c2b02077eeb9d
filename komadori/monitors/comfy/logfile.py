"""A server's log: a file, never a pipe, since a full pipe stops ComfyUI. Its tail says what failed.

A pipe that nobody reads holds 64 kB; then every request times out.
"""

import contextlib
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from komadori.monitors.comfy.surroundings import hide

KEPT = 3
"""Logs of earlier starts that are kept."""
MOST_BYTES = 20_000_000
_TAIL_BYTES = 100_000
_TAIL_LINES = 200
_READ_MOST = 1_000_000

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""ComfyUI writes them into files, too, whatever NO_COLOR says."""
_LEVEL = re.compile(r"^\[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\] ")

_SECRETS = (
    re.compile(
        r"(?i)\b((?:\w+[_-])?(?:api[_-]?key|apikey|access[_-]?key|token|secret|passw(?:or)?d|pwd))"
        r"(['\"]?\s*[=:]\s*['\"]?)[^\s'\"&,;]+"
    ),
    re.compile(r"(?i)\b(authorization)(['\"]?\s*[=:]\s*['\"]?)(?:\w+\s+)?[^\s'\"&,;]+"),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://)([^\s/:@]*):[^\s/@]+(?=@)"),
    re.compile(r"\b(sk|hf|pk|ghp|gho|xox[abp]|AKIA)([_-]?)[A-Za-z0-9_-]{12,}"),
)

_START_FAULTS = (
    (r"Port \d+ is already in use|address already in use|only one usage of each socket",
     "its port is in use"),
    (r"ASSETS_STARTUP_FAILED|Could not acquire lock on database",
     "its database is in use by another instance: give it its own --database-url"),
    (r"No module named '?([\w.]+)", "a Python package is missing: {0}"),
    (r"can't open file '?([^'\n]+)'?", "there is no file {0}"),
    (r"No such file or directory: '?([^'\n]+)'?", "there is no file {0}"),
    (r"Torch not compiled with CUDA|Found no NVIDIA driver|No CUDA GPUs are available",
     "its PyTorch finds no GPU"),
    (r"Permission denied:? '?([^'\n]+)'?", "it may not use {0}"),
    (r"error: unrecognized arguments: (.+)", "it does not know the options {0}"),
)  # fmt: skip
_FAULTS = (
    (r"paging file is too small|os error 1455", "the paging file is too small: raise it to 32 GB"),
    (r"CUDA out of memory|OutOfMemoryError|CUDA error: out of memory", "the GPU ran out of memory"),
    (r"MemoryError|Cannot allocate memory|std::bad_alloc|DefaultCPUAllocator: (?:can't|not enough)",
     "the machine ran out of memory"),
    (r"illegal memory access|device-side assert|AcceleratorError|unspecified launch failure",
     "the GPU's state is broken"),
    (r"No space left on device", "the disk is full"),
    (r"Fatal Python error: (.+)", "Python: {0}"),
)  # fmt: skip
_READY = "To see the GUI go to"
_LAST_WORDS = 8
"""A start that fails says why at its end; before that it warns of much that is no fault."""
_LAST_LINES = 60


def plain(line: str) -> str:
    """Return a line without colours and without the level before it."""
    return _LEVEL.sub("", _COLOURS.sub("", line))


def redact(text: str) -> str:
    """Take out what looks like a key, a password or a token."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1\2***", text)
    return text


def explain(tail: str, *, is_start: bool = False) -> str:
    """Say in words what a log knows of the server's end; empty when nothing is known in it."""
    if is_start:
        last = "\n".join(tail.splitlines()[-_LAST_WORDS:])
        return _first_of((*_START_FAULTS, *_FAULTS), last)
    since_ready = tail.rsplit(_READY, 1)[-1]
    return _first_of(_FAULTS, "\n".join(since_ready.splitlines()[-_LAST_LINES:]))


def _first_of(known: Sequence[tuple[str, str]], text: str) -> str:
    for pattern, words in known:
        if found := re.search(pattern, text, re.IGNORECASE):
            return words.format(*(group[:120].strip() for group in found.groups()))
    return ""


class LogFile:
    """One log that a server writes and we read. Earlier ones are kept under numbers."""

    def __init__(self, path: Path, untold: Collection[str] = ()) -> None:
        """`untold`: what is in nothing that is shown of it."""
        self.path = path
        self._untold = untold
        self._read_to = 0
        self._rest = b""

    def open_for_server(self) -> BinaryIO:
        """Begin a new log, and return it for the server to write. What was there gets a number."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # on Windows somebody may have it open: append then
            self._number()
        self._read_to = self.size()
        self._rest = b""
        self.path.touch(mode=0o600)  # prompts are in it, and what nodes print
        with contextlib.suppress(OSError):
            self.path.chmod(0o600)
        return self.path.open("ab")

    def _number(self) -> None:
        if not self.size():
            return
        for number in range(KEPT - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._old(number).replace(self._old(number + 1))
        self.path.replace(self._old(1))

    def _old(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def go_on(self) -> None:
        """Read from here on: the log is one that an earlier supervisor began."""
        self._read_to = self.size()
        self._rest = b""

    def size(self) -> int:
        """Return its bytes."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def read_new(self) -> tuple[bool, list[str]]:
        """Return whether it has grown, and the lines that were finished since the last look.

        A progress bar that is drawn again and again ends no line, and is growth all the same.
        """
        size = self.size()
        if size < self._read_to:  # it was cut
            self._read_to = 0
        if size == self._read_to:
            return False, []
        with self.path.open("rb") as file:
            file.seek(max(self._read_to, size - _READ_MOST))
            fresh = file.read(_READ_MOST)
        self._read_to = size
        *lines, rest = re.split(rb"[\r\n]+", self._rest + fresh)
        self._rest = rest[-_TAIL_BYTES:]
        return True, [plain(line.decode("utf-8", "replace")) for line in lines if line]

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """Return its last lines, without secrets."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.size() - _TAIL_BYTES))
                text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""
        text = _COLOURS.sub("", text).replace("\r\n", "\n")
        last = [line.rsplit("\r", 1)[-1] for line in text.rstrip("\n").split("\n")]
        return hide(redact("\n".join(last[-lines:])), self._untold)

    def cut(self) -> None:
        """Keep a log from growing without end while its server writes it.

        Not on Windows: a file that another process writes is not cut there; a restart begins anew.
        """
        if sys.platform == "win32" or self.size() < MOST_BYTES:
            return
        tail = self.path.read_bytes()[-_READ_MOST:]
        self._old(1).touch(mode=0o600)
        self._old(1).write_bytes(tail)
        with self.path.open("r+b") as file:
            file.truncate(0)  # the server appends, so it goes on at the beginning
        self._read_to = 0
