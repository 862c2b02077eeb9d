"""Forms made of what a server says of its nodes, what may be chosen, and what a server lacks."""

import copy
import json
from typing import Any

import pytest

from komadori.backends.comfy.bindings import Spec
from komadori.backends.comfy.checks import check_against
from komadori.backends.comfy.folder import load_workflow
from komadori.backends.comfy.forms import form_of
from komadori.backends.comfy.graph import Graph
from komadori.backends.comfy.nodes import NodeInfo, parse_nodes
from komadori.backends.comfy.workflow import Workflow, make_workflow
from komadori.domain.workflows import Field, Words, check_options
from komadori.errors import RequestRejected
from komadori.settings import ROOT

RECORDED = json.loads((ROOT / "tests/data/comfy/nodes.json").read_text(encoding="utf-8"))
ANSWER: dict[str, Any] = RECORDED["servers"]["0.30.0"]
NODES = parse_nodes(ANSWER)
SDXL = load_workflow(ROOT / "config/workflows/sdxl.json")
QWEN = load_workflow(ROOT / "config/workflows/qwen-image-edit.json")
CHECK = load_workflow(ROOT / "config/workflows/check-picture.json")
STEPS = Words(en="Steps", zh="步数")


def altered(name: str, *path: Any, value: Any) -> dict[str, NodeInfo]:
    """Return the recorded server's classes with one thing changed."""
    answer = copy.deepcopy(ANSWER)
    place = answer[name]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return parse_nodes(answer)


def with_options(base: Workflow, **options: Any) -> Workflow:
    spec = base.spec.model_dump() | {"options": options}
    return make_workflow("mine", base.graph, Spec.model_validate(spec))


def with_inputs(base: Workflow, node: str, **inputs: Any) -> Workflow:
    graph: Graph = copy.deepcopy(base.graph)
    graph[node]["inputs"] |= inputs
    return make_workflow("mine", graph, base.spec)


def told(workflow: Workflow, nodes: dict[str, NodeInfo]) -> tuple[str, str, str]:
    (fault,) = check_against(workflow, nodes)
    return fault.node, fault.field, fault.sentence


def test_a_form_has_the_kinds_and_limits_of_the_nodes() -> None:
    form = {field.name: field for field in form_of(SDXL, NODES)}

    assert form["steps"] == Field(
        name="steps", label=STEPS, kind="integer", minimum=1, maximum=80, default=28
    )
    assert form["guidance"].kind == "number"
    assert (form["guidance"].minimum, form["guidance"].maximum) == (1, 15)
    assert form["guidance"].step == pytest.approx(0.1)
    assert form["checkpoint"].kind == "choice"
    assert "sd_xl_base_1.0.safetensors" in form["checkpoint"].choices


@pytest.mark.parametrize("version", ["0.30.0", "0.3.64"])
def test_both_dialects_make_the_same_form(version: str) -> None:
    nodes = parse_nodes(RECORDED["servers"][version])
    workflow = with_options(
        CHECK,
        layout={"node": "Beside it: reference 1", "input": "direction"},
        same={"node": "Beside it: reference 1", "input": "match_image_size"},
        way={"node": "Size", "input": "upscale_method", "choices": ["lanczos", "area", "mine"]},
    )

    layout, same, way = form_of(workflow, nodes)

    assert layout.choices == ("right", "down", "left", "up")
    assert (layout.kind, layout.default, layout.label.en) == ("choice", "right", "Layout")
    assert (same.kind, same.default) == ("switch", True)
    assert way.choices == ("area", "lanczos"), "only what both the file and the server have"


def test_the_two_dialects_are_both_in_the_recording() -> None:
    direction = [
        RECORDED["servers"][version]["ImageStitch"]["input"]["required"]["direction"][0]
        for version in ("0.30.0", "0.3.64")
    ]

    assert direction == ["COMBO", ["right", "down", "left", "up"]]


def test_a_form_gets_through_the_store_as_json() -> None:
    for field in form_of(SDXL, NODES):
        assert Field.model_validate_json(field.model_dump_json()) == field
        assert Field.model_validate(json.loads(json.dumps(field.model_dump()))) == field


def test_what_was_chosen_is_taken_as_the_node_takes_it() -> None:
    form = form_of(SDXL, NODES)

    checked = check_options(form, {"steps": 12.0, "guidance": 5, "checkpoint": None})

    assert checked == {"steps": 12, "guidance": 5.0}
    assert [type(value) for value in checked.values()] == [int, float]
    assert check_options(form, {}) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 81}, "options.steps: it must be a whole number from 1 to 80"),
        ({"steps": 0}, "options.steps: it must be a whole number from 1 to 80"),
        ({"steps": 1.5}, "options.steps: it must be a whole number from 1 to 80"),
        ({"steps": True}, "options.steps: it must be a whole number"),
        ({"steps": "12"}, "options.steps: it must be a whole number"),
        ({"guidance": float("nan")}, "options.guidance: it must be a number from 1 to 15"),
        ({"guidance": float("inf")}, "options.guidance: it must be a number from 1 to 15"),
        ({"guidance": [1]}, "options.guidance: it must be a number from 1 to 15"),
        (
            {"checkpoint": "../../secret.ckpt"},
            "options.checkpoint: it must be one of another.safet",
        ),
        ({"checkpoint": ["4", 0]}, "options.checkpoint: it must be one of"),
        (
            {"sampler": "euler"},
            "options.sampler: there is no such option; known are checkpoint, st",
        ),
    ],
)
def test_a_wrong_choice_is_refused_with_its_field(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestRejected) as refused:
        check_options(form_of(SDXL, NODES), given)

    assert said in str(refused.value)
    assert refused.value.facts["field"] == f"options.{next(iter(given))}"


