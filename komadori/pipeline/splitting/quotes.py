"""From paragraphs to what stands in quote marks. Marks without a partner do no harm."""

import re
from collections.abc import Iterator, Sequence

from komadori.pipeline.splitting.model import Kind, Paragraph, Quote

_PAIRS = {"“": "”", "「": "」", "『": "』", "‘": "’", "«": "»", "„": "”", "＂": "＂"}
_CLOSERS = frozenset(_PAIRS.values())
_MARKS = re.compile(r"[“”「」『』‘’«»„＂\"']")
_STRAIGHT_END = re.compile(r"[,.!?…—-]'(?!\w)")
_OPENS_AFTER = frozenset(" \t\u3000\n([（【—–-:：,，")
_Open = tuple[str, int]


def quotes(story: str, parts: Sequence[Paragraph]) -> list[Quote]:
    """Return the outermost quotes in order; none reaches over the end of its paragraph."""
    return [
        quote
        for number, part in enumerate(parts)
        if part.kind is Kind.PROSE and part.cue is None
        for quote in _outermost(_Reader(story, part, number).read())
    ]


def without_quotes(story: str, found: Sequence[Quote]) -> str:
    """Return the story with what is quoted turned into as many spaces."""
    pieces, at = [], 0
    for quote in found:
        pieces += [story[at : quote.start], " " * (quote.end - quote.start)]
        at = quote.end
    return "".join([*pieces, story[at:]])


def _outermost(found: Sequence[Quote]) -> Iterator[Quote]:
    end = -1
    for quote in sorted(found, key=lambda quote: (quote.start, -quote.end)):
        if quote.start >= end:
            yield quote
            end = quote.end


class _Reader:
    """Matches the marks of one paragraph with a stack."""

    def __init__(self, story: str, part: Paragraph, number: int) -> None:
        self._story = story
        self._part = part
        self._number = number
        self._open: list[_Open] = []
        self._found: list[Quote] = []

    def read(self) -> list[Quote]:
        for match in _MARKS.finditer(self._story, self._part.start, self._part.end):
            self._mark(match.group(), match.start())
        self._keep_the_unclosed()
        return self._found

    def _mark(self, mark: str, at: int) -> None:
        if mark == '"':
            self._straight(at)
        elif mark == "'":
            self._single(at)
        elif mark in _PAIRS and not (mark == _PAIRS[mark] and self._has_open(mark)):
            if mark != "‘" or not self._before(at).isalnum():
                self._open.append((_PAIRS[mark], at))
        elif mark in _CLOSERS and not (mark == "’" and self._is_apostrophe(at)):
            self._close(mark, at)

    def _straight(self, at: int) -> None:
        """A straight mark opens or closes: what stands around it tells."""
        opens = self._before(at) in _OPENS_AFTER and not self._after(at).isspace()
        if not self._has_open('"'):
            if not self._after(at).isspace():
                self._open.append(('"', at))
        elif opens and self._after(at).isalnum() and self._before(at).isspace():
            self._open = [entry for entry in self._open if entry[0] != '"']
            self._open.append(('"', at))
        else:
            self._close('"', at)

    def _single(self, at: int) -> None:
        if self._has_open("'"):
            if not self._after(at).isalnum() and self._before(at) in ",.!?…—-":
                self._close("'", at)
        elif self._opens_single(at):
            self._open.append(("'", at))

    def _opens_single(self, at: int) -> bool:
        if self._open or self._before(at) not in _OPENS_AFTER or not self._after(at).isalnum():
            return False
        return _STRAIGHT_END.search(self._story, at + 1, self._part.end) is not None

    def _is_apostrophe(self, at: int) -> bool:
        return (
            self._before(at).isalpha() and self._after(at).isalpha() and self._before(at).isascii()
        )

    def _has_open(self, closer: str) -> bool:
        return any(wanted == closer for wanted, _ in self._open)

    def _close(self, closer: str, at: int) -> None:
        if not self._has_open(closer):
            return
        wanted, start = self._open.pop()
        while wanted != closer:
            wanted, start = self._open.pop()
        self._found.append(Quote(start, at + 1, self._number))

    def _keep_the_unclosed(self) -> None:
        """Speech that goes on in the next paragraph has no closing mark in this one."""
        for closer, start in self._open:
            is_lead = start == self._part.start or self._before(start) in ":："
            if is_lead and closer in '”"」':
                end = min(
                    (quote.start for quote in self._found if quote.start > start), default=None
                )
                self._found.append(Quote(start, end or self._part.end, self._number, closed=False))

    def _before(self, at: int) -> str:
        return self._story[at - 1] if at > self._part.start else " "

    def _after(self, at: int) -> str:
        return self._story[at + 1] if at + 1 < self._part.end else " "
