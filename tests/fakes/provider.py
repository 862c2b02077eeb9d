"""An image provider for tests: it speaks the real protocols, lies on command, counts its bills.

`python -m tests.fakes.provider --port 0 --folder DIR` prints its address when it is ready. All it
knows is in DIR, so that it goes on after a kill where it was: `bills.jsonl` (a line for each order
at the moment in which the real provider would charge for it), `requests.jsonl` and `answers.jsonl`,
`faults` (see provider_faults.py), `held` (a file for each request that is being held; take it away
to let it go on), `results` and `tasks`.
"""

import argparse
import asyncio
import base64
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from tests.fakes.provider_books import Books, write_whole
from tests.fakes.provider_exchange import Answer, Answered, Exchange, Gone, spoilt
from tests.fakes.provider_jiekou import task_answer
from tests.fakes.provider_order import Call, Made, Order, Part, Refusal
from tests.fakes.provider_pictures import bomb, draw
from tests.fakes.provider_shapes import KEYS, bad_key, endpoint_of, judge_key

_MAX_BODY = 512 * 1024 * 1024
_NOT_A_PICTURE = b"This is not a picture."
_PRIVATE = "http://169.254.169.254/latest/meta-data/picture.png"
_STEPS = (("TASK_STATUS_QUEUED", 0), ("TASK_STATUS_PROCESSING", 50), ("TASK_STATUS_SUCCEED", 100))


