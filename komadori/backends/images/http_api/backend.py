"""The image backend of one provider with an HTTP API."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, TypeVar

from komadori.backends.addresses import LinkNotAllowed
from komadori.backends.download import DownloadLimits, download_picture
from komadori.backends.images.http_api.answer import Link, Picture, read_answer, read_task_id
from komadori.backends.images.http_api.outcomes import Reply, Speaker
from komadori.backends.images.http_api.request import Encoded, encode
from komadori.backends.images.http_api.spec import ProviderSpec, TaskSpec
from komadori.backends.images.http_api.tasks import Poll
from komadori.backends.images.http_api.wire import Wire
from komadori.backends.images.protocol import Errand, PictureOrder, ReferenceRole
from komadori.domain.backends import BackendFacts
from komadori.errors import BackendBusy, BackendDown, BackendRefused, NotFetchedYet

log = logging.getLogger(__name__)

_LARGE_BYTES = 256 * 1024
"""Above this, encoding and decoding are done in a thread."""
_DOWNLOADS = 4
_BACKOFF_S = 0.5

T = TypeVar("T")
Download = Callable[[str, DownloadLimits], Awaitable[bytes]]


class HttpImages:
    """Draws with the API that a provider's file describes.

    An order is sent once. What came of it is told by the error:

    - BackendRefused, BackendBusy, BackendDown: nothing was made.
    - OutcomeUnknown: something may have been made and billed, and can't be had.
    - NotFetchedYet: something was made, or is being made, and a ticket for it is
      stored: `draw` with that ticket fetches it and sends nothing. A task that is not done in
      time, an address that does not answer and one that our own limits forbid end like this; an
      address that is gone for good is OutcomeUnknown.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        environ: Mapping[str, str],
        *,
        download: Download = download_picture,
        download_s: float = 60.0,
        download_bytes: int = 64_000_000,
    ) -> None:
        self._spec = spec
        self._environ = environ
        self._download = download
        self._limits = DownloadLimits(
            total_s=download_s,
            max_bytes=download_bytes,
            redirects=3,
            allow_private=spec.allow_private,
        )
        self._wire = Wire(spec)

    @property
    def facts(self) -> BackendFacts:
        """What it is and takes. Whether it is ready depends on the environment."""
        spec, reason = self._spec, self._key_fault()
        references = spec.references
        return BackendFacts(
            name=spec.name,
            label=spec.label,
            kind="http",
            model=spec.model,
            is_ready=not reason,
            reason=reason,
            max_references=references.max if references else 0,
            reference_types=references.media_types if references else (),
            takes_alpha=references.takes_alpha if references else False,
            takes_seed=spec.fields.seed is not None,
            is_paid=spec.is_paid,
            price=spec.price,
            at_once=spec.at_once,
            fallback=spec.fallback,
        )

    async def draw(self, order: PictureOrder, errand: Errand) -> bytes:
        """Return the picture; with a ticket only fetch it."""
        if fault := self._key_fault():
            raise BackendRefused(f"{self._spec.label} can't be used: {fault}.")
        speaker = Speaker(self._spec, self._key())
        visit = _Visit(speaker, self._wire, errand)
        if errand.ticket is not None:
            made = await visit.fetch(errand.ticket)
        else:
            made = await visit.order(order)
        if isinstance(made, Link):
            errand.report(0.9, "downloading")
            with errand.timed("download"):
                made = await self._downloaded(made, speaker)
        errand.report(1.0, "done")
        return made.data

    async def _downloaded(self, link: Link, speaker: Speaker) -> Picture:
        """Fetch a result. It has time limits of its own: what is paid for is worth waiting for."""
        tries = 0
        while True:
            try:
                return Picture(await self._download(link.url, self._limits))
            except LinkNotAllowed as exc:  # it is there, and the limits can be changed
                raise NotFetchedYet(
                    f"{self._spec.label}: the picture was made, but is not fetched under the "
                    f"limits set here: {exc} It will be asked for again, and not ordered anew."
                ) from exc
            except BackendRefused as exc:
                what = f"the picture was made, but its address gives none any more ({exc})"
                raise speaker.lost(what) from exc
            except (BackendDown, BackendBusy) as exc:
                tries += 1
                if tries == _DOWNLOADS:
                    raise NotFetchedYet(
                        f"{self._spec.label}: the picture was made, but can't be downloaded just "
                        f"now ({exc}); it will be asked for again."
                    ) from exc
            await asyncio.sleep(_BACKOFF_S * 2 ** (tries - 1) * random.uniform(0.5, 1.5))

    def _key(self) -> str:
        return self._environ.get(self._spec.key_env, "").strip() if self._spec.key_env else ""

    def _key_fault(self) -> str:
        if self._spec.key_env is None:
            return ""
        key = self._key()
        if not key:
            return f"{self._spec.key_env} is not set"
        if not (key.isascii() and key.isprintable()):
            return f"{self._spec.key_env} holds a character that no key has"
        return ""


