"""How people of an English story look: adjectives at their mention, hair, beards and clothes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from komadori.pipeline.splitting import words_en
from komadori.pipeline.splitting.model import Gender, Mention, Sentence, Trait
from komadori.pipeline.splitting.patterns import any_of, words_of
from komadori.pipeline.splitting.roster import Roster

_KINDS = {
    "age": "old elderly aged ancient young little",
    "height": "tall lanky short small tiny petite",
    "build": (
        "fat stout plump chubby portly thin slim lean skinny gaunt slender strong muscular burly "
        "broad-shouldered"
    ),
    "hair": (
        "bald white-haired grey-haired gray-haired silver-haired red-haired fair-haired "
        "golden-haired black-haired dark-haired brown-haired long-haired short-haired blond blonde "
        "curly-haired"
    ),
    "beard": "bearded long-bearded white-bearded grey-bearded gray-bearded red-bearded "
    "clean-shaven beardless",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_LOOKS = any_of(" ".join(_KIND_OF))
_DETERMINERS = words_of("the a an his her my their our this that its")
_OWNERS = words_of("his her my their our")
# The words before a mention that keep it from being a person who looks so.
_DENYING = words_of("not never no nor neither without like as than isn't wasn't unlike")
_NOT_BETWEEN = words_of(
    "of in on at to by for with from into over under was is were had has and or but then than met "
    "saw that who which as like not no never nor so too good year years"
)
_KNOWN_LONG = words_of("teacher professor neighbour neighbor master friend servant")
_YOUNGER = words_of("sister brother prince princess son daughter girl boy child mermaid")
_FAR = 90
_WORD = re.compile(r"[\w'’-]+|[^\w\s]")

_COLOURS = (
    "white grey gray silver black dark red ginger auburn brown chestnut blond blonde golden fair "
    "yellow green blue purple pink orange scarlet crimson"
)
_SHAPES = "long short curly wavy straight messy wild tousled spiky braided thick bushy round small"
_FILL = (
    "very big fine great little thin old new heavy beautiful magnificent neat gold-rimmed woollen "
    "woolen leather silk wide pointed tall striped straw"
)
_WORDS = any_of(f"{_COLOURS} {_SHAPES} {_FILL}")
_SHOWN = frozenset(f"{_COLOURS} {_SHAPES} leather pointed striped straw".split())
_BODY = {
    "hair": "hair braids braid plaits pigtails ponytail curls",
    "beard": "beard moustache mustache",
    "glasses": "glasses spectacles eyeglasses",
}
_WORN = {
    "hat": "hat cap crown helmet hood headscarf shawl",
    "clothes": (
        "cloak coat dress gown skirt robe robes cape suit jacket overcoat raincoat sweater jumper "
        "apron armour armor kimono tunic vest uniform"
    ),
    "glasses": "glasses spectacles eyeglasses",
}
_NOUNS = {
    noun: kind
    for kinds in (_BODY, _WORN)
    for kind, nouns in kinds.items()
    for noun in nouns.split()
}


def _things(kinds: dict[str, str], name: str) -> str:
    nouns = any_of(" ".join(kinds.values()))
    return (
        rf"(?:(?:an?|the|his|her|a pair of)\s)?(?P<{name}>(?:(?:{_WORDS}),?\s){{0,3}}(?:{nouns}))\b"
    )


_NOT_LIKENESS = r"(?!\s+(?:brush|cut|shop|in (?:his|her) hands?))"
_HAS = re.compile(rf"(?:had|has|with)\s{_things(_BODY, 'thing')}{_NOT_LIKENESS}")
_WEARS = re.compile(
    rf"(?:with|in|wore|wears|wearing|dressed in|clad in)\s{_things(_WORN, 'thing')}"
)
_MORE = re.compile(
    r"(?:,\s|\sand\s|,\sand\s)(?:(?:with|wearing|wore|had|dressed in)\s)?"
    + _things(_BODY | _WORN, "thing")
)
_LIST = (
    rf"(?:(?:very|quite|rather|really|both|so|extremely)\s)?(?:{_LOOKS})"
    rf"(?:(?:,\s|\sand\s|,\sand\s|\s)(?:very\s)?(?:{_LOOKS}))*"
)
_PERSON = any_of(
    f"{words_en.MALE_ROLES} {words_en.FEMALE_ROLES} {words_en.OTHER_ROLES} person fellow lady"
)
_PEOPLE = re.compile(
    rf"\b(?:{_PERSON}|men|women|someone|somebody|another|others?|figure|people|crowd|everyone)\b"
)
_IS = re.compile(
    rf"(?:,?\s(?:who|that))?\s(?:was|is|looked)\s(?:(?P<noun>an?\s(?:\w+\s)??(?P<of>{_LIST})"
    rf"(?:\s\w+)?\s(?:{_PERSON})\b)|(?P<plain>{_LIST})"
    r"(?=\s*(?:[.,;!?:—]|$)|\s(?:and|but|with|as)\s))"
)
_APPOSED = re.compile(
    rf",\s(?:(?P<noun>an?\s(?P<of>{_LIST})\s(?:{_PERSON})\b)(?!,?\s(?:and|or)\s(?:an?|the)\b)"
    rf"|(?P<plain>{_LIST})(?=[,.;—]))"
)
_RELATIVE = re.compile(r",?\s(?:who\s)?(?:also\s|still\s)?")
_PRONOUN = re.compile(r"(?:^|(?<=[,;—]\s)|(?<=\sand\s))(?P<who>[Hh]e|[Ss]he)(?=\s)")
_OWN = re.compile(
    rf"\b(?P<who>[Hh]is|[Hh]er)\s(?:(?P<thing>(?:(?:{_WORDS}),?\s){{0,3}}"
    rf"(?:{any_of(' '.join(_BODY.values()))}))\b"
    rf"(?:\s(?:was|were|is)\s(?:very\s)?(?P<like>(?:{_WORDS})(?:\sand\s(?:{_WORDS}))?)\b)?)"
)
_CLAUSE_END = re.compile(r"[,;:—–.!?]|\s(?:and|but|while)\s")
_UNTRUE = re.compile(
    r"\b(?:when|if|once|before|until|used|dreamed|wished|wish|imagined|pretended|never|no longer|"
    r"not|without|would|lost)\b",
    re.IGNORECASE,
)


def traits(told: str, prose: Sequence[Sentence], roster: Roster) -> Iterator[Trait]:
    """Yield what the sentences tell of how people look."""
    before: _Clause | None = None
    for sentence in prose:
        reader = _Sentence(told, sentence, roster, None if sentence.opens_paragraph else before)
        yield from reader.traits()
        before = reader.clauses[-1] if reader.clauses else None


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause, who is named in it, and whether it may be about somebody else, too."""

    start: int
    end: int
    names: frozenset[str]
    has_strangers: bool

    @property
    def only(self) -> str | None:
        return next(iter(self.names)) if len(self.names) == 1 and not self.has_strangers else None


