"""Everything that is seen of one server: its end, its answers, its log, its processor time."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from komadori.domain.servers import ServerState
from komadori.monitors.comfy.hands import Hands
from komadori.monitors.comfy.probe import Look, Probe
from komadori.monitors.comfy.process import Server
from komadori.monitors.comfy.resources import ComputeMeter
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.verdicts import Exit, Verdict
from komadori.monitors.comfy.wedge import Signs, WedgeWatch

_STARTING_LOOK_S = 0.25
_COMPUTE_LOOK_S = 0.2
_DONE = re.compile(r"^Prompt executed in")
_FAILED = re.compile(r"^!!! Exception during processing")


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look has found."""

    exit: Exit | None = None
    is_reboot: bool = False
    look: Look | None = None
    """The answers, if it was asked now."""
    wedge: str = ""
    start_fault: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """How it answered, if it was asked now."""
        return self.look.verdict if self.look is not None else None


@dataclass(slots=True)
class Course:
    """What a server has done since its start."""

    started_at: float
    grew_at: float
    """When its log last grew."""
    prompts: int = 0
    good_prompts: int = 0
    has_failed: bool = False
    """Whether the prompt that runs has failed."""

    def read(self, lines: Collection[str]) -> None:
        """Count the prompts that its log tells of."""
        for line in lines:
            if _FAILED.match(line):
                self.has_failed = True
            elif _DONE.match(line):
                self.prompts += 1
                self.good_prompts += not self.has_failed
                self.has_failed = False


@dataclass(slots=True)
class Eyes:
    """Looks at one server. `hands` is None for a server of others."""

    rules: Rules
    probe: Probe
    hands: Hands | None
    ours: Callable[[], Collection[str]]
    last: Look = field(default_factory=lambda: Look(Verdict.REFUSED))
    """The newest answers that were good, or the first bad ones."""
    course: Course = field(default_factory=lambda: Course(0.0, 0.0))
    seen_at: float | None = None
    """When it last answered well."""
    _asked_at: float = float("-inf")
    _computed_at: float = float("-inf")
    _meter: ComputeMeter = field(default_factory=ComputeMeter)
    _wedge: WedgeWatch = field(init=False)

    def __post_init__(self) -> None:
        self._wedge = self._fresh_wedge()

    def _fresh_wedge(self) -> WedgeWatch:
        return WedgeWatch(self.rules, self.probe.has_ended, self.ours)

    def began_anew(self, now: float) -> None:
        """The server was started, or is looked at for the first time."""
        self._asked_at = float("-inf")
        self._meter = ComputeMeter()
        self._wedge = self._fresh_wedge()
        self.course = Course(now, now)
        self.last = Look(Verdict.REFUSED)

    def glance(self, now: float, state: ServerState) -> Glance:
        """Look once; it is asked when it is time."""
        if self.hands is None:
            return Glance(look=self._asked(now, self.rules.interval_s))
        if self.hands.process is None:
            return Glance()
        if (end := self.hands.exit()) is not None:
            return self._ended(end, self.hands)
        is_starting = state is ServerState.STARTING
        every_s = min(self.rules.interval_s, _STARTING_LOOK_S if is_starting else float("inf"))
        look = self._asked(now, every_s)
        if look is not None and (end := self.hands.exit()) is not None:  # meanwhile
            return self._ended(end, self.hands)
        signs = self._signs(now, look, self.hands.process, is_starting=is_starting)
        wedge = self._wedge.see(signs)
        return Glance(look=look, wedge=wedge, start_fault=self._start_fault(now, is_starting))

    def _ended(self, end: Exit, hands: Hands) -> Glance:
        is_reboot = end.code in (0, None) and hands.place.takes_reboot()
        return Glance(exit=end, is_reboot=is_reboot)

    def _asked(self, now: float, every_s: float) -> Look | None:
        if now - self._asked_at < every_s:
            return None
        self._asked_at = now
        look = self.probe.look()
        if look.verdict is Verdict.OK:
            self.last, self.seen_at = look, now
        return look

    def _signs(self, now: float, look: Look | None, process: Server, *, is_starting: bool) -> Signs:
        has_grown, lines = self.hands.log.read_new() if self.hands is not None else (False, [])
        if has_grown:
            self.course.grew_at = now
        self.course.read(lines)
        return Signs(
            now=now,
            is_starting=is_starting,
            is_frozen=process.is_frozen(),
            verdict=look.verdict if look is not None else None,
            running=self.last.queue.running,
            pending=len(self.last.queue.pending),
            has_log_grown=has_grown,
            log_lines=lines,
            is_computing=self._is_computing(now, process),
        )

    def _is_computing(self, now: float, process: Server) -> bool:
        """Whether its processes compute; asked as often as it is worth the cost."""
        if now - self._computed_at < max(_COMPUTE_LOOK_S, self.rules.interval_s):
            return False
        self._computed_at = now
        process.look_at_tree()
        return self._meter.is_computing(process, now)

    def _start_fault(self, now: float, is_starting: bool) -> str:
        if not is_starting:
            return ""
        silent_s, passed_s = now - self.course.grew_at, now - self.course.started_at
        if silent_s >= self.rules.start_silent_s:
            return f"its start has said nothing for {silent_s:.0f} s"
        if passed_s >= self.rules.start_most_s:
            return f"its start has taken {passed_s:.0f} s"
        return ""
