"""The log of the fake ComfyUI: on stdout, and kept for /internal/logs/raw."""

import logging
import sys
from collections import deque
from datetime import datetime

_KEPT = 300
_MARKS = {  # in colour, into a file, too
    "INFO": "\x1b[32m[INFO]\x1b[0m",
    "WARNING": "\x1b[33m[WARNING]\x1b[0m",
    "ERROR": "\x1b[1m\x1b[31m[ERROR]\x1b[0m",
}


class Lines(logging.Handler):
    """Prints each record as the real one does, and remembers the last ones."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: deque[dict[str, str]] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Print and keep one record."""
        now = datetime.now().isoformat(timespec="microseconds")  # noqa: DTZ005  # as the real one
        text = f"{_MARKS[record.levelname]} {record.getMessage()}\n"
        self._entries.append({"t": now, "m": text})
        sys.stdout.write(text)
        sys.stdout.flush()

    def entries(self) -> list[dict[str, str]]:
        """Return what was logged, oldest first."""
        return list(self._entries)


def log_to(lines: Lines) -> logging.Logger:
    """Return the server's logger, which writes there."""
    log = logging.getLogger("fake.comfy")
    log.setLevel(logging.INFO)
    log.addHandler(lines)
    log.propagate = False
    return log
