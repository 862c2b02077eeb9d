"""Fake ComfyUI servers that a real watch process starts, watches and starts again."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.fakes.comfy_server import ComfyServer
from tests.integration.drawing_at_comfy import AtComfy, folders
from tests.integration.house import House
from tests.integration.processes import Program, until

QUICK_WATCH = {
    "COMFYUI__PROBE__INTERVAL_S": "0.3",
    "COMFYUI__PROBE__TIMEOUT_S": "2",
    "COMFYUI__WEDGE_S": "4",
    "COMFYUI__BACKOFF_S": "[0.2, 0.5, 1]",
    "COMFYUI__CRASHES_MOST": "99",
}


@contextmanager
def watched(
    folder: Path, house: House, setting: Callable[[str, object], None], *names: str, step_s: float
) -> Iterator[AtComfy]:
    """Have servers started and watched by `python -m komadori.monitors comfy watch`."""
    servers = {
        name: ComfyServer(path, "--step-seconds", str(step_s), starts=False)
        for name, path in folders(folder, names).items()
    }
    told = [
        {"name": name, "url": server.url, "command": server.command}
        for name, server in servers.items()
    ]
    for name, value in {"COMFYUI__SERVERS": json.dumps(told), **QUICK_WATCH}.items():
        setting(name, value)
    watch = Program(
        [sys.executable, "-m", "komadori.monitors", "comfy", "watch"], folder / "watch.log"
    )
    at = AtComfy(house, servers)
    try:
        until(lambda: _all_take_prompts(at), "all servers take prompts", within_s=60)
        yield at
    finally:
        watch.kill_all()
        for server in servers.values():
            for process in processes_at(server.folder):
                process.kill()
        print(f"--- watch ---\n{watch.output}")  # noqa: T201  # shown on failure


def processes_at(folder: Path) -> list[psutil.Process]:
    """Return the living servers of a folder, whoever has started them."""
    return [one for one in psutil.process_iter() if _serves(one, folder)]


def _serves(process: psutil.Process, folder: Path) -> bool:
    try:
        is_alive = process.status() != psutil.STATUS_ZOMBIE
        return is_alive and str(folder) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _all_take_prompts(at: AtComfy) -> bool:
    reports = [at.rows.report(name) for name in at.servers]
    return all(report is not None and report.state.takes_prompts for report in reports)
