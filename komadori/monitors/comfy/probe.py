"""What is asked of a server, with timeouts, and what the answers mean."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import requests

from komadori.domain.servers import Device
from komadori.errors import KomadoriError
from komadori.monitors.comfy.verdicts import Verdict


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

    def look(self) -> Look:
        """Ask how it is and what it does. Ready means that both are answered."""
        try:
            stats = self._get("/system_stats")
            queue = self._get("/queue")
        except requests.Timeout as exc:
            return Look(Verdict.TIMEOUT, _short(exc))
        except requests.HTTPError as exc:
            return Look(Verdict.HTTP_ERROR, _short(exc))
        except requests.JSONDecodeError as exc:
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
        except requests.RequestException:
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

    def _get(self, path: str) -> Any:
        answer = self._http().get(self.url + path, timeout=self._timeout_s)
        answer.raise_for_status()
        return answer.json()

    def _post(self, path: str, body: Mapping[str, Any]) -> bool:
        try:
            answer = self._http().post(self.url + path, json=body, timeout=self._timeout_s)
        except requests.RequestException:
            return False
        return answer.ok

    def _http(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False  # no proxy stands between us and a server of ours
        session: requests.Session = self._local.session
        return session


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
