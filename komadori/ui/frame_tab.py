"""The First frame tab: the form that asks for one picture, and the stage where it appears."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from komadori.domain.states import JobKind
from komadori.domain.view import JobView
from komadori.errors import RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.frame_form import place_of, refusal_words, request_of
from komadori.ui.jobs_tab import JobsTab
from komadori.ui.kind_tab import KindTab, names
from komadori.ui.provider_list import ProviderList
from komadori.ui.render_frame import empty_frame, frame_stage
from komadori.ui.stage_tab import Updates
from komadori.ui.texts import Language
from komadori.ui.uploads import Uploads
from komadori.ui.visit import QUIET, facts_of, guarded, visit

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


class FrameTab(KindTab):
    """The handlers of the tab. Each is one wish of the reader; none works, all ask the queue."""

    _name = "frame"
    _kind = JobKind.FRAME

    async def draw(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Submit the form, say what is wrong with it next to the field, or show the job."""
        try:
            who = await visit(self._sessions, request)
            wanted, key = request_of(facts_of(event))
            view = await self._jobs.submit_frame(who.session, wanted, idempotency_key=key)
        except RequestRejected as exc:
            yield {self._answers: self._refused(place_of(exc), exc, request)}
            return
        async for update in self._shown(who, view):
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

    def _drawn(self, view: JobView, language: Language) -> dict[str, Any]:
        return frame_stage(view, language)

    def _empty(self, language: Language) -> dict[str, Any]:
        return empty_frame(language)

    def _refusal_words(self, error: RequestRejected, language: Language) -> str:
        return refusal_words(error, language)


def build_frame_tab(jobs: Jobs, sessions: Sessions, page: gr.Blocks, answers: gr.HTML) -> None:
    """Build the tab inside the open Blocks context."""
    with gr.Row(elem_id="frame", equal_height=False):
        with gr.Column(elem_id="frame-form-side", scale=2, min_width=320):
            form = gr.HTML(
                {},
                elem_id="frame-form",
                html_template="",
                js_on_load=f"komadori.frameForm(element, trigger, upload, {names(FORM_EVENTS)})",
                apply_default_css=False,
            )
        with gr.Column(elem_id="frame-side", scale=5, min_width=320):
            board = gr.HTML(
                {},
                elem_id="frame-stage",
                html_template="",
                js_on_load=(
                    f"komadori.frameStage(element, trigger, props, watch, {names(FRAME_EVENTS)})"
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
