"""Finds out that a server which lives will do nothing any more. Slow and busy is not stuck."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.verdicts import Verdict

_FROZEN_LOOKS = 2
_ENDED_LOOKS = 2
_GPU_ERRORS_MOST = 2

# The thread that runs prompts died: everything still answers, and nothing runs (ComfyUI #10514).
_WORKER_DIED = re.compile(r"Exception in thread .*prompt_worker")
# As Python prints an error, not as somebody mentions one. Out of memory is no broken GPU.
_GPU_BROKEN = re.compile(
    r"^(?:!!! Exception during processing !!! |(?:[\w.]*(?:RuntimeError|AcceleratorError)): )"
    r"(?!.*out of memory)"
    r".*(?:illegal memory access|device-side assert|unspecified launch failure"
    r"|CUDA error|cuDNN error|CUBLAS_STATUS|HIP error)"
)
_PROMPT_ENDED = re.compile(r"^Prompt executed in\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Signs of life of one server at one moment."""

    now: float
    is_starting: bool = False
    is_frozen: bool = False
    verdict: Verdict | None = None
    """None: it was not asked at this moment."""
    running: tuple[str, ...] = ()
    pending: int = 0
    has_log_grown: bool = False
    log_lines: Sequence[str] = ()
    is_computing: bool = False
    """Whether its processes have used the processor since the last look."""


@dataclass(slots=True)
class WedgeWatch:
    """Keeps the signs of one server since its start."""

    rules: Rules
    has_ended: Callable[[str], bool]
    """Whether the server's history says that a prompt is over."""
    ours: Callable[[], Collection[str]]
    """The prompts of ours that should be there."""
    _frozen_looks: int = 0
    _moved_at: float | None = None
    """When something was last seen to move: a log, a prompt, a process that computes."""
    _silent_since: float | None = None
    _sick_since: float | None = None
    _idle_pending_since: float | None = None
    _running: tuple[str, ...] = ()
    _ended_looks: int = 0
    _asked_at: float = 0.0
    _is_worker_dead: bool = False
    _gpu_errors: int = 0
    _is_gpu_error_counted: bool = field(default=False)

    def see(self, signs: Signs) -> str:
        """Return why it will do nothing any more; empty: it may."""
        self._read(signs.log_lines)
        self._note_movement(signs)
        reasons = (self._frozen, self._log_reason, self._silent, self._sick, self._worker_dead)
        for find in reasons:
            if reason := find(signs):
                return reason
        return self._prompt_silent(signs)

    def _read(self, lines: Sequence[str]) -> None:
        for line in lines:
            if _WORKER_DIED.search(line):
                self._is_worker_dead = True
            elif _PROMPT_ENDED.match(line):
                if not self._is_gpu_error_counted:
                    self._gpu_errors = 0
                self._is_gpu_error_counted = False
            elif _GPU_BROKEN.match(line) and not self._is_gpu_error_counted:
                self._gpu_errors += 1  # one prompt prints its error twice
                self._is_gpu_error_counted = True

    def _note_movement(self, signs: Signs) -> None:
        is_new = signs.verdict is Verdict.OK and signs.running != self._running
        if is_new:
            self._running = signs.running
            self._ended_looks = 0
        if self._moved_at is None or is_new or signs.has_log_grown or signs.is_computing:
            self._moved_at = signs.now

    def _still_s(self, now: float) -> float:
        return now - (self._moved_at if self._moved_at is not None else now)

    def _frozen(self, signs: Signs) -> str:
        self._frozen_looks = self._frozen_looks + 1 if signs.is_frozen else 0
        is_it = self._frozen_looks >= _FROZEN_LOOKS
        return "its process is stopped (frozen) and answers nothing" if is_it else ""

    def _log_reason(self, signs: Signs) -> str:
        del signs
        if self._is_worker_dead:
            return "the thread that runs its prompts died (its log says so); it only looks healthy"
        if self._gpu_errors >= _GPU_ERRORS_MOST:
            return "its GPU is in a broken state: prompt after prompt fails with a CUDA error"
        return ""

    def _silent(self, signs: Signs) -> str:
        """Nothing but timeouts. A node that holds the interpreter computes meanwhile."""
        if signs.verdict is not None:
            is_timeout = signs.verdict is Verdict.TIMEOUT
            self._silent_since = _since(self._silent_since, signs.now, holds=is_timeout)
        if self._silent_since is None:
            return ""
        silent_s = min(signs.now - self._silent_since, self._still_s(signs.now))
        if silent_s < self.rules.wedge_s:
            return ""
        return f"it has answered nothing and done nothing for {silent_s:.0f} s"

    def _sick(self, signs: Signs) -> str:
        """Errors only, or a closed port though it has started and lives."""
        if signs.verdict is not None:
            is_sick = signs.verdict in self._sick_verdicts(signs)
            self._sick_since = _since(self._sick_since, signs.now, holds=is_sick)
        if self._sick_since is None or signs.now - self._sick_since < self.rules.wedge_s:
            return ""
        return f"it has not answered but with errors for {signs.now - self._sick_since:.0f} s"

    @staticmethod
    def _sick_verdicts(signs: Signs) -> frozenset[Verdict]:
        """While it starts its port is closed; that is no sickness."""
        closed = frozenset[Verdict]() if signs.is_starting else frozenset({Verdict.REFUSED})
        return closed | {Verdict.HTTP_ERROR}

    def _worker_dead(self, signs: Signs) -> str:
        """The prompts' thread is dead behind answers that look healthy."""
        if signs.verdict is not Verdict.OK:
            return ""
        is_idle = signs.pending > 0 and not signs.running
        self._idle_pending_since = _since(self._idle_pending_since, signs.now, holds=is_idle)
        if self._idle_pending_since is not None:
            idle_s = signs.now - self._idle_pending_since
            if idle_s >= self.rules.idle_pending_s:
                return f"{signs.pending} prompts wait and none runs for {idle_s:.0f} s"
        return self._ended_but_running(signs)

    def _ended_but_running(self, signs: Signs) -> str:
        """A prompt is in the history and still said to run: whoever should end it is dead."""
        look_s = self.rules.idle_pending_s / 3
        is_due = signs.now - self._asked_at >= look_s and self._still_s(signs.now) >= look_s
        if not signs.running or not is_due:
            return ""
        self._asked_at = signs.now
        is_over = self.has_ended(signs.running[0])
        self._ended_looks = self._ended_looks + 1 if is_over else 0
        if self._ended_looks < _ENDED_LOOKS:
            return ""
        return "a prompt that has ended is still said to run: the thread that runs prompts is dead"

    def _prompt_silent(self, signs: Signs) -> str:
        still_s = self._still_s(signs.now)
        if not self._running or still_s < self.rules.silent_limit_s:
            return ""
        if not set(self._running) & set(self.ours()):
            return ""  # somebody else's: it is not ours to end
        return f"a prompt of ours runs without any sign of life for {still_s:.0f} s"


def _since(since: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if since is None else since
