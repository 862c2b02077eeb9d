"""From a crash to the next picture: the server is killed in the middle of a prompt, many times.

The watch and its times are the defaults. The picture is that of the very prompt that was killed.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from comfy_servers import by_hand, make_servers, until
from comfy_stage import Stage, stage

from komadori.domain.servers import Incident, IncidentKind
from komadori.settings import load_settings

BETWEEN = 3
"""Good prompts after which a server's crash is its first again, as after ten minutes."""


def crashes(rounds: int, step_s: float, start_s: float) -> dict[str, Any]:
    """Kill the server so often. `start_s`: what it does before it opens its port."""
    options = ("--step-seconds", str(step_s), "--start-delay", str(start_s))
    with stage({"a": options}, workers=2) as opened:
        picture = statistics.median(_picture_s(opened, seed) for seed in range(1, 4))
        found = [_one(opened, options, 100 * (turn + 1)) for turn in range(rounds)]
    interval_s = load_settings().comfyui.probe.interval_s
    return {
        "kills": rounds,
        "picture_s": round(picture, 2),
        "probe_interval_s": interval_s,
        **{name: _spread([one[name] for one in found]) for name in found[0]},
        "is_soon_noticed": max(one["noticed_s"] for one in found) <= 3 * interval_s,
    }


def _start_s(options: tuple[str, ...]) -> float:
    """Return how long the server takes to start when nobody is in between."""
    with TemporaryDirectory(prefix="komadori-comfy-", ignore_cleanup_errors=True) as folder:
        (server,) = make_servers(Path(folder), {"a": options})
        with by_hand(server) as seconds:
            return seconds


def _picture_s(opened: Stage, seed: int) -> float:
    began = time.time()
    return opened.completed(opened.submit("all is well", seed)) - began


def _one(opened: Stage, options: tuple[str, ...], seed: int) -> Mapping[str, float]:
    start = _start_s(options)
    job = opened.submit("the killed one", seed)
    until(opened.servers["a"].running, "it runs")
    time.sleep(0.2)  # so that it is in its middle
    report = opened.rows.report("a")
    assert report is not None
    assert report.pid is not None
    killed_at = time.time()
    psutil.Process(report.pid).kill()
    done_at = opened.completed(job)
    incident = until(lambda: _incident(opened, killed_at), "the crash is written down")
    assert incident.recovered_at is not None
    back = opened.rows.report("a")
    assert back is not None
    assert back.started_at is not None
    query = "SELECT max(started_at) AS at FROM calls WHERE job_id = :job"
    sent_at = opened.read(query, job=job)[0]["at"]
    for number in range(BETWEEN):
        _picture_s(opened, seed + 1 + number)
    until(lambda: _attempt(opened) == 0, "its next crash is its first again")
    return {
        "start_by_hand_s": start,
        "noticed_s": incident.at - killed_at,
        "started_s": back.started_at - killed_at,
        "ready_s": incident.recovered_at - killed_at,
        "sent_again_s": sent_at - killed_at,
        "next_picture_s": done_at - killed_at,
        "start_and_s": done_at - killed_at - start,
    }


def _attempt(opened: Stage) -> int:
    report = opened.rows.report("a")
    return report.attempt if report is not None else 0


def _incident(opened: Stage, since: float) -> Incident | None:
    """Return the crash, once the server is back."""
    for one in opened.rows.incidents("a", since - 0.5):
        if one.kind is IncidentKind.CRASHED and one.recovered_at is not None:
            return one
    return None


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p95 = ordered[round(0.95 * (len(ordered) - 1))]
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(p95, 2),
        "max": round(ordered[-1], 2),
    }
