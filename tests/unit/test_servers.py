"""ComfyUI servers in the store: leases, places, waiting jobs, commands, and whom `auto` means."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from komadori.domain.backends import BackendFacts
from komadori.domain.calls import CallState, Intent
from komadori.domain.ids import JobId, SessionId
from komadori.domain.servers import (
    Incident,
    IncidentKind,
    Offer,
    Sample,
    ServerReport,
    ServerState,
    Verb,
    away_sentence,
)
from komadori.domain.states import JobState, StepState
from komadori.domain.view import Problem
from komadori.domain.workflows import WorkflowFacts
from komadori.errors import BackendBusy, LeaseLost, NotFound, RequestRejected
from komadori.queue.artifact_rows import add_reference
from komadori.queue.calls import StepCalls
from komadori.queue.clip_orders import ClipOrders
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.ledger import NO_ROOM, Claim, Ending
from komadori.queue.moments import thinned
from komadori.queue.providers import publish, read_backends
from komadori.queue.room import queue_if_waiting, wake_for_room
from komadori.queue.server_places import REST_AFTER, ask, read_standings
from komadori.queue.server_waits import AWAY
from komadori.queue.servers import ServerRows
from tests.unit.conftest import Spine, a_file

INK = BackendFacts(name="comfyui-ink", label="ComfyUI: Ink", kind="comfy", at_once=64)
CLIP = BackendFacts(name="comfyui-pan", label="ComfyUI: Pan", kind="comfy", makes="clip")
SKETCH = BackendFacts(name="sketch", label="Komadori sketch", kind="sketch")
OPENAI = BackendFacts(name="openai", label="OpenAI", kind="http")
CHOICE = {"name": "steps", "label": "Steps", "kind": "integer", "minimum": 1, "maximum": 50}


def report(name: str = "a", state: ServerState = ServerState.READY, **more: Any) -> ServerReport:
    values: dict[str, Any] = {"url": "http://127.0.0.1:1", "since": 0.0, "attempts_most": 5}
    offers = {"ink": Offer(fields=(CHOICE,)), "pan": Offer()}
    return ServerReport(name=name, state=state, **{"offers": offers} | values | more)


class Room:
    """The store with its servers, and steps that want to be drawn there."""

    def __init__(self, spine: Spine, session: SessionId, executor: ThreadPoolExecutor) -> None:
        self.spine = spine
        self.session = session
        self.rows = ServerRows(spine.store)
        self.frames = FrameOrders(spine.orders.desk)
        self.clips = ClipOrders(spine.orders.desk)
        self._executor = executor
        publish(spine.store, [INK, CLIP, OPENAI, SKETCH])

    def submit(self, provider: str = INK.name, **more: Any) -> JobId:
        return self.frames.submit(
            self.session, {"prompt": "a fox", "provider": provider} | more, None
        )

    def reference(self) -> str:
        file = a_file()
        with self.spine.store.write() as connection:
            add_reference(connection, self.session, file, now=self.rows.now())
        return file.id

    def claim(self, **more: Any) -> tuple[Claim, StepCalls]:
        self.submit(**more)
        claim = self.spine.claim()
        return claim, StepCalls(self.spine.store, self._executor, claim.step, token=claim.token)

    async def send(self, calls: StepCalls, server: str = "a", at_once: int = 2) -> Any:
        return await calls.begin(
            Intent(
                provider=INK.name,
                model="",
                size_band="1MP",
                references=0,
                is_paid=False,
                at_once=at_once,
                timeout_s=0.0,
                server=server,
            )
        )

    def park(self, claim: Claim, message: str = "Waiting.", code: str = AWAY) -> None:
        self.spine.ledger.finish(
            claim,
            Ending(
                outcome="waited", problem=Problem(code=code, message=message), retry_after_s=300
            ),
        )

    def backends(self) -> dict[str, Any]:
        with self.spine.store.read() as connection:
            views = read_backends(connection, self.rows.now())
        return {view.facts.name: view for view in views}


@pytest.fixture
def room(spine: Spine, session: SessionId) -> Iterator[Room]:
    with ThreadPoolExecutor(1) as executor:
        yield Room(spine, session, executor)


# one supervisor for each server


def test_a_server_has_one_supervisor_until_its_lease_is_over(room: Room) -> None:
    assert room.rows.take("a", "first", 30)
    assert not room.rows.take("a", "second", 30)
    assert room.rows.take("a", "first", 30)

    room.spine.store.ahead_s = 31

    assert room.rows.take("a", "second", 30)
    assert not room.rows.take("a", "first", 30)


def test_a_server_that_is_left_may_be_taken_at_once(room: Room) -> None:
    room.rows.take("a", "first", 30)
    room.rows.leave("a", "second")
    assert not room.rows.take("a", "second", 30)

    room.rows.leave("a", "first")

    assert room.rows.take("a", "second", 30)


# places


async def test_a_server_has_as_many_places_as_it_says(room: Room) -> None:
    room.rows.tell(report())
    claims = [room.claim() for _ in range(3)]
    await room.send(claims[0][1])
    await room.send(claims[1][1])

    with pytest.raises(BackendBusy, match="as many as it may have"):
        await room.send(claims[2][1])


async def test_a_prompt_whose_worker_is_gone_keeps_its_place(room: Room) -> None:
    room.rows.tell(report())
    (claim, calls), (_, others) = room.claim(), room.claim()
    call = await room.send(calls, at_once=1)
    await calls.accepted(call, {"prompt_id": "p"})
    room.spine.kill_worker_of(claim)
    room.spine.reaper.look()

    with pytest.raises(BackendBusy):
        await room.send(others, at_once=1)


async def test_a_prompt_that_ended_gives_its_place_back(room: Room) -> None:
    room.rows.tell(report())
    (_, calls), (_, others) = room.claim(), room.claim()
    call = await room.send(calls, at_once=1)
    await calls.ended(call, CallState.BUSY, "taken back")

    await room.send(others, at_once=1)


async def test_a_server_that_fails_too_often_rests_and_is_well_when_it_says_so(room: Room) -> None:
    room.rows.tell(report())
    _, calls = room.claim()
    for _ in range(REST_AFTER):
        call = await room.send(calls)
        await calls.ended(call, CallState.DOWN, "refused")
    with pytest.raises(BackendBusy, match="failed 3 times in a row"):
        await room.send(calls)

    room.rows.tell(report(state=ServerState.CRASHED))
    room.rows.tell(report(state=ServerState.READY))

    await room.send(calls)


async def test_a_prompt_of_a_server_does_not_open_the_circuit_of_the_workflow(room: Room) -> None:
    room.rows.tell(report())
    _, calls = room.claim()
    for _ in range(6):
        room.spine.store.ahead_s += 60
        call = await room.send(calls)
        await calls.ended(call, CallState.DOWN, "refused")

    assert await calls.rest(INK.name) is None


async def test_how_long_prompts_take_is_known_for_each_server(room: Room) -> None:
    for name in "ab":
        room.rows.tell(report(name))
    for server, seconds in (("a", 4.0), ("a", 6.0), ("a", 90.0), ("b", 30.0)):
        _, calls = room.claim()
        call = await room.send(calls, server)
        await calls.answered(call, a_file(), seconds)

    with room.spine.store.read() as connection:
        standings = read_standings(connection, INK.name, room.rows.now())

    assert {one.report.name: one.seconds for one in standings} == {"a": 6.0, "b": 30.0}


# jobs that wait


def test_a_job_that_waits_reads_how_its_server_does(room: Room) -> None:
    room.rows.tell(report())
    claim, _ = room.claim()
    room.park(claim)

    room.rows.tell(report(state=ServerState.BACKOFF, attempt=2))

    job = room.spine.job(claim.job.id)
    assert JobState(job.state) is JobState.WAITING
    assert job.error == "Waiting for ComfyUI a: restarting, attempt 2 of 5."
    view = room.spine.view(claim.job.id)
    assert [one.name for one in view.servers] == ["a"]


def test_a_job_that_waits_goes_on_when_a_server_is_there(room: Room) -> None:
    room.rows.tell(report(state=ServerState.CRASHED))
    claim, _ = room.claim()
    room.park(claim)
    room.spine.reaper.look()
    assert room.spine.step_states(claim.job.id) == [StepState.WAITING]

    room.rows.tell(report(state=ServerState.READY))
    room.spine.reaper.look()

    assert room.spine.step_states(claim.job.id) == [StepState.QUEUED]


def test_a_step_that_waits_for_a_place_goes_on_when_one_is_given_back(room: Room) -> None:
    room.rows.tell(report())
    claim, _ = room.claim()
    room.park(claim, code=NO_ROOM)

    wake_for_room(room.spine.ledger)

    assert room.spine.step_states(claim.job.id) == [StepState.QUEUED]


def test_a_step_that_was_taken_meanwhile_is_not_queued_a_second_time(room: Room) -> None:
    room.rows.tell(report())
    claim, _ = room.claim()

    queue_if_waiting(room.spine.ledger, claim.job.id, claim.step.id)

    assert room.spine.step_states(claim.job.id) == [StepState.RUNNING]


def test_a_server_that_only_tells_that_it_is_well_wakes_nobody(room: Room) -> None:
    room.rows.tell(report(state=ServerState.DOWN))
    claim, _ = room.claim()
    room.park(claim)

    room.rows.tell(report(state=ServerState.DOWN, queue_remaining=3))
    room.spine.reaper.look()

    assert room.spine.step_states(claim.job.id) == [StepState.WAITING]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"state": ServerState.READY}, "ready"),
        ({"state": ServerState.UP}, "ready"),
        ({"state": ServerState.BUSY}, "busy"),
        ({"state": ServerState.FAILED, "reason": "port 1 is taken"}, "given up (port 1 is taken)"),
        ({"state": ServerState.STOPPED, "is_idle": True}, "starts when there is work for it"),
        ({"state": ServerState.STOPPED, "reason": "by x"}, "stopped (by x)"),
    ],
)
def test_what_is_told_of_a_server_is_so(facts: dict[str, Any], words: str) -> None:
    assert ServerReport(name="a", url="http://a", since=0.0, **facts).waits == words


def test_who_waits_for_what_was_given_up_is_told_when_it_is_tried_again() -> None:
    at = time.mktime((2026, 3, 4, 14, 5, 0, 0, 0, -1))
    failed = ServerReport(
        name="a", url="http://a", since=0.0, state=ServerState.FAILED, next_try_at=at, reason="full"
    )

    assert failed.waits == "given up (full), tried again at 14:05"


def test_each_server_is_told_of_in_the_sentence() -> None:
    sentence = away_sentence(
        [report("a", ServerState.STARTING, attempt=1), report("b", ServerState.DOWN)]
    )

    assert sentence == ("Waiting for ComfyUI a: restarting, attempt 1 of 5; b: not reachable.")


# prompts and commands


async def test_a_prompt_is_ours_while_somebody_waits_for_it_and_then_an_orphan(room: Room) -> None:
    room.rows.tell(report())
    claim, calls = room.claim()
    call = await room.send(calls)
    await calls.accepted(call, {"prompt_id": "the-prompt"})
    assert list(room.rows.prompts("a")) == ["the-prompt"]

    room.spine.orders.cancel(room.session, claim.job.id)
    room.spine.ledger.finish(claim, Ending(outcome="cancelled"))

    assert list(room.rows.prompts("a")) == []
    assert list(room.rows.orphans("a")) == ["the-prompt"]
    room.rows.orphan_ended("the-prompt")
    assert list(room.rows.orphans("a")) == []


def test_a_command_is_taken_once_and_the_same_wish_twice_is_one(room: Room) -> None:
    ask(room.spine.store, "a", Verb.RESTART, "operator")
    ask(room.spine.store, "a", Verb.RESTART, "operator")
    ask(room.spine.store, "b", Verb.DRAIN, "operator")

    assert [one.verb for one in room.rows.take_commands("a")] == [Verb.RESTART]
    assert list(room.rows.take_commands("a")) == []


def test_samples_and_incidents_come_back_as_they_were_told(room: Room) -> None:
    room.rows.add_sample("a", Sample(at=10.0, ram_percent=50.0))
    room.rows.add_sample("a", Sample(at=20.0, ram_percent=60.0))
    told = Incident(server="a", kind=IncidentKind.CRASHED, at=15.0, cause="killed", log_tail="x")
    incident = room.rows.note(told)
    room.rows.recovered(incident, 18.0)

    assert [one.ram_percent for one in room.rows.samples("a", 15.0)] == [60.0]
    (found,) = room.rows.incidents("a", 0.0)
    assert (found.cause, found.recovered_at) == ("killed", 18.0)


def test_thinning_keeps_the_peaks_and_what_is_now() -> None:
    samples = [Sample(at=float(at), ram_percent=float(at % 7)) for at in range(70)]

    *peaks, now = thinned(samples, width_s=7)

    assert {one.ram_percent for one in peaks} == {6.0}
    assert now == samples[-1]


# whom auto means


def test_auto_means_a_comfyui_that_is_there_when_it_is_asked_for(room: Room) -> None:
    room.rows.tell(report())

    job = room.submit("auto")

    assert room.spine.job(job).provider == INK.name


@pytest.mark.parametrize("state", [ServerState.DOWN, ServerState.FAILED, ServerState.STOPPED])
def test_auto_means_another_one_where_no_server_is_coming(room: Room, state: ServerState) -> None:
    room.rows.tell(report(state=state))

    assert room.spine.job(room.submit("auto")).provider == OPENAI.name


def test_auto_takes_the_workflow_that_uses_the_references_there_are(room: Room) -> None:
    many = WorkflowFacts(
        name="edit", label="Edit", kind="image", min_references=1, max_references=3
    )
    changes = {"name": "comfyui-edit", "max_references": 3, "workflow": many}
    edit = INK.model_copy(update=changes)
    publish(room.spine.store, [edit, INK.model_copy(update={"max_references": 0}), SKETCH])
    room.rows.tell(report(offers={"ink": Offer(), "edit": Offer()}))
    mei = {"name": "Mei", "description": "", "reference": room.reference()}

    assert room.spine.job(room.submit("auto")).provider == INK.name
    assert room.spine.job(room.submit("auto", characters=[mei])).provider == edit.name


def test_a_panel_that_is_drawn_again_stays_with_its_comfyui(room: Room) -> None:
    room.rows.tell(report())
    board = room.spine.make_scenes(room.session)
    room.spine.work()
    room.rows.tell(report(state=ServerState.DOWN))

    redo = room.spine.redo(room.session, board, 1)

    assert room.spine.job(redo).provider == INK.name


def test_auto_waits_for_a_server_that_is_being_brought_back(room: Room) -> None:
    room.rows.tell(report(state=ServerState.BACKOFF))

    assert room.spine.job(room.submit("auto")).provider == INK.name


def test_a_workflow_that_no_server_can_run_is_refused_with_the_reason(room: Room) -> None:
    lacks = Offer(fault="the model ink.safetensors is not in checkpoints")
    room.rows.tell(report(offers={"ink": lacks}))

    with pytest.raises(RequestRejected, match=r"a: the model ink\.safetensors"):
        room.submit()


def test_a_workflow_is_taken_while_its_server_is_down_and_the_page_says_so(room: Room) -> None:
    room.rows.tell(report(state=ServerState.DOWN))

    room.submit()

    assert room.backends()[INK.name].absence == "ComfyUI a: not reachable"


def test_a_server_of_ours_that_was_never_asked_is_given_the_chance(room: Room) -> None:
    idle = report(state=ServerState.STOPPED, is_owned=True, is_idle=True, offers={})
    room.rows.tell(idle)

    assert room.spine.job(room.submit(options={"steps": 99})).provider == INK.name
    assert room.spine.job(room.submit("auto")).provider == OPENAI.name


def test_auto_counts_on_a_server_that_starts_when_there_is_work(room: Room) -> None:
    room.rows.tell(report(state=ServerState.STOPPED, is_owned=True, is_idle=True))

    assert room.spine.job(room.submit("auto")).provider == INK.name


def test_a_job_is_told_only_of_servers_that_can_draw_it(room: Room) -> None:
    room.rows.tell(report())
    claim, _ = room.claim()
    room.park(claim)
    room.rows.tell(report("b", offers={"ink": Offer(fault="a model is missing")}))

    room.rows.tell(report(state=ServerState.BACKOFF, attempt=1))

    job = room.spine.job(claim.job.id)
    assert job.error == "Waiting for ComfyUI a: restarting, attempt 1 of 5."
    assert [one.name for one in room.spine.view(claim.job.id).servers] == ["a"]


async def test_a_worker_that_lost_its_step_sends_no_prompt_for_it(room: Room) -> None:
    room.rows.tell(report())
    claim, calls = room.claim()
    call = await room.send(calls)
    room.spine.kill_worker_of(claim)
    room.spine.reaper.look()

    with pytest.raises(LeaseLost):
        await calls.accepted(call, {"prompt_id": "p"})


def test_options_are_checked_against_the_form_of_the_workflow(room: Room) -> None:
    room.rows.tell(report())
    room.submit(options={"steps": 20})

    with pytest.raises(RequestRejected, match="from 1 to 50"):
        room.submit(options={"steps": 51})
    with pytest.raises(RequestRejected, match="from 1 to 50"):
        room.submit(options={"steps": 10**400})
    with pytest.raises(RequestRejected, match="no such option"):
        room.submit(options={"stairs": 3})


# clips


def test_a_clip_of_auto_takes_the_first_workflow_that_a_server_can_run(room: Room) -> None:
    room.rows.tell(report())
    board = room.spine.make_scenes(room.session)
    room.spine.work()

    job = room.clips.submit(
        room.session, {"job_id": board, "panels": [2, 1], "prompt": "rain"}, None
    )

    assert room.spine.job(job).provider == CLIP.name
    assert [step.number for step in room.spine.steps(job)] == [1, 2]
    assert room.spine.steps(job)[0].payload["prompt"].endswith("rain")


def test_a_clip_without_a_server_is_refused_with_the_reason(room: Room) -> None:
    board = room.spine.make_scenes(room.session)
    room.spine.work()

    with pytest.raises(RequestRejected, match="No ComfyUI server can make clips now"):
        room.clips.submit(room.session, {"job_id": board}, None)


def test_a_clip_of_somebody_elses_job_finds_none(room: Room) -> None:
    room.rows.tell(report())
    board = room.spine.make_scenes(room.session)

    with pytest.raises(NotFound):
        room.clips.submit(room.spine.session(), {"job_id": board}, None)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "give a picture, or the job"),
        ({"job_id": None, "first_frame": "0" * 20}, "not in this session"),
        ({"panels": [9]}, "there is no picture 9"),
        ({"panels": []}, "a list of 1 to"),
        ({"seconds": 99}, "0.5 to 30"),
        ({"fps": 0}, "1 to 60"),
        ({"width": 10}, "64 to 2048"),
        ({"seed": -1}, "seed"),
        ({"provider": "openai"}, "there is no 'openai'"),
        ({"colour": "red"}, "no such field"),
    ],
)
def test_a_clip_that_cannot_be_is_refused_by_name(
    room: Room, asked: dict[str, Any], why: str
) -> None:
    room.rows.tell(report())
    board = room.spine.make_scenes(room.session)
    room.spine.work()
    request = {"job_id": board} | asked if asked else {}

    with pytest.raises(RequestRejected, match=why):
        room.clips.submit(room.session, request, None)


def test_the_same_key_gives_the_same_clip_job(room: Room) -> None:
    room.rows.tell(report())
    board = room.spine.make_scenes(room.session)
    room.spine.work()

    first = room.clips.submit(room.session, {"job_id": board}, "once")

    assert room.clips.submit(room.session, {"job_id": board}, "once") == first
    with pytest.raises(RequestRejected, match="another request"):
        room.clips.submit(room.session, {"job_id": board, "fps": 24}, "once")
