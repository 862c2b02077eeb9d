"""All servers of the settings that this machine may watch, each with its supervisor."""

import logging
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from komadori.domain.servers import Incident, IncidentKind, ServerBook
from komadori.errors import StoreAway
from komadori.monitors.comfy.hands import running
from komadori.monitors.comfy.place import Place
from komadori.monitors.comfy.process import Patience
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.scaling import (
    Instance,
    Scaler,
    address,
    free_port,
    instance_name,
    instance_of,
    names_of,
)
from komadori.monitors.comfy.supervisor import Supervisor
from komadori.settings import ComfySettings, ServerSettings, Settings

log = logging.getLogger(__name__)

_SCALE_LOOK_S = 2.0


def is_for_here(server: ServerSettings) -> bool:
    """Whether this machine may watch a server: one that is started elsewhere is watched there."""
    if server.command is None or server.host is None:
        return True
    return server.host.casefold() == socket.gethostname().casefold()


class ServerWatch:
    """The supervisors of one process. `start` returns at once."""

    def __init__(
        self,
        settings: Settings,
        book: ServerBook,
        *,
        rules: Rules | None = None,
        patience: Patience | None = None,
        lease_s: float | None = None,
        only: str | None = None,
    ) -> None:
        """`only`: the name of the one server that is watched."""
        self._book = book
        self._settings = settings.comfyui
        self._rules, self._patience = rules, patience
        # longer than a look may take, or it runs out in the middle of one
        self._lease_s = lease_s or max(
            settings.worker.lease_s, 3 * settings.comfyui.probe.timeout_s
        )
        self._data_dir, self._workflows_dir = settings.data_dir, settings.workflows_dir
        self._is_part = only is not None
        self._names = [name for one in settings.comfyui.servers for name in names_of(one)]
        wanted = [one for one in settings.comfyui.servers if only in (None, one.name)]
        self._taken = {address(one.url)[1] for one in settings.comfyui.servers}
        self._stopping = threading.Event()
        self._forgetting = threading.Thread(
            target=self._keep_forgetting, name="comfy-forgetting", daemon=True
        )
        self._fleets = [self._fleet(one) for one in wanted if is_for_here(one)]
        for one in wanted:
            if not is_for_here(one):
                log.info("server is watched on its own machine: server=%s host=%s",
                         one.name, one.host)  # fmt: skip

    def _fleet(self, server: ServerSettings) -> "Fleet":
        gate = threading.Event()
        first = self._supervisor(server, None)
        more = [
            self._supervisor(self._instance(server, number), gate)
            for number in range(2, server.max_instances + 1)
        ]
        scaler = Scaler.of(server, self._settings)
        return Fleet(server.name, (first, *more), scaler, gate, self._book, self._settings)

    def _supervisor(self, server: ServerSettings, gate: threading.Event | None) -> Supervisor:
        return Supervisor(
            server,
            self._book,
            self._settings,
            data_dir=self._data_dir,
            workflows_dir=self._workflows_dir,
            may_watch=gate,
            rules=self._rules,
            patience=self._patience,
            lease_s=self._lease_s,
        )

    def _instance(self, server: ServerSettings, number: int) -> ServerSettings:
        host, port = address(server.url)
        folder = Path(self._data_dir / "comfyui" / instance_name(server.name, number)).resolve()
        left = running(Place(folder))
        if left is not None:  # it goes on where it is
            port = address(left.url)[1]
        else:
            port = free_port(host, port + number - 1, self._taken)
        self._taken.add(port)
        return instance_of(server, number, port, folder)

    @property
    def supervisors(self) -> Sequence[Supervisor]:
        """All supervisors, of instances too."""
        return [one for fleet in self._fleets for one in fleet.supervisors]

    def start(self) -> None:
        """Begin to watch. Servers that were taken out of the settings are forgotten."""
        if not self._is_part:
            self._forget_others()
            self._forgetting.start()
        for fleet in self._fleets:
            fleet.start()

    def _forget_others(self) -> None:
        with suppress(StoreAway):
            self._book.forget_others(self._names)

    def _keep_forgetting(self) -> None:
        """Forget them again when the lease of who watched them has run out, and now and then."""
        wait_s = self._lease_s + 1.0
        while not self._stopping.wait(wait_s):
            try:
                self._forget_others()
            except Exception:  # at the thread's boundary: the next round is tried
                log.exception("servers that are gone could not be forgotten")
            wait_s = (self._rules or Rules.of(self._settings)).offers_s

    def stop(self, *, leave_running: bool = True) -> None:
        """Stop watching. Servers go on, to be adopted again, unless they are to end too."""
        self._stopping.set()
        stopping = [
            threading.Thread(target=fleet.stop, kwargs={"leave_running": leave_running})
            for fleet in self._fleets
        ]
        for one in stopping:
            one.start()
        for one in stopping:
            one.join()
        if self._forgetting.ident is not None:
            self._forgetting.join(5.0)


