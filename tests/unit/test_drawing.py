"""Drawing: whom it asks, what the book of calls says then, and that nothing is asked twice."""

import asyncio
import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import insert

from komadori.backends.images.protocol import Errand, ImageBackend, PictureOrder, ReferenceRole
from komadori.domain.calls import CallState
from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.making import Making
from komadori.domain.states import StepState
from komadori.domain.story import Drawing
from komadori.errors import (
    BackendBusy,
    BackendDown,
    BackendError,
    BackendRefused,
    LeaseLost,
    NotFetchedYet,
    OutcomeUnknown,
)
from komadori.pipeline import drawing
from komadori.pipeline.artifacts import LocalFiles
from komadori.pipeline.choices import Backends
from komadori.pipeline.compress import Compressor
from komadori.pipeline.drawing import Draw, Task
from komadori.pipeline.references import Prepare
from komadori.queue import schema
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.ledger import Ending
from komadori.queue.providers import CIRCUIT_AFTER
from tests.fakes.at_work import AtWork
from tests.fakes.painters import (
    PRICE,
    Act,
    Painter,
    Sketcher,
    answers,
    crashes,
    fetches,
    hangs_up,
    has_lost_it,
    is_busy,
    is_down,
    is_still_not_done,
    painted,
    paints,
    refuses,
    takes_its_time,
)
from tests.unit.conftest import Spine

CAP_S = 180.0
SIZE = (96, 64)


class Studio:
    """A frame job at work: its step can be claimed, drawn, and claimed again."""

    def __init__(self, spine: Spine, session: SessionId, cache: Path) -> None:
        self.spine = spine
        self.session = session
        self._prepare = Prepare(Compressor(cache), max_kb=300)
        self._executor = ThreadPoolExecutor(1)
        self.job_id = JobId("")

    def close(self) -> None:
        self._executor.shutdown()

    def begin(self, **asked: Any) -> AtWork:
        """Submit a frame and claim its step."""
        asked = {"prompt": "Mei waits", "width": SIZE[0], "height": SIZE[1], "seed": 7} | asked
        self.job_id = FrameOrders(self.spine.orders.desk).submit(self.session, asked, None)
        return self.claim()

    def claim(self) -> AtWork:
        return AtWork(self.spine.store, self.spine.files, self._executor, self.spine.claim())

    def again(self, at_work: AtWork, outcome: str = "died") -> AtWork:
        """End the attempt, and claim the step anew, as another worker would."""
        self.end(at_work, outcome)
        (step,) = self.spine.steps(self.job_id)
        assert step.state in (StepState.QUEUED, StepState.WAITING)
        self.spine.change_step(step.id, state=StepState.QUEUED, not_before=None)
        return self.claim()

    def end(self, at_work: AtWork, outcome: str) -> None:
        self.spine.ledger.finish(at_work.claim, Ending(outcome=outcome, may_retry=True))

    def picture(self, colour: tuple[int, int, int] = (9, 99, 9)) -> ArtifactId:
        """Store a picture that may be a reference of this session's jobs."""
        file = self.spine.files.put_reference(painted(colour=colour))
        values = {
            "id": file.id,
            "session_id": self.session,
            "slot": "reference",
            "version": 1,
            "is_current": True,
            "about": {},
            "media_type": file.media_type,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "width": file.width,
            "height": file.height,
            "created_at": 1.0,
        }
        with self.spine.store.write() as connection:
            connection.execute(insert(schema.artifacts).values(**values))
        return file.id

    async def draw(
        self,
        at_work: AtWork,
        *backends: ImageBackend,
        provider: str = "auto",
        is_draft: bool = False,
    ) -> tuple[StoredFile, Making]:
        drawing = Drawing.model_validate(at_work.claim.step.payload)
        draw = Draw(Backends(backends), self._prepare, timeout_s=CAP_S)
        task = Task(drawing=drawing, provider=provider, is_draft=is_draft)
        return await draw(task, at_work.context)

    @property
    def calls(self) -> list[Any]:
        rows = self.spine.rows(schema.calls)
        return sorted(rows, key=lambda row: row.started_at)

    @property
    def states(self) -> list[tuple[str, str]]:
        """Who was asked, and what came of it."""
        return [(row.provider, row.state) for row in self.calls]

    def know_runs(self, seconds: float, count: int, provider: str = "openai") -> None:
        """Store earlier runs of a model."""
        other_job = self.spine.submit(self.session)
        (step,) = self.spine.steps(other_job)
        values = {
            "step_id": step.id,
            "job_id": other_job,
            "attempt": 0,
            "provider": provider,
            "model": "m-1",
            "size_band": "1MP",
            "reference_count": 0,
            "is_paid": False,
            "timeout_s": CAP_S,
            "state": CallState.ANSWERED.value,
            "seconds": seconds,
            "started_at": 1.0,
            "ended_at": 2.0,
        }
        with self.spine.store.write() as connection:
            for _ in range(count):
                connection.execute(insert(schema.calls).values(id=new_id(), **values))


