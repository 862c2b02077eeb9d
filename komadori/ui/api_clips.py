"""The endpoints of clips, and of the ComfyUI workflows that make them."""

import asyncio
from typing import Any

from komadori.domain.backends import AUTO, COMFY_PREFIX
from komadori.domain.ids import SessionId
from komadori.domain.requests import FPS_MAX, FPS_MIN, SECONDS_MAX, SECONDS_MIN, SIDE_MAX, SIDE_MIN
from komadori.domain.view import JobView, StepView
from komadori.errors import invalid_field
from komadori.queue.jobs import Jobs
from komadori.ui import fields
from komadori.ui.api_callers import Callers, Given
from komadori.ui.clip_names import clips_of, shot_of
from komadori.ui.plain import PlainJob
from komadori.ui.plain_clips import PlainClipFile, PlainWorkflow, plain_clip_file, plain_workflow


class ClipCalls:
    """Their signatures and docstrings are what view_api() tells."""

    def __init__(self, jobs: Jobs, callers: Callers) -> None:
        self._jobs = jobs
        self._callers = callers

    async def create_clip(
        self,
        first_frame: dict[str, Any] | None = None,
        job_id: str | None = None,
        panels: list[int] | None = None,
        prompt: str = "",
        workflow: str = "auto",
        seconds: float = 3.0,
        fps: int = 16,
        seed: int | None = None,
        width: int | None = None,
        height: int | None = None,
        options: dict[str, Any] | None = None,
        session_key: str = "",
        idempotency_key: str | None = None,
    ) -> PlainJob:
        """Make clips that begin with pictures. Returns the job at once; follow_job shows it.

        Either first_frame: a picture, uploaded with handle_file(). Or job_id: a storyboard or a
        frame of this session key, with panels: the numbers of its pictures, one clip for each;
        without them all that are drawn, of a frame the one that was picked. prompt: how it moves,
        at most 2,000 characters; what a panel or a frame shows is added by itself. workflow: a
        name that workflows returned; "auto" takes the first one that is ready. seconds: 0.5 to 30.
        fps: 1 to 60 frames a second, where the workflow takes it. A workflow that makes certain
        lengths only makes the nearest one. seed: 0 to 2147483647; a new one is taken without it.
        width, height: 64 to 2048 pixels; without them those of the picture, as near as the
        workflow can. options: values for the workflow's own options, by their names, as workflows
        returned them. session_key: your own secret of at least 16 characters; jobs are seen only
        with the key that made them. idempotency_key: a second call with the same one returns the
        job that exists.
        """
        session = await self._callers.session(session_key)
        key = fields.idempotency_key(idempotency_key)
        request: dict[str, Any] = {
            "prompt": fields.text(prompt, "prompt"),
            "provider": _provider(workflow),
            "seconds": fields.number(seconds, "seconds", least=SECONDS_MIN, most=SECONDS_MAX),
            "fps": fields.whole_number(fps, "fps", least=FPS_MIN, most=FPS_MAX),
            "seed": fields.seed(seed),
            "width": _side(width, "width"),
            "height": _side(height, "height"),
            "options": fields.mapping(options, "options", known=("the workflow's own options",)),
        }
        picture = fields.picture(first_frame, "first_frame")
        if (picture is None) == (job_id is None):
            raise invalid_field(
                "first_frame", "give a picture, or the job_id whose pictures to use"
            )
        if picture is not None:
            field = "first_frame"
            given = Given(file=picture, field=field, whose="it", into=request, name=field)
            await self._callers.store(session, [given])
        else:
            job = await self._callers.job(session, job_id)
            request |= {"job_id": job.id, "panels": panels}
        made = await self._jobs.submit_clip(session, request, idempotency_key=key)
        return await self._callers.told(session, made)

    async def job_clips(self, job_id: str, session_key: str) -> list[PlainClipFile]:
        """Return the clips of a clip job, as far as they are made.

        The Gradio client downloads each clip (MP4 or animated WebP) and puts its path in its place.
        """
        session = await self._callers.session(session_key)
        job = await self._callers.job(session, job_id)
        return await asyncio.gather(*(self._clip(session, job, step) for step in clips_of(job)))

    async def workflows(self) -> list[PlainWorkflow]:
        """List the ComfyUI workflows: what each makes and takes, and which servers can run it.

        It needs no session key: it is the same for everybody. A name goes into `workflow` of
        create_clip, the provider into `provider` of create_frame and create_storyboard, the names
        of options into `options`.
        """
        return [
            plain_workflow(backend, backend.facts.workflow)
            for backend in await self._jobs.backends()
            if backend.facts.workflow is not None
        ]

    async def _clip(self, session: SessionId, job: JobView, step: StepView) -> PlainClipFile:
        file = await self._callers.clip_file(session, job, step)
        return plain_clip_file(step, str(shot_of(job, step.number).get("prompt", "")), file)


def _provider(workflow: object) -> str:
    """Return the provider of a workflow, whichever of both names was given."""
    name = fields.workflow(workflow)
    return name if name == AUTO or name.startswith(COMFY_PREFIX) else COMFY_PREFIX + name


def _side(value: object, field: str) -> int | None:
    if value is None:
        return None
    return fields.whole_number(value, field, least=SIDE_MIN, most=SIDE_MAX)
