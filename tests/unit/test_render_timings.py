"""The waterfall, the comparison with earlier runs, and the log: readable without pointing at it."""

import re
from dataclasses import replace
from typing import Any

import pytest

from komadori.domain.ids import ArtifactId, JobId, StepId
from komadori.domain.making import Making, ReferenceMade, Span
from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.view import JobView, LogEntry, RunView, StepView
from komadori.ui.render_log import log_lines
from komadori.ui.render_parts import by_kind, part_time, stage_words
from komadori.ui.render_runs import compared_step, comparison
from komadori.ui.render_waterfall import waterfall

pytestmark = pytest.mark.unit

SPANS = (
    Span(stage="references", start=0.0, seconds=0.02),
    Span(stage="compress scene", start=0.02, seconds=0.4),
    Span(stage="compress Mara", start=0.02, seconds=0.6),
    Span(stage="upload", start=0.62, seconds=0.38),
    Span(stage="wait", start=1.0, seconds=8.0),
    Span(stage="of_tomorrow", start=9.0, seconds=1.0),
)
MAKING = Making(
    provider="openai",
    label="OpenAI",
    model="gpt-image-2",
    why="asked for",
    timeout_s=47,
    timeout_reason="47 s: p95 of 38 runs of this size is 31 s, x1.5",
    references=(
        ReferenceMade(
            role="scene",
            picture=ArtifactId("a"),
            source_bytes=2_900_000,
            sent_bytes=212_000,
            width=1280,
            height=720,
            seconds=0.4,
        ),
    ),
    left_out=("Old Tan",),
)


def make_step(kind: StepKind, number: int, began: float, **facts: Any) -> StepView:
    """Return a step that took ten seconds."""
    given: dict[str, Any] = {
        "id": StepId(f"{kind.value}{number}"),
        "kind": kind,
        "number": number,
        "state": StepState.COMPLETED,
        "attempt": 1,
        "progress": 1.0,
        "message": "",
        "problem": None,
        "started_at": began,
        "ended_at": began + 10.0,
        "spans": SPANS,
        "making": MAKING,
        "picture": None,
    }
    return StepView(**(given | facts))


def make_view(*steps: StepView) -> JobView:
    """Return a job of these steps."""
    return JobView(
        id=JobId("job1"),
        kind=JobKind.FRAME,
        state=JobState.COMPLETED,
        stage=None,
        title="The lamp",
        progress=1.0,
        position=None,
        eta_s=None,
        problem=None,
        steps_total=len(steps),
        steps_done=len(steps),
        steps_failed=0,
        created_at=0.0,
        started_at=0.0,
        ended_at=0.0,
        deleted=False,
        target=None,
        request={},
        provider="openai",
        cost=(),
        cost_unknown=(),
        picked=None,
        source=None,
        frames=(),
        steps=steps,
        panels=(),
        sequence=1,
    )


def make_run(job: str, seconds: float) -> RunView:
    """Return a run whose waiting took all its time."""
    return RunView(
        job_id=JobId(job),
        kind=StepKind.FRAME,
        number=1,
        provider="openai",
        ended_at=0.0,
        seconds=seconds,
        spans=(Span(stage="wait", start=0.0, seconds=seconds),),
    )


def places(html: str) -> list[tuple[float, float]]:
    """Return where each bar begins and how wide it is, in per cent."""
    return [
        (float(left), float(width))
        for left, width in re.findall(r'style="left:([\d.]+)%;width:([\d.]+)%"', html)
    ]


def test_each_part_lies_at_its_own_time_also_side_by_side() -> None:
    html = waterfall(make_view(make_step(StepKind.FRAME, 1, 100.0)), "en")

    assert places(html) == [(0, 0.2), (0.2, 4), (0.2, 6), (6.2, 3.8), (10, 80), (90, 10)]


def test_parts_are_told_in_words_with_their_times_who_made_them_and_why() -> None:
    html = waterfall(make_view(make_step(StepKind.FRAME, 1, 100.0)), "en")

    for words in (
        "compressing the place",
        "compressing Mara",
        "600 ms",
        "2.9 MB → 212 KB",
        "waiting",
        "8.0 s",
        "of_tomorrow",
        "OpenAI · gpt-image-2 · as you asked · at most 47 s: p95 of 38 runs of this size is 31 s",
        "Left out: Old Tan.",
        "<b>10 s</b>",
    ):
        assert words in html, words


def test_a_legend_says_what_the_patterns_mean_and_names_only_those_that_are_there() -> None:
    html = waterfall(make_view(make_step(StepKind.FRAME, 1, 100.0)), "en")

    legend = html.partition('class="legend">')[2].partition("</p>")[0]
    assert re.findall(r"</i>([^<]+)<", legend) == [
        "preparing",
        "sending",
        "waiting for the answer",
        "the rest",
    ]


