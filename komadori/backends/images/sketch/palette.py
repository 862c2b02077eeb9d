"""Few colours that belong together: materials under the palette's words, the light and the mood."""

import re
from dataclasses import dataclass

from komadori.backends.images.sketch.ink import Colour, mixed
from komadori.backends.images.sketch.words import ATMOSPHERES, Table, every, first, has
from komadori.domain.story import Style, TimeOfDay

_MATERIALS: dict[str, Colour] = {
    "sky": (214, 226, 228),
    "cloud": (244, 243, 238),
    "ground": (222, 210, 184),
    "grass": (184, 194, 146),
    "leaf": (138, 158, 116),
    "leaf_far": (178, 192, 166),
    "trunk": (128, 104, 84),
    "rock": (166, 162, 156),
    "hill": (176, 188, 184),
    "water": (160, 190, 198),
    "wall": (226, 214, 192),
    "wall_dark": (190, 174, 152),
    "wood": (176, 140, 104),
    "wood_dark": (120, 92, 70),
    "roof": (120, 116, 120),
    "stone": (196, 190, 180),
    "plaster": (236, 228, 212),
    "cloth": (176, 84, 66),
    "paper": (250, 246, 234),
    "metal": (176, 182, 188),
    "light": (252, 226, 150),
    "fire": (238, 132, 54),
    "window": (206, 222, 226),
    "snow": (246, 248, 250),
}
_GRADES: Table = {
    "mono": (
        "monochrom* grayscale greyscale grey gray black_and_white b&w ink_wash ink-wash sumi-e "
        "单色 黑白 灰 水墨"
    ),
    "sepia": "sepia vintage retro antique aged 复古 怀旧 褐 旧照片 泛黄",
    "pastel": "pastel* soft light macaron 粉彩 马卡龙 柔和 淡雅 浅色",
    "warm": "warm* autumn* 暖 秋",
    "cold": "cold cool* icy wint* 冷 冬",
    "vivid": "vivid* bright saturated colorful colourful neon 鲜艳 明亮 霓虹 多彩 浓",
    "muted": "muted dull desaturated faded earth* 低饱和 暗淡 素 灰暗",
}
_NAMED: dict[str, tuple[str, Colour]] = {
    "red": ("red crimson scarlet vermilion 红 赤 朱", (200, 54, 40)),
    "orange": ("orange amber 橙 橘", (230, 126, 40)),
    "gold": ("gold* yellow ochre 金 黄", (222, 172, 60)),
    "green": ("green emerald jade olive 绿 翠", (78, 142, 92)),
    "teal": ("teal turquoise cyan 青 碧", (46, 142, 146)),
    "blue": ("blue navy indigo azure 蓝", (56, 96, 168)),
    "purple": ("purple violet lavender magenta 紫", (132, 84, 160)),
    "pink": ("pink rose 粉红 粉色 桃", (226, 128, 150)),
    "brown": ("brown umber 棕 咖啡", (136, 96, 66)),
}
# A colour, how much of it, and how much of a material's own colour is kept.
_GRADED: dict[str, tuple[Colour, float, float]] = {
    "sepia": ((196, 152, 98), 0.8, 0.1),
    "warm": ((232, 152, 84), 0.34, 0.9),
    "cold": ((96, 140, 190), 0.38, 0.75),
}
# The same by night: more of it, since the night's own blue has to give way.
_GRADED_AT_NIGHT: dict[str, tuple[Colour, float, float]] = {
    "sepia": ((196, 146, 88), 0.92, 0.0),
    "warm": ((226, 128, 78), 0.62, 0.6),
    "cold": ((84, 140, 196), 0.6, 0.6),
}
# Saturation, contrast and light of a mood by night, and a colour with its share. By day a mood
# is a veil of colour; the night's few dark tones would swallow that.
_MOODS_AT_NIGHT: dict[str, tuple[float, float, float, Colour, float]] = {
    "dark": (0.55, 1.2, 0.6, (26, 24, 44), 0.2),
    "sad": (0.35, 0.75, 0.78, (92, 108, 134), 0.2),
    "joyful": (1.35, 1.15, 1.2, (255, 214, 150), 0.1),
    "calm": (0.9, 0.8, 1.06, (150, 172, 196), 0.16),
    "epic": (1.3, 1.4, 0.88, (96, 30, 50), 0.12),
}
# Notes speak of many things: a colour in them is the palette's when it is said of the whole.
_OF_THE_WHOLE = (
    "tone* toned tint* hue* palette* colours colors colouring coloring colour_scheme "
    "color_scheme everything overall shades 色调 整体 全部 全图 画面 色系 主色 配色 偏 为主"
)
_OF_A_THING = (
    "hair eye* skin dress* coat* skirt* shirt* scarf hat* cap cloth* shoe* 发 眼 裙 衣 服 帽 鞋 袍"
)
_NOT = "no not never avoid without don't 不要 不用 不想 别用 别太 避免"
_LIGHTS: dict[TimeOfDay, Colour] = {
    TimeOfDay.DAY: (255, 255, 255),
    TimeOfDay.DUSK: (255, 212, 176),
    TimeOfDay.NIGHT: (122, 138, 180),
}

