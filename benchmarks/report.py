"""The figures as a table and as JSON: medians over rounds, ratios within rounds."""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
Rounds = Sequence[Mapping[str, Mapping[str, Any]]]

AIMS = (
    ("komadori on sqlite", "huey on sqlite", 0.5),
    ("komadori on redis", "huey on redis", 0.5),
    ("komadori on sqlite", "celery on redis", 2.0),
    ("komadori on redis", "celery on redis", 2.0),
)
LATE_START_AIM_MS = 100


def write_report(
    rounds: Rounds, idle: Mapping[str, Sequence[float]], args: argparse.Namespace
) -> None:
    """Print the report and write it as ledger.json and ledger.md."""
    summary = {name: _summary([one[name] for one in rounds]) for name in sorted(rounds[0])}
    ratios = [_ratio(rounds, *aim) for aim in AIMS if {aim[0], aim[1]} <= set(summary)]
    late = {name: _spread(samples) for name, samples in idle.items()}
    report = {
        "machine": machine(),
        "asked": vars(args),
        "sides": summary,
        "ratios_of_steps_per_s": ratios,
        "late_start_ms": late,
    }
    text = "\n".join(_lines(report))
    print(f"\n{text}")
    if not args.only:  # a part does not replace what a whole run has found
        save("ledger", report, text)


def save(name: str, report: Mapping[str, Any], text: str = "") -> None:
    """Write a report into benchmarks/results/."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    if text:
        (RESULTS / f"{name}.md").write_text(f"{text}\n")


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the figures."""
    packages = ("huey", "celery", "redis", "SQLAlchemy", "gradio")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "versions": {name: version(name) for name in packages},
    }


def _summary(figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "enqueue_per_s": round(statistics.median(one["enqueue_per_s"] for one in figures)),
        "steps_per_s": round(statistics.median(one["steps_per_s"] for one in figures)),
        "start_ms": _spread([each for one in figures for each in one["latencies_ms"]]),
        "steps_per_s_by_round": [round(one["steps_per_s"]) for one in figures],
    }


def _spread(samples: Sequence[float]) -> dict[str, float]:
    ordered = sorted(samples)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {
        "p50": round(statistics.median(ordered), 1),
        "p95": round(p95, 1),
        "max": round(ordered[-1], 1),
        "samples": len(ordered),
    }


def _ratio(rounds: Rounds, ours: str, theirs: str, aim: float) -> dict[str, Any]:
    by_round = [one[ours]["steps_per_s"] / one[theirs]["steps_per_s"] for one in rounds]
    ratio = statistics.median(by_round)
    return {
        "ours": ours,
        "theirs": theirs,
        "ratio": round(ratio, 2),
        "by_round": [round(each, 2) for each in by_round],
        "aim": aim,
        "is_met": ratio >= aim,
    }


def _lines(report: Mapping[str, Any]) -> list[str]:
    about = report["machine"]
    asked = report["asked"]
    return [
        f"Python {about['python']}, {about['cores']} cores, load {about['load'][0]}, {about['at']};"
        f" {asked['rounds']} rounds of {asked['steps']:,} no-op steps, two worker processes."
        f" Our jobs have {asked['steps_per_job']} steps each.",
        "",
        "| side | enqueue/s | steps/s | start p50 ms | start p95 ms |",
        "|---|---:|---:|---:|---:|",
        *(_side_line(name, side) for name, side in report["sides"].items()),
        "",
        "| steps/s | ratio | by round | aim | |",
        "|---|---:|---|---:|---|",
        *(_ratio_line(ratio) for ratio in report["ratios_of_steps_per_s"]),
        *(_late_lines(report["late_start_ms"], asked["idle_s"]) if report["late_start_ms"] else ()),
    ]


def _side_line(name: str, side: Mapping[str, Any]) -> str:
    start = side["start_ms"]
    return (
        f"| {name} | {side['enqueue_per_s']:,} | {side['steps_per_s']:,}"
        f" | {start['p50']} | {start['p95']} |"
    )


def _ratio_line(ratio: Mapping[str, Any]) -> str:
    by_round = ", ".join(str(each) for each in ratio["by_round"])
    return (
        f"| {ratio['ours']} : {ratio['theirs']} | {ratio['ratio']} | {by_round}"
        f" | {ratio['aim']} | {'met' if ratio['is_met'] else 'missed'} |"
    )


def _late_lines(late: Mapping[str, Mapping[str, float]], idle_s: float) -> list[str]:
    return [
        "",
        f"| start after {idle_s:g} s of idling | p50 ms | p95 ms | max ms | samples |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {name} | {one['p50']} | {one['p95']} | {one['max']} | {one['samples']} |"
            for name, one in late.items()
        ),
        "",
        f"Aim of komadori on sqlite: p95 under {LATE_START_AIM_MS} ms.",
    ]
