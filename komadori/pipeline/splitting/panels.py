"""Fit units to panels: each scene its share by length, then dynamic programming inside a scene."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from komadori.pipeline.splitting.model import Unit

_BREAK_BONUS = 0.25
_MANY = 240


class Beat(StrEnum):
    """What a wordless panel shows."""

    ESTABLISHING = "establishing"
    REACTION = "reaction"
    LOOK = "look"
    PAUSE = "pause"
    INSERT = "insert"


@dataclass(frozen=True, slots=True)
class Slot:
    """One panel to be: a part of the story, or a wordless beat beside it (then `beat` is set)."""

    scene: int
    start: int
    end: int
    beat: Beat | None = None
    turn: int = 0
    """How many beats of the same part came before, so that a long silence can vary."""


def fit(scenes: Sequence[Sequence[Unit]], panels: int, talking: frozenset[int]) -> list[Slot]:
    """Return exactly `panels` slots over the scenes' units; no slot reaches into two scenes.

    There may be at most as many scenes as panels. `talking` are the starts of units with speech
    or strong feeling, after which a silent reaction fits best.
    """
    total = sum(len(units) for units in scenes)
    if total < panels:
        return _with_beats(scenes, panels - total, talking)
    slots: list[Slot] = []
    for number, (units, share) in enumerate(zip(scenes, _shares(scenes, panels), strict=True)):
        slots += [Slot(number, start, end) for start, end in _fit_scene(units, share)]
    return slots


def _shares(scenes: Sequence[Sequence[Unit]], panels: int) -> list[int]:
    """Give every scene one panel and the rest by length, never more than it has units."""
    lengths = [sum(unit.length for unit in units) for units in scenes]
    shares = [1] * len(scenes)
    queue = [(-length / 2, index) for index, length in enumerate(lengths) if len(scenes[index]) > 1]
    heapq.heapify(queue)
    for _ in range(panels - len(scenes)):
        _, index = heapq.heappop(queue)
        shares[index] += 1
        if shares[index] < len(scenes[index]):
            heapq.heappush(queue, (-lengths[index] / (shares[index] + 1), index))
    return shares


def _fit_scene(units: Sequence[Unit], panels: int) -> list[tuple[int, int]]:
    """Cut a scene into panels of even length, rather at paragraphs than within them."""
    units = _grouped(units, panels)
    ends = [0]
    for unit in units:
        ends.append(ends[-1] + unit.length)
    ideal = ends[-1] / panels
    costs: list[list[float]] = [[0.0] + [float("inf")] * len(units)]
    cuts: list[list[int]] = []
    for panel in range(1, panels + 1):
        row, cut = _row(units, ends, costs[-1], panel, panels, ideal)
        costs.append(row)
        cuts.append(cut)
    return _traced(units, cuts)


def _row(
    units: Sequence[Unit],
    ends: Sequence[int],
    before: Sequence[float],
    panel: int,
    panels: int,
    ideal: float,
) -> tuple[list[float], list[int]]:
    """The cheapest way to tell the first `last` units in `panel` panels, for every `last`."""
    row, cut = [float("inf")] * (len(units) + 1), [0] * (len(units) + 1)
    for last in range(panel, len(units) - (panels - panel) + 1):
        for first in range(last - 1, panel - 2, -1):
            off = (ends[last] - ends[first] - ideal) / ideal
            bonus = _BREAK_BONUS * units[first].opens_paragraph
            cost = before[first] + off * off - bonus
            if cost < row[last]:
                row[last], cut[last] = cost, first
            if off > 1 and row[last] < float("inf") and off * off > row[last] + panels:
                break  # longer panels only get dearer
    return row, cut


def _traced(units: Sequence[Unit], cuts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    last = len(units)
    for cut in reversed(cuts):
        first = cut[last]
        spans.append((units[first].start, units[last - 1].end))
        last = first
    return spans[::-1]


def _grouped(units: Sequence[Unit], panels: int) -> Sequence[Unit]:
    """Join neighbours where there are very many, so that the table stays small."""
    size = len(units) // max(_MANY, 4 * panels)
    if size < 2:
        return units
    groups = [units[at : at + size] for at in range(0, len(units), size)]
    return [Unit(group[0].start, group[-1].end, group[0].opens_paragraph) for group in groups]


def _with_beats(
    scenes: Sequence[Sequence[Unit]], missing: int, talking: frozenset[int]
) -> list[Slot]:
    """One panel for each unit, and wordless beats between them as a manga would set them."""
    opening = min(len(scenes), (missing + 1) // 2)
    after = _spread(scenes, missing - opening, talking)
    slots: list[Slot] = []
    position = 0
    for number, units in enumerate(scenes):
        if number < opening:
            slots.append(Slot(number, units[0].start, units[0].end, Beat.ESTABLISHING))
        for unit in units:
            slots.append(Slot(number, unit.start, unit.end))
            slots += [
                Slot(number, unit.start, unit.end, _kind(turn, unit.start in talking), turn)
                for turn in range(after[position])
            ]
            position += 1
    return slots


def _spread(scenes: Sequence[Sequence[Unit]], beats: int, talking: frozenset[int]) -> list[int]:
    """Say how many beats follow each unit: evenly, those after speech first."""
    units = [unit for scene in scenes for unit in scene]
    each, rest = divmod(beats, len(units))
    order = sorted(
        range(len(units)), key=lambda at: (units[at].start not in talking, -units[at].length, at)
    )
    counts = [each] * len(units)
    for at in order[:rest]:
        counts[at] += 1
    return counts


def _kind(turn: int, is_talking: bool) -> Beat:
    """A face after words, else a look; people in most, a thing or a view between them."""
    first = (Beat.REACTION, Beat.LOOK) if is_talking else (Beat.LOOK, Beat.REACTION)
    kinds = (*first, Beat.INSERT, Beat.PAUSE, *first, Beat.ESTABLISHING)
    return kinds[turn % len(kinds)]
