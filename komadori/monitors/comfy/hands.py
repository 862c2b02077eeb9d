"""A server that is ours to start and end: its process, its folder, its log and its port."""

import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from komadori.monitors.comfy.logfile import LogFile, explain
from komadori.monitors.comfy.place import Birth, Place
from komadori.monitors.comfy.process import Patience, Server, port_is_free, who_listens
from komadori.monitors.comfy.scaling import address, whole_command
from komadori.monitors.comfy.surroundings import clean, hide, untold
from komadori.monitors.comfy.verdicts import Exit
from komadori.settings import ROOT, ServerSettings

log = logging.getLogger(__name__)

_OTHERS_PORT_S = 2.0
_LOOK_S = 0.05
MARK = "KOMADORI_COMFYUI_MARK"
"""The variable of a server's environment that tells which start it is of."""


def running(place: Place) -> Birth | None:
    """Return the process that an earlier supervisor has left running in a place, if it lives."""
    birth, _ = _living(place)
    return birth


def _living(place: Place) -> tuple[Birth | None, Server | None]:
    """Return who was started last and lives, also when only the intent was written."""
    birth = place.birth()
    if birth is None:
        return None, None
    if birth.is_intent:
        found = Server.find(MARK, birth.mark)
        if found is None:
            return None, None
        birth = replace(birth, pid=found.pid, created=found.created)
        with suppress(OSError):
            place.remember(birth)
        return birth, found
    found = Server.adopt(birth.pid, birth.created)
    return (birth, found) if found is not None else (None, None)


class Hands:
    """Starts, adopts and ends the process of one server."""

    def __init__(self, server: ServerSettings, place: Place, patience: Patience) -> None:
        self.server = server
        self.place = place
        self.untold = untold(os.environ, server.environment)
        """What is in nothing that is told of it."""
        self.log = LogFile(place.log, self.untold)
        self.process: Server | None = None
        self.birth: Birth | None = None
        self._patience = patience
        self._fault = ""

    def adopt(self) -> bool:
        """Take over a process that an earlier supervisor has started, if it lives."""
        birth, found = _living(self.place)
        if birth is None or found is None:
            return False
        found.look_at_tree()
        self.process, self.birth = found, birth
        self.log.go_on()
        return True

    def let_go(self) -> None:
        """It is another supervisor's now."""
        self.process = self.birth = None

    def start(self, boot: int, now: float) -> None:
        """Start it. That it cannot be started shows as its end; `fault` has the reason."""
        self._fault = ""
        cwd = self.server.cwd.expanduser() if self.server.cwd is not None else ROOT
        command = resolved(whole_command(self.server), cwd)
        try:
            self.place.make()
            _make_folders(command, cwd)
            self.place.takes_reboot()  # one that nobody obeyed is over
            meant = Birth(0, 0.0, command, boot, now, self.server.url, secrets.token_hex(8))
            self.place.intend(meant)
            with self.log.open_for_server() as log_file:
                self.process = Server.start(
                    command, cwd=cwd, environment=self._environment(meant.mark), log_file=log_file
                )
            pid, created = self.process.pid, self.process.created
            self.birth = replace(meant, pid=pid, created=created)
            self.place.remember(self.birth)
        except OSError as exc:
            self._fault = f"it cannot be started: {hide(str(exc), self.untold)}"
            log.error("server not started: server=%s error=%s", self.server.name, exc)  # noqa: TRY400  # an operator's setting, no bug
            self._take_back()
            return
        log.info("server started: server=%s pid=%s boot=%s", self.server.name, pid, boot)

    def _take_back(self) -> None:
        """End what was started and cannot be remembered: nobody would know it as ours later."""
        process = self.process
        self.let_go()
        if process is not None and not process.end(
            is_gentle=False, keep=lambda: None, patience=self._patience
        ):
            log.error("server cannot be ended: server=%s pid=%s", self.server.name, process.pid)
            return
        with suppress(OSError):
            self.place.forget()

    def _environment(self, mark: str) -> dict[str, str]:
        """Return what it is started with: nothing of ours that is secret."""
        return {
            **clean(os.environ),
            MARK: mark,
            "PYTHONUNBUFFERED": "1",  # or its log is silent for minutes
            "PYTHONIOENCODING": "utf-8",
            "__COMFY_CLI_SESSION__": str(self.place.session),
            **self.server.environment,
        }

    def exit(self) -> Exit | None:
        """Return how it ended; None: it lives, or there is none."""
        return self.process.exit() if self.process is not None else None

    @property
    def fault(self) -> str:
        """Why it could not even be started; empty: it could."""
        return self._fault

    def says(self, *, is_start: bool) -> str:
        """Return what is known of its end, in words. `is_start`: it has not answered yet."""
        return explain(self.log.tail(), is_start=is_start)

    def end(self, keep: Callable[[], None], *, is_gentle: bool) -> bool:
        """End it with all its children; True: nothing is left of it."""
        if self.process is None:
            return True
        is_gone = self.process.end(is_gentle=is_gentle, keep=keep, patience=self._patience)
        if is_gone:
            log.info("server ended: server=%s pid=%s", self.server.name, self.process.pid)
            self.let_go()
            self.place.forget()
        else:
            log.error(
                "server cannot be ended: server=%s pid=%s", self.server.name, self.process.pid
            )
        return is_gone

    def port_fault(self, keep: Callable[[], None]) -> str:
        """Wait until its port is free; return who has it if it does not become free."""
        host, port = address(self.server.url)
        began = time.monotonic()
        while not _is_free(host, port):
            waited = time.monotonic() - began
            who = who_listens(port)
            if waited > (_OTHERS_PORT_S if who else self._patience.port_s):
                return who or f"port {port} is not given back by the system"
            keep()
            time.sleep(_LOOK_S)
        return ""


def _is_free(host: str, port: int) -> bool:
    return port_is_free("127.0.0.1" if host == "localhost" else host, port)


def resolved(command: Sequence[str], cwd: Path) -> tuple[str, ...]:
    """Return a command with what a shell would have done for it: ~ is the home folder.

    The program is looked for from the folder it will run in, which Windows would not do.
    """
    words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in command]
    program = Path(words[0])
    if len(program.parts) > 1 and not program.is_absolute():
        words[0] = str(cwd / program)
    return tuple(words)


def _make_folders(command: Sequence[str], cwd: Path) -> None:
    """Make what ComfyUI does not make itself: without these it ends at once."""
    for option, inside in (
        ("--base-directory", ("custom_nodes", "user")),
        ("--user-directory", (".",)),
        ("--temp-directory", (".",)),
    ):
        if (value := _value(command, option)) is not None:
            for name in inside:
                (cwd / value / name).mkdir(parents=True, exist_ok=True)


def _value(command: Sequence[str], option: str) -> str | None:
    """Return the last value of an option, as argparse takes it."""
    found = None
    for place, word in enumerate(command):
        if word == option and place + 1 < len(command):
            found = command[place + 1]
        elif word.startswith(option + "="):
            found = word.split("=", 1)[1]
    return found
