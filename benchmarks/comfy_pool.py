"""What several servers bring: two equal ones against one, and a fast one beside a slow one.

One installation and one consumer; which servers take part is set by draining the others.
"""

import statistics
import time
from collections.abc import Collection, Mapping
from typing import Any

from comfy_overhead import ran_s
from comfy_servers import until
from comfy_stage import Stage, stage

from komadori.domain.servers import Verb

WORKERS = 4
FACTOR = 3
AIM = 1.8
_ALONE = 3


def pool(rounds: int, prompts: int, step_s: float) -> dict[str, Any]:
    """Have so many prompts made by one server, by two, and by a fast and a slow one."""
    pace = ("--step-seconds", str(step_s))
    slow = ("--step-seconds", str(FACTOR * step_s))
    with stage({"a": pace, "b": pace, "slow": slow}, workers=WORKERS) as opened:
        _open_only(opened, "a", "b", "slow")
        alone = {name: _alone_s(opened, name) for name in ("a", "slow")}
        opened.completed(opened.submit("to warm up", 1))
        pairs = []
        for turn in range(rounds):
            took = {}
            for names in (("a",), ("a", "b")) if turn % 2 else (("a", "b"), ("a",)):
                _open_only(opened, *names)
                took[len(names)] = _batch(opened, prompts)[0]
            pairs.append(took)
        _open_only(opened, "a", "slow")
        uneven = [_uneven(opened, prompts, alone) for _ in range(2)]
    ratios = [took[1] / took[2] for took in pairs]
    two = statistics.median(took[2] for took in pairs)
    one_ideal = prompts * alone["a"]
    return {
        "prompts": prompts,
        "prompt_s": {name: round(seconds, 3) for name, seconds in alone.items()},
        "one_s": round(statistics.median(took[1] for took in pairs), 2),
        "two_s": round(two, 2),
        "one_ideal_s": round(one_ideal, 2),
        "ratio_to_one_ideal": round(one_ideal / two, 2),
        "ratio": round(statistics.median(ratios), 2),
        "by_round": [round(one, 2) for one in ratios],
        "aim": AIM,
        "fast_and_slow": dict(zip(("speed not known yet", "speed known"), uneven, strict=True)),
    }


def _alone_s(opened: Stage, name: str) -> float:
    return statistics.median(ran_s(opened.servers[name].url) for _ in range(_ALONE))


def _open_only(opened: Stage, *names: str) -> None:
    """Let only these servers take prompts."""
    for name in opened.servers:
        opened.rows.ask(name, Verb.RESUME if name in names else Verb.DRAIN)
    until(lambda: _is_open_only(opened, names), f"only {names} take prompts")


def _is_open_only(opened: Stage, names: Collection[str]) -> bool:
    reports = [opened.rows.report(name) for name in opened.servers]
    return all(one and one.is_draining == (one.name not in names) for one in reports)


def _batch(opened: Stage, prompts: int) -> tuple[float, dict[str, int]]:
    """Return how long so many prompts took, and how many each server made."""
    began = time.time()
    jobs = [opened.submit(f"picture {number}", round(began) + number) for number in range(prompts)]
    took = opened.completed(*jobs) - began
    query = (
        "SELECT server, count(*) AS made FROM calls WHERE state = 'answered'"
        " AND started_at >= :began GROUP BY server"
    )
    return took, {row["server"]: row["made"] for row in opened.read(query, began=began)}


def _uneven(opened: Stage, prompts: int, alone: Mapping[str, float]) -> dict[str, Any]:
    took, made = _batch(opened, prompts)
    fast, slow = alone["a"], alone["slow"]
    ideal, of_slow = min(
        (max((prompts - count) * fast, count * slow), count) for count in range(prompts + 1)
    )
    return {
        "seconds": round(took, 2),
        "ideal_s": round(ideal, 2),
        "ratio_to_ideal": round(took / ideal, 2),
        "made": made,
        "ideal_made": {"a": prompts - of_slow, "slow": of_slow},
    }
