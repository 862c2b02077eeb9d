"""The form of a workflow's options, made from what a server says of the bound inputs."""

from collections.abc import Callable, Iterator, Mapping

from komadori.backends.comfy.bindings import OptionPlace
from komadori.backends.comfy.nodes import COMBO, InputInfo, NodeInfo
from komadori.backends.comfy.slots import Slot, names_a_path
from komadori.backends.comfy.workflow import Workflow
from komadori.domain.workflows import Field, FieldKind, Scalar, Words
from komadori.errors import RequestRejected

_KINDS: dict[str, FieldKind] = {
    COMBO: "choice",
    "INT": "integer",
    "FLOAT": "number",
    "BOOLEAN": "switch",
    "STRING": "text",
}


def form_of(workflow: Workflow, nodes: Mapping[str, NodeInfo]) -> tuple[Field, ...]:
    """Return the fields of a workflow's options at a server with these classes.

    An option that can't be one there is left out; `check_against` says why.
    """
    return tuple(
        field
        for name, slot in workflow.slots.options.items()
        if isinstance(field := _field(workflow, name, slot, nodes), Field)
    )


def option_faults(workflow: Workflow, nodes: Mapping[str, NodeInfo]) -> Iterator[tuple[Slot, str]]:
    """Yield the inputs that can't be options at such a server, and why."""
    for name, slot in workflow.slots.options.items():
        field = _field(workflow, name, slot, nodes)
        if isinstance(field, str):
            yield slot, f"options.{name}: {field}"
            continue
        try:
            if field.default is not None:
                field.checked(field.default)
        except RequestRejected as exc:
            yield slot, f"the value of its own is not allowed: {str(exc).removesuffix('.')}"


def _field(workflow: Workflow, name: str, slot: Slot, nodes: Mapping[str, NodeInfo]) -> Field | str:
    """Return the field, or why there can't be one."""
    place = workflow.spec.options[name]
    node = workflow.graph[slot.node]
    info = nodes.get(node["class_type"])
    known = info.input_named(slot.field) if info else None
    if known is None:
        return f"there is no input {slot.field!r}"
    if reason := _forbidden(known):
        return reason
    choices = _choices(place, known)
    if known.kind == COMBO and not choices:
        return "there is nothing to choose from"
    default = place.default if place.default is not None else node["inputs"][slot.field]
    return Field(
        name=name,
        label=place.label or Words(en=_readable(name)),
        kind=_KINDS[known.kind],
        choices=choices,
        minimum=_tighter(place.min, known.minimum, max),
        maximum=_tighter(place.max, known.maximum, min),
        step=known.step,
        default=default if isinstance(default, str | int | float) else None,
        is_long=known.is_long,
    )


def _forbidden(known: InputInfo) -> str:
    if known.is_upload:
        return "an input for uploaded files can't be an option"
    if known.kind == "STRING" and names_a_path(known.name):
        return f"{known.name!r} is a path at the server and can't be an option"
    if known.kind not in _KINDS:
        return f"an input of the type {known.kind} can't be an option"
    return ""


def _choices(place: OptionPlace, known: InputInfo) -> tuple[Scalar, ...]:
    choices = known.choices or ()
    if not place.choices:
        return choices
    return tuple(choice for choice in choices if choice in place.choices)


def _tighter(
    ours: float | None, theirs: float | None, pick: Callable[[list[float]], float]
) -> float | None:
    limits = [limit for limit in (ours, theirs) if limit is not None]
    return pick(limits) if limits else None


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()
