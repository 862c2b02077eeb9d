"""Reads the folder of provider files; a wrong one is named with its field and what is allowed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from komadori.backends.images.http_api.spec import ProviderSpec
from komadori.errors import KomadoriError

_SHOWN = 3


class ProviderInvalid(KomadoriError):
    """A provider's file can't be used; the message names file and field, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers of a folder, and what is wrong with the files that can't be used."""

    specs: tuple[ProviderSpec, ...]
    faults: Mapping[str, str]
    """Sentences by the file's name without its ending."""


def load_providers(folder: Path) -> Providers:
    """Return the providers of all *.yaml files of a folder, in the order of the files' names.

    One wrong file takes nobody else's provider away.
    """
    specs: dict[str, ProviderSpec] = {}
    files: dict[str, str] = {}
    faults: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            spec = load_provider(path)
        except ProviderInvalid as exc:
            faults[path.stem] = str(exc)
            continue
        first = files.setdefault(spec.name, path.name)
        if first != path.name:
            faults[path.stem] = f"{path.name}: name: {first} has {spec.name!r} already."
        else:
            specs[spec.name] = spec
    return Providers(tuple(specs.values()), faults)


def load_provider(path: Path) -> ProviderSpec:
    """Return the provider of one file. Raises ProviderInvalid."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ProviderInvalid(f"{path.name} can't be read: {_one_line(exc)}") from exc
    if not isinstance(data, dict):
        raise ProviderInvalid(f"{path.name} must hold keys and values, such as name: openai.")
    try:
        return ProviderSpec.model_validate(data)
    except ValidationError as exc:
        raise ProviderInvalid(_explained(path.name, exc)) from exc


def _explained(name: str, exc: ValidationError) -> str:
    lines = []
    for error in exc.errors(include_url=False, include_input=False)[:_SHOWN]:
        field = ".".join(str(part) for part in error["loc"]) or "the file"
        hint = "; put it into quotes" if error["type"] == "string_type" else ""
        lines.append(f"{name}: {field}: {error['msg'].removeprefix('Value error, ')}{hint}")
    return ". ".join(lines) + "."


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())
