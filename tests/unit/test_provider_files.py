"""The files that describe providers: what is shipped can be used, what is wrong is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from komadori.backends.images.http_api import HttpImages, load_providers
from komadori.backends.images.http_api.spec import is_own_host
from komadori.settings import ROOT

SHIPPED = ROOT / "config" / "providers"
MINIMAL: dict[str, Any] = {
    "name": "mine",
    "label": "My server",
    "base_url": "http://localhost:9000/api/",
    "key_env": None,
    "generate": {"path": "/draw"},
    "size": {"form": "pixels"},
}
EDIT = {
    "edit": {"path": "/edit"},
    "references": {"field": "images", "form": "base64", "max": 3},
}


def write(folder: Path, file: str = "mine.yaml", **changes: Any) -> Path:
    data = {key: value for key, value in (MINIMAL | changes).items() if value != "left out"}
    (folder / file).write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_file_is_named_for_its_provider_and_says_where_it_comes_from(path: Path) -> None:
    spec = {spec.name: spec for spec in load_providers(SHIPPED).specs}[path.stem]

    head = " ".join(path.read_text(encoding="utf-8").replace("#", " ").split())
    assert "not run against the live service here" in head
    assert "ritten from the vendor's published description" in head
    assert spec.is_paid
    assert spec.price is None
    assert spec.key_env


def test_all_shapes_are_shipped() -> None:
    specs = load_providers(SHIPPED).specs

    assert {spec.references.form for spec in specs if spec.references} == {
        "file",
        "gemini_parts",
        "data_uri",
        "base64",
    }
    assert {spec.size.form for spec in specs} == {"pixels", "ratio_x", "ratio_colon"}
    assert any(spec.tasks for spec in specs)


def test_a_small_file_is_enough_for_a_new_provider(tmp_path: Path) -> None:
    (spec,) = load_providers(write(tmp_path)).specs

    assert spec.base_url == "http://localhost:9000/api"
    facts = HttpImages(spec, {}).facts
    assert facts.is_ready
    assert facts.max_references == 0
    assert facts.kind == "http"


def test_a_provider_without_its_key_says_which_variable_is_missing(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    (spec,) = load_providers(write(tmp_path, key_env="MINE_KEY", **EDIT)).specs
    backend = HttpImages(spec, environ)

    assert not backend.facts.is_ready
    assert backend.facts.reason == "MINE_KEY is not set"
    assert backend.facts.max_references == 3

    environ["MINE_KEY"] = "   "
    assert not backend.facts.is_ready
    environ["MINE_KEY"] = "ab\ncd"
    assert backend.facts.reason == "MINE_KEY holds a character that no key has"
    environ["MINE_KEY"] = "abcd\n"
    assert backend.facts.is_ready


@pytest.mark.parametrize(("fields", "takes_seed"), [({}, False), ({"seed": "seed"}, True)])
def test_a_provider_takes_a_seed_when_its_file_has_a_field_for_it(
    tmp_path: Path, fields: dict[str, str], takes_seed: bool
) -> None:
    (spec,) = load_providers(write(tmp_path, fields=fields)).specs

    assert HttpImages(spec, {}).facts.takes_seed is takes_seed


def test_what_a_shipped_file_proposes_for_a_500_can_be_switched_on(tmp_path: Path) -> None:
    text = (SHIPPED / "openai.yaml").read_text(encoding="utf-8")
    switched = text.replace("# statuses:", "statuses:")
    (tmp_path / "openai.yaml").write_text(switched, encoding="utf-8")

    (spec,) = load_providers(tmp_path).specs

    assert spec.statuses == {500: "unknown"}


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"colour": "red"}, "the file", "'colour' is no key here; the keys are: name, label"),
        ({"size": {"form": "pixels", "colour": 1}}, "size", "the keys are: form, allowed"),
        ({"size": {"form": "metres"}}, "size.form", "'pixels', 'ratio_x', 'ratio_colon' or 'tier'"),
        ({"size": {"form": "ratio_x"}}, "size", "such as 16x9"),
        ({"size": {"form": "ratio_x", "allowed": ["16:9"]}}, "size", "of the form 16x9"),
        ({"size": {"form": "ratio_colon", "allowed": [969]}}, "size.allowed.0", "into quotes"),
        ({"size": {"form": "tier"}}, "size", "such as {1K: 1024"),
        ({"size": "left out"}, "size", "required"),
        ({"generate": "left out"}, "the file", "give generate, edit or both"),
        ({"edit": {"path": "/e"}}, "the file", "edit and references belong together"),
        ({"generate": {"path": "draw"}}, "generate.path", "^/"),
        ({"generate": {"path": "@evil.example/"}}, "generate.path", "^/"),
        ({"name": "auto"}, "name", "choose another name"),
        ({"name": "sketch"}, "name", "choose another name"),
        ({"name": "My Provider"}, "name", "a-z0-9"),
        ({"fallback": ["mine"]}, "the file", "other providers"),
        ({"base_url": "http://api.example.com"}, "base_url", "write https"),
        ({"base_url": "http://8.8.8.8/"}, "base_url", "write https"),
        ({"base_url": "https://user:secret@example.com"}, "base_url", "key_env"),
        ({"base_url": "https://example.com/?key=1"}, "base_url", "key_env"),
        ({"base_url": "example.com"}, "base_url", "https://host"),
        ({"key_env": "my-key"}, "key_env", "A-Z"),
        ({"statuses": {402: "fatal"}}, "statuses.402", "'refused', 'busy', 'down' or 'unknown'"),
        ({"fields": {"prompt": None}}, "the file", "fields.prompt must name a field"),
        ({"fields": {"tier": "quality"}}, "the file", "size.tiers"),
        (EDIT | {"edit": {"path": "/e", "encoding": "multipart"}}, "the file", "go together"),
        (
            {"generate": {"path": "/d", "encoding": "multipart"}, "fields": {"size": "a.b"}},
            "the file",
            "'a.b' can't be a field",
        ),
        (
            {
                "tasks": {
                    "id": "id",
                    "poll": "/t",
                    "status": "s",
                    "states": {"ok": "done"},
                    "pictures": ["p"],
                }
            },
            "tasks",
            "{id}",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_file_field_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], field: str, allowed: str
) -> None:
    write(tmp_path, **changes)

    found = load_providers(tmp_path)

    assert found.specs == ()
    assert f"mine.yaml: {field}: " in found.faults["mine"]
    assert allowed in found.faults["mine"]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [1\n", "\x00"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.yaml").write_text(text, encoding="utf-8")

    assert load_providers(tmp_path).faults["odd"].startswith("odd.yaml ")


def test_the_second_file_of_one_name_is_refused_and_told_the_first(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml")
    write(tmp_path, "b.yaml")

    found = load_providers(tmp_path)

    assert [spec.name for spec in found.specs] == ["mine"]
    assert found.faults == {"b": "b.yaml: name: a.yaml has 'mine' already."}


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "10.0.0.8", "192.168.1.2", "::1", "relay", "nas.local"]
)
def test_plain_http_is_for_hosts_of_ones_own(host: str) -> None:
    assert is_own_host(host)


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "127.0.0.1.example.com"])
def test_other_hosts_need_https(host: str) -> None:
    assert not is_own_host(host)
