"""Fixtures of the integration tests: a real Redis, a house, and consumers that leave nothing."""

import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from komadori.settings import ROOT, load_settings
from tests.integration.house import House
from tests.integration.paying import PROVIDER_KEYS, Paying
from tests.integration.processes import Consumer, Program, processes_of, until
from tests.integration.providers import fake_provider

# Short enough to wait for in a test, long enough for a machine that is busy with many of them.
QUICK = {
    "WORKER__LEASE_S": "1",
    "DEFAULTS__STEP__RETRY_DELAY_S": "0.3",
    "DEFAULTS__CONCURRENCY__IMAGE_WORKERS": "4",
    "DEFAULTS__IMAGE__SIZE": "160x90",
}

StartConsumer = Callable[..., Consumer]
StartProgram = Callable[..., Program]


@dataclass(frozen=True, slots=True)
class Page:
    """A running app.py."""

    program: Program
    url: str

    def answers(self) -> bool:
        """Whether the page can be asked already."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):  # noqa: S310  # our own
                return True
        except OSError:
            return False


StartPage = Callable[..., Page]


@pytest.fixture
def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def run_program(tmp_path: Path) -> Iterator[StartProgram]:
    """Start programs that must have left no process when the test ends."""
    started: list[Program] = []

    def start(command: list[str]) -> Program:
        log = tmp_path / f"program-{len(started)}.log"
        started.append(Program(command, log))
        return started[-1]

    yield start
    _stop_all(started)


@pytest.fixture
def run_page(house: House, run_program: StartProgram) -> Iterator[StartPage]:
    """Start `app.py` on the house's folder; at the end no process of the folder may be left."""

    started: list[Page] = []

    def start(*options: str, is_awaited: bool = True) -> Page:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), *options]
        program = run_program(command)
        page = Page(program, f"http://127.0.0.1:{port}")
        started.append(page)
        if is_awaited:
            until(
                lambda: page.answers() or program.process.poll() is not None,
                "the page answers",
                within_s=60,
            )
            assert program.process.poll() is None, program.output
        return page

    yield start
    try:
        for page in started:
            page.program.stop()
        until(lambda: not processes_of(house.folder), "no process of the folder is left")
    finally:
        for process in processes_of(house.folder):
            process.kill()


@pytest.fixture
def redis_server(tmp_path: Path, free_port: int) -> Iterator[Program]:
    """A redis-server of this test's own; `redis_url` is its address."""
    folder = tmp_path / "redis"
    folder.mkdir()
    command = ["redis-server", "--port", str(free_port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = Program(command, tmp_path / "redis.log")
    with Redis(port=free_port) as client:
        until(lambda: _answers(client), "redis-server answers")
    yield server
    server.kill_all()


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture(params=["sqlite", "redis"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which doorbell the test is done with; each test of a house is done with both."""
    name: str = request.param
    if name == "redis":
        request.getfixturevalue("redis_server")
        port = request.getfixturevalue("free_port")
        monkeypatch.setenv("KOMADORI_QUEUE__BACKEND", "redis")
        monkeypatch.setenv("KOMADORI_QUEUE__REDIS_URL", f"redis://127.0.0.1:{port}/0")
    return name


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Set a setting for the processes that the test starts from now on."""

    def change(name: str, value: object) -> None:
        monkeypatch.setenv(f"KOMADORI_{name}", str(value))

    return change


@pytest.fixture
def house(tmp_path: Path, bell: str, setting: Callable[[str, object], None]) -> Iterator[House]:
    """A data folder with a store, and no process yet."""
    orders = tmp_path / "orders"
    orders.mkdir()
    setting("DATA_DIR", tmp_path / "data")
    for name, value in QUICK.items():
        setting(name, value)
    house = House(load_settings(), orders)
    yield house
    house.close()


@pytest.fixture
def paying(
    tmp_path: Path,
    house: House,
    setting: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Paying]:
    """The house with a provider and all keys; offer what is wanted, then start a consumer."""
    setting("PROVIDERS_DIR", tmp_path / "offers")
    for name, key in PROVIDER_KEYS.items():
        monkeypatch.setenv(name, key)
    with fake_provider(tmp_path / "provider") as provider:
        yield Paying(house, provider, tmp_path / "offers")


@pytest.fixture
def consume(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartConsumer]:
    """Start consumers of the house; at the end all must stop in order and leave no process."""
    monkeypatch.setenv("LANE_ORDERS", str(tmp_path / "orders"))
    started: list[Consumer] = []

    def start(
        workers: int = 2,
        *options: str,
        module: str = "tests.fakes.lane.huey",
        is_awaited: bool = True,
    ) -> Consumer:
        log = tmp_path / f"consumer-{len(started)}.log"
        consumer = Consumer(log, module=module, workers=workers, options=options)
        started.append(consumer)
        if is_awaited:
            until(
                lambda: len(consumer.workers()) == workers or consumer.process.poll() is not None,
                "the workers are there",
            )
            assert consumer.process.poll() is None, consumer.output
        return consumer

    yield start
    _stop_all(started)


def _stop_all(started: list[Program] | list[Consumer]) -> None:
    try:
        for program in started:
            program.stop()
    finally:
        for program in started:
            program.kill_all()
            print(f"--- {program.log.name} ---\n{program.output}")  # noqa: T201  # shown on failure
