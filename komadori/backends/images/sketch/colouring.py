"""Reads colours out of words about someone: which belong to hair and body, and which to cloth.

"A red beard and a blue cloak" is one phrase about hair and one about cloth. Whole phrases about
hair, fur, eyes and skin are taken out before cloth is read, so that neither colours the other.
"""

import re
from collections.abc import Iterator

from komadori.backends.images.sketch.ink import Colour
from komadori.backends.images.sketch.words import first

_WEAR_ZH = (
    *("色", "衣", "裙", "袍", "衫", "袄", "裤", "帽", "甲", "巾", "斗篷", "披风", "外套", "大衣"),
    *("毛衣", "风衣", "布衣", "围巾", "头巾", "旗袍", "长袍", "长衫", "长裙", "大氅", "马褂"),
)


def _worn(*colours: str) -> str:
    """Return Chinese words for clothes of a colour: its character alone may mean other things."""
    return " ".join(colour + wear for colour in colours for wear in _WEAR_ZH)


CLOTHS: dict[str, tuple[str, Colour]] = {
    "red": (f"red crimson scarlet {_worn('红')}", (196, 70, 54)),
    "ochre": (f"yellow ochre gold golden {_worn('黄')}", (220, 172, 84)),
    "teal": (f"teal green emerald 绿 {_worn('青')}", (72, 130, 124)),
    "cream": ("cream linen beige 米色 素衣", (238, 228, 204)),
    "navy": (f"black dark navy {_worn('黑')}", (44, 46, 58)),
    "blue": ("blue indigo 蓝", (104, 132, 178)),
    "plum": ("purple violet plum 紫", (132, 90, 124)),
    "olive": ("olive khaki 军绿", (142, 146, 92)),
    "white": (f"white {_worn('白')}", (238, 238, 234)),
    "brown": ("brown leather 褐 棕", (138, 98, 70)),
    "rose": ("pink rose 粉", (222, 150, 144)),
    "grey": ("grey gray silver 灰", (156, 158, 162)),
}
"""Cloth by the name of its colour: the words for it, and how it is drawn."""

BLACK_HAIR: Colour = (34, 32, 38)
BROWN_HAIR: Colour = (112, 76, 52)
WHITE_HAIR: Colour = (232, 230, 224)
BLOND_HAIR: Colour = (232, 200, 120)
RED_HAIR: Colour = (190, 88, 50)

_HAIRS: dict[str, tuple[str, Colour]] = {  # read inside phrases about hair only
    "white": (
        "white* grey* gray* silver* snow* hoary salt-and-pepper 白 灰 银 苍 斑",
        WHITE_HAIR,
    ),
    "blond": ("blond* gold* fair flaxen sandy yellow straw-coloured 金 黄", BLOND_HAIR),
    "red": ("red reddish redhead* ginger auburn copper* fiery rust* orange 红 赤 橙", RED_HAIR),
    "brown": ("brown* chestnut brunette* hazel 棕 褐 栗", BROWN_HAIR),
    "black": ("black dark raven jet 黑 乌", BLACK_HAIR),
    "blue": ("blue 蓝", (84, 110, 160)),
    "green": ("green 绿", (84, 132, 96)),
    "pink": ("pink 粉", (222, 150, 164)),
    "purple": ("purple violet 紫", (126, 92, 140)),
}
_HUES = (
    r"(?:(?:snow|milk|jet|coal|raven|fiery|bright|light|dark|pale|deep|ash|golden|silver|steel|"
    r"iron|reddish|greyish)[\s-])?"
    r"(?:white|gr[ea]y(?:ing)?|silvery?|snowy|hoary|salt-and-pepper|blonde?|gold(?:en)?|fair|"
    r"flaxen|sandy|yellow|red(?:dish)?|ginger|auburn|copper(?:y)?|fiery|rusty|orange|brown(?:ish)?|"
    r"chestnut|hazel|black|dark|raven|jet|light|pale|blue|green|pink|purple|violet)"
)
_FILLERS = (
    r"(?:(?:long|short|curly|wavy|straight|thick|thin|thinning|bushy|flowing|messy|tousled|unruly|"
    r"cropped|braided|plaited|neat|trimmed|full|great|big|wild|silky|shiny|soft|very|streaked|"
    r"shaggy|pointed|forked|and|,|-)[\s,-]*){0,4}"
)
_HAIR_NOUNS = (
    r"(?:hair(?!\s*(?:band|pin|ribbon|clip|net|brush))(?:ed)?|locks|tresses|curls|braids?|plaits?|"
    r"pigtails?|ponytail|mane|bun|bob|fringe)"
)
_BEARD_NOUNS = (
    r"(?:beard(?:ed)?|moustached?|mustached?|moustaches|whisker(?:s|ed)|goatee|stubble|sideburns|"
    r"eyebrows|brows)"
)
_BODY_NOUNS = (
    r"(?:eye[ds]?|eyes|skin(?:ned)?|cheek(?:s|ed)|face[d]?|nosed?|lips|complexion|feathers|"
    r"fur(?!\s+(?:coat|cloak|cape|hat|collar))(?:red)?|tail|paws|wings)"
)
_LEADS = r"(?:(?:is|was|are|were|has|had|turned|gone|gr[eo]wn?|all|as|of|like|quite|already|:)\s*)"
_HUES_ZH = "花白|雪白|银白|斑白|苍白|灰白|全白|乌黑|漆黑|火红|通红|金黄|棕褐"
_HUE_ZH = "[白灰银苍黑乌红赤橙棕褐栗金黄蓝绿粉紫]"
_FILLERS_ZH = "(?:色|苍苍|花花|的|长|短|卷|直|密|大|小|山羊|络腮|八字|一把|蓬松){0,3}"
_HAIR_ZH = r"(?:头发|发(?!带|簪|夹|卡|光|呆|抖|现|出|生)|辫|马尾|髻|鬓)"
_BEARD_ZH = "(?:胡须|胡子|胡(?!椒|琴|萝|服)|须|髯|眉)"
_BODY_ZH = "(?:眼睛?(?!镜)|皮肤|脸|鼻子?|嘴唇|羽毛|皮毛|尾巴?|毛(?!衣|巾|帽|毯|裙|背心|线|呢))"
_LEADS_ZH = "(?:都|也|已经|已|全|皆|是|很|又|：|:){1,3}"
_NO_WEAR = (
    r"(?!\s+\w*(?:cloak|cape|coat|robe|dress|gown|hat|hood|cap|shirt|suit|scarf|jacket|tunic|"
    r"skirt))"
)
_NO_WEAR_ZH = f"(?!色?的?(?:{'|'.join(_WEAR_ZH[1:])}))"


