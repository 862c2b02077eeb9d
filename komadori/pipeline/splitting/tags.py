"""Read what stands before and after quoted words: who speaks, and to whom."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from komadori.pipeline.splitting.model import Mention
from komadori.pipeline.splitting.patterns import SAY_EN, SAY_ZH, SAY_ZH_END
from komadori.pipeline.splitting.roster import PRONOUN, Memory, Roster

_SAY = re.compile(rf"\b{SAY_EN}\b|{SAY_ZH}", re.IGNORECASE)
# The full stop of a title ends no clause: said Dr. Harris.
_CLAUSES = re.compile(
    r"(?:[^,;:.!?，；：。！？…—]|(?<=\bDr)\.|(?<=\bMr)\.|(?<=\bMrs)\.|(?<=\bMs)\.|(?<=\bSt)\.)+"
)
_TAIL = re.compile(
    rf"(?:{SAY_EN}\b[^.!?\"“”]{{0,50}}|{SAY_ZH}{SAY_ZH_END}[^。！？“”]{{0,10}}?)[,，:：]?\s*$"
)
_COLON = re.compile(r"[:：]\s*$")
_TO_EN = re.compile(
    r"\b(?:to|told|asked|begged|warned|ordered|at)\s+(?:the|his|her|my|their|an?)?\s*$"
)
_TO_ZH = re.compile(
    r"(?:[对向朝跟问劝求和给]|告诉|回答|吩咐|安慰|提醒|命令|喊住|叫住|看着|望着|拉着|"
    r"拉住)(?:那个?|这个?)?$"
)
_VOCATIVE_BEFORE = re.compile(
    r"(?:^|[,，.!?。！？]\s*)(?:(?:my |dear |oh |哎呀?，?)*)$", re.IGNORECASE
)
_VOCATIVE_AFTER = re.compile(r"\s*(?:[,，.!?。！？…]|$)")
_STRANGER = re.compile(
    r"\b(?:an?|the|some(?:one|body)|everyone|everybody|another|others)\b|^\s*(?:[一那几]个|一位|有人|众|大家)",
    re.IGNORECASE,
)
_SELF = re.compile(r"(?:\bme|\bI am|\bI['’]m|我)[,，]?\s*$")
_OBJECT_MARK = re.compile(r"(?:[对向朝跟把被给]|告诉|看着|望着)(?:那个?|这个?)?$")
_POSSESSIVE = re.compile(r"['’]s\b|的(?!时候)")
_OBLIQUE = frozenset(["him", "his", "her", "hers", "them", "it", "its", "himself", "herself"])


@dataclass(frozen=True, slots=True)
class Tag:
    """What the words around a quote tell."""

    speaker: str | None = None
    listener: str | None = None
    has_verb: bool = False
    is_stranger: bool = False
    """The words name a speaker who is nobody of the cast: a voice, 有人."""


class TagReader:
    """Reads speech tags with a roster and with the memory of who was spoken of last."""

    def __init__(self, story: str, roster: Roster, memory: Memory) -> None:
        self._story = story
        self._roster = roster
        self._memory = memory

    def after(self, start: int, end: int) -> Tag:
        """Read the words that follow a quote."""
        clauses = list(_CLAUSES.finditer(self._story, start, end))[:2]
        for clause in clauses:
            verb = _SAY.search(self._story, clause.start(), clause.end())
            if verb and self._story[clause.end() : clause.end() + 1] in (":", "："):
                return Tag()  # it leads to the next quote
            if verb:
                return self._tagged(clause.start(), clause.end(), verb, may_invert=True)
            if clause.group().strip() and self._first(clause.start(), clause.end()) is None:
                return Tag()
        return Tag()

    def before(self, start: int, end: int) -> Tag:
        """Read the words that lead to a quote."""
        words = self._story[start:end]
        tail = _TAIL.search(words)
        if tail:
            verb = _SAY.search(self._story, start + tail.start(), end)
            if verb:
                left = self._clause_start(start, verb.start())
                tag = self._tagged(
                    left, end, verb, may_invert=words[: tail.start()].strip(" ,") == ""
                )
                speaker = tag.speaker or self._first_name(start, verb.start())
                return Tag(speaker, tag.listener, True, tag.is_stranger and speaker is None)
        if _COLON.search(words):
            return Tag(self._first_name(start, end), self._addressed(start, end), has_verb=True)
        return Tag()

    def actor(self, start: int, end: int) -> str | None:
        """Return who acts in a piece of narration: its first person."""
        return self._first_name(start, end)

    def vocative(self, start: int, end: int) -> str | None:
        """Return who is called by name in quoted words."""
        for mention in self._roster.mentions(self._story, start, end):
            before = self._story[start : mention.start]
            if _SELF.search(before):
                continue
            if _VOCATIVE_BEFORE.search(before) and _VOCATIVE_AFTER.match(
                self._story[mention.end : end]
            ):
                return mention.name
        return None

    def _tagged(self, start: int, end: int, verb: re.Match[str], *, may_invert: bool) -> Tag:
        speaker = self._subject(start, verb.start())
        if speaker is None and may_invert and verb.group().isascii():
            speaker = self._first(verb.end(), end)
        name = self._named(speaker)
        listener = self._addressed(start, end, but=name)
        is_stranger = speaker is None and bool(_STRANGER.search(self._story[start:end]))
        return Tag(name, listener if listener != name else None, True, is_stranger)

    def _clause_start(self, start: int, verb: int) -> int:
        """Where the clause of the verb begins; a clause with a subject may be one comma away."""
        clauses = [match.start() for match in _CLAUSES.finditer(self._story, start, verb)]
        for at in reversed(clauses):
            if self._subject(at, verb) is not None:
                return at
        return clauses[0] if clauses else start

    def _subject(self, start: int, verb: int) -> "_Found | None":
        """Return the subject left of the verb: not who is spoken to, not whose hand it is."""
        found = [one for one in self._all(start, verb) if not self._is_object(start, one)]
        if not found:
            return None
        is_cjk = not self._story[verb : verb + 1].isascii()
        return found[0] if is_cjk else found[-1]

    def _is_object(self, start: int, one: "_Found") -> bool:
        before = self._story[start : one.start]
        is_object = bool(_OBJECT_MARK.search(before) or _TO_EN.search(before))
        return (
            is_object
            or bool(_POSSESSIVE.match(self._story, one.end))
            or one.words.lower() in _OBLIQUE
        )

    def _addressed(self, start: int, end: int, but: str | None = None) -> str | None:
        for one in self._all(start, end):
            before = self._story[start : one.start]
            if _TO_ZH.search(before) or _TO_EN.search(before):
                return self._named(one, but=but)
        return None

    def _first(self, start: int, end: int) -> "_Found | None":
        return next(iter(self._all(start, end)), None)

    def _first_name(self, start: int, end: int) -> str | None:
        found = [one for one in self._all(start, end) if not self._is_object(start, one)]
        return next((name for one in found if (name := self._named(one))), None)

    def _named(self, one: "_Found | None", but: str | None = None) -> str | None:
        if one is None:
            return None
        if one.name:
            return one.name
        meant = self._memory.meant_by(one.words, but=but)
        return meant[0] if meant else None

    def _all(self, start: int, end: int) -> list["_Found"]:
        return found_people(self._story, self._roster.mentions(self._story, start, end), start, end)


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    words: str
    name: str | None


def found_people(story: str, mentions: Sequence[Mention], start: int, end: int) -> list[_Found]:
    """Return names and pronouns between two offsets, in order."""
    named = [_Found(m.start, m.end, story[m.start : m.end], m.name) for m in mentions]
    pronouns = [
        _Found(match.start(), match.end(), match.group(), None)
        for match in PRONOUN.finditer(story, start, end)
    ]
    return sorted(named + pronouns, key=lambda one: one.start)
