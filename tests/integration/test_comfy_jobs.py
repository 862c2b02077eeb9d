"""Jobs at ComfyUI servers that die, lose and are taken away: each ends right, and only once."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from komadori.domain.servers import IncidentKind, ServerState
from komadori.domain.states import JobState
from tests.fakes.comfy_server import ComfyServer
from tests.integration.conftest import StartConsumer
from tests.integration.drawing_at_comfy import MODULE, SDXL, AtComfy, folders
from tests.integration.house import House
from tests.integration.processes import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("bell", ["sqlite"], indirect=True),
]

MakeServers = Callable[..., AtComfy]


@pytest.fixture
def servers(tmp_path: Path, house: House) -> Iterator[MakeServers]:
    """Start fake servers, told of as ready."""
    started: list[ComfyServer] = []

    def make(*names: str, step_s: float = 0.02) -> AtComfy:
        for folder in folders(tmp_path, names).values():
            started.append(ComfyServer(folder, "--step-seconds", str(step_s)))
        at = AtComfy(house, dict(zip(names, started, strict=True)))
        at.all_ready()
        return at

    yield make
    for server in started:
        server.stop()
        print(f"--- {server.folder.name} ---\n{server.log}")  # noqa: T201  # shown on failure


def test_a_picture_is_drawn_with_progress_and_fetched_whole(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    consume(1, module=MODULE)

    job = at.frame()

    at.house.completed(job)
    assert at.picture(job).size == (320, 192)
    assert at.seen("began") == 1
    made = at.house.view(job).steps[0]
    assert made.making is not None
    assert made.making.provider == SDXL
    assert "ComfyUI a" in [span.stage for span in made.spans]


def test_what_is_made_is_shown_while_it_is_made(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.2)
    consume(1, module=MODULE)

    job = at.frame()

    until(lambda: at.house.view(job).steps[0].preview > 0, "a preview is there")
    step = at.house.view(job).steps[0]
    assert "ComfyUI a" in step.message
    at.house.completed(job)


def test_a_worker_that_is_killed_leaves_its_prompt_to_the_next_one(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.1)
    consumer = consume(1, module=MODULE)
    job = at.frame()
    until(lambda: at.progress(job) > 0.1, "it draws")

    psutil.Process(consumer.workers()[0]).kill()

    at.house.completed(job)
    assert at.seen("began") == 1


def test_a_picture_that_was_saved_before_the_crash_is_found_and_not_made_again(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    at.servers["a"].do("die", at="saved")
    consume(1, module=MODULE)
    job = at.frame()
    at.servers["a"].ended()

    at.waits(job, "server_away")
    at.restart("a")

    at.house.completed(job)
    assert at.seen("began") == 1


def test_a_picture_that_was_lost_in_a_crash_is_made_again(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    at.servers["a"].do("die", at="middle")
    consume(1, module=MODULE)
    job = at.frame()
    at.servers["a"].ended()

    at.waits(job, "server_away")
    at.tell("a", ServerState.BACKOFF, attempt=1)
    until(
        lambda: "restarting, attempt 1 of 5" in (at.house.view(job).problem or "").message,
        "it says what it waits for",
    )
    at.restart("a")

    at.house.completed(job)
    assert at.seen("began") == 2


def test_a_job_that_ends_the_server_twice_is_set_apart_with_the_log_and_others_go_on(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    at.servers["a"].do("die", at="middle", marker="killer", times=None)
    consume(1, module=MODULE)
    killer = at.frame("the killer")
    for _ in range(2):
        at.servers["a"].ended()
        at.waits(killer, "server_away")
        at.restart("a")

    view = at.house.ended(killer)

    assert view.state is JobState.FAILED
    assert view.problem is not None
    assert "set apart" in view.problem.message
    assert "Segmentation fault" in view.problem.message
    at.house.completed(at.frame("an innocent"))


def test_a_restart_that_somebody_wanted_is_not_held_against_the_job(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.1)
    consume(1, module=MODULE)
    job = at.frame()
    for turn in range(1, 3):
        at.servers["a"].wait_for("began", turn)
        until(lambda: at.progress(job) > 0.1, "it draws")
        at.servers["a"].kill()
        at.waits(job, "server_away")
        at.restart("a", kind=IncidentKind.OPERATOR)

    at.house.completed(job)


def test_cancelling_interrupts_ones_own_prompt_and_nobody_elses(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.1)
    consume(2, module=MODULE)
    first = at.frame("the first")
    at.servers["a"].wait_for("began")
    second = at.frame("the second")
    until(lambda: len(at.servers["a"].get("/queue")["queue_pending"]) == 1, "the second waits")

    at.house.orders.cancel(at.house.session, second)

    assert at.house.ended(second).state is JobState.CANCELLED
    until(lambda: not at.servers["a"].get("/queue")["queue_pending"], "its prompt is gone")
    at.house.completed(first)
    assert at.seen("began") == 1


def test_a_running_prompt_is_interrupted_when_its_job_is_cancelled(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.3)
    consume(1, module=MODULE)
    job = at.frame()
    at.servers["a"].wait_for("began")

    at.house.orders.cancel(at.house.session, job)

    assert at.house.ended(job).state is JobState.CANCELLED
    until(lambda: not at.servers["a"].get("/queue")["queue_running"], "its prompt has ended")


def test_a_server_gets_one_running_and_one_waiting_prompt_and_no_more(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", step_s=0.05)
    consume(4, module=MODULE)
    jobs = [at.frame(f"number {number}", seed=number) for number in range(5)]
    most = 0
    while not all(at.house.view(job).state.is_final for job in jobs):
        queue = at.servers["a"].get("/queue")
        most = max(most, len(queue["queue_running"]) + len(queue["queue_pending"]))

    for job in jobs:
        at.house.completed(job)
    assert most == 2
    assert at.seen("began") == 5


def test_a_prompt_that_waits_moves_to_a_server_that_is_idle(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", "b", step_s=0.2)
    at.tell("b", ServerState.DOWN)
    consume(2, module=MODULE)
    jobs = [at.frame(f"number {number}", seed=number) for number in range(2)]
    until(lambda: len(at.servers["a"].get("/queue")["queue_pending"]) == 1, "one waits at a")

    at.tell("b", ServerState.READY)

    at.servers["b"].wait_for("began")
    for job in jobs:
        at.house.completed(job)
    assert at.seen("began") == 2


def test_a_server_that_died_while_a_prompt_waited_has_it_done_elsewhere(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a", "b", step_s=0.1)
    at.tell("b", ServerState.DOWN)
    consume(2, module=MODULE)
    jobs = [at.frame(f"number {number}", seed=number) for number in range(2)]
    until(lambda: len(at.servers["a"].get("/queue")["queue_pending"]) == 1, "one waits at a")
    at.servers["a"].kill(signal.SIGKILL)
    at.tell("a", ServerState.FAILED)

    at.tell("b", ServerState.READY)

    for job in jobs:
        at.house.completed(job)
    assert len(at.servers["b"].seen()["ended"]) == 2


def test_a_clip_begins_with_its_first_frame_and_can_be_played(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    consume(1, module=MODULE)

    job = at.clip()

    view = at.house.completed(job)
    (step,) = view.steps
    assert step.clip is not None
    assert step.clip.media_type == "video/mp4"
    assert step.clip.frames == 8
    assert step.clip.seconds == pytest.approx(1.0, abs=0.1)


def test_a_storyboards_panels_become_clips_in_one_job(
    servers: MakeServers, consume: StartConsumer
) -> None:
    at = servers("a")
    consume(2, module=MODULE)
    board = at.house.submit(3)
    at.house.completed(board)

    job = at.clips.submit(
        at.house.session,
        {"job_id": board, "provider": "comfyui-check-clip", "seconds": 0.5, "fps": 8},
        None,
    )

    view = at.house.completed(job, within_s=60)
    assert [step.number for step in view.steps] == [1, 2, 3]
    assert all(step.clip for step in view.steps)
