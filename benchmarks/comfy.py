"""ComfyUI: what our client, our watch and our pool cost and bring, each against a named baseline.

The servers are the tests' fake ones, so that a prompt takes what it is told to. Everything runs on
this machine's loopback, under an installation of its own, and is ended with it.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from comfy_crash import crashes
from comfy_overhead import overhead
from comfy_pool import pool
from comfy_report import lines
from comfy_watching import watching
from report import machine, save
from sides import BenchmarkFailed

PARTS = ("overhead", "crash", "watching", "pool")
STEP_S = 0.02
"""A step of the server in all parts; a picture has 28."""


def main() -> None:
    """Measure, print, write benchmarks/results/comfy.json and .md."""
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # `finally` ends what we started
    measure: dict[str, Callable[[], Any]] = {
        "overhead": lambda: overhead((0.0, STEP_S), args.rounds),
        "crash": lambda: crashes(args.kills, STEP_S, args.start_s),
        "watching": lambda: watching(args.window_s, args.watched_rounds),
        "pool": lambda: pool(args.pool_rounds, args.prompts, STEP_S),
    }
    found = {name: _timed(name, measure[name]) for name in args.only or PARTS}
    report = {"machine": machine(), "asked": vars(args), **found}
    text = "\n".join(lines(report))
    print(f"\n{text}")
    if not args.only and not args.quick:  # a part does not replace what a whole run has found
        save("comfy", report, text)


def _timed(name: str, measure: Callable[[], Any]) -> Any:
    began = time.monotonic()
    found = measure()
    print(f"{name}: measured in {time.monotonic() - began:.0f} s", flush=True)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small counts; saves nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts; saves nothing")
    counts: tuple[tuple[str, float, float, str], ...] = (
        ("rounds", 15, 4, "prompts of each side of the overhead, at each pace"),
        ("kills", 6, 2, "times that the server is killed"),
        ("watched-rounds", 3, 2, "rounds of prompts at a watched server and at another"),
        ("pool-rounds", 2, 1, "rounds of one server against two"),
        ("prompts", 24, 12, "prompts of a batch for the pool"),
        ("window-s", 30.0, 10.0, "how long idle servers are watched"),
    )
    for name, usual, few, words in counts:
        told = f"{words} ({usual:g}; quick {few:g})"
        parser.add_argument(f"--{name}", type=type(usual), help=told)
    parser.add_argument("--start-s", type=float, default=1.0, help="what a start takes at least")
    args = parser.parse_args()
    for name, usual, few, _ in counts:
        field = name.replace("-", "_")
        if getattr(args, field) is None:
            setattr(args, field, few if args.quick else usual)
    return args


if __name__ == "__main__":
    try:
        main()
    except BenchmarkFailed as exc:
        sys.exit(f"The benchmark failed: {exc}")