@pytest.fixture
def studio(spine: Spine, session: SessionId, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(spine, session, tmp_path / "cache")
    yield made
    made.close()


def size_of(spine: Spine, file: StoredFile) -> tuple[int, int]:
    with Image.open(BytesIO(spine.files.read(file.id))) as picture:
        return picture.size


# --- one provider --------------------------------------------------------------------------------


async def test_a_picture_is_drawn_kept_and_entered_in_the_book(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai")

    file, _ = await studio.draw(at_work, openai)

    assert size_of(studio.spine, file) == SIZE
    (call,) = studio.calls
    assert (call.state, call.file_id, call.size_band) == ("answered", file.id, "1MP")
    assert 0 <= call.seconds < 30
    (order,) = openai.orders
    assert (order.prompt, order.seed, order.is_draft) == ("Mei waits", 7, False)
    assert (order.width, order.height) == SIZE


async def test_it_is_told_how_it_is_made_before_and_after(studio: Studio) -> None:
    at_work = studio.begin()
    openai = Painter("openai", is_paid=True, price=PRICE, takes_seed=True)

    _, making = await studio.draw(at_work, openai)

    first, last = at_work.makings
    assert (first.provider, first.label, first.model, first.seed) == ("openai", "Openai", "m-1", 7)
    assert (first.why, first.cost) == ("the first one that is ready", None)
    assert first.timeout_reason == "180 s: the limit; 0 runs known, 5 are needed to learn from"
    assert last == making == first.model_copy(update={"cost": PRICE})
    assert not making.recovered
    assert at_work.told[0] == (0.0, "Openai")


async def test_every_stage_is_timed(studio: Studio) -> None:
    face = studio.picture()
    at_work = studio.begin(characters=[{"name": "Mei", "reference": face}])

    await studio.draw(at_work, Painter("openai"))

    stages = set(at_work.stages)
    assert stages >= {"references", "compress Mei", "request", "fit", "store"}


async def test_the_references_go_along_and_are_told(studio: Studio) -> None:
    place, mei, ren = studio.picture(), studio.picture((200, 9, 9)), studio.picture((9, 9, 200))
    cast = [{"name": "Mei", "reference": mei}, {"name": "Ren", "reference": ren}]
    at_work = studio.begin(scene_reference=place, characters=cast)
    openai = Painter("openai", max_references=2)

    _, making = await studio.draw(at_work, openai)

    (order,) = openai.orders
    assert [(one.role, one.name) for one in order.references] == [
        (ReferenceRole.SCENE, ""),
        (ReferenceRole.CHARACTER, "Mei"),
    ]
    assert "Image 1 is the place" in order.prompt
    assert "Image 2 is Mei" in order.prompt
    assert [made.picture for made in making.references] == [place, mei]
    assert making.left_out == ("Ren",)
    assert studio.calls[0].reference_count == 2


async def test_a_reference_that_is_gone_ends_it_before_anybody_is_asked(studio: Studio) -> None:
    place = studio.picture()
    at_work, openai = studio.begin(scene_reference=place), Painter("openai")
    studio.spine.files.remove(place)

    with pytest.raises(BackendRefused, match="of the scene is gone"):
        await studio.draw(at_work, openai)
    assert (openai.orders, studio.calls) == ([], [])


async def test_another_size_is_fitted_and_a_draft_is_kept_as_it_came(studio: Studio) -> None:
    openai = Painter("openai", answers(painted((300, 300))))

    fitting, _ = await studio.draw(studio.begin(), openai)
    draft, _ = await studio.draw(studio.begin(), openai, is_draft=True)

    assert size_of(studio.spine, fitting) == SIZE
    assert size_of(studio.spine, draft) == (300, 300)
    assert [order.is_draft for order in openai.orders] == [False, True]
    assert [call.size_band for call in studio.calls] == ["1MP", "draft"]


@pytest.mark.parametrize("is_draft", [False, True])
async def test_what_is_no_picture_may_have_been_paid(studio: Studio, is_draft: bool) -> None:
    openai = Painter("openai", answers(b"<html>welcome</html>"))

    with pytest.raises(OutcomeUnknown, match="What came back"):
        await studio.draw(studio.begin(), openai, is_draft=is_draft)
    assert studio.states == [("openai", "unknown")]


async def test_the_sketch_is_in_no_book_and_has_no_timeout(studio: Studio) -> None:
    at_work = studio.begin()

    _, making = await studio.draw(at_work, Sketcher())

    assert studio.calls == []
    assert (making.timeout_s, making.timeout_reason, making.cost) == (None, "", None)
    assert making.why == "no other provider is ready"


# --- what comes of it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "error", "state"),
    [
        (refuses, BackendRefused, "refused"),
        (is_busy(40.0), BackendBusy, "busy"),
        (is_down, BackendDown, "down"),
        (hangs_up, OutcomeUnknown, "unknown"),
        (takes_its_time, NotFetchedYet, "accepted"),
        (crashes, RuntimeError, "sending"),
    ],
)
async def test_the_book_says_what_came_of_a_request(
    studio: Studio, act: Act, error: type[Exception], state: str
) -> None:
    with pytest.raises(error) as raised:
        await studio.draw(studio.begin(), Painter("openai", act))

    assert studio.states == [("openai", state)]
    if state not in ("accepted", "sending"):
        assert studio.calls[0].message == str(raised.value)


async def test_a_fault_of_our_own_after_sending_is_an_unknown_outcome_if_it_is_paid(
    studio: Studio,
) -> None:
    at_work = studio.begin()
    with pytest.raises(RuntimeError):
        await studio.draw(at_work, Painter("openai", crashes, is_paid=True))

    studio.end(at_work, "failed")

    assert studio.spine.step_states(studio.job_id) == [StepState.UNKNOWN]


@pytest.mark.parametrize(("act", "error"), [(refuses, BackendRefused), (hangs_up, OutcomeUnknown)])
async def test_what_was_refused_or_may_be_paid_is_asked_of_nobody_else(
    studio: Studio, act: Act, error: type[BackendError]
) -> None:
    gemini = Painter("gemini")

    with pytest.raises(error):
        await studio.draw(studio.begin(), Painter("openai", act), gemini)
    assert gemini.orders == []


async def test_a_cancelled_step_leaves_its_request_open_for_the_ledger(studio: Studio) -> None:
    at_work, is_sent = studio.begin(), asyncio.Event()

    async def hangs(_: PictureOrder, errand: Errand) -> bytes:
        await errand.sending()
        is_sent.set()
        await asyncio.Event().wait()
        raise AssertionError

    openai = Painter("openai", hangs, is_paid=True)
    task = asyncio.create_task(studio.draw(at_work, openai))
    await is_sent.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    studio.end(at_work, "released")
    assert studio.states == [("openai", "unknown")]
    assert studio.spine.step_states(studio.job_id) == [StepState.UNKNOWN]


async def test_nothing_is_sent_for_a_step_that_was_lost(studio: Studio) -> None:
    at_work, openai, gemini = studio.begin(), Painter("openai"), Painter("gemini")
    studio.end(at_work, "released")

    with pytest.raises(LeaseLost):
        await studio.draw(at_work, openai, gemini)
    assert studio.calls == []
    assert gemini.orders == []


async def test_nothing_is_sent_when_the_job_is_being_cancelled(studio: Studio) -> None:
    at_work = studio.begin()
    studio.spine.orders.cancel(studio.session, studio.job_id)

    with pytest.raises(LeaseLost):
        await studio.draw(at_work, Painter("openai"))
    assert studio.calls == []


# --- several providers ---------------------------------------------------------------------------


async def test_when_one_is_down_the_next_one_draws(studio: Studio) -> None:
    at_work, gemini = studio.begin(), Painter("gemini", is_paid=True, price=PRICE)

    _, making = await studio.draw(at_work, Painter("openai", is_down), gemini)

    assert studio.states == [("openai", "down"), ("gemini", "answered")]
    assert (making.provider, making.cost, making.why) == ("gemini", PRICE, "Openai is down")


async def test_who_takes_over_gets_the_references_that_it_takes(studio: Studio) -> None:
    cast = [{"name": name, "reference": studio.picture()} for name in ("Mei", "Ren")]
    openai = Painter("openai", is_down, max_references=1)
    gemini = Painter("gemini", reference_types=("image/png",))

    _, making = await studio.draw(studio.begin(characters=cast), openai, gemini)

    assert [len(one.orders[0].references) for one in (openai, gemini)] == [1, 2]
    assert {one.media_type for one in gemini.orders[0].references} == {"image/png"}
    assert making.left_out == ()


async def test_the_sketch_takes_over_only_where_it_is_named(studio: Studio) -> None:
    sketch = Sketcher()
    with pytest.raises(BackendDown):
        await studio.draw(studio.begin(), Painter("openai", is_down), sketch)
    assert sketch.orders == []

    openai = Painter("openai", is_down, fallback=("sketch",))
    _, making = await studio.draw(studio.begin(), openai, sketch, provider="openai")
    assert (making.provider, making.why) == ("sketch", "Openai is down")


async def test_when_all_are_down_the_last_failure_is_told(studio: Studio) -> None:
    painters = Painter("openai", is_down), Painter("gemini", is_down)

    with pytest.raises(BackendDown, match="Nobody listens"):
        await studio.draw(studio.begin(), *painters)
    assert studio.states == [("openai", "down"), ("gemini", "down")]


async def fail(studio: Studio, painter: Painter, *, times: int) -> None:
    """Have a provider be down so often that it is left alone."""
    for _ in range(times):
        with pytest.raises((BackendDown, BackendBusy)):
            await studio.draw(studio.begin(), painter, provider=painter.facts.name)
        studio.spine.store.ahead_s += 3600


async def test_a_provider_that_failed_too_often_is_passed_over_and_not_asked(
    studio: Studio,
) -> None:
    openai, gemini = Painter("openai", is_down), Painter("gemini")
    await fail(studio, openai, times=CIRCUIT_AFTER)
    studio.spine.store.ahead_s -= 3600

    _, making = await studio.draw(studio.begin(), openai, gemini)

    assert len(openai.orders) == CIRCUIT_AFTER
    assert making.provider == "gemini"
    assert f"failed {CIRCUIT_AFTER} times in a row" in making.why


async def test_a_pause_that_a_provider_asked_for_is_waited_for_and_nobody_else_draws(
    studio: Studio,
) -> None:
    openai, gemini = Painter("openai", is_busy(40.0)), Painter("gemini")
    for _ in range(2):
        with pytest.raises(BackendBusy) as busy:
            await studio.draw(studio.begin(), openai, gemini)

    assert 38.0 < busy.value.retry_after_s <= 40.0 * 1.2
    assert (len(openai.orders), gemini.orders) == (1, [])


async def test_when_all_are_left_alone_the_soonest_is_waited_for(studio: Studio) -> None:
    openai, gemini = Painter("openai", is_down), Painter("gemini", is_down)
    await fail(studio, openai, times=CIRCUIT_AFTER + 2)
    await fail(studio, gemini, times=CIRCUIT_AFTER)
    studio.spine.store.ahead_s -= 3600
    # openai's rest is over by now; one more failure, and it is longer than gemini's
    with pytest.raises(BackendDown):
        await studio.draw(studio.begin(), openai, provider="openai")

    with pytest.raises(BackendBusy, match="Gemini"):
        await studio.draw(studio.begin(), openai, gemini)


async def test_one_that_is_down_beside_one_that_rests_waits_for_the_rest(studio: Studio) -> None:
    openai, gemini = Painter("openai", is_busy(50.0)), Painter("gemini", is_down)
    with pytest.raises(BackendBusy):
        await studio.draw(studio.begin(), openai, provider="openai")

    with pytest.raises(BackendBusy) as busy:
        await studio.draw(studio.begin(), openai, gemini)
    assert busy.value.retry_after_s > 40.0


async def test_a_provider_without_a_free_place_is_waited_for(studio: Studio) -> None:
    first, is_sent, may_go = studio.begin(), asyncio.Event(), asyncio.Event()

    async def takes_long(order: PictureOrder, errand: Errand) -> bytes:
        await errand.sending()
        is_sent.set()
        await may_go.wait()
        return painted((order.width, order.height))

    openai = Painter("openai", takes_long, paints, at_once=1, fallback=("sketch",))
    sketch = Sketcher()
    running = asyncio.create_task(studio.draw(first, openai, provider="openai"))
    await is_sent.wait()

    with pytest.raises(BackendBusy, match="under way"):
        await studio.draw(studio.begin(), openai, sketch, provider="openai")
    assert sketch.orders == []

    may_go.set()
    await running


async def test_without_anybody_ready_it_is_refused(studio: Studio) -> None:
    away = Painter("openai", is_ready=False, reason="OPENAI_API_KEY is not set")

    with pytest.raises(BackendRefused, match="No image provider is ready"):
        await studio.draw(studio.begin(), away)
    assert away.orders == []


# --- what an earlier attempt has left ------------------------------------------------------------


async def test_a_picture_that_came_before_its_worker_ended_is_found_again(studio: Studio) -> None:
    at_work = studio.begin()
    openai = Painter("openai", is_paid=True, price=PRICE, takes_seed=True)
    file, _ = await studio.draw(at_work, openai)

    again = studio.again(at_work)
    found, making = await studio.draw(again, openai)

    assert found == file
    assert len(openai.orders) == 1
    assert studio.states == [("openai", "answered")]
    assert (making.recovered, making.provider, making.label) == (True, "openai", "Openai")
    assert (making.model, making.cost, making.seed) == ("m-1", PRICE, 7)
    assert again.makings == [making]


async def test_it_is_found_again_though_its_provider_is_gone(studio: Studio) -> None:
    at_work = studio.begin()
    file, _ = await studio.draw(at_work, Painter("openai"))

    found, making = await studio.draw(studio.again(at_work), Sketcher())

    assert (found, making.label) == (file, "openai")


async def test_a_picture_that_came_and_is_gone_is_not_made_again(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai")
    file, _ = await studio.draw(at_work, openai)
    studio.spine.files.remove(file.id)

    with pytest.raises(OutcomeUnknown, match="its file is gone"):
        await studio.draw(studio.again(at_work), openai)
    assert len(openai.orders) == 1
    assert studio.states == [("openai", "unknown")]


async def test_an_accepted_order_is_fetched_and_not_sent_again(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai", takes_its_time, fetches)
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, openai)

    file, making = await studio.draw(studio.again(at_work), openai)

    assert size_of(studio.spine, file) == SIZE
    (call,) = studio.calls
    assert (call.state, call.file_id, call.seconds) == ("answered", file.id, None)
    assert making.why == "an earlier attempt had asked it"


async def test_it_is_fetched_from_whom_it_was_asked_though_the_settings_changed(
    studio: Studio,
) -> None:
    at_work, openai = studio.begin(), Painter("openai", takes_its_time, fetches)
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, openai)
    gemini = Painter("gemini")

    _, making = await studio.draw(studio.again(at_work), gemini, openai, provider="gemini")

    assert (making.provider, gemini.orders) == ("openai", [])


async def test_it_stays_to_be_fetched_while_it_is_not_done(studio: Studio) -> None:
    at_work = studio.begin()
    openai = Painter("openai", takes_its_time, is_still_not_done, fetches)
    for _ in range(2):
        with pytest.raises(NotFetchedYet):
            await studio.draw(at_work, openai, Painter("gemini"))
        at_work = studio.again(at_work, "failed")

    _, making = await studio.draw(at_work, openai)

    assert making.provider == "openai"
    assert studio.states == [("openai", "answered")]


async def test_it_stays_to_be_fetched_while_its_key_is_away(studio: Studio) -> None:
    at_work = studio.begin()
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, Painter("openai", takes_its_time))
    away = Painter("openai", is_ready=False, reason="OPENAI_API_KEY is not set")

    with pytest.raises(NotFetchedYet, match="OPENAI_API_KEY is not set"):
        await studio.draw(studio.again(at_work), away)
    assert (away.orders, studio.states) == ([], [("openai", "accepted")])


