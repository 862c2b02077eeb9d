"""What both the page and the workers are made of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from komadori.domain.states import Lane
from komadori.domain.work import PlanJob
from komadori.pipeline.artifacts import LocalFiles
from komadori.pipeline.plans import Plans
from komadori.queue.backlog import Backlog, read_backlog
from komadori.queue.broker import Broker
from komadori.queue.changes import open_changes
from komadori.queue.servers import ServerRows
from komadori.queue.store import Store
from komadori.settings import Settings


def make_plan(settings: Settings) -> PlanJob:
    """Return what knows the stages of every kind of job."""
    return Plans(settings.defaults.image.pixels)


def ringer(broker: Broker, settings: Settings) -> Callable[[int], None]:
    """Ring once a step, but never for more workers than there are."""
    workers = settings.defaults.concurrency.image_workers
    return lambda steps: broker.ring(min(steps, workers))


@contextmanager
def open_server_book(settings: Settings) -> Iterator[ServerRows]:
    """Open the store as the supervisors of ComfyUI servers use it."""
    changes = open_changes(settings.database_url, settings.redis_url)
    store = Store(settings.database_url, changes)
    try:
        yield ServerRows(store)
    finally:
        store.close()


@contextmanager
def open_backlog(settings: Settings) -> Iterator[Callable[[], Backlog]]:
    """Open the store for whoever wants to know how much work waits for image workers."""
    store = Store(settings.database_url)
    try:
        yield lambda: read_backlog(store, Lane.IMAGE)
    finally:
        store.close()


def open_files(settings: Settings) -> LocalFiles:
    """Return the artifact store."""
    return LocalFiles(settings.data_dir / "artifacts")
