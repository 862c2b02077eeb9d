"""Following a job for one tab of a browser: its newest wish wins, and a closed tab is freed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from komadori.domain.ids import JobId, SessionId
from komadori.domain.states import JobKind
from komadori.domain.view import JobView
from komadori.queue.jobs import Jobs

_BREATH_S = 0.1
"""Between two pictures of a job: more a second would be seen by nobody and cost everybody."""


class Tabs:
    """Which follower each open tab listens to."""

    def __init__(self) -> None:
        self._turns: dict[str, object] = {}

    def begin(self, tab: str) -> "Turn":
        """Give the tab to a new follower; the one before it gives way."""
        return Turn(self._turns, tab)

    def __len__(self) -> int:
        return len(self._turns)


class Turn:
    """A follower's hold on its tab."""

    def __init__(self, turns: dict[str, object], tab: str) -> None:
        self._turns = turns
        self._tab = tab
        turns[tab] = self

    @property
    def is_mine(self) -> bool:
        """Whether no other follower has come since."""
        return self._turns.get(self._tab) is self

    def end(self) -> None:
        """Leave the tab, unless another follower has it."""
        if self.is_mine:
            del self._turns[self._tab]


async def storyboard_of(jobs: Jobs, session: SessionId, job_id: JobId) -> JobView:
    """Return a job, or the storyboard whose panel it draws again. Raises NotFound."""
    view = await jobs.get(session, job_id)
    if view.kind is JobKind.PANEL and view.target is not None:
        return await jobs.get(session, view.target)
    return view


async def watch(jobs: Jobs, session: SessionId, job_id: JobId) -> AsyncGenerator[JobView, None]:
    """Yield a storyboard until it and all panels that are drawn again have ended.

    The same view again (`is`) is a heartbeat. Raises NotFound.
    """
    async with _closed_after(jobs.follow(session, job_id)) as views:
        async for view in views:
            yield view
            await asyncio.sleep(_BREATH_S)
    view = await jobs.get(session, job_id)
    yield view
    seen: set[JobId] = set()
    while (redo := _next_redo(view, seen)) is not None:
        seen.add(redo)
        async with _closed_after(_while_redone(jobs, session, view, redo)) as views:
            async for view in views:
                yield view


async def _while_redone(
    jobs: Jobs, session: SessionId, view: JobView, redo: JobId
) -> AsyncGenerator[JobView, None]:
    last: JobView | None = None
    async with _closed_after(jobs.follow(session, redo)) as steps:
        async for step in steps:
            if step is not last:
                view = await jobs.get(session, view.id)
            last = step
            yield view
            await asyncio.sleep(_BREATH_S)
    yield await jobs.get(session, view.id)


def _next_redo(view: JobView, seen: set[JobId]) -> JobId | None:
    return next((p.redo for p in view.panels if p.redo is not None and p.redo not in seen), None)


@asynccontextmanager
async def _closed_after(views: AsyncIterator[JobView]) -> AsyncIterator[AsyncIterator[JobView]]:
    """Close an iterator when its reader leaves, not whenever it is collected."""
    try:
        yield views
    finally:
        if isinstance(views, AsyncGenerator):
            await views.aclose()
