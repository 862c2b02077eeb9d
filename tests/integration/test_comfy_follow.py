"""Following a prompt: the questions are the truth, whatever the socket and the server do."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from aiohttp import web

from komadori.backends.comfy.answers import Running
from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.errors import (
    GpuBroken,
    OutOfMemory,
    PromptFailed,
    PromptInterrupted,
    PromptLost,
    PromptRemoved,
    PromptSilent,
    ServerGone,
    ServerSick,
    ServerSilent,
)
from komadori.backends.comfy.follow import Preview, Progress, Queued, Started, follow
from komadori.backends.comfy.prompts import new_client_id
from tests.fakes.comfy_server import ComfyServer, comfy_server, free_port
from tests.integration.comfy_hands import (
    QUICK,
    Prompt,
    client_of,
    graph,
    local,
    strange_server,
    until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComfyServer]:
    with comfy_server(tmp_path / "comfy") as running:
        yield running


@pytest.fixture
async def client(server: ComfyServer) -> AsyncIterator[ComfyClient]:
    async with client_of(server.url, timeout_s=0.5) as made:
        yield made


async def begun(server: ComfyServer, prompt: Prompt, **options: Any) -> "asyncio.Task[Any]":
    """Follow a prompt, and return when it runs."""
    following = asyncio.create_task(prompt.run(**options))
    await until(lambda: prompt.id in server.seen()["began"], "it runs")
    await until(lambda: Started() in prompt.told or following.done(), "it is known")
    return following


async def waiting(server: ComfyServer, prompt: Prompt, *, behind_s: float = 30) -> Any:
    """Follow a prompt that waits behind somebody else's."""
    server.do("foreign", count=1, seconds=behind_s)
    await until(lambda: server.seen()["began"], "the foreign one runs")
    following = asyncio.create_task(prompt.run())
    await until(lambda: prompt.heard(Queued), "it waits")
    return following


# how it goes


async def test_a_prompt_is_told_from_its_start_to_its_end(client: ComfyClient) -> None:
    prompt = Prompt(client, graph(steps=5))

    entry = await prompt.run()

    progress = prompt.heard(Progress)
    fractions = [event.fraction for event in progress]
    assert entry.ending == "success"
    assert prompt.told.count(Started()) == 1
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert [event.step for event in progress if event.steps == 5][-1] == 5
    assert "Paint" in {event.title for event in progress}
    assert len(progress) == len(set(progress))
    previews = prompt.heard(Preview)
    assert len(previews) == 5
    assert all(preview.media_type == "image/jpeg" for preview in previews)
    assert all(preview.data.startswith(b"\xff\xd8") for preview in previews)


