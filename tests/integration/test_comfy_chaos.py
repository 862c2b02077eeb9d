"""Forty prompts over two watched servers that die, freeze, lose and lie: all end right, once."""

import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from komadori.domain.ids import JobId
from komadori.domain.states import JobState
from tests.fakes.comfy_server import ComfyServer
from tests.integration.conftest import StartConsumer
from tests.integration.drawing_at_comfy import MODULE, AtComfy
from tests.integration.house import House
from tests.integration.processes import until
from tests.integration.watched_comfy import processes_at, watched

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize("bell", ["sqlite"], indirect=True),
]

_PROMPTS = 40
_FAULTS = 12
_ORDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dies having saved": ("die", {"at": "saved"}),
    "dies in the middle": ("die", {"at": "middle"}),
    "loses its thread": ("worker_dies", {}),
    "forgets its history": ("drop_history", {}),
    "drops its sockets": ("cut_sockets", {}),
    "loses an answer": ("lose_answer", {"path": "/prompt", "method": "POST"}),
    "is silent for a while": ("mute", {"times": 20}),
}
_FATES = ("killed", "frozen", *_ORDERS)


@pytest.mark.timeout(400)
def test_forty_prompts_survive_a_dozen_faults(
    tmp_path: Path,
    house: House,
    consume: StartConsumer,
    setting: Callable[[str, object], None],
) -> None:
    chance = random.Random(20261125)
    with watched(tmp_path, house, setting, "a", "b", step_s=0.01) as at:
        consume(4, module=MODULE)
        jobs = [at.frame(f"prompt {number}") for number in range(_PROMPTS)]

        for fault in range(_FAULTS):
            done = fault * (_PROMPTS // _FAULTS)  # a fault every few pictures
            until(lambda done=done: _done(at, jobs) >= done, "work goes on", within_s=90)  # type: ignore[misc]
            _hurt(at.servers[chance.choice("ab")], chance.choice(_FATES))

        for job in jobs:
            _bring_home(at, job)
        pictures = {at.picture(job).tobytes() for job in jobs}
        kept = house.rows("SELECT count(*) AS kept FROM artifacts")[0]["kept"]
        assert len(pictures) == kept == _PROMPTS
        until(lambda: not _left(at), "no prompt is left at a server", within_s=60)


def _done(at: AtComfy, jobs: list[JobId]) -> int:
    rows = at.house.rows("SELECT count(*) AS done FROM jobs WHERE state IN ('COMPLETED', 'FAILED')")
    return int(rows[0]["done"])


def _hurt(server: ComfyServer, fate: str) -> None:
    """Do something bad to a server; one that does not answer just now is spared."""
    if fate in ("killed", "frozen"):
        for process in processes_at(server.folder):
            process.send_signal(signal.SIGKILL if fate == "killed" else signal.SIGSTOP)
        return
    order, options = _ORDERS[fate]
    with suppress(OSError):
        server.do(order, **options)


def _bring_home(at: AtComfy, job: JobId) -> None:
    """Wait for a job; one that chance had with two crashing servers is asked for once more."""
    view = at.house.ended(job, within_s=120)
    if view.state is not JobState.COMPLETED:
        assert view.problem is not None
        assert "set apart" in view.problem.message, view.problem
        at.house.retry(job)
    at.house.completed(job, within_s=60)


def _left(at: AtComfy) -> int:
    """Count the prompts at all servers; those of one that does not answer count as one."""
    left = 0
    for server in at.servers.values():
        try:
            queue = server.get("/queue")
        except OSError:
            left += 1
            continue
        left += len(queue["queue_running"]) + len(queue["queue_pending"])
    return left
