"""Our consumer: what huey_consumer runs when it loads a broker of ours."""

import itertools
import logging
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from huey.consumer import Consumer, Scheduler, Worker, WorkerRecycle
from huey.exceptions import ConfigurationError
from sqlalchemy.exc import SQLAlchemyError

from komadori.queue.broker import Broker
from komadori.queue.housekeeping import Housekeeping
from komadori.queue.reaper import Reaper, end_if_orphaned, is_frozen
from komadori.queue.worker import StepWorker
from komadori.settings import PARENT_VARIABLE

log = logging.getLogger(__name__)

LOOK_S = 1.0
_HEALTH_CHECK_S = 2
_MAX_DELAY_S = 1.0
_STOP_LOOK_S = 0.05
_RELEASE_S = 1.0
"""How much longer than huey's one second a worker may take to give its step back."""

_SAME_TELLING_S = 0.3
"""A SIGTERM to a whole process group reaches a worker twice: that is not a second one."""
_ORPHAN_LOOKS = 2
"""Looks after which an orphan whose step does not give way is gone."""
_SWEEP_EVERY, _SWEEP_FILES_EVERY = 60, 3600
"""Looks between two sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What one worker process works with. Made after the fork."""

    worker: StepWorker
    reaper: Reaper
    housekeeping: Housekeeping


OpenBench = Callable[[], Bench]


