"""Reference pictures made small enough to send, off the event loop, and each only once.

The old system compressed one picture after the other, with a new pool of threads for each, by
trying qualities from the top: one to three seconds a picture. Here two threads of the process do
it, a picture takes some tens of milliseconds, and what was prepared before costs a hash.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from komadori.pipeline.compressing.disk import Disk
from komadori.pipeline.compressing.memory import Memory
from komadori.pipeline.compressing.pool import result_of, shared_pool
from komadori.pipeline.compressing.preparing import ALGORITHM, prepared
from komadori.pipeline.compressing.values import Prepared, Wanted

__all__ = ["Compressor", "Prepared", "Wanted"]

MEMORY_BYTES = 32 * 1024 * 1024
DISK_BYTES = 256 * 1024 * 1024


class Compressor:
    """Prepares pictures for those who take references. Any number of them share two threads.

    The folder may be shared by processes and be removed at any time.
    """

    def __init__(
        self, folder: Path, *, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self._folder = folder
        self._memory = Memory(memory_bytes)
        self._disk = Disk(folder, disk_bytes)

    async def prepare_all(self, pictures: Sequence[bytes], wanted: Wanted) -> list[Prepared]:
        """Return the pictures prepared, in their order.

        Raises:
            RequestRejected: one of them is not a picture that we send; none is returned.
        """
        tasks = [asyncio.ensure_future(self.prepare(data, wanted)) for data in pictures]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def prepare(self, data: bytes, wanted: Wanted) -> Prepared:
        """Return the picture as the receiver takes it, its data URI within the limit.

        Raises:
            RequestRejected: the bytes are not a picture that we send; the code says why.
        """
        pool = shared_pool()
        key, found = await result_of(pool.submit(self._looked_up, data, wanted))
        if found is not None:
            return found
        flight = pool.once((self, key), self._found_or_made, key, data, wanted)
        return await result_of(flight)

    def _looked_up(self, data: bytes, wanted: Wanted) -> tuple[str, Prepared | None]:
        """In a thread: hashing three megabytes takes two milliseconds."""
        began = time.perf_counter()
        key = _key(data, wanted)
        found = self._memory.get(key)
        return key, found and _as_hit(found, began)

    def _found_or_made(self, key: str, data: bytes, wanted: Wanted) -> Prepared:
        began = time.perf_counter()
        found = self._memory.get(key)  # made while we waited for a thread
        if found is None:
            found = self._disk.get(key)
        if found is not None:
            self._memory.put(key, found)
            return _as_hit(found, began)
        made = prepared(data, wanted)
        self._memory.put(key, made)
        self._disk.put(key, made)
        return made


def _as_hit(picture: Prepared, began: float) -> Prepared:
    return replace(picture, seconds=time.perf_counter() - began, from_cache=True)


def _key(data: bytes, wanted: Wanted) -> str:
    """Return what stands for the content and all that decides what becomes of it."""
    kinds = ",".join(sorted(set(wanted.media_types)))
    terms = f"{ALGORITHM} {wanted.limit_kb} {kinds} {wanted.keep_alpha} "
    return hashlib.sha256(terms.encode() + hashlib.sha256(data).digest()).hexdigest()
