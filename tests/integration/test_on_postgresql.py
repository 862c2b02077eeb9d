"""The same queue with PostgreSQL for a store and Redis for a bell."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.calls import Intent
from komadori.domain.states import JobState, Lane
from komadori.errors import BackendBusy
from komadori.pipeline.artifacts import LocalFiles
from komadori.queue.calls import StepCalls
from komadori.queue.changes import RedisChanges
from komadori.queue.housekeeping import Housekeeping
from komadori.queue.hub import Hub
from komadori.queue.ledger import Claim, Ending, Ledger, Limits
from komadori.queue.migrate import migrate
from komadori.settings import ROOT
from komadori.wiring.parts import make_plan
from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import Program, until
from tests.integration.watched_comfy import watched

pytestmark = pytest.mark.parametrize("bell", ["redis"], indirect=True)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server of this test's own. It refuses root, who lends it a user."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="komadori-pg-"))
    if as_user:
        shutil.chown(folder, "postgres")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    data, log = str(folder / "data"), folder / "server.log"
    initdb = [*as_user, _program("initdb"), "-D", data, "-A", "trust", "-U", "komadori", "-N"]
    made = Program(initdb, log)
    assert made.process.wait(60) == 0, made.output
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    server = Program([*as_user, _program("postgres"), "-D", data, *options], log)
    url = f"postgresql+psycopg://komadori@127.0.0.1:{port}/postgres"
    try:
        until(lambda: _answers(url), "PostgreSQL answers")
        yield url
    finally:
        server.kill_all()
        shutil.rmtree(folder)


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    assert found, f"{name} is missing; `make test` installs Debian's package postgresql"
    return found


def _answers(url: str) -> bool:
    engine = create_engine(url)
    try:
        engine.connect().close()
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()
    return True


@pytest.fixture
def bell(bell: str, postgresql_url: str, setting: Callable[[str, object], None]) -> str:
    """The bell of the other tests, with a store on PostgreSQL."""
    setting("DATABASE__URL", postgresql_url)
    return bell


def test_a_storyboard_goes_through(house: House, consume: StartConsumer) -> None:
    consume(workers=2)

    job = house.completed(house.submit(panels=5))

    assert [panel.version for panel in job.panels] == [1] * 5
    assert house.pictures() == {panel.picture for panel in job.panels}


def test_a_killed_workers_step_is_finished_by_another(house: House, consume: StartConsumer) -> None:
    house.tell("panel-2", "wait")
    consume(workers=2)
    job = house.submit(panels=4)
    victim = house.begun("panel-2")
    until(lambda: house.view(job).steps_done == 4, "all other steps are done")

    psutil.Process(victim.pid).kill()

    house.completed(job)
    assert house.outcomes(job, 2) == ["died", "completed"]


def test_workers_that_change_many_jobs_crosswise_do_not_wait_for_each_other(
    house: House, consume: StartConsumer
) -> None:
    consume(workers=4)

    jobs = [house.submit(panels=3) for _ in range(12)]

    for job in jobs:
        house.completed(job)
    assert house.rows("SELECT deadlocks FROM pg_stat_database WHERE deadlocks > 0") == []


def test_a_follower_hears_of_every_change_through_redis(
    house: House, consume: StartConsumer
) -> None:
    redis_url = house.settings.redis_url
    assert redis_url is not None
    hub = Hub(house.store, RedisChanges(redis_url), workers=2)
    hub.start()
    job = house.submit(panels=3)
    consume(workers=2)

    async def states() -> list[JobState]:
        found = hub.fold(job)
        assert found is not None
        return [view.state async for view in hub.follow(*found)]

    with ThreadPoolExecutor(1) as aside:
        seen = aside.submit(asyncio.run, states()).result(timeout=30)

    assert seen[-1] is JobState.COMPLETED
    assert JobState.RUNNING in seen


def test_many_ask_a_new_provider_at_once_and_only_its_places_are_taken(house: House) -> None:
    ledger = Ledger(house.store, make_plan(house.settings), Limits(), lambda _steps: None)
    for _ in range(6):
        house.submit()
    claims = [claim for _ in range(6) if (claim := ledger.claim_next(Lane.IMAGE))]
    intent = Intent(
        provider="newcomer",
        model="m",
        size_band="1MP",
        references=0,
        is_paid=True,
        at_once=2,
        timeout_s=30,
    )

    def begin(claim: Claim) -> str:
        with ThreadPoolExecutor(1) as book:
            calls = StepCalls(house.store, book, claim.step, token=claim.token)
            try:
                return asyncio.run(calls.begin(intent))
            except BackendBusy:
                return ""

    with ThreadPoolExecutor(6) as workers:
        begun = list(workers.map(begin, claims))

    assert len([call for call in begun if call]) == 2
    assert len(house.rows("SELECT id FROM calls WHERE state = 'sending'")) == 2
    for claim in claims:
        ledger.finish(claim, Ending(outcome="released"))
    states = [row["state"] for row in house.rows("SELECT state FROM steps ORDER BY state")]
    assert states == ["QUEUED"] * 4 + ["UNKNOWN"] * 2


def test_migrating_twice_is_migrating_once(house: House) -> None:
    migrate(house.settings.database_url)

    (row,) = house.rows("SELECT version_num FROM alembic_version")
    newest = max(path.name[:4] for path in _revisions())
    assert row["version_num"] == newest


def _revisions() -> list[Path]:
    return list((ROOT / "komadori" / "queue" / "migrations" / "versions").glob("0*.py"))


def test_housekeeping_sweeps_what_was_deleted(house: House, consume: StartConsumer) -> None:
    consume(workers=2)
    job = house.completed(house.submit(panels=2))
    house.orders.delete(house.session, job.id)
    housekeeping = Housekeeping(
        house.store, LocalFiles(house.settings.data_dir / "artifacts"), keep_s=0
    )

    assert (housekeeping.sweep_references(), housekeeping.sweep_files()) == (0, 0)
    assert housekeeping.sweep() == 1
    assert house.pictures() == set()
    assert house.rows("SELECT id FROM jobs") == []


def test_pictures_at_a_watched_comfyui_survive_its_crash(
    tmp_path: Path,
    house: House,
    consume: StartConsumer,
    setting: Callable[[str, object], None],
) -> None:
    with watched(tmp_path, house, setting, "a", step_s=0.02) as at:
        consume(2, module="huey_worker.huey")
        at.servers["a"].do("die", at="middle")
        jobs = [at.frame(f"number {number}") for number in range(4)]

        for job in jobs:
            house.completed(job, within_s=60)

        assert [row["kind"] for row in house.rows("SELECT kind FROM server_incidents")]
        assert at.seen("ended") == 4
