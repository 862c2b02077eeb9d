"""From paragraphs and quotes to sentences: quote depth first, in Chinese, English and mixed."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from komadori.pipeline.splitting import words_en
from komadori.pipeline.splitting.model import Kind, Paragraph, Quote, Sentence
from komadori.pipeline.splitting.patterns import CLAUSE_END, SAY_EN, SAY_ZH, SAY_ZH_END

_STOPS = re.compile(r"[。！？｡!?…‼⁇⁉؟।.]+")
_CLOSERS = frozenset("\"'“”‘’」』»＂）)]】》*_~～")
_GOES_ON = frozenset("，,；;：:、—–）)")
_ABBREVIATION = re.compile(
    rf"(?:^|[\s(“\"‘'\[])(?:(?i:{'|'.join(map(re.escape, words_en.ABBREVIATIONS.split()))})|"
    rf"[A-HJ-Z])\.$"
)
_INITIAL_I = re.compile(r"[A-Z]\. ?I\.$|[A-Z][a-z]+ I\.$")
_TAG_EN = re.compile(
    rf"\s*(?:{SAY_EN}\s+(?:the\b|[A-Z]|he\b|she\b|they\b|I\b|a\b|an\b|his\b|her\b|my\b)"
    rf"|(?:[A-Z][\w.’'-]*|[Tt]he|[Hh]is|[Hh]er|"
    rf"[Mm]y)(?:\s[\w’'-]+){{0,3}}?\s+(?:\w+ly\s+)?{SAY_EN}\b)"
    rf"(?![^.!?\"“”]{{0,40}}[:,]\s*[\"“])"
)
_TAG_EN_BOTH = re.compile(
    rf"\s*[a-zA-Z][^.!?\"“”:]{{0,30}}\b{SAY_EN}\b[^.!?\"“”:]{{0,30}},\s*[\"“][a-z]"
)
_TAG_ZH = re.compile(
    rf"\s*[^，。！？；：、“”「」『』\"\n]{{0,14}}?{SAY_ZH}{SAY_ZH_END}[^，。！？；：、“”「」『』"
    rf"\"\n]{{0,4}}"
    r"\s*(?:[。！？；…—]|$|，\s*[“「『\"]|，(?![^。！？：“「]{0,20}[：]))"
)
_TAG_ZH_NEXT = re.compile(rf"\s*[^。！？“”「」『』\"\n]{{0,30}}?{CLAUSE_END}[：:]")
_SHORT_CJK = 6


def sentences(story: str, parts: Sequence[Paragraph], quotes: Sequence[Quote]) -> list[Sentence]:
    """Return the sentences in order; together they hold all that is not white space."""
    splitter = _Splitter(story, quotes)
    return [sentence for number, part in enumerate(parts) for sentence in splitter.of(part, number)]


class _Splitter:
    def __init__(self, story: str, quotes: Sequence[Quote]) -> None:
        self._story = story
        self._quotes = [quote for quote in quotes if quote.closed]
        self._starts = [quote.start for quote in self._quotes]

    def of(self, part: Paragraph, number: int) -> Iterator[Sentence]:
        start = part.start
        for end in [*self._ends(part), part.end]:
            words = self._story[start:end]
            if not words.strip():
                continue
            yield Sentence(
                start + len(words) - len(words.lstrip()),
                end,
                number,
                part.kind,
                opens_paragraph=start == part.start,
                after_gap=part.after_gap and start == part.start,
            )
            start = end

    def _ends(self, part: Paragraph) -> Iterator[int]:
        if part.kind is not Kind.PROSE:
            return
        start = part.cue.speech_start if part.cue else part.start
        for match in _STOPS.finditer(self._story, start, part.end):
            end = self._past_closers(match.end(), part.end)
            if self._is_outside(match.start(), end) and self._is_end(start, match, end, part.end):
                yield end
                start = end

    def _past_closers(self, end: int, limit: int) -> int:
        while end < limit and self._story[end] in _CLOSERS and not self._opens(end):
            end += 1
        return end

    def _opens(self, at: int) -> bool:
        index = bisect_right(self._starts, at) - 1
        return index >= 0 and self._starts[index] == at

    def _quote_at(self, at: int) -> Quote | None:
        index = bisect_right(self._starts, at) - 1
        return self._quotes[index] if index >= 0 and at < self._quotes[index].end else None

    def _is_outside(self, at: int, end: int) -> bool:
        quote = self._quote_at(at)
        return quote is None or quote.end <= end

    def _is_end(self, start: int, stop: re.Match[str], end: int, limit: int) -> bool:
        rest = self._story[end : min(end + 90, limit)]
        if not rest.strip():
            return False  # the paragraph's own end comes anyway
        if rest.lstrip()[0] in _GOES_ON:
            return False
        if self._quote_at(stop.start()) and _is_tag(rest):
            return False
        if stop.group()[0] in "。！？｡":
            return True
        return self._is_western_end(start, stop, rest)

    def _is_western_end(self, start: int, stop: re.Match[str], rest: str) -> bool:
        following = rest.lstrip()[0]
        if "一" <= following <= "鿿":
            return stop.group()[0] != "…" or stop.start() - start >= _SHORT_CJK
        if following.islower() or (not rest[0].isspace() and following.isalnum()):
            return False
        before = self._story[max(start, stop.start() - 12) : stop.start() + 1]
        if stop.group() != ".":
            return True
        return not (_ABBREVIATION.search(before) or _INITIAL_I.search(before))


def _is_tag(rest: str) -> bool:
    """Whether words after a closed quote say who spoke it, rather than who speaks next."""
    if _TAG_EN.match(rest) or _TAG_EN_BOTH.match(rest):
        return True
    return bool(_TAG_ZH.match(rest)) and not _TAG_ZH_NEXT.match(rest)
