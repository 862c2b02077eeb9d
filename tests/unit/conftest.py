"""A queue for each test: the real store, ledger, orders and reaper on SQLite, without processes."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import insert, select, text, update

from komadori.domain.files import StoredFile
from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.states import JobState, Lane, StepKind, StepState
from komadori.domain.story import Panel, Scene, Setting, Shot, Storyboard
from komadori.domain.view import Problem
from komadori.domain.work import NewArtifact, StepResult
from komadori.pipeline.artifacts import LocalFiles
from komadori.pipeline.plans import Plans
from komadori.queue import schema
from komadori.queue.forecast import Forecast
from komadori.queue.ledger import Claim, Ending, Ledger, Limits
from komadori.queue.migrate import migrate
from komadori.queue.orders import Orders
from komadori.queue.reaper import Reaper
from komadori.queue.store import Store
from komadori.queue.views import JobFold

STORY = "A red bird sat on the gate. The boy looked up. The bird sang, and the rain stopped."
LIMITS = Limits(lease_s=15.0, retries=2, retry_delay_s=60.0)
NO_SUCH_PID = 2**22 + 1  # above the largest pid that Linux gives
FAILED = Problem(code="failed", message="The pencil broke.")


class ClockedStore(Store):
    """A store whose clock can be set forward, so that no test waits for a delay."""

    ahead_s = 0.0

    def now(self, connection: Any) -> float:
        return super().now(connection) + self.ahead_s


class Spine:
    """The queue of one test, with words for what happens to it."""

    def __init__(self, folder: Path, template: Path) -> None:
        shutil.copy(template, folder / "komadori.db")
        self.url = f"sqlite:///{folder / 'komadori.db'}"
        self.store = ClockedStore(self.url)
        self.files = LocalFiles(folder / "artifacts")
        self.plan = Plans((64, 36))
        self.rung: list[int] = []
        self.orders = Orders(self.store, self.plan, self.rung.append)
        self.ledger = Ledger(self.store, self.plan, LIMITS, self.rung.append)
        self.reaper = Reaper(self.ledger)

    def session(self) -> SessionId:
        session = SessionId(new_id())
        with self.store.write() as connection:
            values = {"id": session, "created_at": time.time()}
            connection.execute(insert(schema.sessions).values(**values))
        return session

    def submit(self, session: SessionId, panels: int = 3, key: str | None = None) -> JobId:
        return self.orders.submit_storyboard(session, {"story": STORY, "panels": panels}, key)

    def redo(self, session: SessionId, job_id: JobId, panel: int, **wanted: Any) -> JobId:
        values = {"wanted": "", "seed": None, "key": None} | wanted
        return self.orders.redo_panel(session, job_id, panel, **values)

    def claim(self) -> Claim:
        claim = self.ledger.claim_next(Lane.IMAGE)
        assert claim is not None
        return claim

    def result(self, claim: Claim) -> StepResult:
        if claim.step.kind is StepKind.SCENES:
            data = storyboard(claim.job.request["panels"]).model_dump(mode="json")
            return StepResult(data=data)
        artifact = NewArtifact(
            job_id=JobId(claim.job.request.get("job_id", claim.job.id)),
            slot=f"panel-{claim.step.number:03d}",
            file=a_file(),
            about={"wish": claim.step.payload["modification"], "seed": 7},
        )
        return StepResult(data={"picture": artifact.file.id}, artifacts=(artifact,))

    def complete(self, claim: Claim, result: StepResult | None = None) -> StepResult:
        result = result or self.result(claim)
        self.ledger.finish(claim, Ending(outcome="completed", result=result))
        return result

    def fail(self, claim: Claim, *, may_retry: bool = False) -> None:
        ending = Ending(outcome="failed", problem=FAILED, may_retry=may_retry)
        self.ledger.finish(claim, ending)

    def release(self, claim: Claim) -> None:
        self.ledger.finish(claim, Ending(outcome="released"))

    def make_scenes(self, session: SessionId, panels: int = 3) -> JobId:
        """Submit a storyboard and bring it to where its panels are queued."""
        job_id = self.submit(session, panels)
        self.change_step(self.steps(job_id)[0].id, priority=99)
        self.complete(self.claim())
        return job_id

    def work(self, *, failing: Sequence[int] = ()) -> None:
        """Do all that is queued; the panels named in `failing` fail for good."""
        while (claim := self.ledger.claim_next(Lane.IMAGE)) is not None:
            if claim.step.kind is StepKind.PANEL and claim.step.number in failing:
                self.fail(claim)
            else:
                self.complete(claim)

    def kill_worker_of(self, claim: Claim) -> None:
        self.change_step(claim.step.id, pid=NO_SUCH_PID)

    def change_step(self, step_id: str, **values: Any) -> None:
        with self.store.write() as connection:
            table = schema.steps
            connection.execute(update(table).where(table.c.id == step_id).values(**values))

    def rows(self, table: Any, **where: Any) -> list[Any]:
        with self.store.read() as connection:
            query = select(table).where(*(table.c[name] == want for name, want in where.items()))
            return list(connection.execute(query).all())

    def job(self, job_id: JobId) -> Any:
        return self.rows(schema.jobs, id=job_id)[0]

    def state(self, job_id: JobId) -> JobState:
        return JobState(self.job(job_id).state)

    def steps(self, job_id: JobId) -> list[Any]:
        return sorted(self.rows(schema.steps, job_id=job_id), key=lambda row: row.number)

    def step_states(self, job_id: JobId) -> list[StepState]:
        return [StepState(row.state) for row in self.steps(job_id)]

    def step(self, step_id: str) -> Any:
        return self.rows(schema.steps, id=step_id)[0]

    def view(self, job_id: JobId) -> Any:
        fold = JobFold(job_id)
        with self.store.read() as connection:
            assert fold.refresh(connection)
            return fold.view(Forecast.read(connection, 4))

    def run_sql(self, sql: str, **values: Any) -> None:
        with self.store.write() as connection:
            connection.execute(text(sql), values)


def storyboard(panels: int) -> Storyboard:
    scene = Scene(number=1, setting=Setting.STREET)
    return Storyboard(
        source="rules",
        language="en",
        cast=(),
        panels=tuple(
            Panel(number=number, scene=scene, text=f"Part {number}.", shot=Shot.WIDE)
            for number in range(1, panels + 1)
        ),
    )


def a_file() -> StoredFile:
    """The record of a file that nobody will open."""
    return StoredFile(
        id=ArtifactId(new_id()),
        media_type="image/webp",
        size_bytes=1,
        sha256="0" * 64,
        width=64,
        height=36,
    )


def picture(format_: str = "PNG", size: tuple[int, int] = (64, 36), **options: Any) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(file, format_, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows; tests copy it."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def make_spine(empty_store: Path) -> Iterator[Callable[[Path], Spine]]:
    made: list[Spine] = []

    def make(folder: Path) -> Spine:
        made.append(Spine(folder, empty_store))
        return made[-1]

    yield make
    for spine in made:
        spine.store.close()


@pytest.fixture
def spine(tmp_path: Path, make_spine: Callable[[Path], Spine]) -> Spine:
    return make_spine(tmp_path)


@pytest.fixture
def session(spine: Spine) -> SessionId:
    return spine.session()


@pytest.fixture
def other(spine: Spine) -> SessionId:
    """A session of somebody else."""
    return spine.session()
