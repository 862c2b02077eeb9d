"""The figures of the compression benchmark as tables, with the aims beside them."""

from collections.abc import Iterator, Mapping
from statistics import fmean, geometric_mean, median
from typing import Any

from compress_corpus import LARGE_PHOTO

Figures = Mapping[str, Any]
EVERYTHING = "the whole corpus"
SIDES = ("ours", "light ladder", "heavy ladder", "libvips", "limit", "limit by Pillow")


def lines(report: Figures) -> Iterator[str]:
    """Return the report as Markdown."""
    yield f"# Compression ({report['machine']['at']})"
    yield ""
    packages = report["machine"]["packages"]
    yield ", ".join(f"{name} {version}" for name, version in packages.items())
    yield ""
    yield from _pictures(report["pictures"])
    yield ""
    yield from _groups(report["pictures"])
    yield ""
    yield from _lag(report["lag"])
    yield ""
    yield from _aims(report)


def _pictures(pictures: Figures) -> Iterator[str]:
    yield "Time in ms, size in KB, SSIM at a long side of 1024 and 1536 px."
    yield ""
    yield "| picture | MB | " + " | ".join(SIDES) + " |"
    yield "|---|---|" + "---|" * len(SIDES)
    for name, figures in pictures.items():
        cells = (_cell(figures["sides"].get(side)) for side in SIDES)
        yield f"| {name} | {figures['source_bytes'] / 1e6:.1f} | " + " | ".join(cells) + " |"


def _cell(side: Figures | None) -> str:
    if side is None:
        return "-"
    near, far = side["ssim"]
    return f"{side['ms']:,.0f} ms, {side['bytes'] / 1024:.0f} KB, {near:.4f} {far:.4f}"


def _groups(pictures: Figures) -> Iterator[str]:
    yield (
        "Ratios are geometric means (over 1: ours is faster), SSIM are means; at equal size: ours"
        " in as many bytes as the other took."
    )
    yield ""
    yield "| pictures | side | time / ours | CPU / ours | SSIM ours | SSIM theirs | at equal size |"
    yield "|---|---|---|---|---|---|---|"
    for group in (LARGE_PHOTO, EVERYTHING):
        for side in SIDES[1:]:
            if _of(pictures, group, side):
                yield _row(pictures, group, side)


def _row(pictures: Figures, group: str, side: str) -> str:
    taken = _of(pictures, group, side)
    equal = [
        each["ssim_at_equal_size"][side] for each in taken if side in each["ssim_at_equal_size"]
    ]
    cells = (
        group,
        side,
        f"{_ratio(taken, side, 'ms'):.2f}",
        f"{_ratio(taken, side, 'cpu_ms'):.2f}",
        _mean([each["sides"]["ours"]["ssim"] for each in taken]),
        _mean([each["sides"][side]["ssim"] for each in taken]),
        _mean(equal) if equal else "-",
    )
    return "| " + " | ".join(cells) + " |"


def _of(pictures: Figures, group: str, side: str) -> list[Any]:
    return [
        figures
        for figures in pictures.values()
        if side in figures["sides"] and group in (EVERYTHING, figures["group"])
    ]


def _ratio(taken: list[Any], side: str, unit: str) -> float:
    """Return how many times as long as ours the side takes."""
    return geometric_mean(each["sides"][side][unit] / each["sides"]["ours"][unit] for each in taken)


def _mean(pairs: list[list[float]]) -> str:
    return " ".join(f"{fmean(values):.4f}" for values in zip(*pairs, strict=True))


def _lag(lag: Figures) -> Iterator[str]:
    yield "Seven photographs of 12 megapixels at once; medians over fresh processes."
    yield ""
    yield "| design | s | loop late by, p50 ms | p99 ms | max ms |"
    yield "|---|---|---|---|---|"
    for design, rounds in lag.items():
        wall, *late = (
            median(each[name] for each in rounds)
            for name in ("wall_s", "lag_p50_ms", "lag_p99_ms", "lag_max_ms")
        )
        cells = " | ".join(f"{value:,.1f}" for value in late)
        yield f"| {design} | {wall:.2f} | {cells} |"


def _aims(report: Figures) -> Iterator[str]:
    pictures, lag = report["pictures"], report["lag"]
    yield "| aim | found | |"
    yield "|---|---|---|"
    for group, side, least in (
        (LARGE_PHOTO, "light ladder", 20.0),
        (EVERYTHING, "light ladder", 4.0),
        (LARGE_PHOTO, "libvips", 1.0),
        (EVERYTHING, "libvips", 1.0),
    ):
        if taken := _of(pictures, group, side):
            found = _ratio(taken, side, "ms")
            aim = f"{side} / ours on {group}: over {least:g}"
            yield _aim(aim, f"{found:.1f}", is_met=found > least)
    for group, side in ((LARGE_PHOTO, "limit"), (EVERYTHING, "limit by Pillow")):
        found = 1 / _ratio(_of(pictures, group, side), side, "ms")
        yield _aim(f"ours / {side} on {group}: under 1.3", f"{found:.2f}", is_met=found < 1.3)
    yield _likeness_aim(_of(pictures, LARGE_PHOTO, "light ladder"))
    late = median(each["lag_p99_ms"] for each in lag["ours"])
    yield _aim("loop late, p99: under 10 ms", f"{late:.1f} ms", is_met=late < 10)


def _likeness_aim(taken: list[Any]) -> str:
    mine = _overall([each["ssim_at_equal_size"]["light ladder"] for each in taken])
    theirs = _overall([each["sides"]["light ladder"]["ssim"] for each in taken])
    words = f"SSIM at equal size on {LARGE_PHOTO}: no less than the light ladder"
    return _aim(words, f"{mine:.4f} against {theirs:.4f}", is_met=mine >= theirs)


def _overall(pairs: list[list[float]]) -> float:
    return fmean(value for pair in pairs for value in pair)


def _aim(words: str, found: str, *, is_met: bool) -> str:
    return f"| {words} | {found} | {'met' if is_met else 'MISSED'} |"
