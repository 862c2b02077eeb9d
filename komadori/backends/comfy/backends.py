"""The workflows as backends: those that make pictures, and those that make clips."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image

from komadori.backends.comfy.client import ComfyClient
from komadori.backends.comfy.execution import Execution, MakeValues
from komadori.backends.comfy.workflow import Values, Workflow
from komadori.backends.images.protocol import Errand, PictureOrder
from komadori.backends.pictures import BROKEN, FORMATS
from komadori.domain.backends import COMFY_PREFIX, BackendFacts
from komadori.domain.requests import Options

REFERENCE_MAX_KB = 4000
"""A server of ours takes pictures nearly as they are; only the upload takes longer."""
_DRAFT_SCALE = 0.5
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOrder:
    """One clip to make, which begins with a picture. Sizes in pixels."""

    first_frame: bytes
    media_type: str
    prompt: str
    seconds: float
    fps: int
    width: int
    height: int
    seed: int
    options: Options


class _Comfy:
    """One workflow at any of our ComfyUI servers."""

    _makes: Literal["picture", "clip"]
    _suffixes: tuple[str, ...]
    """The endings of what its output node may save, for when only the name is known."""

    def __init__(
        self,
        workflow: Workflow,
        *,
        max_mb: float,
        silent_limit_s: float,
        addresses: Mapping[str, str],
    ) -> None:
        """`max_mb`: the largest file that is fetched; see Execution for the others."""
        self._workflow = workflow
        self._addresses = addresses
        self._max_bytes = int(max_mb * 1_000_000)
        self._silent_limit_s = silent_limit_s

    @property
    def facts(self) -> BackendFacts:
        """What it is and takes. Whether a server can run it, only their supervisors know."""
        workflow = self._workflow
        return BackendFacts(
            name=COMFY_PREFIX + workflow.name,
            label=f"ComfyUI: {workflow.label}",
            kind="comfy",
            makes=self._makes,
            model=workflow.spec.model,
            note=workflow.spec.note.en,
            max_references=workflow.max_references,
            reference_types=tuple(_SUFFIXES),
            reference_max_kb=REFERENCE_MAX_KB,
            takes_seed=workflow.takes_seed,
            has_time_limit=False,
            is_automatic=workflow.is_auto,
            at_once=64,  # each server has places of its own
            workflow=workflow.facts,
        )

    async def _made(
        self, errand: Errand, make_values: MakeValues, is_whole: Callable[[bytes], bool]
    ) -> bytes:
        execution = Execution(
            self._workflow,
            self.facts.name,
            errand,
            make_values=make_values,
            is_whole=is_whole,
            suffixes=self._suffixes,
            max_bytes=self._max_bytes,
            silent_limit_s=self._silent_limit_s,
            addresses=self._addresses,
        )
        return await execution.result()


class ComfyImages(_Comfy):
    """An ImageBackend: a workflow that makes a picture."""

    _makes = "picture"
    _suffixes = (".png", ".webp", ".jpg")

    async def draw(self, order: PictureOrder, errand: Errand) -> bytes:
        """Return the picture; with a ticket it is looked for first."""
        scale = _DRAFT_SCALE if order.is_draft else 1.0

        async def values(client: ComfyClient) -> Values:
            names = [
                await client.upload(one.data, suffix=_SUFFIXES[one.media_type])
                for one in order.references
            ]
            return Values(
                prompt=order.prompt,
                seed=order.seed,
                width=round(order.width * scale),
                height=round(order.height * scale),
                references=tuple(names),
                options=order.options,
            )

        return await self._made(errand, values, is_whole_picture)


class ComfyClips(_Comfy):
    """A workflow that makes a clip from its first frame."""

    _makes = "clip"
    _suffixes = (".mp4", ".webp")

    def __init__(
        self,
        workflow: Workflow,
        *,
        max_mb: float,
        silent_limit_s: float,
        addresses: Mapping[str, str],
        is_whole: Callable[[bytes], bool],
    ) -> None:
        """`is_whole`: whether a clip can be played to its end."""
        super().__init__(
            workflow, max_mb=max_mb, silent_limit_s=silent_limit_s, addresses=addresses
        )
        self._is_whole = is_whole

    async def animate(self, order: ClipOrder, errand: Errand) -> bytes:
        """Return the clip, as MP4 or animated WebP; with a ticket it is looked for first.

        Raises:
            BackendError: as its class says.
        """
        fps = order.fps if self._workflow.slots.fps else self._workflow.fps or order.fps

        async def values(client: ComfyClient) -> Values:
            suffix = _SUFFIXES[order.media_type]
            return Values(
                prompt=order.prompt,
                seed=order.seed,
                width=order.width,
                height=order.height,
                first_frame=await client.upload(order.first_frame, suffix=suffix),
                frames=round(order.seconds * fps),
                fps=order.fps,
                options=order.options,
            )

        return await self._made(errand, values, self._is_whole)


def is_whole_picture(data: bytes) -> bool:
    """Whether a picture was written to its end."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            picture.load()
    except BROKEN:
        return False
    return True
