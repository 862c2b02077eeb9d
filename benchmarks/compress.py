"""Reference pictures made small: ours against two quality ladders, libvips and the limit.

Every round takes every picture through every side, in an order that rotates; medians over rounds
are reported, and geometric means of their ratios. Then seven photographs of 12 megapixels are
prepared at once by several designs, each in a fresh process, to see how late the event loop gets.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from compress_corpus import MP12, Sample, corpus, photo
from compress_likeness import likeness, likeness_between, views_of
from compress_limit import limit_sides
from compress_report import lines
from compress_sides import Run, heavy_ladder, light_ladder, ours, ours_around, vips_side
from report import machine, save

PHOTOS = 7
COMPARED = ("light ladder", "heavy ladder", "libvips")
LADDER_ROUNDS = 2
"""A ladder takes seconds: it needs fewer rounds than what takes milliseconds."""
DESIGNS = (
    "ours",
    "ours, cached",
    "ours, inline",
    "ours, a fresh pool per picture",
    "ours, a fresh pool per call",
    "libvips, a fresh pool per call",
)
SLOW_DESIGNS = (
    "light ladder, inline",
    "light ladder, a fresh pool per picture",
    "light ladder, a fresh pool per call",
)
Figures = dict[str, Any]


def main() -> None:
    """Measure, print, write benchmarks/results/compress.json and .md."""
    args = _arguments()
    vips = vips_side()
    if vips is None:
        print("libvips is left out: pip install pyvips pyvips-binary")
    samples = corpus(is_quick=args.quick)
    pictures = {sample.name: _picture(sample, vips, args) for sample in samples}
    report = {
        "machine": machine() | {"packages": _packages()},
        "asked": vars(args),
        "pictures": pictures,
        "lag": _lag(args, has_vips=vips is not None),
    }
    text = "\n".join(lines(report))
    print(f"\n{text}")
    if not args.quick:  # a part does not replace what a whole run has found
        save("compress", report, text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--lag-rounds", type=int, default=5, help="processes for each design")
    parser.add_argument(
        "--quick", action="store_true", help="fewer photographs, no slow ladders; not saved"
    )
    return parser.parse_args()


def _picture(sample: Sample, vips: Run | None, args: argparse.Namespace) -> Figures:
    """Return what every side made of one picture."""
    sides: dict[str, Run] = {"ours": ours, "light ladder": light_ladder}
    if not args.quick:
        sides["heavy ladder"] = heavy_ladder
    if vips is not None:
        sides["libvips"] = vips
    limits = limit_sides(sample.data)
    sides |= {name: run for name, (_, run) in limits.items()}
    times, results = _timed(sample.data, sides, 2 if args.quick else args.rounds)
    source = views_of(sample.data)
    figures: Figures = {
        "group": sample.group,
        "source_bytes": len(sample.data),
        "limit_is_by": limits["limit"][0] if limits else "passed through",
        "sides": {
            name: times[name]
            | {"bytes": len(results[name]), "ssim": likeness(source, results[name])}
            for name in sides
        },
        "ssim_at_equal_size": {
            name: likeness_between(source, ours_around(sample.data, size), size)
            for name, size in ((side, len(results[side])) for side in COMPARED if side in sides)
            if limits
        },
    }
    print(f"{sample.name}: {_in_words(figures)}", flush=True)
    return figures


def _timed(
    data: bytes, sides: Mapping[str, Run], rounds: int
) -> tuple[dict[str, Figures], dict[str, bytes]]:
    walls: dict[str, list[float]] = {name: [] for name in sides}
    loads: dict[str, list[float]] = {name: [] for name in sides}
    results: dict[str, bytes] = {name: run(data) for name, run in _quick_ones(sides).items()}
    names = list(sides)
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            if "ladder" in name and number >= LADDER_ROUNDS:
                continue
            began, load = time.perf_counter(), time.process_time()
            results[name] = sides[name](data)
            walls[name].append((time.perf_counter() - began) * 1000)
            loads[name].append((time.process_time() - load) * 1000)
    times = {name: {"ms": median(walls[name]), "cpu_ms": median(loads[name])} for name in sides}
    return times, results


def _quick_ones(sides: Mapping[str, Run]) -> dict[str, Run]:
    """The sides that are warmed up: what is loaded on first use weighs in milliseconds only."""
    return {name: run for name, run in sides.items() if "ladder" not in name}


def _in_words(figures: Figures) -> str:
    sides = (f"{name} {side['ms']:,.0f} ms" for name, side in figures["sides"].items())
    return ", ".join(sides)


def _lag(args: argparse.Namespace, *, has_vips: bool) -> dict[str, list[Figures]]:
    designs = DESIGNS if args.quick else DESIGNS + SLOW_DESIGNS
    taken = [design for design in designs if has_vips or "libvips" not in design]
    found: dict[str, list[Figures]] = {design: [] for design in taken}
    with TemporaryDirectory() as folder:
        for number in range(PHOTOS):
            path = Path(folder) / f"{number}.jpg"
            path.write_bytes(photo(MP12, 100 + number))
        for number in range(2 if args.quick else args.lag_rounds):
            for design in taken:
                if design in SLOW_DESIGNS and number >= LADDER_ROUNDS:
                    continue
                found[design].append(_lag_of(design, folder))
                lag = found[design][-1]["lag_max_ms"]
                print(f"round {number + 1}: {design}: late by up to {lag:.1f} ms", flush=True)
    return found


def _lag_of(design: str, folder: str) -> Figures:
    program = str(Path(__file__).with_name("compress_lag.py"))
    done = subprocess.run(
        [sys.executable, program, design, folder], capture_output=True, text=True, check=True
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def _packages() -> dict[str, str]:
    found = {}
    for name in ("pillow", "pyvips", "pyvips-binary", "simplejpeg", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    main()
