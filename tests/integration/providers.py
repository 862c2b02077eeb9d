"""The tests' hands on a fake image provider: a process of its own, its faults and its books."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.provider_books import Books
from tests.fakes.provider_faults import leave
from tests.fakes.provider_shapes import KEYS, key_header
from tests.integration.processes import PATIENCE_S, Program, until

_READY = "listening on "


class FakeProvider:
    """One provider on one port, over as many processes as it takes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = 0
        self._books = Books(folder)
        self._starts = 0
        self.program = self._start()

    @property
    def url(self) -> str:
        """Its address, which stays the same after a restart."""
        return f"http://127.0.0.1:{self.port}"

    def key(self, shape: str) -> str:
        """Return the right key of `openai`, `gemini`, `ark` or `jiekou`."""
        return KEYS[shape]

    def headers(self, shape: str) -> dict[str, str]:
        """Return the header that carries the right key."""
        name, prefix = key_header(shape)
        return {name: f"{prefix}{KEYS[shape]}"}

    # its process

    def kill(self) -> None:
        """End it by SIGKILL. Its folder stays."""
        self.program.kill_all()

    def died(self) -> None:
        """Wait until it has ended itself."""
        self.program.ended()

    def restart(self) -> None:
        """End it if it lives, and start it again on the same port and folder."""
        self.program.kill_all()
        self.program = self._start()

    def _start(self) -> Program:
        self._starts += 1
        command = [sys.executable, "-m", "tests.fakes.provider"]
        command += ["--port", str(self.port), "--folder", str(self.folder)]
        log = self.folder / f"process-{self._starts}.log"
        # It is none of the house's processes, and must not look like one.
        others = {name: value for name, value in os.environ.items() if "KOMADORI" not in name}
        program = Program(command, log, others)

        def is_ready() -> bool:
            assert program.process.poll() is None, program.output
            return _READY in program.output and program.output.endswith("\n")

        try:
            until(is_ready, "the provider listens")
        except BaseException:
            program.kill_all()
            raise
        self.port = int(program.output.split(_READY)[-1].strip().rpartition(":")[2])
        return program

    # its faults

    def fault(
        self,
        name: str,
        *,
        times: int | None = 1,
        at: str | None = None,
        match: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Have it fail: see tests/fakes/provider_faults.py for the names, or a status of HTTP.

        It fails `times` times, None for always; `at` is another phase than the usual one. `match`
        narrows it: shape, model, path, prompt, method, or another kind (create, poll, result,
        unknown; "" for all); a text matches when it contains the one that is given. Options:
        `seconds` of slow and drip, `megabytes` of huge, `retry_after` (and `as_date`), `message`
        and `code` of a status, `to` of redirects and private_url, `content_type` of
        wrong_content_type, `reason` of task_failed, `of_prompt` of refused.
        """
        folder = self.folder / "faults"
        leave(folder, name, times=times, at=at, match=match or {}, options=options)

    def no_faults(self) -> None:
        """Take all orders back, and let go of what is held."""
        for order in (self.folder / "faults").glob("*.json"):
            order.unlink(missing_ok=True)
        self.release()

    def faults_left(self) -> int:
        """Return how many orders are not yet used up."""
        return len(list((self.folder / "faults").glob("*.json")))

    def held(self) -> list[dict[str, Any]]:
        """Return the requests that are held now, and the phase of each."""
        marks = (self.folder / "held").iterdir()
        return [json.loads(text) for mark in marks if (text := _text_of(mark))]

    def release(self) -> None:
        """Let all held requests go on; later ones are held as ordered."""
        for mark in (self.folder / "held").iterdir():
            mark.unlink(missing_ok=True)

    def wait_for(
        self,
        *,
        held: int = 0,
        bills: int = 0,
        requests: int = 0,
        within_s: float = PATIENCE_S,
    ) -> None:
        """Wait until there are at least so many of each."""
        wanted = f"held={held} bills={bills} requests={requests}"

        def are_there() -> bool:
            counted = (len(self.held()), len(self.bills()), len(self.requests()))
            return all(
                n >= least for n, least in zip(counted, (held, bills, requests), strict=True)
            )

        until(are_there, f"the provider has {wanted}", within_s=within_s)

    # its books

    def bills(self) -> list[dict[str, Any]]:
        """Return what has to be paid, oldest first."""
        return self._books.bills()

    def requests(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what was asked, oldest first: all, or those of one kind.

        `key` is right, wrong or missing; `keys_seen` names the shapes whose keys were anywhere in
        headers or query; `status` is None while it was not answered.
        """
        return [entry for entry in self._books.requests() if kind in ("", entry["kind"])]


def _text_of(mark: Path) -> str:
    try:
        return mark.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


@contextmanager
def fake_provider(folder: Path) -> Iterator[FakeProvider]:
    """Run a provider, which must not have failed but by order; its output shows on failure."""
    provider = FakeProvider(folder)
    try:
        yield provider
    finally:
        provider.kill()
        output = "".join(log.read_text() for log in sorted(folder.glob("process-*.log")))
        print(f"--- {folder.name} ---\n{output}")  # noqa: T201  # shown on failure
    assert "Traceback" not in output, "the fake itself is broken"
