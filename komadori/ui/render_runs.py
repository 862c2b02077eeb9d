"""A picture's times beside those of the newest ones that the same provider made."""

from collections.abc import Mapping, Sequence
from statistics import median

from komadori.domain.states import StepState
from komadori.domain.view import JobView, RunView, StepView
from komadori.ui.render import esc
from komadori.ui.render_makers import maker_words
from komadori.ui.render_names import step_name
from komadori.ui.render_parts import by_kind, part_time, stage_words
from komadori.ui.texts import Language, say

RUNS_COMPARED = 12
_SHOWN_S = 0.0005
"""What takes less in both is not worth a row."""

Times = Mapping[str, float]


def compared_step(view: JobView) -> StepView | None:
    """Return the step whose times are worth comparing: the picture that was finished last."""
    done = [
        step
        for step in view.steps
        if step.kind.draws
        and step.state is StepState.COMPLETED
        and step.started_at is not None
        and step.ended_at is not None
        and step.spans
    ]
    return max(done, key=lambda step: step.ended_at or 0.0, default=None)


def comparison(view: JobView, step: StepView, runs: Sequence[RunView], language: Language) -> str:
    """Draw this picture's times by stage against the median of the newest others."""
    others = [run for run in runs if (run.job_id, run.number) != (view.id, step.number)]
    others = others[:RUNS_COMPARED]
    if not others:
        return f'<p class="quiet">{esc(say(language, "runs_none"))}</p>'
    mine = {"": _seconds(step), **by_kind(step.spans)}
    theirs = _medians([{"": run.seconds, **by_kind(run.spans)} for run in others])
    longest = max(mine[""], theirs[""], 0.001)
    rows = "".join(
        _row(kind, mine.get(kind, 0.0), theirs.get(kind, 0.0), longest, language)
        for kind in dict.fromkeys([*mine, *theirs])
        if max(mine.get(kind, 0.0), theirs.get(kind, 0.0)) >= _SHOWN_S
    )
    head = _head(step, language)
    return (
        f'<div class="runs"><h4>{esc(_title(step, len(others), language))}</h4>'
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )


def _seconds(step: StepView) -> float:
    return (step.ended_at or 0.0) - (step.started_at or 0.0)


def _medians(runs: Sequence[Times]) -> Times:
    """Return the median of each stage; a run without the stage spent nothing on it."""
    kinds = dict.fromkeys(kind for run in runs for kind in run)
    return {kind: median(run.get(kind, 0.0) for run in runs) for kind in kinds}


def _title(step: StepView, count: int, language: Language) -> str:
    name = step_name(step.kind, step.number, language)
    if step.making is None:
        return say(language, "runs_title", step=name, count=count)
    who = maker_words(step.making, language)
    return say(language, "runs_title_by", step=name, count=count, who=who)


def _head(step: StepView, language: Language) -> str:
    name = step_name(step.kind, step.number, language)
    usual = say(language, "runs_usual")
    return (
        f'<tr><th></th><th></th><th><i class="is-mine"></i>{esc(name)}</th>'
        f'<th><i class="is-usual"></i>{esc(usual)}</th></tr>'
    )


def _row(kind: str, mine: float, usual: float, longest: float, language: Language) -> str:
    name = say(language, "runs_whole") if not kind else stage_words(kind, language)
    whole = ' class="is-whole"' if not kind else ""
    return (
        f'<tr{whole}><th scope="row">{esc(name)}</th><td class="bars">'
        f'<i class="is-mine" style="width:{mine / longest:.2%}"></i>'
        f'<i class="is-usual" style="width:{usual / longest:.2%}"></i></td>'
        f"<td><b>{esc(_time(mine, language))}</b></td><td>{esc(_time(usual, language))}</td></tr>"
    )


def _time(seconds: float, language: Language) -> str:
    return part_time(seconds, language) if seconds else "–"