def test_several_steps_unfold_one_by_one_under_names_of_their_own() -> None:
    draft, picture = make_step(StepKind.DRAFT, 1, 100.0), make_step(StepKind.FRAME, 1, 110.0)

    html = waterfall(make_view(draft, picture), "en")
    assert html.count("<details") == 2
    assert 'data-key="draft-1"' in html
    assert 'data-key="frame-1"' in html
    assert 'class="bar" style="left:0.00%;width:50.00%"' in html
    assert 'class="bar" style="left:50.00%;width:50.00%"' in html


def test_a_long_pause_is_cut_out_and_told() -> None:
    draft, picture = make_step(StepKind.DRAFT, 1, 100.0), make_step(StepKind.FRAME, 1, 410.0)

    html = waterfall(make_view(draft, picture), "en")
    assert "5 min pause" in html
    assert 'class="bar" style="left:0.00%;width:47.17%"' in html
    assert 'class="bar" style="left:52.83%;width:47.17%"' in html


def test_a_step_that_runs_says_so_instead_of_a_time() -> None:
    running = make_step(
        StepKind.FRAME, 1, 105.0, state=StepState.RUNNING, ended_at=None, spans=(), making=None
    )

    html = waterfall(make_view(make_step(StepKind.DRAFT, 1, 100.0), running), "en")
    assert '<span class="took">running</span>' in html


def test_nothing_timed_is_said() -> None:
    waiting = make_step(StepKind.FRAME, 1, 0.0, started_at=None, ended_at=None, spans=())

    assert "Nothing has been timed yet." in waterfall(make_view(waiting), "en")


def test_side_by_side_counts_once() -> None:
    assert by_kind(SPANS)["compress"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0002, "<1 ms"), (0.0414, "41 ms"), (0.9996, "1.0 s"), (8, "8.0 s")]
)
def test_short_parts_are_told_in_milliseconds(seconds: float, said: str) -> None:
    assert part_time(seconds, "en") == said


def test_an_unknown_part_is_shown_as_it_is() -> None:
    assert stage_words("of_tomorrow", "zh") == "of_tomorrow"
    assert stage_words("compress 王七", "zh") == "压缩「王七」"


def test_a_picture_is_compared_with_the_median_of_the_others() -> None:
    step = make_step(StepKind.FRAME, 1, 100.0)
    view = make_view(step)
    runs = [make_run("job1", 10.0), *(make_run(f"o{n}", 4.0 + n) for n in range(3))]

    html = comparison(view, step, runs, "en")
    assert "Picture 1 against the median of the last 3 by OpenAI · gpt-image-2" in html
    assert "<td><b>10 s</b></td><td>5.0 s</td>" in html  # in all
    assert "<td><b>8.0 s</b></td><td>5.0 s</td>" in html  # waiting
    assert "<td><b>600 ms</b></td><td>–</td>" in html  # compressing


def test_only_the_newest_twelve_others_are_compared() -> None:
    step = make_step(StepKind.FRAME, 1, 100.0)
    runs = [make_run(f"o{n}", 5.0) for n in range(19)]

    assert "last 12 by" in comparison(make_view(step), step, runs, "en")


def test_without_others_that_is_said() -> None:
    step = make_step(StepKind.FRAME, 1, 100.0)

    assert "nothing yet to compare" in comparison(
        make_view(step), step, [make_run("job1", 1)], "en"
    )


def test_the_newest_finished_picture_is_the_one_that_is_compared() -> None:
    old, new = make_step(StepKind.DRAFT, 1, 100.0), make_step(StepKind.FRAME, 1, 200.0)
    lost = make_step(StepKind.FRAME, 2, 300.0, state=StepState.FAILED)

    assert compared_step(make_view(old, new, lost)) is new
    assert compared_step(make_view(replace(lost, number=1))) is None


def entry(kind: str, **facts: Any) -> LogEntry:
    """Return a line of the log."""
    return LogEntry(sequence=1, at=0.0, kind=kind, facts=facts)


def test_the_log_says_by_whom_a_step_was_done_and_what_took_the_time() -> None:
    timings = {"compress scene": 0.4, "compress Mara": 0.6, "upload": 0.4, "wait": 8.0, "fit": 0.01}
    done = entry(
        "step_completed",
        step="frame",
        number=1,
        attempt=1,
        seconds=9.3,
        error=None,
        provider="openai",
        timings=timings,
    )

    assert (
        "Picture 1: done in 9.3 s · openai · compressing 600 ms, uploading 400 ms, waiting 8.0 s"
        in log_lines([done], "en")
    )
    assert "内置绘图器" in log_lines([entry("submitted", provider="sketch")], "zh")
