"""The two threads that prepare pictures, shared by all of a process and made on first use.

Workers are forked after this module was imported. Threads do not survive a fork, so that a child
must make its own: it forgets the parent's pool, with everything that was under way in it.

The threads keep the priority of the process. Made nicer, they halve the loop's lag on an idle
machine; on a busy one they lose the processor while they hold the GIL, and it grows tenfold.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 2
"""More would not be faster on two cores, and each holds a decoded picture."""


class Pool:
    """Threads, and what they are doing under which key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="compress")
        self._flights: dict[Hashable, Future[Any]] = {}

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """Do it when a thread is free."""
        return self._threads.submit(work, *args)

    def once(self, key: Hashable, work: Callable[..., T], *args: Any) -> Future[T]:
        """Do it when a thread is free; whoever asks for the same key meanwhile waits for it, too.

        Nobody may cancel what is returned: others may be waiting.
        """
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight
            flight = self._flights[key] = self.submit(work, *args)
        flight.add_done_callback(lambda _: self._landed(key))  # at once if it is done already
        return flight

    def _landed(self, key: Hashable) -> None:
        with self._lock:
            self._flights.pop(key, None)


async def result_of(flight: Future[T]) -> T:
    """Wait on any event loop. Cancelling the wait leaves the work to those who wait with us."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def landed(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: its step ended before the work did
            loop.call_soon_threadsafe(wake)

    flight.add_done_callback(landed)
    await waiter
    return flight.result()


_making = threading.Lock()
_pool: Pool | None = None
_left_behind: list[Pool | None] = []


def shared_pool() -> Pool:
    """Return this process's pool."""
    global _pool
    with _making:
        if _pool is None:
            _pool = Pool()
        return _pool


def _forget() -> None:
    global _making, _pool
    _left_behind.append(_pool)  # collecting it would touch queues that were locked at the fork
    _making, _pool = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)
