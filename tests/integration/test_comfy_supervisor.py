"""A supervised ComfyUI through every way in which a real one fails: it comes back; it is told."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from komadori.domain.servers import IncidentKind, ServerState, Verb
from komadori.errors import StoreAway
from komadori.queue.servers import ServerRows
from komadori.settings import ServerSettings
from tests.integration.comfy_ward import INTERVAL_S, LEASE_S, Ward, processes_with, ward_in
from tests.integration.processes import is_alive, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

S, K = ServerState, IncidentKind


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ward_in(tmp_path) as one:
        yield one


def test_a_server_is_started_and_told_of(ward: Ward) -> None:
    report = ward.ready()

    assert report.is_owned
    assert (report.boot, report.restarts, report.attempts_most) == (1, 0, 5)
    assert report.pid is not None
    assert report.version == "0.27.0"
    assert report.ram_total > 0
    assert is_alive(report.pid)


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [("sigkill", -9, "out of memory, likely"), ("sigsegv", -11, "segmentation"), (7, 7, "code 7")],
)
def test_a_server_that_dies_is_started_again(
    ward: Ward, how: str | int, code: int, words: str
) -> None:
    first = ward.ready()

    ward.comfy.do("die", how=how)
    died_at = time.time()

    second = ward.reaches(S.READY, S.BUSY, boot=2)
    incident = ward.noted(K.CRASHED)
    assert incident.at - died_at < 3 * INTERVAL_S + 0.3
    assert incident.exit_code == code
    assert words in incident.cause
    assert "To see the GUI" in incident.log_tail
    assert incident.samples
    assert "started again" in incident.action
    assert second.pid != first.pid
    assert second.restarts == 1
    until(lambda: ward.noted(K.CRASHED).recovered_at, "it is told that it is ready again")


def test_a_server_that_ends_by_itself_is_started_again(ward: Ward) -> None:
    ward.ready()

    os.kill(ward.birth.pid, signal.SIGTERM)

    ward.reaches(S.READY, boot=2)
    assert ward.noted(K.CRASHED).exit_code == -15


def test_prompts_that_ran_are_named_in_the_incident(ward: Ward) -> None:
    ward.ready()
    ward.comfy.leave("silent", seconds=30)
    prompt = ward.send()
    ward.reaches(S.BUSY)

    ward.comfy.do("die")

    assert ward.noted(K.CRASHED).prompts == (prompt,)
    ward.reaches(S.READY, boot=2)


def test_a_frozen_server_is_killed_and_started_again_quickly(ward: Ward) -> None:
    ward.ready()
    pid = ward.birth.pid

    os.kill(pid, signal.SIGSTOP)
    frozen_at = time.time()

    incident = ward.noted(K.WEDGED)
    assert incident.at - frozen_at < 3 * INTERVAL_S + 0.8  # a probe that waits for it included
    assert "frozen" in incident.cause
    ward.reaches(S.READY, boot=2)
    assert not is_alive(pid)


def test_a_server_whose_prompts_thread_died_is_started_again(ward: Ward) -> None:
    ward.ready()
    ward.comfy.leave("worker_dies")
    ward.send()

    assert "thread that runs its prompts died" in ward.noted(K.WEDGED).cause
    ward.reaches(S.READY, boot=2)


def test_a_prompts_thread_that_died_without_a_word_is_found_by_the_silence(ward: Ward) -> None:
    ward.ready(silent_limit_s=1.5)
    ward.comfy.leave("worker_dies", quiet=True)
    ward.book.ours = (ward.send(),)

    assert "without any sign of life" in ward.noted(K.WEDGED).cause
    ward.reaches(S.READY, boot=2)


def test_a_silent_prompt_of_somebody_else_is_let_be(ward: Ward) -> None:
    ward.ready(silent_limit_s=0.6)
    ward.comfy.leave("silent", seconds=2.5)
    prompt = ward.send()

    ward.comfy.wait_for("ended")

    assert ward.comfy.seen()["ended"] == [[prompt, "success"]]
    assert ward.incidents() == []


def test_a_server_that_holds_the_interpreter_is_busy_and_not_dead(ward: Ward) -> None:
    ward.ready()

    ward.comfy.do("block", seconds=2.0)

    ward.reaches(S.DEGRADED)
    ward.reaches(S.READY)
    assert ward.report.boot == 1
    assert ward.incidents() == []


def test_a_server_that_only_lets_wait_is_ended_after_its_time(ward: Ward) -> None:
    ward.ready(wedge_s=1.5)
    ward.comfy.do("hang", path="/system_stats")
    hung_at = time.time()

    incident = ward.noted(K.WEDGED)

    assert 1.4 < incident.at - hung_at < 1.5 + 4 * INTERVAL_S + 1
    assert "answered nothing" in incident.cause
    ward.comfy.heal()
    ward.reaches(S.READY, boot=2)


def test_a_server_that_answers_with_errors_is_ended_after_its_time(ward: Ward) -> None:
    ward.ready(wedge_s=1.0)
    ward.comfy.do("sick_stats")

    assert "errors" in ward.noted(K.WEDGED).cause
    ward.comfy.heal()
    ward.reaches(S.READY, boot=2)


def test_its_output_goes_to_a_file_that_nobody_has_to_read(ward: Ward) -> None:
    pid = ward.ready().pid

    outputs = {Path(f"/proc/{pid}/fd/{number}").readlink() for number in (1, 2)}

    assert outputs == {ward.place.log}


def test_children_go_with_their_server_even_those_in_a_session_of_their_own(
    ward: Ward, tmp_path: Path
) -> None:
    child = f"import time; time.sleep(300)  # child of {tmp_path.name}"
    begin = (
        "import os, subprocess, sys; "
        "subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    command = (sys.executable, "-c", begin, child, *ward.comfy.command[1:])
    ward.supervise(server=ServerSettings(name="a", url=ward.comfy.url, command=command))
    ward.reaches(S.READY)
    time.sleep(2 * INTERVAL_S)  # it has looked at the tree
    (first,) = processes_with(f"child of {tmp_path.name}")

    ward.comfy.do("die")

    ward.reaches(S.READY, boot=2)
    assert not is_alive(first.pid)
    assert len(processes_with(f"child of {tmp_path.name}")) == 1


def test_three_failed_starts_give_it_up_and_it_is_tried_again_later(ward: Ward) -> None:
    ward.comfy.leave("fail_start", times=4)
    ward.supervise()

    given_up = ward.reaches(S.FAILED)

    assert "failed to start 3 times" in given_up.reason
    assert "a Python package is missing: torch" in given_up.reason
    assert given_up.next_try_at is not None
    assert len(ward.incidents(K.START_FAILED)) == 3
    gave_up = ward.noted(K.GAVE_UP)
    assert "No module named" in gave_up.log_tail
    until(lambda: len(ward.incidents(K.GAVE_UP)) == 2, "the attempt after the pause failed, too")
    ward.reaches(S.READY)
    assert ward.comfy.seen()["starts"] == 5


def test_a_server_that_crashes_too_often_is_given_up(ward: Ward) -> None:
    ward.ready(crashes_most=3, half_open_s=(60.0,))
    for boot in (1, 2, 3):
        os.kill(ward.reaches(S.READY, boot=boot).pid or 0, signal.SIGKILL)
        ward.reaches(S.BACKOFF, S.STARTING, S.FAILED, boot=boot)

    assert "crashed 3 times in 10 min" in ward.reaches(S.FAILED).reason
    ward.asks(Verb.START)
    report = ward.reaches(S.READY, boot=4)
    assert report.attempt == 0


def test_a_command_that_does_not_exist_is_told(ward: Ward) -> None:
    ward.supervise(server=ServerSettings(name="a", url=ward.comfy.url, command=("/no/such",)))

    assert "cannot be started" in ward.reaches(S.FAILED).reason


def test_a_slow_start_that_talks_is_waited_for(tmp_path: Path) -> None:
    with ward_in(tmp_path, "--start-delay", "7") as ward:
        ward.ready(start_silent_s=5.0)

        assert ward.incidents() == []


def test_a_start_that_says_nothing_has_failed(ward: Ward) -> None:
    ward.comfy.leave("slow_start", seconds=30, talks=False)

    ward.supervise(start_silent_s=5.0)

    assert "said nothing" in ward.noted(K.START_FAILED).cause
    ward.reaches(S.READY, boot=2)


def test_a_start_that_takes_too_long_has_failed(ward: Ward) -> None:
    ward.comfy.leave("slow_start", seconds=30, talks=True)

    ward.supervise(start_most_s=7.0)

    assert "has taken" in ward.noted(K.START_FAILED).cause
    ward.reaches(S.READY, boot=2)


def test_a_port_of_somebody_else_is_told_and_he_is_left_alone(ward: Ward) -> None:
    listen = (
        "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
        "time.sleep(300)"
    )
    other = subprocess.Popen([sys.executable, "-c", listen, str(ward.comfy.port)])
    try:
        until(lambda: psutil.Process(other.pid).net_connections(), "he listens")
        ward.supervise()

        report = ward.reaches(S.FAILED)

        assert f"port {ward.comfy.port} is taken by" in report.reason
        assert f"pid {other.pid}" in report.reason
        assert len(ward.incidents(K.GAVE_UP)) == 1
        assert is_alive(other.pid)
        assert ward.comfy.seen()["starts"] == 0
    finally:
        other.kill()
        other.wait()
    ward.reaches(S.READY)


def test_the_waiting_are_told_which_attempt_it_is(ward: Ward) -> None:
    ward.ready(backoff_s=(1.5,))

    ward.comfy.do("die")

    report = ward.reaches(S.BACKOFF)
    assert report.waits == "restarting, attempt 1 of 5"
    assert report.next_try_at is not None
    assert report.next_try_at > ward.book.now()
    ward.reaches(S.READY, boot=2)


def test_of_two_supervisors_one_acts_and_the_other_goes_on_when_it_leaves(ward: Ward) -> None:
    first = ward.supervise()
    ward.reaches(S.READY)
    second = ward.supervise()
    pid = ward.birth.pid
    time.sleep(3 * INTERVAL_S)
    assert (first.is_watching, second.is_watching) == (True, False)

    first.stop(leave_running=True)

    until(lambda: second.is_watching, "the other watches")
    ward.noted(K.ADOPTED)
    ward.reaches(S.READY)
    assert ward.birth.pid == pid
    assert ward.comfy.seen()["starts"] == 1
    ward.comfy.do("die", how=3)
    ward.reaches(S.READY, boot=2)
    assert ward.noted(K.CRASHED).exit_code == 3


def test_a_store_that_is_away_ends_no_supervisor_and_is_told_later(ward: Ward) -> None:
    ward.ready()

    ward.book.is_away = True
    os.kill(ward.birth.pid, signal.SIGKILL)
    until(lambda: ward.comfy.seen()["starts"] == 2, "it is started again within the lease")
    time.sleep(1.0)
    ward.book.is_away = False

    ward.reaches(S.READY, boot=2)
    assert ward.noted(K.CRASHED).exit_code == -9


def test_nothing_is_done_once_the_lease_ran_out_with_the_store_away(ward: Ward) -> None:
    ward.ready()
    ward.book.is_away = True
    time.sleep(LEASE_S + 0.5)

    os.kill(ward.birth.pid, signal.SIGKILL)
    time.sleep(1.0)
    assert ward.comfy.seen()["starts"] == 1
    ward.book.is_away = False

    ward.reaches(S.READY, boot=2)
    assert ward.noted(K.CRASHED).exit_code == -9


def test_an_error_of_ours_ends_no_supervisor(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ward.ready()
    failed = threading.Event()

    def fail(self: ServerRows, server: str) -> None:
        failed.set()
        raise ValueError("a mistake")

    monkeypatch.setattr(type(ward.book), "take_commands", fail)
    assert failed.wait(5)
    monkeypatch.undo()

    ward.comfy.do("die")
    ward.reaches(S.READY, boot=2)
    assert "a round of the supervisor failed" in caplog.text


def test_it_is_not_supervised_while_the_store_has_never_answered(ward: Ward) -> None:
    ward.book.is_away = True
    ward.supervise()
    time.sleep(3 * INTERVAL_S)
    assert ward.comfy.seen()["starts"] == 0
    with pytest.raises(StoreAway):
        ward.book.now()

    ward.book.is_away = False

    ward.reaches(S.READY)
