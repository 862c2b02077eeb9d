"""The splitter's one entrance: a request becomes a storyboard, by rules alone, always the same."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from komadori.domain.requests import StoryboardRequest
from komadori.domain.story import Character, Line, Panel, Scene, Storyboard
from komadori.pipeline.splitting.appearance import appearances, described, without_speech
from komadori.pipeline.splitting.cast import find_people
from komadori.pipeline.splitting.clauses import cut_speeches, cut_to
from komadori.pipeline.splitting.dialogue import Talk, talk
from komadori.pipeline.splitting.model import Kind, Mention, Sentence, Speech, Trait, Unit
from komadori.pipeline.splitting.panels import Beat, Slot, fit
from komadori.pipeline.splitting.paragraphs import paragraphs
from komadori.pipeline.splitting.quotes import quotes, without_quotes
from komadori.pipeline.splitting.roster import Roster, with_introductions, with_learned_genders
from komadori.pipeline.splitting.scenes import SceneStart, fitted_starts, moves, scene_starts
from komadori.pipeline.splitting.sentences import sentences
from komadori.pipeline.splitting.shots import Look, has_emotion, shots

_CJK = re.compile(r"[㐀-䶿一-鿿]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÿ]+")
_AFTER_CJK_MARK = re.compile(
    r"(?<=[，。！？；：、」』）])\s+|(?<=[，。！？；：、…][”’])\s+(?=[“‘「『㐀-鿿])"
)
_STAGE_DIRECTION = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）)\s*")


def language_of(story: str) -> Literal["zh", "en"]:
    """Return the language most of a story is in; a Chinese character weighs as half a word."""
    return "zh" if len(_CJK.findall(story)) >= 2 * len(_LATIN_WORD.findall(story)) else "en"


def split(request: StoryboardRequest) -> Storyboard:
    """Split a story into exactly the panels asked for.

    Every sentence is in exactly one panel's text, in order; headings, too, at the head of the
    panel that opens their scene. Where there is less to tell than panels, long sentences are cut
    at clauses, and only then are wordless panels (text "") set between.
    """
    story = request.story
    language = language_of(story)
    parts = paragraphs(story, frozenset(character.name for character in request.characters))
    quoted = quotes(story, parts)
    told = without_quotes(story, quoted)
    all_sentences = sentences(story, parts, quoted)
    roster = find_people(story, told, parts, request.characters, language=language)
    roster = with_learned_genders(roster, told, all_sentences)
    starts = scene_starts(story, roster.masked(told), all_sentences)
    said = talk(story, parts, all_sentences, quoted, roster, moves(starts))
    introduced = with_introductions(roster, story, said.speeches)
    if introduced is not roster:  # the girl of the first page has a name now
        roster = introduced
        said = talk(story, parts, all_sentences, quoted, roster, moves(starts))
    starts, scenes = _scenes(starts, all_sentences, request.panels)
    slots = _slots(story, scenes, said, request.panels)
    board = _Board(story, roster, said, _named_scenes(starts), slots)
    drawn = board.panels()
    looks = appearances(without_speech(told, said.speeches), all_sentences, roster)
    return Storyboard(
        source="rules",
        language=language,
        cast=_cast(request.characters, roster, drawn, looks),
        panels=drawn,
    )


def _cast(
    given: Sequence[Character],
    roster: Roster,
    drawn: Sequence[Panel],
    looks: Mapping[str, tuple[Trait, ...]],
) -> tuple[Character, ...]:
    """Return the given cast as it is, then those found who are in a panel."""
    seen = {name for panel in drawn for name in panel.characters}
    found = [person for person in roster.people[len(given) :] if person.name in seen]
    return (
        *given,
        *(
            Character(
                name=person.name[:60],
                description=described(person, looks.get(person.name, ())),
            )
            for person in found
        ),
    )


def _scenes(
    starts: list[SceneStart], all_sentences: Sequence[Sentence], panels: int
) -> tuple[list[SceneStart], list[list[Unit]]]:
    starts = fitted_starts(starts, _lengths(starts, all_sentences), panels)
    bounds = [0, *(start.sentence for start in starts[1:]), len(all_sentences)]
    scenes = [_units(all_sentences[first:last]) for first, last in pairwise(bounds)]
    return starts, scenes


def _lengths(starts: Sequence[SceneStart], all_sentences: Sequence[Sentence]) -> list[int]:
    bounds = [*(start.sentence for start in starts), len(all_sentences)]
    sizes = [sentence.end - sentence.start for sentence in all_sentences]
    return [sum(sizes[first:last]) for first, last in pairwise(bounds)]


def _units(scene: Sequence[Sentence]) -> list[Unit]:
    """Return a unit for each sentence; headings go with what follows, separators with what was."""
    units: list[Unit] = []
    pending: int | None = None
    for sentence in scene:
        start = sentence.start if pending is None else pending
        if sentence.kind is Kind.HEADING or (sentence.kind is Kind.SEPARATOR and not units):
            pending = start
        elif sentence.kind is Kind.SEPARATOR and pending is None:
            units[-1] = Unit(units[-1].start, sentence.end, units[-1].opens_paragraph)
        else:
            units.append(Unit(start, sentence.end, sentence.opens_paragraph))
            pending = None
    if pending is not None:  # a heading with nothing under it
        start = units.pop().start if units else pending
        units.append(Unit(start, scene[-1].end, opens_paragraph=True))
    return units


def _slots(story: str, scenes: Sequence[Sequence[Unit]], said: Talk, panels: int) -> list[Slot]:
    ideal = sum(unit.length for units in scenes for unit in units) / panels
    scenes = [cut_speeches(story, units, ideal) for units in scenes]
    all_units = [unit for units in scenes for unit in units]
    if len(all_units) < panels:
        heads = [units[0].start for units in scenes]
        all_units = cut_to(story, all_units, panels)
        scenes = _regrouped(all_units, heads)
    return fit(scenes, panels, _talking(story, all_units, said))


def _regrouped(units: Sequence[Unit], heads: Sequence[int]) -> list[list[Unit]]:
    scenes: list[list[Unit]] = [[] for _ in heads]
    for unit in units:
        scenes[bisect_right(heads, unit.start) - 1].append(unit)
    return scenes


def _talking(story: str, units: Sequence[Unit], said: Talk) -> frozenset[int]:
    """Return the starts of units after which a face says more than words."""
    speeches = [speech.start for speech in said.speeches]
    return frozenset(
        unit.start
        for unit in units
        if bisect_left(speeches, unit.start) < bisect_left(speeches, unit.end)
        or has_emotion(story[unit.start : unit.end])
    )


def _named_scenes(starts: Sequence[SceneStart]) -> list[Scene]:
    return [
        Scene(
            number=number,
            title=start.title,
            setting=start.place.setting,
            time_of_day=start.place.time_of_day,
            weather=start.place.weather,
        )
        for number, start in enumerate(starts, 1)
    ]


def plain(words: str) -> str:
    """Return words with their white space normalised: one space, none after Chinese marks."""
    return " ".join(_AFTER_CJK_MARK.sub("", words.strip()).split())


class _Board:
    """Puts together what every panel shows."""

    def __init__(
        self, story: str, roster: Roster, said: Talk, scenes: Sequence[Scene], slots: Sequence[Slot]
    ) -> None:
        self._story = story
        self._order = {person.name: at for at, person in enumerate(roster.people)}
        self._said = said
        self._speech_ends = [speech.end for speech in said.speeches]
        self._mentions = sorted(said.mentions, key=lambda mention: mention.start)
        self._mention_starts = [mention.start for mention in self._mentions]
        self._scenes = scenes
        self._slots = slots

    def panels(self) -> tuple[Panel, ...]:
        looks = [self._look(at) for at in range(len(self._slots))]
        return tuple(
            Panel(
                number=number,
                scene=self._scenes[slot.scene],
                text=look.text,
                shot=shot,
                characters=look.characters,
                dialogue=look.dialogue,
            )
            for number, (slot, look, shot) in enumerate(
                zip(self._slots, looks, shots(looks), strict=True), 1
            )
        )

    def _look(self, at: int) -> Look:
        slot = self._slots[at]
        opens = at == 0 or self._slots[at - 1].scene != slot.scene
        lines = self._lines(slot)
        present = self._present(slot, lines)
        if slot.beat is None:
            return Look(plain(self._story[slot.start : slot.end]), present, lines, opens)
        around = present or self._near(at)
        return Look("", _of_beat(slot, around, lines), (), opens, slot.beat)

    def _near(self, at: int) -> tuple[str, ...]:
        """Return who is near a beat beside words of nobody: the last in its scene, or the next.

        Only a long silence brings somebody into a scene of nobody.
        """
        beat = self._slots[at]
        told = [
            (slot.scene != beat.scene, other > at, abs(at - other), slot)
            for other, slot in enumerate(self._slots)
            if slot.beat is None and (slot.scene == beat.scene or beat.turn)
        ]
        nearest = sorted(told, key=lambda entry: entry[:3])
        seen = (self._present(slot, self._lines(slot)) for *_, slot in nearest)
        return next((names for names in seen if names), ())

    def _speeches(self, slot: Slot) -> list[Speech]:
        first = bisect_right(self._speech_ends, slot.start)
        found = []
        for speech in self._said.speeches[first:]:
            if speech.start >= slot.end:
                break
            found.append(speech)
        return found

    def _lines(self, slot: Slot) -> tuple[Line, ...]:
        lines: list[Line] = []
        end = -1
        for speech in self._speeches(slot):
            start = max(speech.start, slot.start)
            words = self._story[start : min(speech.end, slot.end)]
            text = (plain(_STAGE_DIRECTION.sub(" ", words)) or plain(words)).rstrip(",，")
            is_one_breath = bool(lines) and not self._story[end:start].strip()
            if (
                is_one_breath and lines[-1].speaker == speech.speaker
            ):  # sentences of a script's line
                text = plain(f"{lines.pop().text} {text}")
            if text:
                lines.append(Line(text=text, speaker=speech.speaker, listener=speech.listener))
            end = speech.end
        return tuple(lines)

    def _present(self, slot: Slot, lines: Sequence[Line]) -> tuple[str, ...]:
        """Return who is in a panel, in the order of the cast: named, meant, speaking, spoken to."""
        names = {mention.name for mention in self._between(slot) if not mention.is_quoted}
        names |= {name for line in lines for name in (line.speaker, line.listener) if name}
        return tuple(sorted(names, key=self._order.__getitem__))

    def _between(self, slot: Slot) -> Sequence[Mention]:
        first = bisect_left(self._mention_starts, slot.start)
        return self._mentions[first : bisect_left(self._mention_starts, slot.end)]


def _of_beat(slot: Slot, present: tuple[str, ...], lines: Sequence[Line]) -> tuple[str, ...]:
    """Return who is in a wordless panel: nobody in a view or of a thing, one in a reaction."""
    if slot.beat in (Beat.ESTABLISHING, Beat.INSERT):
        return ()
    if slot.beat is Beat.REACTION:
        heard = next((line.listener for line in reversed(lines) if line.listener), None)
        first = present.index(heard) if heard in present else 0
        at = (first + slot.turn // 2) % max(1, len(present))  # faces take turns in a long silence
        return present[at : at + 1]
    return present
