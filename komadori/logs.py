"""Logging: one line a record, stamped with the job and step that were being done."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_work: ContextVar[str] = ContextVar("work", default="")

_FORMAT = "%(asctime)s %(levelname)-7s %(work)s%(name)s: %(message)s"


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to standard error, libraries' records too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, datefmt="%H:%M:%S"))
    handler.addFilter(_stamp)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "alembic", "huey", "PIL", "asyncio", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _stamp(record: logging.LogRecord) -> bool:
    record.work = _work.get()
    return True


@contextmanager
def working_on(job_id: str, step: str) -> Iterator[None]:
    """Stamp records with a job and a step."""
    token = _work.set(f"job={job_id[:8]} step={step} ")
    try:
        yield
    finally:
        _work.reset(token)
