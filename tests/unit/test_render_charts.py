"""Charts: lines that break where nothing is known, limits, marks, and the same in words."""

from xml.etree import ElementTree

import pytest

from komadori.ui.render_charts import Mark, Series, Window, chart, described, table, top_of

pytestmark = pytest.mark.unit

WINDOW = Window(since=0.0, until=1000.0)


def series(*points: tuple[float, float | None], **facts: object) -> Series:
    given: dict[str, object] = {"key": "ram", "title": "RAM", "points": points, "unit": " %"}
    return Series(**(given | facts))  # type: ignore[arg-type]


def drawn(one: Series, *marks: Mark) -> ElementTree.Element:
    """Return the chart as a tree, which also shows that it is well-formed."""
    return tree_of(chart(one, marks, WINDOW, "a", "en"))


def tree_of(html: str) -> ElementTree.Element:
    xml = html.replace(" data-minutes>", ' data-minutes="">')
    return ElementTree.fromstring(xml)  # noqa: S314  # our own


def path(tree: ElementTree.Element, name: str) -> str:
    return next(one.attrib["d"] for one in tree.iter("path") if one.attrib.get("class") == name)


def test_a_line_goes_through_its_points() -> None:
    tree = drawn(series((0, 0.0), (500, 50.0), (1000, 100.0)))

    assert path(tree, "line") == "M0 100L500 50 1000 0"


def test_a_line_breaks_where_nothing_is_known() -> None:
    missing = [(float(at), None if 400 <= at < 600 else 50.0) for at in range(0, 1000, 100)]
    silent = [(float(at), 50.0) for at in (0, 10, 20, 30, 800, 810, 820)]

    assert path(drawn(series(*missing)), "line").count("M") == 2
    assert path(drawn(series(*silent)), "line").count("M") == 2


def test_a_single_point_is_still_seen() -> None:
    assert path(drawn(series((500, 50.0))), "line") == "M500 50h1"


def test_counts_go_in_steps() -> None:
    line = path(drawn(series((0, 0.0), (500, 2.0), (1000, 1.0), top=4.0, is_stepped=True)), "line")

    assert line == "M0 100H500V50H1000V75"


def test_what_is_over_the_limit_is_filled_and_told_with_a_shape() -> None:
    over = drawn(series((0, 60.0), (1000, 90.0), limit=85.0))

    assert path(over, "limit") == "M0 15H1000"
    assert path(over, "over")
    caption = "".join(over.find("figcaption").itertext())  # type: ignore[union-attr]
    assert "▲ 90 %" in caption
    assert "limit 85 %" in caption
    assert "▲" not in "".join(drawn(series((0, 60.0), limit=85.0)).itertext())


def test_a_chart_says_in_words_what_it_shows() -> None:
    points = [(float(at), 90.0 if at >= 800 else 40.0) for at in range(0, 1000, 100)]

    words = described(series(*points, limit=85.0), WINDOW, "en")

    assert words == "Between 40 % and 90 %, over the limit of 85 % for 3 min 20 s"
    under = described(series((0, 1.0), (9, 7.0), limit=85.0), WINDOW, "zh")
    assert under == "在 1 % 和 7 % 之间，始终低于上限 85 %"
    tree = drawn(series(*points, limit=85.0))
    svg = tree.find("div/svg")
    assert svg is not None
    names = [svg.attrib["aria-labelledby"], svg.attrib["aria-describedby"]]
    assert [one.attrib["id"] for one in svg if one.tag in ("title", "desc")] == names
    assert svg.findtext("desc") == words


def test_marks_stand_at_their_time_and_those_outside_are_left_out() -> None:
    def mark(at: float) -> Mark:
        return Mark(at=at, shape="✕", look="is-failed", words="crashed: it ended")

    tree = drawn(series((0, 1.0)), mark(250), mark(-5), mark(2000))

    (shown,) = [one for one in tree.iter("i") if "mark" in one.attrib.get("class", "")]
    assert shown.attrib["style"] == "left:25.0%"
    assert shown.attrib["title"] == "crashed: it ended"


def test_the_window_moves_in_steps_so_that_the_drawing_rests() -> None:
    first = Window.ending(10_000.0, 1, 240)

    assert first == Window.ending(10_004.0, 1, 240)
    assert first != Window.ending(10_020.0, 1, 240)
    assert first.until >= 10_000.0
    assert first.until - first.since == 3600


def test_the_table_tells_the_range_of_each_part_newest_first() -> None:
    one = series((10, 40.0), (20, 60.0), (600, 70.0))

    rows = tree_of(table([one], WINDOW, 2, "en")).findall("tbody/tr")

    assert [row.findtext("td") for row in rows] == ["70 %", "40–60 %"]


def test_the_top_of_a_chart_without_a_limit_is_round() -> None:
    assert [top_of([most]) for most in (0, 3, 5, 9, 100)] == [4, 4, 8, 12, 120]
    assert top_of([]) == 4
    assert top_of([1000]) >= 1000


def test_times_are_left_to_the_readers_clock() -> None:
    tree = drawn(series((0, 1.0)))

    assert [one.text for one in tree.iter("time")] == [None, None]
