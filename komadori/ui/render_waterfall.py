"""The waterfall: when each step ran, and what its time went into."""

from collections.abc import Sequence
from dataclasses import dataclass

from komadori.domain.making import Making, ReferenceMade, Span
from komadori.domain.states import StepState
from komadori.domain.view import JobView, StepView
from komadori.ui.render import duration_words, esc, size_words
from komadori.ui.render_makers import listed, maker_words
from komadori.ui.render_making import limit_words, price_words, reference_words, why_words
from komadori.ui.render_names import SHAPES, state_word, step_name
from komadori.ui.render_parts import (
    COMPRESS,
    WORKS,
    Interval,
    merged,
    part_time,
    stage_words,
    work_of,
)
from komadori.ui.texts import Language, say

_PAUSE_S = 2.0
_PAUSE_SHARE = 0.25
"""Where nothing ran for longer than both, the waterfall has a break instead of an empty plain."""
_BREAK = 0.06
"""As wide is a break, in parts of the time that is shown."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a moment lies between 0 and 1, with long pauses cut out."""

    busy: tuple[Interval, ...]

    @classmethod
    def over(cls, intervals: Sequence[Interval]) -> "Axis":
        """Return the axis that shows all of these."""
        work = sum(one.end - one.begin for one in merged(intervals))
        pause = max(_PAUSE_S, _PAUSE_SHARE * work)
        return cls(tuple(merged(intervals, bridging=pause)))

    @property
    def _scale(self) -> float:
        length = sum(one.end - one.begin for one in self.busy)
        return max(length, 0.001) * (1 + _BREAK * (len(self.busy) - 1))

    @property
    def _break(self) -> float:
        return max(sum(one.end - one.begin for one in self.busy), 0.001) * _BREAK

    def at(self, moment: float) -> float:
        """Return where a moment lies."""
        passed = 0.0
        for index, one in enumerate(self.busy):
            if moment <= one.end or index == len(self.busy) - 1:
                inside = min(max(moment, one.begin), one.end) - one.begin
                return min((passed + inside) / self._scale, 1.0)
            passed += one.end - one.begin + self._break
        return 0.0

    def pauses(self) -> list[tuple[float, float, float]]:
        """Return where each break begins and ends, and how many seconds it stands for."""
        pairs = zip(self.busy, self.busy[1:], strict=False)
        return [(self.at(a.end), self.at(b.begin), b.begin - a.end) for a, b in pairs]


def waterfall(view: JobView, language: Language) -> str:
    """Draw when each step ran and what its time went into; several steps unfold one by one."""
    timed = [step for step in view.steps if step.started_at is not None]
    if not timed:
        return f'<p class="quiet">{esc(say(language, "timings_empty"))}</p>'
    if len(timed) == 1:
        step = timed[0]
        name = step_name(step.kind, step.number, language)
        head = f'<p class="one"><b>{esc(name)}</b> {esc(_took_words(step, language))}</p>'
        return (
            f'<div class="waterfall">{head}{_legend(timed, language)}{_parts(step, language)}</div>'
        )
    axis = Axis.over([_interval(step) for step in timed])
    rows = "".join(_row(step, axis, language) for step in timed)
    return (
        f'<div class="waterfall">{_legend(timed, language)}{_ruler(axis, language)}'
        f'<ol class="steps">{rows}</ol></div>'
    )


def _interval(step: StepView) -> Interval:
    begin = step.started_at or 0.0
    known = begin + max((span.start + span.seconds for span in step.spans), default=0.0)
    return Interval(begin=begin, end=max(step.ended_at or known, begin))


def _legend(steps: Sequence[StepView], language: Language) -> str:
    seen = {work_of(span.stage) for step in steps for span in step.spans}
    entries = "".join(
        f'<span><i class="is-{work}"></i>{esc(say(language, f"work_{work}"))}</span>'
        for work in WORKS
        if work in seen
    )
    return f'<p class="legend">{entries}</p>' if entries else ""


def _ruler(axis: Axis, language: Language) -> str:
    """Say how long it took from end to end, and where a pause was cut out."""
    whole = axis.busy[-1].end - axis.busy[0].begin
    pauses = "".join(
        f'<i style="left:{begin:.2%};width:{end - begin:.2%}"></i>'
        f'<em style="--at:{(begin + end) / 2:.2%}">'
        f"{esc(say(language, 'timings_pause', time=duration_words(seconds, language)))}</em>"
        for begin, end, seconds in axis.pauses()
    )
    return (
        f'<p class="ruler"><span class="track"><b>0</b>{pauses}'
        f"<b>{esc(part_time(whole, language))}</b></span></p>"
    )


