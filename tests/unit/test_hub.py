"""The page's side: the jobs of a session through one facade, and following them through the hub."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.states import JobState
from komadori.domain.view import JobView
from komadori.errors import NotFound, RequestRejected
from komadori.queue import hub as hub_module
from komadori.queue.changes import SqliteChanges
from komadori.queue.hub import Hub
from komadori.queue.jobs import Jobs
from tests.unit.conftest import STORY, Spine, picture

PATIENCE_S = 10.0


@dataclass
class Page:
    """A page's view of the queue, and the queue behind it."""

    jobs: Jobs
    hub: Hub
    spine: Spine

    async def work(self, call: Callable[..., object], *args: object) -> None:
        """Let a worker do something, in its own thread as in its own process."""
        await asyncio.to_thread(call, *args)


@pytest.fixture
def page(spine: Spine) -> Iterator[Page]:
    hub = Hub(spine.store, SqliteChanges(spine.url), workers=4)
    hub.start()
    with ThreadPoolExecutor(4) as executor:
        jobs = Jobs(
            store=spine.store, orders=spine.orders, hub=hub, files=spine.files, executor=executor
        )
        yield Page(jobs, hub, spine)


async def until(
    views: AsyncIterator[JobView], is_it: Callable[[JobView], bool]
) -> tuple[JobView, list[JobView]]:
    """Read views until one fits; returns it and all that came before."""
    seen: list[JobView] = []
    async with asyncio.timeout(PATIENCE_S):
        async for view in views:
            if is_it(view):
                return view, seen
            seen.append(view)
    raise AssertionError("the views ended before")


async def until_freed(hub: Hub) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while hub._watched:  # noqa: ASYNC110  # the hub has no event for it
            await asyncio.sleep(0.01)


# --- following ---------------------------------------------------------------------------------


async def test_a_follower_sees_the_job_as_it_is_then_its_changes_then_its_end(
    page: Page, session: SessionId
) -> None:
    job = await page.jobs.submit_storyboard(session, {"story": STORY, "panels": 3})
    views = page.jobs.follow(session, job.id)

    first = await anext(views)
    assert (first.state, first.position, first.request["story"]) == (JobState.QUEUED, 1, STORY)
    claim = page.spine.claim()
    running, _ = await until(views, lambda view: view.state is JobState.RUNNING)
    page.spine.ledger.renew(claim, (0.5, "half way"))
    half, _ = await until(views, lambda view: view.steps[0].progress == 0.5)
    await page.work(page.spine.complete, claim)
    await page.work(page.spine.work)
    rest = [view async for view in views]

    assert rest[-1].state is JobState.COMPLETED
    assert [panel.version for panel in rest[-1].panels] == [1, 1, 1]
    sequences = [view.sequence for view in (first, running, half, *rest)]
    assert sequences == sorted(sequences)
    await until_freed(page.hub)


async def test_a_job_that_has_ended_is_told_once(page: Page, session: SessionId) -> None:
    job_id = page.spine.make_scenes(session)
    page.spine.work()

    views = [view async for view in page.jobs.follow(session, job_id)]

    assert [view.state for view in views] == [JobState.COMPLETED]


async def test_nothing_new_is_told_as_the_very_same_view(
    page: Page, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.05)
    job_id = page.spine.submit(session)
    views = page.jobs.follow(session, job_id)

    first, second, third = [await anext(views) for _ in range(3)]

    assert first is second is third
    await views.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_closed_tab_is_forgotten(page: Page, session: SessionId) -> None:
    job_id = page.spine.submit(session)
    views = page.jobs.follow(session, job_id)
    await anext(views)
    assert list(page.hub._watched) == [job_id]

    await views.aclose()  # type: ignore[attr-defined]  # it is a generator

    assert not page.hub._watched


async def test_a_cancelled_handler_is_forgotten(page: Page, session: SessionId) -> None:
    job_id = page.spine.submit(session)
    told = asyncio.Event()

    async def handler() -> None:
        async for _ in page.jobs.follow(session, job_id):
            told.set()

    task = asyncio.create_task(handler())
    await told.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    await until_freed(page.hub)


