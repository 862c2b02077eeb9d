"""What a server says of its node classes: the two dialects of `/object_info` become one value.

The older one writes a list of choices in the place of an input's type; the newer one writes
`COMBO` there and the choices into the options beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from komadori.domain.workflows import Scalar

COMBO = "COMBO"
ANY = "*"
_UPLOADS = frozenset({"image_upload", "video_upload", "audio_upload", "file_upload", "upload"})
_DYNAMIC = ("COMFY_AUTOGROW", "COMFY_DYNAMIC")
"""Kinds of inputs that stand for more inputs, written `name.part`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputInfo:
    """One input of a class.

    `kind` is INT, FLOAT, STRING, BOOLEAN, COMBO or the type of a link. `choices` is None where the
    server does not tell them.
    """

    name: str
    kind: str
    is_required: bool
    choices: tuple[Scalar, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    default: Any = None
    is_long: bool = False
    is_upload: bool = False
    """Whether it names an uploaded file."""

    @property
    def is_dynamic(self) -> bool:
        """Whether it stands for more inputs than its own."""
        return self.kind.startswith(_DYNAMIC)

    def accepts(self, kind: str) -> bool:
        """Whether an output of this type may be linked to it."""
        if ANY in (kind, self.kind) or self.kind.startswith("COMFY_") or kind.startswith("COMFY_"):
            return True
        return bool(_types(kind) & _types(self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One class of nodes. `outputs` are types, by slot."""

    name: str
    label: str
    inputs: Mapping[str, InputInfo]
    outputs: tuple[str, ...]
    is_output: bool

    def input_named(self, name: str) -> InputInfo | None:
        """Return the input; that of a dynamic input's part is the dynamic one."""
        if name in self.inputs:
            return self.inputs[name]
        whole = self.inputs.get(name.split(".", 1)[0])
        return whole if whole is not None and whole.is_dynamic else None


def parse_nodes(answer: Mapping[str, Any]) -> dict[str, NodeInfo]:
    """Return the classes of an answer of `/object_info` or `/object_info/{class}`.

    What can't be read is left out: one broken extension takes no other class away.
    """
    found = {}
    for name, data in answer.items():
        if isinstance(data, Mapping) and isinstance(data.get("input"), Mapping):
            found[name] = _node(name, data)
    return found


def _node(name: str, data: Mapping[str, Any]) -> NodeInfo:
    inputs: dict[str, InputInfo] = {}
    for group in ("required", "optional"):
        for key, value in (data["input"].get(group) or {}).items():
            inputs[key] = _input(key, value, is_required=group == "required")
    return NodeInfo(
        name=name,
        label=str(data.get("display_name") or name),
        inputs=inputs,
        outputs=tuple(_kind(kind) for kind in data.get("output") or ()),
        is_output=bool(data.get("output_node")),
    )


def _input(name: str, value: Any, *, is_required: bool) -> InputInfo:
    parts = value if isinstance(value, list | tuple) and value else [ANY]
    extra = parts[1] if len(parts) > 1 and isinstance(parts[1], Mapping) else {}
    return InputInfo(
        name=name,
        kind=_kind(parts[0]),
        is_required=is_required,
        choices=_choices(parts[0], extra),
        minimum=_number(extra.get("min")),
        maximum=_number(extra.get("max")),
        step=_number(extra.get("step")),
        default=extra.get("default"),
        is_long=bool(extra.get("multiline")),
        is_upload=any(extra.get(key) for key in _UPLOADS),
    )


def _kind(kind: Any) -> str:
    return kind if isinstance(kind, str) else COMBO


def _choices(kind: Any, extra: Mapping[str, Any]) -> tuple[Scalar, ...] | None:
    listed = kind if isinstance(kind, Sequence) and not isinstance(kind, str) else None
    if kind == COMBO:
        listed = extra.get("options")
    elif str(kind).startswith("COMFY_DYNAMICCOMBO"):
        listed = [part.get("key") for part in extra.get("options") or () if _is_object(part)]
    if not isinstance(listed, Sequence) or isinstance(listed, str) or extra.get("remote"):
        return None
    return tuple(item for item in listed if isinstance(item, str | int | float))


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _types(kind: str) -> set[str]:
    return {part.strip() for part in kind.split(",")}
