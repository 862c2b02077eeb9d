"""Supervisors as processes: killed, frozen, two at once; the command line; several instances."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from komadori.domain.servers import IncidentKind, ServerState
from komadori.monitors.comfy.watch import ServerWatch, is_for_here
from komadori.settings import ROOT, ServerSettings
from tests.fakes.comfy_server import comfy_server, free_port
from tests.integration.comfy_ward import INTERVAL_S, LEASE_S, PATIENCE, QUICK, Ward, ward_in
from tests.integration.processes import Program, is_alive, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

S, K = ServerState, IncidentKind


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ward_in(tmp_path) as one:
        yield one


def environment(ward: Ward, server: ServerSettings | None = None, **more: str) -> dict[str, str]:
    """Return the environment that gives a process this ward's settings."""
    told = (server or ward.server).model_dump(mode="json")
    return {
        **os.environ,
        "KOMADORI_DATA_DIR": str(ward.data_dir),
        "KOMADORI_DATABASE__URL": ward.url,
        "KOMADORI_WORKER__LEASE_S": "2",
        "KOMADORI_COMFYUI__SERVERS": json.dumps([told]),
        "KOMADORI_COMFYUI__WORKFLOWS_DIR": str(ward.folder / "workflows"),
        "KOMADORI_COMFYUI__PROBE__INTERVAL_S": str(INTERVAL_S),
        "KOMADORI_COMFYUI__PROBE__TIMEOUT_S": "0.5",
        "KOMADORI_COMFYUI__BACKOFF_S": "[0.3]",
        **more,
    }


class Watches:
    """Processes that watch the ward's server."""

    def __init__(self, ward: Ward) -> None:
        self._ward = ward
        self.all: list[Program] = []

    def start(self) -> Program:
        """Start one."""
        log = self._ward.folder / f"watch-{len(self.all)}.log"
        command = [sys.executable, "-m", "komadori.monitors", "comfy", "watch"]
        self.all.append(Program(command, log, environment(self._ward)))
        return self.all[-1]

    def close(self) -> None:
        """End all, and the server with them."""
        for one in self.all:
            one.kill_all()
            print(one.output)  # noqa: T201  # shown on failure
        self._ward.supervise()  # the ward ends the server with its supervisor
        until(lambda: self._ward.supervisors[-1].is_watching, "the ward watches")


@pytest.fixture
def watches(ward: Ward) -> Iterator[Watches]:
    found = Watches(ward)
    with ExitStack() as stack:
        stack.callback(found.close)
        yield found


