"""Charts of a server's last hours: SVG made here, with words and a table that say the same.

The drawing is stretched to the width of its place, so what must not be stretched (words, marks)
stands beside it as HTML.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from komadori.ui.render import clock_tag, duration_words, esc
from komadori.ui.texts import Language, say

_WIDE, _HIGH = 1000, 100
_GAP = 4.5
"""A line breaks where so many times the usual distance lies between two points."""
_GRID = (25, 50, 75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time that a chart shows."""

    since: float
    until: float

    @classmethod
    def ending(cls, now: float, hours: float, parts: int) -> "Window":
        """Return the last hours, ending where a part of the chart ends.

        Between two parts the drawing stays as it is: it neither trembles nor is sent again.
        """
        width = hours * 3600 / parts
        until = (now // width + 1) * width
        return cls(since=until - hours * 3600, until=until)

    def share(self, at: float) -> float:
        """Return where a moment lies, from 0 to 1."""
        return (at - self.since) / (self.until - self.since)

    def moments(self, count: int) -> tuple[float, ...]:
        """Return so many moments at even distances, both ends included."""
        step = (self.until - self.since) / (count - 1)
        return tuple(self.since + index * step for index in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened: a shape at a moment, and its words."""

    at: float
    shape: str
    look: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one chart shows. A point without a value is a gap."""

    key: str
    title: str
    points: tuple[tuple[float, float | None], ...]
    top: float = 100.0
    limit: float | None = None
    unit: str = ""
    is_stepped: bool = False

    @property
    def values(self) -> list[float]:
        """The values without the gaps."""
        return [value for _, value in self.points if value is not None]

    @property
    def now(self) -> float | None:
        """The newest value; None: there is none just now."""
        return self.points[-1][1] if self.points else None

    def written(self, value: float) -> str:
        """Write a value with its unit."""
        return f"{value:.0f}{self.unit}"


def chart(
    series: Series, marks: Sequence[Mark], window: Window, owner: str, language: Language
) -> str:
    """Draw one chart. `owner` makes its name the only one of its kind on the page."""
    return (
        f'<figure class="chart" data-key="{series.key}"><figcaption><b>{esc(series.title)}</b>'
        f"{_now(series, language)}{_limit_words(series, language)}</figcaption>"
        f'<div class="plot">{_drawing(series, window, f"{owner}-{series.key}", language)}'
        f'<span class="top" aria-hidden="true">{esc(series.written(series.top))}</span>'
        f"{''.join(_mark(mark, window) for mark in marks)}</div>"
        f"{_times(window, language)}</figure>"
    )


def top_of(values: Sequence[float]) -> float:
    """Return a round number that no value is above, for what has no limit of its own."""
    most = max(values, default=0.0)
    return next(
        (float(top) for top in (4, 8, 12, 20, 40, 80, 120, 200, 400) if most <= top), most * 1.1
    )


def _now(series: Series, language: Language) -> str:
    if series.now is None:
        return f'<span class="quiet">{esc(say(language, "chart_no_value"))}</span>'
    is_over = series.limit is not None and series.now >= series.limit
    look = ' class="is-over"' if is_over else ""
    shape = '<i aria-hidden="true">▲</i> ' if is_over else ""
    return f"<span{look}>{shape}{esc(series.written(series.now))}</span>"


def _limit_words(series: Series, language: Language) -> str:
    if series.limit is None:
        return ""
    word = say(language, "chart_limit", limit=series.written(series.limit))
    return f'<span class="limit-word">{esc(word)}</span>'


def _drawing(series: Series, window: Window, name: str, language: Language) -> str:
    runs = list(_runs(series, window))
    lines = "".join(_path(run, is_stepped=series.is_stepped) for run in runs)
    areas = "".join(_area(run, is_stepped=series.is_stepped) for run in runs)
    grid = "".join(f"M0 {y}H{_WIDE}" for y in _GRID)
    drawn = f'<path class="grid" d="{grid}"/><path class="area" d="{areas}"/>'
    drawn += f'<path class="line" d="{lines}"/>'
    if series.limit is not None:
        y = _y(series.limit, series.top)
        clip = f"over-{name}"
        drawn += (
            f'<clipPath id="{clip}"><path d="M0 0H{_WIDE}V{y:g}H0z"/></clipPath>'
            f'<path class="over" clip-path="url(#{clip})" d="{areas}"/>'
            f'<path class="limit" d="M0 {y:g}H{_WIDE}"/>'
        )
    title = esc(say(language, "chart_title", what=series.title))
    words = esc(described(series, window, language))
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="title-{name}" aria-describedby="words-{name}">'
        f'<title id="title-{name}">{title}</title><desc id="words-{name}">{words}</desc>'
        f"{drawn}</svg>"
    )


def described(series: Series, window: Window, language: Language) -> str:
    """Say in words what the chart shows."""
    values = series.values
    if not values:
        return say(language, "chart_empty")
    least, most = series.written(min(values)), series.written(max(values))
    words = say(language, "chart_between", least=least, most=most)
    if series.limit is None:
        return words
    over_s = _over_s(series, window)
    if over_s <= 0:
        return say(language, "chart_under", words=words, limit=series.written(series.limit))
    time = duration_words(over_s, language)
    return say(language, "chart_over", words=words, limit=series.written(series.limit), time=time)


def _over_s(series: Series, window: Window) -> float:
    """Return for how long the values were over the limit, as far as the points tell."""
    limit = series.limit if series.limit is not None else float("inf")
    over = sum(value >= limit for value in series.values)
    return over * _usual_distance(series, window)


def _usual_distance(series: Series, window: Window) -> float:
    times = [at for at, _ in series.points]
    distances = sorted(later - at for at, later in pairwise(times))
    return distances[len(distances) // 2] if distances else window.until - window.since


Run = list[tuple[float, float]]


def _runs(series: Series, window: Window) -> Iterator[Run]:
    """Yield the parts of the line with nothing missing in between, in the drawing's measure."""
    gap = _GAP * _usual_distance(series, window)
    run: Run = []
    last_at = 0.0
    for at, value in series.points:
        if run and (value is None or at - last_at > gap):
            yield run
            run = []
        if value is not None:
            run.append((_WIDE * window.share(at), _y(value, series.top)))
            last_at = at
    if run:
        yield run


def _y(value: float, top: float) -> float:
    return round(_HIGH * (1 - min(max(value / top, 0.0), 1.0)), 1)


def _path(run: Run, *, is_stepped: bool) -> str:
    (x, y), rest = run[0], run[1:]
    if not rest:
        return f"M{x:.0f} {y:g}h1"
    if is_stepped:
        return f"M{x:.0f} {y:g}" + "".join(f"H{x:.0f}V{y:g}" for x, y in rest)
    return f"M{x:.0f} {y:g}L" + " ".join(f"{x:.0f} {y:g}" for x, y in rest)


def _area(run: Run, *, is_stepped: bool) -> str:
    last = f"{run[-1][0]:.0f}" if len(run) > 1 else f"{run[0][0] + 1:.0f}"
    return f"{_path(run, is_stepped=is_stepped)}L{last} {_HIGH}H{run[0][0]:.0f}z"


def _mark(mark: Mark, window: Window) -> str:
    share = window.share(mark.at)
    if not 0 <= share <= 1:
        return ""
    return (
        f'<i class="mark {mark.look}" style="left:{100 * share:.1f}%" title="{esc(mark.words)}">'
        f'<b aria-hidden="true">{mark.shape}</b></i>'
    )


def _times(window: Window, language: Language) -> str:
    begin, middle, _ = window.moments(3)
    now = esc(say(language, "chart_now"))
    return f'<div class="times">{clock_tag(begin)}{clock_tag(middle)}<span>{now}</span></div>'


def table(all_series: Sequence[Series], window: Window, rows: int, language: Language) -> str:
    """Write the same values as a table: a row for each of so many parts of the time."""
    heads = "".join(f'<th scope="col">{esc(one.title)}</th>' for one in all_series)
    when = esc(say(language, "chart_when"))
    moments = window.moments(rows + 1)
    body = "".join(
        f'<tr><th scope="row">{clock_tag(begin)}</th>'
        + "".join(f"<td>{_range(one, begin, end, language)}</td>" for one in all_series)
        + "</tr>"
        for begin, end in reversed(list(pairwise(moments)))
    )
    return (
        f'<table><thead><tr><th scope="col">{when}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _range(series: Series, begin: float, end: float, language: Language) -> str:
    values = [value for at, value in series.points if begin <= at < end and value is not None]
    if not values:
        return esc(say(language, "chart_no_value"))
    least, most = (f"{value:.0f}" for value in (min(values), max(values)))
    span = least if least == most else f"{least}–{most}"
    return esc(f"{span}{series.unit}")
