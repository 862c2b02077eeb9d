"""One supervisor a server: the lease that says who it is, and the store's clock."""

import logging
import time

from komadori.domain.servers import ServerBook
from komadori.errors import KomadoriError, StoreAway

log = logging.getLogger(__name__)


class NotOurs(KomadoriError):
    """Another supervisor watches this server now; nothing may be done to it."""


class Lease:
    """Says whether we are the one who may act on a server.

    A supervisor that was frozen wakes up with its old belief: so the store is asked again right
    before anything is done. While the store is away, the lease counts until it would have run out.
    """

    def __init__(self, book: ServerBook, server: str, owner: str, lease_s: float) -> None:
        self._book = book
        self._server = server
        self._owner = owner
        self._lease_s = lease_s
        self._until = float("-inf")
        self._asked_at = float("-inf")
        self.is_held = False
        self._is_away = False
        self.is_unknown = False
        """Whether the store is away, and it ran out meanwhile: nobody can say whose it is."""

    def hold(self) -> bool:
        """Take or renew it when it is time; return whether it is ours."""
        now = time.monotonic()
        if self.is_held and now < self._until and now - self._asked_at < self._lease_s / 3:
            return True
        self.is_held = self._ask(now)
        return self.is_held

    def make_sure(self) -> None:
        """Ask the store, now.

        Raises:
            NotOurs: it is another's.
        """
        self.is_held = self._ask(time.monotonic())
        if not self.is_held:
            raise NotOurs(f"server {self._server} is watched by another supervisor")

    def _ask(self, now: float) -> bool:
        self._asked_at = now
        try:
            is_ours = self._book.take(self._server, self._owner, self._lease_s)
        except StoreAway as exc:
            if not self._is_away:  # said once, not four times a second
                log.warning("store is away: server=%s error=%.200s", self._server, exc)
            self._is_away = True
            is_left = time.monotonic() < self._until
            self.is_unknown = not is_left
            return is_left
        self.is_unknown = self._is_away = False
        if is_ours:
            self._until = now + self._lease_s  # from before the question: the store's is longer
        return is_ours

    def leave(self) -> None:
        """Give it up, so that another may take it at once."""
        self.is_unknown = False
        if self.is_held:
            self.is_held = False
            try:
                self._book.leave(self._server, self._owner)
            except StoreAway:
                log.warning("lease was not given up: server=%s; it runs out", self._server)


class StoreClock:
    """The store's time, also between two questions and while it is away."""

    _AGAIN_S = 30.0

    def __init__(self, book: ServerBook) -> None:
        self._book = book
        self._ahead = time.time() - time.monotonic()
        self._asked_at = float("-inf")

    def now(self) -> float:
        """Return seconds since the epoch."""
        now = time.monotonic()
        if now - self._asked_at > self._AGAIN_S:
            self._asked_at = now
            try:
                self._ahead = self._book.now() - time.monotonic()
            except StoreAway:
                log.debug("the store's clock was not asked")
        return time.monotonic() + self._ahead
