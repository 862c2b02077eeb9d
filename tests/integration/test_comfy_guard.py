"""A watch that comes late, a disk that refuses, a server that never ends its answer, secrets."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from komadori.domain.servers import IncidentKind, Offer, ServerReport, ServerState, Verb
from komadori.monitors.comfy.hands import running
from komadori.monitors.comfy.place import Birth, Place
from komadori.monitors.comfy.probe import Probe
from komadori.monitors.comfy.verdicts import Verdict
from komadori.monitors.comfy.watch import ServerWatch
from komadori.settings import ServerSettings
from tests.fakes.comfy_server import comfy_server
from tests.integration.comfy_ward import INTERVAL_S, PATIENCE, QUICK, Ward, processes_with, ward_in
from tests.integration.processes import is_alive, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

S, K = ServerState, IncidentKind


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ward_in(tmp_path) as one:
        yield one


def test_what_it_can_run_stays_known_while_it_is_started_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = {"sdxl": Offer()}
    told = ServerReport(
        name="a", url=ward.comfy.url, is_owned=True, state=S.READY, since=0.0, offers=offers
    )
    ward.book.tell(told)
    seen: list[ServerReport] = []
    tell = ward.book.tell

    def see(report: ServerReport) -> None:
        seen.append(report)
        tell(report)

    monkeypatch.setattr(ward.book, "tell", see)
    ward.supervise()
    ward.reaches(S.READY, boot=1)

    assert {one.state for one in seen} >= {S.STARTING, S.READY}
    assert all(one.offers == offers for one in seen)


def test_one_that_waits_for_work_says_so_and_keeps_its_offers(ward: Ward) -> None:
    offers = {"sdxl": Offer()}
    told = ServerReport(
        name="a", url=ward.comfy.url, is_owned=True, state=S.READY, since=0.0, offers=offers
    )
    ward.book.tell(told)
    watch = _watch(ward, ward.server.model_copy(update={"min_instances": 0}))
    try:
        report = ward.reaches(S.STOPPED)
        assert (report.is_idle, report.offers) == (True, offers)

        ward.book.work = 1

        assert not ward.reaches(S.READY).is_idle
        ward.asks(Verb.STOP)
        assert not ward.reaches(S.STOPPED).is_idle, "an operator stopped it"
    finally:
        watch.stop(leave_running=False)


def _watch(ward: Ward, *servers: ServerSettings, lease_s: float = 2.0) -> ServerWatch:
    told = [one.model_dump() for one in servers]
    settings = ward.settings(servers=told)
    watch = ServerWatch(settings, ward.book, rules=QUICK, patience=PATIENCE, lease_s=lease_s)
    watch.start()
    return watch


def test_a_server_of_others_that_was_restarted_while_nobody_watched_has_a_new_boot(
    tmp_path: Path,
) -> None:
    with (
        comfy_server(tmp_path / "theirs") as theirs,
        ward_in(tmp_path / "ours") as ward,
    ):
        server = ServerSettings(name="a", url=theirs.url)
        ward.comfy = theirs
        ward.supervise(server=server)
        ward.reaches(S.UP)
        theirs.leave("silent")
        ward.book.ours = (ward.send(), ward.send())  # one runs and one waits
        until(lambda: ward.report.number is not None, "a number was seen")
        assert ward.report.boot == 1
        ward.supervisors[0].stop()

        theirs.kill()
        theirs.start()
        ward.supervise(server=server)

        assert ward.reaches(S.UP, boot=2).boot == 2


def test_a_process_that_cannot_be_remembered_is_ended_and_its_start_has_failed(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = Place.remember

    def refuse(place: Place, birth: Birth) -> None:
        if not birth.is_intent:
            raise OSError(28, "No space left on device")
        remember(place, birth)

    monkeypatch.setattr(Place, "remember", refuse)
    ward.supervise()

    assert "No space left on device" in ward.reaches(S.FAILED).reason
    assert ward.noted(K.START_FAILED).cause.startswith("it cannot be started: ")
    assert processes_with(str(ward.folder)) == []


def test_a_process_whose_supervisor_died_before_it_wrote_its_number_is_adopted(ward: Ward) -> None:
    pid = ward.ready().pid
    assert pid is not None
    ward.supervisors[0].stop()
    birth = ward.birth
    assert birth.mark
    ward.place.remember(Birth(0, 0.0, birth.argv, birth.boot, birth.started_at, birth.url,
                              birth.mark))  # fmt: skip

    found = running(ward.place)

    assert found is not None
    assert found.pid == pid
    assert ward.birth.pid == pid
    ward.supervise()
    ward.noted(K.ADOPTED)
    assert ward.reaches(S.READY).boot == 1


@contextmanager
def dripping(*, has_headers: bool) -> Iterator[str]:
    """Have a server that sends a byte now and then, for ever."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def drip(sock: socket.socket) -> None:
            with sock:
                sock.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
                try:
                    sock.sendall(head + (b"\r\n" if has_headers else b"X-A: "))
                    while not over.wait(0.1):
                        sock.sendall(b"1")
                except OSError:
                    return

        def serve() -> None:
            while not over.is_set():
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                sock.settimeout(5)
                threads.append(threading.Thread(target=drip, args=(sock,)))
                threads[-1].start()

        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            for one in list(threads):
                one.join()