class LaneWorker(Worker):  # type: ignore[misc]  # huey has no types
    """A worker process of huey, given over to a StepWorker.

    What fails in `initialize` ends the process with a logged error; huey's own startup hooks
    would let it run on half made.
    """

    def __init__(self, *, open_bench: OpenBench, max_steps: int, **options: Any) -> None:
        super().__init__(**options)
        self._open_bench = open_bench
        self._max_steps = max_steps
        self._parent = os.getpid()  # before the fork: later it may already be gone
        self._looks_as_orphan = 0
        self._patient_until = -math.inf
        self._told_at = math.inf

    def initialize(self) -> None:
        """Open the store and start the threads; called in the worker process, after the fork."""
        self._bench = self._open_bench()
        self._worker = worker = self._bench.worker
        self.huey.answer = self._answer
        self.huey.storage.is_stopping = lambda: worker.is_stopping
        signal.signal(signal.SIGTERM, self._on_sigterm)
        worker.start()
        threading.Thread(target=self._watch, name="reaper", daemon=True).start()

    def _answer(self) -> None:
        self._worker.drain(self._is_enough)
        if self._is_enough():
            self.huey.ring()  # somebody else goes on where this worker had to stop

    def _is_enough(self) -> bool:
        return bool(self.stop_flag.is_set() or self._worker.steps_done >= self._max_steps)

    def loop(self, now: Any = None) -> None:
        """Wait for the bell and answer it; leave when told to, or after enough steps."""
        super().loop(now)
        if self._worker.is_stopping or self._worker.steps_done >= self._max_steps:
            raise WorkerRecycle

    def _on_sigterm(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        now = time.monotonic()
        if now > self._told_at + _SAME_TELLING_S:  # the second one: at once
            os._exit(1)
        self._told_at = min(self._told_at, now)
        self._worker.stop()

    def _watch(self) -> None:
        for look in itertools.count():
            self._rest()
            end_if_orphaned(self._parent, self._leave)
            try:
                self._look()
                if look % _SWEEP_EVERY == os.getpid() % _SWEEP_EVERY:
                    self._bench.housekeeping.sweep()
                if look % _SWEEP_FILES_EVERY == os.getpid() % _SWEEP_FILES_EVERY:
                    self._bench.housekeeping.sweep_references()
                    self._bench.housekeeping.sweep_files()
            except SQLAlchemyError as exc:
                log.warning("not reaped: reason=%s", exc)
            except Exception:  # the thread's boundary: who does not look cannot reap
                log.exception("not reaped")

    def _rest(self) -> None:
        """Sleep until the next look.

        Who slept much longer (a closed laptop, Ctrl-Z) cannot judge others, who slept as well:
        they get time to renew their leases first.
        """
        before = time.time()  # it counts the machine's sleep, the monotonic clock does not
        time.sleep(LOOK_S)
        lease_s = self._worker.ledger.limits.lease_s
        if time.time() - before > LOOK_S + lease_s:
            self._patient_until = time.monotonic() + lease_s

    def _leave(self) -> None:
        """Give the step back, and be gone soon, even if the step does not give way."""
        self._looks_as_orphan += 1
        if self._looks_as_orphan > _ORPHAN_LOOKS:
            os._exit(1)
        self._worker.stop()

    def _look(self) -> None:
        if time.monotonic() >= self._patient_until:
            self._bench.reaper.look()
        if not self._worker.is_draining and self._worker.ledger.has_work(self._worker.lane):
            self.huey.ring()


class IdleScheduler(Scheduler):  # type: ignore[misc]  # huey has no types
    """Huey insists on a scheduler process. Nothing is scheduled through Huey: it only waits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._parent = os.getpid()  # before the fork: later it may already be gone

    def loop(self, now: Any = None) -> None:
        """Wait for the end."""
        del now
        self.stop_flag.wait(LOOK_S)
        end_if_orphaned(self._parent, self.stop_flag.set)


class LaneConsumer(Consumer):  # type: ignore[misc]  # huey has no types
    """The consumer of one lane: process workers, quick health checks, no orphans.

    `open_bench` is called in each worker process; `frozen_after_s` is how long a worker may be
    stopped (SIGSTOP) before it is ended: longer than its lease it can do nothing anyway.
    """

    scheduler_class = IdleScheduler

    def __init__(
        self,
        broker: Broker,
        *,
        open_bench: OpenBench,
        max_steps: int,
        frozen_after_s: float,
        **options: Any,
    ) -> None:
        if options.get("worker_type") != "process":
            raise ConfigurationError("steps are killed and replaced: add -k process")
        self._open_bench = open_bench
        self._max_steps = max_steps
        self._frozen_after_s = frozen_after_s
        self._frozen_since: dict[int, float] = {}
        self._parent = os.environ.get(PARENT_VARIABLE)
        interval = options.get("health_check_interval", _HEALTH_CHECK_S)
        options["health_check_interval"] = min(interval, _HEALTH_CHECK_S)
        options["check_worker_health"] = True  # who has done max_steps steps must be replaced
        options["max_delay"] = min(options.get("max_delay", _MAX_DELAY_S), _MAX_DELAY_S)
        super().__init__(broker, **options)

    def _create_worker(self) -> LaneWorker:
        return LaneWorker(
            open_bench=self._open_bench,
            max_steps=self._max_steps,
            huey=self.huey,
            stop_flag=self.stop_flag,
            default_delay=self.default_delay,
            max_delay=self.max_delay,
            backoff=self.backoff,
            max_tasks=self.max_tasks,
        )

    def loop(self, health_check_ts: float | None = None) -> float | None:
        """Watch over the workers; when the page that began us is gone, go too."""
        if self._parent is not None:
            end_if_orphaned(int(self._parent), lambda: os.kill(os.getpid(), signal.SIGTERM))
        found: float | None = super().loop(health_check_ts)
        return found

    def check_worker_health(self) -> bool:
        """Replace dead workers, and frozen ones: a stopped process may hold the store's lock."""
        self._end_frozen()
        return bool(super().check_worker_health())

    def _end_frozen(self) -> None:
        for _, process in self.worker_threads:
            if process.pid and self._is_frozen_for_long(process.pid):
                log.warning("frozen worker ended: pid=%s", process.pid)
                process.kill()
                process.join(1)

    def _is_frozen_for_long(self, pid: int) -> bool:
        if not is_frozen(pid):
            self._frozen_since.pop(pid, None)
            return False
        since = self._frozen_since.setdefault(pid, time.monotonic())
        return time.monotonic() - since > self._frozen_after_s

    def _join_workers(self) -> bool:
        """Wait for the ends of running steps. A SIGTERM meanwhile ends the waiting."""
        timeout = math.inf if self.shutdown_timeout is None else self.shutdown_timeout
        until = time.monotonic() + timeout
        while self._living() and time.monotonic() < until and self._signum != self._interrupt_sig:
            self._end_frozen()
            time.sleep(_STOP_LOOK_S)
        return not self._living()

    def _interrupt_workers(self) -> None:
        """Have workers give their steps back; those that cannot hear of it are killed.

        Huey would wait without an end for a worker that hangs or is frozen.
        """
        signal.signal(self._graceful_sig, signal.SIG_IGN)  # this takes two seconds at most
        super()._interrupt_workers()
        until = time.monotonic() + _RELEASE_S
        while self._living() and time.monotonic() < until:
            time.sleep(_STOP_LOOK_S)
        for process in self._living():
            log.warning("killed, it did not end: pid=%s", process.pid)
            process.kill()

    def _living(self) -> list[Any]:
        processes = [process for _, process in self.worker_threads] + [self.scheduler]
        return [process for process in processes if process.is_alive()]
