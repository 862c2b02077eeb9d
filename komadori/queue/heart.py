"""The heartbeat of a worker: renews the lease, carries progress, and notices cancels and losses."""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.making import Making
from komadori.errors import LeaseLost
from komadori.queue.ledger import Claim, Ending, Ledger

log = logging.getLogger(__name__)

BEAT_S = 0.2
"""At most five progress reports a second reach the store."""
CANCEL_LOOK_S = 0.6
"""A running step hears of a cancel within this time."""
GIVE_WAY_S = 0.4
"""A step that has been told to stop may take so long to do it."""


class Heart(threading.Thread):
    """One thread for the life of a worker. It sleeps while no step is held.

    Progress comes from the event loop, which must never wait for a lock: it leaves the newest
    report in a slot, and the heart carries it.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(name="heart", daemon=True)
        self._ledger = ledger
        self._holding = threading.Event()
        self._claim: Claim | None = None
        self._on_end: Callable[[str], None] = log.debug
        self._progress: tuple[float, str] | None = None
        self._making: Making | None = None
        self._shown = 0
        self._renew_at = 0.0
        self._look_at = 0.0
        self._give_back_at = math.inf

    def hold(self, claim: Claim, on_end: Callable[[str], None]) -> None:
        """Keep a step alive. `on_end` is called from this thread with "lost" or "cancelled"."""
        now = time.monotonic()
        self._progress = self._making = None
        self._shown = 0
        self._on_end = on_end
        self._renew_at = now + self._ledger.limits.lease_s / 3
        self._look_at = now + CANCEL_LOOK_S
        self._claim = claim
        self._holding.set()

    def let_go(self) -> None:
        """Stop caring for the step that was held."""
        self._claim = None
        self._holding.clear()

    def give_back_soon(self) -> None:
        """Give the held step back unless it ends by itself. May be called from a signal handler."""
        self._give_back_at = time.monotonic() + GIVE_WAY_S

    def report(self, fraction: float, message: str = "") -> None:
        """Leave a progress report; a newer one replaces it."""
        self._progress = (min(max(fraction, 0.0), 1.0), message[:500])

    def describe(self, making: Making) -> None:
        """Leave word of how the picture is made; it goes with the next report."""
        self._making = making

    def show(self) -> None:
        """A new preview is there; it goes with the next report."""
        self._shown += 1

    def run(self) -> None:
        """Beat while a step is held."""
        while True:
            self._holding.wait()
            time.sleep(BEAT_S)
            self.loop()

    def loop(self) -> None:
        """Do one beat."""
        claim = self._claim
        if claim is None:
            return
        try:
            self._beat(claim)
        except SQLAlchemyError as exc:  # busy or away: the lease outlives several beats
            log.warning("heartbeat missed: step=%s reason=%s", claim.step.id, exc)
        except Exception:  # the thread's boundary: without a heart all steps would be lost
            log.exception("heartbeat missed: step=%s", claim.step.id)

    def _beat(self, claim: Claim) -> None:
        now = time.monotonic()
        if now >= self._give_back_at:
            self._give_back(claim)
            return
        progress, self._progress = self._progress, None
        if progress is not None or now >= self._renew_at:
            self._renew_at = now + self._ledger.limits.lease_s / 3
            making, self._making = (self._making, None) if progress else (None, self._making)
            if not self._ledger.renew(claim, progress, making, self._shown):
                self._tell(claim, "lost")
                return
        if now >= self._look_at:
            self._look_at = now + CANCEL_LOOK_S
            if self._ledger.is_cancelling(claim):
                self._tell(claim, "cancelled")

    def _give_back(self, claim: Claim) -> None:
        """Release a step that does not give way over its head: its own end will be dropped."""
        self._give_back_at = math.inf
        with suppress(LeaseLost):  # it has ended in this very moment
            self._ledger.finish(claim, Ending(outcome="released"))
        self.let_go()

    def _tell(self, claim: Claim, why: str) -> None:
        if claim is self._claim:  # else the step has ended meanwhile
            self._on_end(why)
