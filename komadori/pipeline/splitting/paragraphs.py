"""From a story to its paragraphs: headings, separators, lines of scripts, and wrapped lines joined.

The rule for headings: a heading stays in the text of the panel that opens its scene, and becomes
the title of the scenes under it. A separator (***) stays, too, at the end of what it closes.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from komadori.pipeline.splitting.model import Cue, Kind, Paragraph

_NUMBER = (
    r"(?:\d+|[ivxlcdm]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"the (?:first|last))"
)
_HEADING = re.compile(
    r"#{1,6}\s+\S.*"
    r"|第[0-9０-９一二三四五六七八九十百千零〇两]+[章回节幕集卷](?:$|[\s:：、.《·—-].*|"
    r"[^\s。，！？了的]{1,16}$)"
    r"|(?:楔子|序章|序幕|序言|引子|尾声|番外|终章|后记)(?:$|[\s:：].*)"
    r"|场景\s*[0-9一二三四五六七八九十]+.*"
    rf"|(?i:(?:chapter|scene|act|part|book|canto)\s+{_NUMBER}\b(?:$|[\s:.,—–-].*))"
    r"|(?i:(?:prologue|epilogue|interlude)(?:$|\s*[:.—–-].*))"
    r"|(?:\d+[.:]?\s+)?(?:INT|EXT|I/E|INT\.?\s*/\s*EXT)[. ].*"
    r"|(?:内景|外景)(?:$|[\s:：.，,].*)"
)
_SLUG = re.compile(r"(?:\d+[.:]?\s+)?(?:INT|EXT|I/E)[. /]|内景|外景")
_SEPARATOR = re.compile(r"[*＊#~～—–\-=_•·◇◆☆★○●※\s]+")
_TRANSITION = re.compile(r"(?:FADE (?:IN|OUT|TO BLACK)|(?:SMASH |MATCH )?CUT TO|DISSOLVE TO)[:.]?")
_HEADING_MAX = 70
_CUE_LINE = re.compile(r"[A-Z][A-Z .'’-]{1,28}(?:\s*\([A-Z.'’ ]+\))?")
_CUE_PREFIX = re.compile(
    r"(?P<name>[一-鿿·]{1,6}|[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*){0,2})"
    r"(?:\s*[(（][^()（）\n]{1,24}[)）])?\s*[:：]\s*(?=[^\s“”\"「『:：])"
)
_NOT_A_CUE = re.compile(r"[说道问答喊叫想着了]$|^(?:Note|Chapter|Scene|Act|Part|Moral|But|And)\b")
_ENDS = re.compile(r"[.!?。！？…｡][\"'“”‘’」』）)\]*_]*$")
_RUNS_ON = re.compile(r"[,;:，、；：—-]$")
_WRAPPED_LATIN = 45
_WRAPPED_CJK = 18


@dataclass(frozen=True, slots=True)
class _Text:
    start: int
    end: int
    words: str
    after_gap: bool


def paragraphs(story: str, known: frozenset[str] = frozenset()) -> list[Paragraph]:
    """Return the paragraphs in order; together they hold all that is not white space.

    `known` are names that may stand before a colon as the speaker of a script's line.
    """
    texts = list(_texts(story))
    cues = _Cues(texts, known)
    result: list[Paragraph] = []
    index = 0
    while index < len(texts):
        paragraph, index = _paragraph(texts, index, cues)
        result.append(paragraph)
    return result


def _texts(story: str) -> Iterator[_Text]:
    offset, gap = 0, False
    for line in story.split("\n"):
        words = line.strip()
        if words:
            start = offset + len(line) - len(line.lstrip())
            yield _Text(start, start + len(words), words, gap)
            gap = False
        else:
            gap = True
        offset += len(line) + 1


class _Cues:
    """Which lines name a speaker, in scripts (`ANNA` alone) and in plays (`Anna: ...`)."""

    def __init__(self, texts: list[_Text], known: frozenset[str]) -> None:
        alone = Counter(text.words for text in texts if _CUE_LINE.fullmatch(text.words))
        is_script = (
            any(_SLUG.match(text.words) for text in texts) or max(alone.values(), default=0) > 2
        )
        self._alone = frozenset(alone) if is_script else frozenset()
        found = (_CUE_PREFIX.match(text.words) for text in texts)
        names = Counter(match["name"] for match in found if match)
        self._names = frozenset(
            name
            for name, count in names.items()
            if name in known or (count > 1 and not _NOT_A_CUE.search(name))
        )

    def is_alone(self, text: _Text) -> bool:
        return text.words in self._alone

    def prefix(self, text: _Text) -> re.Match[str] | None:
        match = _CUE_PREFIX.match(text.words)
        return match if match and match["name"] in self._names else None

    def starts_here(self, text: _Text) -> bool:
        return self.is_alone(text) or self.prefix(text) is not None


def _paragraph(texts: list[_Text], index: int, cues: _Cues) -> tuple[Paragraph, int]:
    text = texts[index]
    kind = _kind(text.words)
    if kind is not Kind.PROSE:
        return Paragraph(text.start, text.end, kind, text.after_gap), index + 1
    if cues.is_alone(text) and _is_followed(texts, index, cues):
        last = _block_end(texts, index, cues)
        name = re.sub(r"\s*\(.*", "", text.words).title()
        cue = Cue(name, texts[index + 1].start)
        return Paragraph(text.start, texts[last].end, after_gap=text.after_gap, cue=cue), last + 1
    prefix = cues.prefix(text)
    last = _wrapped_end(texts, index, cues)
    spoken = Cue(prefix["name"], text.start + prefix.end()) if prefix else None
    return Paragraph(text.start, texts[last].end, after_gap=text.after_gap, cue=spoken), last + 1


def _kind(words: str) -> Kind:
    if _SEPARATOR.fullmatch(words) and len(words.replace(" ", "")) > 2:
        return Kind.SEPARATOR
    if _TRANSITION.fullmatch(words):
        return Kind.SEPARATOR
    if len(words) <= _HEADING_MAX and _HEADING.fullmatch(words):
        return Kind.HEADING
    return Kind.PROSE


def _is_followed(texts: list[_Text], index: int, cues: _Cues) -> bool:
    if index + 1 >= len(texts):
        return False
    following = texts[index + 1]
    is_near = not following.after_gap and not cues.is_alone(following)
    return is_near and _kind(following.words) is Kind.PROSE


def _block_end(texts: list[_Text], index: int, cues: _Cues) -> int:
    while _is_followed(texts, index, cues):
        index += 1
    return index


def _wrapped_end(texts: list[_Text], index: int, cues: _Cues) -> int:
    while index + 1 < len(texts) and _goes_on(texts[index], texts[index + 1], cues):
        index += 1
    return index


def _goes_on(line: _Text, following: _Text, cues: _Cues) -> bool:
    """Whether the line break between two lines is none of the author's making."""
    if _kind(following.words) is not Kind.PROSE or cues.starts_here(following):
        return False
    if line.words[-1] in ":：" and following.words[0] in '“"「『‘':
        return True
    if following.after_gap or _ENDS.search(line.words):
        return False
    if _RUNS_ON.search(line.words) or following.words[0].islower():
        return True
    is_cjk = "一" <= line.words[-1] <= "鿿"
    return len(line.words) >= (_WRAPPED_CJK if is_cjk else _WRAPPED_LATIN)
