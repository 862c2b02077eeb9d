"""The compressor: off the loop, on two threads, each picture once, kept in memory and on disk."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from komadori.errors import RequestRejected
from komadori.pipeline import compress
from komadori.pipeline.compress import Compressor, Wanted
from komadori.pipeline.compressing import encoding, pool
from tests.fakes.workshop import PATIENCE_S, Workshop, a_picture


def photo(seed: int = 0, size: tuple[int, int] = (320, 240)) -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    file = BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def workshop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    made = Workshop()
    monkeypatch.setattr(compress, "prepared", made.prepared)
    yield made
    made.let_go.set()
    idle = threading.Barrier(pool.THREADS)  # work that was given up must not reach the next test
    for waiting in [pool.shared_pool().submit(idle.wait, PATIENCE_S) for _ in range(pool.THREADS)]:
        waiting.result()


# --- off the loop --------------------------------------------------------------------------------


async def test_the_loop_turns_while_pictures_are_prepared(
    tmp_path: Path, workshop: Workshop
) -> None:
    task = asyncio.create_task(Compressor(tmp_path).prepare_all([b"1", b"2"], Wanted()))
    await workshop.is_busy()  # inline, this line would not be reached before the work is done

    workshop.let_go.set()

    assert len(await task) == 2


async def test_a_ticker_goes_on_while_seven_real_pictures_are_prepared(tmp_path: Path) -> None:
    pictures = [photo(seed, (1000, 750)) for seed in range(7)]
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await Compressor(tmp_path).prepare_all(pictures, Wanted(limit_kb=40))
    ticker.cancel()

    assert ticks > len(pictures)  # inline there would be none


async def test_hashing_is_off_the_loop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = compress._key

    def key(data: bytes, wanted: Wanted) -> str:
        threads.append(threading.current_thread().name)
        return real(data, wanted)

    monkeypatch.setattr(compress, "_key", key)

    await Compressor(tmp_path).prepare(photo(), Wanted())

    assert [name.startswith("compress") for name in threads] == [True]


def test_a_jpeg_is_written_to_a_descriptor_for_which_pillow_lets_go_of_the_gil(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    descriptors: list[int] = []
    real = Image.Image.save

    def save(image: Image.Image, file: Any, *args: Any, **options: Any) -> None:
        descriptors.append(file.fileno())
        real(image, file, *args, **options)

    monkeypatch.setattr(Image.Image, "save", save)

    assert encoding.jpeg(Image.new("RGB", (64, 64)), 80).startswith(b"\xff\xd8")
    assert len(descriptors) == 1


async def test_two_threads_serve_all_compressors_of_a_process(
    tmp_path: Path, workshop: Workshop
) -> None:
    compressors = [Compressor(tmp_path / str(number)) for number in range(3)]
    tasks = [
        asyncio.create_task(one.prepare_all([bytes([n]) for n in range(4)], Wanted()))
        for one in compressors
    ]
    for _ in range(pool.THREADS):
        await workshop.is_busy()

    workshop.let_go.set()
    await asyncio.gather(*tasks)

    assert workshop.calls == 12
    assert workshop.most_at_once == pool.THREADS


# --- several at once -----------------------------------------------------------------------------


async def test_the_order_is_kept(tmp_path: Path) -> None:
    pictures = [photo(seed, (100 + seed, 90)) for seed in range(6)]

    prepared = await Compressor(tmp_path).prepare_all(pictures, Wanted())

    assert [one.width for one in prepared] == [100, 101, 102, 103, 104, 105]


async def test_none_at_all_is_fine(tmp_path: Path) -> None:
    assert await Compressor(tmp_path).prepare_all([], Wanted()) == []


async def test_one_bad_picture_refuses_all_and_leaves_no_task_behind(tmp_path: Path) -> None:
    pictures = [photo(1), b"not a picture at all", photo(2)]

    with pytest.raises(RequestRejected) as refusal:
        await Compressor(tmp_path).prepare_all(pictures, Wanted())

    assert refusal.value.code == "picture_unknown"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_leaves_no_task_behind(tmp_path: Path, workshop: Workshop) -> None:
    task = asyncio.create_task(Compressor(tmp_path).prepare_all([b"1", b"2", b"3"], Wanted()))
    await workshop.is_busy()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- once ----------------------------------------------------------------------------------------


async def test_the_same_picture_asked_for_twice_at_once_is_made_once(
    tmp_path: Path, workshop: Workshop
) -> None:
    compressor = Compressor(tmp_path)
    tasks = [asyncio.create_task(compressor.prepare(b"1", Wanted())) for _ in range(5)]
    await workshop.is_busy()

    workshop.let_go.set()
    results = await asyncio.gather(*tasks)

    assert workshop.calls == 1
    assert {result.data for result in results} == {a_picture(mark=ord("1")).data}


async def test_who_gives_up_does_not_spoil_it_for_the_others(
    tmp_path: Path, workshop: Workshop
) -> None:
    compressor = Compressor(tmp_path)
    first, second = (asyncio.create_task(compressor.prepare(b"1", Wanted())) for _ in range(2))
    await workshop.is_busy()

    first.cancel()
    await asyncio.sleep(0)
    workshop.let_go.set()

    assert (await second).data == a_picture(mark=ord("1")).data
    with pytest.raises(asyncio.CancelledError):
        await first
    assert workshop.calls == 1


async def test_who_gives_up_before_the_work_began_does_not_take_it_off_the_list() -> None:
    threads, let_go = pool.Pool(), threading.Event()
    held = [threads.submit(let_go.wait, PATIENCE_S) for _ in range(pool.THREADS)]
    flight = threads.once("key", lambda: "done")
    first, second = (asyncio.create_task(pool.result_of(flight)) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    let_go.set()

    assert await second == "done"
    assert all(each.result() for each in held)


async def test_work_that_everybody_gave_up_is_kept_for_the_next(
    tmp_path: Path, workshop: Workshop
) -> None:
    compressor = Compressor(tmp_path)
    task = asyncio.create_task(compressor.prepare(b"1", Wanted()))
    await workshop.is_busy()
    task.cancel()
    workshop.let_go.set()

    again = await compressor.prepare(b"1", Wanted())

    assert again.data == a_picture(mark=ord("1")).data
    assert workshop.calls == 1


async def test_a_refusal_reaches_all_who_wait_and_is_not_kept(
    tmp_path: Path, workshop: Workshop
) -> None:
    compressor = Compressor(tmp_path)
    tasks = [asyncio.create_task(compressor.prepare(b"bad", Wanted())) for _ in range(2)]
    await workshop.is_busy()
    workshop.let_go.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(RequestRejected):
        await compressor.prepare(b"bad", Wanted())

    assert all(isinstance(result, RequestRejected) for result in results)
    assert workshop.calls == 2


def test_work_outlives_the_event_loop_that_asked_for_it(
    tmp_path: Path, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    compressor = Compressor(tmp_path)

    async def give_up() -> None:
        task = asyncio.create_task(compressor.prepare(b"1", Wanted()))
        await workshop.is_busy()
        task.cancel()

    asyncio.run(give_up())
    workshop.let_go.set()

    assert asyncio.run(compressor.prepare(b"1", Wanted())).data
    assert workshop.calls == 1
    assert not caplog.records


# --- kept ----------------------------------------------------------------------------------------


async def test_what_was_prepared_is_found_in_memory(tmp_path: Path, workshop: Workshop) -> None:
    workshop.let_go.set()
    compressor = Compressor(tmp_path)
    made = await compressor.prepare(b"1", Wanted())
    shutil.rmtree(tmp_path)

    found = await compressor.prepare(b"1", Wanted())

    assert workshop.calls == 1
    assert (made.from_cache, found.from_cache) == (False, True)
    assert found.data == made.data
    assert found.notes == made.notes


async def test_what_another_process_prepared_is_found_on_disk(
    tmp_path: Path, workshop: Workshop
) -> None:
    workshop.let_go.set()
    made = await Compressor(tmp_path).prepare(b"1", Wanted())

    found = await Compressor(tmp_path).prepare(b"1", Wanted())

    assert workshop.calls == 1
    assert found.from_cache
    assert (found.data, found.media_type, found.notes) == (made.data, made.media_type, made.notes)
    assert (found.width, found.source_width, found.source_bytes) == (64, 640, 5000)


@pytest.mark.parametrize(
    "other",
    [
        Wanted(limit_kb=200),
        Wanted(media_types=("image/webp",)),
        Wanted(media_types=("image/jpeg", "image/webp"), keep_alpha=True),
    ],
)
async def test_another_wish_is_another_picture(
    tmp_path: Path, workshop: Workshop, other: Wanted
) -> None:
    workshop.let_go.set()
    compressor = Compressor(tmp_path)
    await compressor.prepare(b"1", Wanted())

    await compressor.prepare(b"1", other)

    assert workshop.calls == 2


async def test_another_algorithm_is_another_picture(
    tmp_path: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.let_go.set()
    await Compressor(tmp_path).prepare(b"1", Wanted())
    monkeypatch.setattr(compress, "ALGORITHM", "another")

    await Compressor(tmp_path).prepare(b"1", Wanted())

    assert workshop.calls == 2


async def test_the_folder_may_vanish(tmp_path: Path, workshop: Workshop) -> None:
    workshop.let_go.set()
    folder = tmp_path / "cache"
    compressor = Compressor(folder, memory_bytes=0)
    await compressor.prepare(b"1", Wanted())
    shutil.rmtree(folder)

    assert (await compressor.prepare(b"1", Wanted())).data
    assert (await compressor.prepare(b"1", Wanted())).from_cache


async def test_a_folder_that_cannot_be_used_costs_a_line_in_the_log_and_no_job(
    tmp_path: Path, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.let_go.set()
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("a file where the folder should be")

    picture = await Compressor(in_the_way).prepare(b"1", Wanted())

    assert picture.data
    assert "cannot be cached" in caplog.text
