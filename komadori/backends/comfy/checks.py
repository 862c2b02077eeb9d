"""Whether a server can run a workflow, by what it says of its node classes.

ComfyUI checks a graph itself, but only when a prompt is sent, and not the choices of its newer
nodes: those fail in the middle of a run. Here a fault is known before anybody waits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from komadori.backends.comfy.forms import option_faults
from komadori.backends.comfy.graph import Graph, Node, is_link, links, title_of
from komadori.backends.comfy.nodes import InputInfo, NodeInfo
from komadori.backends.comfy.slots import Slot
from komadori.backends.comfy.workflow import ModelFile, Values, Workflow

_SHOWN = 8
_FOLDERS = {
    ("CheckpointLoaderSimple", "ckpt_name"): "checkpoints",
    ("CheckpointLoader", "ckpt_name"): "checkpoints",
    ("ImageOnlyCheckpointLoader", "ckpt_name"): "checkpoints",
    ("unCLIPCheckpointLoader", "ckpt_name"): "checkpoints",
    ("UNETLoader", "unet_name"): "diffusion_models",
    ("UnetLoaderGGUF", "unet_name"): "diffusion_models",
    ("CLIPLoader", "clip_name"): "text_encoders",
    ("CLIPLoaderGGUF", "clip_name"): "text_encoders",
    ("DualCLIPLoader", "clip_name1"): "text_encoders",
    ("DualCLIPLoader", "clip_name2"): "text_encoders",
    ("TripleCLIPLoader", "clip_name1"): "text_encoders",
    ("TripleCLIPLoader", "clip_name2"): "text_encoders",
    ("TripleCLIPLoader", "clip_name3"): "text_encoders",
    ("QuadrupleCLIPLoader", "clip_name1"): "text_encoders",
    ("QuadrupleCLIPLoader", "clip_name2"): "text_encoders",
    ("QuadrupleCLIPLoader", "clip_name3"): "text_encoders",
    ("QuadrupleCLIPLoader", "clip_name4"): "text_encoders",
    ("VAELoader", "vae_name"): "vae",
    ("LoraLoader", "lora_name"): "loras",
    ("LoraLoaderModelOnly", "lora_name"): "loras",
    ("ControlNetLoader", "control_net_name"): "controlnet",
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("StyleModelLoader", "style_model_name"): "style_models",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
    ("GLIGENLoader", "gligen_name"): "gligen",
    ("PhotoMakerLoader", "photomaker_model_name"): "photomaker",
}
"""The folder below ComfyUI's `models` in which a loader looks; `/object_info` does not say it."""


_LINKED = frozenset(
    {"MODEL", "CLIP", "VAE", "CONDITIONING", "LATENT", "IMAGE", "MASK", "VIDEO", "AUDIO"}
    | {"CONTROL_NET", "CLIP_VISION", "CLIP_VISION_OUTPUT", "SIGMAS", "NOISE", "GUIDER", "SAMPLER"}
)
"""Types that no value can stand for. Of others it is not known: COLOR may be typed in."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a server can't run a workflow: the node's id, the field or "", and a sentence."""

    node: str
    field: str
    sentence: str


def folder_of(file: ModelFile) -> str:
    """Return the folder below `models` that a model's file belongs in; "" when not known."""
    return _FOLDERS.get((file.class_name, file.field), "")


def check_against(workflow: Workflow, nodes: Mapping[str, NodeInfo]) -> list[Fault]:
    """Return what keeps a server with these classes from running a workflow; best nothing.

    The graph is looked at with all its pictures and with fewer, since each of them is run.
    """
    if missing := list(_missing_classes(workflow, nodes)):
        return missing
    faults: dict[Fault, None] = {}
    for count in range(workflow.max_references, workflow.spec.min_references - 1, -1):
        graph = workflow.bound(_sample(workflow, count))
        for fault in _graph_faults(graph, nodes, workflow.slots.bound):
            faults.setdefault(fault)
    if not nodes[workflow.graph[workflow.output]["class_type"]].is_output:
        sentence = (
            f"{_titled(workflow.graph, workflow.output)} is no output node: it saves nothing."
        )
        faults.setdefault(Fault(workflow.output, "", sentence))
    told = {(fault.node, fault.field) for fault in faults}
    for slot, reason in option_faults(workflow, nodes):
        if slot not in told:
            sentence = f"{_titled(workflow.graph, slot.node)}: {reason}."
            faults.setdefault(Fault(slot.node, slot.field, sentence))
    return list(faults)


