"""The clip step: one clip that begins with a given picture."""

import asyncio
from collections.abc import Sequence

from komadori.backends.comfy.backends import ClipOrder, ComfyClips
from komadori.domain.backends import AUTO, BackendFacts
from komadori.domain.calls import CallState, Intent
from komadori.domain.files import StoredFile
from komadori.domain.making import Making
from komadori.domain.requests import ClipRequest, Shot
from komadori.domain.work import NewArtifact, StepContext, StepResult, slot_of
from komadori.errors import (
    BackendDown,
    BackendError,
    BackendRefused,
    RequestRejected,
)
from komadori.pipeline.clip_files import opened_clip
from komadori.pipeline.errand import PictureErrand

_NO_TIME_LIMIT_S = 0.0


class MakeClip:
    """Make one clip and keep it."""

    def __init__(self, backends: Sequence[ComfyClips]) -> None:
        self._backends = backends

    async def run(self, context: StepContext) -> StepResult:
        """Return the clip under the step's own slot.

        Raises:
            BackendError: as its class says.
        """
        request = ClipRequest.model_validate(context.job.request)
        shot = Shot.model_validate(context.step.payload)
        earlier = await context.calls.open()
        if earlier is not None and earlier.file is not None:
            if not context.files.path(earlier.file.id).is_file():
                message = "The clip came, and its file is gone."
                await context.calls.ended(earlier.id, CallState.UNKNOWN, message)
                raise BackendDown(message)
            return await _result(context, earlier.file, earlier.provider, shot)
        name = earlier.provider if earlier else request.provider
        backend = self._chosen(name, context.job.provider)
        intent = _intent(backend.facts, request, shot)
        errand = PictureErrand(context, intent, earlier)
        context.describe(_making(backend.facts, request, is_asked_for=name != AUTO))
        context.report(0.0, backend.facts.label)
        order = await _order(context, request, shot)
        try:
            data = await backend.animate(order, errand)
            errand.came_back()
            file = await _stored(context, data)
        except BackendError as exc:
            await errand.failed(exc)
            raise
        await errand.kept(file)
        return await _result(context, file, backend.facts.name, shot)

    def _chosen(self, name: str, expected: str) -> ComfyClips:
        """Return the backend of a name; for `auto` the one that was there when it was asked for."""
        wanted = expected if name == AUTO else name
        known = {backend.facts.name: backend for backend in self._backends}
        if wanted in known:
            return known[wanted]
        if name == AUTO and self._backends:
            return self._backends[0]
        listed = ", ".join(known) or "none"
        raise BackendRefused(
            f"There is no workflow {wanted!r} for clips on this machine; known are {listed}. "
            "Put its files into the folder of workflows, or choose another one."
        )


def _intent(facts: BackendFacts, request: ClipRequest, shot: Shot) -> Intent:
    frames = max(1, round(request.seconds * request.fps))
    return Intent(
        provider=facts.name,
        model=facts.model,
        size_band=f"{max(1, round(shot.width * shot.height * frames / 10_000_000)) * 10}MP",
        references=0,
        is_paid=False,
        at_once=facts.at_once,
        timeout_s=_NO_TIME_LIMIT_S,
    )


def _making(facts: BackendFacts, request: ClipRequest, *, is_asked_for: bool) -> Making:
    return Making(
        provider=facts.name,
        label=facts.label,
        model=facts.model,
        why="asked for" if is_asked_for else "the first one that is ready",
        seed=request.seed if facts.takes_seed else None,
    )


async def _order(context: StepContext, request: ClipRequest, shot: Shot) -> ClipOrder:
    try:
        picture = await asyncio.to_thread(context.files.read, shot.picture)
    except FileNotFoundError as exc:
        raise BackendRefused("The first frame is gone. Choose another one.") from exc
    return ClipOrder(
        first_frame=picture,
        media_type=_media_type(picture),
        prompt=shot.prompt,
        seconds=request.seconds,
        fps=request.fps,
        width=shot.width,
        height=shot.height,
        seed=request.seed,
        options=request.options,
    )


def _media_type(picture: bytes) -> str:
    if picture[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    return "image/jpeg" if picture[:2] == b"\xff\xd8" else "image/webp"


async def _stored(context: StepContext, data: bytes) -> StoredFile:
    with context.timed("store"):
        try:
            return await asyncio.to_thread(context.files.put_clip, data)
        except RequestRejected as exc:
            raise BackendRefused(f"What came back is no clip that can be kept. {exc}") from exc


async def _result(context: StepContext, file: StoredFile, provider: str, shot: Shot) -> StepResult:
    data = await asyncio.to_thread(context.files.read, file.id)
    clip = await asyncio.to_thread(opened_clip, data)
    facts = {
        "media_type": clip.media_type,
        "seconds": clip.seconds,
        "frames": clip.frames,
        "width": file.width,
        "height": file.height,
    }
    artifact = NewArtifact(
        job_id=context.job.id,
        slot=slot_of(context.step.kind, context.step.number),
        file=file,
        about={"wish": shot.prompt, "provider": provider, **facts},
    )
    return StepResult(data={"picture": file.id, "clip": facts}, artifacts=(artifact,))


def is_whole_clip(data: bytes) -> bool:
    """Whether a clip can be played to its end."""
    try:
        opened_clip(data)
    except RequestRejected:
        return False
    return True
