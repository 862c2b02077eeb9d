"""The faults of the fake ComfyUI: files in its folder, so that they outlive it.

Each file is one fault, counted down before it is obeyed: one that kills the server does not kill it
twice. A fault is a dict: `do` is its name; `times` how often (None: always); `at` the point where;
`marker`, `nth` and `prompt_id` say which prompts (a text that one of its inputs contains; the n-th
execution of the process; its id); `path` and `method` say which requests. All else are options.

Points of a start: `starting` (nothing is open), `ready`. Of a request: `request`, `answer` (it was
obeyed). Of a prompt: `start`, `middle` (half of the sampler's steps, or, without a sampler, before
anything is saved), `saved` (the file is there, nobody was told), `success` (told by the socket,
not in the history), `done` (in the history, too); `after_s` waits there first. The others are what
a state is asked for.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes.provider_books import write_whole

PROMPT_POINTS = ("start", "middle", "saved", "success", "done")
_PROMPT_FAULTS = ("die", "freeze", "block", "silent", "exception", "oom", "cuda", "worker_dies")
_MAY_BE_NOW = ("die", "freeze", "block")
_WHICH = ("marker", "nth", "prompt_id", "at")

# name: (usual point, usual times)
TABLE: dict[str, tuple[str, int | None]] = {
    **dict.fromkeys(_PROMPT_FAULTS, ("middle", 1)),
    "fail_start": ("starting", 1),
    "slow_start": ("starting", 1),
    "die_ready": ("ready", 1),
    "status": ("request", 1),
    "hang": ("request", None),
    "delay": ("request", 1),
    "lose_answer": ("answer", 1),
    "mute": ("publish", None),
    "close_late": ("socket_end", 1),
    "no_history": ("history", None),
    "history_lag": ("history_lag", None),
    "slow": ("pace", None),
    "leak": ("prompt_end", None),
    "ram": ("stats", None),
    "vram": ("stats", None),
    "sick_stats": ("stats", None),
    "models": ("catalog", None),
    "lacks": ("catalog", None),
}


def is_for_now(order: Mapping[str, Any]) -> bool:
    """Whether a fault is to be done at once and not when a prompt comes to it."""
    return order["do"] in _MAY_BE_NOW and not any(key in order for key in _WHICH)


def leave(folder: Path, order: Mapping[str, Any]) -> None:
    """Leave a fault for the server that has, or will have, this folder."""
    _check(order)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{time.time_ns():020d}-{order['do']}.json", json.dumps(_whole(order)))


def _check(order: Mapping[str, Any]) -> None:
    name = order["do"]
    if name not in TABLE:
        raise ValueError(f"{name!r} is no fault; there are {', '.join(sorted(TABLE))}")
    at = order.get("at")
    if at and at != TABLE[name][0] and not (name in _PROMPT_FAULTS and at in PROMPT_POINTS):
        raise ValueError(f"{name} can't be done at {at!r}")


def _whole(order: Mapping[str, Any]) -> dict[str, Any]:
    point, times = TABLE[order["do"]]
    if "marker" in order:  # what a text does to the server, it does each time
        times = None
    return {"at": point, "times": times, **order}


class Faults:
    """The faults of a folder, and those of the command line, as the server takes them."""

    def __init__(self, folder: Path, lasting: list[dict[str, Any]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for order in lasting:
            _check(order)
        self._folder = folder
        self._lasting = [_whole(order) for order in lasting]
        self._taken: set[tuple[int, str]] = set()

    def take(self, point: str, **facts: Any) -> list[dict[str, Any]]:
        """Take all faults that are meant for a point, and count them down."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            order = _read(path)
            if order and self._is_due(order, path.name, point, facts):
                _count_down(path, order)
                found.append(order)
        for number, order in enumerate(self._lasting):
            if order["times"] != 0 and self._is_due(order, str(number), point, facts):
                if order["times"]:
                    order["times"] -= 1
                found.append(order)
        return found

    def take_one(self, name: str, point: str, **facts: Any) -> dict[str, Any] | None:
        """Take the youngest fault of a name; it overrules the older ones."""
        return next((o for o in reversed(self.take(point, **facts)) if o["do"] == name), None)

    def heal(self, name: str = "", *, by_free: bool = False) -> None:
        """Take faults back: all, those of a name, or those that /free heals."""
        for path in self._folder.glob("*.json"):
            order = _read(path)
            if order and _is_meant(order, name, by_free=by_free):
                path.unlink(missing_ok=True)
        kept = [one for one in self._lasting if not _is_meant(one, name, by_free=by_free)]
        self._lasting[:] = kept

    def _is_due(
        self, order: Mapping[str, Any], key: str, point: str, facts: Mapping[str, Any]
    ) -> bool:
        if order["at"] != point or not _matches(order, facts):
            return False
        if point not in PROMPT_POINTS:
            return True
        once = (facts["nth"], key)  # a prompt meets a fault only once
        is_new = once not in self._taken
        self._taken.add(once)
        return is_new


def _is_meant(order: Mapping[str, Any], name: str, *, by_free: bool) -> bool:
    if by_free:
        return bool(order.get("heals"))
    return name in ("", order["do"])


def _matches(order: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    if "marker" in order and order["marker"] not in facts.get("text", ""):
        return False
    if "path" in order and not str(facts.get("path", "")).startswith(order["path"]):
        return False
    same = ("nth", "prompt_id", "method")
    return all(order[key] == facts.get(key) for key in same if key in order)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        order: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # taken back in this moment
        return None
    return order


def _count_down(path: Path, order: dict[str, Any]) -> None:
    if order["times"] is None:
        return
    if order["times"] <= 1:
        path.unlink(missing_ok=True)
    else:
        write_whole(path, json.dumps({**order, "times": order["times"] - 1}))
