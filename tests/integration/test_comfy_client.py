"""The ComfyUI client against a server that is a process, and fails on command."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from komadori.backends.comfy.answers import Finished, Missing, Pending, Running
from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.errors import (
    OutputMissing,
    PromptSilent,
    ServerGone,
    ServerSick,
    ServerSilent,
    WorkflowRefused,
)
from komadori.backends.comfy.outputs import OutputFile, expected_files
from komadori.backends.comfy.prompts import PromptId, new_client_id, new_prompt_id
from komadori.errors import BackendRefused
from tests.fakes.comfy_server import ComfyServer, comfy_server, free_port
from tests.integration.comfy_hands import (
    Prompt,
    client_of,
    graph,
    local,
    node,
    strange_server,
    until,
)

pytestmark = pytest.mark.slow

LARGE = 50_000_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComfyServer]:
    with comfy_server(tmp_path / "comfy") as running:
        yield running


@pytest.fixture
async def client(server: ComfyServer) -> AsyncIterator[ComfyClient]:
    async with client_of(server.url) as made:
        yield made


def picture(colour: str = "red") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (32, 24), colour).save(buffer, "PNG")
    return buffer.getvalue()


# the server


async def test_a_server_tells_its_memory_nodes_models_and_log(client: ComfyClient) -> None:
    stats = await client.system_stats()
    scale = await client.node("ImageScale")

    assert stats.version == "0.27.0"
    assert stats.devices[0].vram_total >= stats.devices[0].vram_free > 0
    assert scale is not None
    assert "upscale_method" in scale["input"]["required"]
    assert await client.node("No/../Such Node?") is None
    assert "sd_xl_base_1.0.safetensors" in await client.models("checkpoints")
    assert await client.models("nope") == ()
    assert any("To see the GUI" in line for line in await client.log_tail())
    assert len(await client.log_tail(1)) == 1


async def test_both_dialects_of_node_descriptions_come_as_they_are(client: ComfyClient) -> None:
    old, new = await client.node("KSampler"), await client.node("SaveVideo")

    assert old is not None
    assert new is not None
    assert isinstance(old["input"]["required"]["seed"][0], str)
    assert new["input"]["required"]["codec"]


async def test_free_always_has_a_body(client: ComfyClient, server: ComfyServer) -> None:
    await client.free()
    await client.free(free_memory=False)

    assert [free["asked"] for free in server.seen()["frees"]] == [
        {"unload_models": True, "free_memory": True},
        {"unload_models": True, "free_memory": False},
    ]


# sending


async def test_a_prompt_is_queued_under_our_id_and_found_until_it_is_forgotten(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph())

    entry = await prompt.run()

    assert entry.prompt_id == prompt.id
    assert isinstance(await client.find(prompt.id), Finished)
    assert (await client.history(prompt.id)) == entry
    await client.forget(prompt.id)
    assert await client.find(prompt.id) == Missing()
    assert server.seen()["accepted"] == {prompt.id: 1}


async def test_waiting_prompts_know_how_many_come_before_them(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("foreign", count=1, seconds=30)
    await until(lambda: server.seen()["began"], "the foreign one runs")
    first, second = Prompt(client, graph()), Prompt(client, graph())
    await first.send()
    await second.send()

    queue = await client.queue()

    assert len(queue.running) == 1
    assert [prompt.prompt_id for prompt in queue.pending] == [first.id, second.id]
    assert [prompt.client_id for prompt in queue.pending] == [first.client_id, second.client_id]
    assert await client.find(queue.running[0].prompt_id) == Running()
    assert await client.find(first.id) == Pending(ahead=1)
    assert await client.find(second.id) == Pending(ahead=2)


async def test_a_server_without_jobs_is_asked_for_queue_and_history(tmp_path: Path) -> None:
    with comfy_server(tmp_path / "old", "--comfy-version", "0.3.64") as old:
        async with client_of(old.url) as client:
            prompt, waiting = Prompt(client, graph(steps=200)), Prompt(client, graph())
            await prompt.send()
            await waiting.send()
            await until(lambda: old.seen()["began"], "it runs")

            assert await client.find(prompt.id) == Running()
            assert await client.find(waiting.id) == Pending(ahead=1)
            assert await client.find(new_prompt_id()) == Missing()
            assert await client.interrupt(prompt.id)
            assert (await waiting.run()).ending == "success"


async def test_a_wrong_field_is_refused_by_node_and_field(client: ComfyClient) -> None:
    wrong = graph()
    wrong["4"]["inputs"]["steps"] = 999_999

    with pytest.raises(WorkflowRefused, match=r"Node 4 “Paint” \(KSampler\), field steps: Value"):
        await Prompt(client, wrong).send()


async def test_a_missing_node_is_refused_by_its_class(client: ComfyClient) -> None:
    wrong = graph()
    wrong["5"]["class_type"] = "NoSuchNode"

    with pytest.raises(WorkflowRefused, match="NoSuchNode"):
        await Prompt(client, wrong).send()


async def test_a_success_that_drops_outputs_is_a_refusal_and_does_not_run(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("foreign", count=1, seconds=30)
    await until(lambda: server.seen()["began"], "the foreign one runs")
    wrong = graph()
    wrong["10"] = node("EmptyImage", width=64, height=64, batch_size=1, color=-5)
    wrong["11"] = node("SaveImage", images=["10", 0], filename_prefix="t/more")
    prompt = Prompt(client, wrong)

    with pytest.raises(WorkflowRefused, match=r"Node 10 \(EmptyImage\), field color"):
        await prompt.send()

    assert server.seen()["accepted"] == {**server.seen()["accepted"], prompt.id: 1}
    assert await client.find(prompt.id) == Missing()


async def test_a_malformed_graph_is_not_sent(client: ComfyClient, server: ComfyServer) -> None:
    with pytest.raises(WorkflowRefused, match=r"Export \(API\)"):
        await Prompt(client, {"nodes": [], "links": []}).send()

    assert server.seen()["accepted"] == {}


async def test_a_server_error_for_a_graph_is_a_refusal_while_the_server_is_well(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("status", path="/prompt", method="POST")

    with pytest.raises(WorkflowRefused, match="can't read it"):
        await Prompt(client, graph()).send()


async def test_a_server_error_for_a_graph_is_the_servers_when_it_is_sick(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("status", path="/prompt", method="POST")
    server.do("sick_stats")

    with pytest.raises(ServerSick):
        await Prompt(client, graph()).send()


async def test_an_id_is_never_sent_twice(client: ComfyClient, server: ComfyServer) -> None:
    prompt = Prompt(client, graph())
    await prompt.send()

    with pytest.raises(ValueError, match="no new prompt id"):
        await prompt.send()
    with pytest.raises(ValueError, match="no new prompt id"):
        await Prompt(client, graph(), id=PromptId("ABC")).send()

    assert server.seen()["accepted"] == {prompt.id: 1}


@pytest.mark.parametrize("how", ["cut", "hang"])
async def test_a_prompt_whose_answer_is_lost_is_found_and_not_sent_again(
    server: ComfyServer, how: str
) -> None:
    server.do("lose_answer", path="/prompt", method="POST", how=how)
    async with client_of(server.url, timeout_s=0.5) as client:
        prompt = Prompt(client, graph())
        entry = await prompt.run()

    assert entry.ending == "success"
    assert server.seen()["accepted"] == {prompt.id: 1}


async def test_a_prompt_that_never_arrived_is_said_not_to_be_sent(server: ComfyServer) -> None:
    server.do("hang", path="/prompt", method="POST")
    async with client_of(server.url, timeout_s=0.3, look_for_s=1.5) as client:
        with pytest.raises(ServerSilent, match="was not sent") as caught:
            await Prompt(client, graph()).send()

    assert not caught.value.may_still_run
    assert not caught.value.was_running
    assert server.seen()["accepted"] == {}


async def test_a_frozen_server_may_have_the_prompt(server: ComfyServer) -> None:
    async with client_of(server.url, timeout_s=0.3, look_for_s=1.5) as client:
        prompt = Prompt(client, graph())
        server.kill(signal.SIGSTOP)
        with pytest.raises(ServerSilent, match="may have the prompt") as caught:
            await prompt.send()
        server.thaw()
        await until(lambda: prompt.id in server.seen()["accepted"], "it was taken after all")

    assert caught.value.may_still_run


async def test_a_server_that_is_not_there_was_sent_nothing(unused_port: int) -> None:
    async with client_of(f"http://127.0.0.1:{unused_port}") as client:
        began = time.monotonic()
        with pytest.raises(ServerGone, match="Connection refused") as caught:
            await Prompt(client, graph()).send()

    assert time.monotonic() - began < 1
    assert not caught.value.was_running


async def test_a_server_that_dies_over_a_prompt_may_have_begun_it(server: ComfyServer) -> None:
    server.do("lose_answer", path="/prompt", method="POST", how="hang")
    async with client_of(server.url, timeout_s=5) as client:
        sending = asyncio.create_task(Prompt(client, graph(steps=500)).send())
        await until(lambda: server.seen()["began"], "it runs")
        server.kill()
        with pytest.raises(ServerGone) as caught:
            await sending

    assert caught.value.was_running


async def test_no_such_host_is_a_server_that_is_gone() -> None:
    async with client_of("http://no-such-host.invalid:8188") as client:
        with pytest.raises(ServerGone):
            await client.queue()


# stopping


async def test_a_waiting_prompt_is_withdrawn_and_never_runs(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("foreign", count=1, seconds=2)
    await until(lambda: server.seen()["began"], "the foreign one runs")
    mine, other = Prompt(client, graph()), Prompt(client, graph())
    await mine.send()
    await other.send()

    assert await client.withdraw(mine.id)

    await other.run()
    assert mine.id not in server.seen()["began"]


async def test_a_running_prompt_is_not_withdrawn_but_interrupted(
    client: ComfyClient, server: ComfyServer
) -> None:
    prompt = Prompt(client, graph(steps=500))
    await prompt.send()
    await until(lambda: server.seen()["began"], "it runs")

    assert not await client.withdraw(prompt.id)
    place = await client.stop(prompt.id)

    assert isinstance(place, Finished)
    assert place.entry.ending == "interrupted"


async def test_interrupting_ours_never_stops_anybody_elses(
    client: ComfyClient, server: ComfyServer
) -> None:
    foreign = server.do("foreign", count=1, seconds=1)["ids"][0]
    await until(lambda: server.seen()["began"], "the foreign one runs")
    prompt = Prompt(client, graph())
    await prompt.send()

    assert not await client.interrupt(prompt.id)
    assert not await client.interrupt(new_prompt_id())
    assert await client.stop(prompt.id) == Missing()

    await until(lambda: server.seen()["ended"], "the foreign one ends")
    assert server.seen()["ended"] == [[foreign, "success"]]
    assert server.seen()["interrupts"] == []


async def test_stopping_what_is_over_tells_how_it_ended(client: ComfyClient) -> None:
    prompt = Prompt(client, graph())
    await prompt.run()

    place = await client.stop(prompt.id)

    assert isinstance(place, Finished)
    assert place.entry.ending == "success"
    assert await client.stop(new_prompt_id()) == Missing()


async def test_a_prompt_that_can_not_be_interrupted_is_told_as_silent(
    client: ComfyClient, server: ComfyServer
) -> None:
    server.do("silent", at="start")
    prompt = Prompt(client, graph())
    await prompt.send()
    await until(lambda: server.seen()["began"], "it runs")

    with pytest.raises(PromptSilent) as caught:
        await client.stop(prompt.id, patience_s=0.5)

    assert caught.value.was_running
    assert caught.value.may_still_run


# files


async def test_an_upload_is_named_by_its_contents_and_used_by_a_load_node(
    client: ComfyClient, server: ComfyServer
) -> None:
    red = await client.upload(picture(), suffix=".png")
    again = await client.upload(picture(), suffix=".png")
    blue = await client.upload(picture("blue"), suffix=".png", subfolder="komadori/x")
    load = {
        "1": node("LoadImage", image=blue),
        "9": node("SaveImage", images=["1", 0], filename_prefix="t/loaded"),
    }

    entry = await Prompt(client, load).run()

    assert red == again != blue
    assert red.startswith("komadori/")
    assert blue.startswith("komadori/x/")
    assert entry.files[0].name == "t/loaded_00001_.png"
    assert not any(upload["over"] for upload in server.seen()["uploads"])


async def test_the_returned_name_counts_when_the_server_gives_another(
    client: ComfyClient, server: ComfyServer
) -> None:
    name = await client.upload(picture(), suffix=".png")
    (server.folder / "input" / name).write_bytes(b"cut off")

    other = await client.upload(picture(), suffix=".png")

    assert other != name
    assert (server.folder / "input" / other).read_bytes() == picture()


async def test_a_missing_upload_is_told_so_that_it_is_sent_again(client: ComfyClient) -> None:
    load = {
        "1": node("LoadImage", image="komadori/gone.png"),
        "9": node("SaveImage", images=["1", 0], filename_prefix="t/loaded"),
    }

    with pytest.raises(WorkflowRefused) as caught:
        await Prompt(client, load).send()

    assert caught.value.misses_a_file


@pytest.mark.parametrize("status", [400, 413])
async def test_a_file_that_is_not_taken_is_refused(
    client: ComfyClient, server: ComfyServer, status: int
) -> None:
    server.do("status", path="/upload/image", status=status)

    with pytest.raises(BackendRefused, match="does not take a file"):
        await client.upload(picture(), suffix=".png")


async def test_a_file_is_fetched_whole_and_up_to_a_limit(client: ComfyClient) -> None:
    file = (await Prompt(client, graph()).run()).files[0]

    data = await client.view(file, max_bytes=LARGE)

    with Image.open(BytesIO(data)) as image:
        image.load()
    with pytest.raises(BackendRefused, match="has more than"):
        await client.view(file, max_bytes=len(data) - 1)
    assert await client.view(file, max_bytes=len(data)) == data


async def test_results_are_foretold_and_looked_for(client: ComfyClient) -> None:
    entry = await Prompt(client, graph(prefix="komadori/job/1")).run()
    foretold = expected_files("komadori/job/1", suffix=".png", count=2)

    assert [file.name for file in entry.files] == [foretold[0].name]
    assert await client.probe_file(foretold[0])
    assert not await client.probe_file(foretold[1])
    assert not await client.probe_file(OutputFile(filename="../secret"))


async def test_an_empty_file_is_no_result(client: ComfyClient, server: ComfyServer) -> None:
    server.output("half_00001_.png").parent.mkdir(exist_ok=True)
    server.output("half_00001_.png").touch()

    assert not await client.probe_file(OutputFile(filename="half_00001_.png"))


async def test_a_cached_rerun_names_the_old_file_and_says_so_when_it_is_gone(
    client: ComfyClient, server: ComfyServer
) -> None:
    same = graph()
    first = await Prompt(client, same).run()
    server.output(first.files[0].name).unlink()

    again = await Prompt(client, same).run()

    assert again.files == first.files
    assert again.is_cached(again.files[0])
    with pytest.raises(OutputMissing, match="filename_prefix of its own has it made again"):
        await client.view(again.files[0], max_bytes=LARGE, cached=again.is_cached(again.files[0]))


async def test_a_cached_rerun_has_outputs_though_no_socket_is_open(client: ComfyClient) -> None:
    same = graph()
    await Prompt(client, same).run()
    again = Prompt(client, same)
    await again.send()

    entry = await again.run()

    assert [file.name for file in entry.files]


# what no server should do


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_is_not_followed(unused_port: int, status: int) -> None:
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        where = {"Location": f"http://127.0.0.1:{unused_port}/elsewhere"}
        return web.Response(status=status, headers=where)

    async with strange_server(unused_port, handle), client_of(local(unused_port)) as client:
        with pytest.raises(ServerSick, match="redirect"):
            await client.queue()
        async with client.listener(new_client_id()) as listener:
            assert not listener.is_open

    assert asked == ["/queue", "/ws"]


async def test_no_origin_is_ever_sent(unused_port: int) -> None:
    heads: list[Any] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        heads.append(request.headers)
        return web.json_response({"queue_running": [], "queue_pending": []})

    async with strange_server(unused_port, handle), client_of(local(unused_port)) as client:
        await client.queue()
        async with client.listener(new_client_id()):
            pass

    assert len(heads) == 2
    assert not any("Origin" in head for head in heads)


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>hello</html>", "content_type": "text/html"},
        {"body": b"[" * 1_000_000},
        {"body": b'{"queue_running": 7'},
        {"body": b"{}"},
        {"text": "no", "status": 502},
        {"text": "no", "status": 403},
    ],
)
async def test_another_kind_of_server_is_told_as_a_sick_one(
    unused_port: int, answer: dict[str, Any]
) -> None:
    async def handle(_: web.BaseRequest) -> web.Response:
        return web.Response(**answer)

    async with strange_server(unused_port, handle), client_of(local(unused_port)) as client:
        with pytest.raises(ServerSick):
            await client.queue()


async def test_an_answer_without_end_is_cut_off(
    unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("komadori.backends.comfy.wire.JSON_BYTES", 100_000)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 10_000)
        except ConnectionError:
            return response

    async with strange_server(unused_port, handle), client_of(local(unused_port)) as client:
        with pytest.raises(ServerSick, match="too much"):
            await client.queue()


async def test_an_answer_that_breaks_off_is_a_server_that_is_gone(unused_port: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", unused_port)
    async with listening, client_of(local(unused_port)) as client:
        with pytest.raises(ServerGone, match="hung up"):
            await client.queue()


async def test_a_password_in_the_address_is_sent_and_never_said(
    unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heads: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        heads.append(request.headers.get("Authorization", ""))
        return web.Response(status=500)

    url = f"http://me:hush-hush@127.0.0.1:{unused_port}"
    async with strange_server(unused_port, handle), client_of(url) as client:
        with pytest.raises(ServerSick) as caught:
            await client.queue()
        async with client.listener(new_client_id()):
            pass
    async with client_of(url) as client:
        with pytest.raises(ServerGone) as gone:
            await client.queue()

    assert len(heads) == 2
    assert all(head.startswith("Basic ") for head in heads)
    said = f"{caught.value!r} {gone.value!r} {gone.value.__cause__!r} {caplog.text}"
    assert "hush-hush" not in said


@pytest.fixture
def unused_port() -> int:
    return free_port()
