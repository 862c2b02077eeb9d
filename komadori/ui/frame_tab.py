"""The First frame tab: the form that asks for one picture, and the stage where it appears."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from komadori.domain.ids import JobId
from komadori.domain.states import JobKind
from komadori.domain.view import JobView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.frame_form import place_of, refusal_words, request_of
from komadori.ui.jobs_tab import JobsTab
from komadori.ui.provider_list import ProviderList
from komadori.ui.render_frame import empty_frame, frame_stage
from komadori.ui.stage_tab import StageTab, Updates
from komadori.ui.texts import Language, language_of
from komadori.ui.uploads import Uploads
from komadori.ui.visit import QUIET, Visit, answer, facts_of, guarded, job_of, refusal, visit

FORM_EVENTS = ("draw_frame", "keep_picture", "list_providers")
FRAME_EVENTS = (
    "cancel_job",
    "retry_job",
    "resend_job",
    "approve_job",
    "another_job",
    "pick_job",
    "open_job",
    "show_log",
    "show_runs",
    "look_again",
    "look_away",
)


class FrameTab(StageTab):
    """The handlers of the tab. Each is one wish of the reader; none works, all ask the queue."""

    def __init__(
        self, jobs: Jobs, sessions: Sessions, uploads: Uploads, board: gr.HTML, answers: gr.HTML
    ) -> None:
        self._uploads = uploads
        super().__init__(jobs, sessions, board, answers)

    async def draw(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Submit the form, say what is wrong with it next to the field, or show the job."""
        try:
            who = await visit(self._sessions, request)
            wanted, key = request_of(facts_of(event))
            view = await self._jobs.submit_frame(who.session, wanted, idempotency_key=key)
        except RequestRejected as exc:
            yield {self._answers: self._refused(place_of(exc), exc, request)}
            return
        yield {self._board: self._drawn(view, who.language)}
        async for update in self._show(who, view.id, view):
            yield update

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
        return {self._answers: answer("frame", do="kept", slot=slot, picture=kept)}

    async def attach(self, wanted: Any, request: gr.Request) -> AsyncIterator[Updates]:
        """Show the frame that the reader was looking at, or that is being made."""
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
        here = answer("frame_here") if asked and asked[0] == view.id else gr.skip()
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

    async def approve(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Draw the final picture of a draft."""
        number = _number(facts_of(event).get("number"))
        async for update in self._after(event, request, self._jobs.approve_draft, draft=number):
            yield update

    async def another(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Draw one more draft, with a wish if there is one."""
        wish = str(facts_of(event).get("wish") or "")
        async for update in self._after(event, request, self._jobs.redo_draft, wish=wish):
            yield update

    async def pick(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Choose one of the candidates."""
        number = _number(facts_of(event).get("number"))
        async for update in self._after(event, request, self._jobs.pick_candidate, number=number):
            yield update

    async def _after(
        self, event: gr.EventData, request: gr.Request, order: Any, **wanted: Any
    ) -> AsyncGenerator[Updates, None]:
        """Pass an order to the queue and show its job."""
        try:
            who = await visit(self._sessions, request)
            view: JobView = await order(who.session, job_of(event), **wanted)
            if view.kind is not JobKind.FRAME:
                raise NotFound("job", view.id)
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        yield {self._board: self._drawn(view, who.language)}
        async for update in self._show(who, view.id, view):
            yield update

    def _drawn(self, view: JobView, language: Language) -> dict[str, Any]:
        return frame_stage(view, language)

    def _empty(self, language: Language) -> dict[str, Any]:
        return empty_frame(language)

    async def _to_show(self, who: Visit, asked: Sequence[str]) -> JobView | None:
        for name in asked:
            if name and (view := await self._found(who, name)) is not None:
                return view
        frames = await self._jobs.list(who.session, limit=1, kind=JobKind.FRAME)
        return await self._found(who, frames.items[0].id) if frames.items else None

    async def _found(self, who: Visit, name: str) -> JobView | None:
        try:
            view = await self._jobs.get(who.session, JobId(name))
        except NotFound:
            return None
        return None if view.deleted or view.kind is not JobKind.FRAME else view

    def _refused(
        self, place: str, error: RequestRejected, request: gr.Request, **more: Any
    ) -> dict[str, Any]:
        text = refusal_words(error, language_of(request))
        return answer("frame", do="refused", place=place, text=text, **more)


def build_frame_tab(jobs: Jobs, sessions: Sessions, page: gr.Blocks, answers: gr.HTML) -> None:
    """Build the tab inside the open Blocks context."""
    with gr.Row(elem_id="frame", equal_height=False):
        with gr.Column(elem_id="frame-form-side", scale=2, min_width=320):
            form = gr.HTML(
                {},
                elem_id="frame-form",
                html_template="",
                js_on_load=f"komadori.frameForm(element, trigger, upload, {_names(FORM_EVENTS)})",
                apply_default_css=False,
            )
        with gr.Column(elem_id="frame-side", scale=5, min_width=320):
            board = gr.HTML(
                {},
                elem_id="frame-stage",
                html_template="",
                js_on_load=(
                    f"komadori.frameStage(element, trigger, props, watch, {_names(FRAME_EVENTS)})"
                ),
                apply_default_css=False,
            )
    uploads = Uploads(Path(get_upload_folder()))
    tab = FrameTab(jobs, sessions, uploads, board, answers)
    on_demand = JobsTab(jobs, sessions, board, answers)
    page.load(
        guarded(tab.attach, answers),
        gr.JSON(visible=False),
        [board, answers],
        js="() => [komadori.wantedFrame()]",
        **QUIET,
    )
    for event, handler in (
        *_of_form(form, tab),
        *_of_stage(board, tab),
        (form.list_providers, ProviderList(jobs, sessions, answers).providers),
        (board.show_log, on_demand.log),
        (board.show_runs, on_demand.runs),
    ):
        event(guarded(handler, answers), None, [board, answers], **QUIET)


def _names(events: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in events) + "]"


def _of_form(form: gr.HTML, tab: FrameTab) -> tuple[tuple[Any, Any], ...]:
    return (
        (form.draw_frame, tab.draw),
        (form.keep_picture, tab.keep),
    )


def _of_stage(board: gr.HTML, tab: FrameTab) -> tuple[tuple[Any, Any], ...]:
    return (
        (board.cancel_job, tab.cancel),
        (board.retry_job, tab.retry),
        (board.resend_job, tab.resend),
        (board.approve_job, tab.approve),
        (board.another_job, tab.another),
        (board.pick_job, tab.pick),
        (board.open_job, tab.open),
        (board.look_again, tab.look_again),
        (board.look_away, tab.leave),
    )


def _number(value: Any) -> int:
    """Return a whole number that the page sent; anything else names no picture."""
    return value if isinstance(value, int) else 0