async def test_two_tabs_see_the_same_and_one_may_close(page: Page, session: SessionId) -> None:
    job_id = page.spine.submit(session)
    first, second = page.jobs.follow(session, job_id), page.jobs.follow(session, job_id)
    await anext(first)
    await anext(second)

    page.spine.claim()
    one, _ = await until(first, lambda view: view.state is JobState.RUNNING)
    other, _ = await until(second, lambda view: view.state is JobState.RUNNING)
    assert one is other

    await first.aclose()  # type: ignore[attr-defined]  # it is a generator
    page.spine.orders.cancel(session, job_id)
    await until(second, lambda view: view.state is JobState.CANCELLING)
    await second.aclose()  # type: ignore[attr-defined]


async def test_a_place_in_the_queue_moves_though_the_job_does_not_change(
    page: Page, session: SessionId
) -> None:
    page.spine.submit(session)
    job_id = page.spine.submit(session)
    views = page.jobs.follow(session, job_id)
    first = await anext(views)
    assert first.position == 2

    page.spine.claim()

    moved, _ = await until(views, lambda view: view.position == 1)
    assert moved.sequence == first.sequence
    await views.aclose()  # type: ignore[attr-defined]


async def test_a_redo_is_seen_by_who_follows_the_storyboard(page: Page, session: SessionId) -> None:
    job_id = page.spine.make_scenes(session, panels=2)
    page.spine.complete(page.spine.claim())
    views = page.jobs.follow(session, job_id)
    await anext(views)

    redo = await page.jobs.redo_panel(session, job_id, 1, wish="closer")
    await until(views, lambda view: view.panels[0].redo == redo.id)
    page.spine.complete(page.spine.claim())

    shown, _ = await until(views, lambda view: view.panels[0].redo is None)
    assert shown.panels[0].version == 2
    await views.aclose()  # type: ignore[attr-defined]


async def test_a_hub_that_stumbles_goes_on(
    page: Page, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "LOOK_S", 0.02)
    job_id = page.spine.submit(session)
    loop, stumbled = page.hub.loop, threading.Event()

    def stumble() -> None:
        if not stumbled.is_set():
            stumbled.set()
            raise RuntimeError("a row that nobody can read")
        loop()

    monkeypatch.setattr(page.hub, "loop", stumble)
    views = page.jobs.follow(session, job_id)
    await anext(views)
    page.spine.claim()

    await until(views, lambda view: view.state is JobState.RUNNING)

    assert stumbled.is_set()
    await views.aclose()  # type: ignore[attr-defined]


async def test_who_comes_with_newer_news_is_not_told_older(page: Page, session: SessionId) -> None:
    job_id = page.spine.submit(session)
    older = page.spine.view(job_id)
    page.spine.claim()
    newer = page.spine.view(job_id)
    follower = hub_module.Follower(newer)

    follower.tell(older)

    assert follower.view is newer


async def test_many_followers_joining_while_a_job_ends_all_see_the_end(
    page: Page, session: SessionId
) -> None:
    job_id = page.spine.make_scenes(session, panels=10)

    async def last_view(wait_s: float) -> JobView:
        await asyncio.sleep(wait_s)
        async with asyncio.timeout(PATIENCE_S):
            *_, last = [view async for view in page.jobs.follow(session, job_id)]
        return last

    followers = [asyncio.create_task(last_view(number * 0.002)) for number in range(50)]
    await page.work(page.spine.work)

    assert {view.state for view in await asyncio.gather(*followers)} == {JobState.COMPLETED}
    await until_freed(page.hub)


# --- the facade --------------------------------------------------------------------------------


