"""The folders of the fake ComfyUI: input, output and temp, and the names of what is written."""

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

KINDS = ("input", "output", "temp")


class Outside(Exception):
    """A path leaves its folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a saving node writes: folder, name without number, next number, subfolder."""

    folder: Path
    name: str
    number: int
    subfolder: str

    def path(self, ending: str, more: int = 0) -> Path:
        """Return the whole path of a file."""
        return self.folder / f"{self.name}_{self.number + more:05}_.{ending}"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one server."""

    base: Path
    input: Path
    output: Path
    temp: Path
    user: Path

    def prepare(self) -> None:
        """Make the folders, and wipe temp, as each start does."""
        shutil.rmtree(self.temp, ignore_errors=True)
        for folder in (self.input, self.output, self.temp, self.user):
            folder.mkdir(parents=True, exist_ok=True)

    def of(self, kind: str) -> Path:
        """Return the folder of `input`, `output` or `temp`."""
        return {"input": self.input, "output": self.output, "temp": self.temp}[kind]

    def inside(self, kind: str, *parts: str) -> Path:
        """Return a path below a folder."""
        root = self.of(kind).resolve()
        path = root.joinpath(*parts).resolve()
        if path != root and root not in path.parents:
            raise Outside(str(path))
        return path

    def annotated(self, name: str) -> Path:
        """Return the path of a name as LoadImage takes it: `sub/x.png`, or `x.png [output]`."""
        for kind in KINDS:
            if name.endswith(f" [{kind}]"):
                return self.of(kind) / name.removesuffix(f" [{kind}]")
        return self.input / name

    def place(self, prefix: str, kind: str, width: int, height: int) -> Place:
        """Return where a saving node writes under a prefix."""
        prefix = _filled(prefix, width, height)
        subfolder = str(Path(prefix).parent)
        subfolder = "" if subfolder == "." else subfolder
        folder = self.inside(kind, subfolder)
        folder.mkdir(parents=True, exist_ok=True)
        name = Path(prefix).name
        numbers = [_number(path.name, name) for path in folder.iterdir()]
        return Place(folder, name, max(numbers, default=0) + 1, subfolder)

    def keep_upload(self, kind: str, subfolder: str, name: str, data: bytes, *, over: bool) -> str:
        """Write an upload and return its name, which is another if other bytes have that one."""
        folder = self.inside(kind, subfolder)
        self.inside(kind, subfolder, name)
        folder.mkdir(parents=True, exist_ok=True)
        path, count = folder / name, 1
        while not over and path.exists():
            if _digest(path.read_bytes()) == _digest(data):
                return path.name
            path = folder / f"{Path(name).stem} ({count}){Path(name).suffix}"
            count += 1
        path.write_bytes(data)
        return path.name


def _filled(prefix: str, width: int, height: int) -> str:
    now = time.localtime()
    values = {
        "width": width,
        "height": height,
        "year": now.tm_year,
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
        "batch_num": 0,
    }
    for key, value in values.items():
        prefix = prefix.replace(f"%{key}%", str(value))
    return prefix


def _number(file_name: str, name: str) -> int:
    if not file_name.startswith(f"{name}_"):
        return 0
    digits = file_name[len(name) + 1 :].split("_")[0]
    return int(digits) if digits.isdigit() else 0


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
