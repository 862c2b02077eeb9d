"""The routes of the fake ComfyUI, each also below /api: what it answers, and with which status."""

import asyncio
import json
import logging
import mimetypes
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from aiohttp import web
from PIL import Image

from tests.fakes.comfy_books import Books
from tests.fakes.comfy_files import KINDS, Folders, Outside
from tests.fakes.comfy_jobs import STATES, all_jobs, one_job
from tests.fakes.comfy_log import Lines
from tests.fakes.comfy_nodes import MODELS, Catalog
from tests.fakes.comfy_queue import PromptQueue
from tests.fakes.comfy_sockets import FEATURES, Hub
from tests.fakes.comfy_stats import Stats
from tests.fakes.comfy_validate import Validator, Verdict, problem
from tests.fakes.comfy_worker import Worker

log = logging.getLogger("fake.comfy")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_NOT_A_UUID = (
    "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
    "omit it to let the server generate one"
)


@dataclass
class Routes:
    """Answers for one server."""

    queue: PromptQueue
    hub: Hub
    catalog: Catalog
    folders: Folders
    worker: Worker
    books: Books
    stats: Stats
    lines: Lines
    number: int = 0

    def __post_init__(self) -> None:
        self._validator = Validator(self.catalog, self.folders, is_old=self.stats.is_old)

    def add_to(self, app: web.Application) -> None:
        """Add all routes; the jobs are there only below /api, and not in old versions."""
        for method, path, handler in self._both():
            app.router.add_route(method, path, handler)
            app.router.add_route(method, f"/api{path}", handler)
        if not self.stats.is_old:
            app.router.add_get("/api/jobs", self._jobs)
            app.router.add_get("/api/jobs/{id}", self._job)
            app.router.add_post("/api/jobs/{id}/cancel", self._cancel)
        # The pages' files are served from all other paths: 404 to GET, and 405 to POST.
        app.router.add_get("/{path:.*}", _nothing)

    def _both(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/", self._page),
            ("GET", "/ws", self.hub.handle),
            ("GET", "/system_stats", self._system_stats),
            ("GET", "/features", self._features),
            ("GET", "/prompt", self._length),
            ("POST", "/prompt", self._submit),
            ("GET", "/queue", self._queue),
            ("POST", "/queue", self._change_queue),
            ("POST", "/interrupt", self._interrupt),
            ("POST", "/free", self._free),
            ("GET", "/history", self._history),
            ("GET", "/history/{id}", self._history),
            ("POST", "/history", self._change_history),
            ("GET", "/view", self._view),
            ("POST", "/upload/image", self._upload),
            ("POST", "/upload/mask", self._upload),
            ("GET", "/object_info", self._object_info),
            ("GET", "/object_info/{name}", self._one_info),
            ("GET", "/models", self._model_folders),
            ("GET", "/models/{folder}", self._models),
            ("GET", "/embeddings", self._embeddings),
            ("GET", "/internal/logs/raw", self._logs),
        ]

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="<title>ComfyUI</title>", content_type="text/html")

    async def _system_stats(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.stats.told())

    async def _features(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(FEATURES)

    async def _embeddings(self, _: web.Request) -> web.StreamResponse:
        return web.json_response([])

    async def _logs(self, _: web.Request) -> web.StreamResponse:
        size = {"cols": 80, "rows": 24}
        return web.json_response({"entries": self.lines.entries(), "size": size})

    # prompts

    async def _length(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"exec_info": {"queue_remaining": self.queue.remaining()}})

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        log.info("got prompt")
        number = self._next_number(told)
        if "prompt" not in told:
            text = "No prompt provided"
            return _refusal(Verdict(problem("no_prompt", text, text)))
        told["prompt"].items()  # its nodes are replaced here: a list ends the request
        prompt_id = str(told.get("prompt_id") or uuid.uuid4())
        if not self.stats.is_old and not _is_uuid(prompt_id):
            text = "prompt_id must be a valid UUID"
            return _refusal(Verdict(problem("invalid_prompt_id", text, _NOT_A_UUID)))
        verdict = self._validator.verdict(told["prompt"], told.get("partial_execution_targets"))
        if verdict.error:
            self._log_refusal(prompt_id, verdict)
            return _refusal(verdict)
        extra = dict(told.get("extra_data", {}))
        if "client_id" in told:
            extra["client_id"] = told["client_id"]
        extra["create_time"] = int(time.time() * 1000)
        self._take_in(number, prompt_id, told["prompt"], extra, verdict.outputs)
        answer = {"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors}
        return web.json_response(answer)

    def _take_in(
        self, number: float, prompt_id: str, prompt: Any, extra: Any, outputs: list[str]
    ) -> None:
        self.books.note("accepted", id=prompt_id, number=number, client_id=extra.get("client_id"))
        self.queue.put((number, prompt_id, prompt, extra, outputs))

    def add_foreign(self, prompt: dict[str, Any], client_id: str | None, step_s: float) -> str:
        """Take in a prompt as if another client had sent it."""
        extra: dict[str, Any] = {
            "create_time": int(time.time() * 1000),
            "fake_step_seconds": step_s,
        }
        if client_id is not None:
            extra["client_id"] = client_id
        prompt_id = str(uuid.uuid4())
        outputs = self._validator.verdict(prompt).outputs
        self._take_in(self._next_number({}), prompt_id, prompt, extra, outputs)
        return prompt_id

    def _next_number(self, told: dict[str, Any]) -> float:
        if "number" in told:
            return float(told["number"])
        number = -self.number if told.get("front") else self.number
        self.number += 1
        return number

    def _log_refusal(self, prompt_id: str, verdict: Verdict) -> None:
        self.books.note("refused", id=prompt_id, error=verdict.error)
        log.error("invalid prompt: %s", verdict.error)

    # queue and history

    async def _queue(self, _: web.Request) -> web.StreamResponse:
        running, pending = self.queue.current()
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def _change_queue(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        if told.get("clear"):
            self.books.note("deleted", all=True)
            self.queue.clear()
        for prompt_id in told.get("delete", []):
            was_there = self.queue.delete(prompt_id)
            self.books.note("deleted", id=prompt_id, was_there=was_there)
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.StreamResponse:
        try:
            told = await request.json()
        except json.JSONDecodeError:
            told = {}
        prompt_id = told.get("prompt_id")
        hits = not prompt_id or prompt_id in self.queue.running_ids()
        self.books.note("interrupt", id=prompt_id, hits=hits, running=self.queue.running_ids())
        if hits:
            self.worker.interrupt()
        return web.Response()

    async def _free(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        self.books.note("free", asked=told)
        for name in ("unload_models", "free_memory"):
            if told.get(name):
                self.queue.set_flag(name, value=True)
        return web.Response()

    async def _history(self, request: web.Request) -> web.StreamResponse:
        at_most = request.query.get("max_items")
        prompt_id = request.match_info.get("id")
        entries = self.queue.history(
            prompt_id,
            at_most=int(at_most) if at_most else None,
            offset=int(request.query.get("offset", -1)),
        )
        return web.json_response(entries)

    async def _change_history(self, request: web.Request) -> web.StreamResponse:
        told = await request.json()
        if told.get("clear"):
            self.queue.forget_all()
        for prompt_id in told.get("delete", []):
            self.queue.forget(prompt_id)
        return web.Response()

    async def _jobs(self, request: web.Request) -> web.StreamResponse:
        jobs = all_jobs(self.queue)
        if wanted := request.query.get("status"):
            states = wanted.split(",")
            if unknown := [state for state in states if state not in STATES]:
                return web.json_response({"error": f"Invalid status: {unknown}"}, status=400)
            jobs = [job for job in jobs if job["status"] in states]
        offset = int(request.query.get("offset", 0))
        limit = int(request.query["limit"]) if "limit" in request.query else None
        end = len(jobs) if limit is None else offset + limit
        pagination = {
            "offset": offset,
            "limit": limit,
            "total": len(jobs),
            "has_more": end < len(jobs),
        }
        return web.json_response({"jobs": jobs[offset:end], "pagination": pagination})

    async def _job(self, request: web.Request) -> web.StreamResponse:
        job = one_job(self.queue, request.match_info["id"], is_newer=not self.stats.is_recorded)
        if job is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(job)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        prompt_id = request.match_info["id"]
        is_running = prompt_id in self.queue.running_ids()
        if is_running:
            self.worker.interrupt()
        is_done = is_running or self.queue.delete(prompt_id)
        self.books.note("cancel", id=prompt_id, cancelled=is_done)
        return web.json_response({"cancelled": is_done})

    # files

    async def _view(self, request: web.Request) -> web.StreamResponse:
        name, kind = request.query.get("filename"), request.query.get("type", "output")
        if not name or name.startswith("/") or ".." in name or kind not in KINDS:
            return web.Response(status=400)
        try:
            path = self.folders.inside(kind, request.query.get("subfolder", ""), name)
        except Outside:
            return web.Response(status=403)
        if not path.is_file():
            return web.Response(status=404)
        headers = {
            "Content-Disposition": f'filename="{path.name}"',
            "Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
        }
        if wanted := request.query.get("preview"):
            form, _, quality = wanted.partition(";")
            data = await asyncio.to_thread(_converted, path.read_bytes(), form, quality)
            headers["Content-Type"] = f"image/{form}"
            return web.Response(body=data, headers=headers)
        return web.FileResponse(path, headers=headers)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        fields = await request.post()
        image: Any = fields.get("image")
        if not image or not image.file or not image.filename:
            return web.Response(status=400)
        told = {key: str(value) for key, value in fields.items()}
        return self._keep_upload(image.filename, image.file.read(), told)

    def _keep_upload(self, name: str, data: bytes, fields: dict[str, str]) -> web.Response:
        kind, subfolder = fields.get("type", "input"), fields.get("subfolder", "")
        is_over = fields.get("overwrite") in ("true", "1")
        try:
            kept = self.folders.keep_upload(kind, subfolder, name, data, over=is_over)
        except Outside:
            return web.Response(status=400)
        told = {"name": kept, "subfolder": subfolder, "type": kind}
        self.books.note("uploaded", size=len(data), over=is_over, **told)
        return web.json_response(told)

    # nodes and models

    async def _object_info(self, _: web.Request) -> web.StreamResponse:
        names = self.catalog.names()
        return web.json_response({name: self.catalog.described(name) for name in names})

    async def _one_info(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        told = {name: self.catalog.described(name)} if self.catalog.has(name) else {}
        return web.json_response(told)

    async def _model_folders(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(list(MODELS))

    async def _models(self, request: web.Request) -> web.StreamResponse:
        names = self.catalog.models(request.match_info["folder"])
        return web.Response(status=404) if names is None else web.json_response(names)


async def _nothing(_: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


def _refusal(verdict: Verdict) -> web.Response:
    body = {"error": verdict.error, "node_errors": verdict.node_errors}
    return web.json_response(body, status=400)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _converted(data: bytes, form: str, quality: str) -> bytes:
    with Image.open(BytesIO(data)) as picture:
        buffer = BytesIO()
        picture.convert("RGB").save(buffer, form, quality=int(quality or 90))
    return buffer.getvalue()