def _phrases(nouns: str, nouns_zh: str) -> re.Pattern[str]:
    """Return what finds a colour before its noun, or after it: "red hair", "hair red as fire"."""
    several = rf"(?<!\bin\s){_HUES}(?:(?:,|\s+and|-and-)?[\s-]+{_HUES})?"
    ways = (
        rf"\b{several}[\s,-]+{_FILLERS}{nouns}\b",
        rf"\b{nouns}\s*{_LEADS}{{1,3}}{_HUES}\b{_NO_WEAR}",
        rf"\b{nouns},?\s*{_HUES}\s+(?:as|like)\b",
        rf"(?:{_HUES_ZH}|{_HUE_ZH}){_FILLERS_ZH}{nouns_zh}",
        rf"{nouns_zh}{_LEADS_ZH}(?:{_HUES_ZH}|{_HUE_ZH}){_NO_WEAR_ZH}色?",
        rf"{nouns_zh}(?:{_HUES_ZH}|{_HUE_ZH}(?=色(?!的?(?:{'|'.join(_WEAR_ZH[1:])})))){_NO_WEAR_ZH}色?",
    )
    return re.compile("|".join(ways), re.IGNORECASE)


_OF_HAIR = _phrases(_HAIR_NOUNS, _HAIR_ZH)
_OF_BEARD = _phrases(_BEARD_NOUNS, _BEARD_ZH)
_OF_BODY = _phrases(_BODY_NOUNS, _BODY_ZH)
_HAIR_ALONE = re.compile(
    r"\b(?:redhead(?:ed)?|blonde?|brunette|ginger|auburn|white-?head(?:ed)?)\b|白头|鹤发",
    re.IGNORECASE,
)


def without_body(words: str) -> str:
    """Return the words without their phrases about the colour of hair, fur, eyes and skin."""
    for phrases in (_OF_HAIR, _OF_BEARD, _OF_BODY, _HAIR_ALONE):
        words = phrases.sub(" ", words)
    return words


def cloth_named(words: str) -> str | None:
    """Return the name of the colour of the clothes, if the words tell it."""
    return _first(without_body(words), CLOTHS)


def hair_named(words: str) -> Colour | None:
    """Return the colour the words give to the hair, else to the beard: both are drawn alike."""
    for phrase in _of_hair(words):
        named = _first(phrase.replace("鹤", "白"), _HAIRS)
        if named is not None:
            return _HAIRS[named][1]
    return None


def _of_hair(words: str) -> Iterator[str]:
    for phrases in (_OF_HAIR, _HAIR_ALONE, _OF_BEARD):
        yield from (found.group() for found in phrases.finditer(words))


def _first(words: str, table: dict[str, tuple[str, Colour]]) -> str | None:
    return first(words, {name: names for name, (names, _) in table.items()})
