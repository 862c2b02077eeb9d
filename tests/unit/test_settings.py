"""Settings: what wins over what, and the sentence for a value that cannot be."""

import os
import re
from pathlib import Path

import pytest

from komadori import settings
from komadori.settings import ROOT, SettingsInvalid, load_settings


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Tests see neither the environment nor the local.yaml of who runs them."""
    for name in list(os.environ):
        if name.startswith("KOMADORI_"):
            monkeypatch.delenv(name)
    path = tmp_path / "local.yaml"
    monkeypatch.setattr(settings, "LOCAL", path)
    return path


def test_the_defaults_are_a_whole_set() -> None:
    found = load_settings()

    assert found.data_dir == ROOT / "data"
    assert (found.page.host, found.page.port) == ("127.0.0.1", 7860)
    assert found.queue.backend == "sqlite"
    assert found.defaults.image.pixels == (1280, 720)
    assert found.database_url == f"sqlite:///{ROOT / 'data' / 'komadori.db'}"
    assert found.redis_url is None


def test_leases_outlast_three_busy_timeouts_by_default() -> None:
    from komadori.queue.store import BUSY_TIMEOUT_S

    assert load_settings().worker.lease_s >= 3 * BUSY_TIMEOUT_S


def test_local_yaml_wins_over_the_defaults_and_keeps_the_rest(local: Path) -> None:
    local.write_text("page:\n  port: 9000\n")

    found = load_settings()

    assert (found.page.host, found.page.port) == ("127.0.0.1", 9000)


def test_the_environment_wins_over_local_yaml(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local.write_text("page:\n  port: 9000\n")
    monkeypatch.setenv("KOMADORI_PAGE__PORT", "9001")

    assert load_settings().page.port == 9001


def test_an_empty_local_yaml_changes_nothing(local: Path) -> None:
    local.write_text("# nothing yet\n")

    assert load_settings().page.port == 7860


def test_the_data_folder_may_be_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KOMADORI_DATA_DIR", "~/panels")

    assert load_settings().data_dir == tmp_path / "panels"


def test_another_database_is_used_as_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMADORI_DATABASE__URL", "postgresql+psycopg://a:b@db/komadori")

    assert load_settings().database_url == "postgresql+psycopg://a:b@db/komadori"


def test_redis_is_used_only_when_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMADORI_QUEUE__REDIS_URL", "redis://cache:6379/0")
    assert load_settings().redis_url is None

    monkeypatch.setenv("KOMADORI_QUEUE__BACKEND", "redis")
    assert load_settings().redis_url == "redis://cache:6379/0"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMADORI_DATABASE__URL", "postgresql+psycopg://a:hunter2@db/k")
    monkeypatch.setenv("KOMADORI_QUEUE__REDIS_URL", "redis://:hunter2@cache/0")

    assert "hunter2" not in repr(load_settings())


def test_settings_do_not_change() -> None:
    found = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        found.page.port = 1  # type: ignore[misc]  # that it cannot be is the point


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PAGE__PORT", "70000", r"page\.port: .*65535 \(it is '70000'\).*KOMADORI_PAGE__PORT"),
        ("PAGE__PORT", "soup", r"Setting page\.port: .*integer"),
        ("QUEUE__BACKEND", "kafka", r"queue\.backend: .*'sqlite' or 'redis'"),
        ("QUEUE__BACKEND", "redis", r"set queue\.redis_url \(KOMADORI_QUEUE__REDIS_URL\)"),
        ("DEFAULTS__IMAGE__SIZE", "big", "'big' is not a size; write width x height"),
        ("DEFAULTS__IMAGE__SIZE", "1280x0", "is not a size"),
        ("DEFAULTS__IMAGE__SIZE", "1280x9999", "64 to 2048 pixels"),
        ("DEFAULTS__IMAGE__SIZE", "32x720", "64 to 2048 pixels"),
        ("DEFAULTS__CONCURRENCY__IMAGE_WORKERS", "0", "image_workers: .*greater than or equal"),
        ("DEFAULTS__STEP__SOFT_LIMIT_S", "600", "soft_limit_s must be smaller than hard_limit_s"),
        ("DEFAULTS__STEP__RETRIES", "-1", r"defaults\.step\.retries"),
        ("WORKER__LEASE_S", "0", r"worker\.lease_s"),
        ("HOUSEKEEPING__DELETED_AFTER_MINUTES", "-1", "deleted_after_minutes"),
        ("PAGE__COLOUR", "red", r"page\.colour: .*not permitted"),
        ("PAGE", "{", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KOMADORI_{name}", value)

    with pytest.raises(SettingsInvalid, match=sentence):
        load_settings()


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOMADORI_PAGE__PORT", "0")
    monkeypatch.setenv("KOMADORI_WORKER__MAX_STEPS", "0")

    with pytest.raises(SettingsInvalid) as refusal:
        load_settings()

    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == [
        "Setting page.port",
        "Setting worker.max_steps",
    ]


@pytest.mark.parametrize("text", ["page: [", "- a\n- list\n", "page: 7\n", "colour: red\n"])
def test_a_local_yaml_that_cannot_be_is_refused(text: str, local: Path) -> None:
    local.write_text(text)

    with pytest.raises(SettingsInvalid):
        load_settings()


def test_a_wrong_address_is_not_repeated_since_it_may_hold_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KOMADORI_DATABASE", '{"url": 5}')

    with pytest.raises(SettingsInvalid, match=r"database\.url") as refusal:
        load_settings()

    assert "5" not in str(refusal.value)


def _server(name: str, port: int, *, host: str = "127.0.0.1", **more: object) -> dict[str, object]:
    return {"name": name, "url": f"http://{host}:{port}", **more}


@pytest.mark.parametrize(
    ("servers", "sentence"),
    [
        ((_server("a", 1), _server("b", 1, host="localhost")), "have the same url"),
        (
            (
                _server("a", 1, command="x"),
                {"name": "b", "url": "http://localhost:1/p", "command": "x"},
            ),
            "'a' and 'b' would both listen at port 1 of 127.0.0.1; give each its own",
        ),
        (
            (_server("b", 3, command="x"), _server("a", 1, command="x", max_instances=3)),
            "the instances of 'a' take the ports 1 to 3, and 'b' has 3; give it a port after",
        ),
        (
            (_server("a", 1, command="x", max_instances=2), _server("a-2", 9)),
            "'a-2' is the name of an instance of the server 'a'",
        ),
    ],
)
def test_servers_that_are_in_each_others_way_are_refused(
    servers: tuple[dict[str, object], ...], sentence: str
) -> None:
    told = load_settings().comfyui.model_dump()

    with pytest.raises(SettingsInvalid, match=re.escape(sentence)):
        load_settings(comfyui=told | {"servers": servers})


def test_servers_side_by_side_are_taken() -> None:
    told = load_settings().comfyui.model_dump()
    servers = (
        _server("a", 1, command="x", max_instances=3),
        _server("b", 4, command="x"),
        _server("a-4", 2, host="another"),
        {"name": "c", "url": "https://there/one"},
        {"name": "d", "url": "https://there/two"},
    )

    found = load_settings(comfyui=told | {"servers": servers}).comfyui.servers

    assert [one.name for one in found] == ["a", "b", "a-4", "c", "d"]