def run(ward: Ward, *words: str, server: ServerSettings | None = None) -> tuple[int, str]:
    """Run the command; return its code and what it printed."""
    command = [sys.executable, "-m", "komadori.monitors", "comfy", *words]
    done = subprocess.run(
        command,
        env=environment(ward, server),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_server_outlives_its_killed_supervisor_and_is_adopted(
    ward: Ward, watches: Watches
) -> None:
    first = watches.start()
    pid = ward.reaches(S.READY).pid
    assert pid is not None

    first.signal(signal.SIGKILL)
    first.ended()
    watches.start()

    adopted = ward.noted(K.ADOPTED)
    assert str(pid) in adopted.cause
    assert ward.reaches(S.READY).pid == pid
    assert ward.comfy.seen()["starts"] == 1
    os.kill(pid, signal.SIGKILL)
    ward.reaches(S.READY, boot=2)
    assert "not known" in ward.noted(K.CRASHED).cause


def test_of_two_watching_processes_one_acts(ward: Ward, watches: Watches) -> None:
    watches.start()
    watches.start()
    first = ward.reaches(S.READY)
    assert first.pid is not None
    until(lambda: all("Watching" in one.output for one in watches.all), "both watch")

    os.kill(first.pid, signal.SIGKILL)

    ward.reaches(S.READY, boot=2)
    time.sleep(4 * INTERVAL_S)
    assert ward.comfy.seen()["starts"] == 2
    assert len(ward.incidents(K.CRASHED)) == 1


def test_a_supervisor_that_was_frozen_does_nothing_when_it_wakes(
    ward: Ward, watches: Watches
) -> None:
    first = watches.start()
    report = ward.reaches(S.READY)
    owner = report.supervisor
    assert report.pid is not None
    first.signal(signal.SIGSTOP)
    watches.start()
    until(lambda: ward.report.supervisor != owner, "another watches")
    os.kill(report.pid, signal.SIGKILL)  # to the one that wakes up this is a crash
    second = ward.reaches(S.READY, boot=2)

    first.signal(signal.SIGCONT)
    until(
        lambda: "left to others" in first.output or "another supervisor" in first.output, "it saw"
    )
    time.sleep(6 * INTERVAL_S)

    assert ward.comfy.seen()["starts"] == 2
    assert ward.report.pid == second.pid
    assert ward.report.supervisor != owner


def test_a_watch_that_is_told_to_stop_leaves_the_server_running(
    ward: Ward, watches: Watches
) -> None:
    watch = watches.start()
    pid = ward.reaches(S.READY).pid
    assert pid is not None

    watch.signal(signal.SIGTERM)

    assert watch.ended() == 0
    assert is_alive(pid)


def test_the_command_tells_starts_restarts_and_stops_without_a_supervisor(ward: Ward) -> None:
    code, said = run(ward, "status")
    assert (code, "nobody answers" in said, "not watched" in said) == (1, True, True)

    assert run(ward, "start", "a")[0] == 0
    first = ward.birth.pid
    assert is_alive(first)
    code, said = run(ward, "status", "--json")
    (told,) = json.loads(said)
    assert code == 0
    assert told["answers"] == "ok"
    assert told["report"]["state"] == "READY"

    assert run(ward, "restart", "a", "--reason", "new nodes")[0] == 0
    assert ward.birth.pid != first
    assert run(ward, "drain")[0] == 0
    assert ward.report.is_draining
    assert run(ward, "resume")[0] == 0
    assert run(ward, "free")[0] == 0

    code, said = run(ward, "stop", "a")
    assert code == 0, said
    assert "STOPPED" in said
    assert ward.place.birth() is None


def test_the_command_asks_whoever_watches(ward: Ward) -> None:
    first = ward.ready()

    code, said = run(ward, "restart", "a")

    assert code == 0, said
    assert ward.report.boot == 2
    assert ward.report.pid != first.pid
    assert ward.report.supervisor == first.supervisor
    code, said = run(ward, "status")
    assert code == 0
    assert "READY" in said
    assert "0 running, 0 waiting" in said


def test_the_command_says_what_is_wrong(ward: Ward) -> None:
    theirs = ServerSettings(name="theirs", url="http://127.0.0.1:9")

    assert run(ward, "restart", "b") == (2, "There is no server 'b'. The settings have: a.\n")
    assert run(ward, "dance")[0] == 2
    code, said = run(ward, "restart", "theirs", server=theirs)
    assert code == 2
    assert "never started or ended" in said


def _watch(ward: Ward, **server: Any) -> ServerWatch:
    told = ward.server.model_dump() | server
    scaling = {"scale_up_after_s": 0.5, "scale_down_after_s": 1.0}
    settings = ward.settings(servers=[told], **scaling)
    return ServerWatch(settings, ward.book, rules=QUICK, patience=PATIENCE, lease_s=LEASE_S)


def _state(ward: Ward, name: str) -> ServerState | None:
    report = ward.book.report(name)
    return report.state if report is not None else None


def _kinds(ward: Ward, name: str) -> Sequence[str]:
    return [one.kind.value for one in ward.book.incidents(name, 0.0)]


def test_instances_come_with_the_work_and_go_without_it(ward: Ward) -> None:
    watch = _watch(ward, max_instances=2)
    watch.start()
    try:
        ward.reaches(S.READY)
        assert _state(ward, "a-2") in (None, S.STOPPED)

        ward.book.work = 3
        until(lambda: _state(ward, "a-2") is S.READY, "a second one works")

        second = ward.book.report("a-2")
        assert second is not None
        assert second.url != ward.report.url
        argv = json.loads((ward.data_dir / "comfyui/a-2/process.json").read_text())["argv"]
        assert argv[-8:-7] == ["--port"]
        assert str(ward.data_dir / "comfyui/a-2/temp") in argv
        assert any(word.startswith("sqlite:///") for word in argv)
        assert "scaled" in _kinds(ward, "a-2")

        ward.book.work = 0
        until(lambda: _state(ward, "a-2") is S.STOPPED, "the second one is ended")
        assert second.pid is not None
        assert not is_alive(second.pid)
        assert ward.report.state is S.READY
        assert "crashed" not in _kinds(ward, "a-2")
    finally:
        watch.stop(leave_running=False)


def test_an_instance_that_works_is_adopted_where_it_is(ward: Ward) -> None:
    ward.book.work = 3
    first = _watch(ward, max_instances=2)
    first.start()
    until(lambda: _state(ward, "a-2") is S.READY, "a second one works")
    before = ward.book.report("a-2")
    first.stop(leave_running=True)

    second = _watch(ward, max_instances=2)
    second.start()
    try:
        until(lambda: "adopted" in _kinds(ward, "a-2"), "it is adopted")
        until(lambda: _state(ward, "a-2") is S.READY, "it answers")
        after = ward.book.report("a-2")
        assert before is not None
        assert after is not None
        assert (before.pid, before.url) == (after.pid, after.url)
    finally:
        second.stop(leave_running=False)


def test_a_server_that_is_not_needed_is_started_when_there_is_work(ward: Ward) -> None:
    watch = _watch(ward, min_instances=0)
    watch.start()
    try:
        report = ward.reaches(S.STOPPED)
        assert "when there is work" in report.reason
        assert ward.comfy.seen()["starts"] == 0

        ward.book.work = 1

        ward.reaches(S.READY)
    finally:
        watch.stop(leave_running=False)


def test_a_server_of_another_machine_is_left_to_its_own_watcher(ward: Ward) -> None:
    elsewhere = ward.server.model_copy(update={"host": "another-machine"})

    assert not is_for_here(elsewhere)
    assert is_for_here(ward.server)
    assert is_for_here(ServerSettings(name="b", url="http://another:1", host="another-machine"))
    assert _watch(ward, host="another-machine").supervisors == []


def test_a_whole_watch_ends_its_servers_when_it_shall(ward: Ward) -> None:
    watch = _watch(ward)
    watch.start()
    pid = ward.reaches(S.READY).pid
    assert pid is not None

    watch.stop(leave_running=False)

    assert not is_alive(pid)
    assert ward.report.state is S.STOPPED
    assert "with its supervisor" in ward.report.reason


def test_servers_of_others_and_ours_are_watched_side_by_side(ward: Ward, tmp_path: Path) -> None:
    with comfy_server(tmp_path / "theirs", port=free_port()) as theirs:
        told = [ward.server.model_dump(), {"name": "b", "url": theirs.url}]
        watch = ServerWatch(
            ward.settings(servers=told), ward.book, rules=QUICK, patience=PATIENCE, lease_s=LEASE_S
        )
        watch.start()
        try:
            ward.reaches(S.READY)
            until(lambda: _state(ward, "b") is S.UP, "the other one is up")
        finally:
            watch.stop(leave_running=False)
        assert is_alive(theirs.pid)
