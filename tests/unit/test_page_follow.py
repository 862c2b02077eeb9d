"""Following for one tab: the newest wish wins, redone panels are followed, closing closes all."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

import gradio as gr
import pytest

from komadori.domain.ids import JobId, SessionId
from komadori.domain.states import JobKind, JobState, StepState
from komadori.domain.story import Scene, Setting, Shot
from komadori.domain.view import JobView, PanelView
from komadori.errors import NotFound
from komadori.queue.jobs import Jobs
from komadori.ui import follow
from komadori.ui.follow import Tabs, storyboard_of, watch
from komadori.ui.studio import Studio
from komadori.ui.visit import Visit

SESSION = SessionId("session")
BOARD = JobId("board")
REDO = JobId("redo")


def make_view(job_id: JobId, state: JobState, **facts: Any) -> JobView:
    """Return a job with nothing in it but what matters to a follower."""
    empty: dict[str, Any] = dict.fromkeys(JobView.__dataclass_fields__)
    empty |= {"id": job_id, "state": state, "kind": JobKind.STORYBOARD, "panels": (), "steps": ()}
    empty["frames"] = ()
    return JobView(**(empty | facts))


def make_panel(redo: JobId | None) -> PanelView:
    """Return a drawn panel, drawn again by `redo`."""
    return PanelView(
        number=1,
        scene=Scene(number=1, setting=Setting.FIELD),
        text="",
        shot=Shot.WIDE,
        characters=(),
        dialogue=(),
        state=StepState.COMPLETED,
        problem=None,
        picture=None,
        version=1,
        versions=1,
        redo=redo,
    )


class _Scripted:
    """Stands where Jobs stands: plays what it was given, and notes what was closed."""

    def __init__(self, **played: list[JobView]) -> None:
        self.played = played
        self.now = {name: views[0] for name, views in played.items()}
        self.closed: list[str] = []

    async def get(self, session: SessionId, job_id: JobId) -> JobView:
        if session != SESSION or job_id not in self.now:
            raise NotFound("job", job_id)
        return self.now[job_id]

    async def follow(self, session: SessionId, job_id: JobId) -> AsyncIterator[JobView]:
        await self.get(session, job_id)
        try:
            for view in self.played[job_id]:
                self.now[job_id] = view
                if view.state is JobState.COMPLETED and job_id == REDO:
                    self.now[BOARD] = replace(self.now[BOARD], panels=(make_panel(None),))
                yield view
        finally:
            self.closed.append(job_id)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_BREATH_S", 0)


async def test_a_job_is_watched_until_it_is_final() -> None:
    running = make_view(BOARD, JobState.RUNNING)
    jobs = _Scripted(board=[running, running, make_view(BOARD, JobState.COMPLETED)])

    seen = [view async for view in watch(cast(Jobs, jobs), SESSION, BOARD)]
    assert [view.state for view in seen][-1] is JobState.COMPLETED
    assert seen[0] is seen[1]  # a heartbeat is the very same view


async def test_a_panel_that_is_drawn_again_is_watched_on_its_storyboard() -> None:
    board = make_view(BOARD, JobState.COMPLETED, panels=(make_panel(REDO),))
    redo = [make_view(REDO, JobState.RUNNING), make_view(REDO, JobState.COMPLETED)]
    jobs = _Scripted(board=[board], redo=redo)

    seen = [view async for view in watch(cast(Jobs, jobs), SESSION, BOARD)]
    assert {view.id for view in seen} == {BOARD}
    assert seen[0].panels[0].redo == REDO
    assert seen[-1].panels[0].redo is None


async def test_closing_the_watch_closes_what_it_follows() -> None:
    jobs = _Scripted(board=[make_view(BOARD, JobState.RUNNING)] * 9)

    async with aclosing(watch(cast(Jobs, jobs), SESSION, BOARD)) as views:
        await anext(views)
    assert jobs.closed == [BOARD]


async def test_a_follower_that_gives_way_leaves_the_stage_alone() -> None:
    board, answers = gr.HTML(), gr.HTML()
    facts = {"request": {}, "title": "", "position": 1, "steps_total": 1}
    jobs = _Scripted(board=[make_view(BOARD, JobState.QUEUED, **facts)] * 3)
    studio = Studio(cast(Jobs, jobs), cast(Any, None), cast(Any, None), board, answers)
    who = Visit(SESSION, "en", "tab")

    old = studio._show(who, BOARD, None)
    await anext(old)
    new = studio._show(who, BOARD, None)
    await anext(new)
    left = [update async for update in old]
    await new.aclose()
    assert left == [{board: gr.skip()}]


async def test_a_panel_job_leads_to_its_storyboard() -> None:
    board = make_view(BOARD, JobState.COMPLETED)
    redo = make_view(REDO, JobState.RUNNING, kind=JobKind.PANEL, target=BOARD)

    found = await storyboard_of(cast(Jobs, _Scripted(board=[board], redo=[redo])), SESSION, REDO)
    assert found is board


def test_the_newest_follower_has_the_tab_and_the_last_one_frees_it() -> None:
    tabs = Tabs()
    first = tabs.begin("tab")
    second = tabs.begin("tab")

    assert not first.is_mine
    assert second.is_mine
    first.end()
    assert len(tabs) == 1
    second.end()
    assert len(tabs) == 0
