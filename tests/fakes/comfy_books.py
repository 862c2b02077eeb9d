"""The books of the fake ComfyUI: lines of JSON that outlive a kill, and what they add up to."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fakes.provider_books import add, read


class Books:
    """Notes what one process does, in a file that later processes go on with."""

    def __init__(self, path: Path, name: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._stamp = {"server": name, "pid": os.getpid()}

    def note(self, what: str, **facts: Any) -> None:
        """Write a line and wait until it is on the disk."""
        add(self.path, {"what": what, "at": time.time(), **self._stamp, **facts})

    def summary(self) -> dict[str, Any]:
        """Return what the books add up to."""
        return summary(read(self.path))


def summary(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the books of one server, over all its processes.

    accepted: times that an id was taken in; numbers: of each id; began, ended: executions, in
    order; texts: times that an execution of a text began; drawn: that it ended well; prefixes:
    times that an execution began that saves there; the rest are the entries themselves.
    """

    def of(what: str) -> list[dict[str, Any]]:
        return [entry for entry in entries if entry["what"] == what]

    numbers: dict[str, list[float]] = {}
    for entry in of("accepted"):
        numbers.setdefault(entry["id"], []).append(entry["number"])
    ended = of("ended")
    return {
        "accepted": dict(Counter(entry["id"] for entry in of("accepted"))),
        "numbers": numbers,
        "began": [entry["id"] for entry in of("began")],
        "ended": [[entry["id"], entry["status"]] for entry in ended],
        "texts": dict(Counter(entry["text"] for entry in of("began"))),
        "drawn": dict(Counter(entry["text"] for entry in ended if entry["status"] == "success")),
        "prefixes": dict(Counter(one for entry in of("began") for one in entry["prefixes"])),
        "written": [entry["file"] for entry in of("wrote")],
        "starts": len(of("start")),
        "uploads": of("uploaded"),
        "interrupts": of("interrupt"),
        "frees": of("free"),
        "deletes": of("deleted"),
        "cancels": of("cancel"),
        "refused": of("refused"),
        "faults": of("fault"),
        "executions": of("began"),
    }
