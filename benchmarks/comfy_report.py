"""The figures of the ComfyUI benchmark as tables."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from comfy_crash import BETWEEN
from comfy_pool import FACTOR, WORKERS

NEXT_PICTURE_AIM_S = 5
Figures = Mapping[str, Any]


def lines(report: Figures) -> list[str]:
    """Return the report as Markdown."""
    about = report["machine"]
    head = f"Python {about['python']}, {about['cores']} cores, load {about['load'][0]}"
    made: dict[str, Callable[[Any], Iterator[str]]] = {
        "overhead": _overhead,
        "crash": _crash,
        "watching": _watching,
        "pool": _pool,
    }
    found = [f"{head} at the end, {about['at']}."]
    for name, write in made.items():
        if name in report:
            found += ["", *write(report[name])]
    return found


def _overhead(paces: list[Figures]) -> Iterator[str]:
    yield "| a prompt, s a step | side | ms | more ms | ratio to bare | prompts |"
    yield "|---:|---|---:|---:|---:|---:|"
    for pace in paces:
        for name, side in pace["sides"].items():
            yield (
                f"| {pace['step_s']:g} | {name} | {side['ms']} | {side['more_ms']}"
                f" | {side['ratio']} | {side['prompts']} |"
            )
    for pace in paces:
        spans = ", ".join(f"{name} {ms} ms" for name, ms in pace["product_spans_ms"].items())
        yield ""
        yield f"The product's own spans at {pace['step_s']:g} s a step: {spans}."


def _crash(found: Figures) -> Iterator[str]:
    yield f"| s after {found['kills']} kills | p50 | p95 | max |"
    yield "|---|---:|---:|---:|"
    names = {
        "noticed_s": "noticed",
        "started_s": "started again",
        "ready_s": "ready",
        "sent_again_s": "prompt sent again",
        "next_picture_s": "next picture",
        "start_and_s": "next picture, less the server's start",
    }
    for key, name in names.items():
        one = found[key]
        yield f"| {name} | {one['p50']} | {one['p95']} | {one['max']} |"
    yield ""
    yield (
        f"Started by hand it is ready in {found['start_by_hand_s']['p50']} s; a picture takes"
        f" {found['picture_s']} s. {BETWEEN} pictures between two kills. Aims: noticed within"
        f" {3 * found['probe_interval_s']:g} s ({_met(found['is_soon_noticed'])}), next picture"
        f" within the start and {NEXT_PICTURE_AIM_S} s"
        f" ({_met(found['start_and_s']['p95'] <= NEXT_PICTURE_AIM_S)} at the 95th percentile)."
    )


def _watching(found: Figures) -> Iterator[str]:
    yield "| watch of | CPU s an hour | % of a core | PSS MB | requests a minute and server |"
    yield "|---|---:|---:|---:|---|"
    for name, one in found.items():
        if name != "slowdown":
            asked = one["requests_per_server_and_minute"]
            told = ", ".join(f"{path} {count}" for path, count in asked.items())
            yield (
                f"| {name}, idle | {one['cpu_s_per_hour']} | {one['cpu_percent_of_a_core']}"
                f" | {one['pss_mb']} | {told} |"
            )
    slow = found["slowdown"]
    yield ""
    yield (
        f"Descriptions of nodes, at the start and every five minutes:"
        f" {found['1 server']['descriptions_asked_at_the_start']} requests a server."
        f" A watched server takes {slow['ratio']} of the time for a prompt that one takes which"
        f" nobody watches ({slow['unwatched_ms']} ms; by round {_listed(slow['by_round'])})."
    )


def _pool(found: Figures) -> Iterator[str]:
    yield (
        f"{found['prompts']} prompts of {found['prompt_s']['a']} s, {WORKERS} workers: one server"
        f" {found['one_s']} s, two {found['two_s']} s: {found['ratio']} times the throughput (by"
        f" round {_listed(found['by_round'])}; aim {found['aim']},"
        f" {_met(found['ratio'] >= found['aim'])}). One server that never waits would take"
        f" {found['one_ideal_s']} s: {found['ratio_to_one_ideal']} times that one's throughput."
    )
    yield ""
    yield f"| beside one {FACTOR} times as slow | s | ideal s | ratio | made | ideal |"
    yield "|---|---:|---:|---:|---|---|"
    for name, one in found["fast_and_slow"].items():
        yield (
            f"| {name} | {one['seconds']} | {one['ideal_s']} | {one['ratio_to_ideal']}"
            f" | {_shares(one['made'])} | {_shares(one['ideal_made'])} |"
        )


def _shares(made: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(made.items()))


def _listed(values: list[float]) -> str:
    return ", ".join(str(value) for value in values)


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"