class _Visit:
    """One errand at the provider, with the key of the moment."""

    def __init__(self, speaker: Speaker, wire: Wire, errand: Errand) -> None:
        self._spec = speaker.spec
        self._speaker = speaker
        self._wire = wire
        self._errand = errand

    async def order(self, order: PictureOrder) -> Picture | Link:
        encoded = await _in_thread_when(
            sum(len(each.data) for each in order.references), encode, self._spec, order
        )
        await self._errand.sending()
        self._errand.report(0.05, "sending")
        deadline = self._deadline()
        reply = await self._sent(order, encoded, deadline)
        if not reply.is_success:
            raise self._speaker.failure(reply)
        if self._spec.tasks is not None:
            task_id = read_task_id(self._speaker, reply, self._spec.tasks.id)
            await self._errand.accepted({"task": task_id})
            return await self._polled(self._spec.tasks, task_id, deadline)
        with self._errand.timed("parse"):
            made = await _in_thread_when(len(reply.body), read_answer, self._speaker, reply)
        if isinstance(made, Link):
            await self._errand.accepted({"url": made.url})
        return made

    async def fetch(self, ticket: Mapping[str, Any]) -> Picture | Link:
        match ticket:
            case {"task": str(task_id)} if self._spec.tasks is not None:
                return await self._polled(self._spec.tasks, task_id, self._deadline())
            case {"url": str(url)}:
                return Link(url)
            case _:
                raise self._speaker.lost(
                    "the order was taken, but its ticket does not fit the provider's file any more"
                )

    async def _polled(self, tasks: TaskSpec, task_id: str, deadline: float) -> Picture | Link:
        poll = Poll(self._speaker, tasks, task_id, self._ask)
        with self._errand.timed("poll"):
            return await poll.result(self._errand, deadline=deadline)

    async def _ask(self, path: str) -> Reply:
        return await self._wire.get(path, self._speaker)

    async def _sent(self, order: PictureOrder, encoded: Encoded, deadline: float) -> Reply:
        began, status = perf_counter(), "none"
        try:
            reply = await self._wire.post(encoded, self._errand, self._speaker, deadline=deadline)
            status = str(reply.status)
            return reply
        finally:
            roles = [each.role for each in order.references]
            log.info(
                "picture ordered: provider=%s model=%s scene=%s characters=%d images=%d size=%s "
                "sent_bytes=%d status=%s seconds=%.2f",
                self._spec.name,
                self._spec.model or "-",
                "yes" if ReferenceRole.SCENE in roles else "no",
                roles.count(ReferenceRole.CHARACTER),
                len(roles),
                encoded.size,
                len(encoded.body),
                status,
                perf_counter() - began,
            )

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._errand.timeout_s


async def _in_thread_when(size: int, work: Callable[..., T], *args: Any) -> T:
    return await asyncio.to_thread(work, *args) if size > _LARGE_BYTES else work(*args)
