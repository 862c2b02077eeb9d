"""The folder of one server: who runs, whether it is to run, its log."""

import contextlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Birth:
    """A process that was started for the server: enough to know it again after our own restart."""

    pid: int
    created: float
    """When the system says that it began: a pid alone may be given to another program later."""
    argv: tuple[str, ...]
    boot: int
    """Which start of the server it is."""
    started_at: float
    url: str
    mark: str = ""
    """What its environment says: with it a process is found whose pid could not be written."""

    @property
    def is_intent(self) -> bool:
        """Whether it was about to be started: nobody knows whether that was done."""
        return not self.pid


class Place:
    """Files in data_dir/comfyui/<server>/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "comfyui.log"
        self.session = folder / "session"
        """ComfyUI-Manager writes `<this>.reboot` and ends when somebody wants a restart there."""
        self._birth = folder / "process.json"
        self._stopped = folder / "stopped"
        self._boots = folder / "boots"

    def make(self) -> None:
        """Have the folder, for us only."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            self.folder.chmod(0o700)

    def birth(self) -> Birth | None:
        """Return who was started last, if that is known."""
        try:
            found: dict[str, Any] = json.loads(self._birth.read_text(encoding="utf-8"))
            return Birth(**{**found, "argv": tuple(found["argv"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as exc:
            log.warning("process file cannot be read: file=%s error=%s", self._birth, exc)
            return None

    def intend(self, birth: Birth) -> None:
        """Write down that one is about to be started: what cannot be written is not started."""
        self.make()
        self._write(self._boots, str(birth.boot))
        self.remember(birth)

    def remember(self, birth: Birth) -> None:
        """Write down who was started, whole or not at all."""
        self._write(self._birth, json.dumps(asdict(birth)))

    def forget(self) -> None:
        """There is no process any more."""
        self._birth.unlink(missing_ok=True)

    def boots(self) -> int:
        """Return how often the server was started."""
        try:
            return int(self._boots.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    @property
    def stopped_because(self) -> str:
        """Why it is not to run, as an operator said; empty: it may."""
        try:
            return self._stopped.read_text(encoding="utf-8") or "an operator stopped it"
        except OSError:
            return ""

    def keep_stopped(self, reason: str) -> None:
        """Have it stay stopped, also after our own restart."""
        self.make()
        self._write(self._stopped, reason)

    def let_run(self) -> None:
        """It may run again."""
        self._stopped.unlink(missing_ok=True)

    def takes_reboot(self) -> bool:
        """Whether a restart was asked for in its own page. True once."""
        mark = self.session.with_name(self.session.name + ".reboot")
        with contextlib.suppress(OSError):
            mark.unlink()
            return True
        return False

    @staticmethod
    def _write(path: Path, text: str) -> None:
        part = path.with_name(path.name + ".part")
        part.touch(mode=0o600)
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
