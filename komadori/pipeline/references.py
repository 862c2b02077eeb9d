"""The references of a drawing: read, left out where they are too many, and made small enough."""

import asyncio
import time
from dataclasses import dataclass

from komadori.backends.images.protocol import Reference, ReferenceRole
from komadori.domain.backends import BackendFacts
from komadori.domain.ids import ArtifactId
from komadori.domain.making import ReferenceMade
from komadori.domain.story import Drawing
from komadori.domain.work import StepContext
from komadori.errors import BackendRefused, RequestRejected
from komadori.pipeline.compress import Compressor, Wanted

_AT_HOME = Wanted(limit_kb=1500, media_types=("image/jpeg", "image/webp"), keep_alpha=True)


@dataclass(frozen=True, slots=True)
class Source:
    """A reference picture as it is kept."""

    role: ReferenceRole
    name: str
    picture: ArtifactId
    data: bytes

    @property
    def title(self) -> str:
        """What the picture shows, in a word or two, on one line of the log."""
        return " ".join(self.name.split()) or self.role.value


@dataclass(frozen=True, slots=True)
class References:
    """References as one backend gets them, and what became of the rest."""

    sent: tuple[Reference, ...] = ()
    made: tuple[ReferenceMade, ...] = ()
    left_out: tuple[str, ...] = ()


async def read_references(drawing: Drawing, context: StepContext) -> tuple[Source, ...]:
    """Read the picture of the place, then those of the cast, in the order of the drawing.

    Raises:
        BackendRefused: one is gone; the message says whose.
    """
    wanted: list[tuple[ReferenceRole, str, ArtifactId]] = []
    if drawing.place is not None:
        wanted.append((ReferenceRole.SCENE, "", drawing.place))
    wanted += [
        (ReferenceRole.CHARACTER, one.name, one.reference)
        for one in drawing.cast
        if one.reference is not None
    ]
    return tuple([await _read(context, *one) for one in wanted])


async def _read(
    context: StepContext, role: ReferenceRole, name: str, picture: ArtifactId
) -> Source:
    try:
        data = await asyncio.to_thread(context.files.read, picture)
    except FileNotFoundError as exc:
        whose = f"of {name!r}" if name else "of the scene"
        raise BackendRefused(f"The reference picture {whose} is gone. Upload it again.") from exc
    return Source(role, name, picture, data)


class Prepare:
    """Makes references fit for a backend, several at once, off the event loop."""

    def __init__(self, compressor: Compressor, *, max_kb: int) -> None:
        self._compressor = compressor
        self._max_kb = max_kb

    async def __call__(
        self, sources: tuple[Source, ...], facts: BackendFacts, context: StepContext
    ) -> References:
        """Return what the backend takes: the place first, then the characters in their order.

        Raises:
            BackendRefused: a reference cannot be prepared; the message says whose and why.
        """
        taken, left_out = sources[: facts.max_references], sources[facts.max_references :]
        names = tuple(source.title for source in left_out)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(source, facts, context)) for source in taken]
        except* BackendRefused as refusals:
            raise refusals.exceptions[0] from None
        pairs = [task.result() for task in tasks]
        sent = tuple(sent for sent, _ in pairs)
        made = tuple(made for _, made in pairs) if facts.is_remote else ()
        return References(sent, made, names)

    async def _one(
        self, source: Source, facts: BackendFacts, context: StepContext
    ) -> tuple[Reference, ReferenceMade]:
        try:
            small = await self._compressor.prepare(source.data, self._wanted(facts))
        except RequestRejected as exc:
            raise BackendRefused(f"The reference picture of {source.title}: {exc}") from exc
        ended = time.perf_counter()  # waiting for a thread is nobody's work
        context.span(f"compress {source.title}", ended - small.seconds, ended)
        sent = Reference(
            role=source.role, name=source.name, data=small.data, media_type=small.media_type
        )
        made = ReferenceMade(
            role=source.role.value,
            name=source.name,
            picture=source.picture,
            source_bytes=len(source.data),
            sent_bytes=len(small.data),
            width=small.width,
            height=small.height,
            seconds=round(small.seconds, 4),
            from_cache=small.from_cache,
        )
        return sent, made

    def _wanted(self, facts: BackendFacts) -> Wanted:
        if not facts.is_remote:  # nothing is sent, but it, too, wants them upright and in RGB
            return _AT_HOME
        return Wanted(
            limit_kb=facts.reference_max_kb or self._max_kb,
            media_types=facts.reference_types,
            keep_alpha=facts.takes_alpha,
        )
