"""A ComfyUI server under supervision in a test: the fake as its command, and the real store."""

import copy
import itertools
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection

from komadori.domain.servers import Incident, IncidentKind, ServerReport, ServerState, Verb
from komadori.errors import StoreAway
from komadori.monitors.comfy.place import Birth, Place
from komadori.monitors.comfy.process import Patience
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.supervisor import Supervisor
from komadori.queue.migrate import migrate
from komadori.queue.server_places import ask
from komadori.queue.servers import ServerRows
from komadori.queue.store import Store
from komadori.settings import ServerSettings, Settings, load_settings
from tests.fakes.comfy_server import ComfyServer
from tests.integration.processes import until

INTERVAL_S = 0.2
QUICK = Rules(
    interval_s=INTERVAL_S,
    timeout_s=0.4,
    start_silent_s=20.0,
    start_most_s=30.0,
    silent_limit_s=60.0,
    wedge_s=3.0,
    backoff_s=(0.3,),
    crashes_most=5,
    crashes_within_s=600.0,
    half_open_s=(1.0, 2.0, 4.0),
    idle_pending_s=1.0,
    port_look_s=0.5,
    sample_s=0.3,
)
PATIENCE = Patience(interrupt_s=3.0, terminate_s=2.0, kill_s=5.0, port_s=5.0)
LEASE_S = 2.0
_COLOUR = {"width": 8, "height": 8, "batch_size": 1, "color": 9}
PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": _COLOUR},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}


class Book(ServerRows):
    """The real rows; a test may say what there is of prompts, or that the store is away."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.is_away = False
        self.ours: tuple[str, ...] = ()
        self.lost: list[str] = []
        self.work = 0

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._answer()
        with super()._writing() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._answer()
        with super()._reading() as connection:
            yield connection

    def _answer(self) -> None:
        if self.is_away:
            raise StoreAway("the store is away")

    def prompts(self, server: str) -> Sequence[str]:
        del server
        return self.ours

    def orphans(self, server: str) -> Sequence[str]:
        del server
        return tuple(self.lost)

    def orphan_ended(self, prompt_id: str) -> None:
        self.lost.remove(prompt_id)

    def backlog(self) -> int:
        self._answer()
        return self.work


class Ward:
    """One server, the store, and the supervisors that a test starts for it."""

    def __init__(self, folder: Path, *options: str, name: str = "a") -> None:
        self.folder = folder
        self.name = name
        self.comfy = ComfyServer(folder / "comfy", *options, starts=False)
        self.data_dir = folder / "data"
        self.url = f"sqlite:///{folder / 'komadori.db'}"
        migrate(self.url)
        self.store = Store(self.url)
        self.book = Book(self.store)
        self.place = Place(self.data_dir / "comfyui" / name)
        self.supervisors: list[Supervisor] = []
        self._colours = itertools.count(1)

    @property
    def server(self) -> ServerSettings:
        """Its settings."""
        command = tuple(self.comfy.command)
        return ServerSettings(name=self.name, url=self.comfy.url, command=command)

    def settings(self, **changes: Any) -> Settings:
        """Return settings with this server."""
        told = load_settings().comfyui.model_dump()
        told |= {
            "servers": [self.server.model_dump()],
            "probe": {"interval_s": INTERVAL_S, "timeout_s": 1},
        }
        return load_settings(
            data_dir=self.data_dir, comfyui=told | changes, database={"url": self.url}
        )

    def supervise(
        self,
        *,
        server: ServerSettings | None = None,
        changes: dict[str, Any] | None = None,
        **rules: Any,
    ) -> Supervisor:
        """Start a supervisor."""
        settings = self.settings(**(changes or {}))
        supervisor = Supervisor(
            server or self.server,
            self.book,
            settings.comfyui,
            data_dir=self.data_dir,
            workflows_dir=self.folder / "workflows",
            rules=replace(QUICK, **rules),
            patience=PATIENCE,
            lease_s=LEASE_S,
        )
        self.supervisors.append(supervisor)
        supervisor.start()
        return supervisor

    def ready(self, **rules: Any) -> ServerReport:
        """Start a supervisor, and wait until the server is ready."""
        self.supervise(**rules)
        return self.reaches(ServerState.READY)

    @property
    def report(self) -> ServerReport:
        """What was told last."""
        report = self.book.report(self.name)
        assert report is not None
        return report

    def reaches(self, *states: ServerState, boot: int = 0, within_s: float = 30.0) -> ServerReport:
        """Wait until the server is in one of the states, in its n-th boot or later."""

        def found() -> ServerReport | None:
            report = self.book.report(self.name)
            is_it = report is not None and report.state in states and report.boot >= boot
            return report if is_it else None

        try:
            return until(found, f"{self.name} is {states}", within_s=within_s)
        except BaseException:
            print(self.book.report(self.name), self.incidents(), self.log, sep="\n")  # noqa: T201  # shown on failure
            raise

    def incidents(self, *kinds: IncidentKind) -> list[Incident]:
        """Return what happened, oldest first."""
        found = reversed(self.book.incidents(self.name, 0.0))
        return [one for one in found if not kinds or one.kind in kinds]

    def noted(self, kind: IncidentKind, *, within_s: float = 30.0) -> Incident:
        """Wait for an incident of a kind, and return the newest."""
        return until(lambda: self.incidents(kind), f"{kind} is noted", within_s=within_s)[-1]

    def asks(self, verb: Verb, by: str = "operator", reason: str = "") -> None:
        """Ask for something as the page does."""
        ask(self.store, self.name, verb, by, reason)

    def send(self, **more: Any) -> str:
        """Send a prompt; return its id."""
        prompt = copy.deepcopy(PROMPT)
        prompt["1"]["inputs"]["color"] = next(self._colours)  # or it would come from the cache
        told = {"prompt": prompt, "client_id": "test", "prompt_id": str(uuid.uuid4())}
        answer = self.comfy.post("/prompt", told | more)
        assert answer["node_errors"] == {}, answer
        return str(answer["prompt_id"])

    @property
    def birth(self) -> Birth:
        """Who was started last."""
        birth = self.place.birth()
        assert birth is not None
        return birth

    @property
    def log(self) -> str:
        """The server's log."""
        return self.place.log.read_text(errors="replace") if self.place.log.exists() else ""

    def close(self) -> None:
        """End everything; fail if something of the server is left."""
        for supervisor in self.supervisors:
            supervisor.stop(leave_running=False)
        self.store.close()
        left = processes_with(str(self.folder))
        for process in left:
            process.kill()
        assert not left, f"left: {left}"


def processes_with(text: str) -> Sequence[psutil.Process]:
    """Return living processes whose command line has a text."""
    found = []
    for process in psutil.process_iter():
        try:
            is_it = text in " ".join(process.cmdline()) and process.pid != os.getpid()
            if is_it and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@contextmanager
def ward_in(folder: Path, *options: str) -> Iterator[Ward]:
    """Have a ward, and end it."""
    ward = Ward(folder, *options)
    try:
        yield ward
    finally:
        ward.close()
