"""Files in the folder of workflows: what can be dropped in, and what is said of what can't."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from komadori.backends.comfy.folder import load_workflows
from komadori.backends.comfy.workflow import Values
from komadori.domain.backends import COMFY_PREFIX, is_backend_name
from komadori.domain.workflows import WorkflowFacts
from komadori.settings import ROOT

SHIPPED = ROOT / "config" / "workflows"
SDXL: dict[str, Any] = json.loads((SHIPPED / "sdxl.json").read_text(encoding="utf-8"))
WAN: dict[str, Any] = json.loads(
    (SHIPPED / "wan22-image-to-video.json").read_text(encoding="utf-8")
)
QWEN: dict[str, Any] = json.loads((SHIPPED / "qwen-image-edit.json").read_text(encoding="utf-8"))
MINIMAL: dict[str, Any] = {
    "label": "Mine",
    "bindings": {"prompt": {"node": "Prompt", "input": "text"}},
}


def write(folder: Path, graph: Any, spec: dict[str, Any] | None = None, name: str = "mine") -> Path:
    text = graph if isinstance(graph, str) else json.dumps(graph)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    if spec is not None:
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder


def fault(folder: Path) -> str:
    found = load_workflows(folder)
    assert found.workflows == ()
    (sentence,) = found.faults.values()
    return sentence


def changed(graph: dict[str, Any], node: str, **inputs: Any) -> dict[str, Any]:
    graph = copy.deepcopy(graph)
    graph[node]["inputs"] |= inputs
    return graph


def titled(graph: dict[str, Any], **titles: str) -> dict[str, Any]:
    """Return the graph with the titles that a fresh export has, but for some."""
    graph = copy.deepcopy(graph)
    for key, node in graph.items():
        node["_meta"]["title"] = titles.get(f"n{key}", node["class_type"])
    return graph


def test_a_file_of_few_lines_is_enough(tmp_path: Path) -> None:
    (workflow,) = load_workflows(write(tmp_path, SDXL, MINIMAL)).workflows

    assert workflow.name == "mine"
    assert workflow.is_auto
    assert workflow.output == "9"
    assert not workflow.takes_seed


def test_one_wrong_file_takes_no_other_workflow_away(tmp_path: Path) -> None:
    write(tmp_path, SDXL, MINIMAL, name="good")
    write(tmp_path, "{", MINIMAL, name="bad")
    (tmp_path / "lonely.yaml").write_text("label: Lonely", encoding="utf-8")

    found = load_workflows(tmp_path)

    assert [one.name for one in found.workflows] == ["good"]
    assert found.faults["bad"].startswith("bad.json: it is no JSON: ")
    assert found.faults["lonely"] == "lonely.yaml: there is no lonely.json beside it."


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert load_workflows(tmp_path / "none").workflows == ()


def test_an_exported_file_keeps_its_name(tmp_path: Path) -> None:
    write(tmp_path, SDXL, MINIMAL, name="My Flow (2)")
    write(tmp_path, SDXL, MINIMAL, name="my-flow-2")
    write(tmp_path, SDXL, MINIMAL, name="我的")
    write(tmp_path, SDXL, MINIMAL, name="a" * 60)

    found = load_workflows(tmp_path)

    assert {one.name for one in found.workflows} == {"my-flow-2", "a" * 32}
    assert all(is_backend_name(COMFY_PREFIX + one.name) for one in found.workflows)
    assert "My Flow (2).json has the name 'my-flow-2' already" in found.faults["my-flow-2"]
    assert "must have letters a to z or digits" in found.faults["我的"]


@pytest.mark.parametrize(
    "data",
    [
        {"nodes": [], "links": [], "version": 0.4},
        {"last_node_id": 3, "nodes": [{"id": 1}]},
        {"workflow": {"nodes": [], "links": []}},
    ],
)
def test_the_format_of_the_editor_is_recognised(tmp_path: Path, data: dict[str, Any]) -> None:
    sentence = fault(write(tmp_path, data, MINIMAL))

    assert sentence.startswith("mine.json: this is the editor's own format")
    assert "File → Export Workflow (API)" in sentence
    assert "Workflow → Export (API)" in sentence


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        ("[1]", "it must hold nodes by their ids"),
        ("{}", "it must hold nodes by their ids"),
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ({"prompt": SDXL}, "it is a whole request"),
        ({"1": {"inputs": {}}}, "node 1: class_type is missing"),
        ({"1": 5}, "node 1: class_type is missing"),
        ({"prompt": 5}, "node prompt: class_type is missing"),
        ({"1": {"class_type": "X", "inputs": []}}, "node 1: inputs must be an object"),
        (changed(SDXL, "3", cfg=float("nan")), "node 3: inputs.cfg: nan is no number of JSON"),
        (changed(SDXL, "8", vae=["44", 0]), "node 8 (Decode): inputs.vae: it is linked to node 44"),
        (changed(SDXL, "8", vae=["4"]), "inputs.vae: a link must be [id of a node, number"),
        (changed(SDXL, "8", vae=[4, 2]), "inputs.vae: a link must be [id of a node, number"),
        (changed(SDXL, "8", samples=["8", 0]), "node 8 (Decode): its links lead back to itself"),
        (changed(SDXL, "5", width=["8", 0]), "its links lead back to itself"),
    ],
)
def test_a_broken_graph_is_named_with_node_and_field(tmp_path: Path, graph: Any, said: str) -> None:
    sentence = fault(write(tmp_path, graph, MINIMAL))

    assert sentence.startswith("mine.json: ")
    assert said in sentence


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes(b" " * 4_000_001)

    assert fault(tmp_path) == "mine.json: it is larger than 4 MB."


def test_a_byte_order_mark_and_notes_of_old_exports_do_no_harm(tmp_path: Path) -> None:
    graph = copy.deepcopy(SDXL)
    graph["3"]["is_changed"] = [float("nan")]
    del graph["4"]["_meta"]
    write(tmp_path, "\ufeff" + json.dumps(graph), MINIMAL)

    (workflow,) = load_workflows(tmp_path).workflows

    assert json.dumps(workflow.bound(Values(prompt="x")), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labl": "x"}, "'labl' is no key here; the keys are: label, kind"),
        ({"kind": "song"}, "kind: Input should be 'image' or 'clip'"),
        ({"bindings": {"promt": {}}}, "bindings: 'promt' is no key here"),
        ({"bindings": {}}, "bindings.prompt must say where the prompt goes; write auto: false"),
        ({"max_references": 1}, "max_references is 1, and bindings.references has 0 nodes"),
        ({"min_references": 1}, "min_references is 1; at most 0 are taken"),
        ({"kind": "clip"}, "bindings.first_frame must name the node"),
        ({"frames": {"multiple_of": 64, "plus": 1, "min": 2, "max": 60}}, "no number from min to"),
        ({"sizes": {"min_pixels": 9, "max_pixels": 8}}, "max_pixels must not be smaller"),
        ({"options": {"Steps!": {"node": "3", "input": "steps"}}}, "options.Steps!"),
        ({"label": 5}, "label: it must be a text in quotes, or one for each language: {en: …"),
        ({"label": ""}, "label: it must have 1 to 60 characters"),
        ({"label": {"zh": "我的"}}, "label.en: Field required"),
        (
            {"label": {"en": "x", "fr": "y"}},
            "label: 'fr' is no language here; the languages are: en",
        ),
        ({"label": {"en": "x", "zh": "长" * 61}}, "label: it must have 1 to 60 characters"),
        ({"note": {"en": 5}}, "note.en: Input should be a valid string; put it into quotes"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    sentence = fault(write(tmp_path, SDXL, MINIMAL | change))

    assert sentence.startswith("mine.yaml: ")
    assert said in sentence


def test_labels_and_notes_may_be_in_several_languages(tmp_path: Path) -> None:
    words = {"en": "Mine", "zh": "我的"}
    steps = {"node": "Sampler", "input": "steps", "label": words}
    spec = MINIMAL | {"label": words, "note": words, "options": {"steps": steps}}

    (workflow,) = load_workflows(write(tmp_path, SDXL, spec)).workflows

    facts = workflow.facts
    assert [facts.label.in_language(one) for one in ("en", "zh", "fr")] == ["Mine", "我的", "Mine"]
    assert facts.note.in_language("zh") == "我的"
    assert workflow.spec.options["steps"].label == facts.label
    assert workflow.label == "Mine", "logs and messages are in English"
    assert WorkflowFacts.model_validate_json(facts.model_dump_json()) == facts


def test_a_plain_label_is_the_same_in_every_language(tmp_path: Path) -> None:
    (workflow,) = load_workflows(write(tmp_path, SDXL, MINIMAL)).workflows

    assert workflow.facts.label.in_language("zh") == "Mine"
    assert workflow.facts.note.in_language("zh") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label: [", "it is no YAML"),
        ("label: 2020-13-45", "it is no YAML"),
        ("[" * 2000, "it is no YAML"),
        ("- a", "it must hold keys and values"),
        ("", "it must hold"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, SDXL)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")

    assert fault(tmp_path).startswith(f"mine.yaml: {said}")


@pytest.mark.parametrize(
    ("bindings", "said"),
    [
        (
            {"prompt": {"node": "Promt", "input": "text"}},
            "bindings.prompt: there is no node 'Promt'; there are 3 (Sampler), 4 (Checkpoint)",
        ),
        (
            {"prompt": {"node": "Prompt", "input": "txt"}},
            "bindings.prompt: node 6 (Prompt): there is no input 'txt'; its inputs are text, clip",
        ),
        (
            {"prompt": {"node": "Prompt", "input": "clip"}},
            "node 6 (Prompt): the input 'clip' is linked to node 4 (Checkpoint)",
        ),
        (
            {"prompt": {"node": "Sampler", "input": "steps"}},
            "bindings.prompt: node 3 (Sampler): the input 'steps' holds 28, not a text",
        ),
        (
            {"seed": {"node": "Sampler", "input": "scheduler"}},
            "bindings.seed: node 3 (Sampler): the input 'scheduler' holds 'karras', not a number",
        ),
        (
            {"prompt": {"node": "Result", "input": "filename_prefix"}},
            "bindings.prompt: node 9 (Result): 'filename_prefix' names a file",
        ),
        ({"width": {"node": "Size", "input": "width"}}, "width and height belong together"),
        ({"output": "Decode"}, "bindings.output: node 8 (Decode): it has no filename_prefix"),
        (
            {"references": [{"node": "Reference 1"}]},
            "bindings.references.0: there is no node 'Reference 1'",
        ),
    ],
)
def test_a_binding_that_does_not_fit_the_graph_is_named_with_node_and_field(
    tmp_path: Path, bindings: dict[str, Any], said: str
) -> None:
    spec = MINIMAL | {"bindings": MINIMAL["bindings"] | bindings}

    sentence = fault(write(tmp_path, SDXL, spec))

    assert sentence.startswith("mine.yaml: ")
    assert said in sentence


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"node": "Result", "input": "filename_prefix"}, "names a file and can't be an option"),
        ({"node": "Prompt", "input": "text"}, "'text' is bound already"),
        ({"node": "Nobody", "input": "x"}, "options.extra: there is no node 'Nobody'"),
    ],
)
def test_an_option_that_can_not_be_one_is_named(
    tmp_path: Path, place: dict[str, str], said: str
) -> None:
    sentence = fault(write(tmp_path, SDXL, MINIMAL | {"options": {"extra": place}}))

    assert "options.extra: " in sentence
    assert said in sentence


def test_a_picture_is_never_an_option(tmp_path: Path) -> None:
    spec = {
        "label": "Mine",
        "bindings": {"prompt": {"node": "Prompt", "input": "prompt"}},
        "options": {"picture": {"node": "Reference 1", "input": "image"}},
    }

    assert "'image' names a file and can't be an option" in fault(write(tmp_path, QWEN, spec))


def test_what_people_write_never_becomes_a_path_on_a_detour(tmp_path: Path) -> None:
    graph = changed(SDXL, "9", filename_prefix=["21", 0])
    text = {"class_type": "PrimitiveString", "inputs": {"value": "a"}, "_meta": {"title": "Text"}}
    join = {"class_type": "Join", "inputs": {"a": ["20", 0]}, "_meta": {"title": "Join"}}
    save = {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "x"}}
    graph |= {"20": text, "21": join, "22": save}
    spec = MINIMAL | {"options": {"name": {"node": "Text", "input": "value"}}}

    assert "goes on to 'filename_prefix' of node 9 (Result)" in fault(write(tmp_path, graph, spec))


def test_a_title_that_two_nodes_have_is_refused(tmp_path: Path) -> None:
    graph = copy.deepcopy(SDXL)
    graph["7"]["_meta"]["title"] = "prompt"

    sentence = fault(write(tmp_path, graph, MINIMAL))

    assert "the nodes 6, 7 are all titled 'Prompt'; name the one meant by its id" in sentence


def test_two_nodes_that_save_need_a_word_which_one_counts(tmp_path: Path) -> None:
    graph = SDXL | {"99": copy.deepcopy(SDXL["9"])}

    sentence = fault(write(tmp_path, graph, MINIMAL))

    assert "bindings.output: name the node whose files are the result" in sentence
    assert "9 (Result), 99 (Result)" in sentence


def test_a_bypass_through_nothing_is_refused(tmp_path: Path) -> None:
    spec = {
        "label": "Mine",
        "bindings": {
            "prompt": {"node": "Prompt", "input": "prompt"},
            "references": [{"node": "11", "bypass": [{"node": "Decode", "input": "pixels"}]}],
        },
    }

    sentence = fault(write(tmp_path, QWEN, spec))

    assert "node 10 (Decode): the input 'pixels' must be linked to another node" in sentence


def test_an_export_without_a_file_beside_it_is_bound_by_its_links(tmp_path: Path) -> None:
    (workflow,) = load_workflows(write(tmp_path, titled(SDXL))).workflows

    graph = workflow.bound(Values(prompt="a fox", negative="none", seed=5, width=512, height=512))

    assert graph["6"]["inputs"]["text"] == "a fox"
    assert graph["7"]["inputs"]["text"] == "none"
    assert graph["3"]["inputs"]["seed"] == 5
    assert graph["5"]["inputs"]["width"] == 512
    assert not workflow.is_auto, "nobody gets it without having chosen it"
    assert workflow.label == "mine"


def test_a_clip_without_a_file_beside_it_is_bound_by_its_links(tmp_path: Path) -> None:
    (workflow,) = load_workflows(write(tmp_path, titled(WAN))).workflows

    graph = workflow.bound(Values(prompt="it turns", first_frame="up/a.png", frames=33, fps=12))

    assert workflow.kind == "clip"
    assert graph["6"]["inputs"]["text"] == "it turns"
    assert graph["56"]["inputs"]["image"] == "up/a.png"
    assert graph["55"]["inputs"]["length"] == 33
    assert graph["57"]["inputs"]["fps"] == 12


def test_titles_tell_what_links_do_not(tmp_path: Path) -> None:
    plain = titled(QWEN)
    named = titled(QWEN, n11="Reference 2", n12="reference_1", n13="Reference image 3")

    assert "references (there are 3 nodes that load a picture" in fault(write(tmp_path, plain))
    (workflow,) = load_workflows(write(tmp_path, named)).workflows

    assert [one.slot.node for one in workflow.slots.references] == ["12", "11", "13"]
    assert workflow.spec.min_references == 3, "it is not known which of them can be left out"


def test_a_text_that_comes_from_a_node_of_its_own_is_found_there(tmp_path: Path) -> None:
    graph = titled(changed(SDXL, "6", text=["20", 0]))
    graph["20"] = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": ""}, "_meta": {}}

    (workflow,) = load_workflows(write(tmp_path, graph)).workflows

    assert [tuple(slot) for slot in workflow.slots.prompt] == [("20", "value")]


def test_a_zeroed_prompt_is_no_negative_prompt(tmp_path: Path) -> None:
    graph = json.loads((SHIPPED / "z-image-turbo.json").read_text(encoding="utf-8"))

    (workflow,) = load_workflows(write(tmp_path, titled(graph))).workflows

    assert workflow.slots.negative == ()


def test_what_can_not_be_guessed_is_all_named_at_once(tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }

    sentence = fault(write(tmp_path, graph))

    assert sentence.startswith("mine.json: without mine.yaml beside it, it is not clear what to")
    assert "output (there are no nodes that save something)" in sentence
    assert "prompt (there are no nodes that hold it)" in sentence
    assert "Title the nodes in ComfyUI" in sentence
