"""What those are told who wait for a ComfyUI server: which one, why, and what comes next."""

from dataclasses import replace
from typing import Any

import pytest

from komadori.domain.ids import JobId, StepId
from komadori.domain.servers import Offer, ServerReport, ServerState
from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.view import Frame, JobView, ListPart, Problem, StepView
from komadori.ui.render import problem_words, sentence
from komadori.ui.render_jobs import job_list
from komadori.ui.render_strip import strip
from komadori.ui.render_waits import away_words, in_question, retold
from komadori.ui.texts import Language
from tests.unit.servers import NOW, make_report

pytestmark = pytest.mark.unit

AWAY = Problem(code="server_away", message="Waiting for ComfyUI a: restarting, attempt 1 of 5.")
RESTARTING = make_report(ServerState.BACKOFF, attempt=1, reason="killed (signal 9)")
DOWN = make_report(
    ServerState.DOWN, is_owned=False, attempts_most=0, reason="nobody answers at its port"
)


def make_waiting(*servers: ServerReport, provider: str = "comfyui-sdxl") -> JobView:
    """Return a first frame that waits for a server."""
    empty: dict[str, Any] = dict.fromkeys(JobView.__dataclass_fields__)
    nothing: dict[str, Any] = dict.fromkeys(StepView.__dataclass_fields__)
    step = StepView(
        **{
            **nothing,
            "id": StepId("s1"),
            "kind": StepKind.FRAME,
            "number": 1,
            "state": StepState.WAITING,
            "progress": 0.0,
            "problem": AWAY,
            "waits_until": NOW + 15,
            "spans": (),
            "preview": 0,
        }
    )
    frame = Frame(
        kind=step.kind, number=1, state=step.state, picture=None, waits_until=step.waits_until
    )
    given: dict[str, Any] = {
        "id": JobId("job1"),
        "kind": JobKind.FRAME,
        "state": JobState.WAITING,
        "title": "Mei",
        "progress": 0.0,
        "problem": AWAY,
        "created_at": NOW - 60,
        "provider": provider,
        "steps": (step,),
        "panels": (),
        "frames": (frame,),
        "servers": servers,
    }
    return JobView(**(empty | given))


@pytest.mark.parametrize(
    ("report", "english", "chinese"),
    [
        (RESTARTING, "a: restarting, attempt 1 of 5", "a：正在重启，第 1 次尝试，最多 5 次"),
        (make_report(ServerState.STARTING), "a: starting", "a：正在启动"),
        (make_report(ServerState.STOPPING, restarts=1), "a: restarting", "a：正在重启"),
        (DOWN, "a: not reachable (nobody answers at its port)", "a：连不上，端口无人应答"),
        (make_report(is_draining=True), "a: takes no new prompts just now", "a：暂不接新请求"),
        (make_report(), "a: asked again in a moment", "a：马上再问一次"),
        (make_report(ServerState.STOPPED), "a: stopped", "a：已停止"),
    ],
)
def test_the_sentence_names_the_server_and_what_it_does(
    report: ServerReport, english: str, chinese: str
) -> None:
    view = make_waiting(report)

    assert sentence(view, "en") == f"Waiting for ComfyUI {english}"
    assert sentence(view, "zh") == f"在等 ComfyUI {chinese}"


@pytest.mark.parametrize("state", list(ServerState))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_there_are_words_for_each_state(state: ServerState, language: Language) -> None:
    assert away_words([make_report(state, attempt=0)], "comfyui-sdxl", language)


def test_the_stage_tells_since_when_and_leads_to_the_health_tab() -> None:
    failed = replace_report(ServerState.FAILED, next_try_at=NOW + 300)

    drawn = strip(make_waiting(failed), "en")

    assert "given up since <time " in drawn
    assert "next attempt at <time " in drawn
    assert '<a href="#health" data-room="health">See Health</a>' in drawn
    assert "goes on at" not in drawn


def replace_report(state: ServerState, **facts: Any) -> ServerReport:
    return RESTARTING.model_copy(update={"state": state, "attempt": 0, **facts})


def test_only_servers_that_may_run_the_workflow_are_named() -> None:
    able = make_report(name="able")
    faulty = make_report(name="faulty", offers={"sdxl": Offer(fault="no model")})
    unknown = make_report(name="unknown", offers={})

    assert [one.name for one in in_question([able, faulty, unknown], "comfyui-sdxl")] == ["able"]
    assert [one.name for one in in_question([faulty, unknown], "comfyui-sdxl")] == ["unknown"]
    assert [one.name for one in in_question([faulty], "comfyui-sdxl")] == ["faulty"]


def test_of_many_servers_some_are_named() -> None:
    many = [RESTARTING.model_copy(update={"name": name}) for name in "abcde"]

    words = away_words(many, "comfyui-sdxl", "en")

    assert words.endswith("c: restarting, attempt 1 of 5; and 2 more")
    assert away_words((), "comfyui-sdxl", "zh") == "在等 ComfyUI：还没有服务器受到监护"


def test_a_list_tells_it_in_the_readers_language_too() -> None:
    view = make_waiting(RESTARTING)
    part = ListPart(items=(view,), total=1)

    drawn = job_list(part, offset=0, state=None, kind=None, now=NOW, language="zh")["rows"][0]

    assert "在等 ComfyUI a：正在重启" in drawn
    assert "继续" not in drawn


def test_where_no_server_is_told_of_the_message_stands() -> None:
    view = make_waiting()
    problem = retold(view.problem, view, "en")

    assert problem == AWAY
    assert problem_words(AWAY, "en") == "Waiting for ComfyUI a: restarting, attempt 1 of 5"
    assert problem_words(AWAY, "zh") == "在等 ComfyUI，恢复后自动继续"


def test_other_problems_are_left_alone() -> None:
    other = Problem(code="refused", message="No.")
    view = replace(make_waiting(RESTARTING), problem=other)

    assert retold(other, view, "zh") is other
    assert retold(None, view, "zh") is None


def test_what_a_server_tells_does_not_act_as_markup() -> None:
    evil = DOWN.model_copy(update={"reason": "<img src=x onerror=alert(1)>"})

    assert "<img" not in strip(make_waiting(evil), "en")
