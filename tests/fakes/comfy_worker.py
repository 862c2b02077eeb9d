"""The thread of the fake ComfyUI that executes prompts: it can be lost while HTTP goes on."""

import logging
import threading
import time
import traceback
from collections import OrderedDict
from typing import Any

from tests.fakes.comfy_acts import CUDA_MESSAGE, CUDA_TYPE, act_in_prompt
from tests.fakes.comfy_books import Books
from tests.fakes.comfy_faults import Faults
from tests.fakes.comfy_files import Folders
from tests.fakes.comfy_nodes import Catalog
from tests.fakes.comfy_queue import PromptQueue
from tests.fakes.comfy_run import Cache, Interrupted, NodeFailed, Run
from tests.fakes.comfy_sockets import Hub

log = logging.getLogger("fake.comfy")

_MB = 1024 * 1024


class Worker(threading.Thread):
    """Executes the queue's prompts, one after the other."""

    def __init__(
        self,
        queue: PromptQueue,
        hub: Hub,
        catalog: Catalog,
        folders: Folders,
        faults: Faults,
        books: Books,
        *,
        step_s: float,
        node_s: float,
        history_lag_s: float,
        keeps: bool,
        has_metadata: bool,
        hides_cached: bool,
    ) -> None:
        super().__init__(name="Thread-12 (prompt_worker)", daemon=True)
        self.hub, self.catalog, self.folders = hub, catalog, folders
        self.has_metadata, self.hides_cached = has_metadata, hides_cached
        self.cache: Cache = OrderedDict()
        self.is_poisoned = False
        self.leaked: list[bytearray] = []
        self.shown_leak = 0
        self._queue, self._faults, self._books = queue, faults, books
        self._step_s, self._node_s, self._history_lag_s = step_s, node_s, history_lag_s
        self._keeps = keeps
        self._nth = 0
        self._interrupt = threading.Event()

    def interrupt(self) -> None:
        """Interrupt whatever runs, at its next step or node."""
        self._interrupt.set()

    def run(self) -> None:
        """Execute prompts until one of them ends the thread."""
        while True:
            taken = self._queue.get()
            if taken is not None:
                self._execute(*taken)
            self._obey(self._queue.take_flags())

    def _execute(self, item: Any, key: int) -> None:
        _, prompt_id, prompt, extra, wanted = item
        began = time.perf_counter()
        self._interrupt.clear()
        self._nth += 1
        run = Run(self, self._nth, prompt_id, prompt, extra, wanted)
        self._books.note("began", **run.facts)
        if not self._keeps:
            self.cache.clear()
        run.go()
        self._note_end(run)
        self.reach("success", run)
        self._lag()
        self._leak()
        is_kept = not self._faults.take_one("no_history", "history")
        self._queue.done(key, run.result, run.status if is_kept else None)
        if self.hub.client_id is not None:
            told = {"node": None, "prompt_id": prompt_id}
            self.hub.tell("executing", told, self.hub.client_id)
        log.info("Prompt executed in %.2f seconds", time.perf_counter() - began)
        self.reach("done", run)

    def _note_end(self, run: Run) -> None:
        status = "success" if run.is_success else "error"
        status = "interrupted" if run.is_interrupted else status
        self._books.note("ended", **run.facts, status=status)

    def _lag(self) -> None:
        order = self._faults.take_one("history_lag", "history_lag")
        time.sleep(order.get("seconds", 1) if order else self._history_lag_s)

    def _leak(self) -> None:
        for order in self._faults.take("prompt_end"):
            size = int(order.get("mb", 0) * _MB)
            lost = bytearray(size)
            for place in range(0, size, 4096):  # a page that was never touched is no memory
                lost[place] = 1
            self.leaked.append(lost)
            self.shown_leak += int(order.get("shown_mb", order.get("mb", 0)) * _MB)

    def _obey(self, flags: dict[str, bool]) -> None:
        if not flags:
            return
        if flags.get("free_memory"):
            self.cache.clear()
        if any(order.get("heals") for order in self._faults.take("prompt_end")):
            self.leaked.clear()
            self.shown_leak = 0
        self._faults.heal(by_free=True)
        self._books.note("freed", **flags)

    # what a run needs

    def pause(self, seconds: float) -> None:
        """Work: a step's time, a node's (0), or a time that is given."""
        slow = self._faults.take_one("slow", "pace")
        usual = self._step_s if seconds < 0 else self._node_s
        if slow:
            usual = usual * slow.get("factor", 10) + (slow.get("node_s", 0) if not seconds else 0)
        time.sleep(seconds if seconds > 0 else usual)

    def check_interrupted(self) -> None:
        """Raise if the prompt is interrupted."""
        if self._interrupt.is_set():
            self._interrupt.clear()
            raise Interrupted
        if self.is_poisoned:
            raise NodeFailed(CUDA_TYPE, CUDA_MESSAGE)

    def reach(self, point: str, run: Run) -> None:
        """Come to a point where faults may wait."""
        facts = {"text": run.text, "nth": run.nth, "prompt_id": run.prompt_id}
        for order in self._faults.take(point, **facts):
            self._books.note("fault", order=order, id=run.prompt_id)
            act_in_prompt(order, self.check_interrupted, self._poison)

    def _poison(self) -> None:
        self.is_poisoned = True

    def wrote(self, run: Run, ui: dict[str, Any]) -> None:
        """Note what was written."""
        for file in ui.get("images", []):
            name = "/".join(part for part in (file["subfolder"], file["filename"]) if part)
            self._books.note("wrote", id=run.prompt_id, file=name, kind=file["type"])

    def log_failure(self, exc: Exception) -> None:
        """Log what a node has raised."""
        log.error("!!! Exception during processing !!! %s", exc)
        log.error("%s", "".join(traceback.format_exception(exc)))
        if isinstance(exc, NodeFailed) and "OutOfMemory" in exc.kind:
            log.error("Got an OOM, unloading all loaded models.")
