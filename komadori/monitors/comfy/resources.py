"""What a server and its machine use: moments for the charts, and the ladder when it is too much.

The ladder: memory is freed, then fewer prompts are sent, then it is started anew between prompts.
"""

from dataclasses import dataclass

import psutil

from komadori.domain.servers import Sample
from komadori.monitors.comfy.probe import Look, Stats
from komadori.monitors.comfy.process import Server
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.verdicts import Verdict
from komadori.settings import ServerLimits

_CPU_BACK_PERCENT = 10.0
_LEAST_CPU_S = 0.03
"""Answering our own probes costs a little: less than this share of a core is no computing."""


class MachineMeter:
    """The machine's use, between two calls."""

    def __init__(self) -> None:
        self._busy, self._all = _cpu_times()

    def cpu_percent(self) -> float | None:
        """Return how busy all cores were since the last call."""
        busy, all_ = _cpu_times()
        spent, passed = busy - self._busy, all_ - self._all
        self._busy, self._all = busy, all_
        return max(0.0, min(100.0, 100.0 * spent / passed)) if passed > 0.05 else None


def _cpu_times() -> tuple[float, float]:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # a guest's time is within the user's
    all_ = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return all_ - idle, all_


class ComputeMeter:
    """Whether the processes of a server compute."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._used = 0.0

    def is_computing(self, server: Server, now: float) -> bool:
        """Whether they have used the processor since the last call, beyond answering probes."""
        used = server.cpu_s()
        at, self._at = self._at, now
        before, self._used = self._used, used
        if at is None or now <= at:
            return True
        return (used - before) / (now - at) > _LEAST_CPU_S


def take_sample(
    now: float, look: Look, server: Server | None, meter: MachineMeter, restarts: int
) -> Sample:
    """Return the present moment of a server."""
    return Sample(
        at=now,
        ram_percent=_ram_percent(look.stats, is_here=server is not None),
        rss=server.memory() if server is not None else None,
        cpu_percent=meter.cpu_percent() if server is not None else None,
        vram_percent=vram_percent(look.stats),
        queue=look.queue.remaining if look.verdict is Verdict.OK else None,
        restarts=restarts,
    )


def _ram_percent(stats: Stats, *, is_here: bool) -> float | None:
    if is_here:
        return float(psutil.virtual_memory().percent)
    if not stats.ram_total:
        return None
    return 100.0 * (stats.ram_total - stats.ram_free) / stats.ram_total


def vram_percent(stats: Stats) -> float | None:
    """Return how full the fullest GPU is; None: there is none, or it was not told."""
    if stats.is_on_cpu:
        return None
    used = [1 - one.vram_free / one.vram_total for one in stats.devices if one.vram_total]
    return 100.0 * max(used) if used else None


@dataclass(frozen=True, slots=True)
class Relief:
    """What is to be done about too much use. Empty texts: nothing."""

    free: str = ""
    """Why memory is to be freed now."""
    restart: str = ""
    """Why it is to be started anew between prompts."""


class Pressure:
    """Follows the use of one server against the limits."""

    def __init__(self, limits: ServerLimits, rules: Rules, *, ram_total: int | None = None) -> None:
        self._limits = limits
        self._rules = rules
        self._ram_total = ram_total or int(psutil.virtual_memory().total)
        self._since: dict[str, float] = {}
        self._freed_at: dict[str, float] = {}
        self._restart_at = float("-inf")
        self._has_asked = False
        self.is_cpu_high = False
        self.is_memory_high = False

    @property
    def at_once(self) -> int:
        """How many prompts the server may have."""
        return 1 if self.is_cpu_high or self.is_memory_high else 2

    def began_anew(self, now: float) -> None:
        """The server was started anew: what it had is gone."""
        if self._has_asked:
            self._restart_at = now
        self._since.clear()
        self._freed_at.clear()
        self.is_memory_high = self._has_asked = False

    def see(self, sample: Sample, *, is_idle: bool) -> Relief:
        """Take in a moment; return what to do now. VRAM that a prompt uses is no reason."""
        self._see_cpu(sample)
        self.is_memory_high = False
        ram = self._climb("RAM", sample, sample.ram_percent, self._limits.memory_percent)
        if ram.free or ram.restart:
            return ram
        vram = sample.vram_percent if is_idle else None
        return self._climb("VRAM", sample, vram, self._limits.vram_percent)

    def _see_cpu(self, sample: Sample) -> None:
        limit = self._limits.cpu_percent - (_CPU_BACK_PERCENT if self.is_cpu_high else 0)
        is_over = sample.cpu_percent is not None and sample.cpu_percent >= limit
        if self._has_held("CPU", sample.at, holds=is_over != self.is_cpu_high):
            self.is_cpu_high = is_over
            self._since.pop("CPU", None)

    def _climb(self, what: str, sample: Sample, percent: float | None, limit: float) -> Relief:
        """Go one step up the ladder."""
        is_over = percent is not None and percent >= limit
        if percent is None or not self._has_held(what, sample.at, holds=is_over):
            return Relief()
        reason = f"{what} is at {percent:.0f} %, over the limit of {limit:.0f} %"
        freed_at = self._freed_at.get(what)
        if freed_at is None or sample.at - freed_at > self._rules.relief_again_s:
            self._freed_at[what] = sample.at
            return Relief(free=reason)
        if sample.at - freed_at < self._rules.free_takes_s:
            return Relief()
        self.is_memory_high = True
        is_rested = sample.at - self._restart_at > self._rules.relief_again_s
        if is_rested and self._would_help(what, sample, limit):
            self._has_asked = True
            return Relief(restart=f"{reason}, also after its memory was freed")
        return Relief()

    def _would_help(self, what: str, sample: Sample, limit: float) -> bool:
        """Whether the machine would be under its limit without this server."""
        if what == "VRAM":
            return True
        share = 100.0 * (sample.rss or 0) / self._ram_total
        return (sample.ram_percent or 0.0) - share < limit

    def _has_held(self, what: str, now: float, *, holds: bool) -> bool:
        if not holds:
            self._since.pop(what, None)
            return False
        return now - self._since.setdefault(what, now) >= self._rules.holds_s
