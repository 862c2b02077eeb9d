"""What is told of a server: its report, moments and incidents; later, if the store is away."""

import logging
from collections import deque
from collections.abc import Callable

from komadori.domain.servers import Incident, Sample, ServerBook, ServerReport
from komadori.errors import StoreAway

log = logging.getLogger(__name__)

_KEPT_SAMPLES_S = 120.0
_UNSENT_MOST = 200


class Diary:
    """One server's pages in the book. What could not be told is told in order when it can be."""

    def __init__(self, book: ServerBook, server: str) -> None:
        self._book = book
        self._server = server
        self._unsent: deque[Callable[[], None]] = deque(maxlen=_UNSENT_MOST)
        self._open: list[str] = []
        self._recent: deque[Sample] = deque()
        self._told: ServerReport | None = None

    def tell(self, report: ServerReport) -> None:
        """Tell how it does. Only the newest report counts."""
        if not self.send():
            return
        try:
            self._book.tell(report)
            self._told = report
        except StoreAway as exc:
            log.debug("report was not stored: server=%s error=%.200s", self._server, exc)

    @property
    def told(self) -> ServerReport | None:
        """What was told last."""
        return self._told

    def add_sample(self, sample: Sample, *, is_kept: bool) -> None:
        """Remember a moment; `is_kept`: and store it."""
        self._recent.append(sample)
        while self._recent and self._recent[0].at < sample.at - _KEPT_SAMPLES_S:
            self._recent.popleft()
        if is_kept:
            self._later(lambda: self._book.add_sample(self._server, sample))

    def note(self, incident: Incident) -> None:
        """Write down what happened, with the moments before."""
        whole = incident.model_copy(update={"samples": tuple(self._recent)})
        logged = log.info if whole.recovered_at is not None else log.warning
        logged(
            "%s: server=%s cause=%s action=%s",
            *(whole.kind.value, self._server, whole.cause, whole.action),
        )
        self._later(lambda: self._store(whole))

    def _store(self, incident: Incident) -> None:
        incident_id = self._book.note(incident)
        if incident.recovered_at is None:
            self._open.append(incident_id)

    def recovered(self, at: float) -> None:
        """It is ready again: all that had happened is over."""
        self._later(lambda: self._close(at))

    def _close(self, at: float) -> None:
        while self._open:
            self._book.recovered(self._open[0], at)
            self._open.pop(0)

    def _later(self, call: Callable[[], None]) -> None:
        self._unsent.append(call)
        self.send()

    def send(self) -> bool:
        """Tell what could not be told before; return whether all is told."""
        try:
            while self._unsent:
                self._unsent[0]()
                self._unsent.popleft()
        except StoreAway as exc:
            log.debug("store is away: untold=%d error=%.200s", len(self._unsent), exc)
            return False
        return True
