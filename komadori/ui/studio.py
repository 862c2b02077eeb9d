"""The Studio: the form that asks for a storyboard, and the stage where it appears."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import gradio as gr

from komadori.domain.ids import JobId
from komadori.domain.states import JobKind
from komadori.domain.view import JobView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.follow import storyboard_of
from komadori.ui.provider_list import ProviderList
from komadori.ui.render_stage import empty_stage, stage
from komadori.ui.stage_tab import StageTab, Updates
from komadori.ui.studio_form import Form, place_of, refused, request_of
from komadori.ui.texts import Language, say
from komadori.ui.visit import QUIET, Visit, answer, facts_of, guarded, job_of, refusal, visit

STAGE_EVENTS = (
    "cancel_job",
    "retry_job",
    "redo_panel",
    "restore_version",
    "show_versions",
    "show_log",
    "show_runs",
    "open_job",
    "look_again",
    "look_away",
)
_ELSEWHERE = frozenset({JobKind.FRAME, JobKind.CLIP})
"""What is shown in tabs of its own."""


class Studio(StageTab):
    """The handlers of the Studio. Each is one wish of the reader; none works, all ask the queue."""

    def __init__(
        self, jobs: Jobs, sessions: Sessions, form: Form, board: gr.HTML, answers: gr.HTML
    ) -> None:
        self._form = form
        super().__init__(jobs, sessions, board, answers)

    async def draw(self, request: gr.Request, *values: Any) -> AsyncIterator[Updates]:
        """Submit the form, say what is wrong with it next to the field, or show the job."""
        clear: Updates = dict.fromkeys(self._form.errors.values(), "")
        try:
            who = await visit(self._sessions, request)
            wanted, key = request_of(values)
            view = await self._jobs.submit_storyboard(who.session, wanted, idempotency_key=key)
        except RequestRejected as exc:
            place = self._form.errors[place_of(exc)]
            yield {**clear, place: refused(exc, request), self._answers: answer("refused")}
            return
        yield {**clear, self._board: self._drawn(view, who.language)}
        async for update in self._show(who, view.id, view):
            yield update

    async def attach(self, wanted: Any, request: gr.Request) -> AsyncIterator[Updates]:
        """Show what the reader was looking at, or what is being made."""
        asked = [str(name) for name in wanted] if isinstance(wanted, list) else []
        try:
            who = await visit(self._sessions, request)
            view = await self._to_show(who, asked)
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        if asked and asked[0] and await self._is_gone(who, asked[0], view):
            yield {self._answers: refusal(NotFound("job", asked[0]), request)}
        if view is None:
            yield {self._board: self._empty(who.language)}
            return
        async for update in self._show(who, view.id, None):
            yield update

    async def open(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Show a job that was chosen from the list."""
        try:
            who = await visit(self._sessions, request)
            view = await storyboard_of(self._jobs, who.session, job_of(event))
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        async for update in self._show(who, view.id, None):
            yield update

    async def retry(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Make what is missing, and show it; what was sent already only when that was asked."""
        is_resend = facts_of(event).get("resend") is True
        try:
            who = await visit(self._sessions, request)
            view = await self._jobs.retry(who.session, job_of(event), resend_unknown=is_resend)
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        async for update in self._show(who, view.id, None):
            yield update

    async def redo(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Draw one panel again, and show its storyboard meanwhile."""
        facts = facts_of(event)
        try:
            who = await visit(self._sessions, request)
            await self._jobs.redo_panel(
                who.session,
                job_of(event),
                _number(facts.get("panel")),
                wish=str(facts.get("wish", "")),
                idempotency_key=str(facts["key"])[:64] if facts.get("key") else None,
            )
        except RequestRejected as exc:
            yield {self._answers: refusal(exc, request)}
            return
        async for update in self._show(who, job_of(event), None):
            yield update

    async def cancel(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Cancel a job; whoever follows it sees it stop."""
        try:
            who = await visit(self._sessions, request)
            view = await self._jobs.cancel(who.session, job_of(event))
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        return {self._board: self._drawn(view, who.language)}

    async def restore(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Make an older version of a panel's picture the current one."""
        facts = facts_of(event)
        panel, version = _number(facts.get("panel")), _number(facts.get("version"))
        try:
            who = await visit(self._sessions, request)
            view = await self._jobs.restore(who.session, job_of(event), panel, version)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        text = say(who.language, "version_restored", version=version)
        return {
            self._board: self._drawn(view, who.language),
            self._answers: answer("notice", error=False, text=text),
        }

    def _drawn(self, view: JobView, language: Language) -> dict[str, Any]:
        return stage(view, language)

    def _empty(self, language: Language) -> dict[str, Any]:
        return empty_stage(language)

    async def _to_show(self, who: Visit, asked: Sequence[str]) -> JobView | None:
        linked, last = (*asked, "", "")[:2]
        if linked and (view := await self._found(who, linked)) is not None:
            return view
        listed = (await self._jobs.list(who.session, limit=20)).items
        newest = [view for view in listed if view.kind not in _ELSEWHERE]
        for view in newest:
            if not view.state.is_final:
                return await self._found(who, view.id)
        if last and (view := await self._found(who, last)) is not None:
            return view
        return await self._found(who, newest[0].id) if newest else None

    async def _found(self, who: Visit, name: str) -> JobView | None:
        try:
            view = await storyboard_of(self._jobs, who.session, JobId(name))
        except NotFound:
            return None
        return None if view.deleted or view.kind in _ELSEWHERE else view

    async def _is_gone(self, who: Visit, name: str, shown: JobView | None) -> bool:
        """Whether a job that a link names is nowhere; some kinds are in tabs of their own."""
        if shown is not None and shown.id == name:
            return False
        try:
            return (await self._jobs.get(who.session, JobId(name))).kind not in _ELSEWHERE
        except NotFound:
            return True


def build_studio(jobs: Jobs, sessions: Sessions, page: gr.Blocks, answers: gr.HTML) -> gr.HTML:
    """Build the tab inside the open Blocks context; returns the stage."""
    with gr.Row(elem_id="studio", equal_height=False):
        with gr.Column(elem_id="form", scale=2, min_width=320):
            form = Form.build(jobs, sessions)
        with gr.Column(elem_id="stage-side", scale=5, min_width=320):
            events = ", ".join(f"'{name}'" for name in STAGE_EVENTS)
            board = gr.HTML(
                {},
                elem_id="stage",
                html_template="",
                js_on_load=f"komadori.stage(element, trigger, props, watch, [{events}])",
                apply_default_css=False,
            )
    _wire(Studio(jobs, sessions, form, board, answers), form, page, board, answers)
    told = ProviderList(jobs, sessions, answers)
    form.provider.list_providers(guarded(told.providers, answers), None, [answers], **QUIET)
    return board


def _wire(studio: Studio, form: Form, page: gr.Blocks, board: gr.HTML, answers: gr.HTML) -> None:
    wanted = gr.JSON(visible=False)
    both = [board, answers]
    form.draw.click(
        guarded(studio.draw, answers),
        [*form.fields, form.key],
        [*both, *form.errors.values()],
        js="(...values) => komadori.sending(values)",
        **QUIET,
    )
    page.load(None, None, form.fields, js="() => komadori.draft()", api_visibility="private")
    page.load(
        guarded(studio.attach, answers),
        wanted,
        both,
        js="() => [komadori.wantedJob()]",
        **QUIET,
    )
    for event, handler in (
        (board.cancel_job, studio.cancel),
        (board.retry_job, studio.retry),
        (board.redo_panel, studio.redo),
        (board.restore_version, studio.restore),
        (board.open_job, studio.open),
        (board.look_again, studio.look_again),
        (board.look_away, studio.leave),
    ):
        event(guarded(handler, answers), None, both, **QUIET)


def _number(value: Any) -> int:
    """Return a whole number that the page sent; anything else names no panel or version."""
    return value if isinstance(value, int) else 0
