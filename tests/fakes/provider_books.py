"""The books of the fake provider: lines of JSON that are on the disk before anything goes on."""

import json
import os
import time
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.fakes.provider_order import Order


def add(path: Path, entry: dict[str, Any]) -> None:
    """Add a line and wait until it is on the disk: the process may die in the next moment."""
    line = json.dumps(entry, ensure_ascii=False) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)


def read(path: Path) -> list[dict[str, Any]]:
    """Return all complete lines."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file that others see whole or not at all."""
    data = text.encode() if isinstance(text, str) else text
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    unfinished.rename(path)


class Books:
    """Bills, requests and answers of one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._bills = folder / "bills.jsonl"
        self._requests = folder / "requests.jsonl"
        self._answers = folder / "answers.jsonl"

    def note_request(self, request_id: str, facts: dict[str, Any]) -> None:
        """Note that a request came, before anything of its body is read."""
        add(self._requests, {"id": request_id, "at": time.time(), **facts})

    def note_answer(self, request_id: str, status: int, length: int) -> None:
        """Note what is about to be answered."""
        add(self._answers, {"id": request_id, "at": time.time(), "status": status, "size": length})

    def bill(self, request_id: str, shape: str, order: Order, idempotency_key: str | None) -> None:
        """Write the bill."""
        entry = {
            "id": request_id,
            "at": time.time(),
            "shape": shape,
            "model": order.model,
            "prompt": order.prompt,
            "prompt_sha256": sha256(order.prompt.encode()).hexdigest(),
            "references": [asdict(seen) for seen in order.references],
            "size": order.size,
            "width": order.width,
            "height": order.height,
            "seed": order.seed,
            "n": order.n,
            "idempotency_key": idempotency_key,
        }
        add(self._bills, entry)

    def bills(self) -> list[dict[str, Any]]:
        """Return all bills, oldest first."""
        return read(self._bills)

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests, oldest first; `status` is None while nothing was answered."""
        answered = {answer["id"]: answer["status"] for answer in read(self._answers)}
        return [{**entry, "status": answered.get(entry["id"])} for entry in read(self._requests)]
