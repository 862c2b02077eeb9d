"""A leak is seen in the memory of a server, and what only looks like one is not."""

import random

import numpy as np
import pytest

from komadori.monitors.comfy.trend import find_leak, robust_slope

_MB = 1e6
_HOUR = 3600.0
Moments = list[tuple[float, float]]


def _moments(hours: float, rss: object, *, noise_mb: float = 5.0, every_s: float = 10.0) -> Moments:
    rng = random.Random(7)
    times = np.arange(0.0, hours * _HOUR, every_s)
    assert callable(rss)
    return [(float(t), (rss(float(t)) + rng.uniform(0, noise_mb)) * _MB) for t in times]


def test_the_slope_of_a_line_is_found_under_wild_values() -> None:
    times = np.arange(50.0)
    values = 3.0 * times
    values[::7] += 1000.0

    found = robust_slope(times, values)

    assert found.slope == pytest.approx(3.0, rel=0.1)
    assert found.low <= found.slope <= found.high


def test_a_leak_is_found_and_when_it_reaches_the_limit() -> None:
    moments = _moments(2.0, lambda t: 1000 + 210 * t / _HOUR)

    leak = find_leak(moments, room=2100 * _MB)

    assert leak is not None
    assert leak.megabytes_per_hour == pytest.approx(210, rel=0.05)
    assert leak.reaches_at - moments[-1][0] == pytest.approx(10 * _HOUR, rel=0.05)
    assert leak.reaches_early_at <= leak.reaches_at


def test_a_leak_is_found_beneath_prompts_that_take_and_give_back() -> None:
    rng = random.Random(3)

    def rss(t: float) -> float:
        return 1000 + 300 * t / _HOUR + (2000 if rng.random() < 0.4 else 0)

    leak = find_leak(_moments(2.0, rss), room=1000 * _MB)

    assert leak is not None
    assert leak.megabytes_per_hour == pytest.approx(300, rel=0.2)


@pytest.mark.parametrize(
    "rss",
    [
        lambda _: 1000.0,
        lambda t: 1000.0 if t < 1800 else 7000.0,  # a model stays loaded
        lambda t: 1000.0 if t < 6000 else 7000.0,
        lambda t: 1000 + 500 * np.sin(t / 600),  # models come and go
        lambda t: 5000 - 300 * t / _HOUR,
        lambda t: 4000 - 3000 * np.exp(-t / 300),  # it warms up
    ],
)
def test_what_only_looks_like_a_leak_is_none(rss: object) -> None:
    assert find_leak(_moments(2.0, rss, noise_mb=50.0), room=1000 * _MB) is None


def test_a_random_walk_without_growth_is_rarely_taken_for_a_leak() -> None:
    wrong = 0
    for seed in range(40):
        rng = random.Random(seed)
        moments = [(10.0 * n, (2000 + rng.gauss(0, 100)) * _MB) for n in range(700)]
        wrong += find_leak(moments, room=1000 * _MB) is not None
    assert wrong <= 1


def test_too_little_is_known_in_the_first_minutes() -> None:
    assert find_leak(_moments(0.2, lambda t: 1000 + 5000 * t / _HOUR), room=_MB) is None
    assert find_leak([], room=_MB) is None


def test_no_room_left_means_now() -> None:
    moments = _moments(1.0, lambda t: 1000 + 500 * t / _HOUR)

    leak = find_leak(moments, room=-5.0)

    assert leak is not None
    assert leak.reaches_at == moments[-1][0]