def _missing_classes(workflow: Workflow, nodes: Mapping[str, NodeInfo]) -> Iterator[Fault]:
    for node_id, node in workflow.graph.items():
        name = node["class_type"]
        if name not in nodes:
            yield Fault(
                node_id,
                "",
                f"{_titled(workflow.graph, node_id)}: this ComfyUI has no node class {name!r}; "
                "install the extension that has it, or update ComfyUI.",
            )


def _sample(workflow: Workflow, count: int) -> Values:
    first = "first.png" if workflow.slots.first_frame else None
    return Values(references=("picture.png",) * count, first_frame=first)


def _graph_faults(
    graph: Graph, nodes: Mapping[str, NodeInfo], written: frozenset[Slot]
) -> Iterator[Fault]:
    for node_id in _reached(graph, nodes):
        node = graph[node_id]
        info = nodes[node["class_type"]]
        for name, wanted in info.inputs.items():
            if name not in node["inputs"] and wanted.is_required and not wanted.is_dynamic:
                yield _fault(graph, node_id, name, "the input is missing")
        for name, value in node["inputs"].items():
            known = info.input_named(name)
            if known is None:
                if Slot(node_id, name) in written:
                    yield _fault(graph, node_id, name, _no_such_input(info))
                continue
            reason = (
                _link_fault(graph, value, known, nodes)
                if is_link(value)
                else _value_fault(node, value, known, is_written=Slot(node_id, name) in written)
            )
            if reason:
                yield _fault(graph, node_id, name, reason)


def _reached(graph: Graph, nodes: Mapping[str, NodeInfo]) -> list[str]:
    """Return the nodes that the outputs need; ComfyUI looks at no others but for their class."""
    found = {key for key, node in graph.items() if nodes[node["class_type"]].is_output}
    while new := {source for user, _, source, _ in links(graph) if user in found} - found:
        found |= new
    return [key for key in graph if key in found]


def _link_fault(
    graph: Graph, link: list[Any], known: InputInfo, nodes: Mapping[str, NodeInfo]
) -> str:
    source = nodes[graph[link[0]]["class_type"]]
    if link[1] >= len(source.outputs):
        return f"{_titled(graph, link[0])} has no output {link[1]}"
    kind = source.outputs[link[1]]
    if not known.is_dynamic and not known.accepts(kind):
        return f"it takes {known.kind}, and {_titled(graph, link[0])} gives {kind}"
    return ""


def _value_fault(node: Node, value: Any, known: InputInfo, *, is_written: bool) -> str:
    if known.is_upload and is_written:
        return ""  # a file that is uploaded before each prompt
    if known.choices is not None:
        return _choice_fault(node, value, known)
    match known.kind:
        case "INT" | "FLOAT":
            return _number_fault(value, known)
        case "STRING" | "BOOLEAN":
            return "" if isinstance(value, str | int | float) else f"it must be {known.kind}"
        case kind if kind in _LINKED:
            return f"it must be linked to a node that gives {kind}"
    return ""


def _number_fault(value: Any, known: InputInfo) -> str:
    try:
        number = int(value) if known.kind == "INT" else float(value)
    except (TypeError, ValueError, OverflowError):
        return f"{value!r} is no number"
    if known.minimum is not None and number < known.minimum:
        return f"{number} is below {known.minimum:g}, the least that it takes"
    if known.maximum is not None and number > known.maximum:
        return f"{number} is above {known.maximum:g}, the most that it takes"
    return ""


def _choice_fault(node: Node, value: Any, known: InputInfo) -> str:
    choices = known.choices or ()
    if value in choices:
        return ""
    file = ModelFile("", known.name, str(value), node["class_type"])
    if folder := folder_of(file):
        return (
            f"the model {file.name} is not there; it belongs into models/{folder} of this ComfyUI"
        )
    shown = ", ".join(str(choice) for choice in choices[:_SHOWN])
    more = f" and {len(choices) - _SHOWN} more" if len(choices) > _SHOWN else ""
    return f"{value!r} is not in this ComfyUI's list: {shown or 'the list is empty'}{more}"


def _no_such_input(info: NodeInfo) -> str:
    return f"{info.name} has no such input; its inputs are {', '.join(info.inputs)}"


def _fault(graph: Graph, node_id: str, field: str, reason: str) -> Fault:
    return Fault(node_id, field, f"{_titled(graph, node_id)}: {field}: {reason}.")


def _titled(graph: Graph, node_id: str) -> str:
    return f"Node {node_id} ({title_of(graph[node_id])})"
