"""Where scenes begin, scored by places, times, weather and people, and what each looks like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from komadori.domain.story import Setting, TimeOfDay, Weather
from komadori.pipeline.splitting import words_en, words_zh
from komadori.pipeline.splitting.model import Kind, Place, Sentence
from komadori.pipeline.splitting.patterns import any_of

_FORCED = 10.0
_JUMP = 3.0
_WEAK_JUMP = 1.0
_GAP = 1.0
_CHANGED = {"setting": 3.0, "time": 1.5, "weather": 1.0}
_STRONG, _LOCATED, _NAMED = 3.0, 2.0, 1.0

_PLACE = re.compile(
    "|".join(
        [rf"\b(?P<{s.name}_en>{any_of(w)})\b(?!['’]s)" for s, w in words_en.PLACES.items()]
        + [rf"(?P<{s.name}_zh>{any_of(w)})" for s, w in words_zh.PLACES.items()]
        + [r"(?P<MOUNTAIN_name>[一-鿿]山(?=[，。、上中里脚]))"]
    ),
    re.IGNORECASE,
)
_NOT_PLACE = re.compile(
    rf"\b(?:{words_en.NOT_PLACES})\b|{any_of(words_zh.NOT_PLACES)}", re.IGNORECASE
)
_ARRIVES_EN = re.compile(
    rf"\b(?:{any_of(words_en.ARRIVALS)})\b[^.!?;,]{{0,30}}?"
    rf"\b(?:{any_of(words_en.ARRIVAL_PREPOSITIONS)})\b"
    rf"(?:\s[\w’'-]+){{0,4}}\s$|\b(?:enter(?:ed|s)?|reach(?:ed|es)?|crossed|"
    rf"climbed)\b(?:\s[\w’'-]+){{0,3}}\s$"
    r"|\b(?:went|came|ran|walked|returned|hurried|got|drove|was|is)\s(?:back\s)?$",
    re.IGNORECASE,
)
# "Out of the forest" is out of it, "at the edge of the forest" is not.
_PART_OF = r"(?<!edge )(?<!middle )(?<!heart )(?<!foot )(?<!top )of"
_LEAVES_EN = re.compile(
    rf"\b(?:{any_of(words_en.LEAVING)}|{_PART_OF})\s(?:(?:the|a|an|his|her|their|its|this|"
    rf"that)\s)?(?:\w+\s){{0,1}}$",
    re.IGNORECASE,
)
_LOCATED_EN = re.compile(
    rf"\b(?:{any_of(words_en.PREPOSITIONS)}|(?:edge|middle|heart|foot|top)\sof)\s(?:[\w’'-]+\s){{0,3}}$",
    re.IGNORECASE,
)
# On the way home is out of doors; who came home, got home or is home is in the house.
_HOMEWARD_EN = re.compile(
    rf"\b(?:{any_of(words_en.HOMEWARD)})\s"
    r"(?:(?:back|straight|all the way|slowly|quickly|alone|together)\s)?$",
    re.IGNORECASE,
)
_WISHED_EN = re.compile(
    r"\b(?:want(?:ed|s)?|wish(?:ed|es)?|hoped?|longed|decided|dream(?:ed|t)?|thought|if|would|"
    r"could|"
    r"until|before|never|not)\b[^.!?]{0,24}$",
    re.IGNORECASE,
)
_WISHED_ZH = re.compile(
    r"(?:[想要愿盼没不别]|打算|准备|决定|希望|梦见|如果|以前)[^，。！？；]{0,3}$"
)
_ARRIVES_ZH = re.compile(
    rf"(?:{any_of(words_zh.ARRIVALS)})[^，。！？；]{{0,7}}$"
    r"|(?:门后|眼前|面前)(?:竟然|竟|就|却)?是[^，。！？；]{0,5}$"
)
_LEAVES_ZH = re.compile(rf"(?:{any_of(words_zh.LEAVING)})[^，。！？；到]{{0,5}}$")
_LOCATED_ZH = re.compile(rf"(?:[{''.join(words_zh.LOCATING.split())}]|沿着)[^，。！？；]{{0,5}}$")
_SELF_LOCATED_ZH = re.compile(r"[里内中上边旁口下前间头]")
_ARRIVING_WORDS = frozenset(["回家", "到家", "上山", "进城"])
_JUMP_START = re.compile(
    rf"[\s“\"「]*(?:(?:And|But|So|Then|Very)\s|[又就在到但可])?"
    rf"(?:(?:In|At|On)\s(?:\w+\s){{1,3}}?\w+,\s|在[一-鿿]{{1,6}}[里中上内边]，)?(?:{words_en.TIME_JUMP}|"
    rf"{words_zh.TIME_JUMP})",
    re.IGNORECASE,
)
_WEAK_START = re.compile(rf"\s*(?:{words_zh.WEAK_JUMP}|(?:later|then|afterwards)\b)", re.IGNORECASE)
_TIMES = {
    time: re.compile(rf"\b(?:{words_en.TIMES[time]})\b|{words_zh.TIMES[time]}", re.IGNORECASE)
    for time in TimeOfDay
}
_WEATHERS = {
    weather: re.compile(
        rf"\b(?:{words_en.WEATHERS[weather]})\b|{words_zh.WEATHERS[weather]}", re.IGNORECASE
    )
    for weather in (Weather.CLEAR, Weather.SNOW, Weather.RAIN)  # "the rain stopped" before "rain"
}
_SLUG_TIMES = {
    TimeOfDay.NIGHT: re.compile(r"\bNIGHT\b|夜"),
    TimeOfDay.DUSK: re.compile(r"\b(?:DUSK|EVENING|SUNSET)\b|黄昏|傍晚"),
    TimeOfDay.DAY: re.compile(r"\b(?:DAY|MORNING|AFTERNOON|NOON|DAWN)\b|日|晨"),
}
_SLUG_INDOORS = re.compile(r"(?:\d+[.:]?\s+)?INT\b|内景")
_SLUG_OUTDOORS = re.compile(r"(?:\d+[.:]?\s+)?EXT\b|外景")
_TITLE_MARKS = re.compile(r"^#+\s*")


@dataclass(frozen=True, slots=True)
class Signs:
    """What one sentence says of place, time and weather; None where it says nothing."""

    setting: Setting | None = None
    strength: float = 0.0
    time_of_day: TimeOfDay | None = None
    weather: Weather | None = None
    is_jump: bool = False
    is_weak_jump: bool = False


@dataclass(frozen=True, slots=True)
class SceneStart:
    """The first sentence of a scene, how sure the break is, and what the scene looks like."""

    sentence: int
    score: float
    place: Place
    title: str = ""


@dataclass(slots=True)
class _State:
    place: Place
    title: str = ""
    is_placed: bool = False
    starts: list[SceneStart] = field(default_factory=list)


def signs(told: str) -> Signs:
    """Read the signs in one sentence, from which quoted words were blanked out."""
    setting, strength = _setting(told)
    return Signs(
        setting,
        strength,
        _last_match(_TIMES, told),
        next((weather for weather, pattern in _WEATHERS.items() if pattern.search(told)), None),
        is_jump=bool(_JUMP_START.match(told)),
        is_weak_jump=bool(_WEAK_START.match(told)),
    )


def _last_match(patterns: dict[TimeOfDay, re.Pattern[str]], told: str) -> TimeOfDay | None:
    found = [
        (match.start(), time)
        for time, pattern in patterns.items()
        for match in [*pattern.finditer(told)][-1:]
    ]
    return max(found)[1] if found else None


def _setting(told: str) -> tuple[Setting | None, float]:
    """Return the place a sentence is in and how sure that is; of equals the last one counts."""
    hidden = _NOT_PLACE.sub(lambda match: " " * len(match.group()), told)
    best: tuple[float, Setting | None] = (0.0, None)
    for match in _PLACE.finditer(hidden):
        strength = _strength(hidden, match)
        if strength and strength >= best[0]:
            best = (strength, Setting[(match.lastgroup or "").split("_")[0]])
    return best[1], best[0]


def _strength(told: str, match: re.Match[str]) -> float:
    before = told[max(0, match.start() - 60) : match.start()]
    if match.group().isascii():
        is_homeward = match.group().lower() == "home" and _HOMEWARD_EN.search(before)
        return 0.0 if is_homeward else _strength_en(before)
    return _strength_zh(before, match.group() + told[match.end() : match.end() + 1])


def _strength_en(before: str) -> float:
    if _WISHED_EN.search(before):
        return _NAMED
    if _LEAVES_EN.search(before):
        return 0.0
    if _ARRIVES_EN.search(before):
        return _STRONG
    return _LOCATED if _LOCATED_EN.search(before) else _NAMED


def _strength_zh(before: str, word: str) -> float:
    if _WISHED_ZH.search(before):
        return 0.0
    if _ARRIVES_ZH.search(before) or word[:2] in _ARRIVING_WORDS:
        return _STRONG
    if _LEAVES_ZH.search(before):
        return 0.0
    is_located = _LOCATED_ZH.search(before) or _SELF_LOCATED_ZH.search(word[1:])
    return _LOCATED if is_located else _NAMED


def scene_starts(story: str, told: str, sentences: Sequence[Sentence]) -> list[SceneStart]:
    """Return where scenes begin. The first is always there; chapters and separators force one.

    `told` is the story with what is quoted turned into spaces.
    """
    read = [
        signs(told[sentence.start : sentence.end]) if sentence.kind is Kind.PROSE else Signs()
        for sentence in sentences
    ]
    state = _State(_opening(read, sentences, story, told))
    gap_weight = _gap_weight(sentences)
    forced = True
    heading: int | None = None
    for index, sentence in enumerate(sentences):
        if sentence.kind is not Kind.PROSE:
            forced = True
            if sentence.kind is Kind.HEADING:
                heading = index if heading is None else heading
                _take_heading(state, story[sentence.start : sentence.end])
            continue
        score = _FORCED if forced else gap_weight * sentence.after_gap
        _consider(state, index if heading is None else heading, read[index], score, sentence)
        forced, heading = False, None
    if not state.starts:  # nothing but headings
        state.starts.append(SceneStart(0, _FORCED, state.place, state.title))
    return state.starts


def _opening(read: Sequence[Signs], sentences: Sequence[Sentence], story: str, told: str) -> Place:
    """Where a story begins that does not say so at once.

    Any place before the first jump or paragraph is nearer than a sure one after it.
    """
    first = (
        _first_setting(read[: _opening_end(read, sentences)], _NAMED)
        or _first_setting(read, _LOCATED)
        or _first_setting(read, _NAMED)
    )
    is_talk = len("".join(told.split())) * 2 < len("".join(story.split()))
    fallback = Setting.INDOORS if is_talk else Setting.FIELD
    return Place(first or fallback, TimeOfDay.DAY, Weather.CLEAR)


def _opening_end(read: Sequence[Signs], sentences: Sequence[Sentence]) -> int:
    prose = [at for at, sentence in enumerate(sentences) if sentence.kind is Kind.PROSE]
    later = (at for at in prose[1:] if read[at].is_jump or sentences[at].opens_paragraph)
    return next(later, len(read))


def _first_setting(read: Sequence[Signs], least: float) -> Setting | None:
    return next((sign.setting for sign in read if sign.setting and sign.strength >= least), None)


def _gap_weight(sentences: Sequence[Sentence]) -> float:
    """A blank line says much where it is rare, nothing where it parts all paragraphs."""
    opening = [sentence for sentence in sentences if sentence.opens_paragraph]
    gaps = sum(sentence.after_gap for sentence in opening)
    return _GAP if gaps * 2 < len(opening) else 0.0


def _take_heading(state: _State, words: str) -> None:
    state.title = _TITLE_MARKS.sub("", words)
    setting, _ = _setting(words.lower() if words.isupper() else words)
    if _SLUG_INDOORS.match(words) and setting is not Setting.WATER:
        setting = Setting.INDOORS
    elif _SLUG_OUTDOORS.match(words) and setting in (None, Setting.INDOORS):
        setting = Setting.STREET
    time = next((time for time, pattern in _SLUG_TIMES.items() if pattern.search(words)), None)
    is_slug = bool(_SLUG_INDOORS.match(words) or _SLUG_OUTDOORS.match(words))
    light = (time if is_slug else _last_match(_TIMES, words)) or state.place.time_of_day
    weather = Weather.CLEAR if is_slug else state.place.weather
    state.place = Place(setting or state.place.setting, light, weather)
    state.is_placed = is_slug


def _consider(state: _State, start: int, sign: Signs, score: float, sentence: Sentence) -> None:
    place = _next_place(state, sign, sentence, is_forced=score >= _FORCED)
    changes = {
        "setting": place.setting is not state.place.setting,
        "time": place.time_of_day is not state.place.time_of_day,
        "weather": place.weather is not state.place.weather,
    }
    total = score + sum(_CHANGED[what] for what, is_new in changes.items() if is_new)
    total += _JUMP * sign.is_jump + _WEAK_JUMP * sign.is_weak_jump + 0.5 * sentence.opens_paragraph
    is_break = not state.starts or score >= _FORCED or sign.is_jump or any(changes.values())
    if score >= _FORCED:
        state.is_placed = state.is_placed and bool(state.title)
    if is_break or (score >= _GAP and total >= _GAP + 0.5):
        state.starts.append(SceneStart(start, total, place, state.title))
    state.place = place


def _next_place(state: _State, sign: Signs, sentence: Sentence, *, is_forced: bool) -> Place:
    is_fresh = is_forced or sign.is_jump
    needed = _NAMED if is_fresh and not state.is_placed else _LOCATED
    if not (is_fresh or sentence.opens_paragraph) or state.is_placed:
        needed = _STRONG if state.is_placed else _LOCATED
    setting = sign.setting if sign.setting and sign.strength >= needed else state.place.setting
    time = sign.time_of_day or state.place.time_of_day
    if sign.is_jump and sign.time_of_day is None:  # a jump that names no hour: another day
        time = TimeOfDay.DAY
    weather = sign.weather or (Weather.CLEAR if sign.is_jump else state.place.weather)
    return Place(setting, time, weather)


def moves(starts: Sequence[SceneStart]) -> frozenset[int]:
    """Return the sentences at which the story goes to another place or chapter."""
    return frozenset(
        start.sentence
        for before, start in pairwise(starts)
        if start.score >= _FORCED or start.place.setting is not before.place.setting
    )


def fitted_starts(
    starts: Sequence[SceneStart], lengths: Sequence[int], most: int
) -> list[SceneStart]:
    """Drop the weakest breaks until at most `most` scenes are left, none of them a mere splinter.

    `lengths` are the characters of each scene. What was dropped joins the scene before it.
    """
    kept, sizes = list(starts), list(lengths)
    least = 0.35 * sum(sizes) / most
    while len(kept) > 1:
        weak = [
            index
            for index in range(1, len(kept))
            if kept[index].score < _FORCED and min(sizes[index], sizes[index - 1]) < least
        ]
        if not weak and len(kept) <= most:
            break
        among = weak or range(1, len(kept))
        worst = min(among, key=lambda index: (kept[index].score, sizes[index], index))
        joined = _joined(kept[worst - 1], kept[worst], sizes[worst - 1], sizes[worst])
        kept[worst - 1 : worst + 1] = [joined]
        sizes[worst - 1 : worst + 1] = [sizes[worst - 1] + sizes[worst]]
    return kept


def _joined(first: SceneStart, second: SceneStart, size: int, second_size: int) -> SceneStart:
    """The longer part gives the look; the earlier one the place in the story."""
    place = first.place if size >= second_size else second.place
    if place.weather is Weather.CLEAR and size >= second_size:  # rain over its end is rain
        place = replace(place, weather=second.place.weather)
    return SceneStart(first.sentence, first.score, place, first.title or second.title)
