"""How many instances of a server run: by the work that waits, with pauses between two changes."""

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from komadori.domain.servers import ServerState
from komadori.settings import ComfySettings, ServerSettings

_PORTS_TRIED = 50


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the scaler sees it."""

    state: ServerState
    queue: int


@dataclass(slots=True)
class Scaler:
    """Decides for one server how many of its instances are to run. Times in seconds."""

    least: int
    most: int
    up_after_s: float
    down_after_s: float
    wanted: int = field(init=False)
    _busy_since: float | None = None
    _idle_since: float | None = None
    _changed_at: float | None = None

    def __post_init__(self) -> None:
        self.wanted = self.least

    @classmethod
    def of(cls, server: ServerSettings, settings: ComfySettings) -> "Scaler":
        """Take the numbers from the settings."""
        return cls(
            server.min_instances,
            server.max_instances,
            settings.scale_up_after_s,
            settings.scale_down_after_s,
        )

    def decide(
        self, now: float, backlog: int, instances: Sequence[Instance], *, has_room: bool = True
    ) -> str:
        """Change `wanted` by one at most; return why, or nothing when it stays.

        `instances` are all, in order. `has_room`: whether the machine's memory allows one more.
        """
        running = instances[: self.wanted]
        self._busy_since = _since(self._busy_since, now, holds=backlog > 0)
        is_idle = backlog == 0 and (not running or running[-1].queue == 0)
        self._idle_since = _since(self._idle_since, now, holds=is_idle)
        is_allowed = has_room or not running  # without the first one the work would wait for ever
        if self._may_grow(now, running) and is_allowed:
            return self._change(now, 1, f"{backlog} steps wait for a server")
        if self._may_shrink(now):
            return self._change(now, -1, f"no work for it for {self.down_after_s:g} s")
        return ""

    def _may_grow(self, now: float, running: Sequence[Instance]) -> bool:
        if self._busy_since is None or self.wanted >= self.most:
            return False
        if not running:  # nobody is there: there is nothing to wait for
            return True
        is_coming = any(one.state.is_coming for one in running)
        waited_s = now - max(self._busy_since, self._changed_at or self._busy_since)
        return not is_coming and waited_s >= self.up_after_s

    def _may_shrink(self, now: float) -> bool:
        if self._idle_since is None or self.wanted <= self.least:
            return False
        return now - max(self._idle_since, self._changed_at or 0.0) >= self.down_after_s

    def _change(self, now: float, by: int, reason: str) -> str:
        self.wanted += by
        self._changed_at = now
        self._busy_since = self._idle_since = None
        return reason


def _since(since: float | None, now: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now if since is None else since


def address(url: str) -> tuple[str, int]:
    """Return the host and the port of an address."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


def with_port(url: str, port: int) -> str:
    """Return an address with another port."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0] if parts.port is not None else parts.netloc
    return urlunsplit(parts._replace(netloc=f"{host}:{port}"))


def free_port(host: str, first: int, taken: Collection[int]) -> int:
    """Return the first port from `first` on that nobody has."""
    for port in range(first, first + _PORTS_TRIED):
        if port not in taken and _is_closed(host, port):
            return port
    return first


def _is_closed(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return False
    except OSError:
        return True


def instance_name(name: str, number: int) -> str:
    """Return the name of the n-th instance of a server; the first one has the server's own."""
    return name if number == 1 else f"{name}-{number}"


def names_of(server: ServerSettings) -> list[str]:
    """Return the names of all instances that a server may have."""
    return [instance_name(server.name, number) for number in range(1, server.max_instances + 1)]


def instance_of(server: ServerSettings, number: int, port: int, folder: Path) -> ServerSettings:
    """Return the settings of the n-th instance: what it shares with none is in its own folder.

    A second instance on the same temp folder would wipe the first one's, and one on the same
    database does not start.
    """
    command = server.command or ()
    own = (
        *("--port", str(port)),
        *("--temp-directory", str(folder / "temp")),
        *("--user-directory", str(folder / "user")),
        *("--database-url", f"sqlite:///{folder / 'comfyui.db'}"),
    )
    return server.model_copy(
        update={
            "name": instance_name(server.name, number),
            "url": with_port(server.url, port),
            "command": (*command, *own),
            "min_instances": 1,
            "max_instances": 1,
        }
    )


def whole_command(server: ServerSettings) -> tuple[str, ...]:
    """Return the command with the port of its address, if it names none itself."""
    command = server.command or ()
    is_named = any(word == "--port" or word.startswith("--port=") for word in command)
    return command if is_named else (*command, "--port", str(address(server.url)[1]))
