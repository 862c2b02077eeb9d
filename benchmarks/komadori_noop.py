"""Our side: storyboard jobs whose steps do nothing, through the real store, ledger and workers.

Composed as in komadori/wiring, with another plan and another RunStep. Workers are not replaced
after a thousand steps here, since those of the other sides are not either.
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import insert
from stamps import stamp

from komadori.domain.ids import SessionId, new_id
from komadori.domain.job import Job, Step
from komadori.domain.states import Lane, Stage, StepKind
from komadori.domain.work import NewStep, Plan, StepContext, StepResult
from komadori.pipeline.artifacts import LocalFiles
from komadori.queue import schema
from komadori.queue.broker import Broker, open_broker
from komadori.queue.changes import open_changes
from komadori.queue.consumer import Bench, LaneConsumer
from komadori.queue.housekeeping import Housekeeping
from komadori.queue.ledger import Ledger, Limits
from komadori.queue.migrate import migrate
from komadori.queue.orders import Orders
from komadori.queue.reaper import Reaper
from komadori.queue.store import Store
from komadori.queue.worker import StepWorker, TimeLimits

STEPS_PER_JOB = int(os.environ["BENCH_STEPS_PER_JOB"])
WORKERS = int(os.environ["BENCH_WORKERS"])
FOLDER = Path(os.environ["BENCH_DIR"])
DATABASE = f"sqlite:///{FOLDER / 'komadori.db'}"
REDIS = None if os.environ["BENCH_BROKER"] == "sqlite" else os.environ["BENCH_BROKER"]
FILES = LocalFiles(FOLDER / "artifacts")
STORY = "A story that is just long enough to be taken, and that nobody is going to read."


def plan_no_ops(job: Job, steps: Sequence[Step]) -> Plan:
    """Plan as many steps as panels were asked for, all in one stage."""
    if steps:
        return Plan()
    numbers = range(1, job.request["panels"] + 1)
    new = tuple(NewStep(kind=StepKind.PANEL, number=number, payload={}) for number in numbers)
    return Plan(stage=Stage.IMAGE_GENERATION, steps=new)


async def run_no_op(context: StepContext) -> StepResult:
    """Do nothing."""
    del context
    stamp()
    return StepResult()


def ring(broker: Broker, steps: int) -> None:
    """Ring once a step, but never for more workers than there are."""
    broker.ring(min(steps, WORKERS))


def open_bench(broker: Broker) -> Bench:
    """Open the store for one worker."""
    store = Store(DATABASE, open_changes(DATABASE, REDIS))
    ledger = Ledger(store, plan_no_ops, Limits(), partial(ring, broker))
    limits = TimeLimits(soft_s=300, hard_s=600)
    return Bench(
        worker=StepWorker(Lane.IMAGE, ledger, FILES, run_no_op, limits),
        reaper=Reaper(ledger),
        housekeeping=Housekeeping(store, FILES, keep_s=3600),
    )


def make_consumer(broker: Broker, **options: object) -> LaneConsumer:
    """Return what huey_consumer runs."""
    migrate(DATABASE)
    return LaneConsumer(
        broker,
        open_bench=partial(open_bench, broker),
        max_steps=10**9,
        frozen_after_s=15,
        **options,
    )


class Page:
    """The page's part: one session that submits jobs."""

    def __init__(self, broker: Broker) -> None:
        migrate(DATABASE)
        self._store = Store(DATABASE, open_changes(DATABASE, REDIS))
        self._orders = Orders(self._store, plan_no_ops, partial(ring, broker))
        self._session = SessionId(new_id())
        with self._store.write() as connection:
            values = {"id": self._session, "created_at": self._store.now(connection)}
            connection.execute(insert(schema.sessions).values(values))

    def enqueue(self, count: int) -> None:
        """Submit jobs until so many steps are queued."""
        for first in range(0, count, STEPS_PER_JOB):
            panels = min(STEPS_PER_JOB, count - first)
            request = {"story": STORY, "panels": panels}
            self._orders.submit_storyboard(self._session, request, None)


huey = open_broker(Lane.IMAGE, data_dir=FOLDER, redis_url=REDIS)
huey.consumer = make_consumer


def open_producer() -> Page:
    """Return what enqueues."""
    return Page(huey)
