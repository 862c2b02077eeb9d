"""Prompts of ours that nobody waits for: stopped where they are, by their id, and no others."""

import logging

from komadori.domain.servers import ServerBook
from komadori.monitors.comfy.probe import Probe, Queue, may_interrupt_by_id

log = logging.getLogger(__name__)

_GONE_LOOKS = 2


class Orphans:
    """Stops the orphans of one server."""

    def __init__(self, book: ServerBook, probe: Probe, server: str) -> None:
        self._book = book
        self._probe = probe
        self._server = server
        self._gone: dict[str, int] = {}

    def stop(self, queue: Queue, version: str) -> None:
        """Stop what the store names, as the queue was seen a moment ago."""
        orphans = self._book.orphans(self._server)
        self._gone = {one: self._gone.get(one, 0) for one in orphans}
        for prompt_id in orphans:
            if prompt_id in queue.pending:
                log.info("orphan is taken out: server=%s prompt=%s", self._server, prompt_id)
                self._probe.delete(prompt_id)
            elif prompt_id in queue.running:
                self._interrupt(prompt_id, version)
            else:
                self._count_gone(prompt_id)

    def _interrupt(self, prompt_id: str, version: str) -> None:
        if may_interrupt_by_id(version):
            log.info("orphan is interrupted: server=%s prompt=%s", self._server, prompt_id)
            self._probe.interrupt(prompt_id)
        else:  # it would interrupt whoever runs in that moment
            log.debug("orphan is let finish: server=%s version=%s", self._server, version)

    def _count_gone(self, prompt_id: str) -> None:
        """It may be on its way still: gone is what was not there twice."""
        self._gone[prompt_id] += 1
        if self._gone[prompt_id] >= _GONE_LOOKS:
            self._probe.forget(prompt_id)
            self._book.orphan_ended(prompt_id)
