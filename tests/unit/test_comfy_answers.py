"""Recorded answers of real ComfyUI servers become values, and refusals become sentences."""

import json
from pathlib import Path
from typing import Any

import pytest

from komadori.backends.comfy import errors
from komadori.backends.comfy.answers import (
    HistoryEntry,
    Unreadable,
    read_history,
    read_job,
    read_log,
    read_queue,
    read_system_stats,
)
from komadori.backends.comfy.errors import NodeFault, WorkflowRefused
from komadori.backends.comfy.outputs import OutputFile, expected_files, files_of
from komadori.backends.comfy.prompts import (
    client_id_of,
    is_prompt_id,
    malformed,
    new_client_id,
    new_prompt_id,
)
from komadori.backends.comfy.refusals import read_faults
from komadori.errors import BackendDown, BackendRefused

RECORDINGS = Path(__file__).parent.parent / "data" / "comfy"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def ended(name: str) -> HistoryEntry:
    data = recorded("history")[name]
    entry = read_history(data, next(iter(data)))
    assert entry is not None
    return entry


def refusal(name: str) -> tuple[NodeFault, ...]:
    refusals = recorded("refusals")
    return read_faults(refusals["answers"][name]["body"], refusals["prompt"])


@pytest.mark.parametrize("version", ["0.27.0", "0.3.64"])
def test_the_stats_of_both_servers_are_read(version: str) -> None:
    stats = read_system_stats(recorded("system_stats")[version])

    assert stats.version == version
    assert stats.ram_total > stats.ram_free > 2**30
    assert "--port" in stats.argv
    assert [device.kind for device in stats.devices] == ["cpu"]
    assert stats.devices[0].index is None


def test_waiting_prompts_come_in_the_order_in_which_they_will_run() -> None:
    queue = read_queue(recorded("queue_pending"))

    numbers = [prompt.number for prompt in queue.pending]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0  # one was put in front
    assert queue.remaining == len(numbers) + 1
    assert queue.is_running(queue.running[0].prompt_id)
    assert queue.ahead_of(queue.running[0].prompt_id) is None
    assert [queue.ahead_of(prompt.prompt_id) for prompt in queue.pending] == [
        place + 1 for place in range(len(numbers))
    ]


@pytest.mark.parametrize(
    "data",
    [None, [], {}, "x", {"queue_running": [3]}, {"queue_running": [], "queue_pending": [[1]]}],
)
def test_a_queue_of_another_shape_is_not_an_empty_queue(data: Any) -> None:
    with pytest.raises(Unreadable):
        read_queue(data)


def test_an_unknown_prompt_has_no_history() -> None:
    assert read_history({}, new_prompt_id()) is None


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("one_success", "success"),
        ("one_cached", "success"),
        ("exception", "failed"),
        ("oom", "out_of_memory"),
        ("interrupted", "interrupted"),
        ("video_outputs", "success"),
    ],
)
def test_a_history_entry_tells_how_it_ended(name: str, ending: str) -> None:
    assert ended(name).ending == ending


def test_a_success_names_its_files_and_how_long_it_took() -> None:
    entry = ended("one_success")

    assert [file.name for file in entry.files] == ["weightfree/run_00001_.png"]
    assert entry.files[0].media_type == "image/png"
    assert entry.ran_s == pytest.approx(0.167)
    assert not entry.is_cached(entry.files[0])


def test_a_cached_rerun_is_seen_to_name_an_old_file() -> None:
    entry = ended("one_cached")

    assert entry.is_cached(entry.files[0])


def test_clips_are_told_from_pictures_and_previews_are_left_out() -> None:
    entry = ended("video_outputs")

    assert [(file.name, file.media_type, file.is_animated) for file in entry.files] == [
        ("anim_00001_.webp", "image/webp", True),
        ("video/clip_00001_.mp4", "video/mp4", True),
    ]
    assert entry.texts == ("hello",)


def test_previews_count_when_nothing_was_saved() -> None:
    outputs = {"5": {"images": [{"filename": "a.png", "subfolder": "", "type": "temp"}]}}

    assert [file.folder for file in files_of(outputs, ["5"])] == ["temp"]


