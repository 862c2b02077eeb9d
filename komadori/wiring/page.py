"""The page's side of the queue. No backend is imported: the page calls none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from komadori.domain.states import Lane
from komadori.domain.work import PlanJob
from komadori.queue.broker import open_broker
from komadori.queue.calls import paid_under_way
from komadori.queue.changes import open_changes
from komadori.queue.health import Health
from komadori.queue.hub import Hub
from komadori.queue.jobs import Jobs
from komadori.queue.ledger import this_host
from komadori.queue.orders import Orders
from komadori.queue.sessions import Sessions
from komadori.queue.store import Store
from komadori.settings import Settings
from komadori.wiring.parts import open_files, ringer

_STORE_THREADS = 4


@dataclass(frozen=True, slots=True)
class PageSide:
    """What the page needs of the queue."""

    jobs: Jobs
    sessions: Sessions
    health: Health


def paid_requests(settings: Settings) -> int:
    """Count the requests under way on this machine that may have to be paid."""
    store = Store(settings.database_url)
    try:
        return paid_under_way(store, this_host())
    finally:
        store.close()


def open_page_side(settings: Settings, plan: PlanJob) -> PageSide:
    """Open the store for the page and start its hub."""
    changes = open_changes(settings.database_url, settings.redis_url)
    store = Store(settings.database_url, changes)
    listening = open_changes(settings.database_url, settings.redis_url)
    hub = Hub(store, listening, workers=settings.defaults.concurrency.image_workers)
    hub.start()
    executor = ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="store")
    broker = open_broker(Lane.IMAGE, data_dir=settings.data_dir, redis_url=settings.redis_url)
    orders = Orders(store, plan, ringer(broker, settings))
    jobs = Jobs(store=store, orders=orders, hub=hub, files=open_files(settings), executor=executor)
    return PageSide(jobs, Sessions(store, executor), Health(store, executor))
