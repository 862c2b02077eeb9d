"""Starts the consumers of the embedded default, again when they die, and stops them at the end."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from komadori.settings import PARENT_VARIABLE, ROOT

log = logging.getLogger(__name__)

LOOK_S = 0.5
_STOP_S = 5.0
_ANSWERS_S = 600.0
"""No step takes longer: its hard limit is sooner, unless somebody has raised it."""
_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 60.0
"""A consumer that has run so long is started again at once when it dies."""


def image_consumer(workers: int) -> Sequence[str]:
    """Return the command line of the image lane's consumer."""
    consumer = (sys.executable, "-m", "huey.bin.huey_consumer", "huey_worker.huey")
    return (*consumer, "-k", "process", "-w", str(workers), "-q")


class ConsumerMonitor(threading.Thread):
    """Keeps one consumer running. The consumer ends by itself should this process be killed."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(name="consumer-monitor", daemon=True)
        self._command = command
        self._environment = {**os.environ, **environment, PARENT_VARIABLE: str(os.getpid())}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stopping.is_set():
            self.loop()
            self._stopping.wait(LOOK_S)

    def loop(self) -> None:
        """Start the consumer if it is not running."""
        if self._process is None:
            self._start()
            return
        code = self._process.poll()
        if code is None:
            return
        log.warning("consumer died: code=%s pid=%s; it is started again", code, self._process.pid)
        is_steady = time.monotonic() - self._started_at > _STEADY_S
        self._quick_deaths = 0 if is_steady else self._quick_deaths + 1
        self._stopping.wait(_BACKOFF_S[min(self._quick_deaths, len(_BACKOFF_S) - 1)])
        if not self._stopping.is_set():
            self._start()

    def _start(self) -> None:
        # A group of its own: Ctrl-C reaches only the page, which stops the consumer in order.
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            self._command, cwd=ROOT, env=self._environment, start_new_session=True
        )
        self._started_at = time.monotonic()
        log.info("consumer started: pid=%s", self._process.pid)

    def stop(self, paid_under_way: Callable[[], int]) -> None:
        """Have running steps given back, and end the consumer.

        While requests that may have to be paid are under way their answers are waited for; Ctrl-C
        meanwhile gives them up.
        """
        self._stopping.set()
        if self.is_alive():
            self.join(_STOP_S)
        process = self._process
        if process is None or process.poll() is not None:
            return
        with suppress(KeyboardInterrupt):
            self._wait_for_answers(process, paid_under_way)
        if process.poll() is None:
            self._end(process)

    def _wait_for_answers(
        self, process: "subprocess.Popen[bytes]", paid_under_way: Callable[[], int]
    ) -> None:
        if not (count := paid_under_way()):
            return
        log.warning("waiting for paid answers: requests=%d; Ctrl-C gives them up", count)
        process.send_signal(signal.SIGINT)  # its workers finish what they do, and take no more
        until = time.monotonic() + _ANSWERS_S
        while process.poll() is None and time.monotonic() < until and paid_under_way():
            time.sleep(LOOK_S)
        with suppress(subprocess.TimeoutExpired):  # the answer is here: what is left is ours
            process.wait(_STOP_S)

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("consumer did not stop in %g s: pid=%s is killed", _STOP_S, process.pid)
            os.killpg(process.pid, signal.SIGKILL)  # with its workers
            process.wait()
