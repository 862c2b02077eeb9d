"""The places where prepared pictures are kept: bounded, safe, and never worth a failed job."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from komadori.pipeline.compressing.disk import Disk
from komadori.pipeline.compressing.memory import Memory
from tests.fakes.workshop import a_picture


def test_a_full_disk_costs_a_line_in_the_log_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    Disk(tmp_path, 10**6).put("ab" * 32, a_picture())

    assert "No space left" in caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def altered(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("damage", [cut, altered, lambda _: b"", lambda _: b"\0" * 500])
def test_a_damaged_file_is_removed_and_not_returned(
    tmp_path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    disk, key = Disk(tmp_path, 10**6), "ab" * 32
    disk.put(key, a_picture())
    path = tmp_path / "ab" / key
    path.write_bytes(damage(path.read_bytes()))

    assert disk.get(key) is None
    assert not path.exists()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_is_not_there_is_not_worth_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Disk(tmp_path, 10**6).get("ab" * 32) is None
    assert not caplog.records


def held(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_folder_keeps_within_its_bound_and_forgets_what_was_unused_longest(
    tmp_path: Path,
) -> None:
    limit = 100_000
    disk = Disk(tmp_path, limit)
    keys = [f"{number:02x}" * 32 for number in range(200)]
    favourite = keys[0]
    for number, key in enumerate(keys):
        disk.put(key, a_picture())
        os.utime(tmp_path / key[:2] / key, (number, number))
        assert disk.get(favourite) is not None
        assert held(tmp_path) <= limit

    assert held(tmp_path) > limit // 2
    assert disk.get(keys[-1]) is not None
    assert disk.get(keys[1]) is None


def test_a_picture_too_large_for_the_bound_is_not_kept(tmp_path: Path) -> None:
    disk = Disk(tmp_path, 20_000)

    disk.put("ab" * 32, a_picture(size=30_000))

    assert held(tmp_path) == 0


def test_what_a_dead_process_left_half_written_is_removed_in_time(tmp_path: Path) -> None:
    folder = tmp_path / "ab"
    folder.mkdir()
    old, fresh = folder / "one.1-1.part", folder / "two.2-2.part"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))

    Disk(tmp_path, 10**6).put("ab" * 32, a_picture())

    assert not old.exists()
    assert fresh.exists()


def test_memory_keeps_within_its_bound_and_forgets_what_was_unused_longest() -> None:
    memory = Memory(3500)
    for name in ("a", "b", "c"):
        memory.put(name, a_picture())
    memory.get("a")

    memory.put("d", a_picture())
    memory.put("huge", a_picture(size=4000))

    assert [name for name in ("a", "b", "c", "d", "huge") if memory.get(name)] == ["a", "c", "d"]