def test_files_come_in_the_graphs_order_and_those_of_unknown_nodes_last() -> None:
    def saved(name: str) -> dict[str, Any]:
        return {"images": [{"filename": name, "subfolder": "", "type": "output"}]}

    outputs = {"7.0.1": saved("c"), "9": saved("b"), "10": saved("a"), "3": "nothing"}

    assert [file.filename for file in files_of(outputs, ["3", "10", "9"])] == ["a", "b", "c"]


def test_a_failure_names_the_node_and_keeps_its_inputs_to_itself() -> None:
    failure = ended("exception").failure

    assert failure is not None
    assert (failure.node_id, failure.class_type) == ("3", "ChaosFail")
    assert failure.exception_type == "RuntimeError"
    assert failure.message == "chaos: deliberate failure"
    assert "tensor" not in repr(ended("exception"))


@pytest.mark.parametrize(
    ("kind", "message", "ending"),
    [
        ("torch.OutOfMemoryError", "CUDA out of memory.", "out_of_memory"),
        ("torch.cuda.OutOfMemoryError", "", "out_of_memory"),
        ("RuntimeError", "MPS backend out of memory (limit 9 GB)", "out_of_memory"),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: not enough memory", "out_of_memory"),
        ("RuntimeError", "CUDA error: out of memory", "out_of_memory"),
        ("MemoryError", "", "out_of_memory"),
        ("RuntimeError", "Allocation on device 0 would exceed allowed memory.", "out_of_memory"),
        ("torch.AcceleratorError", "CUDA error: an illegal memory access", "gpu_broken"),
        ("RuntimeError", "CUDA error: device-side assert triggered", "gpu_broken"),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", "gpu_broken"),
        ("RuntimeError", "CUDA error: invalid argument", "gpu_broken"),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied", "failed"),
        ("ValueError", "no CUDA here", "failed"),
    ],
)
def test_what_a_node_raised_says_whether_the_gpu_is_well(
    kind: str, message: str, ending: str
) -> None:
    told = {"node_id": "3", "exception_type": kind, "exception_message": message}
    status = {"status_str": "error", "messages": [["execution_error", told]]}

    entry = read_history({"p": {"prompt": [], "outputs": {}, "status": status}}, "p")

    assert entry is not None
    assert entry.ending == ending


def test_an_error_without_a_message_is_still_a_failure() -> None:
    entry = read_history({"p": {"status": {"status_str": "error"}}}, "p")

    assert entry is not None
    assert entry.ending == "failed"
    assert entry.failure is not None


@pytest.mark.parametrize("name", ["one", "exception", "interrupted"])
def test_a_job_tells_the_same_as_the_history(name: str) -> None:
    history = ended({"one": "one_success"}.get(name, name))

    assert read_job(recorded("jobs")[name], history.prompt_id) == history


def test_a_job_that_runs_or_waits_has_not_ended() -> None:
    assert read_job(recorded("jobs")["running"], "p") == "running"
    assert read_job({"status": "pending"}, "p") == "pending"


@pytest.mark.parametrize("data", [None, {}, [], {"status": "weird"}])
def test_a_job_without_a_known_state_is_not_read(data: Any) -> None:
    with pytest.raises(Unreadable):
        read_job(data, "p")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "value_too_big",
            "Node 2 “Resize” (ImageScale), field width: Value 999999 bigger than max of 16384.",
        ),
        ("missing_input", "Node 2 “Resize” (ImageScale), field width: Required input is missing."),
        (
            "partially_valid",
            "Node 4 “Blend” (ImageBlend), field blend_factor: Value 7.0 bigger than max of 1.0.",
        ),
        (
            "unknown_class",
            "Node 2 “Resize” (NoSuchNode): Node 'Resize' not found. "
            "The custom node may not be installed.",
        ),
        ("no_outputs", "The workflow: Prompt has no outputs."),
    ],
)
def test_a_refusal_is_a_sentence_with_node_and_field(name: str, sentence: str) -> None:
    assert str(refusal(name)[0]) == sentence