async def test_a_waiting_prompt_tells_its_place_each_time_that_it_changes(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("foreign", count=3, seconds=0.6)
    prompt = Prompt(client, graph())

    await prompt.run()

    places = [event.ahead for event in prompt.heard(Queued)]
    assert places == sorted(places, reverse=True)
    assert len(places) == len(set(places)) >= 2
    assert prompt.told.index(Started()) >= len(places)


async def test_what_others_draw_is_not_shown(client: ComfyClient, server: ComfyServer) -> None:
    server.do("foreign", count=1, seconds=1, steps=10, client_id=None)  # told to everybody
    await until(lambda: server.seen()["began"], "the foreign one runs")
    prompt = Prompt(client, graph(steps=3))

    await prompt.run()

    assert len(prompt.heard(Preview)) == 3
    first = prompt.told.index(Started())
    assert all(isinstance(event, Queued) for event in prompt.told[:first])


async def test_a_success_is_believed_when_the_history_has_it(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("history_lag", seconds=1)
    prompt = Prompt(client, graph())
    began = time.monotonic()

    entry = await prompt.run()

    assert entry.files
    assert time.monotonic() - began > 1


async def test_the_end_is_noticed_at_once_though_questions_are_rare(client: ComfyClient) -> None:
    prompt = Prompt(client, graph())
    began = time.monotonic()

    await prompt.run(pace=replace(QUICK, ask_s=20))

    assert time.monotonic() - began < 3


async def test_a_prompt_is_adopted_by_another_process(
    client: ComfyClient, server: ComfyServer
) -> None:
    first = Prompt(client, graph(steps=100))
    following = await begun(server, first)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    async with client_of(server.url) as other:
        again = Prompt(other, first.graph, id=first.id, client_id=first.client_id, is_sent=True)
        entry = await again.run()

    assert entry.ending == "success"
    assert again.heard(Progress)
    assert server.seen()["accepted"] == {first.id: 1}


# sockets


async def test_a_mute_server_still_ends(client: ComfyClient, server: ComfyServer) -> None:
    server.do("mute")
    prompt = Prompt(client, graph(steps=20))

    entry = await prompt.run()

    assert entry.ending == "success"
    assert not prompt.heard(Progress)


async def test_a_mute_socket_is_renewed_while_the_prompt_runs(
    client: ComfyClient, server: ComfyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    prompt = Prompt(client, graph(steps=150))
    following = await begun(server, prompt)
    # An older socket of the same id that ends takes the living one's place away with it.
    async with client_of(server.url) as other, other.listener(prompt.client_id):
        pass
    told = len(prompt.told)

    await following

    assert "socket renewed" in caplog.text
    assert len(prompt.told) > told + 10


async def test_a_cut_socket_is_opened_again(client: ComfyClient, server: ComfyServer) -> None:
    prompt = Prompt(client, graph(steps=120))
    following = await begun(server, prompt)
    server.do("cut_sockets")
    await asyncio.sleep(0.3)
    told = len(prompt.told)

    entry = await following

    assert entry.ending == "success"
    assert len(prompt.told) > told + 10


async def test_a_server_that_closes_late_mutes_no_other_attempt(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("close_late", seconds=1)
    await Prompt(client, graph()).run()
    prompt = Prompt(client, graph(steps=5))

    await prompt.run()

    assert len(prompt.heard(Preview)) == 5


async def test_without_any_socket_the_prompt_still_ends(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("status", path="/ws", status=403, times=None)
    prompt = Prompt(client, graph(steps=20))

    entry = await prompt.run()

    assert entry.ending == "success"
    assert prompt.told.count(Started()) == 1


# cancelled


async def test_cancelling_closes_the_socket_at_once_and_leaves_the_prompt_alone(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph(steps=60))
    following = await begun(server, prompt)
    began = time.monotonic()

    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following

    assert time.monotonic() - began < 0.3
    assert await client.find(prompt.id) == Running()
    await until(lambda: server.seen()["ended"], "it goes on")
    assert server.seen()["ended"] == [[prompt.id, "success"]]
    assert server.seen()["interrupts"] == []


async def test_cancelling_does_not_wait_for_a_frozen_server(
    client: ComfyClient, server: ComfyServer
) -> None:
    following = await begun(server, Prompt(client, graph(steps=500)))
    server.kill(signal.SIGSTOP)
    await asyncio.sleep(0.3)
    began = time.monotonic()

    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following

    assert time.monotonic() - began < 0.3


async def test_a_report_that_raises_ends_the_following(client: ComfyClient) -> None:
    prompt = Prompt(client, graph(steps=50))

    def refuse(_: object) -> None:
        raise LookupError("nobody wants to know")

    prompt.report = refuse
    with pytest.raises(LookupError):
        await prompt.run()


# how it ends otherwise


async def test_a_node_that_raises_is_told_and_its_inputs_are_not(
    client: ComfyClient, server: ComfyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.do("exception", message="shapes do not fit")

    with pytest.raises(
        PromptFailed, match=r"node 4 “Paint” .* raised RuntimeError: shapes"
    ) as caught:
        await Prompt(client, graph("a secret word")).run()

    assert caught.value.failure.node_id == "4"
    assert "secret" not in f"{caught.value!r} {caplog.text}"


async def test_running_out_of_memory_is_told_from_other_failures(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("oom")

    with pytest.raises(OutOfMemory):
        await Prompt(client, graph()).run()
    assert (await Prompt(client, graph()).run()).ending == "success"


async def test_a_broken_gpu_is_told_each_time_until_the_server_is_started_anew(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("cuda")

    for _ in range(2):
        with pytest.raises(GpuBroken):
            await Prompt(client, graph()).run()
    server.restart()
    assert (await Prompt(client, graph()).run()).ending == "success"


async def test_a_prompt_that_somebody_interrupts_is_told_so(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph(steps=500))
    following = await begun(server, prompt)
    await client.interrupt(prompt.id)

    with pytest.raises(PromptInterrupted):
        await following


async def test_a_waiting_prompt_that_somebody_deletes_is_removed_and_not_lost(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph())
    following = await waiting(server, prompt)
    server.post("/queue", {"delete": [prompt.id]})

    with pytest.raises(PromptRemoved):
        await following


async def test_a_server_that_was_started_anew_has_lost_the_running_prompt(
    client: ComfyClient, server: ComfyServer
) -> None:
    following = await begun(
        server, Prompt(client, graph(steps=500)), pace=replace(QUICK, refusals=1000)
    )
    await asyncio.to_thread(server.restart)

    with pytest.raises(PromptLost, match="was away") as caught:
        await following

    assert caught.value.was_running
    assert caught.value.was_outage


async def test_a_server_that_was_started_anew_has_lost_the_waiting_prompt(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph())
    prompt.pace = replace(QUICK, refusals=1000)
    following = await waiting(server, prompt)
    server.restart()  # nothing is asked meanwhile: only the socket knows

    with pytest.raises(PromptLost) as caught:
        await following

    assert not caught.value.was_running
    assert caught.value.was_outage


async def test_a_success_that_the_history_never_has_is_lost(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("no_history")

    with pytest.raises(PromptLost, match="history may have been cleared") as caught:
        await Prompt(client, graph()).run()

    assert caught.value.was_running
    assert not caught.value.was_outage


@pytest.mark.parametrize("how", ["sigkill", "sigsegv", 11])
async def test_a_prompt_that_kills_its_server_was_running(
    client: ComfyClient, server: ComfyServer, how: Any
) -> None:
    server.do("die", at="middle", how=how)
    began = time.monotonic()

    with pytest.raises(ServerGone) as caught:
        await Prompt(client, graph()).run()

    assert caught.value.was_running
    assert time.monotonic() - began < 3


async def test_a_prompt_that_kills_its_server_at_its_very_start_was_running(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("die", at="start")

    with pytest.raises(ServerGone) as caught:
        await Prompt(client, graph()).run()

    assert caught.value.was_running


async def test_a_prompt_that_waited_when_the_server_died_was_not_running(
    client: ComfyClient, server: ComfyServer
) -> None:
    following = await waiting(server, Prompt(client, graph()))
    server.kill()

    with pytest.raises(ServerGone) as caught:
        await following

    assert not caught.value.was_running


async def test_a_moment_without_connections_is_put_up_with(
    client: ComfyClient, server: ComfyServer
) -> None:
    following = await begun(
        server, Prompt(client, graph(steps=100)), pace=replace(QUICK, refusals=20)
    )
    server.do("refuse", seconds=0.4)

    assert (await following).ending == "success"


async def test_a_frozen_server_is_silent(client: ComfyClient, server: ComfyServer) -> None:
    following = await begun(server, Prompt(client, graph(steps=500)))
    server.kill(signal.SIGSTOP)

    with pytest.raises(ServerSilent) as caught:
        await following

    assert caught.value.was_running
    assert caught.value.may_still_run


async def test_a_server_that_stands_for_a_while_is_waited_for(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("block", at="middle", seconds=0.8)  # longer than a question may take

    assert (await Prompt(client, graph()).run()).ending == "success"


async def test_questions_that_time_out_end_nothing_while_the_socket_tells(
    client: ComfyClient, server: ComfyServer
) -> None:
    following = await begun(server, Prompt(client, graph(steps=200)))
    server.do("hang", path="/jobs")
    await asyncio.sleep(2.5)  # longer than QUICK.no_answer_s
    assert not following.done()
    server.heal("hang")

    assert (await following).ending == "success"


async def test_a_server_that_only_fails_is_sick(client: ComfyClient, server: ComfyServer) -> None:
    following = await waiting(server, Prompt(client, graph()))
    server.do("status", path="/jobs", times=None)

    with pytest.raises(ServerSick) as caught:
        await following

    assert not caught.value.was_running


async def test_a_running_prompt_that_says_nothing_is_silent(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("silent", at="middle")

    with pytest.raises(PromptSilent, match="told nothing") as caught:
        await Prompt(client, graph()).run(silent_limit_s=1)

    assert caught.value.was_running


async def test_a_lost_worker_thread_is_a_silent_prompt(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("worker_dies", at="middle")

    with pytest.raises(PromptSilent) as caught:
        await Prompt(client, graph()).run(silent_limit_s=1.5)

    assert caught.value.was_running
    assert (await client.queue()).running


async def test_the_log_is_a_sign_of_life_when_all_sockets_are_mute(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("mute")
    prompt = Prompt(client, graph(steps=150))
    following = asyncio.create_task(prompt.run(silent_limit_s=1.2))
    for _ in range(20):
        server.post("/prompt", {"prompt": {}})  # refused, and logged as an error
        await asyncio.sleep(0.15)

    assert (await following).ending == "success"


# servers of other ages


class OldServer:
    """A server before 0.3.45, just as much as is needed: its previews name no prompt."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self.is_stuck = False
        self._is_done = asyncio.Event()

    async def handle(self, request: Any) -> Any:
        match request.path:
            case "/ws":
                return await self._talk(request)
            case "/prompt":
                return web.json_response({"prompt_id": self._prompt.id, "node_errors": {}})
            case "/queue":
                return web.json_response(self._queue())
            case "/internal/logs/raw":
                return web.json_response({"entries": []})
            case path if path.startswith("/history/"):
                status = {"status_str": "success", "completed": True, "messages": []}
                return web.json_response({self._prompt.id: {"outputs": {}, "status": status}})
        return web.Response(status=404)

    def _queue(self) -> dict[str, Any]:
        ours = [[0, self._prompt.id, {}, {}, []]]
        running = [] if self.is_stuck or self._is_done.is_set() else ours
        return {"queue_running": running, "queue_pending": ours if self.is_stuck else []}

    async def _talk(self, request: Any) -> Any:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.is_stuck:
            await asyncio.sleep(5)
        await asyncio.sleep(0.3)  # until the prompt is there
        ours = {"prompt_id": self._prompt.id}
        for kind, data in (
            ("execution_start", ours),
            ("executing", {**ours, "node": "4"}),
            ("progress", {**ours, "node": "4", "value": 1, "max": 2}),
        ):
            await socket.send_json({"type": kind, "data": data})
        await socket.send_bytes(pack(">II", 1, 1) + b"\xff\xd8 a preview")
        await socket.send_json({"type": "executing", "data": {**ours, "node": None}})
        await asyncio.sleep(0.1)
        self._is_done.set()
        await asyncio.sleep(5)
        return socket


async def test_an_old_servers_previews_are_ours_while_our_prompt_runs(unused_port: int) -> None:
    async with client_of(local(unused_port)) as client:
        prompt = Prompt(client, graph())
        async with strange_server(unused_port, OldServer(prompt).handle):
            await prompt.run()

    assert prompt.heard(Preview) == [Preview(data=b"\xff\xd8 a preview", media_type="image/jpeg")]
    assert (prompt.heard(Progress)[-1].step, prompt.heard(Progress)[-1].steps) == (1, 2)


async def test_a_prompt_that_is_next_and_never_begins_is_silent_but_did_not_run(
    unused_port: int,
) -> None:
    async with client_of(local(unused_port)) as client:
        prompt = Prompt(client, graph())
        old = OldServer(prompt)
        old.is_stuck = True
        async with strange_server(unused_port, old.handle):
            await prompt.send()
            with pytest.raises(PromptSilent, match="has begun no prompt") as caught:
                async with client.listener(new_client_id()) as deaf:
                    await follow(
                        client, prompt.id, deaf, graph={}, report=prompt.told.append, pace=QUICK
                    )

    assert not caught.value.was_running
    assert prompt.told == [Queued(ahead=0)]


@pytest.fixture
def unused_port() -> int:
    return free_port()
