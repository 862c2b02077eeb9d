"""The files that a prompt made: which they are, and what they will be called.

Clips come under "images", too, marked as animated; some custom nodes use "gifs" or "video".
"""

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_KINDS = ("images", "gifs", "video", "videos", "audio")
_MEDIA_TYPES = {
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".flac": "audio/flac",
    ".opus": "audio/ogg",
}
"""Python's table of types depends on the machine; these must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """One file on a server. `folder` is ComfyUI's `type`: output, temp or input."""

    filename: str
    subfolder: str = ""
    folder: str = "output"
    node_id: str = ""
    is_animated: bool = False

    @property
    def media_type(self) -> str:
        """The type by the file's suffix."""
        suffix = PurePosixPath(self.filename).suffix.lower()
        known = _MEDIA_TYPES.get(suffix) or mimetypes.types_map.get(suffix)
        return known or "application/octet-stream"

    @property
    def name(self) -> str:
        """The file's path in its folder, as people say it."""
        return f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename

    def params(self) -> dict[str, str]:
        """Return what /view wants to know."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.folder}


def files_of(outputs: Mapping[str, Any], order: Iterable[str]) -> tuple[OutputFile, ...]:
    """Return the files of a history entry: saved ones only, or the previews when none was saved.

    They come in the order of `order` (the graph's nodes), whatever ran first; nodes that a node
    made while it ran come last.
    """
    places = {node_id: place for place, node_id in enumerate(order)}
    nodes = sorted(outputs, key=lambda node_id: places.get(node_id, len(places)))
    files = [file for node_id in nodes for file in _files_of_node(node_id, outputs[node_id])]
    saved = tuple(file for file in files if file.folder == "output")
    return saved or tuple(files)


def expected_files(prefix: str, *, suffix: str, count: int = 1) -> tuple[OutputFile, ...]:
    """Return what the first files of a save node with this filename_prefix are called.

    True of a prefix that was never used before: the counter then begins with 1. So results can be
    looked for after a crash has taken the history away.
    """
    path = PurePosixPath(prefix)
    subfolder = "" if str(path.parent) == "." else str(path.parent)
    return tuple(
        OutputFile(filename=f"{path.name}_{number:05d}_{suffix}", subfolder=subfolder)
        for number in range(1, count + 1)
    )


def _files_of_node(node_id: str, output: Any) -> Iterable[OutputFile]:
    if not isinstance(output, Mapping):
        return
    is_animated = _any_true(output.get("animated"))
    for kind in _KINDS:
        for item in output.get(kind) or ():
            if not isinstance(item, Mapping) or not isinstance(item.get("filename"), str):
                continue
            yield OutputFile(
                filename=item["filename"],
                subfolder=str(item.get("subfolder") or ""),
                folder=str(item.get("type") or "output"),
                node_id=node_id,
                is_animated=is_animated or kind in {"gifs", "video", "videos"},
            )


def _any_true(value: Any) -> bool:
    return any(value) if isinstance(value, (list, tuple)) else bool(value)
