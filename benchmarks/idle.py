"""What the product costs while nobody uses it, and how soon a first panel is there.

Starts `python app.py` on an empty data folder; measures start-up, memory (PSS), load and the time
from the call that asks for a storyboard to its first finished panel; ends everything it started.
"""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import requests
from gradio_client import Client
from report import machine, save
from sides import BenchmarkFailed, end_group

ROOT = Path(__file__).resolve().parent.parent
START_UP_S = 60
STORY = (
    "Mara rowed out before sunrise, when the harbour was still asleep. "
    '"You are late," said the old keeper from the pier. "The light has gone out." '
    "She tied the boat and climbed the wet stairs of the tower, one hand on the cold wall. "
    "At the top the lamp was dark, and a gull sat on the broken glass. "
    "Far out, a ship sounded its horn in the fog. Mara struck a match. "
    '"Hold the shutter," she called down, and the keeper laughed for the first time in a year.'
)
AIMS = {"start_up_s": 5, "pss_mb": 700, "cpu_percent": 8, "first_panel_s": 2}


def main() -> None:
    """Measure, print, write benchmarks/results/idle.json."""
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # `finally` ends what we started
    with _page() as (process, url, start_up_s):
        time.sleep(args.settle_s)
        idle = _idle(process.pid, args.seconds)
        panels = [_first_panel_s(url) for _ in range(args.jobs)]
    report = {
        "machine": machine(),
        "start_up_s": round(start_up_s, 2),
        **idle,
        "first_panel_s": round(panels[0], 2),
        "first_panel_s_all": [round(each, 2) for each in panels],
        "aims": AIMS,
    }
    for name, value in report.items():
        aim = f"  (aim: under {AIMS[name]})" if name in AIMS else ""
        print(f"{name}: {value}{aim}")
    save("idle", report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long the load is measured")
    parser.add_argument("--settle-s", type=float, default=5, help="pause after the start")
    parser.add_argument("--jobs", type=int, default=3, help="storyboards made one after another")
    return parser.parse_args()


@contextmanager
def _page() -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "app.py", "--port", str(port))
    with TemporaryDirectory(prefix="komadori-idle-", ignore_cleanup_errors=True) as folder:
        env = os.environ | {"KOMADORI_DATA_DIR": folder}
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, start_new_session=True)
        try:
            _wait_until_up(process, url)
            yield process, url, time.monotonic() - began
        finally:
            tree = _tree(process.pid)
            end_group(process)
            _tell_of_left_overs(tree)


def _wait_until_up(process: subprocess.Popen[str], url: str) -> None:
    until = time.monotonic() + START_UP_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    how = f"ended with {process.poll()}" if process.poll() is not None else f"took {START_UP_S} s"
    raise BenchmarkFailed(f"{url}/healthz did not answer: app.py {how}")


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _tell_of_left_overs(tree: Sequence[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(tree, timeout=3)
    for process in alive:
        print(f"left over after the end, ended now: {process}", file=sys.stderr)
        process.kill()


def _idle(pid: int, seconds: float) -> dict[str, Any]:
    tree = _tree(pid)
    with_torch = [process.pid for process in tree if _has_torch(process)]
    if with_torch:
        raise BenchmarkFailed(f"torch is loaded in {with_torch}")
    before, began = _cpu_s(tree), time.monotonic()
    time.sleep(seconds)
    used, took = _cpu_s(tree) - before, time.monotonic() - began
    pss = {process.pid: process.memory_full_info().pss / 1e6 for process in tree}
    return {
        "processes": len(tree),
        "pss_mb": round(sum(pss.values())),
        "pss_mb_by_process": {_name(process): round(pss[process.pid]) for process in tree},
        "cpu_percent": round(100 * used / took, 1),
    }


def _has_torch(process: psutil.Process) -> bool:
    return any("/torch/" in region.path for region in process.memory_maps())


def _cpu_s(tree: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def _name(process: psutil.Process) -> str:
    """Say which process it is without the folders that it was started from."""
    command = [Path(word).name for word in process.cmdline()[:4]]
    return f"{process.pid} {' '.join(command)}"


def _first_panel_s(url: str) -> float:
    client = Client(url, verbose=False)
    key = secrets.token_hex(16)
    began = time.monotonic()
    job = client.predict(story=STORY, panels=5, session_key=key, api_name="/create_storyboard")
    following = client.submit(job_id=job["id"], session_key=key, api_name="/follow_job")
    for seen in following:
        if any(_is_finished_panel(step) for step in seen["steps"]):
            took = time.monotonic() - began
            following.result(timeout=60)  # the next measurement begins on an idle queue
            return took
    raise BenchmarkFailed(f"job {job['id']} ended without a panel")


def _is_finished_panel(step: dict[str, Any]) -> bool:
    return bool(step["kind"] == "panel" and step["state"] == "COMPLETED")


if __name__ == "__main__":
    try:
        main()
    except BenchmarkFailed as exc:
        sys.exit(f"The benchmark failed: {exc}")
