"""How many instances of a server run, and what each has for itself."""

from pathlib import Path

import pytest

from komadori.domain.servers import ServerState
from komadori.monitors.comfy.scaling import (
    Instance,
    Scaler,
    address,
    instance_of,
    names_of,
    whole_command,
    with_port,
)
from komadori.settings import ServerSettings

S = ServerState
READY, IDLE = Instance(S.BUSY, 2), Instance(S.READY, 0)


def scaler(least: int = 1, most: int = 3) -> Scaler:
    return Scaler(least, most, up_after_s=20.0, down_after_s=300.0)


def test_work_that_waits_long_enough_starts_another_one() -> None:
    one = scaler()
    instances = [READY] * 3

    assert one.decide(0.0, 4, instances) == ""
    assert one.decide(19.0, 4, instances) == ""
    assert "4 steps wait" in one.decide(20.0, 4, instances)

    assert one.wanted == 2


def test_a_short_wait_starts_nothing() -> None:
    one = scaler()

    for now in range(0, 200, 10):
        one.decide(float(now), (now // 10) % 2, [READY] * 3)

    assert one.wanted == 1


def test_one_that_is_coming_is_waited_for() -> None:
    one = scaler()
    one.wanted = 2
    coming = [READY, Instance(S.STARTING, 0), IDLE]

    for now in range(0, 200, 5):
        one.decide(float(now), 9, coming)

    assert one.wanted == 2


def test_after_a_start_the_pause_begins_anew() -> None:
    one = scaler()
    times = []
    for now in range(100):
        if one.decide(float(now), 9, [READY] * 3):
            times.append(now)

    assert times == [20, 41]
    assert one.wanted == 3


def test_nothing_is_started_when_the_machine_is_full() -> None:
    one = scaler()

    for now in range(100):
        one.decide(float(now), 9, [READY] * 3, has_room=False)

    assert one.wanted == 1


def test_the_first_one_is_started_even_so_since_work_would_wait_for_ever() -> None:
    one = Scaler(0, 2, 20.0, 600.0)

    assert one.decide(0.0, 1, [Instance(ServerState.STOPPED, 0)] * 2, has_room=False)

    assert one.wanted == 1


def test_one_without_work_is_ended_late_and_never_the_last_of_the_least() -> None:
    one = scaler()
    one.wanted = 3
    times = []
    for now in range(0, 2000, 10):
        if one.decide(float(now), 0, [IDLE] * 3):
            times.append(now)

    assert times == [300, 610]
    assert one.wanted == 1


def test_one_that_works_is_not_ended() -> None:
    one = scaler()
    one.wanted = 2

    for now in range(0, 2000, 10):
        one.decide(float(now), 0, [IDLE, READY, IDLE])

    assert one.wanted == 2


def test_the_first_one_of_a_server_that_need_not_run_starts_at_once() -> None:
    one = scaler(least=0, most=1)

    assert one.decide(0.0, 0, [IDLE]) == ""
    assert one.wanted == 0
    assert one.decide(1.0, 1, [IDLE]) != ""
    assert one.wanted == 1


SERVER = ServerSettings(
    name="a",
    url="http://127.0.0.1:8188",
    command=("python", "main.py", "--port", "8188"),
    min_instances=1,
    max_instances=3,
)


def test_instances_are_named_by_number() -> None:
    assert names_of(SERVER) == ["a", "a-2", "a-3"]


def test_an_instance_has_what_it_may_not_share() -> None:
    second = instance_of(SERVER, 2, 8190, Path("/data/comfyui/a-2"))

    assert (second.name, second.url) == ("a-2", "http://127.0.0.1:8190")
    assert second.max_instances == 1
    assert second.command is not None
    assert second.command[:4] == SERVER.command
    options = dict(zip(second.command[4::2], second.command[5::2], strict=True))
    assert options == {
        "--port": "8190",
        "--temp-directory": "/data/comfyui/a-2/temp",
        "--user-directory": "/data/comfyui/a-2/user",
        "--database-url": "sqlite:////data/comfyui/a-2/comfyui.db",
    }


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        (("python", "main.py"), ("python", "main.py", "--port", "8188")),
        (("run", "--port=8188"), ("run", "--port=8188")),
        (("run", "--port", "8188"), ("run", "--port", "8188")),
    ],
)
def test_a_command_gets_the_port_of_its_address(
    command: tuple[str, ...], whole: tuple[str, ...]
) -> None:
    server = ServerSettings(name="a", url="http://127.0.0.1:8188", command=command)

    assert whole_command(server) == whole


def test_addresses_are_taken_apart_and_put_together() -> None:
    assert address("http://127.0.0.1:8188/") == ("127.0.0.1", 8188)
    assert address("https://comfy.example") == ("comfy.example", 443)
    assert address("http://[::1]:9") == ("::1", 9)
    assert with_port("http://127.0.0.1:8188/x", 9) == "http://127.0.0.1:9/x"
    assert with_port("http://comfy", 9) == "http://comfy:9"
