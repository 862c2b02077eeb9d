"""Which server gets the next prompt, and when a waiting one is better off elsewhere."""

from typing import Any

import pytest

from komadori.backends.comfy.pool import better_place, must_leave, ranked
from komadori.domain.servers import Device, Offer, ServerReport, ServerStanding, ServerState


def server(name: str, **about: Any) -> ServerStanding:
    report = {
        "state": ServerState.READY,
        "queue_remaining": about.pop("queue", 0),
        "offers": about.pop("offers", {"ink": Offer()}),
        "is_draining": about.pop("is_draining", False),
        "at_once": about.pop("at_once", 2),
        "devices": [Device(name="gpu", vram_total=int(about.pop("vram_gb", 24) * 1e9))],
    }
    report |= {"state": about.pop("state", ServerState.READY)}
    standing: dict[str, Any] = {"is_watched": True, "ours": 0, "last_workflow": "comfyui-ink"}
    return ServerStanding(
        report=ServerReport(name=name, url="http://127.0.0.1:1", since=0.0, **report),
        **standing | about,
    )


def names(*servers: ServerStanding, **how: Any) -> list[str]:
    return [one.report.name for one in ranked(servers, "ink", "comfyui-ink", **how)]


def test_the_one_with_less_to_do_comes_first() -> None:
    assert names(server("a", ours=1, queue=1), server("b")) == ["b", "a"]


def test_prompts_of_others_count_as_well_as_ours() -> None:
    assert names(server("a", queue=3), server("b", ours=1, queue=1)) == ["b", "a"]


def test_a_fast_server_with_a_prompt_is_still_sooner_than_a_slow_one_without() -> None:
    assert names(server("a", seconds=60.0), server("b", ours=1, queue=1, seconds=10.0)) == [
        "b",
        "a",
    ]


def test_a_server_that_has_the_model_loaded_is_preferred() -> None:
    other = server("a", last_workflow="comfyui-other", seconds=5.0)

    assert names(other, server("b", seconds=5.0)) == ["b", "a"]


def test_a_server_that_failed_lately_comes_later() -> None:
    assert names(server("a", failures=2), server("b")) == ["b", "a"]


@pytest.mark.parametrize(
    "sick",
    [
        server("a", ours=2),
        server("a", ours=1, at_once=1),
        server("a", is_draining=True),
        server("a", rests_until=100.0),
        server("a", offers={"ink": Offer(fault="a model is missing")}),
        *(
            server("a", state=state)
            for state in ServerState
            if state not in (ServerState.READY, ServerState.BUSY, ServerState.UP)
        ),
    ],
    ids=lambda sick: f"{sick.report.state} {sick.ours}",
)
def test_a_server_that_is_full_sick_leaving_or_lacks_a_model_gets_nothing(
    sick: ServerStanding,
) -> None:
    assert names(sick) == []


def test_a_server_that_nobody_watches_is_tried() -> None:
    assert names(server("a", state=ServerState.DOWN, is_watched=False)) == ["a"]


def test_a_server_that_was_not_asked_what_it_can_run_is_tried() -> None:
    assert names(server("a", offers={})) == ["a"]


def test_a_server_with_too_little_memory_for_the_model_comes_last() -> None:
    small, large = server("a", vram_gb=8), server("b", ours=1, queue=1)

    assert names(small, large) == ["a", "b"]
    assert names(small, large, vram_gb=12) == ["b", "a"]


def test_what_must_run_alone_goes_only_where_we_have_no_other() -> None:
    assert names(server("a", ours=1), server("b"), alone=True) == ["b"]


def test_a_waiting_prompt_is_better_off_where_nothing_runs() -> None:
    here = server("a", ours=2, queue=2)

    assert better_place([here, server("b")], "a", "ink", "comfyui-ink") == "b"
    assert better_place([here, server("b", queue=1)], "a", "ink", "comfyui-ink") is None


def test_a_waiting_prompt_does_not_move_to_a_server_that_would_take_longer() -> None:
    here, slow = server("a", ours=2, queue=2, seconds=5.0), server("b", seconds=60.0)

    assert better_place([here, slow], "a", "ink", "comfyui-ink") is None


def test_a_prompt_must_leave_a_server_that_drains_or_takes_no_more() -> None:
    assert must_leave([server("a", is_draining=True), server("b")], "a")
    assert must_leave([server("a", state=ServerState.SUSPECT), server("b")], "a")
    assert not must_leave([server("a"), server("b", is_draining=True)], "a")
