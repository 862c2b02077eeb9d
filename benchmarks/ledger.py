"""Our ledger against bare Huey and against Celery: no-op steps, two workers, sides in turn.

Every round measures every side, in an order that rotates, so that a busy moment of the machine
does not fall on one side alone. Ratios are taken within a round; their median is reported.
"""

import argparse
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from report import write_report
from sides import BenchmarkFailed, RunningSide, Side, celery_side, huey_side, redis_server, running

Figures = dict[str, Any]
START_UP_S = 60
DRAIN_S = 300


def main() -> None:
    """Measure, print, write benchmarks/results/ledger.json and .md."""
    args = _arguments()
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # so that `finally` ends what we started
    with redis_server() as (redis_url, empty_redis):
        sides = [side for side in _sides(redis_url, args.steps_per_job) if args.only in side.name]
        rounds = [_round(sides, number, args, empty_redis) for number in range(args.rounds)]
    embedded = [side for side in sides if side.broker == "sqlite"]
    idle = _after_idling(embedded, args) if args.idle_s else {}
    write_report(rounds, idle, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000, help="no-op steps in a round")
    parser.add_argument("--steps-per-job", type=int, default=20, help="of our jobs, up to 60")
    parser.add_argument("--samples", type=int, default=30, help="start latencies in a round")
    parser.add_argument(
        "--idle-s", type=float, default=15, help="idle time before a late start; 0: leave out"
    )
    parser.add_argument("--idle-rounds", type=int, default=4)
    parser.add_argument("--idle-instances", type=int, default=5, help="of each side, at once")
    parser.add_argument("--only", default="", help="only sides with this in their name; not saved")
    return parser.parse_args()


def _sides(redis_url: str, steps_per_job: int) -> list[Side]:
    ours = partial(huey_side, module="komadori_noop", steps_per_job=steps_per_job)
    return [
        huey_side("huey on sqlite", "huey_noop", "sqlite"),
        ours("komadori on sqlite", broker="sqlite"),
        huey_side("huey on redis", "huey_noop", redis_url),
        ours("komadori on redis", broker=redis_url),
        celery_side(redis_url),
    ]


def _round(
    sides: Sequence[Side], number: int, args: argparse.Namespace, empty_redis: Callable[[], None]
) -> dict[str, Figures]:
    first = number % len(sides)
    results = {}
    for side in (*sides[first:], *sides[:first]):
        empty_redis()
        with running(side) as opened:
            results[side.name] = _measure(opened, args)
        print(f"round {number + 1}: {side.name}: {_in_words(results[side.name])}", flush=True)
    return results


def _measure(side: RunningSide, args: argparse.Namespace) -> Figures:
    before, after = side.enqueue(args.steps)
    side.start_workers()
    started = side.wait_for(args.steps, timeout_s=DRAIN_S)
    time.sleep(1)  # the last steps' results are written; the workers fall idle
    latencies = [_start_latency(side) for _ in range(args.samples)]
    return {
        "enqueue_per_s": args.steps / (after - before),
        "steps_per_s": _steady_rate(started),
        "latencies_ms": latencies,
    }


def _steady_rate(started: Sequence[float]) -> float:
    """Steps per second from the first tenth on, when all workers are up."""
    steady = started[len(started) // 10 :]
    return (len(steady) - 1) / (steady[-1] - steady[0])


def _start_latency(side: RunningSide) -> float:
    """Milliseconds from the call that enqueues one step to the step's start."""
    time.sleep(random.uniform(0.1, 0.4))  # never in step with anyone's polling
    done = len(side.wait_for(0, timeout_s=0))
    before, _ = side.enqueue(1)
    return (side.wait_for(done + 1, timeout_s=30)[-1] - before) * 1000


def _after_idling(sides: Sequence[Side], args: argparse.Namespace) -> dict[str, list[float]]:
    """Start latencies after a long pause, of several instances that idle at the same time."""
    late: dict[str, list[float]] = {side.name: [] for side in sides}
    with ExitStack() as stack:
        opened = [
            stack.enter_context(running(side)) for side in sides for _ in range(args.idle_instances)
        ]
        for instance in opened:
            instance.start_workers()
            instance.enqueue(1)
            instance.wait_for(1, timeout_s=START_UP_S)
        for number in range(args.idle_rounds):
            print(f"idling {args.idle_s:g} s, {number + 1} of {args.idle_rounds}", flush=True)
            time.sleep(args.idle_s)
            for instance in opened:
                late[instance.side.name].append(_start_latency(instance))
    return late


def _in_words(figures: Figures) -> str:
    middle = statistics.median(figures["latencies_ms"])
    return (
        f"{figures['enqueue_per_s']:,.0f} enqueued/s, {figures['steps_per_s']:,.0f} steps/s,"
        f" starts in {middle:.1f} ms"
    )


if __name__ == "__main__":
    try:
        main()
    except BenchmarkFailed as exc:
        sys.exit(f"The benchmark failed: {exc}")