class Provider:
    """Answers requests. Everything that must outlive a kill is in the folder."""

    def __init__(self, folder: Path) -> None:
        self.address = ""
        self._folder = folder
        self._books = Books(folder)
        for name in ("held", "results", "tasks"):
            (folder / name).mkdir(exist_ok=True)
        for mark in (folder / "held").iterdir():  # who was held died with the last process
            mark.unlink()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of any path."""
        exchange = self._open(request)
        try:
            answer = await self._answer(exchange)
            self._books.note_answer(exchange.facts["id"], answer.status, len(answer.body))
            return await exchange.send(answer)
        except (Gone, ConnectionError, web.RequestPayloadError):
            return exchange.response or web.Response(status=400)

    def _open(self, request: web.Request) -> Exchange:
        endpoint = endpoint_of(request.method, request.path, request.headers)
        facts = {
            "id": uuid.uuid4().hex[:12],
            "method": request.method,
            "path": request.path,
            "shape": endpoint.shape,
            "kind": endpoint.kind,
        }
        self._books.note_request(facts["id"], {**facts, **_told_of_headers(request, facts)})
        return Exchange(request, endpoint, facts, self._folder)

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            await exchange.reach("arrived")
            answer = await self._good_answer(exchange)
            for fault in exchange.taken("answer"):
                answer = spoilt(answer, fault)
        except Refusal as exc:
            return exchange.complaint(exc.status, exc.message, param=exc.param, code=exc.code)
        except Answered as exc:
            return exc.answer
        return answer

    async def _good_answer(self, exchange: Exchange) -> Answer:
        match exchange.endpoint.kind:
            case "create":
                return await self._create(exchange)
            case "poll":
                return await self._poll(exchange)
            case "result":
                return await self._result(exchange)
        await exchange.reach("received")
        raise Refusal(f"Unknown request URL: {exchange.facts['path']}.", status=404)

    async def _create(self, exchange: Exchange) -> Answer:
        request, endpoint = exchange.request, exchange.endpoint
        assert endpoint.check is not None
        call = await _read(request)
        _check_key(exchange)
        order = await asyncio.to_thread(endpoint.check, call)
        exchange.facts.update(model=order.model, prompt=order.prompt)
        await exchange.reach("received")
        key = request.headers.get("Idempotency-Key")
        self._books.bill(exchange.facts["id"], endpoint.shape, order, key)
        await exchange.reach("billed")
        made = await self._make(exchange, order)
        if endpoint.is_task:
            return self._open_task(order, made)
        return Answer.of(200, endpoint.speaker.answer(order, made))

    async def _make(self, exchange: Exchange, order: Order) -> list[Made]:
        drawn = [await asyncio.to_thread(draw, order, number) for number in range(order.n)]
        url = ""
        for fault in exchange.taken("making"):
            match fault.act:
                case "empty":
                    drawn = []
                case "not_a_picture":
                    drawn = [_NOT_A_PICTURE] * order.n
                case "bomb":
                    drawn = [bomb()] * order.n
                case "private_url":
                    url = str(fault.options.get("to", _PRIVATE))
        return [self._made(data, order.form, url) for data in drawn]

    def _made(self, data: bytes, form: str, url: str) -> Made:
        name = f"{uuid.uuid4().hex}.{form}"
        write_whole(self._folder / "results" / name, data)
        encoded = base64.b64encode(data).decode()
        return Made(encoded, url or f"{self.address}/results/{name}", form)

    def _open_task(self, order: Order, made: list[Made]) -> Answer:
        task = {
            "task_id": uuid.uuid4().hex,
            "model": order.model,
            "prompt": order.prompt,
            "urls": [one.url for one in made],
            "polls": 0,
        }
        self._keep(task)
        return Answer.of(200, {"task_id": task["task_id"]})

    def _keep(self, task: dict[str, Any]) -> None:
        write_whole(self._folder / "tasks" / f"{task['task_id']}.json", json.dumps(task))

    async def _poll(self, exchange: Exchange) -> Answer:
        _check_key(exchange)
        task = self._task(exchange.request.query.get("task_id", ""))
        exchange.facts.update(model=task["model"], prompt=task["prompt"])
        await exchange.reach("received")
        await exchange.reach("billed")
        status, progress = _STEPS[min(task["polls"], len(_STEPS) - 1)]
        told = {**task, "status": status, "progress": progress, "reason": ""}
        for fault in exchange.taken("making"):
            match fault.act:
                case "stuck":
                    told.update(status="TASK_STATUS_QUEUED", progress=0)
                case "failed":
                    reason = fault.options.get("reason", "the model ran out of memory")
                    told.update(status="TASK_STATUS_FAILED", reason=reason)
                case "lost":
                    raise _no_such_task()
        self._keep({**task, "polls": task["polls"] + 1})
        return Answer.of(200, task_answer(told))

    def _task(self, task_id: str) -> dict[str, Any]:
        path = self._folder / "tasks" / f"{task_id}.json"
        if not task_id.isalnum() or not path.exists():
            raise _no_such_task()
        task: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return task

    async def _result(self, exchange: Exchange) -> Answer:
        await exchange.reach("received")
        await exchange.reach("billed")
        path = self._folder / "results" / Path(exchange.request.path).name
        if not path.exists():
            return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
        return Answer(200, path.read_bytes(), f"image/{path.suffix[1:]}")


def _no_such_task() -> Refusal:
    return Refusal("task not found", status=404)


def _check_key(exchange: Exchange) -> None:
    shape, headers = exchange.endpoint.shape, exchange.request.headers
    if judge_key(shape, headers) != "right":
        raise bad_key(shape, headers)


def _told_of_headers(request: web.Request, facts: dict[str, str]) -> dict[str, Any]:
    """Return what may be written about headers: never what a key looks like."""
    values = [*request.headers.values(), *request.query.values()]
    return {
        "host": request.headers.get("Host"),
        "headers": sorted(request.headers),
        "query": sorted(request.query),
        "key": judge_key(facts["shape"], request.headers),
        "keys_seen": sorted(
            shape for shape, key in KEYS.items() if any(key in value for value in values)
        ),
        "idempotency_key": request.headers.get("Idempotency-Key"),
    }


async def _read(request: web.Request) -> Call:
    model = request.path.rpartition("/")[2].partition(":")[0]
    if request.content_type == "multipart/form-data":
        try:
            parts = await _parts(await request.multipart())
        except ValueError as exc:
            raise Refusal("We could not parse the multipart body of your request.") from exc
        return Call(model_in_path=model, parts=parts, size=sum(len(part.data) for part in parts))
    body = await request.read()
    if request.content_type != "application/json":
        raise Refusal(f"Unsupported content type: '{request.content_type}'.", status=415)
    try:
        fields = json.loads(body)
    except ValueError as exc:
        raise Refusal("We could not parse the JSON body of your request.") from exc
    is_object = isinstance(fields, dict)
    return Call(model_in_path=model, fields=fields if is_object else None, size=len(body))


async def _parts(reader: MultipartReader) -> tuple[Part, ...]:
    parts: list[Part] = []
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise Refusal("Nested multipart bodies are not supported.")
        content_type = part.headers.get("Content-Type", "text/plain").partition(";")[0]
        data = bytes(await part.read())
        parts.append(Part(part.name or "", part.filename, content_type, data))
    return tuple(parts)


async def serve(folder: Path, port: int) -> None:
    """Serve until the process is ended."""
    provider = Provider(folder)
    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{path:.*}", provider.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    provider.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sys.stdout.write(f"listening on {provider.address}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.folder, arguments.port))


if __name__ == "__main__":
    main()
