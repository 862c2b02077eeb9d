"""Programs for the tests of the compressor: a process that hammers a cache, and one that forks.

    python -m tests.fakes.compressing hammer FOLDER ROUNDS
    python -m tests.fakes.compressing fork FOLDER

Each prints one line of JSON.
"""

import asyncio
import hashlib
import json
import os
import random
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from komadori.pipeline.compress import Compressor, Wanted

PICTURES = 12
DISK_BYTES = 400_000
"""Room for some of them only, so that everybody removes files that others are about to read."""
WANTED = Wanted(limit_kb=24)


def pictures() -> list[bytes]:
    """Return the same pictures in every process."""
    made = []
    for seed in range(PICTURES):
        rng = np.random.default_rng(seed)
        file = BytesIO()
        pixels = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG", compress_level=1)
        made.append(file.getvalue())
    return made


async def hammer(folder: Path, rounds: int) -> dict[str, object]:
    """Prepare all pictures again and again, damage a file now and then, and tell what came out."""
    sources, chance = pictures(), random.Random(os.getpid())
    digests: list[set[str]] = [set() for _ in sources]
    hits = 0
    for _ in range(rounds):
        compressor = Compressor(folder, memory_bytes=0, disk_bytes=DISK_BYTES)
        for seen, picture in zip(
            digests, await compressor.prepare_all(sources, WANTED), strict=True
        ):
            seen.add(hashlib.sha256(picture.data).hexdigest())
            hits += picture.from_cache
        await asyncio.to_thread(damage, folder, chance)
    return {"digests": [sorted(seen) for seen in digests], "hits": hits}


def damage(folder: Path, chance: random.Random) -> None:
    """Cut a file short, as a machine does that loses its power."""
    files = [path for path in folder.glob("??/*") if path.suffix != ".part"]
    if not files:
        return
    path = chance.choice(files)
    try:
        os.truncate(path, path.stat().st_size // 2)
    except FileNotFoundError:  # another process removed it
        return


def fork(folder: Path) -> dict[str, object]:
    """Use the threads, fork while they work, and let the child prepare pictures, too."""
    sources, compressor = pictures(), Compressor(folder)

    def prepare() -> None:
        assert len(asyncio.run(compressor.prepare_all(sources, WANTED))) == len(sources)

    parent = threading.Thread(target=prepare)
    parent.start()
    while not any(folder.glob("??/*")):  # the first is made, the others are under way
        time.sleep(0.001)
    child_pid = os.fork()
    prepare()
    if child_pid == 0:
        os._exit(0)
    parent.join()
    _, status = os.waitpid(child_pid, 0)
    return {"child": os.waitstatus_to_exitcode(status)}


def main() -> None:
    """Do what is asked."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    found = fork(folder) if what == "fork" else asyncio.run(hammer(folder, int(sys.argv[3])))
    print(json.dumps(found))  # noqa: T201  # it is what the test reads


if __name__ == "__main__":
    main()
