"""What of the workflows a server can run, by its own descriptions of its node classes."""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from komadori.backends.comfy.checks import check_against
from komadori.backends.comfy.folder import load_workflows
from komadori.backends.comfy.forms import form_of
from komadori.backends.comfy.nodes import NodeInfo, parse_nodes
from komadori.backends.comfy.workflow import Workflow
from komadori.domain.servers import Offer
from komadori.monitors.comfy.probe import Probe, Unanswered

log = logging.getLogger(__name__)


def find_offers(probe: Probe, folder: Path) -> Mapping[str, Offer]:
    """Ask a server for the classes that the folder's workflows need, and check each workflow.

    Raises:
        Unanswered: it did not answer all of it.
    """
    workflows = load_workflows(folder).workflows
    wanted = sorted({name for workflow in workflows for name in workflow.classes})
    described: dict[str, Any] = {}
    for name in wanted:
        described.update(probe.describe(name))
    nodes = parse_nodes(described)
    return {workflow.name: _offer(workflow, nodes) for workflow in workflows}


def _offer(workflow: Workflow, nodes: Mapping[str, NodeInfo]) -> Offer:
    faults = check_against(workflow, nodes)
    if faults:
        return Offer(fault=faults[0].sentence)
    fields = (field.model_dump(mode="json") for field in form_of(workflow, nodes))
    return Offer(fields=tuple(fields))


class OffersLook:
    """Asks in a thread of its own: many classes at a busy server take longer than a probe may."""

    def __init__(self, url: str, timeout_s: float, folder: Path, every_s: float) -> None:
        self._probe = Probe(url, timeout_s)
        self._folder = folder
        self._every_s = every_s
        self._thread: threading.Thread | None = None
        self._asked_at = float("-inf")
        self._lock = threading.Lock()
        self._turn = 0
        self._found: Mapping[str, Offer] = {}

    @property
    def found(self) -> Mapping[str, Offer]:
        """What was found last, maybe before its last start."""
        with self._lock:
            return self._found

    def remember(self, known: Mapping[str, Offer]) -> None:
        """Take over what an earlier supervisor has found: it counts until it is asked anew."""
        with self._lock:
            if known:
                self._found = known

    def began_anew(self) -> None:
        """It was started anew, and may have other nodes and models."""
        with self._lock:
            self._turn += 1
        self._asked_at = float("-inf")

    def ask(self, now: float) -> None:
        """Ask if it is time. Returns at once."""
        is_asking = self._thread is not None and self._thread.is_alive()
        if is_asking or now - self._asked_at < self._every_s:
            return
        self._asked_at = now
        self._thread = threading.Thread(
            target=self._ask, args=(self._turn,), name="comfy-offers", daemon=True
        )
        self._thread.start()

    def _ask(self, turn: int) -> None:
        try:
            found = find_offers(self._probe, self._folder)
        except Unanswered as exc:
            log.info("offers not known yet: url=%s error=%s", self._probe.url, exc)
            self._asked_at = float("-inf")
            return
        except Exception:  # of a thread: a workflow that confuses the check must not end the rest
            log.exception("offers cannot be checked: url=%s", self._probe.url)
            return
        finally:
            self._probe.close()
        with self._lock:
            if turn == self._turn and found:
                self._found = found

    def stop(self, within_s: float) -> None:
        """End the thread."""
        self._probe.cut()
        if self._thread is not None:
            self._thread.join(within_s)
