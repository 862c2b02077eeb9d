"""The endpoints of all jobs, and those of storyboards."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from komadori.domain.ids import SessionId
from komadori.domain.requests import PANELS_MAX, parse_storyboard
from komadori.domain.states import JobKind, JobState
from komadori.domain.story import Character, Style
from komadori.domain.view import PanelView
from komadori.queue.jobs import Jobs
from komadori.queue.lookup import LIST_MAX
from komadori.ui import fields
from komadori.ui.api_callers import Callers, cast_of, not_deleted
from komadori.ui.plain import PlainJob, PlainJobs, PlainPanel, plain_job, plain_panel


class JobCalls:
    """Their signatures and docstrings are what view_api() tells."""

    def __init__(self, jobs: Jobs, callers: Callers) -> None:
        self._jobs = jobs
        self._callers = callers

    async def create_storyboard(
        self,
        story: str,
        panels: int,
        style: dict[str, str] | None = None,
        characters: list[dict[str, Any]] | None = None,
        session_key: str = "",
        idempotency_key: str | None = None,
        provider: str = "auto",
    ) -> PlainJob:
        """Draw a story as a storyboard of panels. Returns the job at once; follow_job shows it.

        story: 50 to 20,000 characters, Chinese or English. panels: 1 to 60. style: art_style,
        mood, color_palette, character_style, line_style, composition, additional_notes, all of
        them optional. characters: at most 12, each with a name and, if you like, a description
        and a reference picture, uploaded with handle_file(). session_key: your own secret of at
        least 16 characters; jobs are seen only with the key that made them. idempotency_key: a
        second call with the same one returns the job that exists. provider: a name that providers
        returned; "auto" takes the first one that is ready.
        """
        session = await self._callers.session(session_key)
        key = fields.idempotency_key(idempotency_key)
        known = Character.model_fields
        cast, given = cast_of(fields.objects(characters, "characters", known=known))
        request = {
            "story": fields.text(story, "story"),
            "panels": fields.whole_number(panels, "panels", least=1, most=PANELS_MAX),
            "style": fields.mapping(style, "style", known=Style.model_fields),
            "characters": cast,
            "provider": fields.provider(provider),
        }
        parse_storyboard(request)  # before any picture is stored
        await self._callers.store(session, given)
        return plain_job(await self._jobs.submit_storyboard(session, request, idempotency_key=key))

    async def job_status(self, job_id: str, session_key: str) -> PlainJob:
        """Return a job as it stands now, with its steps."""
        session = await self._callers.session(session_key)
        return await self._callers.told(session, await self._callers.job(session, job_id))

    async def follow_job(self, job_id: str, session_key: str) -> AsyncIterator[PlainJob]:
        """Stream a job as job_status returns it, whenever it changes, until it is final.

        At least every 5 s the job comes again, changed or not.
        """
        session = await self._callers.session(session_key)
        async for job in self._jobs.follow(session, fields.job_id(job_id)):
            yield await self._callers.told(session, not_deleted(job))

    async def list_jobs(
        self,
        session_key: str,
        limit: int = 50,
        offset: int = 0,
        state: str | None = None,
        kind: str | None = None,
    ) -> PlainJobs:
        """List the jobs of this session key, newest first, without their steps.

        limit: 1 to 200. state: QUEUED, RUNNING, WAITING, CANCELLING, COMPLETED, PARTIAL, FAILED
        or CANCELLED. kind: storyboard, panel, frame or clip. Both may be left out.
        """
        session = await self._callers.session(session_key)
        limit = fields.whole_number(limit, "limit", least=1, most=LIST_MAX)
        offset = fields.whole_number(offset, "offset", least=0, most=fields.OFFSET_MAX)
        part = await self._jobs.list(
            session,
            limit=limit,
            offset=offset,
            state=fields.choice(state, "state", JobState),
            kind=fields.choice(kind, "kind", JobKind),
        )
        return PlainJobs(
            jobs=[plain_job(job) for job in part.items],
            total=part.total,
            limit=limit,
            offset=offset,
        )

    async def cancel_job(self, job_id: str, session_key: str) -> PlainJob:
        """Stop a job: queued steps are dropped at once, running ones at their next checkpoint.

        What is finished is kept. Cancelling a job that has ended changes nothing.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        return await self._callers.told(session, await self._jobs.cancel(session, job.id))

    async def retry_job(
        self, job_id: str, session_key: str, resend_unknown: bool = False
    ) -> PlainJob:
        """Make what is missing in a job that ended PARTIAL, FAILED or CANCELLED.

        Finished pictures are not made again. resend_unknown: send those requests again, too, that
        were sent and not answered (steps in the state UNKNOWN). They may have been made, and be
        paid twice then.
        """
        session = await self._callers.session(session_key)
        resend = fields.flag(resend_unknown, "resend_unknown")
        job = await self._callers.job(session, job_id)
        retried = await self._jobs.retry(session, job.id, resend_unknown=resend)
        return await self._callers.told(session, retried)

    async def delete_job(self, job_id: str, session_key: str) -> PlainJob:
        """Delete a job, cancelling it first if it is still open. Returns it as it was."""
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        return plain_job(await self._jobs.delete(session, job.id))

    async def redo_panel(
        self,
        job_id: str,
        panel: int,
        request: str = "",
        seed: int | None = None,
        session_key: str = "",
        idempotency_key: str | None = None,
    ) -> PlainJob:
        """Draw one panel of a storyboard again, before all other work. Returns the panel's job.

        request: what should be different, at most 1,000 characters. seed: 0 to 2147483647; a new
        one is taken without it. The picture that was there is kept as an older version.
        """
        session = await self._callers.session(session_key)
        job = await self._jobs.redo_panel(
            session,
            fields.job_id(job_id),
            fields.panel_number(panel),
            wish=fields.text("" if request is None else request, "request"),
            seed=fields.seed(seed),
            idempotency_key=fields.idempotency_key(idempotency_key),
        )
        return plain_job(job)

    async def job_panels(self, job_id: str, session_key: str) -> list[PlainPanel]:
        """Return the panels of a storyboard with words and pictures, as far as they are drawn.

        The Gradio client downloads each picture (WebP) and puts its path in its place.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        return await asyncio.gather(*(self._panel(session, one) for one in job.panels))

    async def _panel(self, session: SessionId, panel: PanelView) -> PlainPanel:
        name = f"panel-{panel.number:03d}-v{panel.version}.webp"
        return plain_panel(panel, await self._callers.offer(session, panel.picture, name))
