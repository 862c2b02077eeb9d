"""What both tabs with a stage do alike: they show one job, and follow it while somebody looks."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import gradio as gr

from komadori.domain.ids import JobId
from komadori.domain.view import JobView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.follow import Tabs, watch
from komadori.ui.texts import Language
from komadori.ui.visit import Visit, job_of, visit

Updates = dict[Any, Any]


class StageTab(ABC):
    """A tab whose `board` shows a job. What is said to the page beside it goes to `answers`."""

    def __init__(self, jobs: Jobs, sessions: Sessions, board: gr.HTML, answers: gr.HTML) -> None:
        self._jobs = jobs
        self._sessions = sessions
        self._board = board
        self._answers = answers
        self._tabs = Tabs()

    @abstractmethod
    def _drawn(self, view: JobView, language: Language) -> dict[str, Any]:
        """Draw a job on the stage."""

    @abstractmethod
    def _empty(self, language: Language) -> dict[str, Any]:
        """Draw the stage without a job."""

    async def look_again(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[Updates]:
        """Take up again what the tab was showing when it was left."""
        with suppress(RequestRejected):
            who = await visit(self._sessions, request)
            async for update in self._show(who, job_of(event), None):
                yield update

    async def leave(self, request: gr.Request) -> Updates:
        """End the stream of a tab that nobody looks at."""
        self._tabs.begin(str(request.session_hash)).end()
        return {self._answers: gr.skip()}

    async def _show(
        self, who: Visit, job_id: JobId, shown: JobView | None
    ) -> AsyncGenerator[Updates, None]:
        """Yield the stage whenever it changes, until all is done or the tab follows another job."""
        turn = self._tabs.begin(who.tab)
        try:
            async with aclosing(watch(self._jobs, who.session, job_id)) as views:
                async for view in views:
                    if not turn.is_mine:
                        # When a stream ends Gradio shows its last update once more.
                        yield {self._board: gr.skip()}
                        return
                    if view.deleted:
                        yield {self._board: self._empty(who.language)}
                        return
                    is_fresh = view is not shown
                    yield {self._board: self._drawn(view, who.language) if is_fresh else gr.skip()}
                    shown = view
        except NotFound:  # it was deleted while it was shown
            yield {self._board: self._empty(who.language)}
        finally:
            turn.end()