class _Sentence:
    """Reads one sentence. What is found has offsets into the story."""

    def __init__(
        self, told: str, sentence: Sentence, roster: Roster, before: _Clause | None
    ) -> None:
        self._told = told
        self._start, self._end = sentence.start, sentence.end
        self._roster = roster
        self._mentions = [
            mention
            for mention in roster.mentions(told, sentence.start, sentence.end)
            if told[mention.start].isascii()
        ]
        self._before = before
        self.clauses = list(self._clauses())

    def traits(self) -> Iterator[Trait]:
        for mention in self._mentions:
            yield from self._at(mention)
            yield from self._after(mention.name, mention.end)
        for match in _PRONOUN.finditer(self._words()):
            name = self._meant(match["who"], self._start + match.start())
            if name:
                yield from self._after(name, self._start + match.end())
        yield from self._owned()

    def _words(self) -> str:
        return self._told[self._start : self._end]

    def _clauses(self) -> Iterator[_Clause]:
        ends = [self._start + match.end() for match in _CLAUSE_END.finditer(self._words())]
        start = self._start
        for end in [*ends, self._end]:
            if self._told[start:end].strip(" ,;:.!?—–\n"):
                yield self._clause(start, end)
            start = end

    def _clause(self, start: int, end: int) -> _Clause:
        inside = [mention for mention in self._mentions if start <= mention.start < end]
        words = list(self._told[start:end])
        for mention in inside:
            words[mention.start - start : mention.end - start] = " " * (mention.end - mention.start)
        rest = "".join(words)
        is_strange = bool(_PEOPLE.search(rest) or re.search(r"\w\W+[A-Z][a-z]", rest))
        return _Clause(start, end, frozenset(mention.name for mention in inside), is_strange)

    def _at(self, mention: Mention) -> Iterator[Trait]:
        """Adjectives right before a mention, back to its article, and those in a longer alias."""
        whole = self._told[mention.start : mention.end]
        end = mention.start + (whole.rfind(" ") + 1 if whole.lower() != mention.name.lower() else 0)
        role = self._told[end : mention.end]
        words = [
            word.lower() for word in _WORD.findall(self._told[max(self._start, end - _FAR) : end])
        ]
        found, determiner = _adjectives(words, is_proper=role[:1].isupper() and not role.islower())
        for word in found:
            shown = _shown(word, role, determiner)
            if shown:
                yield Trait(mention.name, _KIND_OF[word], shown, mention.start)

    def _after(self, name: str, at: int) -> Iterator[Trait]:
        """What is said right after a mention: is tall, had a beard, with glasses, an old man."""
        for pattern in (_IS, _APPOSED):
            match = pattern.match(self._told, at, self._end)
            if match and not self._is_of_another(name, match) and not self._is_untrue(at):
                yield from _listed(name, match["of"] or match["plain"], at, match["noun"] or "")
                yield from self._things(name, match.end())
        yield from self._things(name, at)

    def _is_of_another(self, name: str, match: re.Match[str]) -> bool:
        return any(
            match.start() <= mention.start < match.end() and mention.name != name
            for mention in self._mentions
        )

    def _is_untrue(self, at: int) -> bool:
        start = max((clause.start for clause in self.clauses if clause.start <= at), default=at)
        return bool(_UNTRUE.search(self._told, start, at))

    def _things(self, name: str, at: int) -> Iterator[Trait]:
        lead = _RELATIVE.match(self._told, at, self._end)
        if not lead or self._is_untrue(at):
            return
        match = next(
            (m for p in (_HAS, _WEARS) if (m := p.match(self._told, lead.end(), self._end))), None
        )
        while match:
            yield from _thing(name, match["thing"], match.start("thing"))
            match = _MORE.match(self._told, match.end(), self._end)

    def _owned(self) -> Iterator[Trait]:
        for match in _OWN.finditer(self._words()):
            at = self._start + match.start()
            name = self._meant(match["who"], at)
            if name and not self._is_untrue(at):
                words = f"{match['like'].replace(' and ', ' ')} " if match["like"] else ""
                yield from _thing(name, words + match["thing"], at)

    def _meant(self, pronoun: str, at: int) -> str | None:
        """Return the only person a pronoun can mean: of its clause, else of the one before."""
        index = max((i for i, clause in enumerate(self.clauses) if clause.start <= at), default=-1)
        if index < 0:
            return None
        clause = self.clauses[index]
        before = self.clauses[index - 1] if index else self._before
        if clause.has_strangers and not pronoun.lower().endswith("e"):
            return None
        name = clause.only if clause.names else (before.only if before else None)
        return name if name and self._fits(name, pronoun) else None

    def _fits(self, name: str, pronoun: str) -> bool:
        gender = Gender.MALE if pronoun.lower() in ("he", "his") else Gender.FEMALE
        return self._roster.person(name).gender in (gender, Gender.UNKNOWN)


