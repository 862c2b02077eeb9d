"""The Clip tab: the form that asks for clips, and the stage where they are made and played."""

from collections.abc import AsyncIterator
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
from komadori.ui.clip_form import groups_of, place_of, refusal_words, request_of
from komadori.ui.jobs_tab import JobsTab
from komadori.ui.kind_tab import KindTab, names
from komadori.ui.provider_list import ProviderList
from komadori.ui.render_clip import clip_stage, empty_clip
from komadori.ui.stage_tab import Updates
from komadori.ui.texts import Language
from komadori.ui.uploads import Uploads
from komadori.ui.visit import QUIET, Visit, answer, facts_of, guarded, job_of, refusal, visit

FORM_EVENTS = ("make_clip", "keep_picture", "list_providers", "list_pictures")
CLIP_EVENTS = (
    "cancel_job",
    "retry_job",
    "resend_job",
    "open_job",
    "show_log",
    "show_runs",
    "look_again",
    "look_away",
)
_RECENT = 40
"""Among so many jobs first frames are looked for."""


class ClipTab(KindTab):
    """The handlers of the tab. Each is one wish of the reader; none works, all ask the queue."""

    _name = "clip"
    _kind = JobKind.CLIP

    async def make(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Submit the form, say what is wrong with it next to the field, or show the job."""
        try:
            who = await visit(self._sessions, request)
            wanted, key = request_of(facts_of(event))
            view = await self._jobs.submit_clip(who.session, wanted, idempotency_key=key)
        except RequestRejected as exc:
            yield {self._answers: self._refused(place_of(exc), exc, request)}
            return
        async for update in self._shown(who, view):
            yield update

    async def pictures(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return what a clip may begin with: the newest pictures, and those of a named job."""
        try:
            who = await visit(self._sessions, request)
            named = await self._named(who, job_of(event))
            newest = (await self._jobs.list(who.session, limit=_RECENT)).items
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        groups = groups_of([*named, *(view for view in newest if view.id != job_of(event))])
        return {self._answers: answer("clip_pictures", job=job_of(event), groups=groups)}

    async def _named(self, who: Visit, job_id: JobId) -> tuple[JobView, ...]:
        """Return the job that the form begins with; it comes first, however old it is."""
        try:
            return (await self._jobs.get(who.session, job_id),) if job_id else ()
        except NotFound:  # it was deleted: the form finds that out
            return ()

    def _drawn(self, view: JobView, language: Language) -> dict[str, Any]:
        return clip_stage(view, language)

    def _empty(self, language: Language) -> dict[str, Any]:
        return empty_clip(language)

    def _refusal_words(self, error: RequestRejected, language: Language) -> str:
        return refusal_words(error, language)


def build_clip_tab(jobs: Jobs, sessions: Sessions, page: gr.Blocks, answers: gr.HTML) -> None:
    """Build the tab inside the open Blocks context."""
    with gr.Row(elem_id="clip", equal_height=False):
        with gr.Column(elem_id="clip-form-side", scale=2, min_width=320):
            form = gr.HTML(
                {},
                elem_id="clip-form",
                html_template="",
                js_on_load=f"komadori.clipForm(element, trigger, upload, {names(FORM_EVENTS)})",
                apply_default_css=False,
            )
        with gr.Column(elem_id="clip-side", scale=5, min_width=320):
            board = gr.HTML(
                {},
                elem_id="clip-stage",
                html_template="",
                js_on_load=(
                    f"komadori.clipStage(element, trigger, props, watch, {names(CLIP_EVENTS)})"
                ),
                apply_default_css=False,
            )
    tab = ClipTab(jobs, sessions, Uploads(Path(get_upload_folder())), board, answers)
    on_demand = JobsTab(jobs, sessions, board, answers)
    page.load(
        guarded(tab.attach, answers),
        gr.JSON(visible=False),
        [board, answers],
        js="() => [komadori.wantedClip()]",
        **QUIET,
    )
    for event, handler in (
        (form.make_clip, tab.make),
        (form.keep_picture, tab.keep),
        (form.list_pictures, tab.pictures),
        (form.list_providers, ProviderList(jobs, sessions, answers).providers),
        (board.cancel_job, tab.cancel),
        (board.retry_job, tab.retry),
        (board.resend_job, tab.resend),
        (board.open_job, tab.open),
        (board.look_again, tab.look_again),
        (board.look_away, tab.leave),
        (board.show_log, on_demand.log),
        (board.show_runs, on_demand.runs),
    ):
        event(guarded(handler, answers), None, [board, answers], **QUIET)
