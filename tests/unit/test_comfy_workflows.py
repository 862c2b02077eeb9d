"""What is written into a graph: every value in its place, and nothing left of what is not used."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komadori.backends.comfy.bindings import FrameRule, Spec
from komadori.backends.comfy.checks import check_against, folder_of
from komadori.backends.comfy.folder import load_workflows
from komadori.backends.comfy.graph import is_link, links
from komadori.backends.comfy.nodes import parse_nodes
from komadori.backends.comfy.workflow import Values, Workflow, make_workflow
from komadori.errors import BackendRefused
from komadori.settings import ROOT

SHIPPED = load_workflows(ROOT / "config" / "workflows")
RECORDED = json.loads((ROOT / "tests/data/comfy/nodes.json").read_text(encoding="utf-8"))
# Recorded from real servers; only the names of model files were written in by hand, since those
# servers had no models (the file says so, too).
SERVERS = {version: parse_nodes(nodes) for version, nodes in RECORDED["servers"].items()}


def shipped(name: str) -> Workflow:
    workflow = SHIPPED.named(name)
    assert workflow is not None
    return workflow


def values(**changes: Any) -> Values:
    return Values(**{"prompt": "a fox", "first_frame": "up/first.png", **changes})


def node(graph: dict[str, Any], title: str) -> dict[str, Any]:
    (found,) = [one for one in graph.values() if one["_meta"]["title"] == title]
    return found


def titles(graph: dict[str, Any]) -> set[str]:
    return {one["_meta"]["title"] for one in graph.values()}


def test_every_shipped_file_can_be_used() -> None:
    assert SHIPPED.faults == {}
    assert {one.name for one in SHIPPED.workflows} == {
        "check-clip",
        "check-picture",
        "flux-kontext",
        "qwen-image-edit",
        "sdxl",
        "wan22-image-to-video",
        "z-image-turbo",
    }


@pytest.mark.parametrize("version", SERVERS)
@pytest.mark.parametrize("workflow", SHIPPED.workflows, ids=lambda one: one.name)
def test_a_shipped_workflow_fits_what_real_servers_say_of_their_nodes(
    workflow: Workflow, version: str
) -> None:
    assert check_against(workflow, SERVERS[version]) == []


@pytest.mark.parametrize("workflow", SHIPPED.workflows, ids=lambda one: one.name)
def test_a_shipped_workflow_with_a_model_says_that_it_was_not_run(workflow: Workflow) -> None:
    path = ROOT / "config" / "workflows" / f"{workflow.name}.yaml"
    head = " ".join(path.read_text(encoding="utf-8").replace("#", " ").split())

    is_check = workflow.name.startswith("check-")
    assert bool(workflow.model_files) != is_check
    assert ("Not run here: no GPU." in workflow.spec.note.en) != is_check
    assert ("还没实际跑过" in workflow.spec.note.zh) != is_check
    assert ("not run here, since no GPU is at hand" in head) != is_check
    assert all(folder_of(file) for file in workflow.model_files)
    for file in workflow.model_files:
        assert file.name in head, "people are told which files to fetch"
    if is_check:
        assert not workflow.is_auto


def test_every_value_gets_to_its_place() -> None:
    graph = shipped("sdxl").bound(
        values(
            prompt="一只狐狸",
            negative="blurry",
            seed=7,
            width=1024,
            height=1024,
            filename_prefix="jobs/1/2",
            options={"steps": 12, "guidance": 5.5},
        )
    )

    assert node(graph, "Prompt")["inputs"]["text"] == "一只狐狸"
    assert node(graph, "Negative prompt")["inputs"]["text"] == "blurry"
    sampler = node(graph, "Sampler")["inputs"]
    assert (sampler["seed"], sampler["steps"], sampler["cfg"]) == (7, 12, 5.5)
    assert node(graph, "Size")["inputs"] == {"width": 1024, "height": 1024, "batch_size": 1}
    assert node(graph, "Result")["inputs"]["filename_prefix"] == "jobs/1/2"


def test_what_is_not_asked_for_stays_as_the_graph_has_it() -> None:
    workflow = shipped("sdxl")

    graph = workflow.bound(values())

    for title, field in (("Negative prompt", "text"), ("Size", "width"), ("Sampler", "steps")):
        assert node(graph, title)["inputs"][field] == node(workflow.graph, title)["inputs"][field]


@pytest.mark.parametrize("workflow", SHIPPED.workflows, ids=lambda one: one.name)
def test_binding_leaves_the_workflow_as_it_was(workflow: Workflow) -> None:
    before = copy.deepcopy(workflow.graph)
    for count in range(workflow.spec.min_references, workflow.max_references + 1):
        graph = workflow.bound(values(references=("up/a.png",) * count, seed=3))
        for one in graph.values():
            one["inputs"].clear()
            one["_meta"].clear()

    assert workflow.graph == before


@pytest.mark.parametrize("count", range(4))
def test_references_that_are_not_there_leave_no_trace(count: int) -> None:
    names = tuple(f"up/{number}.png" for number in range(count))

    graph = shipped("qwen-image-edit").bound(values(references=names))

    loaders = [one for one in graph.values() if one["class_type"] == "LoadImage"]
    assert [one["inputs"]["image"] for one in loaders] == list(names)
    used = {f"image{number + 1}" for number in range(count)}
    for title in ("Prompt", "Negative prompt"):
        assert {field for field in node(graph, title)["inputs"] if "image" in field} == used
    assert all(source in graph for _, _, source, _ in links(graph))


def test_a_chain_is_closed_where_a_reference_is_missing() -> None:
    workflow = shipped("flux-kontext")

    two = workflow.bound(values(references=("up/a.png", "up/b.png")))
    one = workflow.bound(values(references=("up/a.png",)))

    assert titles(two) == titles(workflow.graph)
    assert titles(two) - titles(one) == {
        "Reference 2",
        "Fit reference 2",
        "Encode reference 2",
        "Use reference 2",
    }
    (first,) = [key for key, at in one.items() if at["_meta"]["title"] == "Use reference 1"]
    assert node(one, "Guidance")["inputs"]["conditioning"] == [first, 0]


def test_too_many_or_too_few_pictures_are_refused() -> None:
    with pytest.raises(BackendRefused, match="takes 0 to 3 reference pictures, not 4"):
        shipped("qwen-image-edit").bound(values(references=("up/a.png",) * 4))
    with pytest.raises(BackendRefused, match="takes 1 to 2 reference pictures, not 0"):
        shipped("flux-kontext").bound(values())
    with pytest.raises(BackendRefused, match="needs a first frame"):
        shipped("check-clip").bound(values(first_frame=None))


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "/etc/passwd",
        "a/../b.png",
        "a.png [output]",
        "C:\\x.png",
        "a\n.png",
        "",
        ".",
    ],
)
def test_only_names_of_uploads_become_names_of_files(name: str) -> None:
    with pytest.raises(BackendRefused, match=r"uploaded picture|first frame"):
        shipped("check-clip").bound(values(first_frame=name))


@pytest.mark.parametrize("name", ["ab12.png", "komadori/ab12.png", "komadori/x (1).png", "图.png"])
def test_names_as_servers_answer_uploads_are_taken(name: str) -> None:
    graph = shipped("check-clip").bound(values(first_frame=name))

    assert node(graph, "First frame")["inputs"]["image"] == name


def test_an_option_that_there_is_not_is_refused() -> None:
    with pytest.raises(BackendRefused, match="has no option 'ckpt'"):
        shipped("sdxl").bound(values(options={"ckpt": "../x"}))


def test_a_clip_gets_its_length_and_speed() -> None:
    graph = shipped("wan22-image-to-video").bound(values(frames=50, fps=16, width=720, height=1280))

    size = node(graph, "Size and length")["inputs"]
    assert size["length"] == 49
    assert (size["width"] % 32, size["height"] % 32) == (0, 0)
    assert size["width"] * size["height"] <= 901_120
    assert node(graph, "Speed")["inputs"]["fps"] == 16
    assert node(graph, "First frame")["inputs"]["image"] == "up/first.png"


def test_facts_tell_the_page_what_a_clip_may_be() -> None:
    facts = shipped("wan22-image-to-video").facts

    assert facts.kind == "clip"
    assert (facts.min_frames, facts.max_frames, facts.frames) == (5, 121, 121)
    assert (facts.fps, facts.takes_fps, facts.takes_seed, facts.max_references) == (
        24,
        True,
        True,
        0,
    )
    assert type(facts).model_validate_json(facts.model_dump_json()) == facts


def test_neighbouring_seeds_give_colours_far_apart() -> None:
    colours = [
        node(shipped("check-picture").bound(values(seed=seed)), "Paper")["inputs"]["color"]
        for seed in range(50)
    ]

    assert len(set(colours)) == 50
    assert all(0 <= colour <= 0xFFFFFF for colour in colours)
    reds = [abs((a >> 16) - (b >> 16)) for a, b in pairwise(colours)]
    assert min(reds) > 20


@given(
    seed=st.integers(0, 2**31 - 1),
    width=st.integers(64, 2048),
    height=st.integers(64, 2048),
    count=st.integers(0, 3),
    prompt=st.text(max_size=50),
)
def test_any_order_makes_a_whole_graph(
    seed: int, width: int, height: int, count: int, prompt: str
) -> None:
    for name in ("check-picture", "qwen-image-edit"):
        workflow = shipped(name)
        graph = workflow.bound(
            values(
                prompt=prompt,
                seed=seed,
                width=width,
                height=height,
                references=("up/a.png",) * count,
            )
        )

        assert json.loads(json.dumps(graph)) == graph
        assert all(source in graph for _, _, source, _ in links(graph))
        assert workflow.output in graph
        used = {source for _, _, source, _ in links(graph)}
        ends = [key for key in graph if key not in used]
        assert {graph[key]["class_type"] for key in ends} <= {"SaveImage", "PreviewAny"}
        assert all(
            graph[slot.node]["inputs"][slot.field] == prompt for slot in workflow.slots.prompt
        )


@given(width=st.integers(64, 2048), height=st.integers(64, 2048))
def test_sizes_keep_the_rule_and_nearly_the_shape(width: int, height: int) -> None:
    workflow = shipped("z-image-turbo")

    wide, high = workflow.size_for(width, height)

    assert wide % 16 == high % 16 == 0
    assert wide * high <= 2_097_152
    assert abs(wide - width / height * high) <= 16 * (1 + width / height)
    assert workflow.size_for(1280, 720) == (1280, 720)


def test_a_shipped_workflow_is_told_in_chinese_too() -> None:
    for workflow in SHIPPED.workflows:
        spec = workflow.spec
        assert spec.note.zh, workflow.name
        assert spec.label.zh or spec.model, "only the name of a model is the same in all languages"
        assert all(one.label and one.label.zh for one in spec.options.values()), workflow.name


def test_the_lengths_of_a_clip_are_told_as_a_range_with_steps() -> None:
    facts = shipped("wan22-image-to-video").facts

    assert (facts.min_frames, facts.max_frames, facts.frames_step) == (5, 121, 4)


@given(
    multiple=st.integers(1, 16),
    plus=st.integers(0, 16),
    least=st.integers(1, 40),
    more=st.integers(16, 200),
    asked=st.floats(-10, 1000),
)
def test_lengths_keep_the_rule(
    multiple: int, plus: int, least: int, more: int, asked: float
) -> None:
    rule = FrameRule(multiple_of=multiple, plus=plus, min=least, max=least + more)
    workflow = shipped("wan22-image-to-video")
    spec = workflow.spec.model_copy(update={"frames": rule})

    frames = Workflow("x", spec, workflow.graph, workflow.slots).frames_for(asked)

    assert least <= frames <= least + more
    assert (frames - plus) % multiple == 0
    if least + multiple <= asked <= least + more - multiple:
        assert abs(frames - asked) <= multiple / 2


def test_nodes_can_be_named_by_id_and_places_can_be_several() -> None:
    base = shipped("sdxl")
    spec = Spec.model_validate(
        {
            "label": "Mine",
            "bindings": {
                "prompt": [
                    {"node": 6, "input": "text"},
                    {"node": "negative PROMPT", "input": "text"},
                ],
            },
            "options": {"steps": {"node": "3", "input": "steps", "default": 11}},
        }
    )

    graph = make_workflow("mine", base.graph, spec).bound(values(prompt="both"))

    assert graph["6"]["inputs"]["text"] == graph["7"]["inputs"]["text"] == "both"
    assert graph["3"]["inputs"]["steps"] == 11


def test_no_link_is_ever_overwritten() -> None:
    for workflow in SHIPPED.workflows:
        for slot in workflow.slots.bound:
            assert not is_link(workflow.graph[slot.node]["inputs"][slot.field])


def test_the_docs_name_every_key_of_the_file() -> None:
    text = Path(ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")

    for model in (Spec, Spec.model_fields["bindings"].annotation):
        for key in model.model_fields:
            assert f"`{key}`" in text, key
