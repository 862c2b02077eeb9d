"""Stands in for the work of preparing pictures: counts it, and holds it until it is let go."""

import asyncio
import threading

from komadori.errors import RequestRejected
from komadori.pipeline.compress import Prepared, Wanted

PATIENCE_S = 20.0


def a_picture(size: int = 1000, mark: int = 0) -> Prepared:
    return Prepared(
        data=bytes([mark]) * size,
        media_type="image/jpeg",
        width=64,
        height=48,
        source_bytes=5000,
        source_width=640,
        source_height=480,
        seconds=0.04,
        notes=("reduced",),
    )


class Workshop:
    """What the compressor calls in its threads; `b"bad"` is refused."""

    def __init__(self) -> None:
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0
        self.entered = threading.Semaphore(0)
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def prepared(self, data: bytes, _: Wanted) -> Prepared:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.entered.release()
        assert self.let_go.wait(PATIENCE_S), "nobody let the work go: the loop stands still"
        with self._lock:
            self.at_once -= 1
        if data == b"bad":
            raise RequestRejected("It is bad.", code="picture_unknown")
        return a_picture(mark=data[0])

    async def is_busy(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, timeout=PATIENCE_S)
