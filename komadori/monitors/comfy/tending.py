"""What is done for a server that answers: orphans, moments, memory, plans, its workflows."""

import logging
from dataclasses import dataclass, field

import psutil

from komadori.domain.servers import Incident, IncidentKind, Sample, ServerBook
from komadori.monitors.comfy.diary import Diary
from komadori.monitors.comfy.eyes import Eyes
from komadori.monitors.comfy.offers import OffersLook
from komadori.monitors.comfy.orphans import Orphans
from komadori.monitors.comfy.planning import Course, Plan, Planner
from komadori.monitors.comfy.resources import MachineMeter, Pressure, take_sample
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.trend import Leak, find_leak
from komadori.settings import ComfySettings

log = logging.getLogger(__name__)

_LEAK_LOOK_S = 60.0
_LEAK_OVER_S = 6 * 3600.0


@dataclass(slots=True)
class Tending:
    """Tends one server between its prompts."""

    name: str
    book: ServerBook
    diary: Diary
    eyes: Eyes
    settings: ComfySettings
    rules: Rules
    offers: OffersLook
    plan: Plan = field(default_factory=Plan)
    _pressure: Pressure = field(init=False)
    _planner: Planner = field(init=False)
    _orphans: Orphans = field(init=False)
    _meter: MachineMeter = field(default_factory=MachineMeter)
    _sampled_at: float = float("-inf")
    _idle_since: float | None = None
    _is_unloaded: bool = True
    _leak: Leak | None = None
    _leak_looked_at: float = float("-inf")
    _relief: str = ""

    def __post_init__(self) -> None:
        self._pressure = Pressure(self.settings.limits, self.rules)
        self._planner = Planner(self.settings)
        self._orphans = Orphans(self.book, self.eyes.probe, self.name)

    @property
    def at_once(self) -> int:
        """How many prompts it may have."""
        return self._pressure.at_once

    @property
    def idle_since(self) -> float | None:
        """Since when nothing runs or waits there."""
        return self._idle_since

    def began_anew(self, now: float) -> None:
        """It was started anew."""
        self._pressure.began_anew(now)
        self._planner.began_anew()
        self.offers.began_anew()
        self.plan = Plan()
        self._leak, self._relief = None, ""
        self._idle_since, self._is_unloaded = None, True

    def sample(self, now: float, restarts: int) -> None:
        """Keep a moment when it is time, whether it answers or not."""
        if now - self._sampled_at < self.rules.sample_s:
            return
        self._sampled_at = now
        hands = self.eyes.hands
        process = hands.process if hands is not None else None
        sample = take_sample(now, self.eyes.last, process, self._meter, restarts)
        self.diary.add_sample(sample, is_kept=True)
        if hands is not None and process is not None:
            hands.log.cut()
            self._relieve(sample)

    def tend(self, now: float) -> None:
        """Do what is to be done after a good look. Raises StoreAway."""
        queue = self.eyes.last.queue
        self._note_idle(now, queue.remaining)
        self.offers.ask(now)
        self._unload(now)
        if self.eyes.hands is not None:
            self._look_for_leak(now)
            self.plan = self._planner.see(self._course(now))
        self._orphans.stop(queue, self.eyes.last.stats.version)

    def _note_idle(self, now: float, remaining: int) -> None:
        if remaining:
            self._idle_since, self._is_unloaded = None, False
        elif self._idle_since is None:
            self._idle_since = now

    def _unload(self, now: float) -> None:
        """Give the GPU's memory back when there is nothing to do for long."""
        minutes = self.settings.unload_after_minutes
        if minutes is None or self._is_unloaded or self._idle_since is None:
            return
        if now - self._idle_since >= minutes * 60 and self.eyes.probe.free(drop_cache=False):
            self._is_unloaded = True
            log.info("models unloaded: server=%s idle for %g minutes", self.name, minutes)

    def _relieve(self, sample: Sample) -> None:
        """Do something about memory over its limit."""
        relief = self._pressure.see(sample, is_idle=self._idle_since is not None)
        if relief.free:
            is_done = self.eyes.probe.free(drop_cache=True)
            action = "its models and cache are freed" if is_done else "it could not be told to free"
            self._note(IncidentKind.FREED, sample.at, relief.free, action)
        self._relief = relief.restart

    def free(self, now: float, by: str) -> None:
        """Free its memory, as somebody wants."""
        is_done = self.eyes.probe.free(drop_cache=True)
        action = "its models and cache are freed" if is_done else "it did not answer"
        self._note(IncidentKind.FREED, now, by, action)

    def _note(self, kind: IncidentKind, now: float, cause: str, action: str) -> None:
        self.diary.note(
            Incident(
                server=self.name, kind=kind, at=now, cause=cause, action=action, recovered_at=now
            )
        )

    def _look_for_leak(self, now: float) -> None:
        if now - self._leak_looked_at < _LEAK_LOOK_S:
            return
        self._leak_looked_at = now
        since = max(self.eyes.course.started_at, now - _LEAK_OVER_S)
        moments = [
            (one.at, float(one.rss))
            for one in self.book.samples(self.name, since)
            if one.rss is not None
        ]
        memory = psutil.virtual_memory()
        used = memory.total - memory.available
        room = memory.total * self.settings.limits.memory_percent / 100 - used
        self._leak = find_leak(moments, room)

    def _course(self, now: float) -> Course:
        leak = self._leak
        return Course(
            now=now,
            started_at=self.eyes.course.started_at,
            prompts=self.eyes.course.prompts,
            idle_since=self._idle_since,
            backlog=self.book.backlog() if leak is not None else 0,
            leak=leak,
            relief=self._relief,
        )
