"""What operators, workers, plans and limits do to a supervised ComfyUI, and servers of others."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from komadori.domain.servers import IncidentKind, Sample, ServerState, Verb
from komadori.monitors.comfy.process import port_is_free
from komadori.settings import ServerSettings
from tests.fakes.comfy_server import comfy_server
from tests.integration.comfy_ward import INTERVAL_S, QUICK, Ward, ward_in
from tests.integration.processes import is_alive, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

S, K = ServerState, IncidentKind
_FREE_SOON = {"holds_s": 0.5, "free_takes_s": 0.5, "relief_again_s": 60.0}


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    with ward_in(tmp_path) as one:
        yield one


def test_an_operator_stops_it_and_it_stays_stopped_until_one_starts_it(ward: Ward) -> None:
    pid = ward.ready().pid
    assert pid is not None

    ward.asks(Verb.STOP, reason="the GPU is needed")
    report = ward.reaches(S.STOPPED)

    assert report.reason == "stopped by operator: the GPU is needed"
    assert not is_alive(pid)
    assert port_is_free("127.0.0.1", ward.comfy.port)
    ward.supervisors[0].stop()
    ward.supervise()
    time.sleep(4 * INTERVAL_S)
    assert ward.comfy.seen()["starts"] == 1
    ward.asks(Verb.START)
    ward.reaches(S.READY, boot=2)


def test_an_operator_restarts_it_and_that_is_no_crash(ward: Ward) -> None:
    first = ward.ready()

    ward.asks(Verb.RESTART, reason="new nodes")

    report = ward.reaches(S.READY, boot=2)
    assert report.pid != first.pid
    assert report.attempt == 0
    assert ward.incidents(K.CRASHED, K.WEDGED) == []
    assert "restart by operator: new nodes" in ward.noted(K.OPERATOR).cause


def test_a_restart_that_is_asked_for_in_its_own_page_is_no_crash(ward: Ward) -> None:
    ward.ready()

    ward.place.session.with_name("session.reboot").touch()
    ward.comfy.do("die", how=0)

    ward.reaches(S.READY, boot=2)
    assert ward.incidents(K.CRASHED) == []
    assert "own page" in ward.noted(K.OPERATOR).cause


def test_a_worker_who_saw_it_stuck_has_it_started_again(ward: Ward) -> None:
    ward.ready()

    ward.asks(Verb.RESTART, by="worker", reason="no sign of life for 600 s")

    assert "no sign of life" in ward.noted(K.WEDGED).cause
    report = ward.reaches(S.READY, boot=2)
    assert report.attempt == 1


def test_an_accusation_of_an_earlier_boot_is_no_reason(ward: Ward) -> None:
    ward.ready()
    ward.supervisors[0].stop()
    ward.asks(Verb.RESTART, by="worker", reason="stuck")
    os.kill(ward.birth.pid, signal.SIGKILL)
    time.sleep(0.2)

    ward.supervise()

    ward.reaches(S.READY, boot=2)
    time.sleep(3 * INTERVAL_S)
    assert ward.report.boot == 2
    assert ward.incidents(K.WEDGED) == []


def test_it_is_drained_and_takes_prompts_again_also_over_a_change_of_supervisors(
    ward: Ward,
) -> None:
    ward.ready()

    ward.asks(Verb.DRAIN)
    until(lambda: ward.report.is_draining, "it is drained")
    ward.supervisors[0].stop()
    ward.supervise()
    ward.noted(K.ADOPTED)
    ward.reaches(S.READY)
    assert ward.report.is_draining

    ward.asks(Verb.RESUME)
    until(lambda: not ward.report.is_draining, "it takes prompts")


def test_its_memory_is_freed_when_an_operator_wants_that(ward: Ward) -> None:
    ward.ready()

    ward.asks(Verb.FREE)

    assert "free memory by operator" in ward.noted(K.FREED).cause
    until(lambda: ward.comfy.seen()["frees"], "it was told")


def test_prompts_nobody_waits_for_are_stopped_and_no_others(ward: Ward) -> None:
    ward.ready()
    ward.comfy.leave("silent", seconds=60, interruptible=True)
    running, pending, foreign = ward.send(), ward.send(), ward.send()
    ward.comfy.wait_for("began")

    ward.book.lost = [running, pending]

    until(lambda: not ward.book.lost, "both are gone")
    ward.comfy.wait_for("ended", 2)
    assert ward.comfy.seen()["ended"] == [[running, "interrupted"], [foreign, "success"]]
    assert {one["id"] for one in ward.comfy.seen()["interrupts"]} == {running}


def test_a_server_that_would_interrupt_anybody_is_not_told_to(tmp_path: Path) -> None:
    with ward_in(tmp_path, "--comfy-version", "0.3.50") as ward:
        ward.ready()
        ward.comfy.leave("silent", seconds=1.5, interruptible=True)
        ward.book.lost = [ward.send()]

        until(lambda: not ward.book.lost, "it has ended by itself")

        assert ward.comfy.seen()["interrupts"] == []


def test_it_is_started_anew_after_so_many_prompts_but_between_them(ward: Ward) -> None:
    ward.supervise(changes={"recycle_after_prompts": 2})
    ward.reaches(S.READY)
    ward.comfy.leave("silent", seconds=2, nth=3)
    prompts = [ward.send() for _ in range(3)]

    report = until(lambda: ward.report if ward.report.plan else None, "it is planned")
    assert report.is_draining
    assert report.plan == "restart between prompts: it has done 2 prompts"
    recycled = ward.noted(K.RECYCLED)

    assert ward.comfy.seen()["ended"] == [[one, "success"] for one in prompts]
    assert "it has done" in recycled.cause
    report = ward.reaches(S.READY, boot=2)
    assert not report.is_draining
    assert ward.incidents(K.CRASHED, K.WEDGED) == []


def test_a_full_gpu_is_freed_and_started_anew_when_that_does_not_help(tmp_path: Path) -> None:
    with ward_in(tmp_path, "--vram-mb", "1000") as ward:
        ward.ready(**_FREE_SOON)
        ward.comfy.do("vram", free_mb=10)

        freed = ward.noted(K.FREED)

        assert "VRAM is at 99 %, over the limit of 95 %" in freed.cause
        assert "also after its memory was freed" in ward.noted(K.RECYCLED).cause
        ward.reaches(S.READY, boot=2)


def test_models_are_unloaded_when_it_was_idle_for_long(ward: Ward) -> None:
    ward.supervise(changes={"unload_after_minutes": 0.01})
    ward.reaches(S.READY)
    ward.comfy.leave("silent", seconds=1)
    ward.send()
    ward.reaches(S.BUSY)

    until(lambda: ward.comfy.seen()["frees"], "it was told to unload")

    time.sleep(4 * INTERVAL_S + 0.6)
    assert len(ward.comfy.seen()["frees"]) == 1


def test_moments_are_kept_for_the_charts(ward: Ward) -> None:
    ward.ready()

    def found() -> list[Sample]:
        return [one for one in ward.book.samples("a", 0.0) if one.queue is not None][1:]

    samples = until(found, "moments are kept")

    assert all(one.rss and one.rss > 10_000_000 for one in samples)
    assert all(0 < (one.ram_percent or 0) < 100 for one in samples)
    assert samples[-1].queue == 0


def test_a_server_of_others_is_watched_and_never_ended(tmp_path: Path) -> None:
    with comfy_server(tmp_path / "theirs") as theirs, ward_in(tmp_path / "ours") as ward:
        settings = ServerSettings(name="a", url=theirs.url)
        ward.supervise(server=settings, wedge_s=1.5)
        report = ward.reaches(S.UP)
        assert not report.is_owned
        assert report.pid is None

        theirs.kill(signal.SIGSTOP)
        ward.reaches(S.SUSPECT)
        assert "too long" in ward.reaches(S.DOWN).reason
        assert is_alive(theirs.pid)
        theirs.thaw()
        assert ward.reaches(S.UP).boot == report.boot
        ward.noted(K.CAME_UP)

        ward.asks(Verb.RESTART)
        ward.asks(Verb.STOP)
        time.sleep(4 * INTERVAL_S)
        assert is_alive(theirs.pid)

        theirs.kill()
        assert "nobody answers" in ward.reaches(S.DOWN).reason
        theirs.start()
        assert ward.reaches(S.UP).boot == report.boot + 1
        assert len(ward.incidents(K.WENT_DOWN)) == 2


def test_a_server_that_nobody_watched_and_that_died_is_started_and_told(ward: Ward) -> None:
    ward.ready()
    ward.supervisors[0].stop()
    os.kill(ward.birth.pid, signal.SIGKILL)

    ward.supervise()

    ward.reaches(S.READY, boot=2)
    assert "while nobody watched" in ward.noted(K.CRASHED).cause


def test_a_new_supervisor_keeps_the_pause_of_one_that_was_given_up(ward: Ward) -> None:
    ward.comfy.leave("fail_start", times=3)
    ward.supervise(half_open_s=(60.0,))
    given_up = ward.reaches(S.FAILED)
    ward.supervisors[0].stop()

    ward.supervise(half_open_s=(60.0,))

    until(lambda: ward.supervisors[1].is_watching, "it watches")
    time.sleep(4 * INTERVAL_S)
    report = ward.report
    assert (report.state, report.next_try_at) == (S.FAILED, given_up.next_try_at)
    assert ward.comfy.seen()["starts"] == 3
    assert replace(QUICK).starts_most == 3


def test_what_it_can_run_is_found_out(ward: Ward) -> None:
    folder = ward.folder / "workflows"
    folder.mkdir()
    source = Path(__file__).parents[2] / "config" / "workflows"
    for path in source.glob("check*"):
        (folder / path.name).write_bytes(path.read_bytes())
    assert list(folder.glob("*.json")), "there are check workflows"
    ward.ready()

    offers = until(lambda: ward.report.offers, "it was asked")

    assert all(offer.fault == "" for offer in offers.values()), offers