@pytest.mark.parametrize(
    ("kind", "value", "is_taken"),
    [
        ("switch", True, True),
        ("switch", 1, False),
        ("text", "two\nlines", True),
        ("text", "a\x00b", False),
        ("text", "a" * 2_001, False),
        ("text", 5, False),
    ],
)
def test_switches_and_texts_are_checked(kind: Any, value: Any, is_taken: bool) -> None:
    field = Field(name="x", label=Words(en="X"), kind=kind)

    if is_taken:
        assert check_options([field], {"x": value}) == {"x": value}
    else:
        with pytest.raises(RequestRejected, match=r"options\.x: "):
            check_options([field], {"x": value})


def test_true_is_not_the_number_one_among_choices() -> None:
    field = Field(name="x", label=Words(en="X"), kind="choice", choices=(1, 2))

    assert check_options([field], {"x": 1}) == {"x": 1}
    with pytest.raises(RequestRejected, match="one of 1, 2"):
        check_options([field], {"x": True})


def test_a_workflow_without_options_says_so() -> None:
    with pytest.raises(RequestRejected, match="this workflow has no options"):
        check_options([], {"x": 1})


def test_a_class_that_the_server_lacks_is_named() -> None:
    nodes = {name: info for name, info in NODES.items() if name != "CFGNorm"}

    node, _, sentence = told(QWEN, nodes)

    assert node == "5"
    assert "Node 5 (Guidance norm): this ComfyUI has no node class 'CFGNorm'" in sentence


def test_a_model_that_is_missing_is_named_with_its_folder() -> None:
    nodes = altered("UNETLoader", "input", "required", "unet_name", 0, value=["else.safetensors"])

    assert told(QWEN, nodes) == (
        "1",
        "unet_name",
        "Node 1 (Model): unet_name: the model qwen_image_edit_2509_fp8_e4m3fn.safetensors is not "
        "there; it belongs into models/diffusion_models of this ComfyUI.",
    )


def test_an_option_does_not_repeat_that_a_model_is_missing() -> None:
    nodes = altered("CheckpointLoaderSimple", "input", "required", "ckpt_name", 0, value=[])

    assert told(SDXL, nodes)[:2] == ("4", "ckpt_name")
    assert "checkpoint" not in {field.name for field in form_of(SDXL, nodes)}


@pytest.mark.parametrize(
    ("node", "inputs", "said"),
    [
        ("3", {"steps": 20_000}, "steps: 20000 is above 10000, the most that it takes"),
        ("3", {"cfg": -1}, "cfg: -1.0 is below 0, the least that it takes"),
        ("3", {"denoise": "much"}, "denoise: 'much' is no number"),
        ("3", {"scheduler": "none"}, "scheduler: 'none' is not in this ComfyUI's list: simple"),
        ("8", {"vae": ["4", 0]}, "vae: it takes VAE, and Node 4 (Checkpoint) gives MODEL"),
        ("8", {"vae": ["4", 3]}, "vae: Node 4 (Checkpoint) has no output 3"),
        ("8", {"vae": "ae"}, "vae: it must be linked to a node that gives VAE"),
        ("6", {"text": {"a": 1}}, "text: it must be STRING"),
    ],
)
def test_what_the_server_would_refuse_is_told_before(
    node: str, inputs: dict[str, Any], said: str
) -> None:
    if node == "6":
        spec = SDXL.spec.model_dump() | {"auto": False}
        spec["bindings"] = {**spec["bindings"], "prompt": ()}
        base = make_workflow("mine", SDXL.graph, Spec.model_validate(spec))
    else:
        base = SDXL
    faults = check_against(with_inputs(base, node, **inputs), NODES)

    (field,) = inputs
    assert (faults[0].node, faults[0].field) == (node, field)
    assert said in faults[0].sentence


def test_an_input_that_is_missing_is_named() -> None:
    graph = copy.deepcopy(SDXL.graph)
    del graph["8"]["inputs"]["vae"]

    fault = told(make_workflow("mine", graph, SDXL.spec), NODES)

    assert fault == ("8", "vae", "Node 8 (Decode): vae: the input is missing.")


def test_inputs_that_the_server_passes_over_do_no_harm() -> None:
    assert check_against(with_inputs(SDXL, "8", old="x"), NODES) == []


