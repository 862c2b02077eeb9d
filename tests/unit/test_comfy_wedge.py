"""What does nothing any more is told from what is slow, busy or about to come."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import pytest

from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.verdicts import Verdict
from komadori.monitors.comfy.wedge import Signs, WedgeWatch

RULES = Rules(wedge_s=90.0, silent_limit_s=600.0, idle_pending_s=30.0)
OK, TIMEOUT = Verdict.OK, Verdict.TIMEOUT


def wedge_watch(
    *, has_ended: Callable[[str], bool] = lambda _: False, ours: Collection[str] = ()
) -> WedgeWatch:
    return WedgeWatch(RULES, has_ended, lambda: ours)


def found_after(watch: WedgeWatch, *, most_s: int = 2000, **signs: Any) -> tuple[int, str] | None:
    """Show the same signs every 3 seconds; return when it was found to be stuck, and why."""
    for now in range(0, most_s, 3):
        if reason := watch.see(Signs(now=float(now), **signs)):
            return now, reason
    return None


def test_a_frozen_process_is_found_at_the_second_look() -> None:
    found = found_after(wedge_watch(), is_frozen=True)

    assert found is not None
    assert found[0] == 3


def test_a_process_that_was_stopped_for_a_moment_is_well() -> None:
    watch = wedge_watch()

    reasons = [watch.see(Signs(now=n * 3.0, is_frozen=n % 2 == 0, verdict=OK)) for n in range(20)]

    assert not any(reasons)


def test_nothing_but_timeouts_is_found_after_its_time() -> None:
    found = found_after(wedge_watch(), verdict=TIMEOUT)

    assert found is not None
    assert found == (90, "it has answered nothing and done nothing for 90 s")


@pytest.mark.parametrize("life", [{"is_computing": True}, {"has_log_grown": True}])
def test_timeouts_of_a_server_that_works_are_no_wedge(life: dict[str, Any]) -> None:
    assert found_after(wedge_watch(), verdict=TIMEOUT, running=("x",), **life) is None


def test_one_answer_among_timeouts_begins_the_time_anew() -> None:
    watch = wedge_watch()

    reasons = [
        watch.see(Signs(now=n * 3.0, verdict=OK if n % 25 == 0 else TIMEOUT)) for n in range(200)
    ]

    assert not any(reasons)


@pytest.mark.parametrize("verdict", [Verdict.HTTP_ERROR, Verdict.REFUSED])
def test_errors_only_and_a_closed_port_are_found(verdict: Verdict) -> None:
    found = found_after(wedge_watch(), verdict=verdict, is_computing=True)

    assert found is not None
    assert found[0] == 90


def test_a_closed_port_while_it_starts_is_usual() -> None:
    assert found_after(wedge_watch(), verdict=Verdict.REFUSED, is_starting=True) is None


def test_prompts_that_wait_while_none_runs_are_found() -> None:
    found = found_after(wedge_watch(), verdict=OK, pending=2)

    assert found is not None
    assert found == (30, "2 prompts wait and none runs for 30 s")


def test_a_prompt_that_has_ended_and_is_said_to_run_is_found_at_the_second_look() -> None:
    asked: list[str] = []

    def has_ended(prompt_id: str) -> bool:
        asked.append(prompt_id)
        return True

    found = found_after(wedge_watch(has_ended=has_ended), verdict=OK, running=("x",))

    assert found is not None
    assert "said to run" in found[1]
    assert asked == ["x", "x"]


def test_a_prompt_that_shows_life_is_not_asked_about() -> None:
    def has_ended(prompt_id: str) -> bool:
        raise AssertionError(prompt_id)

    watch = wedge_watch(has_ended=has_ended)

    assert found_after(watch, verdict=OK, running=("x",), has_log_grown=True) is None


def test_a_silent_prompt_of_ours_is_found_after_its_time() -> None:
    found = found_after(wedge_watch(ours=["x"]), verdict=OK, running=("x",))

    assert found is not None
    assert found[0] == 600
    assert "without any sign of life" in found[1]


@pytest.mark.parametrize(
    "signs",
    [
        {"running": ("foreign",)},
        {"running": ("x",), "is_computing": True},
        {"running": ("x",), "has_log_grown": True},
        {"running": ()},
    ],
)
def test_foreign_idle_and_living_are_let_be(signs: dict[str, Any]) -> None:
    assert found_after(wedge_watch(ours=["x"]), verdict=OK, **signs) is None


_CUDA = "!!! Exception during processing !!! CUDA error: an illegal memory access was encountered"


@pytest.mark.parametrize(
    "line",
    [
        "Exception in thread Thread-3 (prompt_worker):",
        "Exception in thread prompt_worker:",
    ],
)
def test_the_death_of_the_prompts_thread_is_read_in_the_log(line: str) -> None:
    assert "thread that runs its prompts died" in wedge_watch().see(
        Signs(now=0.0, log_lines=[line], has_log_grown=True)
    )


def test_a_broken_gpu_is_found_when_a_second_prompt_fails_by_it() -> None:
    watch = wedge_watch()
    good = ["Prompt executed in 1.00 seconds"]
    bad = [_CUDA, "torch.AcceleratorError: CUDA error: device-side assert", *good]

    looks = [bad, good, bad, bad]
    reasons = [watch.see(Signs(now=n * 3.0, log_lines=lines)) for n, lines in enumerate(looks)]

    assert reasons[:3] == ["", "", ""]
    assert "GPU is in a broken state" in reasons[3]


@pytest.mark.parametrize(
    "line",
    [
        "!!! Exception during processing !!! CUDA out of memory. Tried to allocate 2 GiB",
        "RuntimeError: CUDA error: out of memory",
        "a node says: if you see a CUDA error, update the driver",
        "ValueError: wrong size",
    ],
)
def test_other_failures_of_prompts_are_no_broken_gpu(line: str) -> None:
    watch = wedge_watch()
    signs = Signs(now=0.0, log_lines=[line, "Prompt executed in 1.00 seconds"])

    assert [watch.see(replace(signs, now=float(n))) for n in range(5)] == [""] * 5
