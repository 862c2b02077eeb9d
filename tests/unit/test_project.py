"""What holds for the checkout as a whole: names, docs, pins and the text that is in it."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# Folders that Python puts first on its path when something of ours is started.
STARTED_FROM = (ROOT, ROOT / "benchmarks", ROOT / "examples")
DEFAULTS = "config/default_config.yaml"
OWNED_BY_ROOMS = {"gradio", "huey", "sqlalchemy", "alembic", "torch", "funasr"}
# Written in pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:work|tmp|root|home/\w+|Users/\w+)" + r"/\w")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", STARTED_FROM, ids=lambda folder: folder.name)
def test_nothing_shadows_the_standard_library(folder: Path) -> None:
    found = {path.stem for path in folder.glob("*") if path.is_dir() or path.suffix == ".py"}

    assert not found & sys.stdlib_module_names


def make_targets() -> list[str]:
    return re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), flags=re.MULTILINE)


@pytest.mark.parametrize("target", make_targets())
def test_every_make_target_is_in_the_docs(target: str) -> None:
    docs = text_of("README.md") + text_of("CONTRIBUTING.md")

    assert re.search(rf"\bmake {target}(?![\w-])", docs)


def test_ci_calls_the_test_command_of_the_readme() -> None:
    command = "make test"

    assert command in text_of("README.md")
    assert command in text_of(".ci/run").splitlines()


def settings(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("setting", list(settings(yaml.safe_load(text_of(DEFAULTS)))))
def test_every_setting_is_in_the_readme(setting: str) -> None:
    assert re.search(rf"(?<![\w.]){re.escape(setting)}(?![\w.]*\w)", text_of("README.md"))


def requirement_lines() -> list[str]:
    lines = [
        line for path in ROOT.glob("requirements*.txt") for line in text_of(path.name).splitlines()
    ]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_every_requirement_is_pinned() -> None:
    loose = [
        line
        for line in requirement_lines()
        if not re.fullmatch(r"-r requirements[\w-]*\.txt|[\w.-]+(\[[\w,-]+\])?==[\w.+!]+", line)
    ]

    assert not loose


def test_requirements_lead_to_no_torch_yet() -> None:
    names = {re.split(r"[=\[]", line)[0].lower() for line in requirement_lines()}

    assert not names & {"torch", "torchaudio", "funasr"}


@pytest.mark.parametrize("entry_point", ["app.py", "huey_worker.py"])
def test_entry_points_leave_third_parties_to_their_rooms(entry_point: str) -> None:
    imported = {name.split(".")[0] for name in imports_of(text_of(entry_point))}

    assert not imported & OWNED_BY_ROOMS


def imports_of(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def our_files() -> Iterator[Path]:
    """All files that are not ignored by git."""
    ignored = {line.strip("/") for line in text_of(".gitignore").splitlines() if line.endswith("/")}
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if path.name in ignored or path.name == ".git" or path.match("*.egg-info"):
                continue
            if path.is_dir():
                folders.append(path)
            else:
                yield path


def test_no_file_names_a_place_on_someones_machine() -> None:
    found = {}
    for path in our_files():
        try:
            match = MACHINE_PATH.search(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # a picture or another binary
        if match:
            found[str(path.relative_to(ROOT))] = match[0]

    assert not found
