"""Reads the folder of workflows; a wrong one is named with its node and field, the others stay."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from komadori.backends.comfy.automatic import guess
from komadori.backends.comfy.bindings import Spec
from komadori.backends.comfy.graph import Graph, WorkflowInvalid, parse_graph
from komadori.backends.comfy.workflow import Workflow, make_workflow
from komadori.domain.backends import COMFY_PREFIX, is_backend_name

MAX_BYTES = 4_000_000
_NAME_MAX = 40 - len(COMFY_PREFIX)
"""The name of the backend is this much longer, and has its own limit."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Found:
    """The workflows of a folder, and what is wrong with the files that can't be used."""

    workflows: tuple[Workflow, ...]
    faults: Mapping[str, str]
    """Sentences by the file's name without its ending."""

    def named(self, name: str) -> Workflow | None:
        """Return the workflow of this name."""
        return next((one for one in self.workflows if one.name == name), None)


def load_workflows(folder: Path) -> Found:
    """Return the workflows of all *.json files of a folder, in the order of the files' names.

    One wrong file takes nobody else's workflow away.
    """
    workflows: dict[str, Workflow] = {}
    files: dict[str, str] = {}
    faults: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            workflow = load_workflow(path)
        except WorkflowInvalid as exc:
            faults[path.stem] = str(exc)
            continue
        first = files.setdefault(workflow.name, path.name)
        if first != path.name:
            faults[path.stem] = f"{path.name}: {first} has the name {workflow.name!r} already."
        else:
            workflows[workflow.name] = workflow
    for path in sorted(folder.glob("*.yaml")):
        if not path.with_suffix(".json").exists():
            faults[path.stem] = f"{path.name}: there is no {path.stem}.json beside it."
    return Found(tuple(workflows.values()), faults)


def load_workflow(path: Path) -> Workflow:
    """Return the workflow of a *.json file and the *.yaml beside it. Raises WorkflowInvalid."""
    beside = path.with_suffix(".yaml")
    reading = path.name
    try:
        name = _name(path.stem)
        graph = parse_graph(_text(path))
        if not beside.exists():
            return make_workflow(name, graph, _guessed(path.stem, graph))
        reading = beside.name
        return make_workflow(name, graph, _spec(beside))
    except WorkflowInvalid as exc:
        raise WorkflowInvalid(f"{reading}: {exc}.") from exc


def _name(stem: str) -> str:
    """Return the name that requests use, made of the file's."""
    name = re.sub(r"[^a-z0-9_-]+", "-", stem.casefold()).strip("-_")[:_NAME_MAX].rstrip("-_")
    if not is_backend_name(COMFY_PREFIX + name) or not name:
        raise WorkflowInvalid("the file's name must have letters a to z or digits in it")
    return name


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WorkflowInvalid(f"it is larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise WorkflowInvalid(f"it can't be read: {_one_line(exc)}") from exc


def _guessed(stem: str, graph: Graph) -> Spec:
    return _validated(guess(stem, graph))


def _spec(path: Path) -> Spec:
    try:
        data = yaml.safe_load(_text(path))
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # a date that is none, [[[[…
        raise WorkflowInvalid(f"it is no YAML: {_one_line(exc)}") from exc
    if not isinstance(data, dict):
        raise WorkflowInvalid("it must hold keys and values, such as label: My workflow")
    return _validated(data)


def _validated(data: dict[str, Any]) -> Spec:
    try:
        return Spec.model_validate(data)
    except ValidationError as exc:
        raise WorkflowInvalid(_explained(exc)) from exc


def _explained(exc: ValidationError) -> str:
    lines = []
    for error in exc.errors(include_url=False, include_input=False)[:_SHOWN]:
        field = ".".join(str(part) for part in error["loc"])
        hint = "; put it into quotes" if error["type"] == "string_type" else ""
        reason = error["msg"].removeprefix("Value error, ") + hint
        lines.append(f"{field}: {reason}" if field else reason)
    return ". ".join(lines)


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())
