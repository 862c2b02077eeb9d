"""How near the camera is: wide to open a scene, near for feeling, never the same for long."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from komadori.domain.story import Line, Shot
from komadori.pipeline.splitting import words_en, words_zh
from komadori.pipeline.splitting.panels import Beat

_EMOTION = re.compile(rf"\b(?:{words_en.EMOTIONS})\b|{words_zh.EMOTIONS}", re.IGNORECASE)
_EXCLAIMED = re.compile(r"[!！]")
_SHORT_LATIN, _SHORT_CJK = 45, 18
_LONGEST_RUN = 2
_MOSTLY = 0.75


@dataclass(frozen=True, slots=True)
class Look:
    """What a shot is chosen from."""

    text: str
    characters: tuple[str, ...]
    dialogue: tuple[Line, ...]
    opens_scene: bool
    beat: Beat | None = None

    @property
    def is_pure_dialogue(self) -> bool:
        """Whether next to nothing is told beside what is said."""
        said = sum(len(line.text) for line in self.dialogue)
        return bool(self.text) and said >= _MOSTLY * len(self.text)


def has_emotion(text: str) -> bool:
    """Whether the words tell a strong feeling."""
    return bool(_EMOTION.search(text))


def shots(looks: Iterable[Look]) -> list[Shot]:
    """Return a shot for every panel. The best that does not make a run too long wins."""
    chosen: list[Shot] = []
    for look in looks:
        liked = _liked(look, len(chosen))
        tail = set(chosen[-_LONGEST_RUN:])
        is_run = len(chosen) >= _LONGEST_RUN and len(tail) == 1
        again = chosen[-1] if chosen else None
        if not is_run and not (again is liked[0] and _is_loose(look)):
            chosen.append(liked[0])
        else:
            chosen.append(next(shot for shot in liked if shot is not again))
    return chosen


def _is_loose(look: Look) -> bool:
    """Nothing in the panel asks for its shot, so it may as well differ from the one before."""
    return not look.opens_scene and not look.dialogue and look.beat is None


def _liked(look: Look, number: int) -> list[Shot]:
    """Return at least two shots that fit, the best first."""
    if look.beat is not None:
        return _of_beat(look, look.beat)
    if look.opens_scene and not look.is_pure_dialogue:
        return [Shot.WIDE, Shot.MEDIUM]
    if look.dialogue:
        return _of_dialogue(look, number)
    if not look.characters:
        return [Shot.WIDE, Shot.MEDIUM]
    if has_emotion(look.text):
        return [Shot.CLOSE_UP, Shot.MEDIUM]
    if len(look.characters) > 2:
        return [Shot.WIDE, Shot.MEDIUM]
    return [Shot.MEDIUM, Shot.WIDE] if number % 4 != 3 else [Shot.WIDE, Shot.MEDIUM]


def _of_dialogue(look: Look, number: int) -> list[Shot]:
    speakers = {line.speaker for line in look.dialogue if line.speaker}
    if len(look.dialogue) == 1 and _is_cry(look.dialogue[0].text):
        return [Shot.CLOSE_UP, Shot.MEDIUM]
    if len(speakers) < 2 and has_emotion(look.text) and look.characters:
        return [Shot.CLOSE_UP, Shot.MEDIUM]
    if len(look.characters) > 2:
        return [Shot.MEDIUM, Shot.WIDE]
    if len(look.characters) == 2:
        pair = [Shot.OVER_THE_SHOULDER, Shot.MEDIUM]
        return pair if number % 2 else pair[::-1]
    return [Shot.MEDIUM, Shot.CLOSE_UP] if number % 2 else [Shot.CLOSE_UP, Shot.MEDIUM]


def _is_cry(text: str) -> bool:
    is_cjk = bool(re.search(r"[一-鿿]", text))
    is_short = len(text) <= (_SHORT_CJK if is_cjk else _SHORT_LATIN)
    return is_short and bool(_EXCLAIMED.search(text))


def _of_beat(look: Look, beat: Beat) -> list[Shot]:
    if beat in (Beat.REACTION, Beat.INSERT):
        return [Shot.CLOSE_UP, Shot.MEDIUM]
    if beat is Beat.LOOK:
        near = Shot.OVER_THE_SHOULDER if len(look.characters) == 2 else Shot.MEDIUM
        return [near, Shot.CLOSE_UP]
    return [Shot.WIDE, Shot.MEDIUM]
