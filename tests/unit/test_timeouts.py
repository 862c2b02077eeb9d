"""Timeouts: learned from earlier runs that can be compared, within bounds, with a reason."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komadori.domain.calls import Run
from komadori.pipeline.timeouts import (
    FEWEST,
    FLOOR_S,
    HEADROOM,
    NEWEST,
    Timeout,
    learned_timeout,
    p95,
    size_band,
)

CAP_S = 180.0
seconds = st.floats(0.01, 1000.0)


def runs(*took: float, band: str = "1MP", references: int = 2) -> list[Run]:
    return [Run(size_band=band, references=references, seconds=one) for one in took]


def learned(known: list[Run], cap_s: float = CAP_S) -> Timeout:
    return learned_timeout(known, band="1MP", references=2, cap_s=cap_s)


def test_runs_of_the_same_size_and_as_many_references_count_first() -> None:
    others = runs(*[90.0] * 30, references=4) + runs(*[100.0] * 30, band="4MP")

    timeout = learned(runs(*[20.0] * FEWEST) + others)

    assert timeout == Timeout(30.0, "30 s: p95 of 5 runs is 20 s, x1.5")


def test_then_those_of_the_same_size() -> None:
    few = runs(*[20.0] * (FEWEST - 1)) + runs(*[40.0] * 4, references=0)

    assert learned(few) == Timeout(60.0, "60 s: p95 of 8 runs of this size is 40 s, x1.5")


def test_then_those_of_any_size() -> None:
    few = runs(20.0, 20.0) + runs(*[50.0] * 3, band="4MP")

    assert learned(few) == Timeout(75.0, "75 s: p95 of 5 runs of any size is 50 s, x1.5")


@pytest.mark.parametrize(
    ("count", "known"), [(0, "0 runs known"), (1, "1 run known"), (4, "4 runs known")]
)
def test_too_few_of_any_kind_give_the_limit(count: int, known: str) -> None:
    reason = f"180 s: the limit; {known}, 5 are needed to learn from"

    assert learned(runs(*[20.0] * count)) == Timeout(CAP_S, reason)


def test_it_is_never_below_the_floor() -> None:
    timeout = learned(runs(*[2.0] * 6))

    assert timeout == Timeout(FLOOR_S, "20 s: the least; p95 of 6 runs is 2 s, x1.5 would be 3 s")


def test_it_is_never_above_the_cap() -> None:
    timeout = learned(runs(*[150.0] * 6))

    assert timeout == Timeout(
        CAP_S, "180 s: the limit; p95 of 6 runs is 150 s, x1.5 would be 225 s"
    )


def test_a_cap_below_the_floor_wins() -> None:
    assert learned(runs(*[2.0] * 6), cap_s=10.0).seconds == 10.0


def test_only_the_newest_runs_count() -> None:
    newest = runs(*[20.0] * NEWEST)

    assert learned([*newest, *runs(*[170.0] * 100)]).seconds == 30.0


def test_a_single_slow_run_of_twenty_is_left_out_and_two_are_not() -> None:
    assert learned(runs(*[20.0] * 19, 100.0)).seconds == 30.0
    assert learned(runs(*[20.0] * 18, 100.0, 100.0)).seconds == 150.0


@given(st.lists(seconds, min_size=1, max_size=300))
def test_the_percentile_is_the_least_that_covers_95_of_100(took: list[float]) -> None:
    value = p95(took)

    def covered(limit: float) -> int:
        return sum(one <= limit for one in took)

    assert value in took
    assert 100 * covered(value) >= 95 * len(took)
    assert all(100 * covered(one) < 95 * len(took) for one in took if one < value)


@given(st.lists(st.tuples(seconds, st.floats(0.0, 300.0)), max_size=80))
def test_slower_runs_never_give_a_shorter_timeout(took: list[tuple[float, float]]) -> None:
    usual = learned(runs(*(one for one, _ in took)))
    slower = learned(runs(*(one + more for one, more in took)))

    if len(took) >= FEWEST:
        assert slower.seconds >= usual.seconds


@given(
    st.lists(
        st.builds(
            Run,
            size_band=st.sampled_from(["draft", "1MP", "4MP"]),
            references=st.integers(0, 3),
            seconds=seconds,
        ),
        max_size=120,
    ),
    st.floats(1.0, 600.0),
)
def test_it_is_between_floor_and_cap_and_its_reason_begins_with_it(
    known: list[Run], cap_s: float
) -> None:
    timeout = learned(known, cap_s)

    assert min(FLOOR_S, cap_s) <= timeout.seconds <= cap_s
    assert timeout.reason.startswith(f"{timeout.seconds:g} s: ")


@given(st.lists(seconds, min_size=FEWEST, max_size=NEWEST))
def test_it_leaves_headroom_over_the_percentile(took: list[float]) -> None:
    wanted = p95(took) * HEADROOM

    assert learned(runs(*took), cap_s=10_000.0).seconds == max(FLOOR_S, math.ceil(wanted))


@pytest.mark.parametrize(
    ("width", "height", "band"),
    [
        (64, 64, "1MP"),
        (1280, 720, "1MP"),
        (1024, 1024, "1MP"),
        (2048, 1152, "2MP"),
        (2048, 2048, "4MP"),
    ],
)
def test_pictures_of_about_as_many_pixels_are_compared(width: int, height: int, band: str) -> None:
    assert size_band(width, height, is_draft=False) == band
    assert size_band(width, height, is_draft=True) == "draft"
