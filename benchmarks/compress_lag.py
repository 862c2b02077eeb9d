"""How long the event loop stands still while seven photographs of 12 megapixels are prepared.

Run by compress.py, one fresh process for each design: `python compress_lag.py DESIGN PHOTOS`,
where PHOTOS is a folder of JPEGs. A task wakes every five milliseconds and notes how late it is.
Prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from compress_sides import WANTED, Run, light_ladder, ours, package, vips_side

from komadori.pipeline.compress import Compressor

TICK_S = 0.005
REST_S = 0.1
Photos = Sequence[bytes]
Prepare = Callable[[Photos], Awaitable[object]]


def main() -> None:
    """Prepare once, and say how long it took and how late the loop was."""
    design, folder = sys.argv[1], Path(sys.argv[2])
    photos = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    with TemporaryDirectory() as cache:
        compressor = Compressor(Path(cache))
        print(json.dumps(asyncio.run(_measured(_designs(compressor)[design], photos, design))))


def _designs(compressor: Compressor) -> dict[str, Prepare]:
    designs: dict[str, Prepare] = {
        "ours": lambda photos: compressor.prepare_all(photos, WANTED),
        "ours, cached": lambda photos: compressor.prepare_all(photos, WANTED),
        "ours, inline": lambda photos: _inline(photos, ours),
        "ours, a fresh pool per picture": lambda photos: _fresh_pool_each(photos, ours),
        "ours, a fresh pool per call": lambda photos: _fresh_pool(photos, ours),
        "light ladder, inline": lambda photos: _inline(photos, light_ladder),
        "light ladder, a fresh pool per picture": lambda ps: _fresh_pool_each(ps, light_ladder),
        "light ladder, a fresh pool per call": lambda photos: _fresh_pool(photos, light_ladder),
    }
    vips = vips_side() if package("pyvips") else None
    if vips is not None:
        designs["libvips, a fresh pool per call"] = lambda photos: _fresh_pool(photos, vips)
    return designs


async def _measured(prepare: Prepare, photos: Photos, design: str) -> dict[str, float]:
    if design.endswith("cached"):
        await prepare(photos)
    lags: list[float] = []
    ticker = asyncio.create_task(_tick(lags))
    await asyncio.sleep(REST_S)
    lags.clear()
    began = time.perf_counter()
    await prepare(photos)
    wall_s = time.perf_counter() - began
    await asyncio.sleep(TICK_S * 2)  # the tick that was held up must be counted
    ticker.cancel()
    lags.sort()
    return {
        "wall_s": wall_s,
        "lag_p50_ms": lags[len(lags) // 2] * 1000,
        "lag_p99_ms": lags[min(len(lags) - 1, len(lags) * 99 // 100)] * 1000,
        "lag_max_ms": lags[-1] * 1000,
    }


async def _tick(lags: list[float]) -> None:
    while True:
        due = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        lags.append(max(0.0, time.perf_counter() - due))


async def _inline(photos: Photos, run: Run) -> None:
    for photo in photos:
        run(photo)


async def _fresh_pool_each(photos: Photos, run: Run) -> None:
    """The old way: one after the other, with a new pool for each."""
    loop = asyncio.get_running_loop()
    for photo in photos:
        with ThreadPoolExecutor() as pool:
            await loop.run_in_executor(pool, run, photo)


async def _fresh_pool(photos: Photos, run: Run) -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor() as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, run, photo) for photo in photos))


if __name__ == "__main__":
    main()
