"""What is asked of a server, with timeouts, and what the answers mean."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from komadori.domain.servers import Device
from komadori.errors import KomadoriError
from komadori.monitors.comfy.deadline import Deadline, TimedAdapter
from komadori.monitors.comfy.verdicts import Verdict

MOST_BYTES = 64_000_000
"""No answer is longer: a queue of a thousand large prompts is not."""
_CHUNK = 65_536


class Unanswered(KomadoriError):
    """The server did not answer a question that is not a probe."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What runs and what waits on a server, by prompt id, in the order in which they run."""

    running: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    number: int | None = None
    """The largest number given to a prompt there: they count up from 0 at each start."""

    @property
    def remaining(self) -> int:
        """Prompts there, anybody's."""
        return len(self.running) + len(self.pending)


@dataclass(frozen=True, slots=True)
class Stats:
    """What /system_stats tells."""

    version: str = ""
    ram_total: int = 0
    ram_free: int = 0
    devices: tuple[Device, ...] = ()
    is_on_cpu: bool = False
    """Then the memory of its device is the machine's."""


@dataclass(frozen=True, slots=True)
class Look:
    """One probe."""

    verdict: Verdict
    detail: str = ""
    stats: Stats = field(default_factory=Stats)
    queue: Queue = field(default_factory=Queue)


class Probe:
    """Asks one server. For one thread."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._deadlines: set[Deadline] = set()
        self._lock = threading.Lock()
        self._is_cut = False

    def look(self) -> Look:
        """Ask how it is and what it does. Ready means that both are answered."""
        try:
            stats = self._get("/system_stats")
            queue = self._get("/queue")
        except requests.Timeout as exc:
            return Look(Verdict.TIMEOUT, _short(exc))
        except requests.HTTPError as exc:
            return Look(Verdict.HTTP_ERROR, _short(exc))
        except ValueError as exc:  # no JSON, or more than an answer may be
            return Look(Verdict.HTTP_ERROR, _short(exc))
        except requests.RequestException as exc:
            return Look(Verdict.REFUSED, _short(exc))
        try:
            return Look(Verdict.OK, "", _stats(stats), _queue(queue))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as exc:
            detail = f"its answer is not ComfyUI's ({type(exc).__name__})"
            return Look(Verdict.HTTP_ERROR, detail)

    def free(self, *, drop_cache: bool) -> bool:
        """Have it unload its models, and forget what its nodes made, between two prompts."""
        return self._post("/free", {"unload_models": True, "free_memory": drop_cache})

    def delete(self, prompt_id: str) -> bool:
        """Take a waiting prompt out of its queue."""
        return self._post("/queue", {"delete": [prompt_id]})

    def interrupt(self, prompt_id: str) -> bool:
        """Interrupt this prompt and no other; see `may_interrupt_by_id`."""
        return self._post("/interrupt", {"prompt_id": prompt_id})

    def forget(self, prompt_id: str) -> bool:
        """Delete a prompt from its history."""
        return self._post("/history", {"delete": [prompt_id]})

    def has_ended(self, prompt_id: str) -> bool:
        """Whether its history says that the prompt is over."""
        try:
            return bool(self._get(f"/history/{prompt_id}"))
        except (requests.RequestException, ValueError):
            return False

    def describe(self, class_name: str) -> dict[str, Any]:
        """Return the server's description of a class of nodes by its name; nothing if it has none.

        Raises:
            Unanswered: it did not answer.
        """
        try:
            found = self._get(f"/object_info/{quote(class_name, safe='')}")
        except (requests.RequestException, ValueError) as exc:
            raise Unanswered(_short(exc)) from exc
        return found if isinstance(found, dict) else {}

    def close(self) -> None:
        """Close the connections of this thread."""
        if (session := getattr(self._local, "session", None)) is not None:
            session.close()
            del self._local.session

    def cut(self) -> None:
        """End what is being asked, and ask nothing more: whoever waits for it goes on at once."""
        with self._lock:
            self._is_cut = True
            deadlines = tuple(self._deadlines)
        for deadline in deadlines:
            deadline.cut()

    def _get(self, path: str) -> Any:
        try:
            return json.loads(self._ask("GET", path))
        except RecursionError as exc:
            raise ValueError("its answer is nested too deeply") from exc

    def _post(self, path: str, body: Mapping[str, Any]) -> bool:
        try:
            self._ask("POST", path, body)
        except (requests.RequestException, ValueError):
            return False
        return True

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Return the whole answer: one that comes byte by byte has no more time than another."""
        with self._deadline() as deadline:
            try:
                answer = self._http().request(
                    method, self.url + path, json=body, timeout=self._timeout_s, stream=True
                )
                with answer:
                    found = _read(answer)
                    answer.raise_for_status()
            except requests.HTTPError:
                raise
            except (requests.RequestException, OSError) as exc:
                if deadline.is_over:
                    raise requests.Timeout("its answer does not end") from exc
                raise
            if deadline.is_over:
                raise requests.Timeout("its answer does not end")
            return found

    @contextmanager
    def _deadline(self) -> Iterator[Deadline]:
        deadline = Deadline(self._timeout_s)
        with self._lock:
            if self._is_cut:
                raise requests.Timeout("nothing is asked any more")
            self._deadlines.add(deadline)
        try:
            with deadline:
                yield deadline
        finally:
            with self._lock:
                self._deadlines.discard(deadline)

    def _http(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            for scheme in ("http://", "https://"):
                self._local.session.mount(scheme, TimedAdapter())
            self._local.session.trust_env = False  # no proxy stands between us and a server of ours
        session: requests.Session = self._local.session
        return session


def _read(answer: requests.Response) -> bytes:
    """Return the body, not more of it than any answer has."""
    found = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        found += chunk
        if len(found) > MOST_BYTES:
            answer.close()
            raise ValueError(f"its answer is longer than {MOST_BYTES} bytes")
    return bytes(found)


def _short(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]


def _stats(answer: Mapping[str, Any]) -> Stats:
    system = answer["system"]
    devices = answer.get("devices") or []
    return Stats(
        version=str(system.get("comfyui_version") or ""),
        ram_total=int(system.get("ram_total") or 0),
        ram_free=int(system.get("ram_free") or 0),
        devices=tuple(_device(device) for device in devices),
        is_on_cpu=bool(devices) and devices[0].get("type") == "cpu",
    )


def _device(device: Mapping[str, Any]) -> Device:
    return Device(
        name=str(device.get("name") or "?"),
        vram_total=int(device.get("vram_total") or 0),
        vram_free=int(device.get("vram_free") or 0),
    )


def _queue(answer: Mapping[str, Any]) -> Queue:
    running: Sequence[Any] = answer["queue_running"]
    pending = sorted(answer["queue_pending"], key=lambda item: item[0])  # they come in heap order
    numbers = [int(item[0]) for item in (*running, *pending) if item[0] >= 0]
    return Queue(
        running=tuple(str(item[1]) for item in running),
        pending=tuple(str(item[1]) for item in pending),
        number=max(numbers, default=None),
    )


def without_secrets(url: str) -> str:
    """Return an address without the name and password that it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))


def may_interrupt_by_id(version: str) -> bool:
    """Whether a server interrupts the prompt that is named, and not whichever runs."""
    parts = [int(part) for part in version.split(".")[:3] if part.isdigit()]
    return len(parts) == 3 and tuple(parts) > (0, 3, 56)