def _adjectives(words: Sequence[str], *, is_proper: bool) -> tuple[list[str], str]:
    """Walk back from a mention; return the adjectives and the article, if there is one.

    A name takes only what stands right before it, a role all back to its article.
    """
    close: list[str] = []
    far: list[str] = []
    unknown = 0
    for index in range(len(words) - 1, max(-1, len(words) - 9), -1):
        word, before = words[index], words[index - 1] if index else ""
        if word in _DETERMINERS:
            is_denied = bool(_DENYING & set(words[max(0, index - 2) : index]))
            return ([] if is_denied else close + far), word
        if word in _KIND_OF and not (word == "old" and before in ("good", "years", "year")):
            (far if unknown or "," in words[index:] or "and" in words[index:] else close).append(
                word
            )
        elif word not in (",", "and") or not (close or far):
            unknown += 1
            if is_proper or unknown > 1 or word in _NOT_BETWEEN or not word.isalpha():
                break
    is_denied = bool(_DENYING & set(words[-len(close) - 2 :]))
    return (close if is_proper and not is_denied else []), ""


def _shown(word: str, role: str, determiner: str) -> str:
    """Return the adjective as it can be drawn, or nothing where it does not tell the looks."""
    role = role.lower()
    if word == "old" and determiner in _OWNERS and role in _KNOWN_LONG:
        return ""
    if word == "little" and determiner and role not in _YOUNGER:
        return "small"  # the little tailor is no child
    return word


def _listed(name: str, words: str, at: int, noun: str) -> Iterator[Trait]:
    found = [word for word in re.findall(r"[a-z-]+", words.lower()) if word in _KIND_OF]
    for word in found:
        if word == "little" and ("old" in found or not noun):
            continue  # "a little old man", "a little tired"
        shown = _shown(word, noun.split()[-1] if noun else "", "a")
        yield Trait(name, _KIND_OF[word], shown, at)


def _thing(name: str, words: str, at: int) -> Iterator[Trait]:
    *adjectives, noun = words.lower().replace(",", "").split()
    kind = _NOUNS[noun]
    shown = [word for word in adjectives if word in _SHOWN]
    if noun == "hair" and not shown:
        return
    if kind == "glasses":
        shown = []
    yield Trait(name, kind, " ".join([*shown, noun]), at)