def test_a_node_that_nothing_needs_is_not_looked_at() -> None:
    graph = copy.deepcopy(SDXL.graph)
    graph["90"] = {"class_type": "VAEDecode", "inputs": {}, "_meta": {}}

    assert check_against(make_workflow("mine", graph, SDXL.spec), NODES) == []


def test_a_bound_input_that_the_server_does_not_have_is_named() -> None:
    workflow = with_inputs(SDXL, "3", noise=5)
    spec = workflow.spec.model_dump()
    spec["bindings"] = {**spec["bindings"], "seed": [{"node": "Sampler", "input": "noise"}]}
    workflow = make_workflow("mine", workflow.graph, Spec.model_validate(spec))

    node, field, sentence = told(workflow, NODES)

    assert (node, field) == ("3", "noise")
    assert "KSampler has no such input; its inputs are model, seed" in sentence


def test_a_result_that_saves_nothing_is_named() -> None:
    nodes = altered("SaveImage", "output_node", value=False)

    assert told(SDXL, nodes)[2] == "Node 9 (Result) is no output node: it saves nothing."


def test_a_reference_that_can_not_be_left_out_is_found() -> None:
    required = ANSWER["ImageStitch"]["input"]["required"] | {"image2": ["IMAGE", {}]}
    nodes = altered("ImageStitch", "input", value={"required": required})

    faults = check_against(CHECK, nodes)

    assert {(fault.node, fault.field) for fault in faults} == {
        ("5", "image2"),
        ("6", "image2"),
        ("7", "image2"),
    }


def test_pictures_that_are_uploaded_need_not_be_there_yet_but_others_must() -> None:
    assert check_against(CHECK, NODES) == []

    spec = CHECK.spec.model_dump()
    spec["bindings"] = {**spec["bindings"], "references": spec["bindings"]["references"][:2]}
    fixed = make_workflow("mine", CHECK.graph, Spec.model_validate(spec))

    assert told(fixed, NODES)[:2] == ("4", "image")


@pytest.mark.parametrize(
    ("kind", "extra", "said"),
    [
        ("STRING", {}, "'folder_path' is a path at the server and can't be an option"),
        ("COMBO", {"options": ["28"], "image_upload": True}, "an input for uploaded files"),
        ("COMFY_AUTOGROW_V3", {}, "an input of the type COMFY_AUTOGROW_V3 can't be an option"),
        ("COMBO", {"options": []}, "'28' is not in this ComfyUI's list: the list is empty"),
    ],
)
def test_what_must_not_be_chosen_is_no_option(kind: str, extra: dict[str, Any], said: str) -> None:
    workflow = with_options(
        with_inputs(SDXL, "3", folder_path="28"), path={"node": "3", "input": "folder_path"}
    )
    nodes = altered("KSampler", "input", "required", "folder_path", value=[kind, extra])

    assert form_of(workflow, nodes) == ()
    node, field, sentence = told(workflow, nodes)
    assert (node, field) == ("3", "folder_path")
    assert said in sentence


def test_an_own_value_outside_of_its_limits_is_named() -> None:
    workflow = with_options(SDXL, steps={"node": "Sampler", "input": "steps", "max": 10})

    assert "options.steps: it must be a whole number from 1 to 10" in told(workflow, NODES)[2]


def test_an_answer_with_broken_parts_is_read_as_far_as_it_can_be() -> None:
    nodes = parse_nodes(
        {
            "Broken": 5,
            "Empty": {"input": {}},
            "Odd": {
                "input": {
                    "required": {"a": [], "b": "INT", "c": ["COMBO", {}], "d": ["COMBO", None]},
                    "optional": None,
                },
                "output": [["x", "y"], "IMAGE"],
            },
        }
    )

    assert set(nodes) == {"Empty", "Odd"}
    assert nodes["Odd"].inputs["c"].choices is None
    assert nodes["Odd"].outputs == ("COMBO", "IMAGE")


def test_inputs_that_stand_for_more_are_found_by_their_parts() -> None:
    nodes = parse_nodes(
        {
            "Batch": {
                "input": {"required": {"images": ["COMFY_AUTOGROW_V3", {"min": 1}]}},
                "output": ["IMAGE"],
            }
        }
    )["Batch"]

    assert nodes.input_named("images.image0") is nodes.inputs["images"]
    assert nodes.input_named("pictures.image0") is None


@pytest.mark.parametrize(
    ("wanted", "given", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE,MASK", "MASK", True),
        ("IMAGE", "LATENT", False),
        ("*", "LATENT", True),
        ("IMAGE", "*", True),
        ("COMFY_MATCHTYPE_V3", "LATENT", True),
    ],
)
def test_links_fit_as_the_server_sees_it(wanted: str, given: str, fits: bool) -> None:
    nodes = parse_nodes({"X": {"input": {"required": {"a": [wanted]}}, "output": []}})

    assert nodes["X"].inputs["a"].accepts(given) is fits
