"""Who says what to whom, and who is meant where: one walk through the story from front to back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from komadori.pipeline.splitting.model import Kind, Mention, Paragraph, Quote, Sentence, Speech
from komadori.pipeline.splitting.roster import Memory, Roster
from komadori.pipeline.splitting.tags import Tag, TagReader, found_people

_ENDS_SPEECH = re.compile(r"[,.!?。！？，…—~～-]\s*$")
_NEAR = 6


@dataclass(frozen=True, slots=True)
class Talk:
    """All speech and all mentions of a story, in order."""

    speeches: tuple[Speech, ...]
    mentions: tuple[Mention, ...]


def talk(
    story: str,
    parts: Sequence[Paragraph],
    sentences: Sequence[Sentence],
    quotes: Sequence[Quote],
    roster: Roster,
    moves: frozenset[int],
) -> Talk:
    """Return who speaks and who is meant, over the whole story.

    `moves` are the indexes of sentences that lead to another place: talk there begins anew.
    """
    walk = _Walk(story, parts, quotes, roster)
    for index, sentence in enumerate(sentences):
        if index in moves:
            walk.moves_on()
        walk.through(sentence)
    speeches = _filled_backwards(walk.speeches, walk.places)
    return Talk(tuple(speeches), tuple(walk.mentions))


def _filled_backwards(
    speeches: Sequence[Speech], places: Sequence[tuple[int, int]]
) -> list[Speech]:
    """Give the first lines of a talk of two their speakers, once a later line names them.

    `places` are the scene and paragraph of each speech.
    """
    filled = list(speeches)
    for at in range(len(filled) - 2, -1, -1):
        following = filled[at + 1]
        (scene, paragraph), (next_scene, next_paragraph) = places[at], places[at + 1]
        is_near = scene == next_scene and 0 < next_paragraph - paragraph < 3
        if filled[at].speaker is None and is_near and following.listener:
            filled[at] = replace(filled[at], speaker=following.listener, listener=following.speaker)
        elif filled[at].speaker and not filled[at].listener and is_near:
            heard = following.speaker if following.speaker != filled[at].speaker else None
            filled[at] = replace(filled[at], listener=heard)
    return filled


class _Walk:
    def __init__(
        self, story: str, parts: Sequence[Paragraph], quotes: Sequence[Quote], roster: Roster
    ) -> None:
        self._story = story
        self._parts = parts
        self._quotes = list(quotes)
        self._next_quote = 0
        self._roster = roster
        self._memory = Memory(roster)
        self._tags = TagReader(story, roster, self._memory)
        self._turns: list[tuple[str, int]] = []
        self._present: list[str] = []
        self._scene = 0
        self._actor: tuple[str, int] | None = None
        self._tagged: tuple[str, int] | None = None
        self.speeches: list[Speech] = []
        self.mentions: list[Mention] = []
        self.places: list[tuple[int, int]] = []

    def moves_on(self) -> None:
        self._turns, self._present, self._actor, self._scene = [], [], None, len(self.speeches)

    def through(self, sentence: Sentence) -> None:
        if sentence.kind is not Kind.PROSE:
            return
        cue = self._parts[sentence.paragraph].cue
        if cue:
            self._spoken_line(sentence, cue.name, cue.speech_start)
            return
        quotes = self._quotes_of(sentence)
        at = sentence.start
        if not quotes:
            self._tagged = None
        for index, quote in enumerate(quotes):
            following = quotes[index + 1].start if index + 1 < len(quotes) else sentence.end
            self._speech(sentence, quote, at, following)
            at = min(quote.end, sentence.end)
        actor = self._tags.actor(at, sentence.end) if at == sentence.start else None
        self._narrated(at, sentence.end)
        if actor:
            self._actor = (actor, sentence.paragraph)

    def _quotes_of(self, sentence: Sentence) -> list[Quote]:
        """Return the quotes that begin in a sentence; an unclosed one may reach beyond it."""
        found = []
        while self._next_quote < len(self._quotes):
            quote = self._quotes[self._next_quote]
            if quote.start >= sentence.end:
                break
            found.append(quote)
            self._next_quote += 1
        return found

    def _speech(self, sentence: Sentence, quote: Quote, at: int, following: int) -> None:
        before = self._tags.before(at, quote.start)
        self._narrated(at, quote.start)
        after = self._tags.after(quote.end, max(following, quote.end))
        if not self._is_speech(quote, before, after):
            self._narrated(quote.start, quote.end)
            return
        start, end = quote.start + 1, quote.inner_end
        tag = after if after.speaker and not (before.has_verb and before.speaker) else before
        called = self._tags.vocative(start, end)
        speaker = tag.speaker
        if speaker is None and not (before.is_stranger or after.is_stranger):
            beside = self._tags.actor(quote.end, max(following, quote.end))
            speaker = beside or self._untagged(sentence, quote, at, called)
        listener = tag.listener or called or self._still_heard(speaker, sentence)
        listener = listener or self._other(speaker)
        self._said(Speech(start, end, speaker, listener if listener != speaker else None), sentence)
        is_told = bool(self._story[quote.end : max(following, quote.end)].strip())
        self._tagged = (speaker, sentence.paragraph) if speaker and is_told else None

    def _is_speech(self, quote: Quote, before: Tag, after: Tag) -> bool:
        words = self._story[quote.start + 1 : quote.inner_end]
        if not words.strip():
            return False
        if before.has_verb or after.has_verb or _ENDS_SPEECH.search(words):
            return True
        left = self._story[max(quote.start - 1, 0) : quote.start]
        is_alone = not left.strip() and not self._story[quote.end : quote.end + 1].strip()
        return is_alone and quote.start == self._parts[quote.paragraph].start

    def _untagged(
        self, sentence: Sentence, quote: Quote, at: int, called: str | None
    ) -> str | None:
        """Find who speaks when no tag tells: who acts beside it, who goes on, whose turn it is."""
        if self._tagged and self._tagged[1] == sentence.paragraph and at == quote.start:
            return self._tagged[0]  # "Yes," she said. "I do."
        acting = self._tags.actor(at, quote.start) if at < quote.start else None
        if acting and acting != called:
            return acting
        if self._actor and self._actor[1] == sentence.paragraph and self._actor[0] != called:
            return self._actor[0]
        last = self._turns[-1] if self._turns else None
        is_same_breath = at < quote.start and self._story[at : quote.start].strip()
        if last and last[1] == sentence.paragraph and is_same_breath:
            return last[0]
        return self._whose_turn(called)

    def _whose_turn(self, called: str | None) -> str | None:
        if not self._turns:
            others = [name for name in self._present[:2] if name != called]
            return others[0] if called and len(others) == 1 else None
        last = self._turns[-1][0]
        return self._other(last)

    def _still_heard(self, speaker: str | None, sentence: Sentence) -> str | None:
        """Whoever goes on talking talks to the same one."""
        is_same = bool(self.places) and self.places[-1] == (self._scene, sentence.paragraph)
        last = self.speeches[-1] if is_same else None
        return last.listener if last and last.speaker == speaker else None

    def _other(self, name: str | None) -> str | None:
        """Return the other one of a conversation of two."""
        if name is None:
            return None
        partners = [speaker for speaker, _ in reversed(self._turns[-_NEAR:]) if speaker != name]
        if partners:
            return partners[0]
        heard = [
            s.listener
            for s in reversed(self.speeches[self._scene :][-_NEAR:])
            if s.speaker == name and s.listener
        ]
        if self._turns and heard:
            return heard[0]
        others = [other for other in self._present[:3] if other != name]
        return others[0] if others else None

    def _spoken_line(self, sentence: Sentence, cue: str, speech_start: int) -> None:
        person = self._roster.owner(cue)
        name = person.name if person else None
        if name and sentence.start < speech_start:
            self._met(Mention(sentence.start, speech_start, name))
        start = max(sentence.start, speech_start)
        called = self._tags.vocative(start, sentence.end)
        listener = (called if called != name else None) or self._other(name)
        self._said(Speech(start, sentence.end, name, listener), sentence)

    def _said(self, speech: Speech, sentence: Sentence) -> None:
        self.speeches.append(speech)
        self.places.append((self._scene, sentence.paragraph))
        self._actor = None
        self.mentions += [
            Mention(m.start, m.end, m.name, is_quoted=True)
            for m in self._roster.mentions(self._story, speech.start, speech.end)
        ]
        if speech.speaker:
            self._turns.append((speech.speaker, sentence.paragraph))
            if speech.listener:
                self._remember(speech.listener)
            self._remember(speech.speaker)

    def _narrated(self, start: int, end: int) -> None:
        mentions = self._roster.mentions(self._story, start, end)
        for one in found_people(self._story, mentions, start, end):
            names = (one.name,) if one.name else self._memory.meant_by(one.words)
            for name in names:
                self._met(Mention(one.start, one.end, name))

    def _met(self, mention: Mention) -> None:
        self.mentions.append(mention)
        self._remember(mention.name)

    def _remember(self, name: str) -> None:
        self._memory.note(name)
        if name in self._present:
            self._present.remove(name)
        self._present.insert(0, name)