_LAMP: Colour = (240, 208, 164)


@dataclass(frozen=True, slots=True)
class Palette:
    """Gives every material its colour under this style and this light."""

    grades: tuple[str, ...]
    names: tuple[str, ...]
    time: TimeOfDay
    atmosphere: str | None
    far: Colour
    is_lamplit: bool = False
    is_indoors: bool = False

    def of(self, material: str, *, away: float = 0.0) -> Colour:
        """Return a material's colour; `away` (0 to 1) lets it fade into the distance."""
        return self.lit(_MATERIALS[material], away=away)

    def lit(self, colour: Colour, *, away: float = 0.0, by: float = 1.0) -> Colour:
        """Return any colour as this light shows it."""
        light = mixed((255, 255, 255), self._light(), by)
        r, g, b = (c * n // 255 for c, n in zip(colour, light, strict=True))
        shown = self.graded((r, g, b))
        return mixed(shown, self.far, away * 0.8) if away else shown

    def _light(self) -> Colour:
        if self.is_lamplit:
            return _LAMP
        if self.is_indoors and self.time is TimeOfDay.DUSK:
            return (255, 230, 204)
        return _LIGHTS[self.time]

    def graded(self, colour: Colour) -> Colour:
        """Return a colour, as the light left it, under the mood and then the palette's words.

        The palette comes last, so that neither night nor mood takes its hue away.
        """
        at_night = self.time is TimeOfDay.NIGHT
        colour = (_under_at_night if at_night else _under)(colour, self.atmosphere)
        for grade in self.grades:
            colour = _graded_at_night(colour, grade) if at_night else _graded(colour, grade)
        if not self.names:
            return colour
        return self._named_at_night(colour) if at_night else self._named(colour)

    def _named(self, colour: Colour) -> Colour:
        """Dark tones go to the first named colour, light ones to the last, as in a duotone."""
        bright = _brightness(colour)
        one, two = _NAMED[self.names[0]][1], _NAMED[self.names[-1]][1]
        middle = mixed(one, two, 0.15 + 0.7 * bright)
        tone = mixed(mixed(middle, (20, 18, 22), 0.25), (250, 247, 240), bright**1.15 * 0.98)
        return mixed(colour, tone, 0.78)

    def _named_at_night(self, colour: Colour) -> Colour:
        bright = _brightness(colour)
        one, two = _NAMED[self.names[0]][1], _NAMED[self.names[-1]][1]
        tone = mixed(mixed(one, two, min(1.0, 1.4 * bright)), (250, 247, 240), bright * 0.6)
        return _no_brighter(mixed(colour, tone, 0.86), colour)

    @property
    def is_night(self) -> bool:
        """Whether this is night's light outside."""
        return self.time is TimeOfDay.NIGHT and not self.is_lamplit

    @property
    def accent(self) -> Colour:
        """Return the one colour that may be strong."""
        return self.graded((217, 72, 28)) if not self.names else _NAMED[self.names[0]][1]


def palette_of(
    style: Style, time: TimeOfDay, wish: str, *, is_indoors: bool = False, is_grey: bool = False
) -> Palette:
    """Read the palette's words; a wish counts as well, and notes where both name no colours."""
    far = {
        TimeOfDay.DAY: (240, 240, 234),
        TimeOfDay.DUSK: (246, 214, 184),
        TimeOfDay.NIGHT: (112, 124, 158),
    }[time]
    atmosphere = first(style.mood, ATMOSPHERES)
    grades, names = _palette_words(f"{style.color_palette} {wish}")
    if not grades and not names:
        grades, names = _noted(style.additional_notes)
    if is_grey and not {"mono", "sepia"} & set(grades):
        grades = (*grades, "mono")
    plain = Palette(
        grades,
        names,
        time,
        atmosphere,
        far,
    )
    lamplit = is_indoors and time is TimeOfDay.NIGHT
    return Palette(
        plain.grades,
        plain.names,
        time,
        atmosphere,
        plain.graded((150, 132, 120) if lamplit else far),
        lamplit,
        is_indoors,
    )


def _palette_words(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the grades and the named colours in a text."""
    names = tuple(key for key, (words, _) in _NAMED.items() if has(text, words))
    return every(text, _GRADES), names


def _noted(notes: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the grades and the named colours that notes ask for."""
    clauses = [
        clause
        for clause in re.split(r"[.,;:!?\n。，；：！？、]", notes)
        if not has(clause, _NOT) and not has(clause, _OF_A_THING)
    ]
    grades, names = _palette_words("; ".join(filter(_is_of_the_whole, clauses)))
    looks = every("; ".join(clauses), {key: _GRADES[key] for key in ("sepia", "pastel", "mono")})
    return tuple(key for key in _GRADES if key in grades or key in looks), names


def _is_of_the_whole(clause: str) -> bool:
    bare = clause.strip()
    is_alone = " " not in bare if bare.isascii() else len(bare) <= 3 and bare.endswith("色")
    return is_alone or has(bare, _OF_THE_WHOLE)


def _grey(colour: Colour) -> Colour:
    level = round(255 * _brightness(colour))
    return (level, level, level)


def _brightness(colour: Colour) -> float:
    return (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255


def _graded(colour: Colour, grade: str) -> Colour:
    grey = _grey(colour)
    if grade == "mono":
        return grey
    if grade == "pastel":
        return mixed(mixed(colour, grey, -0.35), (255, 250, 248), 0.52)
    if grade == "vivid":
        return mixed(colour, grey, -0.9)
    if grade == "muted":
        return mixed(mixed(colour, grey, 0.55), (150, 142, 130), 0.18)
    return _toned(colour, *_GRADED[grade])


def _toned(colour: Colour, tone: Colour, share: float, kept: float, *, pale: float = 1.0) -> Colour:
    grey = _grey(colour)
    bright = _brightness(colour)
    toned = mixed(mixed(tone, (30, 24, 24), 0.35), (255, 250, 240), pale * bright**1.1)
    toned = mixed(toned, tone, 0.3)
    return mixed(mixed(grey, colour, kept), toned, share)


def _under(colour: Colour, atmosphere: str | None) -> Colour:
    if atmosphere == "dark":
        return mixed(mixed(colour, _grey(colour), 0.4), (44, 46, 58), 0.2)
    if atmosphere == "sad":
        return mixed(mixed(colour, _grey(colour), 0.5), (140, 156, 176), 0.22)
    if atmosphere == "joyful":
        return mixed(mixed(colour, _grey(colour), -0.5), (255, 246, 214), 0.14)
    if atmosphere == "calm":
        return mixed(mixed(colour, _grey(colour), 0.15), (244, 246, 240), 0.2)
    if atmosphere == "epic":
        return mixed(mixed(colour, _grey(colour), -0.3), (40, 26, 30), 0.1)
    return colour


def _graded_at_night(colour: Colour, grade: str) -> Colour:
    """Return a colour under a word by night: another hue, but no more light."""
    if grade == "pastel":
        return mixed(mixed(colour, _grey(colour), -0.2), (160, 152, 184), 0.28)
    if grade in _GRADED_AT_NIGHT:
        return _no_brighter(_toned(colour, *_GRADED_AT_NIGHT[grade], pale=0.7), colour)
    return _graded(colour, grade)


def _no_brighter(colour: Colour, than: Colour) -> Colour:
    most, bright = _brightness(than), _brightness(colour)
    return mixed(colour, (0, 0, 0), 1 - most / bright) if bright > most else colour


def _under_at_night(colour: Colour, atmosphere: str | None) -> Colour:
    if atmosphere not in _MOODS_AT_NIGHT:
        return colour
    saturation, contrast, light, veil, share = _MOODS_AT_NIGHT[atmosphere]
    colour = mixed(colour, _grey(colour), 1 - saturation)
    colour = mixed((110, 110, 110), colour, contrast)
    return mixed(mixed((0, 0, 0), colour, light), veil, share)
