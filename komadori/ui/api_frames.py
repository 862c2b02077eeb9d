"""The endpoints of first frames and of those who draw them."""

import asyncio
from typing import Any

from komadori.domain.ids import SessionId
from komadori.domain.requests import CANDIDATES_MAX, parse_frame
from komadori.domain.story import Character
from komadori.domain.view import JobView, StepView
from komadori.queue.jobs import Jobs
from komadori.ui import fields
from komadori.ui.api_callers import Callers, Given, cast_of
from komadori.ui.plain import (
    PlainJob,
    PlainPicture,
    PlainProvider,
    plain_job,
    plain_picture,
    plain_provider,
)

_DRAFTS = ("sketch", "provider")


class FrameCalls:
    """Their signatures and docstrings are what view_api() tells."""

    def __init__(self, jobs: Jobs, callers: Callers) -> None:
        self._jobs = jobs
        self._callers = callers

    async def create_frame(
        self,
        prompt: str,
        scene_reference: dict[str, Any] | None = None,
        characters: list[dict[str, Any]] | None = None,
        character_ids: list[str] | None = None,
        size: str = "1280x720",
        provider: str = "auto",
        seed: int | None = None,
        candidates: int = 1,
        draft: str | None = None,
        session_key: str = "",
        idempotency_key: str | None = None,
        options: dict[str, Any] | None = None,
    ) -> PlainJob:
        """Draw one picture. Returns the job at once; follow_job shows it, job_pictures has it.

        prompt: what is to be seen, at most 2,000 characters. scene_reference: a picture of the
        place, uploaded with handle_file(). characters: at most 12, each with a name and, if you
        like, a description and a reference picture, uploaded with handle_file(). character_ids:
        the names of those who are in the shot; without it all are, and nobody else's reference is
        sent. size: width x height, 64 to 2048 pixels each. provider: a name that providers
        returned; "auto" takes the first one that is ready. seed: 0 to 2147483647; a new one is
        taken without it. candidates: 1 to 8 pictures to choose from. draft: "sketch" for a quick
        one by the built-in renderer, "provider" for a small one by the provider, which is paid
        like any other; the candidates are drafts then, the job waits until approve_draft is
        called, and one final picture is drawn. session_key: your own secret of at least 16
        characters; jobs are seen only with the key that made them. idempotency_key: a second call
        with the same one returns the job that exists. options: values for the options of a
        ComfyUI workflow, by their names, as workflows returned them.
        """
        session = await self._callers.session(session_key)
        key = fields.idempotency_key(idempotency_key)
        known = Character.model_fields
        cast, given = cast_of(fields.objects(characters, "characters", known=known))
        width, height = fields.size(size)
        request = {
            "prompt": fields.text(prompt, "prompt"),
            "characters": cast,
            "character_ids": fields.names(character_ids, "character_ids"),
            "width": width,
            "height": height,
            "provider": fields.provider(provider),
            "seed": fields.seed(seed),
            "candidates": fields.whole_number(
                candidates, "candidates", least=1, most=CANDIDATES_MAX
            ),
            "draft": fields.one_of(draft, "draft", _DRAFTS),
            "options": fields.mapping(options, "options", known=("the workflow's own options",)),
        }
        parse_frame(request)  # before any picture is stored
        await self._callers.store(session, [*_scene(scene_reference, request), *given])
        return plain_job(await self._jobs.submit_frame(session, request, idempotency_key=key))

    async def approve_draft(
        self, job_id: str, draft: int | None = None, session_key: str = ""
    ) -> PlainJob:
        """Draw the final picture of a draft, with the draft's seed, where the provider takes one,
        and its references.

        draft: the draft's number, as job_pictures tells it; without it the newest one is meant.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        number = fields.draft_number(draft)
        return plain_job(await self._jobs.approve_draft(session, job.id, number))

    async def redo_draft(
        self, job_id: str, request: str = "", seed: int | None = None, session_key: str = ""
    ) -> PlainJob:
        """Draw one more draft of a job that waits for approval; it goes on waiting after it.

        request: what should be different, at most 1,000 characters. seed: 0 to 2147483647; a new
        one is taken without it. The drafts that are there are kept.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        wish = fields.text("" if request is None else request, "request")
        return plain_job(
            await self._jobs.redo_draft(session, job.id, wish=wish, seed=fields.seed(seed))
        )

    async def pick_candidate(self, job_id: str, number: int, session_key: str) -> PlainJob:
        """Choose one of several candidates; the job's `picked` is its number then.

        number: the picture's number, as job_pictures tells it.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        picked = fields.candidate_number(number)
        return plain_job(await self._jobs.pick_candidate(session, job.id, picked))

    async def job_pictures(self, job_id: str, session_key: str) -> list[PlainPicture]:
        """Return the drafts and candidates of a frame job, as far as they are drawn.

        The Gradio client downloads each picture (WebP) and puts its path in its place.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        drawing = [step for step in job.steps if step.kind.draws]
        return await asyncio.gather(*(self._picture(session, job, step) for step in drawing))

    async def providers(self) -> list[PlainProvider]:
        """List who can draw, whether they are ready, and how they do.

        It needs no session key: it is the same for everybody. A name goes into `provider` of
        create_frame and create_storyboard. Times are seconds, `rests_until` since 1970 (UTC).
        """
        return [plain_provider(backend) for backend in await self._jobs.backends()]

    async def _picture(self, session: SessionId, job: JobView, step: StepView) -> PlainPicture:
        name = f"{step.kind.value}-{step.number:03d}.webp"
        picture = await self._callers.offer(session, step.picture, name)
        return plain_picture(job, step, picture)


def _scene(scene_reference: object, request: dict[str, Any]) -> list[Given]:
    file = fields.picture(scene_reference, "scene_reference")
    if file is None:
        return []
    field = "scene_reference"
    return [Given(file=file, field=field, whose="the scene", into=request, name=field)]