@pytest.mark.parametrize("has_headers", [True, False])
def test_an_answer_that_never_ends_is_a_timeout(has_headers: bool) -> None:
    with dripping(has_headers=has_headers) as url:
        probe = Probe(url, 0.5)
        began = time.monotonic()

        look = probe.look()

        assert look.verdict is Verdict.TIMEOUT
        assert time.monotonic() - began < 3
        assert not probe.free(drop_cache=False)
        assert time.monotonic() - began < 5
        probe.close()


def test_a_supervisor_of_such_a_server_goes_on_and_stops_at_once(ward: Ward) -> None:
    with dripping(has_headers=True) as url:
        server = ServerSettings(name="a", url=url)
        ward.supervise(server=server)
        assert "too long" in ward.reaches(S.DOWN).reason

        patient = ward.supervise(server=server.model_copy(update={"name": "b"}), timeout_s=60.0)
        until(lambda: patient.is_watching, "it watches")
        time.sleep(0.5)
        began = time.monotonic()
        patient.stop()

        assert time.monotonic() - began < 5


def test_an_answer_has_no_more_bytes_than_it_may_have(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.ready()
    monkeypatch.setattr("komadori.monitors.comfy.probe.MOST_BYTES", 10)

    look = Probe(ward.comfy.url, 2.0).look()

    assert look.verdict is Verdict.HTTP_ERROR
    assert "longer than 10 bytes" in look.detail


def test_no_secret_of_ours_reaches_a_server_and_none_of_its_own_is_told(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark-secret-11112222")
    monkeypatch.setenv("PGPASSWORD", "pgsecret")
    words = "import os, sys; print(sorted(os.environ.items())); print('login zzsecretvalue');"
    command = (sys.executable, "-c", words + "print('ark-secret-' + '11112222'); sys.exit(3)")
    server = ward.server.model_copy(
        update={"command": command, "environment": {"MY_LOGIN": "zzsecretvalue"}}
    )
    ward.supervise(server=server)

    tail = ward.noted(K.START_FAILED).log_tail

    assert "ARK_API_KEY" not in ward.log
    assert "PGPASSWORD" not in ward.log
    assert "('MY_LOGIN', 'zzsecretvalue')" in ward.log, "what the setting names is passed"
    assert "login ***" in tail
    assert "zzsecretvalue" not in tail
    assert "ark-secret-11112222" not in tail
    assert ward.place.log.stat().st_mode & 0o777 == 0o600


def test_servers_that_left_the_settings_are_forgotten_when_their_lease_is_over(ward: Ward) -> None:
    gone = ServerReport(name="gone", url="http://127.0.0.1:1", state=S.UP, since=0.0)
    ward.book.tell(gone)
    assert ward.book.take("gone", "a page that was killed", 2.0)

    watch = _watch(ward, ward.server, lease_s=2.0)
    try:
        assert ward.book.report("gone") is not None, "somebody watches it still"
        until(lambda: ward.book.report("gone") is None, "it is forgotten", within_s=10)
    finally:
        watch.stop(leave_running=False)


def test_a_server_of_others_that_a_worker_saw_stuck_takes_no_prompts_meanwhile(
    tmp_path: Path,
) -> None:
    with comfy_server(tmp_path / "theirs") as theirs, ward_in(tmp_path / "ours") as ward:
        ward.comfy = theirs
        ward.supervise(server=ServerSettings(name="a", url=theirs.url))
        ward.reaches(S.UP)
        theirs.leave("silent")
        stuck = ward.send()
        until(lambda: ward.report.queue_remaining, "it runs")

        ward.asks(Verb.RESTART, by="worker", reason=f"{stuck} shows no sign of life")

        report = ward.reaches(S.SUSPECT)
        assert "a worker saw it stuck" in report.reason
        noted = ward.noted(K.WEDGED)
        assert noted.action.startswith("it is not ours to restart: restart it")
        time.sleep(4 * INTERVAL_S)
        assert ward.report.state is S.SUSPECT
        assert is_alive(theirs.pid)
        theirs.kill(signal.SIGKILL)
        theirs.start()
        ward.reaches(S.UP, boot=2)