class Fleet(threading.Thread):
    """The instances of one server, as many as the work needs."""

    def __init__(
        self,
        name: str,
        supervisors: Sequence[Supervisor],
        scaler: Scaler,
        gate: threading.Event,
        book: ServerBook,
        settings: ComfySettings,
    ) -> None:
        super().__init__(name=f"comfy-fleet-{name}", daemon=True)
        self.supervisors = supervisors
        self._scaler, self._gate, self._book, self._settings = scaler, gate, book, settings
        self._stopping = threading.Event()

    @property
    def _is_scaled(self) -> bool:
        return self._scaler.most > 1 or self._scaler.least == 0

    def start(self) -> None:
        """Start the supervisors, and the scaling if there is something to scale."""
        left = [number for number, one in enumerate(self.supervisors, 1) if one.is_left_running()]
        self._scaler.wanted = max(self._scaler.wanted, *left, 0)  # they may be at work
        self._need("it starts when there is work for it")
        for supervisor in self.supervisors:
            supervisor.start()
        if self._is_scaled:
            super().start()

    def run(self) -> None:
        """Scale until stopped."""
        look_s = min(_SCALE_LOOK_S, self._settings.probe.interval_s)
        while not self._stopping.wait(look_s):
            try:
                self.loop()
            except StoreAway as exc:
                log.warning("store is away: fleet=%s error=%.200s", self.name, exc)
            except Exception:  # at the thread's boundary: nothing may end the scaling
                log.exception("a round of the scaling failed: fleet=%s", self.name)

    def loop(self) -> None:
        """Have one instance more or less, if it is time. Who watches the first one scales."""
        first = self.supervisors[0]
        if not first.is_watching:
            self._gate.clear()
            return
        self._gate.set()
        before = self._scaler.wanted
        instances = [Instance(one.state, one.remaining) for one in self.supervisors]
        now = self._book.now()
        has_room = psutil.virtual_memory().percent < self._settings.limits.memory_percent
        reason = self._scaler.decide(now, self._book.backlog(), instances, has_room=has_room)
        if reason:
            self._need(reason)
            self._note(now, before, reason)

    def _need(self, why_not: str) -> None:
        for number, supervisor in enumerate(self.supervisors, start=1):
            supervisor.need("" if number <= self._scaler.wanted else why_not)

    def _note(self, now: float, before: int, reason: str) -> None:
        wanted = self._scaler.wanted
        changed = self.supervisors[max(wanted, before) - 1].server.name
        action = f"{changed} is {'started' if wanted > before else 'ended'}"
        self._book.note(
            Incident(
                server=changed,
                kind=IncidentKind.SCALED,
                at=now,
                cause=reason,
                action=action,
                recovered_at=now,
            )
        )
        log.info("scaled: server=%s wanted=%d reason=%s", changed, wanted, reason)

    def stop(self, *, leave_running: bool) -> None:
        """Stop scaling and watching."""
        self._stopping.set()
        if self.ident is not None:
            self.join(5.0)
        for supervisor in reversed(self.supervisors):
            supervisor.stop(leave_running=leave_running)
