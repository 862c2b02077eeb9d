"""One picture, from its drawing to the stored file: whom to ask, what to send, what came of it.

Panels, drafts and frames all go this way. What an earlier attempt has left in the book of calls
comes first: a picture that was answered is taken, one that was accepted is fetched, and nothing
that was sent is sent again.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from komadori.backends.images.protocol import ImageBackend, PictureOrder, ReferenceRole
from komadori.domain.backends import BackendFacts
from komadori.domain.calls import CallState, Intent, OpenCall
from komadori.domain.files import StoredFile
from komadori.domain.ids import JobId
from komadori.domain.making import Making
from komadori.domain.requests import Options
from komadori.domain.story import Drawing
from komadori.domain.work import NewArtifact, StepContext, StepResult
from komadori.errors import (
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    NotFetchedYet,
    OutcomeUnknown,
    RequestRejected,
)
from komadori.pipeline.choices import Backends, Choice
from komadori.pipeline.errand import PictureErrand
from komadori.pipeline.fitting import fitted
from komadori.pipeline.prompts import prompt_of
from komadori.pipeline.references import Prepare, References, Source, read_references
from komadori.pipeline.timeouts import Timeout, learned_timeout, size_band

log = logging.getLogger(__name__)

INSIST_S = 60.0
"""How long a paid picture is tried to be stored where the disk refuses."""
_STORE_AGAIN_S = 1.0
_EARLIER = "an earlier attempt had asked it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A picture that one step wants. `provider`: a name or "auto"."""

    drawing: Drawing
    provider: str
    is_draft: bool = False
    options: Options = field(default_factory=dict)
    """What the form of a ComfyUI workflow was filled in with."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.drawing.width, self.drawing.height


class Draw:
    """Draws pictures by whichever backend can."""

    def __init__(self, backends: Backends, prepare: Prepare, *, timeout_s: float) -> None:
        """`timeout_s`: the most that a request may take."""
        self._backends = backends
        self._prepare = prepare
        self._timeout_s = timeout_s

    async def kept(self, task: Task, context: StepContext, owner: JobId, slot: str) -> StepResult:
        """Return the picture as a step's result: the newest version of a job's slot."""
        file, making = await self(task, context)
        about = {
            "wish": task.drawing.modification,
            "seed": task.drawing.seed,
            "provider": making.provider,
        }
        artifact = NewArtifact(job_id=owner, slot=slot, file=file, about=about)
        return StepResult(data={"picture": file.id}, artifacts=(artifact,))

    async def __call__(self, task: Task, context: StepContext) -> tuple[StoredFile, Making]:
        """Return the picture as it is stored, and how it was made.

        Raises:
            BackendError: as its class says.
        """
        earlier = await context.calls.open()
        if earlier is not None and earlier.file is not None:
            return await self._found_again(task, context, earlier, earlier.file)
        with context.timed("references"):
            sources = await _sources(task, context, earlier)
        if earlier is not None:
            choice = Choice(self._asked_before(earlier), _EARLIER)
            return await self._drawn(task, context, choice, sources, earlier)
        return await self._by_the_first(task, context, sources)

    def _asked_before(self, earlier: OpenCall) -> ImageBackend:
        backend = self._backends.named(earlier.provider)
        facts = backend.facts
        if not facts.is_ready:  # it would refuse, and what was paid would be given up
            raise NotFetchedYet(f"{facts.label} made it, and cannot be asked now: {facts.reason}.")
        return backend

    async def _found_again(
        self, task: Task, context: StepContext, earlier: OpenCall, file: StoredFile
    ) -> tuple[StoredFile, Making]:
        """The picture was stored, and the worker ended before it could tell."""
        if not context.files.path(file.id).is_file():
            message = "The picture came, and its file is gone. It was paid if the provider asks."
            await context.calls.ended(earlier.id, CallState.UNKNOWN, message)
            raise OutcomeUnknown(message)
        facts = self._facts_of(earlier.provider)
        making = Making(
            provider=earlier.provider,
            label=facts.label if facts else earlier.provider,
            model=earlier.model,
            why=_EARLIER,
            seed=task.drawing.seed if facts and facts.takes_seed else None,
            cost=earlier.price,
            recovered=True,
        )
        context.describe(making)
        return file, making

    def _facts_of(self, provider: str) -> BackendFacts | None:
        return next((facts for facts in self._backends.facts if facts.name == provider), None)

    async def _by_the_first(
        self, task: Task, context: StepContext, sources: tuple[Source, ...]
    ) -> tuple[StoredFile, Making]:
        """Ask one after the other until one draws.

        One that is down is passed over. One that has no place just now, or asked for a pause, is
        waited for: else whoever takes over in need would draw on every busy day, and one
        storyboard would show two hands.
        """
        setbacks: list[BackendError] = []
        why = ""
        for choice in self._backends.choices(task.provider, context.job.provider):
            facts = choice.backend.facts
            rest = await context.calls.rest(facts.name) if facts.is_remote else None
            if rest is not None:
                pause = BackendBusy(f"{facts.label}: {rest.reason}", retry_after_s=rest.seconds)
                if not rest.is_down:
                    raise pause
                setbacks.append(pause)
                why = rest.reason
                continue
            try:
                chosen = replace(choice, why=why or choice.why)
                return await self._drawn(task, context, chosen, sources, None)
            except BackendDown as exc:
                log.warning("provider passed over: provider=%s reason=%s", facts.name, exc)
                setbacks.append(exc)
                why = f"{facts.label} is down"
        raise _soonest(setbacks)

    async def _drawn(
        self,
        task: Task,
        context: StepContext,
        choice: Choice,
        sources: tuple[Source, ...],
        earlier: OpenCall | None,
    ) -> tuple[StoredFile, Making]:
        began = time.perf_counter()
        facts = choice.backend.facts
        references = await self._prepare(sources, facts, context)
        band = size_band(*task.size, is_draft=task.is_draft)
        timeout = await self._timeout(choice.backend, context, band, len(references.sent))
        is_limited = facts.is_remote and facts.has_time_limit
        making = _making(task, choice, references, timeout if is_limited else None)
        context.describe(making)
        context.report(0.0, facts.label)
        intent = Intent(
            provider=facts.name,
            model=facts.model,
            size_band=band,
            references=len(references.sent),
            is_paid=facts.is_paid,
            at_once=facts.at_once,
            timeout_s=timeout.seconds,
            price=facts.price,
        )
        errand = PictureErrand(context, intent, earlier)
        file = await self._asked(task, context, choice.backend, references, errand)
        _tell(choice.backend, task, references, time.perf_counter() - began)
        if facts.is_paid:
            price = earlier.price if earlier else facts.price
            making = making.model_copy(update={"cost": price, "recovered": earlier is not None})
            context.describe(making)
        return file, making

    async def _timeout(
        self, backend: ImageBackend, context: StepContext, band: str, references: int
    ) -> Timeout:
        facts = backend.facts
        runs = await context.calls.runs(facts.name, facts.model) if facts.is_remote else ()
        return learned_timeout(runs, band=band, references=references, cap_s=self._timeout_s)

    async def _asked(
        self,
        task: Task,
        context: StepContext,
        backend: ImageBackend,
        references: References,
        errand: PictureErrand,
    ) -> StoredFile:
        order = PictureOrder(
            drawing=task.drawing,
            prompt=prompt_of(task.drawing, references.sent),
            references=references.sent,
            seed=task.drawing.seed,
            width=task.drawing.width,
            height=task.drawing.height,
            is_draft=task.is_draft,
            options=task.options,
        )
        try:
            data = await backend.draw(order, errand)
            errand.came_back()
            insist_s = INSIST_S if backend.facts.is_paid else 0.0
            file = await _stored(task, context, data, insist_s)
        except BackendError as exc:
            await errand.failed(exc)
            raise
        await errand.kept(file)
        return file


async def _sources(
    task: Task, context: StepContext, earlier: OpenCall | None
) -> tuple[Source, ...]:
    try:
        return await read_references(task.drawing, context)
    except BackendRefused:
        if earlier is None:
            raise
        return ()  # nothing will be sent: what was made from them can still be fetched


def _soonest(setbacks: Sequence[BackendError]) -> BackendError:
    """Return what is worth telling: who is back first, else the last failure."""
    pauses = [one for one in setbacks if isinstance(one, BackendBusy)]
    if pauses:
        return min(pauses, key=lambda one: one.retry_after_s)
    return setbacks[-1] if setbacks else BackendRefused("No image provider is ready.")


def _making(task: Task, choice: Choice, references: References, timeout: Timeout | None) -> Making:
    facts = choice.backend.facts
    return Making(
        provider=facts.name,
        label=facts.label,
        model=facts.model,
        why=choice.why,
        timeout_s=timeout.seconds if timeout else None,
        timeout_reason=timeout.reason if timeout else "",
        references=references.made,
        left_out=references.left_out,
        seed=task.drawing.seed if facts.takes_seed else None,
    )


async def _stored(task: Task, context: StepContext, data: bytes, insist_s: float) -> StoredFile:
    """Keep the picture, at the size that was asked for; a draft is kept as it came.

    What is paid is not thrown away because a disk is full for a moment: for `insist_s` seconds it
    is tried again.
    """
    if not task.is_draft:
        with context.timed("fit"):
            data = await asyncio.to_thread(fitted, data, task.size)
    until = time.monotonic() + insist_s
    with context.timed("store"):
        while True:
            try:
                return await asyncio.to_thread(context.files.put_picture, data)
            except RequestRejected as exc:
                raise OutcomeUnknown(f"What came back cannot be kept. {exc}") from exc
            except OSError as exc:
                if not insist_s:
                    raise
                await _wait_for_room(context, exc, until)


async def _wait_for_room(context: StepContext, exc: OSError, until: float) -> None:
    """Wait before the picture is stored again; when the time is over say why it is lost."""
    why = exc.strerror or str(exc)
    if time.monotonic() > until:
        raise OutcomeUnknown(
            f"The picture came and could not be stored: {why}. Make room for it; it may be paid."
        ) from exc
    log.warning("picture not stored yet: reason=%s", exc)
    context.report(0.95, f"the picture came; storing it fails: {why}")
    await asyncio.sleep(_STORE_AGAIN_S)


def _tell(backend: ImageBackend, task: Task, references: References, seconds: float) -> None:
    roles = [reference.role for reference in references.sent]
    log.info(
        "picture made: provider=%s model=%s references=%d scene=%s characters=%d left_out=%d"
        " sent_kb=%d size=%dx%d seconds=%.2f",
        backend.facts.name,
        backend.facts.model or "-",
        len(roles),
        "yes" if ReferenceRole.SCENE in roles else "no",
        roles.count(ReferenceRole.CHARACTER),
        len(references.left_out),
        sum(len(reference.data) for reference in references.sent) // 1024,
        *task.size,
        seconds,
    )
