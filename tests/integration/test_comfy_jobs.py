"""Jobs at ComfyUI servers that die, lose and are taken away: each ends right, and only once."""

from collections.abc import Iterator

import psutil
import pytest

from komadori.domain.ids import JobId
from komadori.domain.servers import IncidentKind, ServerState
from komadori.domain.states import JobState
from komadori.settings import load_settings
from tests.fakes.comfy_server import ComfyServer
from tests.integration.conftest import QUICK
from tests.integration.drawing_at_comfy import MODULE, SDXL, STEP_S, AtComfy, folders
from tests.integration.house import House
from tests.integration.processes import Consumer, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtComfy]:
    """A house with four workers and two servers, for all tests of this file."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "orders").mkdir()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**QUICK, "DATA_DIR": folder / "data"}.items():
            environment.setenv(f"KOMADORI_{name}", str(value))
        house = House(load_settings(), folder / "orders")
        servers = {
            name: ComfyServer(path, "--step-seconds", str(STEP_S))
            for name, path in folders(folder, ["a", "b"]).items()
        }
        consumer = Consumer(folder / "consumer.log", module=MODULE, workers=4, options=())
        try:
            until(lambda: len(consumer.workers()) == 4, "the workers are there")
            yield AtComfy(house, servers)
            consumer.stop()
        finally:
            consumer.kill_all()
            for server in servers.values():
                server.stop()
                print(f"--- {server.folder.name} ---\n{server.log}")  # noqa: T201  # on failure
            print(f"--- consumer ---\n{consumer.output}")  # noqa: T201  # shown on failure
            house.close()


@pytest.fixture
def at(open_studio: AtComfy) -> AtComfy:
    """The studio with server `a`, which is well; `b` is known as down."""
    open_studio.all_well("a")
    return open_studio


def test_a_picture_is_drawn_with_progress_and_fetched_whole(at: AtComfy) -> None:
    job = at.frame()

    at.house.completed(job)
    assert at.picture(job).size == (320, 192)
    assert at.seen("began") == 1
    made = at.house.view(job).steps[0]
    assert made.making is not None
    assert made.making.provider == SDXL
    assert "ComfyUI a" in [span.stage for span in made.spans]


def test_what_is_made_is_shown_while_it_is_made(at: AtComfy) -> None:
    at.slow("a", 0.2)

    job = at.frame()

    until(lambda: at.house.view(job).steps[0].preview > 0, "a preview is there")
    assert "ComfyUI a" in at.house.view(job).steps[0].message
    at.house.completed(job)


def test_a_worker_that_is_killed_leaves_its_prompt_to_the_next_one(at: AtComfy) -> None:
    at.slow("a", 0.1)
    job = at.frame()
    until(lambda: at.progress(job) > 0.1, "it draws")

    psutil.Process(at.house.step(job, 1, "frame")["pid"]).kill()

    at.house.completed(job)
    assert at.seen("began") == 1


def test_a_picture_that_was_saved_before_the_crash_is_found_and_not_made_again(
    at: AtComfy,
) -> None:
    at.servers["a"].do("die", at="saved")
    job = at.frame()
    at.servers["a"].ended()

    at.waits(job, "server_away")
    at.restart("a")

    at.house.completed(job)
    assert at.seen("began") == 1


def test_a_picture_that_was_lost_in_a_crash_is_made_again(at: AtComfy) -> None:
    at.servers["a"].do("die", at="middle")
    job = at.frame()
    at.servers["a"].ended()

    at.waits(job, "server_away")
    at.tell("a", ServerState.BACKOFF, attempt=1)
    until(
        lambda: "a: restarting, attempt 1 of 5" in problem_of(at, job),
        "it says what it waits for",
    )
    at.restart("a")

    at.house.completed(job)
    assert at.seen("began") == 2


def test_a_job_that_ends_the_server_twice_is_set_apart_with_the_log_and_others_go_on(
    at: AtComfy,
) -> None:
    at.servers["a"].do("die", at="middle", marker="killer", times=None)
    killer = at.frame("the killer")
    for _ in range(2):
        at.servers["a"].ended()
        at.waits(killer, "server_away")
        at.restart("a")

    view = at.house.ended(killer)

    assert view.state is JobState.FAILED
    assert "set apart" in problem_of(at, killer)
    assert "Segmentation fault" in problem_of(at, killer)
    at.house.completed(at.frame("an innocent"))


def test_a_restart_that_somebody_wanted_is_not_held_against_the_job(at: AtComfy) -> None:
    at.slow("a", 0.1)
    job = at.frame()
    for turn in range(1, 3):
        at.begins("a", turn)
        until(lambda: at.progress(job) > 0.1, "it draws")
        at.servers["a"].kill()
        at.waits(job, "server_away")
        at.restart("a", kind=IncidentKind.OPERATOR)

    at.house.completed(job)


def test_cancelling_interrupts_ones_own_prompt_and_nobody_elses(at: AtComfy) -> None:
    at.slow("a", 0.1)
    first = at.frame("the first")
    at.begins("a")
    second = at.frame("the second")
    until(lambda: at.waiting_at("a") == 1, "the second waits")

    at.house.orders.cancel(at.house.session, second)

    assert at.house.ended(second).state is JobState.CANCELLED
    until(lambda: not at.waiting_at("a"), "its prompt is gone")
    at.house.completed(first)
    assert at.seen("began") == 1


def test_a_running_prompt_is_interrupted_when_its_job_is_cancelled(at: AtComfy) -> None:
    at.slow("a", 0.3)
    job = at.frame()
    at.begins("a")

    at.house.orders.cancel(at.house.session, job)

    assert at.house.ended(job).state is JobState.CANCELLED
    until(lambda: not at.servers["a"].get("/queue")["queue_running"], "its prompt has ended")


def test_a_server_gets_one_running_and_one_waiting_prompt_and_no_more(at: AtComfy) -> None:
    at.slow("a", 0.05)
    jobs = [at.frame(f"number {number}") for number in range(5)]
    most = 0
    while not all(at.house.view(job).state.is_final for job in jobs):
        queue = at.servers["a"].get("/queue")
        most = max(most, len(queue["queue_running"]) + len(queue["queue_pending"]))

    for job in jobs:
        at.house.completed(job)
    assert most == 2
    assert at.seen("began") == 5


def test_a_prompt_that_waits_moves_to_a_server_that_is_idle(at: AtComfy) -> None:
    at.slow("a", 0.2)
    jobs = [at.frame(f"number {number}") for number in range(2)]
    until(lambda: at.waiting_at("a") == 1, "one waits at a")

    at.tell("b", ServerState.READY)

    at.begins("b")
    for job in jobs:
        at.house.completed(job)
    assert at.seen("began") == 2


def test_a_prompt_that_waits_leaves_a_server_that_drains(at: AtComfy) -> None:
    at.slow("a", 0.1)
    jobs = [at.frame(f"number {number}") for number in range(2)]
    until(lambda: at.waiting_at("a") == 1, "one waits at a")

    at.tell("a", ServerState.BUSY, is_draining=True)

    until(lambda: not at.waiting_at("a"), "it was taken back")
    at.tell("a", ServerState.READY)
    for job in jobs:
        at.house.completed(job)
    assert at.seen("began") == 2


def test_what_waited_at_a_server_that_is_gone_is_done_elsewhere(at: AtComfy) -> None:
    at.slow("a", 0.1)
    jobs = [at.frame(f"number {number}") for number in range(2)]
    until(lambda: at.waiting_at("a") == 1, "one waits at a")
    at.servers["a"].kill()
    at.tell("a", ServerState.FAILED)

    at.tell("b", ServerState.READY)

    for job in jobs:
        at.house.completed(job)
    assert at.seen("ended", "b") == 2


def test_two_servers_share_the_work(at: AtComfy) -> None:
    at.all_well("a", "b")
    for name in "ab":
        at.slow(name, 0.05)
    jobs = [at.frame(f"number {number}") for number in range(8)]

    for job in jobs:
        at.house.completed(job)
    shares = {name: at.seen("ended", name) for name in "ab"}
    assert sum(shares.values()) == 8
    assert min(shares.values()) >= 3, shares


def test_what_the_form_was_filled_in_with_reaches_the_server(at: AtComfy) -> None:
    at.slow("a", 0.3)

    job = at.frame(options={"steps": 9})

    at.begins("a")
    ((_, _, graph, *_),) = at.servers["a"].get("/queue")["queue_running"]
    (sampler,) = [node for node in graph.values() if node["class_type"] == "KSampler"]
    assert sampler["inputs"]["steps"] == 9
    at.house.completed(job)


def test_a_job_that_finds_a_server_dead_before_anybody_else_waits_and_has_not_failed(
    at: AtComfy,
) -> None:
    at.servers["a"].kill()

    job = at.frame()
    at.waits(job, "server_away")
    at.restart("a")

    at.house.completed(job)
    assert at.house.step(job, 1, "frame")["failures"] == 0


def test_a_step_that_only_looked_for_a_place_has_made_no_attempt(at: AtComfy) -> None:
    at.slow("a", 0.05)
    jobs = [at.frame(f"number {number}") for number in range(4)]

    for job in jobs:
        at.house.completed(job)
        assert at.house.outcomes(job, 1, "frame") == ["completed"]


def test_a_node_that_raises_fails_the_job_at_once_in_its_own_words(at: AtComfy) -> None:
    at.servers["a"].do("exception", at="middle", message="shapes do not match")

    job = at.frame("the mismatch")

    at.house.ended(job)
    assert "shapes do not match" in problem_of(at, job)
    assert at.house.view(job).steps[0].attempt == 1


def test_a_clip_begins_with_its_first_frame_and_can_be_played(at: AtComfy) -> None:
    job = at.clip()

    (step,) = at.house.completed(job).steps
    assert step.clip is not None
    assert step.clip.media_type == "video/mp4"
    assert step.clip.frames == 8
    assert step.clip.seconds == pytest.approx(1.0, abs=0.1)


def test_a_storyboards_panels_become_clips_in_one_job(at: AtComfy) -> None:
    at.tell("a", ServerState.DOWN)
    board = at.house.submit(3)
    at.house.completed(board)
    at.tell("a", ServerState.READY)

    job = at.clip(job_id=board, seconds=0.5)

    view = at.house.completed(job)
    assert [step.number for step in view.steps] == [1, 2, 3]
    assert all(step.clip for step in view.steps)


def problem_of(at: AtComfy, job: JobId) -> str:
    problem = at.house.view(job).problem
    return problem.message if problem else ""
