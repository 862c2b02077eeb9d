"""A server of others that a worker saw stuck: it is not ours to restart, but it may be spared."""

from collections.abc import Sequence
from dataclasses import dataclass

from komadori.domain.servers import Incident
from komadori.monitors.comfy.probe import Look
from komadori.monitors.comfy.verdicts import Verdict

NOT_OURS = "it is not ours to restart: restart it; it gets no new prompts until then"


@dataclass(slots=True)
class Blame:
    """What one server is accused of, until it is seen to do something."""

    reason: str = ""
    _running: tuple[str, ...] = ()
    _boot: int = 0

    def accuse(self, reason: str, running: tuple[str, ...], boot: int) -> bool:
        """Take an accusation in; return whether it is news."""
        is_news = not self.reason
        self.reason, self._running, self._boot = reason, running, boot
        return is_news

    def recall(self, incidents: Sequence[Incident], boot: int) -> None:
        """Take over what an earlier supervisor wrote down, newest first, and saw no end of."""
        for incident in incidents:
            if incident.action == NOT_OURS and incident.recovered_at is None:
                self.accuse(incident.cause, incident.prompts, boot)
                return

    def see(self, look: Look | None, boot: int) -> bool:
        """Take in a look; return whether it is cleared by it.

        An empty queue clears it, too: nothing in it could ever move again.
        """
        if not self.reason or look is None or look.verdict is not Verdict.OK:
            return False
        queue = look.queue
        if boot == self._boot and queue.remaining and queue.running == self._running:
            return False
        self.reason = ""
        return True
