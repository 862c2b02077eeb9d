"""Cut sentences into smaller units where there are fewer of them than panels."""

import heapq
import re
from collections.abc import Callable, Iterator, Sequence

from komadori.pipeline.splitting import words_en, words_zh
from komadori.pipeline.splitting.model import Unit
from komadori.pipeline.splitting.patterns import any_of

_CLOSERS = r"[\"'”’」』）)\]]*"
_INNER_ENDS = re.compile(
    rf"[。！？｡]+{_CLOSERS}|[.!?…]+{_CLOSERS}(?=\s+[A-Z“\"'‘])|…+{_CLOSERS}(?=[一-鿿])"
)
_CLAUSES = re.compile(
    rf"[，；：、]{_CLOSERS}(?=.)|[,;:]{_CLOSERS}(?=\s)|[—–]+(?=.)|\s-\s", re.DOTALL
)
_JOINTS = re.compile(
    rf"\s(?=(?:{any_of(words_en.CONJUNCTIONS)})\s)|(?=(?:{any_of(words_zh.CONJUNCTIONS)}))|\n"
)
_LEAST_LATIN, _LEAST_CJK = 16, 5
_LONG_LATIN, _LONG_CJK = 160, 60
_CJK = re.compile(r"[぀-ヿ㐀-鿿]")
_UNJOINED = re.compile(r"[\u200d\ufe0f\u0300-\u036f\U0001f3fb-\U0001f3ff]")


def cut_to(story: str, units: Sequence[Unit], wanted: int) -> list[Unit]:
    """Cut the longest units again and again until there are `wanted`, or none can be cut."""
    pieces = {unit.start: unit for unit in units}
    queue = [(-unit.length, unit.start) for unit in units]
    heapq.heapify(queue)
    while queue and len(pieces) < wanted:
        _, start = heapq.heappop(queue)
        for piece in _halved(story, pieces[start]):
            if piece != pieces.get(piece.start):
                pieces[piece.start] = piece
                heapq.heappush(queue, (-piece.length, piece.start))
    return [pieces[start] for start in sorted(pieces)]


def cut_speeches(story: str, units: Sequence[Unit], ideal: float) -> list[Unit]:
    """Cut a unit that would swell its panel (a long speech in one pair of marks) at inner ends."""
    limit = max(2.5 * ideal, 120.0)
    result: list[Unit] = []
    stack = list(reversed(units))
    while stack:
        unit = stack.pop()
        at = _best(story, unit, _at_ends) if unit.length > limit else None
        if at is None:
            result.append(unit)
        else:
            stack += [Unit(at, unit.end), Unit(unit.start, at, unit.opens_paragraph)]
    return [_stripped(story, unit) for unit in result]


def _stripped(story: str, unit: Unit) -> Unit:
    words = story[unit.start : unit.end]
    start = unit.start + len(words) - len(words.lstrip())
    return Unit(start, unit.start + len(words.rstrip()), unit.opens_paragraph)


def _halved(story: str, unit: Unit) -> list[Unit]:
    for places in (_at_ends, _at_clauses, _at_joints, _anywhere):
        at = _best(story, unit, places)
        if at is not None:
            parts = (Unit(unit.start, at, unit.opens_paragraph), Unit(at, unit.end))
            return [_stripped(story, part) for part in parts]
    return [unit]


def _best(story: str, unit: Unit, places: Callable[[str], Iterator[int]]) -> int | None:
    """Return the cut nearest the middle that leaves something to tell on both sides."""
    words = story[unit.start : unit.end]
    is_cjk = len(_CJK.findall(words)) * 2 > len(words)
    least = _LEAST_CJK if is_cjk else _LEAST_LATIN
    cuts = [at for at in places(words) if least <= at <= len(words) - least]
    return unit.start + min(cuts, key=lambda at: abs(at - len(words) / 2)) if cuts else None


def _at_ends(words: str) -> Iterator[int]:
    return (match.end() for match in _INNER_ENDS.finditer(words))


def _at_clauses(words: str) -> Iterator[int]:
    return (match.end() for match in _CLAUSES.finditer(words))


def _at_joints(words: str) -> Iterator[int]:
    return (match.end() for match in _JOINTS.finditer(words))


def _anywhere(words: str) -> Iterator[int]:
    """Words without any mark are cut only when they are very many."""
    is_cjk = len(_CJK.findall(words)) * 2 > len(words)
    if len(words) < (_LONG_CJK if is_cjk else _LONG_LATIN):
        return iter(())
    spaces = [match.end() for match in re.finditer(r"\s+", words)]
    if spaces and not is_cjk:
        return iter(spaces)
    return (at for at in range(1, len(words)) if not _UNJOINED.search(words[at - 1 : at + 1]))
