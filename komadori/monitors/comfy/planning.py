"""Restarts that are planned: for a leak, after so many prompts or hours, for memory over its limit.

They happen between prompts. A leak's waits for a gap; the others stop new prompts at once.
"""

import time
from dataclasses import dataclass

from komadori.monitors.comfy.trend import HOUR_S, Leak
from komadori.settings import ComfySettings

GAP_S = 60.0
"""Nothing to do for so long is a gap."""
_HORIZON_S = 12 * HOUR_S
_URGENT_S = 900.0
_IDLE_LOOKS = 2
BETWEEN = "restart between prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a server has run so far."""

    now: float
    started_at: float
    prompts: int
    idle_since: float | None
    """Since when nothing of anybody runs or waits there."""
    backlog: int = 0
    leak: Leak | None = None
    relief: str = ""
    """Why its memory makes a restart necessary."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is planned."""

    text: str = ""
    """For people."""
    reason: str = ""
    drains: bool = False
    """Whether it takes no new prompts until then."""
    is_due: bool = False
    """Whether now is the moment."""


class Planner:
    """Plans the restarts of one server."""

    def __init__(self, settings: ComfySettings) -> None:
        self._prompts = settings.recycle_after_prompts
        self._hours = settings.recycle_after_hours
        self._relief = ""
        self._idle_looks = 0

    def began_anew(self) -> None:
        """The server was started anew."""
        self._relief = ""
        self._idle_looks = 0

    def see(self, course: Course) -> Plan:
        """Return what is planned now."""
        self._relief = course.relief or self._relief
        self._idle_looks = self._idle_looks + 1 if course.idle_since is not None else 0
        if reason := self._relief or self._age(course):
            is_due = self._idle_looks >= _IDLE_LOOKS
            return Plan(f"{BETWEEN}: {reason}", reason, drains=True, is_due=is_due)
        return self._for_leak(course)

    def _age(self, course: Course) -> str:
        if self._prompts is not None and course.prompts >= self._prompts:
            return f"it has done {course.prompts} prompts"
        hours = (course.now - course.started_at) / HOUR_S
        if self._hours is not None and hours >= self._hours:
            return f"it has run for {hours:.3g} hours"
        return ""

    def _for_leak(self, course: Course) -> Plan:
        leak = course.leak
        if leak is None or leak.reaches_early_at - course.now > _HORIZON_S:
            return Plan()
        growth = f"its memory grows by {leak.megabytes_per_hour:.0f} MB an hour"
        if leak.reaches_early_at - course.now < _URGENT_S:
            is_due = self._idle_looks >= _IDLE_LOOKS
            return Plan(f"{BETWEEN}: {growth}", growth, drains=True, is_due=is_due)
        at = time.strftime("%H:%M", time.localtime(leak.reaches_early_at))
        is_gap = course.idle_since is not None and course.now - course.idle_since >= GAP_S
        text = f"restart in a gap before {at}, {growth}"
        return Plan(text, growth, is_due=is_gap and course.backlog == 0)
