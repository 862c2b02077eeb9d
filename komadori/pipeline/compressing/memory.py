"""The pictures prepared last, in memory: bounded by bytes, the longest unused go first."""

import os
import threading
import weakref
from collections import OrderedDict

from komadori.pipeline.compressing.values import Prepared


class Memory:
    """Safe between threads. A forked child starts with an empty one."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.forget()
        _ALL.add(self)

    def forget(self) -> None:
        """Start anew, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Prepared] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Prepared | None:
        """Return what is kept under the key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, picture: Prepared) -> None:
        """Keep it; one that is larger than all the room there is, is not kept."""
        if len(picture.data) > self._limit:
            return
        with self._lock:
            before = self._kept.pop(key, None)
            self._bytes -= len(before.data) if before else 0
            self._kept[key] = picture
            self._bytes += len(picture.data)
            while self._bytes > self._limit:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= len(oldest.data)


_ALL: "weakref.WeakSet[Memory]" = weakref.WeakSet()


def _forget_all() -> None:
    """In a child: another thread of the parent may have held a lock, or been half done."""
    for memory in list(_ALL):
        memory.forget()


os.register_at_fork(after_in_child=_forget_all)
