"""All that the page may call: submit, look, follow, change and delete the jobs of one session."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, JobId, SessionId, StepId
from komadori.domain.states import JobKind, JobState, StepKind
from komadori.domain.view import BackendView, JobView, ListPart, LogEntry, RunView, VersionView
from komadori.domain.work import FileStore
from komadori.errors import NotFound
from komadori.queue import lookup
from komadori.queue.artifact_rows import add_reference
from komadori.queue.clip_orders import ClipOrders
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.hub import Hub
from komadori.queue.orders import Orders
from komadori.queue.providers import read_backends
from komadori.queue.store import Store
from komadori.queue.views import JobFold

T = TypeVar("T")


class Jobs:
    """The jobs of all sessions, as the page reaches them. Every call names its session.

    What belongs to another session looks exactly like what does not exist: NotFound. The store is
    synchronous and quick; it is reached through `executor`, never from the event loop.
    """

    def __init__(
        self,
        *,
        store: Store,
        orders: Orders,
        hub: Hub,
        files: FileStore,
        executor: ThreadPoolExecutor,
    ) -> None:
        self._store = store
        self._orders = orders
        self._frames = FrameOrders(orders.desk)
        self._clips = ClipOrders(orders.desk)
        self._hub = hub
        self._files = files
        self._executor = executor
        # Large pictures take seconds each: they wait for one another, and nobody waits for them.
        self._pictures = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def _run(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: call(*args, **kwargs))

    async def submit_storyboard(
        self, session: SessionId, request: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> JobView:
        """Store a storyboard job and ring for workers.

        `request` holds story, panels, style and characters as plain JSON; a character's
        `reference` is the id that `add_reference` returned. With an idempotency key that this
        session has used before, the job that exists is returned.

        Raises:
            RequestRejected: naming the field, what is wrong with it and what is allowed.
        """
        job_id = await self._run(self._orders.submit_storyboard, session, request, idempotency_key)
        return await self.get(session, job_id)

    async def redo_panel(
        self,
        session: SessionId,
        job_id: JobId,
        panel: int,
        *,
        wish: str = "",
        seed: int | None = None,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Draw one panel of a storyboard again, before all else in the lane; returns the panel job.

        `wish` says what should be different; without `seed` a new one is taken. The picture that
        was there stays as an older version.

        Raises:
            RequestRejected: no such panel, a wish that is too long, a seed out of range.
        """
        redo = await self._run(
            self._orders.redo_panel,
            session,
            job_id,
            panel,
            wanted=wish,
            seed=seed,
            key=idempotency_key,
        )
        return await self.get(session, redo)

    async def submit_frame(
        self, session: SessionId, request: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> JobView:
        """Store a frame job and ring for workers.

        `request` holds the fields of a FrameRequest as plain JSON; `scene_reference` and the
        characters' `reference` are ids that `add_reference` returned.

        Raises:
            RequestRejected: naming the field, what is wrong with it and what is allowed.
        """
        job_id = await self._run(self._frames.submit, session, request, idempotency_key)
        return await self.get(session, job_id)

    async def submit_clip(
        self, session: SessionId, request: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> JobView:
        """Store a clip job and ring for workers.

        `request`: `first_frame` (an id that `add_reference` returned, or of any picture of the
        session), or `job_id` of a storyboard or frame with `panels`, a list of numbers (None: all
        that are drawn); `prompt` says how it moves; `seconds`, `fps`, `provider` (the workflow),
        `seed`, `width`, `height` in pixels, `options` by the workflow's form.

        Raises:
            RequestRejected: naming the field, what is wrong with it and what is allowed.
        """
        job_id = await self._run(self._clips.submit, session, request, idempotency_key)
        return await self.get(session, job_id)

    async def preview_path(self, session: SessionId, step_id: StepId) -> Path:
        """Return where the preview of a step of this session lies.

        Raises:
            NotFound: there is none.
        """
        await self._run(self._require_step, session, step_id)
        path = self._files.preview_path(step_id)
        if not path.is_file():
            raise NotFound("file", step_id)
        return path

    async def approve_draft(
        self, session: SessionId, job_id: JobId, draft: int | None = None
    ) -> JobView:
        """Draw the final picture as a draft shows it, with its seed and references.

        `draft` is the draft's number; without it the newest one is taken.

        Raises:
            RequestRejected: no draft waits for approval, or there is none of this number.
        """
        await self._run(self._frames.approve, session, job_id, draft)
        return await self.get(session, job_id)

    async def redo_draft(
        self, session: SessionId, job_id: JobId, *, wish: str = "", seed: int | None = None
    ) -> JobView:
        """Draw one more draft, with a wish or another seed; the job goes on waiting after it.

        Raises:
            RequestRejected: no draft waits for approval, or there are too many already.
        """
        await self._run(self._frames.redo_draft, session, job_id, wanted=wish, seed=seed)
        return await self.get(session, job_id)

    async def pick_candidate(self, session: SessionId, job_id: JobId, number: int) -> JobView:
        """Choose one of the pictures of a frame job. Raises NotFound."""
        await self._run(self._frames.pick, session, job_id, number)
        return await self.get(session, job_id)

    async def backends(self) -> tuple[BackendView, ...]:
        """Return the image backends that the workers have told of, and how they do."""
        return await self._run(self._read_backends)

    async def runs(
        self, session: SessionId, kind: StepKind, provider: str | None = None
    ) -> tuple[RunView, ...]:
        """Return the newest timed pictures of the session, newest first, to compare them."""
        return await self._run(self._read_runs, session, kind, provider)

    async def get(self, session: SessionId, job_id: JobId) -> JobView:
        """Return the job as it stands now. Raises NotFound."""
        _, view = await self._run(self._fold, session, job_id)
        return view

    async def follow(self, session: SessionId, job_id: JobId) -> AsyncIterator[JobView]:
        """Yield the job as it stands now, then again whenever it has changed, until it is final.

        At least every 5 s something is yielded: the very same view (`is`) when nothing changed.
        The last view is final and complete. Raises NotFound at the first step.
        """
        fold, view = await self._run(self._fold, session, job_id)
        views = self._hub.follow(fold, view)
        try:
            async for view in views:
                yield view
        finally:  # a closed tab ends this generator: the hub must hear of it at once
            await views.aclose()

    async def list(
        self,
        session: SessionId,
        *,
        limit: int = 50,
        offset: int = 0,
        state: JobState | None = None,
        kind: JobKind | None = None,
    ) -> ListPart[JobView]:
        """Return jobs, newest first, without steps, panels and requests; not the deleted ones."""
        return await self._run(
            self._list, session, limit=limit, offset=offset, state=state, kind=kind
        )

    async def cancel(self, session: SessionId, job_id: JobId) -> JobView:
        """Drop the queued steps at once and let running ones stop at their next checkpoint.

        Cancelling what has already ended changes nothing.
        """
        await self._run(self._orders.cancel, session, job_id)
        return await self.get(session, job_id)

    async def retry(
        self, session: SessionId, job_id: JobId, *, resend_unknown: bool = False
    ) -> JobView:
        """Make what is missing: run failed and cancelled steps again; finished ones stay.

        Steps whose request was sent and not answered run again only with `resend_unknown`: it
        may be paid twice.

        Raises:
            RequestRejected: the job is still open, or has nothing missing, or nothing but what
                was sent already (code "resend_needed").
        """
        await self._run(self._orders.retry, session, job_id, resend=resend_unknown)
        return await self.get(session, job_id)

    async def delete(self, session: SessionId, job_id: JobId) -> JobView:
        """Hide a job, cancelling it if it is open. `undelete` brings it back, for a while."""
        await self._run(self._orders.delete, session, job_id)
        return await self.get(session, job_id)

    async def undelete(self, session: SessionId, job_id: JobId) -> JobView:
        """Bring a deleted job back."""
        await self._run(self._orders.undelete, session, job_id)
        return await self.get(session, job_id)

    async def log(self, session: SessionId, job_id: JobId) -> tuple[LogEntry, ...]:
        """Return what has happened to the job, oldest first."""
        return await self._run(self._read, lookup.read_log, session, job_id)

    async def versions(
        self, session: SessionId, job_id: JobId, panel: int
    ) -> tuple[VersionView, ...]:
        """Return all kept versions of a panel's picture, oldest first."""
        return await self._run(self._read, lookup.read_versions, session, job_id, panel)

    async def restore(self, session: SessionId, job_id: JobId, panel: int, version: int) -> JobView:
        """Make an older version of a panel's picture the current one again."""
        await self._run(self._orders.restore, session, job_id, panel, version)
        return await self.get(session, job_id)

    async def add_reference(self, session: SessionId, data: bytes) -> ArtifactId:
        """Check and keep a reference picture.

        Raises:
            RequestRejected: the bytes are not a picture we take; the message says why.
        """
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(self._pictures, self._files.put_reference, data)
        await self._run(self._note_reference, session, file)
        return file.id

    async def file(
        self, session: SessionId, artifact_id: ArtifactId, *, thumbnail: bool = False
    ) -> Path:
        """Return where a file of this session lies (WebP). Raises NotFound."""
        return await self._run(self._file, session, artifact_id, thumbnail)

    def _fold(self, session: SessionId, job_id: JobId) -> tuple[JobFold, JobView]:
        with self._store.read() as connection:
            lookup.require_job(connection, session, job_id)
        found = self._hub.fold(job_id)
        if found is None:
            raise NotFound("job", job_id)
        return found

    def _list(self, session: SessionId, **wanted: Any) -> ListPart[JobView]:
        forecast = self._hub.forecast()
        with self._store.read() as connection:
            return lookup.list_jobs(connection, session, forecast, **wanted)

    def _read(self, read: Callable[..., T], session: SessionId, job_id: JobId, *args: Any) -> T:
        with self._store.read() as connection:
            lookup.require_job(connection, session, job_id)
            return read(connection, job_id, *args)

    def _require_step(self, session: SessionId, step_id: StepId) -> None:
        with self._store.read() as connection:
            lookup.require_step(connection, session, step_id)

    def _read_backends(self) -> tuple[BackendView, ...]:
        with self._store.read() as connection:
            return read_backends(connection, self._store.now(connection))

    def _read_runs(
        self, session: SessionId, kind: StepKind, provider: str | None
    ) -> tuple[RunView, ...]:
        with self._store.read() as connection:
            return lookup.read_runs(connection, session, kind, provider)

    def _note_reference(self, session: SessionId, file: StoredFile) -> None:
        with self._store.write() as connection:
            add_reference(connection, session, file, now=self._store.now(connection))

    def _file(self, session: SessionId, artifact_id: ArtifactId, thumbnail: bool) -> Path:
        with self._store.read() as connection:
            lookup.require_file(connection, session, artifact_id)
        path = self._files.path(artifact_id, thumbnail=thumbnail)
        if not path.is_file():
            raise NotFound("file", artifact_id)
        return path
