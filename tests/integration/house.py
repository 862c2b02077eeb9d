"""One data folder as the page holds it, and the tests' hands on it: orders, rows, proofs."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, text

from komadori.domain.ids import ArtifactId, JobId, SessionId
from komadori.domain.states import JobState, Lane, StepState
from komadori.domain.view import JobView
from komadori.pipeline.artifacts import LocalFiles
from komadori.queue.artifact_rows import add_reference
from komadori.queue.broker import Broker, open_broker
from komadori.queue.changes import NoChanges
from komadori.queue.frame_orders import FrameOrders
from komadori.queue.hub import Hub
from komadori.queue.migrate import migrate
from komadori.queue.orders import Orders
from komadori.queue.sessions import Sessions
from komadori.queue.store import Store
from komadori.settings import Settings
from komadori.wiring.parts import make_plan
from tests.integration.processes import PATIENCE_S, until

STORY = "Mio walked through the forest. The fox was waiting. They went on together until night."


@dataclass(frozen=True, slots=True)
class Execution:
    """One time that a step was begun."""

    job: str
    step: str
    attempt: int
    pid: int


class House:
    """What a page would know, without a page."""

    def __init__(self, settings: Settings, orders: Path) -> None:
        migrate(settings.database_url)
        self.settings = settings
        self.folder = settings.data_dir
        self.store = Store(settings.database_url)
        self.bell: Broker = open_broker(
            Lane.IMAGE, data_dir=settings.data_dir, redis_url=settings.redis_url
        )
        plan = make_plan(settings)
        self.orders = Orders(self.store, plan, self.bell.ring)
        self.frames = FrameOrders(self.orders.desk)
        self._silent_orders = Orders(self.store, plan, lambda _steps: None)
        self._hub = Hub(self.store, NoChanges(), workers=2)
        self._lane_orders = orders
        self._executor = ThreadPoolExecutor(1)
        self.session = self.open_session("the first session's key")

    def close(self) -> None:
        """Let go of the store and the bell."""
        self._executor.shutdown()
        self.bell.storage.close()
        self.store.close()

    def open_session(self, key: str) -> SessionId:
        """Return the session of a key."""
        return asyncio.run(Sessions(self.store, self._executor).open_with_api_key(key))

    def submit(
        self, panels: int = 3, session: SessionId | None = None, *, silently: bool = False
    ) -> JobId:
        """Submit a storyboard; `silently` without ringing the bell."""
        orders = self._silent_orders if silently else self.orders
        request = {"story": STORY, "panels": panels}
        return orders.submit_storyboard(session or self.session, request, None)

    def redo(self, job_id: JobId, panel: int) -> JobId:
        """Ask for one panel again."""
        return self.orders.redo_panel(
            self.session, job_id, panel, wanted="closer", seed=7, key=None
        )

    def submit_frame(self, prompt: str, **fields: Any) -> JobId:
        """Submit a frame, small unless `fields` say otherwise."""
        request = {"prompt": prompt, "width": 160, "height": 90, **fields}
        return self.frames.submit(self.session, request, None)

    def approve(self, job_id: JobId, draft: int | None = None) -> None:
        """Approve a draft, the newest without a number."""
        self.frames.approve(self.session, job_id, draft)

    def retry(self, job_id: JobId, *, resend: bool = False) -> None:
        """Have made what is missing; `resend`: also what was sent and not answered."""
        self.orders.retry(self.session, job_id, resend=resend)

    def upload(self, picture: bytes) -> ArtifactId:
        """Keep a reference picture."""
        file = LocalFiles(self.folder / "artifacts").put_reference(picture)
        with self.store.write() as connection:
            add_reference(connection, self.session, file, now=self.store.now(connection))
        return file.id

    def view(self, job_id: JobId) -> JobView:
        """Return the job as it stands."""
        found = self._hub.fold(job_id)
        assert found is not None
        return found[1]

    def rows(self, query: str, **values: Any) -> Sequence[RowMapping]:
        """Read the store."""
        with self.store.read() as connection:
            return connection.execute(text(query), values).mappings().all()

    def write(self, statement: str, **values: Any) -> None:
        """Change the store behind everybody's back."""
        with self.store.write() as connection:
            connection.execute(text(statement), values)

    def tell(self, step: str, order: str) -> None:
        """Leave an order for a step; see tests/fakes/lane.py."""
        unfinished = self._lane_orders / f".{step}"
        unfinished.write_text(order)
        unfinished.rename(self._lane_orders / step)

    def take_back(self, step: str) -> None:
        """Take back a lasting order."""
        (self._lane_orders / step).unlink()

    def release(self, step: str | None = None) -> None:
        """Let a waiting step go on, or all of them."""
        (self._lane_orders / (f"release-{step}" if step else "release")).touch()

    def executions(self) -> list[Execution]:
        """Return all executions so far, in order."""
        path = self._lane_orders / "executions"
        lines = path.read_text().splitlines() if path.exists() else []
        parts = (line.split() for line in lines)
        return [Execution(job, step, int(attempt), int(pid)) for job, step, attempt, pid in parts]

    def times(self, step: str) -> int:
        """Return how often a step was begun."""
        return Counter(execution.step for execution in self.executions())[step]

    def begun(self, step: str, *, attempt: int = 1) -> Execution:
        """Wait until an attempt of a step was begun."""

        def found() -> Execution | None:
            return next(
                (one for one in self.executions() if (one.step, one.attempt) == (step, attempt)),
                None,
            )

        return until(found, f"attempt {attempt} of {step} begins")

    def step(self, job_id: JobId, number: int, kind: str = "panel") -> RowMapping:
        """Return the row of a panel's step, or of another kind."""
        query = "SELECT * FROM steps WHERE job_id = :job AND kind = :kind AND number = :number"
        (row,) = self.rows(query, job=job_id, kind=kind, number=number)
        return row

    def outcomes(self, job_id: JobId, number: int, kind: str = "panel") -> list[str]:
        """Return how the attempts at a panel have ended, in order, or at another kind of step."""
        query = (
            "SELECT outcome FROM attempts WHERE job_id = :job AND kind = :kind"
            " AND number = :number ORDER BY attempt"
        )
        rows = self.rows(query, job=job_id, kind=kind, number=number)
        return [row["outcome"] for row in rows]

    def ended(self, job_id: JobId, *, within_s: float = PATIENCE_S) -> JobView:
        """Wait for the job's end."""
        until(lambda: self.view(job_id).state.is_final, f"job {job_id} ends", within_s=within_s)
        return self.view(job_id)

    def completed(self, job_id: JobId, *, within_s: float = PATIENCE_S) -> JobView:
        """Wait for the job's end, which must be a good one, and prove the ledger."""
        view = self.ended(job_id, within_s=within_s)
        assert view.state is JobState.COMPLETED, view.problem
        self.prove(job_id)
        return view

    def prove(self, job_id: JobId) -> None:
        """Each attempt has one end; each completed step one accepted result, which is there."""
        for step in self.rows("SELECT * FROM steps WHERE job_id = :job", job=job_id):
            attempts = self.rows(
                "SELECT * FROM attempts WHERE step_id = :id ORDER BY attempt", id=step["id"]
            )
            assert [row["attempt"] for row in attempts] == list(range(1, step["attempt"] + 1))
            is_done = step["state"] == StepState.COMPLETED
            accepted = [row for row in attempts if row["outcome"] == "completed"]
            assert len(accepted) == int(is_done), (step["kind"], step["number"])
            if step["kind"] != "scenes":
                self._prove_pictures(step, expected=int(is_done))

    def _prove_pictures(self, step: RowMapping, *, expected: int) -> None:
        kept = self.rows("SELECT id FROM artifacts WHERE step_id = :id", id=step["id"])
        assert len(kept) == expected
        for row in kept:
            assert self.picture(row["id"]).is_file()

    def picture(self, artifact_id: str) -> Path:
        """Return where a picture lies."""
        return LocalFiles(self.folder / "artifacts").path(ArtifactId(artifact_id))

    def pictures(self) -> set[str]:
        """Return the ids of all pictures in the folder, known to the store or not."""
        found = (self.folder / "artifacts").rglob("*.webp")
        return {path.name.split(".")[0] for path in found}
