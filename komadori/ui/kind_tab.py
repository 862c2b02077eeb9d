"""What the tabs of one kind of job do alike: keep pictures, attach again, pass orders on."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import gradio as gr

from komadori.domain.ids import JobId
from komadori.domain.states import JobKind
from komadori.domain.view import JobView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.stage_tab import StageTab, Updates
from komadori.ui.texts import Language, language_of
from komadori.ui.uploads import Uploads
from komadori.ui.visit import Visit, answer, facts_of, job_of, refusal, visit


class KindTab(StageTab):
    """A tab with a form and a stage, for jobs of one kind.

    `_name` is what the page's scripts call it: answers for its form go there.
    """

    _name: str
    _kind: JobKind

    def __init__(
        self, jobs: Jobs, sessions: Sessions, uploads: Uploads, board: gr.HTML, answers: gr.HTML
    ) -> None:
        self._uploads = uploads
        super().__init__(jobs, sessions, board, answers)

    def _refusal_words(self, error: RequestRejected, language: Language) -> str:
        """Say a refusal as it stands beside its field."""
        raise NotImplementedError

    async def keep(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Keep a picture that was dropped, pasted or chosen for a slot of the form."""
        facts = facts_of(event)
        slot, place = str(facts.get("slot", "")), str(facts.get("place", "form"))
        try:
            who = await visit(self._sessions, request)
            data = await self._uploads.read({"path": facts.get("path")}, place)
            kept = await self._jobs.add_reference(who.session, data)
        except RequestRejected as exc:
            return {self._answers: self._refused(place, exc, request, slot=slot)}
        return {self._answers: answer(self._name, do="kept", slot=slot, picture=kept)}

    async def attach(self, wanted: Any, request: gr.Request) -> AsyncIterator[Updates]:
        """Show the job that the reader was looking at, or that is being made."""
        asked = [str(name) for name in wanted] if isinstance(wanted, list) else []
        try:
            who = await visit(self._sessions, request)
            view = await self._to_show(who, asked)
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        if view is None:
            yield {self._board: self._empty(who.language)}
            return
        is_linked = bool(asked) and asked[0] == view.id
        here = answer(f"{self._name}_here") if is_linked else gr.skip()
        yield {self._board: self._drawn(view, who.language), self._answers: here}
        async for update in self._show(who, view.id, view):
            yield update

    async def open(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Show a job that was chosen from the list, or that was left a while ago."""
        async for update in self._after(event, request, self._jobs.get):
            yield update

    async def cancel(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Cancel the job, and show how it stops."""
        async for update in self._after(event, request, self._jobs.cancel):
            yield update

    async def retry(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Make what is missing; what was sent and not answered stays as it is."""
        async for update in self._after(event, request, self._jobs.retry):
            yield update

    async def resend(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Send again what was sent and not answered: the reader has been told of the price."""
        async for update in self._after(event, request, self._jobs.retry, resend_unknown=True):
            yield update

    async def _after(
        self, event: gr.EventData, request: gr.Request, order: Any, **wanted: Any
    ) -> AsyncGenerator[Updates, None]:
        """Pass an order to the queue and show its job."""
        try:
            who = await visit(self._sessions, request)
            view: JobView = await order(who.session, job_of(event), **wanted)
            if view.kind is not self._kind:
                raise NotFound("job", view.id)
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        async for update in self._shown(who, view):
            yield update

    async def _shown(self, who: Visit, view: JobView) -> AsyncGenerator[Updates, None]:
        """Yield a job's stage at once, then whenever it changes."""
        yield {self._board: self._drawn(view, who.language)}
        async for update in self._show(who, view.id, view):
            yield update

    async def _to_show(self, who: Visit, asked: Sequence[str]) -> JobView | None:
        for name in asked:
            if name and (view := await self._found(who, name)) is not None:
                return view
        newest = await self._jobs.list(who.session, limit=1, kind=self._kind)
        return await self._found(who, newest.items[0].id) if newest.items else None

    async def _found(self, who: Visit, name: str) -> JobView | None:
        try:
            view = await self._jobs.get(who.session, JobId(name))
        except NotFound:
            return None
        return None if view.deleted or view.kind is not self._kind else view

    def _refused(
        self, place: str, error: RequestRejected, request: gr.Request, **more: Any
    ) -> dict[str, Any]:
        text = self._refusal_words(error, language_of(request))
        return answer(self._name, do="refused", place=place, text=text, **more)


def names(events: Sequence[str]) -> str:
    """Return names of events as a script takes them."""
    return "[" + ", ".join(f"'{name}'" for name in events) + "]"
