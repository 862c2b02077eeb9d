"""The fake ComfyUI: it answers as the real one does, and fails as it is told.

With KOMADORI_REAL_COMFY (a URL) the answers of a real server are looked at in the same way; with
KOMADORI_COMFY_RECORDINGS (a folder) recorded refusals are asked for again and compared.
"""

import asyncio
import json
import os
import signal
import struct
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import av
import psutil
import pytest
from PIL import Image

from tests.fakes.comfy_drawing import colour_of
from tests.fakes.comfy_server import ComfyServer, comfy_server, free_port
from tests.integration.processes import until

pytestmark = pytest.mark.slow

_REAL = os.environ.get("KOMADORI_REAL_COMFY")
_RECORDINGS = os.environ.get("KOMADORI_COMFY_RECORDINGS")
_WORKFLOWS = Path(__file__).resolve().parents[2] / "config" / "workflows"
_WAIT_S = 20

Json = dict[str, Any]


def node(name: str, **inputs: Any) -> Json:
    return {"class_type": name, "inputs": inputs}


def picture(prefix: str = "t/run", *, colour: int = 255, width: int = 64) -> Json:
    """A prompt that needs no model."""
    return {
        "1": node("EmptyImage", width=width, height=48, batch_size=1, color=colour),
        "2": node("EmptyImage", width=width, height=48, batch_size=1, color=0),
        "3": node(
            "ImageBlend", image1=["1", 0], image2=["2", 0], blend_factor=0.5, blend_mode="normal"
        ),
        "9": node("SaveImage", images=["3", 0], filename_prefix=prefix),
    }


