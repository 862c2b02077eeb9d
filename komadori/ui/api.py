"""The named endpoints for scripts: plain JSON in and out, apart from the page's own handlers.

A caller is known by the session key that it sends along: its own secret. What another key has
made looks the same as what does not exist.
"""

import asyncio
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from fastapi import HTTPException
from gradio.block_function import BlockFunction
from gradio.events import api as add_endpoint
from gradio.utils import get_upload_folder
from gradio_client import utils as client_utils

from komadori.domain.ids import SessionId
from komadori.domain.requests import PANELS_MAX, SEED_MAX, parse_storyboard
from komadori.domain.states import JobKind, JobState
from komadori.domain.story import Character, Style
from komadori.domain.view import JobView, PanelView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.lookup import LIST_MAX
from komadori.queue.sessions import Sessions
from komadori.ui import fields
from komadori.ui.plain import PlainJob, PlainJobs, PlainPanel, plain_job, plain_panel
from komadori.ui.uploads import Uploads

log = logging.getLogger(__name__)

R = TypeVar("R")


def add_api(jobs: Jobs, sessions: Sessions) -> None:
    """Add the endpoints to the Blocks that is being built."""
    calls = Calls(jobs, sessions, Uploads(Path(get_upload_folder())))
    for call in (
        calls.create_storyboard,
        calls.job_status,
        calls.list_jobs,
        calls.cancel_job,
        calls.retry_job,
        calls.delete_job,
        calls.redo_panel,
        calls.job_panels,
    ):
        add_endpoint(_answering(call), api_name=call.__name__, concurrency_limit=None)
    add_endpoint(_streaming(calls.follow_job), api_name="follow_job", concurrency_limit=None)


def call_names(page: gr.Blocks) -> tuple[list[str], list[str]]:
    """Return the names of all calls that Gradio answers, and of those that view_api() tells."""
    named = [fn for fn in page.fns.values() if isinstance(fn.api_name, str)]
    told = [str(fn.api_name) for fn in named if fn.api_visibility == "public"]
    return [str(fn.api_name) for fn in named], told


def take_short_calls(page: gr.Blocks) -> None:
    """Let callers leave out the last values, where they have defaults, as Python does.

    Gradio would write to the log what it got: the session key, too.
    """

    def fill_in(block_fn: BlockFunction, inputs: list[Any]) -> None:
        parameters = list(inspect.signature(block_fn.fn).parameters.values()) if block_fn.fn else []
        for parameter in parameters[len(inputs) : len(block_fn.inputs)]:
            if parameter.default is parameter.empty:
                raise gr.Error(
                    f"{parameter.name}: it is missing. Needed are, in this order: "
                    f"{', '.join(one.name for one in parameters[: len(block_fn.inputs)])}.",
                    print_exception=False,
                )
            inputs.append(parameter.default)

    construct = client_utils.construct_args

    def construct_in_words(*values: Any) -> list[Any]:
        try:
            constructed: list[Any] = construct(*values)
        except TypeError as exc:
            raise HTTPException(422, detail=str(exc).partition(" Please")[0]) from exc
        return constructed

    page.validate_inputs = fill_in  # type: ignore[method-assign]
    client_utils.construct_args = construct_in_words  # of /call/v2, which takes values by name


