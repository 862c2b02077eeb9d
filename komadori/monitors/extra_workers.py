"""Starts more image workers while work waits for them, and ends them when there is none.

The number of workers of a consumer is fixed while it runs, so each extra worker is a consumer of
its own. It ends as any consumer does: what it was doing is finished, or given back.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from komadori.errors import StoreAway
from komadori.monitors.consumers import ConsumerMonitor
from komadori.queue.backlog import Backlog

log = logging.getLogger(__name__)

LOOK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How many extra workers there may be, and when one is started or ended."""

    most: int
    up_after_s: float
    down_after_s: float
    cpu_percent: float
    """Above this use of all cores none is started: it would only take from the others."""


class ExtraWorkers(threading.Thread):
    """Keeps the number of extra workers in step with the work."""

    def __init__(
        self,
        span: Span,
        *,
        read_backlog: Callable[[], Backlog],
        start_worker: Callable[[], ConsumerMonitor],
        end_worker: Callable[[ConsumerMonitor], None],
    ) -> None:
        super().__init__(name="extra-workers", daemon=True)
        self._span = span
        self._read_backlog = read_backlog
        self._start_worker = start_worker
        self._end_worker = end_worker
        self._extra: list[ConsumerMonitor] = []
        self._ending: list[threading.Thread] = []
        self._waiting_since: float | None = None
        self._idle_since: float | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        psutil.cpu_percent()  # the first call only starts the count
        while not self._stopping.wait(LOOK_S):
            try:
                self.loop(self._read_backlog(), psutil.cpu_percent(), time.monotonic())
            except StoreAway as exc:
                log.warning("extra workers not decided: reason=%s", exc)

    def loop(self, backlog: Backlog, cpu_percent: float, now: float) -> None:
        """Start or end one worker, if it is time."""
        self._waiting_since = (self._waiting_since or now) if backlog.waiting else None
        is_idle = not backlog.waiting and bool(self._extra)
        self._idle_since = (self._idle_since or now) if is_idle else None
        if self._is_over(self._waiting_since, self._span.up_after_s, now):
            if len(self._extra) < self._span.most and cpu_percent <= self._span.cpu_percent:
                self._extra.append(self._start_worker())
                log.info("extra worker started: extra=%d waiting=%d", self.extra, backlog.waiting)
                self._waiting_since = now
        elif self._is_over(self._idle_since, self._span.down_after_s, now):
            self._end(self._extra.pop())
            log.info("extra worker ended: extra=%d", self.extra)
            self._idle_since = now

    @property
    def extra(self) -> int:
        """How many extra workers there are."""
        return len(self._extra)

    @staticmethod
    def _is_over(since: float | None, seconds: float, now: float) -> bool:
        return since is not None and now - since >= seconds

    def stop(self) -> None:
        """End all extra workers."""
        self._stopping.set()
        if self.is_alive():
            self.join()
        while self._extra:
            self._end(self._extra.pop())
        for thread in self._ending:
            thread.join()

    def _end(self, worker: ConsumerMonitor) -> None:
        """End a worker without waiting for the paid answer that it may wait for."""
        self._ending = [thread for thread in self._ending if thread.is_alive()]
        self._ending.append(threading.Thread(target=self._end_worker, args=(worker,)))
        self._ending[-1].start()
