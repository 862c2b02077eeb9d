"""The faults of the fake provider: files in a folder, so that they can be set while it hangs.

Each file is one fault. The provider looks at the folder whenever a request reaches a phase, and
counts a fault down before it obeys: one that kills the provider does not kill it twice.

Phases: `arrived` (headers read, nothing of the body), `received` (body read and found valid, not
billed), `billed` (of a poll or a result: it was looked up), `making` (of the pictures), `answer`
(ready to be sent), `headers_sent`, `half_body`.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.provider_books import write_whole

# name: (what is done, the phase in which it is done, the kind of request that it is done to)
_TABLE: dict[str, tuple[str, str, str]] = {
    "hold": ("hold", "billed", "create"),
    "slow": ("slow", "billed", "create"),
    "hang_before_reading": ("hang", "arrived", "create"),
    "hang_before_headers": ("hang", "billed", "create"),
    "hang_after_headers": ("hang", "headers_sent", "create"),
    "close_before_reading": ("reset", "arrived", "create"),
    "close_after_billing": ("reset", "billed", "create"),
    "die_before_bill": ("die", "received", "create"),
    "die_after_bill": ("die", "billed", "create"),
    "die_in_answer": ("die", "half_body", "create"),
    "insufficient_quota": ("no_quota", "received", "create"),
    "refused": ("refuse", "received", "create"),
    "redirect_307": ("redirect", "received", "create"),
    "empty_data": ("empty", "making", "create"),
    "not_a_picture": ("not_a_picture", "making", "create"),
    "bomb": ("bomb", "making", "create"),
    "private_url": ("private_url", "making", "create"),
    "truncated_json": ("truncate", "answer", "create"),
    "wrong_content_type": ("retype", "answer", "create"),
    "html": ("html", "answer", "create"),
    "huge": ("huge", "answer", "create"),
    "chunked": ("chunked", "answer", "create"),
    "drip": ("drip", "answer", "create"),
    "truncated_body": ("cut", "half_body", "create"),
    "expired_url": ("expire", "received", "result"),
    "redirect_result": ("redirect", "received", "result"),
    "task_stuck": ("stuck", "making", "poll"),
    "task_failed": ("failed", "making", "poll"),
    "task_lost": ("lost", "making", "poll"),
}
_EARLY = ("arrived", "received", "billed")
_ALL = (*_EARLY, "headers_sent", "half_body")
_MOVABLE = {
    **dict.fromkeys(("hold", "slow", "hang", "reset", "die"), _ALL),
    **dict.fromkeys(("status", "no_quota", "refuse", "redirect", "expire"), _EARLY),
}

MAY_BE_JOINED = frozenset({"hold", "slow", "drip", "chunked", "huge"})
"""What others may be done beside, in the same phase of one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One order to fail. `times` None: always. `match`: what the request must be like."""

    name: str
    act: str
    at: str
    times: int | None
    match: Mapping[str, str]
    options: Mapping[str, Any]

    def is_for(self, phase: str, facts: Mapping[str, Any]) -> bool:
        """Whether a request that reached a phase is meant. Texts match when they contain it."""
        if self.at != phase:
            return False
        return all(_matches(facts.get(key), wanted) for key, wanted in self.match.items())


def _matches(value: object, wanted: str) -> bool:
    return isinstance(value, str) and wanted in value


def known(name: str) -> tuple[str, str, str]:
    """Return what a fault does, when, and to which kind; any status of HTTP is a fault, too."""
    if len(name) == 3 and name.isdigit():
        return ("status", "received", "create")
    return _TABLE[name]


def leave(
    folder: Path,
    name: str,
    *,
    times: int | None,
    at: str | None,
    match: Mapping[str, str],
    options: Mapping[str, Any],
) -> None:
    """Leave an order for the provider; earlier orders are obeyed first."""
    act, usual, kind = known(name)
    phase = at or usual
    if phase != usual and phase not in _MOVABLE.get(act, ()):
        raise ValueError(f"{name} can't be done at {phase!r}")
    order = {
        "fault": name,
        "at": phase,
        "times": times,
        "match": {"kind": kind, **match},
        "options": dict(options),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{time.time_ns():020d}-{name}.json", json.dumps(order))


class Faults:
    """The faults of a folder, as the provider takes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def take(
        self, phase: str, facts: Mapping[str, Any], *, but_not: Collection[str] = ()
    ) -> Fault | None:
        """Take the oldest fault that is meant for a request, and count it down."""
        for path in sorted(self._folder.glob("*.json")):
            fault = _read(path)
            if fault and fault.act not in but_not and fault.is_for(phase, facts):
                _count_down(path, fault)
                return fault
        return None


def _read(path: Path) -> Fault | None:
    try:
        order = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # taken back in this moment
        return None
    return Fault(
        name=order["fault"],
        act=known(order["fault"])[0],
        at=order["at"],
        times=order["times"],
        match=order["match"],
        options=order["options"],
    )


def _count_down(path: Path, fault: Fault) -> None:
    if fault.times is None:
        return
    if fault.times <= 1:
        path.unlink(missing_ok=True)
    else:
        order = json.loads(path.read_text(encoding="utf-8"))
        write_whole(path, json.dumps({**order, "times": fault.times - 1}))
