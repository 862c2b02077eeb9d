"""Reads a drawing's words: who does what, in what mood, where, and what was wished for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from komadori.backends.images.sketch import words
from komadori.domain.story import Drawing, Setting, Shot, TimeOfDay, Weather

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|『[^』]*』|‘[^’]{4,}’")
_CLAUSES = re.compile(r"[.!?;,。！？；，\n]+")
_NEARER = {
    Shot.WIDE: Shot.MEDIUM,
    Shot.MEDIUM: Shot.CLOSE_UP,
    Shot.OVER_THE_SHOULDER: Shot.CLOSE_UP,
    Shot.CLOSE_UP: Shot.CLOSE_UP,
}
_FARTHER = {
    Shot.CLOSE_UP: Shot.MEDIUM,
    Shot.MEDIUM: Shot.WIDE,
    Shot.OVER_THE_SHOULDER: Shot.WIDE,
    Shot.WIDE: Shot.WIDE,
}
_EVERYONE = "they everyone everybody both all 他们 她们 二人 两人 三人 众人 大家 人们 都"
_STEP_NEARER = "closer nearer zoom_in 更近 近一点 拉近 靠近"
_STEP_FARTHER = "farther further zoom_out wider 更远 远一点 拉远"
_ANGLES: words.Table = {
    "low": "low_angle low-angle worm* from_below heroic looking_up 仰 低角度",
    "high": "high_angle high-angle bird* from_above overhead aerial looking_down 俯 鸟瞰 高角度",
}
_TILTED = "tilt* dutch canted slanted oblique dynamic 倾斜 斜 动感"
_CENTRED = "symmetr* centered centred central 对称 居中 中央"
_SPARSE = "negative_space minimal* empty sparse wide spacious panoram* 留白 空旷 极简 宽 广"
_TIGHT = "close tight intimate cropped 紧凑 贴近 特写 近"


@dataclass(frozen=True, slots=True)
class Part:
    """What one person does in a panel."""

    pose: str | None = None
    mood: str | None = None
    holds: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the words of a drawing say about its picture."""

    shot: Shot
    setting: Setting
    time: TimeOfDay
    weather: Weather
    people: tuple[str, ...]
    speaker: str | None
    listener: str | None
    parts: Mapping[str, Part]
    sights: tuple[str, ...]
    thing: str
    is_fast: bool
    is_afloat: bool
    """Whether they are in a boat, on the water."""
    angle: str | None
    is_tilted: bool
    is_centred: bool
    size: float
    is_eastern: bool
    extra_mood: str | None = field(default=None)

    def part(self, name: str) -> Part:
        """Return what someone does; nothing in particular when the words do not say."""
        return self.parts.get(name, Part())


def read(drawing: Drawing) -> Reading:
    """Read the panel, the style's composition, and the wish, which has the last word."""
    panel, wish = drawing.panel, drawing.modification
    told = _QUOTED.sub(". ", panel.text)  # what follows a quote is a clause of its own
    everything = f"{told} {wish}"
    layout = f"{drawing.style.composition} {wish} {drawing.style.additional_notes}"
    people = _people(drawing)
    speaker = next((line.speaker for line in panel.dialogue if line.speaker in people), None)
    listener = next(
        (
            line.listener
            for line in panel.dialogue
            if line.listener in people and line.listener != speaker
        ),
        None,
    )
    wished_mood = words.first(wish, words.MOODS)
    setting = Setting(words.first(wish, words.SETTINGS) or panel.scene.setting)
    return Reading(
        shot=_shot(drawing),
        setting=setting,
        time=TimeOfDay(words.first(wish, words.TIMES) or panel.scene.time_of_day),
        weather=Weather(words.first(wish, words.WEATHERS) or panel.scene.weather),
        people=people,
        speaker=speaker,
        listener=listener
        if listener is not None or speaker is None
        else next((name for name in people if name != speaker), None),
        parts=_parts(drawing, told, people, speaker, wished_mood),
        sights=_sights(f"{everything} {panel.scene.title}", people),
        thing=words.first(everything, words.PROPS) or "",
        is_fast=words.has(everything, words.FAST),
        is_afloat=setting is Setting.WATER and words.has(everything, words.AFLOAT),
        angle=words.first(layout, _ANGLES),
        is_tilted=words.has(layout, _TILTED),
        is_centred=words.has(layout, _CENTRED),
        size=_size(drawing),
        is_eastern=any("\u4e00" <= char <= "\u9fff" for char in panel.text + "".join(people)),
        extra_mood=wished_mood,
    )


