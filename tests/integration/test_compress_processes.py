"""One cache, several real processes: they share what they made and never trip over each other."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from komadori.settings import ROOT
from tests.fakes.compressing import DISK_BYTES, PICTURES

PROCESSES = 3
ROUNDS = 5


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.compressing", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a child that hangs can be ended, too
    )


def answer_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        output, errors = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found | {"log": errors}


def test_processes_share_a_folder_that_overflows_and_is_damaged_all_the_time(
    tmp_path: Path,
) -> None:
    started = [start("hammer", str(tmp_path), str(ROUNDS)) for _ in range(PROCESSES)]

    answers = [answer_of(process) for process in started]

    assert all(len(seen) == 1 for answer in answers for seen in answer["digests"])
    assert all(answer["digests"] == answers[0]["digests"] for answer in answers)
    assert sum(answer["hits"] for answer in answers) > 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix == ".part"]
    most = DISK_BYTES * (1 + (PROCESSES - 1) / 16)
    assert sum(path.stat().st_size for path in files) <= most


def test_a_process_finds_what_another_has_made(tmp_path: Path) -> None:
    answer_of(start("hammer", str(tmp_path), "1"))

    second = answer_of(start("hammer", str(tmp_path), "1"))

    assert second["hits"] >= PICTURES // 2


def test_a_forked_child_has_threads_of_its_own(tmp_path: Path) -> None:
    assert answer_of(start("fork", str(tmp_path)))["child"] == 0