@pytest.mark.parametrize("name", sorted(recorded("refusals")["answers"]))
def test_every_recorded_refusal_with_words_has_a_fault(name: str) -> None:
    if recorded("refusals")["answers"][name]["status"] == 500:  # it comes without words
        assert refusal(name) == ()
        return
    for fault in refusal(name):
        assert fault.message
        assert fault.kind
        assert "Traceback" not in str(fault)


def test_a_success_has_no_faults() -> None:
    assert read_faults({"prompt_id": "p", "number": 1, "node_errors": {}}, {}) == ()


def test_the_refusal_of_an_old_server_may_be_a_bare_text() -> None:
    assert str(read_faults({"error": "no prompt"}, {})[0]) == "The workflow: no prompt."


def test_a_missing_upload_is_told_from_other_refusals() -> None:
    assert WorkflowRefused("a", refusal("image_missing")).misses_a_file
    assert not WorkflowRefused("a", refusal("value_too_big")).misses_a_file


def test_many_faults_are_counted_and_not_all_said() -> None:
    refused = WorkflowRefused("a", refusal("value_too_big") * 8)

    assert str(refused).endswith("And 3 more.")
    assert len(refused.faults) == 8


def test_the_log_comes_as_lines_without_colours() -> None:
    lines = read_log(recorded("log"))

    assert lines[-1] == "[INFO] To see the GUI go to: http://127.0.0.1:8199"
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize(
    "graph",
    [
        None,
        [],
        {},
        {"nodes": [], "links": [], "version": 0.4},
        {"1": {"inputs": {}}},
        {"1": {"class_type": "A"}},
        {"1": {"class_type": "A", "inputs": []}},
        {"1": "A"},
        {1: {"class_type": "A", "inputs": {}}},
    ],
)
def test_a_malformed_graph_is_found_before_it_is_sent(graph: Any) -> None:
    assert malformed(graph) is not None


def test_a_file_of_the_editor_is_told_how_to_be_exported() -> None:
    assert "Export (API)" in str(malformed({"nodes": [], "links": []}))


def test_a_recorded_graph_is_not_malformed() -> None:
    assert malformed(recorded("refusals")["prompt"]) is None


def test_ids_are_new_each_time_and_in_the_form_that_servers_take() -> None:
    ids = {new_prompt_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(is_prompt_id(one) for one in ids)
    assert not is_prompt_id(next(iter(ids)).upper())
    assert not is_prompt_id("x")
    assert new_client_id() != new_client_id()
    assert len({client_id_of(one) for one in ids}) == 100


def test_names_of_results_can_be_foretold() -> None:
    files = expected_files("komadori/7f3a/1", suffix=".png", count=2)

    assert [file.name for file in files] == [
        "komadori/7f3a/1_00001_.png",
        "komadori/7f3a/1_00002_.png",
    ]
    assert expected_files("run", suffix=".mp4")[0] == OutputFile(filename="run_00001_.mp4")


def test_a_foreign_file_type_is_not_guessed() -> None:
    assert OutputFile(filename="x.weird").media_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (errors.WorkflowRefused, BackendRefused),
        (errors.PromptFailed, BackendRefused),
        (errors.PromptInterrupted, BackendRefused),
        (errors.PromptRemoved, BackendRefused),
        (errors.OutOfMemory, BackendDown),
        (errors.GpuBroken, BackendDown),
        (errors.OutputMissing, BackendDown),
        (errors.ServerGone, BackendDown),
        (errors.ServerSilent, BackendDown),
        (errors.ServerSick, BackendDown),
        (errors.PromptLost, BackendDown),
        (errors.PromptSilent, BackendDown),
    ],
)
def test_whoever_knows_no_comfyui_still_knows_what_to_do(kind: type, parent: type) -> None:
    assert issubclass(kind, parent)


def test_foreign_words_come_on_one_line_and_not_too_long() -> None:
    said = errors.clean("a\x1b[31m\nb\u202ec " + "x" * 500)

    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) <= 300