def _people(drawing: Drawing) -> tuple[str, ...]:
    spoken = [
        name for line in drawing.panel.dialogue for name in (line.speaker, line.listener) if name
    ]
    return tuple(
        dict.fromkeys(name for name in (*drawing.panel.characters, *spoken) if name.strip())
    )


def _shot(drawing: Drawing) -> Shot:
    shot, wish = drawing.panel.shot, drawing.modification
    if words.has(wish, _STEP_NEARER):
        return _NEARER[shot]
    if words.has(wish, _STEP_FARTHER):
        return _FARTHER[shot]
    named = words.first(wish, words.SHOTS)
    return Shot(named) if named else shot


def _sights(text: str, people: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is named and stands about; a fox who acts is no dog beside itself."""
    acting = words.every(" ".join(people), words.SIGHTS)
    return tuple(sight for sight in words.every(text, words.SIGHTS) if sight not in acting)


def _size(drawing: Drawing) -> float:
    """Return how much larger or smaller than usual figures are."""
    size = 1.0
    if words.has(drawing.style.composition, _SPARSE):
        size *= 0.8
    if words.has(drawing.style.composition, _TIGHT):
        size *= 1.18
    if words.has(drawing.modification, _STEP_NEARER) and drawing.panel.shot is Shot.CLOSE_UP:
        size *= 1.35
    if words.has(drawing.modification, _STEP_FARTHER) and drawing.panel.shot is Shot.WIDE:
        size *= 0.68
    return size


def _parts(
    drawing: Drawing,
    told: str,
    people: tuple[str, ...],
    speaker: str | None,
    wished_mood: str | None,
) -> dict[str, Part]:
    poses: dict[str, str] = {}
    moods: dict[str, str] = {}
    held: dict[str, str] = {}
    subject = people[0] if people else None
    for clause in _CLAUSES.split(told):
        named = _named_in(clause, people)
        subject = named or subject
        if subject is None:
            continue
        subjects = people if named is None and words.has(clause, _EVERYONE) else (subject,)
        for found, table in ((moods, words.MOODS), (held, words.PROPS)):
            key = words.first(clause, table)
            for someone in (subjects if found is moods else subjects[:1]) if key else ():
                found.setdefault(someone, str(key))
        for someone in subjects:
            _take_stronger(poses, someone, words.first(clause, words.POSES))
    _add_spoken_moods(drawing, people, moods)
    actor = speaker or (people[0] if people else None)
    if actor is not None:
        _wish_for(drawing.modification, actor, people, poses, held)
    if wished_mood is not None:
        moods.update(dict.fromkeys(people if speaker is None else (speaker,), wished_mood))
    return {name: Part(poses.get(name), moods.get(name), held.get(name, "")) for name in people}


def _take_stronger(poses: dict[str, str], someone: str, pose: str | None) -> None:
    """Keep the pose that tells most: the table of poses begins with the strongest."""
    ranks = list(words.POSES)
    if pose is not None and ranks.index(pose) < ranks.index(poses.get(someone, ranks[-1])):
        poses[someone] = pose
    elif pose is not None:
        poses.setdefault(someone, pose)


def _add_spoken_moods(drawing: Drawing, people: tuple[str, ...], moods: dict[str, str]) -> None:
    for line in drawing.panel.dialogue:
        mood = words.first(line.text, words.MOODS) or (
            "angry" if line.text.count("!") + line.text.count("！") > 1 else None
        )
        if line.speaker in people and mood is not None:
            moods.setdefault(line.speaker, mood)


def _wish_for(
    wish: str, actor: str, people: tuple[str, ...], poses: dict[str, str], held: dict[str, str]
) -> None:
    someone = _named_in(wish, people) or actor
    pose, thing = words.first(wish, words.POSES), words.first(wish, words.PROPS)
    if pose is not None:
        poses[someone] = pose
    if thing is not None:
        held[someone] = thing


def _named_in(clause: str, people: tuple[str, ...]) -> str | None:
    """Return whoever is named first in the clause, by full name or its last word."""
    places = {}
    where = clause.casefold()
    for name in people:
        folded = name.casefold()
        at = max(where.find(folded), where.find(folded.split()[-1]) if " " in name else -1)
        if at >= 0:
            places[name] = at
    return min(places, key=lambda name: places[name]) if places else None
