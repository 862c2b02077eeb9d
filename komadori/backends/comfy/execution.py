"""One result by a workflow: a server is chosen, the prompt sent, followed, and its file fetched.

Whatever happens on the way, the prompt is first looked for where its ticket says it was sent. Only
what is certainly lost is sent again, under a new id.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import aiohttp

from komadori.backends.comfy import pool
from komadori.backends.comfy.absence import away, nowhere
from komadori.backends.comfy.answers import HistoryEntry, Missing
from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.errors import (
    GpuBroken,
    OutOfMemory,
    OutputMissing,
    PromptLost,
    PromptRemoved,
    PromptSilent,
    ServerFault,
    WorkflowRefused,
)
from komadori.backends.comfy.follow import FollowEvent, Preview, Queued, Started, follow
from komadori.backends.comfy.listener import Listener
from komadori.backends.comfy.outputs import OutputFile
from komadori.backends.comfy.progress import Progress
from komadori.backends.comfy.prompts import Graph, client_id_of, new_prompt_id
from komadori.backends.comfy.recovery import Lost, Recovery
from komadori.backends.comfy.ticket import Ticket, read_ticket
from komadori.backends.comfy.workflow import Values, Workflow
from komadori.backends.images.protocol import Errand
from komadori.domain.servers import ServerStanding
from komadori.errors import (
    BackendAway,
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    LeaseLost,
)

log = logging.getLogger(__name__)

MakeValues = Callable[[ComfyClient], Awaitable[Values]]
"""Uploads what the prompt needs to a server, and returns what the workflow is bound to there."""
_MOVE_LOOK_S = 2.0
_STOP_S = 10.0


class Execution:
    """Brings one result, however often it must be sent for that."""

    def __init__(
        self,
        workflow: Workflow,
        provider: str,
        errand: Errand,
        *,
        make_values: MakeValues,
        is_whole: Callable[[bytes], bool],
        suffixes: Sequence[str],
        max_bytes: int,
        silent_limit_s: float,
        addresses: Mapping[str, str],
    ) -> None:
        """`is_whole`: whether a file was written to its end; `suffixes`: of what may be written.

        `addresses`: of servers whose address is not to be told in the store, by name.
        """
        self._workflow = workflow
        self._provider = provider
        self._errand = errand
        self._make_values = make_values
        self._is_whole = is_whole
        self._max_bytes = max_bytes
        self._addresses = addresses
        self._recovery = Recovery(errand, is_whole=is_whole, suffixes=suffixes, max_bytes=max_bytes)
        self._silent_limit_s = workflow.spec.silent_limit_s or silent_limit_s
        self._listener: Listener | None = None
        self._graph: Graph | None = None
        self._has_started = False
        self._no_memory: OutOfMemory | None = None

    async def result(self) -> bytes:
        """Return the file.

        Raises:
            BackendError: as its class says.
        """
        stored = self._errand.ticket
        ticket = read_ticket(stored) if stored else None
        lost = Lost("")
        failed: dict[str, Exception] = {}
        while True:
            try:
                if ticket is None:
                    return await self._sent_and_brought(lost, failed)
                return await self._found_again(ticket)
            except Lost as exc:
                log.warning("prompt to be sent anew: reason=%s crashes=%d", exc, exc.crashes)
                await self._errand.given_up(str(exc), is_fault=bool(exc.avoid))
                ticket, lost = None, exc
                if exc.avoid:
                    failed[exc.avoid] = exc.fault or exc

    # sending

    async def _sent_and_brought(self, lost: Lost, failed: Mapping[str, Exception]) -> bytes:
        standings = await self._errand.servers()
        choices = pool.ranked(
            standings,
            self._workflow.name,
            self._provider,
            avoid=failed,
            alone=lost.alone,
            vram_gb=self._workflow.spec.vram_gb,
        )
        busy: BackendBusy | None = None
        for standing in choices:
            at_once = 1 if lost.alone else standing.report.at_once
            try:
                await self._errand.sending(standing.report.name, at_once)
            except BackendBusy as exc:  # somebody was quicker
                busy = exc
                continue
            return await self._at(standing, lost)
        if self._no_memory is not None:  # no server is without other prompts of ours just now
            raise self._no_memory
        raise busy or nowhere(standings, self._workflow, tuple(failed.values()))

    async def _at(self, standing: ServerStanding, lost: Lost) -> bytes:
        """Send the prompt to one server, and bring its file."""
        ticket = Ticket(
            server=standing.report.name,
            prompt_id=new_prompt_id(),
            boot=standing.report.boot,
            crashes=lost.crashes,
        )
        async with self._client(standing) as client:
            try:
                with self._errand.timed("upload"):
                    values = await self._make_values(client)
                graph = self._workflow.bound(replace(values, filename_prefix=ticket.prefix))
                self._graph = graph
                await self._errand.accepted(ticket.plain())
                async with client.listener(client_id_of(ticket.prompt_id)) as self._listener:
                    await client.submit(
                        graph,
                        prompt_id=ticket.prompt_id,
                        client_id=self._listener.client_id,
                    )
                    ticket = replace(ticket, is_sent=True)
                    await self._errand.accepted(ticket.plain())
                    return await self._brought(client, ticket)
            except WorkflowRefused as exc:
                if exc.misses_a_file and not lost.avoid:
                    raise Lost(exc, crashes=lost.crashes, avoid=ticket.server) from exc
                raise
            except ServerFault as exc:
                raise await self._after(exc, ticket, standing) from exc

    async def _found_again(self, ticket: Ticket) -> bytes:
        """Bring what an earlier attempt has sent."""
        standings = await self._errand.servers()
        standing = next((one for one in standings if one.report.name == ticket.server), None)
        if standing is None:
            raise Lost(f"ComfyUI {ticket.server} is not known any more", crashes=ticket.crashes)
        report = standing.report
        if not pool.may_answer(standing):
            if self._should_move(ticket, standing, standings):
                raise Lost(
                    f"ComfyUI {ticket.server}: {report.waits}",
                    crashes=await self._recovery.crashes(ticket, is_outage=True),
                    avoid=ticket.server,
                )
            raise away(self._able(standings), ticket.server)
        async with self._client(standing) as client:
            try:
                place = await client.find(ticket.prompt_id)
                if isinstance(place, Missing):
                    is_outage = report.boot != ticket.boot
                    return await self._recovery.file(
                        client, ticket, is_outage=is_outage, was_seen=False
                    )
                async with client.listener(client_id_of(ticket.prompt_id)) as self._listener:
                    return await self._brought(client, ticket)
            except ServerFault as exc:
                raise await self._after(exc, ticket, standing) from exc

    def _should_move(
        self, ticket: Ticket, standing: ServerStanding, standings: Sequence[ServerStanding]
    ) -> bool:
        """Whether a prompt of a server that is away is begun elsewhere instead of waited for.

        One that may have been done is waited for while its server is being brought back: that takes
        seconds, and its picture may lie there.
        """
        if standing.report.state.is_coming and (ticket.has_run or not ticket.is_sent):
            return False
        return bool(
            pool.ranked(standings, self._workflow.name, self._provider, avoid=(ticket.server,))
        )

    # following

    async def _brought(self, client: ComfyClient, ticket: Ticket) -> bytes:
        """Follow a prompt that the server knows, and fetch its file."""
        following = asyncio.create_task(self._followed(client, ticket))
        leaving = asyncio.create_task(self._left(client, ticket))
        try:
            await asyncio.wait((following, leaving), return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                raise leaving.result()
            entry = await following
        except asyncio.CancelledError:
            await self._stop_if_cancelled(client, ticket)
            raise
        except (PromptLost, PromptRemoved) as exc:
            if leaving.done():
                raise leaving.result() from exc
            return await self._after_loss(client, ticket, exc)
        finally:
            for task in (following, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
        return await self._collected(client, ticket, entry)

    async def _after_loss(
        self, client: ComfyClient, ticket: Ticket, exc: PromptLost | PromptRemoved
    ) -> bytes:
        """The server does not know the prompt any more: was it started anew meanwhile?"""
        standings = await self._errand.servers()
        boots = [one.report.boot for one in standings if one.report.name == ticket.server]
        is_outage = boots != [ticket.boot]
        if isinstance(exc, PromptRemoved):
            if not is_outage:
                raise exc
            return await self._recovery.file(client, ticket, is_outage=True, was_seen=True)
        ticket = replace(ticket, has_run=ticket.has_run or exc.was_running)
        is_outage = is_outage or exc.was_outage
        return await self._recovery.file(client, ticket, is_outage=is_outage, was_seen=True)

    async def _followed(self, client: ComfyClient, ticket: Ticket) -> HistoryEntry:
        if self._listener is None:
            raise LookupError("no listener")
        with self._errand.timed(f"ComfyUI {client.name}"):
            return await follow(
                client,
                ticket.prompt_id,
                self._listener,
                graph=self._graph or self._workflow.graph,
                report=lambda event: self._hear(client, event),
                silent_limit_s=self._silent_limit_s,
            )

    def _hear(self, client: ComfyClient, event: FollowEvent) -> None:
        self._errand.alive()
        match event:
            case Queued(ahead=ahead):
                before = f"{ahead} before it" if ahead else "next"
                self._errand.report(0.0, f"ComfyUI {client.name}: waiting, {before}")
            case Started():
                self._has_started = True
                self._errand.report(0.0, f"ComfyUI {client.name}: drawing")
            case Progress():
                steps = f" {event.step} of {event.steps}" if event.steps else ""
                message = f"ComfyUI {client.name}: {event.title}{steps}"
                self._errand.report(event.fraction, message)
            case Preview(data=data):
                self._errand.preview(data)

    async def _left(self, client: ComfyClient, ticket: Ticket) -> Lost:
        """Return when the waiting prompt was taken back, to be sent to a better server."""
        self._has_started = False
        is_noted = ticket.has_run
        while True:
            await asyncio.sleep(_MOVE_LOOK_S)
            self._errand.alive()
            if self._has_started:
                if not is_noted:  # whoever comes after a crash must know what it ran
                    with suppress(LeaseLost):  # whoever is to stop us will say so
                        await self._errand.accepted(replace(ticket, has_run=True).plain())
                    is_noted = True
                continue
            standings = await self._errand.servers()
            better = pool.better_place(standings, client.name, self._workflow.name, self._provider)
            if better is None and not pool.must_leave(standings, client.name):
                continue
            with suppress(ServerFault):
                if await client.withdraw(ticket.prompt_id):
                    why = (
                        f"moved to ComfyUI {better}" if better else f"ComfyUI {client.name} drains"
                    )
                    return Lost(why, crashes=ticket.crashes)

    async def _stop_if_cancelled(self, client: ComfyClient, ticket: Ticket) -> None:
        """End the prompt of a job that nobody wants any more; else it goes on without us."""
        if not self._errand.is_cancelled:
            return
        with suppress(BackendError, TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await client.stop(ticket.prompt_id, patience_s=_STOP_S)
            await self._errand.given_up("It was cancelled.")

    # what came of it

    async def _collected(self, client: ComfyClient, ticket: Ticket, entry: HistoryEntry) -> bytes:
        file = self._chosen(entry, client.name)
        if entry.ran_s is not None:
            self._errand.took(entry.ran_s)
        self._errand.report(0.98, f"ComfyUI {client.name}: fetching the file")
        with self._errand.timed("fetch"):
            data = await client.view(file, max_bytes=self._max_bytes, cached=entry.is_cached(file))
        if not self._is_whole(data):
            raise OutputMissing(client.name, file.name)
        with suppress(BackendError):  # it only takes memory there
            await client.forget(ticket.prompt_id)
        return data

    def _chosen(self, entry: HistoryEntry, server: str) -> OutputFile:
        ours = [file for file in entry.files if file.node_id == self._workflow.output]
        if found := (ours or list(entry.files)):
            return found[0]
        raise BackendRefused(
            f"ComfyUI {server} ran {self._workflow.label}, and it saved no file. Its output node "
            "must be one that saves, such as SaveImage."
        )

    async def _after(
        self, fault: ServerFault, ticket: Ticket, standing: ServerStanding
    ) -> Exception:
        """Return what to raise when a server failed in the midst of it."""
        if isinstance(fault, PromptSilent):
            return await self._after_silence(fault, ticket, standing)
        may_be_there = ticket.is_sent or fault.was_running or fault.may_still_run
        if self._errand.ticket is None or not may_be_there:
            return Lost(fault, crashes=ticket.crashes, avoid=ticket.server)
        has_run = ticket.has_run or fault.was_running or self._has_started
        is_sent = ticket.is_sent or has_run
        await self._errand.accepted(replace(ticket, is_sent=is_sent, has_run=has_run).plain())
        return await self._away(ticket.server, fault)

    async def _after_silence(
        self, fault: PromptSilent, ticket: Ticket, standing: ServerStanding
    ) -> Exception:
        """It was stopped, or could not be: then only a restart helps."""
        async with self._client(standing) as client:
            try:
                await client.stop(ticket.prompt_id)
            except ServerFault:
                return await self._after_wedge(fault, ticket, standing)
        if not fault.was_running:
            return Lost(fault, crashes=ticket.crashes, avoid=ticket.server)
        return BackendDown(f"{fault} It was stopped.")

    async def _after_wedge(
        self, fault: PromptSilent, ticket: Ticket, standing: ServerStanding
    ) -> Exception:
        """Have a server of ours started anew; one of others is left to its owner, and left."""
        await self._errand.ask_restart(ticket.server, str(fault))
        ticket = replace(ticket, has_run=fault.was_running)
        if standing.report.is_owned:
            await self._errand.accepted(ticket.plain())
            return await self._away(ticket.server, fault)
        crashes = await self._recovery.crashes(ticket, is_outage=True)
        return Lost(fault, crashes=crashes, avoid=ticket.server)

    async def _away(self, server: str, fault: ServerFault) -> BackendAway:
        return away(self._able(await self._errand.servers()), server, fault)

    def _able(self, standings: Sequence[ServerStanding]) -> Sequence[ServerStanding]:
        return [one for one in standings if pool.offers(one.report, self._workflow.name)]

    @asynccontextmanager
    async def _client(self, standing: ServerStanding) -> AsyncIterator[ComfyClient]:
        report = standing.report
        async with aiohttp.ClientSession() as http:
            url = self._addresses.get(report.name, report.url)
            client = ComfyClient(report.name, url, http=http)
            try:
                yield client
            except OutOfMemory as exc:
                raise await self._after_memory(client, exc) from exc
            except GpuBroken as exc:
                await self._errand.ask_restart(report.name, str(exc))
                raise

    async def _after_memory(self, client: ComfyClient, exc: OutOfMemory) -> BackendError | Lost:
        """Free what can be freed. Once it is tried again alone; what fails then is a failure."""
        with suppress(BackendError):
            await client.free()
        if self._no_memory is not None:
            return exc
        self._no_memory = exc
        return Lost(str(exc), alone=True)