async def test_each_order_answers_with_the_job_as_it_stands(page: Page, session: SessionId) -> None:
    job = await page.jobs.submit_storyboard(
        session, {"story": STORY, "panels": 1}, idempotency_key="k1"
    )
    again = await page.jobs.submit_storyboard(
        session, {"story": STORY, "panels": 1}, idempotency_key="k1"
    )
    assert again.id == job.id
    assert (await page.jobs.cancel(session, job.id)).state is JobState.CANCELLED
    assert (await page.jobs.retry(session, job.id)).state is JobState.QUEUED
    await page.work(page.spine.work)
    assert (await page.jobs.get(session, job.id)).state is JobState.COMPLETED
    redo = await page.jobs.redo_panel(session, job.id, 1, wish="closer", seed=5)
    assert (redo.target, redo.position) == (job.id, 1)
    await page.work(page.spine.work)
    versions = await page.jobs.versions(session, job.id, 1)
    assert [version.is_current for version in versions] == [False, True]
    restored = await page.jobs.restore(session, job.id, 1, 1)
    assert restored.panels[0].version == 1
    assert (await page.jobs.log(session, job.id))[-1].kind == "restored"
    assert (await page.jobs.delete(session, job.id)).deleted
    assert (await page.jobs.list(session)).items == (), "its redo is not listed either"
    assert not (await page.jobs.undelete(session, job.id)).deleted
    assert (await page.jobs.list(session)).total == 2


CALLS: dict[str, Callable[[Jobs, SessionId, JobId], Awaitable[object]]] = {
    "get": lambda jobs, session, job: jobs.get(session, job),
    "follow": lambda jobs, session, job: anext(jobs.follow(session, job)),
    "cancel": lambda jobs, session, job: jobs.cancel(session, job),
    "retry": lambda jobs, session, job: jobs.retry(session, job),
    "delete": lambda jobs, session, job: jobs.delete(session, job),
    "undelete": lambda jobs, session, job: jobs.undelete(session, job),
    "log": lambda jobs, session, job: jobs.log(session, job),
    "versions": lambda jobs, session, job: jobs.versions(session, job, 1),
    "restore": lambda jobs, session, job: jobs.restore(session, job, 1, 1),
    "redo_panel": lambda jobs, session, job: jobs.redo_panel(session, job, 1),
}


@pytest.mark.parametrize("call", CALLS)
async def test_another_sessions_job_is_not_found_by_any_call(
    call: str, page: Page, session: SessionId, other: SessionId
) -> None:
    job_id = page.spine.make_scenes(session, panels=1)
    page.spine.work()
    before = page.spine.job(job_id)

    for whose, which in ((other, job_id), (session, JobId(new_id()))):
        with pytest.raises(NotFound, match=f"There is no job '{which}' in this session"):
            await CALLS[call](page.jobs, whose, which)

    assert page.spine.job(job_id) == before
    assert not page.hub._watched


async def test_a_reference_picture_is_a_file_of_its_session(
    page: Page, session: SessionId, other: SessionId
) -> None:
    reference = await page.jobs.add_reference(session, picture(size=(640, 360)))

    whole = await page.jobs.file(session, reference)
    thumbnail = await page.jobs.file(session, reference, thumbnail=True)
    assert whole.stat().st_size > thumbnail.stat().st_size
    for whose, which in ((other, reference), (session, ArtifactId("0" * 20))):
        with pytest.raises(NotFound, match="no file"):
            await page.jobs.file(whose, which)


async def test_what_is_no_picture_leaves_no_reference(page: Page, session: SessionId) -> None:
    with pytest.raises(RequestRejected, match="not a picture"):
        await page.jobs.add_reference(session, b"Once upon a time.")

    assert not list(page.spine.files._folder.rglob("*"))


async def test_a_file_that_was_lost_is_not_found(page: Page, session: SessionId) -> None:
    reference = await page.jobs.add_reference(session, picture())
    page.spine.files.remove(reference)

    with pytest.raises(NotFound, match="no file"):
        await page.jobs.file(session, reference)


async def test_large_pictures_do_not_hold_up_who_asks_for_a_job(
    page: Page, session: SessionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = page.spine.submit(session)
    is_decoded = threading.Event()
    put_reference = page.spine.files.put_reference

    def slowly(data: bytes) -> StoredFile:
        is_decoded.wait(PATIENCE_S)
        return put_reference(data)

    monkeypatch.setattr(page.spine.files, "put_reference", slowly)
    uploads = [asyncio.create_task(page.jobs.add_reference(session, picture())) for _ in range(8)]
    async with asyncio.timeout(PATIENCE_S):
        assert (await page.jobs.get(session, job_id)).id == job_id
    assert not any(upload.done() for upload in uploads)

    is_decoded.set()
    assert len(set(await asyncio.gather(*uploads))) == 8