class Calls:
    """The endpoints. Their signatures and docstrings are what view_api() tells."""

    def __init__(self, jobs: Jobs, sessions: Sessions, uploads: Uploads) -> None:
        self._jobs = jobs
        self._sessions = sessions
        self._uploads = uploads

    async def create_storyboard(
        self,
        story: str,
        panels: int,
        style: dict[str, str] | None = None,
        characters: list[dict[str, Any]] | None = None,
        session_key: str = "",
        idempotency_key: str | None = None,
    ) -> PlainJob:
        """Draw a story as a storyboard of panels. Returns the job at once; follow_job shows it.

        story: 50 to 20,000 characters, Chinese or English. panels: 1 to 60. style: art_style,
        mood, color_palette, character_style, line_style, composition, additional_notes, all of
        them optional. characters: at most 12, each with a name and, if you like, a description
        and a reference picture, uploaded with handle_file(). session_key: your own secret of at
        least 16 characters; jobs are seen only with the key that made them. idempotency_key: a
        second call with the same one returns the job that exists.
        """
        session = await self._session(session_key)
        key = fields.idempotency_key(idempotency_key)
        cast = fields.objects(characters, "characters", known=Character.model_fields)
        plain_cast = [_without_reference(character) for character in cast]
        request = {
            "story": fields.text(story, "story"),
            "panels": fields.whole_number(panels, "panels", least=1, most=PANELS_MAX),
            "style": fields.mapping(style, "style", known=Style.model_fields),
            "characters": plain_cast,
        }
        parse_storyboard(request)  # before any picture is stored
        await self._add_references(session, cast, into=plain_cast)
        return plain_job(await self._jobs.submit_storyboard(session, request, idempotency_key=key))

    async def job_status(self, job_id: str, session_key: str) -> PlainJob:
        """Return a job as it stands now, with its steps."""
        session = await self._session(session_key)
        return plain_job(await self._existing(session, job_id))

    async def follow_job(self, job_id: str, session_key: str) -> AsyncIterator[PlainJob]:
        """Stream a job as job_status returns it, whenever it changes, until it is final.

        At least every 5 s the job comes again, changed or not.
        """
        session = await self._session(session_key)
        async for job in self._jobs.follow(session, fields.job_id(job_id)):
            yield plain_job(_not_deleted(job))

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
        or CANCELLED. kind: storyboard or panel. Both may be left out.
        """
        session = await self._session(session_key)
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
        session = await self._session(session_key)
        job = await self._existing(session, job_id)
        return plain_job(await self._jobs.cancel(session, job.id))

    async def retry_job(self, job_id: str, session_key: str) -> PlainJob:
        """Make what is missing in a job that ended PARTIAL, FAILED or CANCELLED.

        Finished panels are not drawn again.
        """
        session = await self._session(session_key)
        return plain_job(await self._jobs.retry(session, fields.job_id(job_id)))

    async def delete_job(self, job_id: str, session_key: str) -> PlainJob:
        """Delete a job, cancelling it first if it is still open. Returns it as it was."""
        session = await self._session(session_key)
        job = await self._existing(session, job_id)
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
        session = await self._session(session_key)
        job = await self._jobs.redo_panel(
            session,
            fields.job_id(job_id),
            fields.panel_number(panel),
            wish=fields.text("" if request is None else request, "request"),
            seed=None
            if seed is None
            else fields.whole_number(seed, "seed", least=0, most=SEED_MAX),
            idempotency_key=fields.idempotency_key(idempotency_key),
        )
        return plain_job(job)

    async def job_panels(self, job_id: str, session_key: str) -> list[PlainPanel]:
        """Return the panels of a storyboard with words and pictures, as far as they are drawn.

        The Gradio client downloads each picture (WebP) and puts its path in its place.
        """
        session = await self._session(session_key)
        job = await self._existing(session, job_id)
        return await asyncio.gather(*(self._panel(session, one) for one in job.panels))

    async def _session(self, session_key: object) -> SessionId:
        return await self._sessions.open_with_api_key(fields.secret(session_key, "session_key"))

    async def _existing(self, session: SessionId, job_id: object) -> JobView:
        return _not_deleted(await self._jobs.get(session, fields.job_id(job_id)))

    async def _add_references(
        self, session: SessionId, cast: list[dict[str, Any]], *, into: list[dict[str, Any]]
    ) -> None:
        """Store the pictures of the cast; all are read before the first is stored."""
        pictures = {
            index: await self._uploads.read(file, f"characters.{index}.reference")
            for index, character in enumerate(cast)
            if (file := _reference(character, index)) is not None
        }
        for index, data in pictures.items():
            with _naming_the_character(index, cast[index]):
                into[index]["reference"] = await self._jobs.add_reference(session, data)

    async def _panel(self, session: SessionId, panel: PanelView) -> PlainPanel:
        if panel.picture is None:
            return plain_panel(panel, None)
        source = await self._jobs.file(session, panel.picture)
        name = f"panel-{panel.number:03d}-v{panel.version}.webp"
        return plain_panel(panel, await self._uploads.offer(panel.picture, source, name))


def _not_deleted(job: JobView) -> JobView:
    """Only the page can bring a deleted job back; for scripts it is gone."""
    if job.deleted:
        raise NotFound("job", job.id)
    return job


@contextmanager
def _naming_the_character(index: int, character: dict[str, Any]) -> Iterator[None]:
    """Say whose reference picture was refused."""
    try:
        yield
    except RequestRejected as exc:
        field = f"characters.{index}.reference"
        raise RequestRejected(
            f"{field} (character {index + 1}, {character['name']}): {exc}",
            code=exc.code,
            **{**exc.facts, "field": field},
        ) from exc


def _without_reference(character: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in character.items() if name != "reference"}


def _reference(character: dict[str, Any], index: int) -> dict[str, Any] | None:
    value = character.get("reference")
    if value is None:
        return None
    if not isinstance(value, dict):
        field = f"characters.{index}.reference"
        raise RequestRejected(
            f"{field}: a picture is needed, uploaded with handle_file('picture.png'); "
            "a text or another value is not taken.",
            code="not_uploaded",
            field=field,
        )
    return value


def _answering(call: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """Give Gradio a call whose errors may be shown to anybody."""

    @wraps(call)
    async def answer(*values: Any) -> R:
        with _shown_errors(call.__name__):
            return await call(*values)

    return answer


def _streaming(
    call: Callable[..., AsyncIterator[PlainJob]],
) -> Callable[..., AsyncIterator[PlainJob]]:
    """Do the same for a call that yields."""

    @wraps(call)
    async def stream(*values: Any) -> AsyncIterator[PlainJob]:
        with _shown_errors(call.__name__):
            async for value in call(*values):
                yield value

    # view_api() should say what one value of the stream is.
    described = inspect.signature(call).replace(return_annotation=PlainJob)
    stream.__signature__ = described  # type: ignore[attr-defined]
    return stream


@contextmanager
def _shown_errors(name: str) -> Iterator[None]:
    """Tell callers what they can change; everything else goes to the log under a number."""
    try:
        yield
    except RequestRejected as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
    except Exception as exc:  # a process boundary: callers get a number, the log gets the rest
        number = secrets.token_hex(4)
        log.exception("api call failed: endpoint=%s error=%s", name, number)
        raise gr.Error(
            f"Something went wrong on our side (error {number}). It is in the server's log under "
            "this number; what is finished is kept.",
            print_exception=False,
        ) from exc