async def test_it_stays_to_be_fetched_while_its_provider_is_gone(studio: Studio) -> None:
    at_work = studio.begin()
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, Painter("openai", takes_its_time))

    with pytest.raises(BackendRefused, match="no provider 'openai'"):
        await studio.draw(studio.again(at_work), Painter("gemini"))
    assert studio.states == [("openai", "accepted")]


async def test_it_is_fetched_though_a_reference_is_gone(studio: Studio) -> None:
    face = studio.picture()
    at_work = studio.begin(characters=[{"name": "Mei", "reference": face}])
    openai = Painter("openai", takes_its_time, fetches)
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, openai)
    studio.spine.files.remove(face)

    file, _ = await studio.draw(studio.again(at_work), openai)

    assert size_of(studio.spine, file) == SIZE


async def test_what_the_provider_has_lost_is_not_sent_again(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai", takes_its_time, has_lost_it)
    with pytest.raises(NotFetchedYet):
        await studio.draw(at_work, openai)

    with pytest.raises(OutcomeUnknown, match="no task t-1"):
        await studio.draw(studio.again(at_work), openai)
    assert studio.states == [("openai", "unknown")]


async def test_a_failed_request_is_sent_anew_by_the_next_attempt(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai", is_down, paints)
    with pytest.raises(BackendDown):
        await studio.draw(at_work, openai)

    await studio.draw(studio.again(at_work, "failed"), openai)

    assert studio.states == [("openai", "down"), ("openai", "answered")]
    assert [call.attempt for call in studio.calls] == [1, 2]


# --- timeouts ------------------------------------------------------------------------------------


async def test_the_timeout_comes_from_earlier_runs(studio: Studio) -> None:
    at_work, openai = studio.begin(), Painter("openai")
    studio.know_runs(20.0, 6)

    _, making = await studio.draw(at_work, openai)

    assert openai.timeouts_s == [30.0]
    assert making.timeout_s == 30.0
    assert making.timeout_reason == "30 s: p95 of 6 runs is 20 s, x1.5"
    assert studio.calls[-1].timeout_s == 30.0


async def test_whoever_takes_over_has_a_timeout_of_its_own(studio: Studio) -> None:
    at_work = studio.begin()
    openai, gemini = Painter("openai", is_down), Painter("gemini")
    studio.know_runs(20.0, 6)
    studio.know_runs(40.0, 6, "gemini")

    await studio.draw(at_work, openai, gemini)

    assert (openai.timeouts_s, gemini.timeouts_s) == ([30.0], [60.0])


async def test_each_run_teaches_the_next_one(studio: Studio) -> None:
    openai = Painter("openai")
    reasons: list[str] = []
    for _ in range(6):
        _, making = await studio.draw(studio.begin(), openai)
        reasons.append(making.timeout_reason)

    assert reasons[4] == "180 s: the limit; 4 runs known, 5 are needed to learn from"
    assert reasons[5].startswith("20 s: the least; p95 of 5 runs is ")


# --- a disk that refuses -----------------------------------------------------------------------


class FullDisk(LocalFiles):
    """Refuses the first pictures for want of room."""

    def __init__(self, folder: Path, refusals: int) -> None:
        super().__init__(folder)
        self.refusals = refusals

    def put_picture(self, data: bytes) -> StoredFile:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().put_picture(data)


async def test_a_paid_picture_waits_for_room_on_the_disk(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_STORE_AGAIN_S", 0.001)
    at_work, openai = studio.begin(), Painter("openai", is_paid=True)
    at_work.context.files = FullDisk(tmp_path, refusals=3)

    await studio.draw(at_work, openai)

    assert studio.states == [("openai", "answered")]
    assert "No space left on device" in at_work.told[-1][1]


async def test_a_paid_picture_that_finds_no_room_is_told_as_lost_with_the_reason(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_STORE_AGAIN_S", 0.001)
    monkeypatch.setattr(drawing, "INSIST_S", 0.01)
    at_work, openai = studio.begin(), Painter("openai", is_paid=True)
    at_work.context.files = FullDisk(tmp_path, refusals=10**6)

    with pytest.raises(OutcomeUnknown, match="came and could not be stored: No space left"):
        await studio.draw(at_work, openai)

    assert studio.states == [("openai", "unknown")]


async def test_what_costs_nothing_is_simply_drawn_again_when_the_disk_is_full(
    studio: Studio, tmp_path: Path
) -> None:
    at_work = studio.begin()
    at_work.context.files = FullDisk(tmp_path, refusals=1)

    with pytest.raises(OSError, match="No space left"):
        await studio.draw(at_work, Sketcher())


async def test_a_seed_is_told_only_where_it_is_taken(studio: Studio) -> None:
    _, without = await studio.draw(studio.begin(), Painter("openai"))
    _, with_seed = await studio.draw(studio.begin(), Painter("openai", takes_seed=True))

    assert (without.seed, with_seed.seed) == (None, 7)