def drawing(text: str = "a fox", *, seed: int = 1, steps: int = 4, prefix: str = "t/drawn") -> Json:
    """A prompt that draws in steps."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "2": node("CLIPTextEncode", text=text, clip=["1", 1]),
        "3": node("CLIPTextEncode", text="", clip=["1", 1]),
        "4": node("EmptyLatentImage", width=96, height=64, batch_size=1),
        "5": node(
            "KSampler",
            model=["1", 0],
            seed=seed,
            steps=steps,
            cfg=4.0,
            sampler_name="euler",
            scheduler="normal",
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
            denoise=1.0,
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "9": node("SaveImage", images=["6", 0], filename_prefix=prefix),
    }


@dataclass
class Caller:
    """Asks one server, fake or real."""

    url: str
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **kwargs) as answer:
            body = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(body) if is_json else body

    async def submit(self, prompt: Any, **more: Any) -> tuple[int, Any]:
        return await self.ask("POST", "/prompt", json={"prompt": prompt, **more})

    async def entry(self, prompt_id: str) -> Json:
        """Wait for the entry in the history."""
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            _, history = await self.ask("GET", f"/history/{prompt_id}")
            if history:
                found: Json = history[prompt_id]
                return found
            await asyncio.sleep(0.02)
        pytest.fail(f"no history of {prompt_id}")

    async def run(self, prompt: Json, client_id: str | None = "tester", **more: Any) -> Json:
        """Submit, and return the entry in the history."""
        if client_id is not None:
            more["client_id"] = client_id
        status, answer = await self.submit(prompt, **more)
        assert status == 200, answer
        return await self.entry(answer["prompt_id"])

    async def upload(self, name: str, data: bytes, **fields: str) -> tuple[int, Any]:
        form = aiohttp.FormData()
        form.add_field("image", data, filename=name, content_type="image/png")
        for key, value in fields.items():
            form.add_field(key, value)
        return await self.ask("POST", "/upload/image", data=form)


class Listener:
    """One socket, and all that came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[Any] = []

    async def until_idle(self, prompt_id: str, *, within_s: float = _WAIT_S) -> list[Any]:
        """Return all messages up to the end mark of a prompt; binary ones as (event, bytes)."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.socket.receive()
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.messages.append((struct.unpack(">I", message.data[:4])[0], message.data))
                    continue
                assert message.type == aiohttp.WSMsgType.TEXT, message
                self.messages.append(json.loads(message.data))
                data = self.messages[-1]["data"]
                is_end = "node" in data and data["node"] is None
                if is_end and data["prompt_id"] == prompt_id:
                    return self.messages

    def kinds(self) -> list[str]:
        """The kinds of all messages but the first status."""
        return [f"binary {m[0]}" if isinstance(m, tuple) else m["type"] for m in self.messages[1:]]


async def listen(caller: Caller, client_id: str, *, metadata: bool = False) -> Listener:
    socket = await caller.http.ws_connect(f"{caller.url}/ws?clientId={client_id}")
    listener = Listener(socket)
    if metadata:
        flags = {"supports_preview_metadata": True}
        await socket.send_json({"type": "feature_flags", "data": flags})
    listener.messages.append(await socket.receive_json())
    if metadata:
        assert (await socket.receive_json())["type"] == "feature_flags"
    return listener


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    with comfy_server(tmp_path_factory.mktemp("comfy"), "--step-seconds", "0.01") as server:
        yield server


@pytest.fixture(params=["fake", "real"])
async def caller(request: pytest.FixtureRequest, shared: ComfyServer) -> AsyncIterator[Caller]:
    if request.param == "real" and not _REAL:
        pytest.skip("KOMADORI_REAL_COMFY is not set")
    url = _REAL if request.param == "real" else shared.url
    async with aiohttp.ClientSession() as http:
        yield Caller(str(url).rstrip("/"), http)


@pytest.fixture
async def fake(shared: ComfyServer) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        yield Caller(shared.url, http)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ComfyServer]:
    with comfy_server(tmp_path / "comfy", "--step-seconds", "0.02") as own:
        yield own


@pytest.fixture
async def own(server: ComfyServer) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as http:
        yield Caller(server.url, http)


def _png(colour: str = "red") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
    return buffer.getvalue()


# answers


async def test_system_stats_tell_of_memory_and_command_line(caller: Caller) -> None:
    status, told = await caller.ask("GET", "/system_stats")

    assert status == 200
    system, device = told["system"], told["devices"][0]
    assert {"os", "ram_total", "ram_free", "comfyui_version", "argv", "pytorch_version"} <= {
        *system
    }
    assert {"--port", "--base-directory"} <= {*system["argv"]}
    names = ["name", "type", "index", "vram_total", "vram_free"]
    assert list(device) == [*names, "torch_vram_total", "torch_vram_free"]
    assert isinstance(system["ram_free"], int)


async def test_a_prompt_is_told_in_the_order_of_the_recordings(caller: Caller) -> None:
    client_id = uuid.uuid4().hex
    listener = await listen(caller, client_id)
    colour = uuid.uuid4().int % 0xFFFFFF
    status, answer = await caller.submit(picture(colour=colour), client_id=client_id)
    await listener.until_idle(answer["prompt_id"])

    assert status == 200
    assert list(answer) == ["prompt_id", "number", "node_errors"]
    kinds = listener.kinds()
    assert kinds[:4] == ["status", "status", "execution_start", "execution_cached"]
    assert kinds[-5:] == ["executed", "progress_state", "execution_success", "status", "executing"]
    told = next(m for m in listener.messages if m["type"] == "executed")["data"]
    assert {*told} == {"node", "display_node", "output", "prompt_id"}
    assert {*told["output"]["images"][0]} >= {"filename", "subfolder", "type"}
    state = next(m for m in listener.messages if m["type"] == "progress_state")["data"]
    first = next(iter(state["nodes"].values()))
    names = {"value", "max", "state", "node_id", "prompt_id", "display_node_id"}
    assert {*first} == {*names, "parent_node_id", "real_node_id"}


async def test_the_history_has_prompt_outputs_status_and_meta(caller: Caller) -> None:
    entry = await caller.run(picture("sub/history"))

    assert {*entry} == {"prompt", "outputs", "status", "meta"}
    assert len(entry["prompt"]) == 5
    assert entry["prompt"][3]["client_id"] == "tester"
    assert entry["prompt"][4] == ["9"]
    assert entry["status"]["status_str"] == "success"
    kinds = [kind for kind, _ in entry["status"]["messages"]]
    assert kinds == ["execution_start", "execution_cached", "execution_success"]
    meta = {"node_id": "9", "display_node": "9", "parent_node": None, "real_node_id": "9"}
    assert entry["meta"] == {"9": meta}
    file = entry["outputs"]["9"]["images"][0]
    assert file["subfolder"] == "sub"


async def test_a_job_tells_all_in_one_look(caller: Caller) -> None:
    entry = await caller.run(picture())
    prompt_id = entry["prompt"][1]
    status, job = await caller.ask("GET", f"/api/jobs/{prompt_id}")

    assert status == 200
    assert job["status"] == "completed"
    assert {"id", "priority", "create_time", "outputs", "execution_status", "workflow"} <= {*job}
    assert job["outputs"] == entry["outputs"]
    unknown = await caller.ask("GET", f"/api/jobs/{uuid.uuid4()}")
    assert unknown == (404, {"error": "Job not found"})
    cancelled = await caller.ask("POST", f"/api/jobs/{prompt_id}/cancel")
    assert cancelled == (200, {"cancelled": False})


async def test_the_same_prompt_again_is_cached_and_names_the_old_file(caller: Caller) -> None:
    client_id = uuid.uuid4().hex
    prompt = picture(f"t/{client_id}")
    first = await caller.run(prompt)
    listener = await listen(caller, client_id)
    _, answer = await caller.submit(prompt, client_id=client_id)
    await listener.until_idle(answer["prompt_id"])
    again = await caller.entry(answer["prompt_id"])

    start = ["status", "status", "execution_start", "execution_cached", "executed"]
    assert listener.kinds() == [
        *start,
        "progress_state",
        "execution_success",
        "status",
        "executing",
    ]
    assert again["outputs"] == first["outputs"]
    assert sorted(again["status"]["messages"][1][1]["nodes"]) == ["1", "2", "3", "9"]


async def test_another_prefix_makes_only_a_new_file(caller: Caller) -> None:
    await caller.run(picture(f"t/{uuid.uuid4()}"))
    entry = await caller.run(picture(f"new-{uuid.uuid4()}/x"))

    assert sorted(entry["status"]["messages"][1][1]["nodes"]) == ["1", "2", "3"]
    assert entry["outputs"]["9"]["images"][0]["filename"] == "x_00001_.png"


async def test_a_saved_picture_can_be_seen(caller: Caller) -> None:
    entry = await caller.run(picture("t/view"))
    file = entry["outputs"]["9"]["images"][0]
    status, data = await caller.ask("GET", "/view", params=file)

    with Image.open(BytesIO(data)) as saved:
        assert saved.size == (64, 48)
        assert json.loads(saved.info["prompt"])["9"]["class_type"] == "SaveImage"
    missing = await caller.ask("GET", "/view", params={**file, "filename": "none.png"})
    above = await caller.ask("GET", "/view", params={**file, "filename": "../x.png"})
    outside = await caller.ask("GET", "/view", params={**file, "subfolder": "../.."})
    assert (status, missing[0], above[0], outside[0]) == (200, 404, 400, 403)


async def test_clips_are_images_that_are_animated(caller: Caller) -> None:
    prompt = {
        "1": node("EmptyImage", width=128, height=96, batch_size=6, color=255),
        "2": node(
            "SaveAnimatedWEBP",
            images=["1", 0],
            filename_prefix=f"anim-{uuid.uuid4()}",
            fps=6.0,
            lossless=False,
            quality=80,
            method="default",
        ),
        "3": node("CreateVideo", images=["1", 0], fps=12.0),
        "4": node("SaveVideo", video=["3", 0], filename_prefix="v/c", format="auto", codec="auto"),
        "5": node("PreviewAny", source=["6", 0]),
        "6": node("PrimitiveString", value="hello"),
    }
    entry = await caller.run(prompt)

    outputs = entry["outputs"]
    assert outputs["5"] == {"text": ["hello"]}
    assert outputs["2"]["animated"] == outputs["4"]["animated"] == [True]
    _, webp = await caller.ask("GET", "/view", params=outputs["2"]["images"][0])
    _, mp4 = await caller.ask("GET", "/view", params=outputs["4"]["images"][0])
    with Image.open(BytesIO(webp)) as moving:
        assert moving.is_animated or moving.n_frames == 1  # equal frames may be joined
    with av.open(BytesIO(mp4)) as clip:
        stream = clip.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (128, 96, 12)
        assert len(list(clip.decode(video=0))) == 6


async def test_uploads_keep_a_name_unless_other_bytes_have_it(caller: Caller) -> None:
    name = f"{uuid.uuid4()}.png"
    first = await caller.upload(name, _png())
    again = await caller.upload(name, _png())
    other = await caller.upload(name, _png("blue"))
    over = await caller.upload(name, _png("green"), subfolder="app/x", overwrite="true")

    told = {"name": name, "subfolder": "", "type": "input"}
    assert [first[0], again[0], other[0], over[0]] == [200] * 4
    assert {**first[1], **told} == first[1]
    assert again[1]["name"] == name
    assert other[1]["name"] == name.replace(".png", " (1).png")
    assert over[1]["subfolder"] == "app/x"
    entry = await caller.run(
        {
            "1": node("LoadImage", image=f"app/x/{name}"),
            "2": node("SaveImage", images=["1", 0], filename_prefix="t/loaded"),
        }
    )
    _, data = await caller.ask("GET", "/view", params=entry["outputs"]["2"]["images"][0])
    with Image.open(BytesIO(data)) as saved:
        assert saved.size == (40, 30)
        assert saved.getpixel((1, 1)) == (0, 128, 0)
    outside = await caller.upload(name, _png(), subfolder="../../x")
    bad_type = await caller.upload(name, _png(), type="zzz")
    nothing = await caller.ask("POST", "/upload/image", data={"type": "input"})
    assert (outside[0], bad_type[0], nothing[0]) == (400, 500, 400)


def _changed(node_id: str, **inputs: Any) -> Json:
    prompt = picture()
    prompt[node_id]["inputs"].update(inputs)
    return prompt


_REFUSALS = [
    (_changed("1", width=99_999), "1", "value_bigger_than_max"),
    (_changed("1", width=-5), "1", "value_smaller_than_min"),
    (_changed("1", width="abc"), "1", "invalid_input_type"),
    (_changed("3", blend_mode="magic"), "3", "value_not_in_list"),
    (_changed("3", image1=["1"]), "3", "bad_linked_input"),
    (_changed("3", image1=["77", 0]), "3", "exception_during_inner_validation"),
    (_changed("9", images=["77", 0]), "9", "exception_during_validation"),
    (_changed("3", image1=["3", 0]), "3", "dependency_cycle"),
    (
        {**picture(), "1": node("LoadImage", image="gone.png")},
        "1",
        "custom_validation_failed",
    ),
    ({**picture(), "1": node("EmptyImage", height=5, batch_size=1)}, "1", "required_input_missing"),
    ({**picture(), "1": node("PrimitiveString", value="x")}, "3", "return_type_mismatch"),
]


@pytest.mark.parametrize(("prompt", "node_id", "kind"), _REFUSALS, ids=lambda v: str(v)[:24])
async def test_a_wrong_prompt_is_refused_with_the_node(
    caller: Caller, prompt: Json, node_id: str, kind: str
) -> None:
    status, answer = await caller.submit(prompt)

    assert status == 400
    assert answer["error"]["type"] == "prompt_outputs_failed_validation"
    told = answer["node_errors"][node_id]
    assert told["class_type"] == prompt[node_id]["class_type"]
    assert told["dependent_outputs"] == ["9"]
    error = next(error for error in told["errors"] if error["type"] == kind)
    assert {*error} == {"type", "message", "details", "extra_info"}


async def test_a_prompt_that_is_none_is_refused_or_breaks_the_answer(caller: Caller) -> None:
    without_class = picture()
    del without_class["1"]["class_type"]
    cases = [
        ({"prompt": {}}, 400, "prompt_no_outputs"),
        ({"client_id": "x"}, 400, "no_prompt"),
        ({"prompt": picture(), "prompt_id": "not-a-uuid"}, 400, "invalid_prompt_id"),
        ({"prompt": picture(), "prompt_id": str(uuid.uuid4()).upper()}, 400, "invalid_prompt_id"),
        ({"prompt": {**picture(), "1": node("NoSuchNode")}}, 400, "missing_node_type"),
        ({"prompt": without_class}, 400, "missing_node_type"),
        ({"prompt": []}, 500, None),
        ({"prompt": {"nodes": [], "links": [], "version": 0.4}}, 500, None),
    ]
    for body, expected, kind in cases:
        status, answer = await caller.ask("POST", "/prompt", json=body)
        assert status == expected, body
        if kind:
            assert answer["error"]["type"] == kind
            assert answer["node_errors"] == {}
    no_json = await caller.ask("POST", "/prompt", data="{nope")
    no_body = await caller.ask("POST", "/free")
    foreign = await caller.ask(
        "POST", "/prompt", json={"prompt": picture()}, headers={"Origin": "http://evil.example"}
    )
    assert (no_json[0], no_body[0], foreign[0]) == (500, 500, 403)


async def test_some_outputs_may_be_dropped_behind_a_200(caller: Caller) -> None:
    prompt = {
        **_changed("3", blend_factor=7.0),
        "10": node("SaveImage", images=["1", 0], filename_prefix="t/two"),
    }
    status, answer = await caller.submit(prompt)

    assert status == 200
    assert answer["node_errors"]["3"]["dependent_outputs"] == ["9"]
    assert {*(await caller.entry(answer["prompt_id"]))["outputs"]} == {"10"}


async def test_numbers_go_up_with_every_post(caller: Caller) -> None:
    _, first = await caller.submit(picture())
    await caller.submit({})
    _, second = await caller.submit(picture())
    _, front = await caller.submit(picture(), front=True)
    _, given = await caller.submit(picture(), number=5)

    assert second["number"] == first["number"] + 2
    assert front["number"] == -(second["number"] + 1)
    assert given["number"] == 5.0
    await caller.entry(given["prompt_id"])


async def test_one_class_is_described_alone(caller: Caller) -> None:
    _, one = await caller.ask("GET", "/object_info/ImageScale")
    _, none = await caller.ask("GET", "/object_info/NoSuchNode")
    _, every = await caller.ask("GET", "/object_info")

    assert none == {}
    assert one["ImageScale"]["input"]["required"]["crop"] == [["disabled", "center"]]
    assert every["SaveImage"]["output_node"] is True
    missing = await caller.ask("GET", "/models/nope")
    assert missing[0] == 404
    assert "checkpoints" in (await caller.ask("GET", "/models"))[1]


async def test_nothing_is_known_of_a_prompt_that_was_never_sent(caller: Caller) -> None:
    prompt_id = str(uuid.uuid4())

    assert await caller.ask("GET", f"/history/{prompt_id}") == (200, {})
    for body in ({}, {"prompt_id": prompt_id}):
        assert (await caller.ask("POST", "/interrupt", json=body))[0] == 200
    for path in ("/queue", "/history"):
        assert (await caller.ask("POST", path, json={"delete": [prompt_id]}))[0] == 200


@pytest.mark.skipif(not _RECORDINGS, reason="KOMADORI_COMFY_RECORDINGS is not set")
async def test_recorded_refusals_are_given_again(fake: Caller) -> None:
    await fake.upload("a.png", _png(), subfolder="app/x", overwrite="true")
    for name, recorded in _recorded("invalid_*"):
        body = recorded["request_body"]
        sent = {"json": body} if isinstance(body, dict) else {"data": body}
        status, answer = await fake.ask("POST", "/prompt", **sent)

        assert status == recorded["status"], name
        if isinstance(answer, dict):
            assert _lean(answer) == _lean(recorded["body"]), name


@pytest.mark.skipif(not _RECORDINGS, reason="KOMADORI_COMFY_RECORDINGS is not set")
async def test_a_recorded_stream_is_told_again(own: Caller) -> None:
    await own.upload("a.png", _png(), subfolder="app/x", overwrite="true")
    (_, asked), (_, stream) = *_recorded("post_prompt_ok"), *_recorded("ws_success")
    body = asked["request_body"]
    listener = await listen(own, body["client_id"])
    status, answer = await own.ask("POST", "/prompt", json=body)
    messages = await listener.until_idle(body["prompt_id"])
    entry = await own.entry(body["prompt_id"])

    assert (status, answer) == (200, asked["body"])
    assert [_timeless(message) for message in messages] == [_timeless(told) for told in stream]
    ((_, recorded),) = _recorded("history_one_success")
    assert _timeless(entry) == _timeless(next(iter(recorded.values())))


def _recorded(name: str) -> list[tuple[str, Any]]:
    """Return recordings by name, sorted."""
    found = sorted(Path(str(_RECORDINGS)).glob(f"{name}.json"))
    return [(path.name, json.loads(path.read_text())) for path in found]


def _timeless(value: Any) -> Any:
    """Leave out times."""
    if isinstance(value, dict):
        times = ("timestamp", "t", "create_time")
        return {key: _timeless(one) for key, one in value.items() if key not in times}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _lean(value: Any) -> Any:
    """Leave out what differs between versions and between runs."""
    volatile = ("traceback", "input_config", "prompt_id", "number")
    if isinstance(value, dict):
        return {key: _lean(one) for key, one in value.items() if key not in volatile}
    return [_lean(one) for one in value] if isinstance(value, list) else value


# what only the fake can show without a model


def _shipped(name: str) -> Json:
    prompt: Json = json.loads((_WORKFLOWS / f"{name}.json").read_text())
    return prompt


@pytest.mark.parametrize("name", [path.stem for path in sorted(_WORKFLOWS.glob("*.json"))])
async def test_the_shipped_workflows_run(fake: Caller, name: str) -> None:
    prompt = _shipped(name)
    for one in prompt.values():
        if one["class_type"] == "LoadImage":
            image = one["inputs"]["image"]
            assert (await fake.upload(image, _png(), overwrite="true"))[0] == 200
        for key in ("steps", "length"):  # quicker
            if isinstance(one["inputs"].get(key), int):
                one["inputs"][key] = 5
    entry = await fake.run(prompt)

    assert entry["status"]["status_str"] == "success", entry["status"]
    assert any(output.get("images") for output in entry["outputs"].values())


async def test_text_and_seed_decide_the_picture(fake: Caller) -> None:
    colours = set()
    for text, seed in (("a fox", 1), ("a fox", 2), ("a hen", 1)):
        entry = await fake.run(drawing(text, seed=seed))
        _, data = await fake.ask("GET", "/view", params=entry["outputs"]["9"]["images"][0])
        with Image.open(BytesIO(data)) as drawn:
            assert drawn.size == (96, 64)
            assert drawn.getpixel((0, 0)) == colour_of(text, seed)
            colours.add(drawn.getpixel((0, 0)))
    assert len(colours) == 3


@pytest.mark.parametrize(("metadata", "kinds"), [(True, [4, 0]), (False, [0, 1])])
async def test_previews_come_in_the_form_that_was_agreed(
    fake: Caller, metadata: bool, kinds: list[int]
) -> None:
    client_id = uuid.uuid4().hex
    listener = await listen(fake, client_id, metadata=metadata)
    seed = uuid.uuid4().int % 1000_000
    _, answer = await fake.submit(drawing(seed=seed, steps=2), client_id=client_id)
    messages = await listener.until_idle(answer["prompt_id"])

    order = [m[0] if isinstance(m, tuple) else 0 for m in messages if isinstance(m, tuple)
             or m["type"] == "progress"]  # fmt: skip
    assert order == kinds * 2
    event, data = next(m for m in messages if isinstance(m, tuple))
    if event == 4:
        length = struct.unpack(">I", data[4:8])[0]
        told = json.loads(data[8 : 8 + length])
        assert told["prompt_id"] == answer["prompt_id"]
        assert told["image_type"] == "image/jpeg"
        data = data[8 + length :]
    else:
        assert struct.unpack(">I", data[4:8]) == (1,)
        data = data[8:]
    assert data.startswith(b"\xff\xd8\xff")


async def _kinds_heard(listener: Listener) -> set[aiohttp.WSMsgType]:
    """Return what kinds of messages come until it is silent."""
    heard = set()
    with suppress(TimeoutError):
        while True:
            heard.add((await listener.socket.receive(timeout=0.3)).type)
    return heard


async def test_without_a_client_everybody_hears_and_a_cached_one_has_no_outputs(
    fake: Caller,
) -> None:
    listener = await listen(fake, uuid.uuid4().hex)
    prompt = drawing(seed=uuid.uuid4().int % 1000_000)
    first = await fake.run(prompt, None)
    again = await fake.run(prompt, None)
    heard = await _kinds_heard(listener)

    assert aiohttp.WSMsgType.BINARY in heard
    assert first["outputs"]
    assert again["outputs"] == {}
    assert again["status"]["status_str"] == "success"


async def test_an_interrupt_by_id_ends_that_prompt_only(own: Caller) -> None:
    _, running = await own.submit(drawing(steps=500), client_id="a")
    _, waiting = await own.submit(drawing("next", steps=2), client_id="b")
    _, gone = await own.submit(drawing("gone"), client_id="b")
    await own.ask("POST", "/queue", json={"delete": [running["prompt_id"], gone["prompt_id"]]})
    await own.ask("POST", "/interrupt", json={"prompt_id": waiting["prompt_id"]})
    _, length = await own.ask("GET", "/prompt")
    await own.ask("POST", "/interrupt", json={"prompt_id": running["prompt_id"]})
    ended = await own.entry(running["prompt_id"])
    after = await own.entry(waiting["prompt_id"])

    assert length == {"exec_info": {"queue_remaining": 2}}
    assert ended["status"]["status_str"] == "error"
    assert ended["status"]["messages"][-1][0] == "execution_interrupted"
    assert after["status"]["status_str"] == "success"
    assert await own.ask("GET", f"/history/{gone['prompt_id']}") == (200, {})
    _, job = await own.ask("GET", f"/api/jobs/{running['prompt_id']}")
    assert job["status"] == "cancelled"


async def test_waiting_prompts_are_listed_in_heap_order(own: Caller) -> None:
    for number in range(5):
        await own.submit(drawing(seed=number, steps=300), front=number == 4)
    _, queue = await own.ask("GET", "/queue")

    numbers = [item[0] for item in queue["queue_pending"]]
    assert queue["queue_running"][0][0] == 0
    assert sorted(numbers) == [-4, 1, 2, 3]
    assert numbers[0] == -4
    assert numbers != sorted(numbers)


async def test_an_id_is_not_looked_for_when_it_comes_again(
    own: Caller, server: ComfyServer
) -> None:
    prompt_id = str(uuid.uuid4())
    await own.submit(drawing(), prompt_id=prompt_id, client_id="a")
    await own.submit(drawing(), prompt_id=prompt_id, client_id="a")
    server.wait_for("ended", 2)

    assert server.seen()["accepted"] == {prompt_id: 2}
    assert server.seen()["began"] == [prompt_id, prompt_id]


async def test_the_history_comes_after_the_success(own: Caller, server: ComfyServer) -> None:
    server.do("history_lag", seconds=0.5)
    listener = await listen(own, "a")
    _, answer = await own.submit(picture(), client_id="a")
    while (await listener.socket.receive_json())["type"] != "execution_success":
        pass

    assert await own.ask("GET", f"/history/{answer['prompt_id']}") == (200, {})
    assert (await own.entry(answer["prompt_id"]))["outputs"]


# faults


@pytest.mark.parametrize(
    ("how", "code"), [("sigkill", -9), ("sigsegv", -11), ("sigterm", -15), (3, 3)]
)
@pytest.mark.parametrize("at", ["middle", "saved"])
def test_it_dies_of_a_text_with_and_without_the_file(
    server: ComfyServer, how: str | int, code: int, at: str
) -> None:
    server.do("die", how=how, marker="killer", at=at)
    server.post("/prompt", {"prompt": drawing("harmless", prefix="k/a")})
    server.wait_for("ended")
    server.post("/prompt", {"prompt": drawing("a killer", prefix="k/b")})

    assert server.ended() == code
    assert server.output("k/a_00001_.png").exists()
    assert server.output("k/b_00001_.png").exists() == (at == "saved")
    server.start()
    assert server.get("/queue") == {"queue_running": [], "queue_pending": []}
    assert server.seen()["starts"] == 2


def test_it_dies_after_so_many_prompts_and_on_its_next_starts(server: ComfyServer) -> None:
    server.do("die", how=7, nth=2, at="success")
    server.leave("fail_start", times=2, code=1, port_taken=True)
    for seed in range(2):
        server.post("/prompt", {"prompt": drawing(seed=seed)})
    assert server.ended() == 7
    for _ in range(2):
        server.start(is_awaited=False)
        assert server.ended() == 1
    server.start()

    assert "already in use" in server.log
    assert len(server.seen()["ended"]) == 2


def test_it_starts_slowly_with_a_closed_port(tmp_path: Path) -> None:
    fault = json.dumps({"do": "slow_start", "seconds": 0.7, "talks": False})
    server = ComfyServer(tmp_path / "comfy", "--fault", fault, starts=False)
    began = time.monotonic()
    server.start()
    try:
        assert time.monotonic() - began > 0.7
        assert "custom nodes" not in server.log
    finally:
        server.stop()


def test_a_second_one_on_the_port_wipes_temp_and_ends(server: ComfyServer) -> None:
    (server.folder / "temp" / "x.png").write_bytes(b"x")
    second = ComfyServer(server.folder, port=server.port, starts=False)
    second.start(is_awaited=False)

    assert second.ended() == 1
    assert f"Port {server.port} is already in use" in second.log
    assert not (server.folder / "temp" / "x.png").exists()
    assert server.answers()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, -15)])
def test_it_ends_in_the_middle_of_a_prompt(
    server: ComfyServer, signum: signal.Signals, code: int
) -> None:
    server.post("/prompt", {"prompt": drawing(steps=1000)})
    server.wait_for("began")
    server.kill(signum)

    assert server.ended() == code
    assert ("Stopped server" in server.log) == (code == 0)


def test_it_freezes_and_goes_on(server: ComfyServer) -> None:
    server.do("freeze", marker="cold")
    server.post("/prompt", {"prompt": drawing("cold")})
    process = psutil.Process(server.pid)
    until(lambda: process.status() == psutil.STATUS_STOPPED, "it is frozen")
    with pytest.raises(TimeoutError):
        server.get("/queue", timeout_s=0.3)
    server.thaw()

    server.wait_for("ended")


def test_it_refuses_and_comes_back(server: ComfyServer) -> None:
    server.do("refuse", seconds=0.5)
    until(lambda: not server.answers(), "it refuses")
    until(server.answers, "it is back")


async def test_requests_hang_fail_come_late_or_lose_their_answer(
    own: Caller, server: ComfyServer
) -> None:
    server.do("status", path="/queue", status=503)
    assert (await own.ask("GET", "/queue"))[0] == 503
    assert (await own.ask("GET", "/queue"))[0] == 200
    server.do("hang", path="/queue")
    with pytest.raises(TimeoutError):
        await own.ask("GET", "/queue", timeout=aiohttp.ClientTimeout(0.2))
    server.heal()
    server.do("delay", path="/api/queue".removeprefix("/api"), seconds=0.3)
    began = time.monotonic()
    assert (await own.ask("GET", "/api/queue"))[0] == 200
    assert time.monotonic() - began > 0.3
    server.do("lose_answer", path="/prompt", method="POST")
    with pytest.raises(aiohttp.ClientError):
        await own.submit(drawing("lost answer"))
    server.wait_for("ended")
    assert server.seen()["drawn"] == {"lost answer": 1}


async def test_the_worker_is_lost_behind_healthy_answers(own: Caller, server: ComfyServer) -> None:
    server.do("worker_dies", marker="wedge")
    _, stuck = await own.submit(drawing("wedge"), client_id="a")
    until(lambda: "Exception in thread Thread-12 (prompt_worker)" in server.log, "it is lost")
    status, _ = await own.submit(drawing("after"), client_id="a")
    await own.ask("POST", "/interrupt", json={"prompt_id": stuck["prompt_id"]})

    assert status == 200
    assert server.answers()
    _, queue = await own.ask("GET", "/queue")
    assert [len(queue["queue_running"]), len(queue["queue_pending"])] == [1, 1]
    server.restart()
    assert server.seen()["drawn"] == {}


async def test_errors_of_nodes_leave_it_alive_but_a_poisoned_gpu_does_not(
    own: Caller, server: ComfyServer
) -> None:
    server.do("exception", marker="bad", message="no such thing\n")
    server.do("oom", marker="big")
    server.do("cuda", marker="poison")
    kinds = []
    for text in ("bad", "big", "fine", "poison", "fine too"):
        entry = await own.run(drawing(text))
        last, data = entry["status"]["messages"][-1]
        kinds.append(data.get("exception_type", last))

    oom, cuda = "torch.OutOfMemoryError", "torch.AcceleratorError"
    assert kinds == ["RuntimeError", oom, "execution_success", cuda, cuda]
    assert {"node_id", "node_type", "executed", "traceback", "current_inputs"} <= {*data}
    assert "CUDA error: an illegal memory access" in server.log


async def test_a_silent_job_can_be_interrupted_or_not(own: Caller, server: ComfyServer) -> None:
    server.do("silent", marker="quiet", seconds=30, interruptible=True)
    server.do("silent", marker="deaf", seconds=0.6)
    _, quiet = await own.submit(drawing("quiet"), client_id="a")
    _, deaf = await own.submit(drawing("deaf"), client_id="a")
    await asyncio.sleep(0.3)
    await own.ask("POST", "/interrupt", json={"prompt_id": quiet["prompt_id"]})
    assert (await own.entry(quiet["prompt_id"]))["status"]["status_str"] == "error"
    until(lambda: deaf["prompt_id"] in server.seen()["began"], "the second runs")
    await asyncio.sleep(0.2)
    await own.ask("POST", "/interrupt", json={"prompt_id": deaf["prompt_id"]})

    assert await own.ask("GET", f"/history/{deaf['prompt_id']}") == (200, {})
    assert (await own.entry(deaf["prompt_id"]))["status"]["status_str"] == "error"


async def test_all_threads_stand_while_the_lock_is_held(own: Caller, server: ComfyServer) -> None:
    server.do("block", seconds=0.8)
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await own.ask("GET", "/queue")

    assert time.monotonic() - began > 0.4


async def test_a_mute_socket_stays_open(own: Caller, server: ComfyServer) -> None:
    server.do("mute")
    socket = await own.http.ws_connect(f"{own.url}/ws?clientId=a")
    entry = await own.run(drawing(), "a")
    with pytest.raises(TimeoutError):
        await socket.receive(timeout=0.2)

    assert entry["status"]["status_str"] == "success"
    assert not socket.closed


async def test_a_socket_that_closes_late_mutes_its_successor(
    own: Caller, server: ComfyServer
) -> None:
    server.do("close_late", seconds=0.3)
    first = await listen(own, "a")
    await first.socket.close()
    second = await listen(own, "a")
    await asyncio.sleep(0.5)
    await own.run(drawing(), "a")
    with pytest.raises(TimeoutError):
        await second.socket.receive(timeout=0.2)


async def test_history_and_queue_can_be_lost(own: Caller, server: ComfyServer) -> None:
    entry = await own.run(drawing())
    server.do("drop_history")
    assert await own.ask("GET", f"/history/{entry['prompt'][1]}") == (200, {})
    server.do("no_history", times=1)
    _, answer = await own.submit(drawing("vanishes"))
    server.wait_for("ended", 2)
    until(lambda: not server.get("/queue")["queue_running"], "it is over")
    assert await own.ask("GET", f"/history/{answer['prompt_id']}") == (200, {})
    server.do("foreign", count=3, seconds=5)
    server.do("lose_queue")
    assert server.get("/prompt") == {"exec_info": {"queue_remaining": 1}}


async def test_memory_leaks_and_is_healed_by_free(own: Caller, server: ComfyServer) -> None:
    process = psutil.Process(server.pid)
    server.do("ram", total_mb=16_000, free_mb=8_000, heals=True)
    server.do("vram", free_mb=300)
    server.do("leak", mb=30, shown_mb=500, heals=True)
    before = process.memory_info().rss
    for seed in range(3):
        await own.run(drawing(seed=seed))
    _, stats = await own.ask("GET", "/system_stats")

    mb = 1024 * 1024
    assert stats["system"]["ram_free"] == (8_000 - 3 * 500) * mb
    assert stats["devices"][0]["type"] == "cuda"
    assert stats["devices"][0]["vram_free"] == 300 * mb
    assert process.memory_info().rss - before > 80 * mb
    await own.ask("POST", "/free", json={"unload_models": True, "free_memory": True})
    until(lambda: server.get("/system_stats")["system"]["ram_total"] != 16_000 * mb, "healed")
    assert server.seen()["frees"][0]["asked"]["free_memory"] is True


async def test_it_runs_slowly_until_it_is_healed(own: Caller, server: ComfyServer) -> None:
    def seconds_of(entry: Json) -> float:
        first, last = (entry["status"]["messages"][place][1]["timestamp"] for place in (0, -1))
        return float(last - first) / 1000

    server.do("slow", factor=8)
    slow = seconds_of(await own.run(drawing(seed=1)))
    server.heal("slow")
    quick = seconds_of(await own.run(drawing(seed=2)))

    assert slow > 4 * 0.02 * 8
    assert quick < slow


async def test_a_server_may_lack_classes_and_models(own: Caller, server: ComfyServer) -> None:
    server.do("lacks", names=["KSampler"])
    server.do("models", folder="checkpoints", names=["other.safetensors"])
    assert (await own.ask("GET", "/object_info/KSampler"))[1] == {}
    assert (await own.submit(drawing()))[0] == 400
    server.heal("lacks")
    _, answer = await own.submit(drawing())
    assert answer["node_errors"]["1"]["errors"][0]["type"] == "value_not_in_list"


def test_an_old_version_has_no_jobs_and_takes_any_id(tmp_path: Path) -> None:
    with comfy_server(tmp_path / "comfy", "--comfy-version", "0.3.64") as server:
        assert server.get("/system_stats")["system"]["os"] == "posix"
        answer = server.post("/prompt", {"prompt": drawing(), "prompt_id": "job-1"})
        assert answer["prompt_id"] == "job-1"
        for wrong in ({"nodes": []}, {"1": node("NoSuchNode")}):
            answer = server.post("/prompt", {"prompt": wrong})
            assert answer["error"]["type"] == "invalid_prompt"
        with pytest.raises(OSError, match="404"):
            server.get("/api/jobs/job-1")
        assert server.post("/api/jobs/job-1/cancel", {}) is None


def test_it_dies_when_all_is_told_and_kept(server: ComfyServer) -> None:
    server.do("die", at="done", how=4)
    server.post("/prompt", {"prompt": drawing(prefix="k/done")})

    assert server.ended() == 4
    assert server.seen()["drawn"] == {"a fox": 1}
    assert server.output("k/done_00001_.png").exists()


def test_the_manager_has_it_end_and_leaves_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("__COMFY_CLI_SESSION__", str(tmp_path / "session"))
    with comfy_server(tmp_path / "comfy") as server:
        server.post("/manager/reboot", {})
        assert server.ended() == 0
    assert (tmp_path / "session.reboot").exists()


def test_one_that_others_have_started_is_found_and_ended(server: ComfyServer) -> None:
    other = ComfyServer(server.folder, port=server.port, starts=False)

    assert [process.pid for process in other.living()] == [server.pid]
    other.stop_all()
    assert server.ended() == -9


def test_an_unknown_fault_is_refused(server: ComfyServer) -> None:
    with pytest.raises(AssertionError, match="no fault"):
        server.do("explode")
    with pytest.raises(ValueError, match="can't be done"):
        server.leave("mute", at="middle")


def test_strict_folders_and_options_end_the_start(tmp_path: Path) -> None:
    with comfy_server(tmp_path / "comfy", "--strict", starts=False) as server:
        server.start(is_awaited=False)
        assert server.ended() == 1
        (server.folder / "custom_nodes").mkdir()
        server.start()
        server.stop()
        server.options = ("--strict", "--no-such-option")
        server.start(is_awaited=False)
        assert server.ended() == 2


def test_nothing_listens_before_it_is_started(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="refused"):
        ComfyServer(tmp_path, port=free_port(), starts=False).get("/queue")
