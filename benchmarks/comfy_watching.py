"""What watching costs: the watch's own use, and what the servers notice of it."""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from comfy_overhead import ran_s
from comfy_servers import Server, by_hand, make_servers
from comfy_stage import Stage, stage

_OPTIONS = ("--step-seconds", "0")
_FEW, _MANY = "1 server", "4 servers"
_SETTLE_S = 5.0
_ROUND_S = 7.0
"""Some prompts of each in turns, and some probes meanwhile."""


def watching(window_s: float, rounds: int) -> dict[str, Any]:
    """Watch idle servers for so long, then have prompts run watched and not, in turns."""
    with ExitStack() as stack:
        few = {"a": _OPTIONS}
        many = dict.fromkeys("abcd", _OPTIONS)
        stages = {
            _FEW: stack.enter_context(stage(few, workers=0, is_counted=True)),
            _MANY: stack.enter_context(stage(many, workers=0, is_counted=True)),
        }
        folder = stack.enter_context(
            TemporaryDirectory(prefix="komadori-comfy-", ignore_cleanup_errors=True)
        )
        (alone,) = make_servers(Path(folder), few)
        stack.enter_context(by_hand(alone))
        idle = _idle(stages, window_s)
        return idle | {"slowdown": _slowdown(stages[_FEW].servers["a"], alone, rounds)}


def _idle(stages: Mapping[str, Stage], window_s: float) -> dict[str, Any]:
    time.sleep(_SETTLE_S)
    asked = {name: _asked(one) for name, one in stages.items()}
    before = {name: _cpu_s(one) for name, one in stages.items()}
    began = time.monotonic()
    time.sleep(window_s)
    took = time.monotonic() - began
    found = {}
    for name, one in stages.items():
        new = _asked(one) - asked[name]
        used = _cpu_s(one) - before[name]
        servers = len(one.servers)
        found[name] = {
            "cpu_s_per_hour": round(3600 * used / took, 1),
            "cpu_percent_of_a_core": round(100 * used / took, 2),
            "pss_mb": round(_pss_mb(one), 1),
            "requests_per_server_and_minute": {
                path: round(60 * count / took / servers, 1) for path, count in sorted(new.items())
            },
            "descriptions_asked_at_the_start": asked[name]["object_info"] // servers,
        }
    return found


def _asked(opened: Stage) -> Counter[str]:
    return sum((count.asked for count in opened.counts), Counter())


def _cpu_s(opened: Stage) -> float:
    times = psutil.Process(opened.watch.pid).cpu_times()
    return float(times.user + times.system)


def _pss_mb(opened: Stage) -> float:
    return float(psutil.Process(opened.watch.pid).memory_full_info().pss) / 1e6


def _slowdown(watched: Server, alone: Server, rounds: int) -> dict[str, Any]:
    """Compare the prompts of a watched server and of one that nobody watches."""
    took = [_in_turns(watched, alone) for _ in range(rounds)]
    ratios = [of_watched / of_alone for of_watched, of_alone in took]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "by_round": [round(one, 3) for one in ratios],
        "unwatched_ms": round(1000 * statistics.median(one for _, one in took), 1),
    }


def _in_turns(*servers: Server) -> Sequence[float]:
    """Have them run prompts in turns; returns the mean seconds of each, by its own word.

    The mean, since only some of the prompts are met by a probe.
    """
    until = time.monotonic() + _ROUND_S
    took: list[list[float]] = [[] for _ in servers]
    while time.monotonic() < until:
        for place in (0, 1) if len(took[0]) % 2 else (1, 0):
            took[place].append(ran_s(servers[place].url))
    return [statistics.mean(one) for one in took]
