"""The queue and the history of the fake ComfyUI: in memory, as the real one's are."""

import copy
import heapq
import threading
from collections.abc import Callable
from typing import Any

_KEPT = 10_000

Item = tuple[float, str, dict[str, Any], dict[str, Any], list[str]]
"""Number, id, prompt, extra data, outputs to make."""


class PromptQueue:
    """A heap of prompts, what runs, and what has ended. `changed` is called after each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.RLock()
        self._not_empty = threading.Condition(self._lock)
        self._pending: list[Item] = []
        self._running: dict[int, Item] = {}
        self._history: dict[str, dict[str, Any]] = {}
        self._flags: dict[str, bool] = {}
        self._taken = 0

    def put(self, item: Item) -> None:
        """Take a prompt in. The same number and id twice can't be compared, and raise."""
        with self._lock:
            heapq.heappush(self._pending, item)
            self._changed()
            self._not_empty.notify()

    def get(self) -> tuple[Item, int] | None:
        """Wait for the next prompt, or for a flag (then None)."""
        with self._not_empty:
            while not self._pending:
                if self._flags:
                    return None
                self._not_empty.wait()
            item = heapq.heappop(self._pending)
            key = self._taken
            self._running[key] = copy.deepcopy(item)
            self._taken += 1
            self._changed()
            return item, key

    def done(self, key: int, result: dict[str, Any], status: dict[str, Any] | None) -> None:
        """Move a prompt from the running ones to the history; without a status it is forgotten."""
        with self._lock:
            item = self._running.pop(key)
            if len(self._history) > _KEPT:
                self._history.pop(next(iter(self._history)))
            if status is not None:
                entry = {"prompt": item, "outputs": {}, "status": status}
                self._history[item[1]] = {**entry, **copy.deepcopy(result)}
            self._changed()

    def remaining(self) -> int:
        """Return how many run or wait."""
        with self._lock:
            return len(self._running) + len(self._pending)

    def current(self) -> tuple[list[Item], list[Item]]:
        """Return what runs, and what waits: in the order of the heap."""
        with self._lock:
            return copy.deepcopy((list(self._running.values()), self._pending))

    def running_ids(self) -> list[str]:
        """Return the ids of what runs."""
        with self._lock:
            return [item[1] for item in self._running.values()]

    def delete(self, prompt_id: str) -> bool:
        """Take a waiting prompt away; one that runs is not touched."""
        with self._lock:
            for place, item in enumerate(self._pending):
                if item[1] == prompt_id:
                    self._pending.pop(place)
                    heapq.heapify(self._pending)
                    self._changed()
                    return True
        return False

    def clear(self) -> None:
        """Take all waiting prompts away."""
        with self._lock:
            self._pending.clear()
            self._changed()

    def set_flag(self, name: str, value: bool) -> None:
        """Ask for something that is done between prompts."""
        with self._lock:
            self._flags[name] = value
            self._not_empty.notify()

    def take_flags(self) -> dict[str, bool]:
        """Return what was asked for, and forget it."""
        with self._lock:
            flags, self._flags = self._flags, {}
            return flags

    def history(
        self, prompt_id: str | None = None, *, at_most: int | None = None, offset: int = -1
    ) -> dict[str, Any]:
        """Return one entry, the youngest so many, or all."""
        with self._lock:
            if prompt_id is not None:
                entry = self._history.get(prompt_id)
                return {prompt_id: copy.deepcopy(entry)} if entry else {}
            entries = list(self._history.items())
            if offset < 0:
                offset = len(entries) - at_most if at_most is not None else 0
            offset = max(0, offset)
            end = None if at_most is None else offset + at_most
            return copy.deepcopy(dict(entries[offset:end]))

    def forget(self, prompt_id: str) -> None:
        """Drop an entry of the history."""
        with self._lock:
            self._history.pop(prompt_id, None)

    def forget_all(self) -> None:
        """Drop the history."""
        with self._lock:
            self._history.clear()
