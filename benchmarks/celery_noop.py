"""The Celery side: a no-op task on Redis, JSON messages, results off."""

import os

from celery import Celery
from stamps import stamp

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    broker_connection_retry_on_startup=True,
)


@app.task(name="step")  # type: ignore[untyped-decorator]  # celery has no types
def step() -> None:
    """Do nothing."""
    stamp()


def enqueue(count: int) -> None:
    """Put so many steps on the queue."""
    for _ in range(count):
        step.delay()
