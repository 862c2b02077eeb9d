"""The Jobs tab: what this session has made, and what can be done with it."""

import time
from dataclasses import replace
from typing import Any

import gradio as gr

from komadori.domain.ids import JobId
from komadori.domain.states import JobKind, JobState
from komadori.domain.view import JobView, ListPart, VersionView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.health import Health
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.render_jobs import PAGE_SIZE, job_list
from komadori.ui.render_log import log_lines
from komadori.ui.render_makers import labels_of
from komadori.ui.render_panels import versions
from komadori.ui.render_runs import compared_step, comparison
from komadori.ui.render_waits import waits_for_server
from komadori.ui.visit import QUIET, Visit, answer, facts_of, guarded, job_of, refusal, visit

Updates = dict[Any, Any]

JOBS_EVENTS = (
    "list_jobs",
    "cancel_job",
    "retry_job",
    "delete_job",
    "undelete_job",
    "show_log",
    "make_link",
)


class JobsTab:
    """The handlers of the list, and of what both tabs show on demand."""

    def __init__(
        self,
        jobs: Jobs,
        sessions: Sessions,
        rows: gr.HTML,
        answers: gr.HTML,
        health: Health | None = None,
    ) -> None:
        """`health`: where the list reads what jobs wait for; what is shown on demand needs none."""
        self._jobs = jobs
        self._sessions = sessions
        self._rows = rows
        self._answers = answers
        self._health = health

    async def list(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return the page of the list that is looked at, if it has changed."""
        return await self._after(None, event, request)

    async def cancel(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Cancel a job."""
        return await self._after("cancel", event, request)

    async def retry(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Make what is missing of a job."""
        return await self._after("retry", event, request)

    async def delete(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Hide a job; the page offers to take it back."""
        return await self._after("delete", event, request)

    async def undelete(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Bring a deleted job back."""
        return await self._after("undelete", event, request)

    async def log(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return a job's log for its slot."""
        job_id = job_of(event)
        try:
            who = await visit(self._sessions, request)
            lines = log_lines(await self._jobs.log(who.session, job_id), who.language)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        return {self._answers: answer(f"log:{job_id}", html=lines)}

    async def runs(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return how a job's newest picture compares with others of its kind, for its slot."""
        job_id = job_of(event)
        try:
            who = await visit(self._sessions, request)
            view = await self._jobs.get(who.session, job_id)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        step = compared_step(view)
        if step is None:
            return {self._answers: answer(f"runs:{job_id}", html="")}
        provider = step.making.provider if step.making else None
        runs = await self._jobs.runs(who.session, step.kind, provider)
        html = comparison(view, step, runs, who.language)
        return {self._answers: answer(f"runs:{job_id}", html=html)}

    async def versions(self, event: gr.EventData, request: gr.Request) -> Updates:
        """Return the versions of a panel for their slot in the large picture."""
        job_id = job_of(event)
        panel = facts_of(event).get("panel")
        number = panel if isinstance(panel, int) else 0
        try:
            who = await visit(self._sessions, request)
            kept = await self._versions_of(who, job_id, number)
            labels = labels_of(await self._jobs.get(who.session, job_id))
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        html = versions(kept, labels, time.time(), who.language)
        return {self._answers: answer(f"versions:{job_id}:{number}", html=html)}

    async def _versions_of(self, who: Visit, job_id: JobId, number: int) -> tuple[VersionView, ...]:
        try:
            return await self._jobs.versions(who.session, job_id, number)
        except NotFound:  # nothing was drawn yet
            return ()

    async def link(self, request: gr.Request) -> Updates:
        """Make a private link to this session."""
        try:
            who = await visit(self._sessions, request)
            token = await self._sessions.new_link(who.session)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        return {self._answers: answer("link", path=f"/join/{token}")}

    async def _after(self, do: str | None, event: gr.EventData, request: gr.Request) -> Updates:
        facts = facts_of(event)
        notice: Any = None
        try:
            who = await visit(self._sessions, request)
        except RequestRejected as exc:
            return {self._answers: refusal(exc, request)}
        if do is not None:
            try:
                await self._do(do, who, job_of(event), is_resend=facts.get("resend") is True)
            except RequestRejected as exc:
                notice = refusal(exc, request)
        drawn = await self._drawn(who, facts)
        if notice is None and drawn["mark"] == facts.get("mark"):
            return {self._answers: answer("same")}
        return {self._rows: drawn} | ({self._answers: notice} if notice else {})

    async def _do(self, do: str, who: Visit, job_id: JobId, *, is_resend: bool) -> None:
        if do == "retry":
            await self._jobs.retry(who.session, job_id, resend_unknown=is_resend)
        else:
            await getattr(self._jobs, do)(who.session, job_id)

    async def _drawn(self, who: Visit, facts: dict[str, Any]) -> dict[str, Any]:
        state = JobState(facts["state"]) if facts.get("state") in set(JobState) else None
        kind = JobKind(facts["kind"]) if facts.get("kind") in set(JobKind) else None
        offset = max(facts["offset"], 0) if isinstance(facts.get("offset"), int) else 0
        part = await self._jobs.list(
            who.session, limit=PAGE_SIZE, offset=offset, state=state, kind=kind
        )
        part = await self._with_servers(part)
        drawn = job_list(
            part, offset=offset, state=state, kind=kind, now=time.time(), language=who.language
        )
        return {**drawn, "mark": str(hash(str(drawn)))}

    async def _with_servers(self, part: ListPart[JobView]) -> ListPart[JobView]:
        """Give the jobs that wait for a server how the servers stand, as lists leave it out."""
        if self._health is None or not any(waits_for_server(one.problem) for one in part.items):
            return part
        servers = await self._health.reports()
        return replace(part, items=tuple(replace(one, servers=servers) for one in part.items))


def build_jobs_tab(
    jobs: Jobs, sessions: Sessions, health: Health, board: gr.HTML, answers: gr.HTML
) -> None:
    """Build the tab inside the open Blocks context."""
    events = ", ".join(f"'{name}'" for name in JOBS_EVENTS)
    rows = gr.HTML(
        {},
        elem_id="jobs",
        html_template="",
        js_on_load=f"komadori.jobs(element, trigger, props, watch, [{events}])",
        apply_default_css=False,
    )
    tab = JobsTab(jobs, sessions, rows, answers, health)
    both = [rows, answers]
    for event, handler in (
        (rows.list_jobs, tab.list),
        (rows.cancel_job, tab.cancel),
        (rows.retry_job, tab.retry),
        (rows.delete_job, tab.delete),
        (rows.undelete_job, tab.undelete),
        (rows.show_log, tab.log),
        (rows.make_link, tab.link),
        (board.show_log, tab.log),
        (board.show_runs, tab.runs),
        (board.show_versions, tab.versions),
    ):
        event(guarded(handler, answers), None, both, **QUIET)
