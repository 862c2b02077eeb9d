"""The fake ComfyUI looks at a prompt as the real one does: same order, same words, same holes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.comfy_files import Folders
from tests.fakes.comfy_nodes import Catalog, choices, is_choice

Problem = dict[str, Any]
_FILE_CHECKED = ("LoadImage", "LoadImageMask", "LoadImageOutput", "LoadVideo", "LoadAudio")
_LISTED_AT_MOST = 20
_TRACEBACK = ['  File "/srv/ComfyUI/execution.py", line 948, in validate_inputs\n']
_CASTS = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a prompt, and the outputs that will be made."""

    error: Problem | None = None
    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Any] = field(default_factory=dict)


def problem(kind: str, message: str, details: str, **extra: Any) -> Problem:
    """Return one error in the shape that all have."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


class Validator:
    """Looks at prompts; it casts their values in place, as the real one does."""

    def __init__(self, catalog: Catalog, folders: Folders, *, is_old: bool = False) -> None:
        self._catalog = catalog
        self._folders = folders
        self._is_old = is_old

    def verdict(self, prompt: Any, only: list[str] | None = None) -> Verdict:
        """Judge a prompt. One that is no dict of nodes raises whatever comes of it: HTTP 500."""
        outputs = []
        for node_id in prompt:
            if refusal := self._missing_class(node_id, prompt[node_id]):
                return Verdict(refusal)
            is_wanted = only is None or node_id in only
            if self._catalog.described(prompt[node_id]["class_type"])["output_node"] and is_wanted:
                outputs.append(node_id)
        if not outputs:
            return Verdict(problem("prompt_no_outputs", "Prompt has no outputs", ""))
        return self._judge_outputs(prompt, outputs)

    def _missing_class(self, node_id: str, node: Any) -> Problem | None:
        if self._is_old:
            return self._missing_class_of_old(node_id, node)
        if "class_type" not in node:
            title = node.get("_meta", {}).get("title") or f"Node ID #{node_id}"
            text = f"Node '{title}' has no class_type. The workflow may be corrupted or a custom"
            message, name = f"{text} node is missing.", None
        elif not self._catalog.has(name := node["class_type"]):
            title = node.get("_meta", {}).get("title") or name
            message = f"Node '{title}' not found. The custom node may not be installed."
        else:
            return None
        told = {"node_id": node_id, "class_type": name, "node_title": title}
        return problem("missing_node_type", message, f"Node ID '#{node_id}'", **told)

    def _missing_class_of_old(self, node_id: str, node: Any) -> Problem | None:
        if "class_type" not in node:
            text = "Cannot execute because a node is missing the class_type property."
        elif not self._catalog.has(node["class_type"]):
            text = f"Cannot execute because node {node['class_type']} does not exist."
        else:
            return None
        return problem("invalid_prompt", text, f"Node ID '#{node_id}'")

    def _judge_outputs(self, prompt: dict[str, Any], outputs: list[str]) -> Verdict:
        look = _Look(prompt, self._catalog, self._folders)
        good: list[str] = []
        node_errors: dict[str, Any] = {}
        for output in outputs:
            if look.is_good_output(output):
                good.append(output)
                continue
            for node_id, problems in look.found():
                told = {"errors": problems, "dependent_outputs": []}
                entry = node_errors.setdefault(
                    node_id, {**told, "class_type": prompt[node_id]["class_type"]}
                )
                entry["dependent_outputs"].append(output)
        if good:
            return Verdict(None, good, node_errors)
        if self._is_old and look.has_cycle:  # 0.3.64 says it in the error alone
            node_errors = {}
        message = "Prompt outputs failed validation"
        refusal = problem("prompt_outputs_failed_validation", message, "")
        return Verdict(refusal, [], node_errors)


class _Look:
    """One look at one prompt: what was found out about each node that was come to."""

    def __init__(self, prompt: dict[str, Any], catalog: Catalog, folders: Folders) -> None:
        self._prompt = prompt
        self._catalog = catalog
        self._folders = folders
        self._seen: dict[str, tuple[bool, list[Problem]]] = {}
        self._path: list[str] = []

    def found(self) -> Iterator[tuple[str, list[Problem]]]:
        """Return the nodes that have problems of their own."""
        for node_id, (is_good, problems) in self._seen.items():
            if not is_good and problems:
                yield node_id, problems

    @property
    def has_cycle(self) -> bool:
        """Whether a cycle was found."""
        kinds = (one["type"] for _, problems in self._seen.values() for one in problems)
        return "dependency_cycle" in kinds

    def is_good_output(self, node_id: str) -> bool:
        """Whether an output can be made; what its own links raise is its problem."""
        try:
            return self.is_good(node_id)
        except Exception as exc:  # noqa: BLE001  # as the real one does
            text = "Exception when validating node"
            told = {"exception_type": type(exc).__name__, "traceback": _TRACEBACK}
            self._seen[node_id] = (
                False,
                [problem("exception_during_validation", text, str(exc), **told)],
            )
            return False

    def is_good(self, node_id: str) -> bool:
        """Whether a node and all that it depends on are right."""
        if node_id in self._seen:
            return self._seen[node_id][0]
        if node_id in self._path:
            self._note_cycle(node_id)
            return False
        self._path.append(node_id)
        try:
            problems, is_sound = self._judge(node_id)
        finally:
            self._path.pop()
        if node_id not in self._seen:  # else it is part of a cycle
            self._seen[node_id] = (is_sound and not problems, problems)
        return self._seen[node_id][0]

    def _note_cycle(self, node_id: str) -> None:
        cycle = self._path[self._path.index(node_id) :]
        told = " -> ".join(
            f"{one} ({self._prompt[one]['class_type']})" for one in [*cycle, node_id]
        )
        for one in cycle:
            extra = {"node_id": one, "cycle_nodes": cycle}
            message = "Dependency cycle detected"
            self._seen[one] = (False, [problem("dependency_cycle", message, told, **extra)])

    def _judge(self, node_id: str) -> tuple[list[Problem], bool]:
        node = self._prompt[node_id]
        described = self._catalog.described(node["class_type"])["input"]
        problems: list[Problem] = []
        is_sound = True
        for category in ("required", "optional"):
            for name, kind in described.get(category, {}).items():
                config = [kind[0], kind[1] if len(kind) > 1 else {}]
                if name not in node["inputs"]:
                    if category == "required":
                        problems.append(_missing(name))
                    continue
                if isinstance(node["inputs"][name], list):
                    is_sound &= self._judge_link(node["inputs"][name], name, config, problems)
                else:
                    problems += self._judge_value(node, name, config)
        return problems, is_sound

    def _judge_link(
        self, link: list[Any], name: str, config: list[Any], problems: list[Problem]
    ) -> bool:
        extra = {"input_name": name, "input_config": config}
        if len(link) != 2:
            text = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            problems.append(problem("bad_linked_input", text, name, **extra, received_value=link))
            return True
        source = self._prompt[link[0]]["class_type"]  # a missing one is its follower's exception
        received = self._catalog.described(source)["output"][link[1]]
        if not _fits(received, config[0]):
            details = f"{name}, received_type({received}) mismatch input_type({config[0]})"
            text = "Return type mismatch between linked nodes"
            extra |= {"received_type": received, "linked_node": link}
            problems.append(problem("return_type_mismatch", text, details, **extra))
            return True
        try:
            return self.is_good(link[0])
        except Exception as exc:  # noqa: BLE001  # as the real one does
            self._seen[link[0]] = (False, [_inner(exc, extra, link)])
            return False

    def _judge_value(self, node: dict[str, Any], name: str, config: list[Any]) -> list[Problem]:
        value = node["inputs"][name]
        extra = {"input_name": name, "input_config": config, "received_value": value}
        if node["class_type"] in _FILE_CHECKED and _is_file(config):
            return self._judge_file(value, name)
        try:
            if isinstance(config[0], str) and config[0] in _CASTS:
                value = node["inputs"][name] = _CASTS[config[0]](value)
        except (ValueError, TypeError) as exc:
            text = f"Failed to convert an input value to a {config[0]} value"
            details = f"{name}, {value}, {exc}"
            extra["exception_message"] = str(exc)
            return [problem("invalid_input_type", text, details, **extra)]
        extra["received_value"] = value
        return [*_judge_bounds(value, name, config, extra), *_judge_choice(value, config, extra)]

    def _judge_file(self, value: Any, name: str) -> list[Problem]:
        if self._folders.annotated(str(value)).is_file():
            return []
        details = f"{name} - Invalid image file: {value}"
        text = "Custom validation failed for node"
        return [problem("custom_validation_failed", text, details, input_name=name)]


def _missing(name: str) -> Problem:
    text = "Required input is missing"
    return problem("required_input_missing", text, name, input_name=name)


def _inner(exc: Exception, extra: dict[str, Any], link: list[Any]) -> Problem:
    told = {
        **extra,
        "exception_message": str(exc),
        "exception_type": type(exc).__name__,
        "traceback": _TRACEBACK,
        "linked_node": link,
    }
    text = "Exception when validating inner node"
    return problem("exception_during_inner_validation", text, str(exc), **told)


def _is_file(config: list[Any]) -> bool:
    return any(key.endswith("_upload") for key in config[1])


def _judge_bounds(value: Any, name: str, config: list[Any], extra: dict[str, Any]) -> list[Problem]:
    least, most = config[1].get("min"), config[1].get("max")
    if least is not None and value < least:
        text = f"Value {value} smaller than min of {least}"
        return [problem("value_smaller_than_min", text, name, **extra)]
    if most is not None and value > most:
        text = f"Value {value} bigger than max of {most}"
        return [problem("value_bigger_than_max", text, name, **extra)]
    return []


def _judge_choice(value: Any, config: list[Any], extra: dict[str, Any]) -> list[Problem]:
    if not is_choice(config) or value in (listed := choices(config)):
        return []
    told = str(listed)
    if len(listed) > _LISTED_AT_MOST:
        told = f"(list of length {len(listed)})"
        extra["input_config"] = None
    details = f"{extra['input_name']}: '{value}' not in {told}"
    return [problem("value_not_in_list", "Value not in list", details, **extra)]


def _fits(received: Any, wanted: Any) -> bool:
    if "*" in (received, wanted) or received == wanted:
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return isinstance(received, str) and received == "COMBO"
    return set(received.split(",")) <= set(wanted.split(","))
