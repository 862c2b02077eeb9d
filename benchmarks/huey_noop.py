"""The bare Huey side: a no-op task on SQLite or Redis, everything else as Huey has it."""

import os
from pathlib import Path

from huey import RedisHuey, SqliteHuey
from stamps import stamp

if os.environ["BENCH_BROKER"] == "sqlite":
    huey = SqliteHuey("bench", filename=str(Path(os.environ["BENCH_DIR"]) / "huey.db"))
else:
    huey = RedisHuey("bench", url=os.environ["BENCH_BROKER"])


@huey.task()  # type: ignore[untyped-decorator]  # huey has no types
def step() -> None:
    """Do nothing."""
    stamp()


def enqueue(count: int) -> None:
    """Put so many steps on the queue."""
    for _ in range(count):
        step()
