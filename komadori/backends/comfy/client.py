"""What can be asked of one ComfyUI server. It validates, runs and keeps prompts only in its memory.

Found by running real servers (0.3.64 to 0.27): an id that is sent twice runs twice; an answer of
success may have dropped outputs; /interrupt without an id stops anybody's prompt; and a prompt is
always in exactly one of queue and history, so that one asks for the queue first.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from komadori.backends.comfy import answers
from komadori.backends.comfy.answers import (
    Finished,
    HistoryEntry,
    Missing,
    Pending,
    Place,
    Queue,
    Running,
    SystemStats,
    Unreadable,
)
from komadori.backends.comfy.errors import (
    OutputMissing,
    PromptSilent,
    ServerFault,
    ServerSick,
    WorkflowRefused,
)
from komadori.backends.comfy.listener import Listener
from komadori.backends.comfy.looking import look_for
from komadori.backends.comfy.outputs import OutputFile
from komadori.backends.comfy.prompts import (
    ClientId,
    Graph,
    PromptId,
    graph_fault,
    is_prompt_id,
    malformed,
)
from komadori.backends.comfy.refusals import read_faults
from komadori.backends.comfy.wire import Reply, TooLarge, Wire, path_of
from komadori.errors import BackendRefused

log = logging.getLogger(__name__)

_Read = TypeVar("_Read")

_FILE_S = 120.0
_NOTICE_S = 0.25
_INTERRUPT_AGAIN_S = 2.0
_UNREADABLE = "the server can't read it (500); export it again in API format"
_NO_FILE = frozenset({400, 403, 404})
_UPLOAD_REFUSED = frozenset({400, 413})


class ComfyClient:
    """One ComfyUI server. One instance per event loop.

    `url` comes from the settings. Whatever is asked may raise ServerGone, ServerSilent or
    ServerSick; the methods name only what else they raise.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        http: aiohttp.ClientSession,
        timeout_s: float = 10.0,
        look_for_s: float = 30.0,
    ) -> None:
        """`look_for_s`: for how long to look for a prompt whose POST was not answered."""
        self.name = name
        self.url = url.rstrip("/")
        self._http = http
        self._wire = Wire(name, url, http, timeout_s=timeout_s)
        self._look_for_s = look_for_s
        self._sent: set[PromptId] = set()
        self._has_jobs = True

    # the server

    async def system_stats(self) -> SystemStats:
        """Return the memory of server and machine. A damaged GPU makes it ServerSick."""
        return await self._read(path_of("system_stats"), answers.read_system_stats)

    async def queue(self) -> Queue:
        """Return what runs and what waits, in the order in which it will run."""
        return await self._read(path_of("queue"), answers.read_queue)

    async def free(self, *, unload_models: bool = True, free_memory: bool = True) -> None:
        """Have the models unloaded and the cache dropped, before the next prompt begins."""
        content = {"unload_models": unload_models, "free_memory": free_memory}
        await self._post_done("/free", content)
        log.info("memory freed: server=%s models=%s", self.name, unload_models)

    async def node(self, class_type: str) -> Mapping[str, Any] | None:
        """Return the server's description of a class of nodes, as it is; None: not installed."""
        data = await self._wire.get_json(path_of("object_info", class_type))
        found = data.get(class_type) if isinstance(data, dict) else None
        return found if isinstance(found, dict) else None

    async def models(self, folder: str) -> tuple[str, ...]:
        """Return the files in a folder of models; none of a folder that is not known."""
        reply = await self._wire.ask("GET", path := path_of("models", folder))
        if reply.status == 404:
            return ()
        if reply.status != 200:
            raise self._wire.sick(f"GET {path}", reply)
        names = reply.json()
        return tuple(str(name) for name in names) if isinstance(names, list) else ()

    async def log_tail(self, lines: int = 200) -> tuple[str, ...]:
        """Return the last lines that the server logged."""
        data = await self._wire.get_json(path_of("internal", "logs", "raw"))
        return answers.read_log(data)[-lines:]

    async def last_logged(self) -> str:
        """Return a mark that changes when the server logs anything but that a prompt came."""
        data = await self._wire.get_json(path_of("internal", "logs", "raw"))
        return answers.read_last_logged(data)

    # prompts

    def has_sent(self, prompt_id: PromptId) -> bool:
        """Whether it was this client that sent the prompt."""
        return prompt_id in self._sent

    def listener(self, client_id: ClientId) -> Listener:
        """Return what hears of the prompts of a client id, to be entered before they are sent."""
        return Listener(self.name, self.url, client_id, http=self._http)

    async def submit(
        self,
        graph: Graph,
        *,
        prompt_id: PromptId,
        client_id: ClientId,
        extra_data: Mapping[str, Any] | None = None,
    ) -> None:
        """Queue a graph under an id of our choosing.

        An id is sent once: the server would run it twice. When no answer comes, the id is looked
        for until `look_for_s` have passed, since a busy server may read the request late.

        Raises:
            WorkflowRefused: it does not take it, or would drop outputs (then it is withdrawn).
            ServerGone: it is not there. `was_running`: it died when it had the request, so that
                the prompt may have begun.
            ServerSilent, ServerSick: it was not queued; but see the error's `may_still_run`.
        """
        if not is_prompt_id(prompt_id) or prompt_id in self._sent:
            raise ValueError(f"{prompt_id!r} is no new prompt id")
        if fault := malformed(graph):
            raise WorkflowRefused(self.name, [fault])
        self._sent.add(prompt_id)
        content = {
            "prompt": graph,
            "prompt_id": prompt_id,
            "client_id": client_id,  # without one, old servers give no outputs of a cached prompt
            "extra_data": dict(extra_data or {}),
        }
        try:
            reply = await self._wire.post_json(path_of("prompt"), content)
        except ServerFault as exc:
            await look_for(self.name, self.find, prompt_id, exc, self._look_for_s)
        else:
            await self._check_taken(graph, prompt_id, reply)
        log.info("prompt queued: server=%s id=%s nodes=%d", self.name, prompt_id, len(graph))

    async def find(self, prompt_id: PromptId) -> Place:
        """Return where a prompt is now."""
        if self._has_jobs:
            reply = await self._wire.ask("GET", path := path_of("api", "jobs", prompt_id))
            known = reply.json()
            if reply.status == 200:
                return await self._place(prompt_id, known)
            if reply.status == 404 and isinstance(known, dict) and "error" in known:
                return Missing()
            if reply.status not in {404, 405}:
                raise self._wire.sick(f"GET {path}", reply)
            self._has_jobs = False  # a server before 0.5.1 has no such address
        return await self._find_in_queue_or_history(prompt_id)

    async def history(self, prompt_id: PromptId) -> HistoryEntry | None:
        """Return how a prompt ended; None: it did not, or nothing is known of it."""
        path = path_of("history", prompt_id)
        return await self._read(path, lambda data: answers.read_history(data, prompt_id))

    async def interrupt(self, prompt_id: PromptId) -> bool:
        """Have a running prompt stopped at its next step, and nobody else's.

        Returns whether it ran. It is asked for first: servers before 0.3.57 do not read the id, and
        stop whatever runs.
        """
        if not isinstance(await self.find(prompt_id), Running):
            return False
        await self._post_done(path_of("interrupt"), {"prompt_id": prompt_id})
        log.info("prompt interrupted: server=%s id=%s", self.name, prompt_id)
        return True

    async def withdraw(self, prompt_id: PromptId) -> bool:
        """Take a waiting prompt out of the queue.

        Returns whether it is gone without having run. False: it runs or has run.
        """
        if not isinstance(await self.find(prompt_id), Pending):
            return False
        await self._post_done(path_of("queue"), {"delete": [prompt_id]})
        is_gone = isinstance(await self.find(prompt_id), Missing)
        if is_gone:
            log.info("prompt withdrawn: server=%s id=%s", self.name, prompt_id)
        return is_gone

    async def stop(self, prompt_id: PromptId, *, patience_s: float = 30.0) -> Finished | Missing:
        """Withdraw or interrupt a prompt, and return when it is gone: with how it ended, if it ran.

        Raises:
            PromptSilent: it still runs after `patience_s`: it is in a call that can't be stopped.
        """
        clock = asyncio.get_running_loop().time
        deadline, ask_at = clock() + patience_s, 0.0
        while True:
            place = await self.find(prompt_id)
            if isinstance(place, (Finished, Missing)):
                return place
            now = clock()
            if now >= deadline:
                what = f"could not stop a prompt within {patience_s:.3g} s"
                is_running = isinstance(place, Running)
                raise PromptSilent(self.name, what, was_running=is_running, may_still_run=True)
            if isinstance(place, Pending):
                await self.withdraw(prompt_id)
            elif now >= ask_at:
                await self.interrupt(prompt_id)
                ask_at = now + _INTERRUPT_AGAIN_S
            await asyncio.sleep(_NOTICE_S)

    async def forget(self, prompt_id: PromptId) -> None:
        """Delete a prompt from the history, which keeps every workflow in memory."""
        await self._post_done(path_of("history"), {"delete": [prompt_id]})

    # files

    async def upload(self, data: bytes, *, suffix: str, subfolder: str = "komadori") -> str:
        """Put a file into the server's input folder. Returns what a LoadImage calls it.

        The name is made of the contents. It is not overwritten: a server that has the same bytes
        keeps them (a prompt may be reading them), and one that has others gives a new name.

        Raises:
            BackendRefused: it does not take the file.
        """
        name = hashlib.sha256(data).hexdigest()[:32] + suffix
        form = aiohttp.FormData()
        form.add_field("image", data, filename=name, content_type="application/octet-stream")
        form.add_field("type", "input")
        form.add_field("subfolder", subfolder)
        reply = await self._wire.ask("POST", "/upload/image", data=form, timeout_s=_FILE_S)
        if reply.status in _UPLOAD_REFUSED:
            raise BackendRefused(
                f"ComfyUI {self.name} does not take a file of {len(data) / 1e6:.1f} MB "
                f"({reply.status}). Make it smaller, or start the server with --max-upload-size."
            )
        answer = reply.json()
        if reply.status != 200 or not isinstance(answer, dict) or not answer.get("name"):
            raise self._wire.sick("POST /upload/image", reply)
        folder = str(answer.get("subfolder") or "")
        return f"{folder}/{answer['name']}" if folder else str(answer["name"])

    async def view(
        self, file: OutputFile, *, max_bytes: int, timeout_s: float = _FILE_S, cached: bool = False
    ) -> bytes:
        """Fetch a file. `cached`: whether an earlier prompt made it (for the message).

        Raises:
            OutputMissing: it is not there.
            BackendRefused: it has more than `max_bytes`.
        """
        try:
            reply = await self._wire.ask(
                "GET", "/view", params=file.params(), max_bytes=max_bytes, timeout_s=timeout_s
            )
        except TooLarge as exc:
            raise BackendRefused(
                f"ComfyUI {self.name}: the file {file.name} has more than {max_bytes / 1e6:g} MB."
            ) from exc
        if reply.status in _NO_FILE:
            raise OutputMissing(self.name, file.name, is_cached=cached)
        if reply.status != 200:
            raise self._wire.sick("GET /view", reply)
        return reply.body

    async def probe_file(self, file: OutputFile) -> bool:
        """Whether a file that may be there is there, and not empty. It may be cut off."""
        params, head = file.params(), {"Range": "bytes=0-0"}
        try:
            reply = await self._wire.ask("GET", "/view", params=params, headers=head, max_bytes=1)
        except TooLarge:  # something between us and the server gives no parts
            return True
        if reply.status in _NO_FILE or reply.status == 416:
            return False
        if reply.status not in {200, 206}:
            raise self._wire.sick("GET /view", reply)
        return len(reply.body) > 0

    # within

    async def _read(self, path: str, reader: Callable[[Any], _Read]) -> _Read:
        data = await self._wire.get_json(path)
        try:
            return reader(data)
        except Unreadable as exc:
            raise ServerSick(self.name, f"answered GET {path} without {exc}") from exc

    async def _post_done(self, path: str, content: Mapping[str, Any]) -> None:
        reply = await self._wire.post_json(path, content)
        if reply.status != 200:
            raise self._wire.sick(f"POST {path}", reply)

    async def _place(self, prompt_id: PromptId, job: Any) -> Place:
        try:
            known = answers.read_job(job, prompt_id)
        except Unreadable as exc:
            raise ServerSick(self.name, "answered for a job without its state") from exc
        if isinstance(known, HistoryEntry):
            return Finished(entry=known)
        if known == "running":
            return Running()
        return await self._find_in_queue_or_history(prompt_id)  # a job has no place in the queue

    async def _find_in_queue_or_history(self, prompt_id: PromptId) -> Place:
        queue = await self.queue()
        if queue.is_running(prompt_id):
            return Running()
        ahead = queue.ahead_of(prompt_id)
        if ahead is not None:
            return Pending(ahead=ahead)
        entry = await self.history(prompt_id)
        return Finished(entry=entry) if entry else Missing()

    async def _check_taken(self, graph: Graph, prompt_id: PromptId, reply: Reply) -> None:
        faults = read_faults(reply.json(), graph)
        if reply.status == 200 and faults:  # it runs what is left; nobody wants that
            with suppress(ServerFault):
                await self.stop(prompt_id, patience_s=5)
        if faults and reply.status in {200, 400}:
            log.info("workflow refused: server=%s faults=%d", self.name, len(faults))
            raise WorkflowRefused(self.name, faults)
        if reply.status == 500:
            await self.system_stats()  # a sick server says so here; else it is the graph
            raise WorkflowRefused(self.name, [graph_fault(_UNREADABLE)])
        if reply.status != 200:
            raise self._wire.sick("POST /prompt", reply)