def _row(step: StepView, axis: Axis, language: Language) -> str:
    name = step_name(step.kind, step.number, language)
    state = step.state.value.lower()
    maker = maker_words(step.making, language) if step.making else ""
    return (
        f'<li class="is-{state}" data-key="{step.kind.value}-{step.number}">'
        f'<details data-key="parts"><summary><span class="what">{esc(name)}</span>'
        f'<span class="track">{_bar(step, axis)}</span>'
        f'<span class="took">{esc(_took_words(step, language))}</span>'
        f'<span class="who">{esc(maker)}</span></summary>{_parts(step, language)}</details></li>'
    )


def _took_words(step: StepView, language: Language) -> str:
    if step.state is StepState.RUNNING:
        return state_word(step.state, language)
    span = _interval(step)
    time = part_time(span.end - span.begin, language)
    return time if step.state is StepState.COMPLETED else f"{SHAPES[step.state]} {time}".strip()


def _bar(step: StepView, axis: Axis) -> str:
    span = _interval(step)
    left = axis.at(span.begin)
    right = 1.0 if step.state is StepState.RUNNING else axis.at(span.end)
    width = max(right - left, 0.0)
    length = max(span.end - span.begin, 0.001)
    pieces = "".join(
        f'<i class="is-{work}" style="{_place(piece.begin / length, piece.end / length)}"></i>'
        for work, piece in _pieces(step.spans)
    )
    return f'<span class="bar" style="left:{left:.2%};width:{width:.2%}">{pieces}</span>'


def _pieces(spans: Sequence[Span]) -> list[tuple[str, Interval]]:
    """Join the parts of one kind of work that overlap, as in several references at once."""
    works: dict[str, list[Interval]] = {}
    for span in spans:
        interval = Interval(begin=span.start, end=span.start + span.seconds)
        works.setdefault(work_of(span.stage), []).append(interval)
    return [(work, piece) for work, parts in works.items() for piece in merged(parts)]


def _parts(step: StepView, language: Language) -> str:
    """Draw one row for each part, at its own offset, and say who made it and why so."""
    whole = _interval(step)
    length = max(whole.end - whole.begin, 0.001)
    rows = "".join(_part(span, length, step.making, language) for span in step.spans)
    axis = Axis((Interval(begin=0.0, end=length),))
    drawn = f'{_ruler(axis, language)}<ol class="parts">{rows}</ol>' if rows else ""
    return f'<div class="inside">{drawn}{_about(step, language)}</div>'


def _part(span: Span, length: float, making: Making | None, language: Language) -> str:
    name = stage_words(span.stage, language)
    place = _place(span.start / length, (span.start + span.seconds) / length)
    note = _reference_words(span.stage, making, language)
    return (
        f'<li><span class="what">{esc(name)}</span>'
        f'<span class="track"><i class="is-{work_of(span.stage)}" style="{place}"></i></span>'
        f'<span class="took">{esc(part_time(span.seconds, language))}</span>'
        f'<span class="who">{esc(note)}</span></li>'
    )


def _place(begin: float, end: float) -> str:
    begin, end = min(max(begin, 0.0), 1.0), min(max(end, 0.0), 1.0)
    return f"left:{begin:.2%};width:{end - begin:.2%}"


def _reference_words(stage: str, making: Making | None, language: Language) -> str:
    """Say how much smaller a reference was made."""
    one = _reference_of(stage, making)
    if one is None:
        return ""
    if one.from_cache:
        return reference_words(one, language)
    return f"{size_words(one.source_bytes)} → {size_words(one.sent_bytes)}"


def _reference_of(stage: str, making: Making | None) -> ReferenceMade | None:
    if making is None or not stage.startswith(COMPRESS):
        return None
    name = stage.removeprefix(COMPRESS)
    return next((one for one in making.references if name == (one.name or one.role)), None)


def _about(step: StepView, language: Language) -> str:
    """Say who made it and why, how long it might have taken, and what it cost."""
    making = step.making
    if making is None:
        return ""
    words = [maker_words(making, language), why_words(making.why, language)]
    if making.timeout_s is not None:
        words.append(limit_words(making.timeout_s, making.timeout_reason, language))
    if making.cost is not None:
        words.append(price_words(making.cost))
    return _notes([" · ".join(word for word in words if word), *_warnings(making, language)])


def _warnings(making: Making, language: Language) -> list[str]:
    words = []
    if making.left_out:
        names = listed(making.left_out, language)
        words.append(say(language, "frame_left_out", names=names, label=making.label))
    if making.recovered:
        words.append(say(language, "frame_made_recovered"))
    return words


def _notes(sentences: Sequence[str]) -> str:
    return "".join(f'<p class="quiet">{esc(one)}</p>' for one in sentences)
