"""Few colours that belong together: materials under the palette's words, the light and the mood."""

from dataclasses import dataclass

from komadori.backends.images.sketch.ink import Colour, mixed
from komadori.backends.images.sketch.words import ATMOSPHERES, Table, every, first
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
    "mono": "monochrom* grayscale greyscale grey gray black_and_white b&w 单色 黑白 灰",
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
        graded = self.graded(colour)
        light = mixed((255, 255, 255), self.graded_light(), by)
        shown = mixed(
            tuple(c * n // 255 for c, n in zip(graded, light, strict=True)), (0, 0, 0), 0.0
        )
        return mixed(shown, self.far, away * 0.8) if away else shown

    def graded_light(self) -> Colour:
        """Return the colour of the light; grey when colours are not wanted."""
        light = _LAMP if self.is_lamplit else _LIGHTS[self.time]
        if self.is_indoors and self.time is TimeOfDay.DUSK:
            light = (255, 230, 204)
        return _grey(light) if "mono" in self.grades else light

    def graded(self, colour: Colour) -> Colour:
        """Return a colour under the palette's words alone."""
        for grade in self.grades:
            colour = _graded(colour, grade)
        if self.names:
            colour = self._named(colour)
        return _under(colour, self.atmosphere)

    def _named(self, colour: Colour) -> Colour:
        """Dark tones go to the first named colour, light ones to the last, as in a duotone."""
        bright = _brightness(colour)
        one, two = _NAMED[self.names[0]][1], _NAMED[self.names[-1]][1]
        middle = mixed(one, two, 0.15 + 0.7 * bright)
        tone = mixed(mixed(middle, (20, 18, 22), 0.25), (250, 247, 240), bright**1.15 * 0.98)
        return mixed(colour, tone, 0.78)

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
    """Read the palette's words; a wish counts as well."""
    words = f"{style.color_palette} {wish}"
    notes = style.additional_notes
    far = {
        TimeOfDay.DAY: (240, 240, 234),
        TimeOfDay.DUSK: (246, 214, 184),
        TimeOfDay.NIGHT: (112, 124, 158),
    }[time]
    atmosphere = first(style.mood, ATMOSPHERES)
    grades = every(words, _GRADES) or every(
        notes, {key: _GRADES[key] for key in ("sepia", "pastel", "mono")}
    )
    if is_grey and not {"mono", "sepia"} & set(grades):
        grades = (*grades, "mono")
    plain = Palette(
        grades,
        tuple(key for key, (names, _) in _NAMED.items() if every(words, {key: names})),
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
    tone, share, kept = _GRADED[grade]
    bright = _brightness(colour)
    toned = mixed(mixed(tone, (30, 24, 24), 0.35), (255, 250, 240), bright**1.1)
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
