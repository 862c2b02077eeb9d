"""How each character looks in every panel: by the words about them, else by their name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from komadori.backends.images.sketch.beasts import BEASTS
from komadori.backends.images.sketch.chance import number_of
from komadori.backends.images.sketch.colouring import (
    BLACK_HAIR,
    BLOND_HAIR,
    BROWN_HAIR,
    CLOTHS,
    RED_HAIR,
    WHITE_HAIR,
    cloth_named,
    hair_named,
    without_body,
)
from komadori.backends.images.sketch.ink import Colour
from komadori.backends.images.sketch.words import Table, first, has, place_of
from komadori.domain.story import Character

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    """What one recognises someone by. `height` is in metres, `girth` widens the build."""

    name: str
    age: str
    is_woman: bool
    height: float
    girth: float
    heads: float
    hair: str
    fringe: str
    hair_colour: Colour
    beard: str
    hat: str
    glasses: bool
    garment: str
    cloth: Colour
    trim: Colour
    pattern: str
    skin: Colour
    species: str = ""
    """An animal's kind, if it is one."""

    @property
    def silhouette(self) -> tuple[object, ...]:
        """What tells this look from others at a glance."""
        return (self.hair, self.hair_colour, self.hat, self.garment, self.cloth, self.pattern)


_AGES: Table = {
    "child": (
        "child* boy girl kid young_boy young_girl toddler son daughter grandson "
        "granddaughter red_riding_hood goldilocks 孩 童 小男孩 小女孩 娃 少年 女孩 男孩 儿子 女儿 "
        "孙子 孙女 孙儿 小姑娘 小红帽"
    ),
    "old": (
        "old elderly aged ancient grandfather grandmother granny grandpa grandma crone 老 "
        "爷爷 奶奶 婆婆 翁 年迈 祖父 祖母 师父"
    ),
}
_OLD_BY_NAME = re.compile(r"\s*(?:the\s+)?old\b|\s*老", re.IGNORECASE)
_BEARDS = "beard* 胡子 胡须 白须 长须 长髯 络腮 髯"
_BEARDLESS = "clean-shaven beardless 无须 没有胡子 没胡子"
_NEVER_BEARDED = (
    "woman women girl boy child children kid toddler lady queen princess witch daughter "
    "granddaughter 女 姑娘 孩 童 娃 少年 妻 母 婆 奶奶"
)
_WOMAN = (
    "woman women girl lady mother daughter sister wife queen princess she her "
    "grandmother granny grandma aunt "
    "miss mrs witch widow maid heroine red_riding_hood goldilocks 小红帽 "
    "女 姑娘 娘 妻 母 妈 姐 妹 婆 奶奶 公主 皇后 夫人 小姐 她 婶 嫂 "
    "姨"
)
_MAN = (
    "man men boy father son brother husband king prince he his grandfather grandpa uncle "
    "mr sir 男 父 爸 兄 弟 爷 公子 王子 皇帝 先生 他 叔 伯 僧 道士 书生 将军"
)
_WOMANS_NAMES = (
    "anna annie anne ann mary maria marie alice emma mara lucy ella nora clara sara* elena "
    "lena ada ida rosa rose lily mei ling "
    "yuki sakura hana jane kate grace ruth iris ivy june eva eve amy sophi* "
    "olivia mia luna nina tessa wren"
)
_ENDS_LIKE_A_WOMANS = re.compile(r"\b[A-Z][a-z]+(?<!Joshu)(?<!Luc)(a|elle|ette|ine|lyn|beth)\b")
_HAIRS: Table = {
    "bald": "bald shaven 秃 光头 和尚 僧",
    "ponytail": "ponytail pony-tail 马尾",
    "braids": "braid* plait* pigtail* twin_tails 辫 双马尾",
    "topknot": "topknot 发髻 束发 道士 道长 公子 书生 侠 剑客 将军",
    "bun": "bun hair_up 盘发 髻 婆婆 奶奶",
    "curly": "curly curls frizzy afro 卷发",
    "bob": "bob bobbed short-haired_girl 短发姑娘 齐肩",
    "long": (
        "long_black_hair long_dark_hair long_brown_hair long_blond_hair long_blonde_hair "
        "long_red_hair long_white_hair long_hair long-haired flowing_hair 长发 披发"
    ),
    "spiky": "spiky messy tousled unruly wild_hair 乱发 刺头",
    "short": (
        "short_black_hair short_dark_hair short_brown_hair short_blond_hair short_red_hair "
        "short_hair short-haired crew cropped 短发 寸头"
    ),
}
_HATS: Table = {
    "straw": "straw fisherman fisher farmer 斗笠 渔 农夫 樵",
    "helmet": "helmet* knight 头盔",
    "crown": "crown king queen emperor prince princess 王冠 国王 女王 皇帝 皇后",
    "official": "official magistrate judge 官 县令 知县 乌纱",
    "hood": "hood* hooded witch 兜帽",
    "cap": "cap sailor conductor captain keeper policeman police 帽子 船长 警察",
    "brim": "hat fedora detective wizard cowboy 礼帽 侦探 牛仔",
    "scarf": "headscarf kerchief shawl 头巾",
}
_GARMENTS: Table = {
    "armour": "armour armor knight soldier warrior guard samurai 甲 武士 士兵 将军 骑士 卫兵",
    "robe": (
        "robe* kimono hanfu monk priest wizard taoist daoist scholar 袍 长衫 汉服 道士 和尚 "
        "僧 书生 仙 师父 官"
    ),
    "suit": "suit tie businessman lawyer detective professor gentleman 西装 领带 教授 老板 侦探",
    "cloak": "cloak* cape hood* witch 斗篷 披风 侠",
    "dress": "dress gown skirt princess queen maid 裙 公主 小姐",
    "coat": "coat overcoat jacket raincoat doctor captain keeper 大衣 外套 风衣 医生",
    "sweater": "sweater jumper striped sailor student 毛衣 学生",
    "tunic": "tunic vest apron smith farmer fisherman peasant worker cook 短衣 布衣 农 渔 樵 厨 匠",
}
_HAIR_OF = {
    (False, False): ("short", "side", "spiky", "curly", "swept", "crop"),
    (False, True): ("long", "bob", "ponytail", "braids", "bun", "curly"),
    (True, False): ("topknot", "short", "side", "spiky", "swept", "topknot"),
    (True, True): ("bun", "long", "braids", "ponytail", "bob", "long"),
}
_GARMENT_OF = {
    (False, False): ("coat", "sweater", "suit", "tunic", "cloak", "sweater"),
    (False, True): ("dress", "coat", "sweater", "dress", "cloak", "tunic"),
    (True, False): ("robe", "tunic", "coat", "robe", "tunic", "cloak"),
    (True, True): ("robe", "dress", "robe", "tunic", "robe", "cloak"),
}
_PATTERNS = ("plain", "plain", "stripes", "trim", "dots", "bands")
_SKINS = ((248, 226, 204), (244, 216, 190), (236, 204, 172), (222, 182, 146), (186, 138, 104))
_FRINGES = {
    "short": "side",
    "side": "side",
    "spiky": "spiky",
    "curly": "curls",
    "swept": "back",
    "crop": "back",
    "topknot": "back",
    "bun": "centre",
    "long": "bangs",
    "bob": "bangs",
    "ponytail": "side",
    "braids": "centre",
    "bald": "none",
    "fringe": "none",
}


def looks_of(
    cast: Sequence[Character], extra: Sequence[str], character_style: str
) -> dict[str, Look]:
    """Return a look for each of the cast, and for others who are in a panel, no two alike."""
    everyone = {character.name: character for character in cast}
    for name in extra:  # a story may know more people than its cast
        everyone.setdefault(name, Character(name=name.strip()[:60] or "?"))
    named = {name: cloth_named(_about(who)) for name, who in everyone.items()}
    looks: dict[str, Look] = {}
    for name, character in everyone.items():
        spoken_for = {
            CLOTHS[cloth][1]
            for other, cloth in named.items()
            if cloth and other != name and other not in looks
        }
        look = _told_apart(character, tuple(looks.values()), spoken_for, character_style)
        looks[name] = replace(look, name=name)
    return looks


def _told_apart(
    character: Character, others: Sequence[Look], spoken_for: set[Colour], character_style: str
) -> Look:
    """Turn the name's number until the look is as unlike the others as words allow."""
    number = number_of("look", character.name)
    turned = (_look(character, number + turn * 7919, character_style) for turn in range(40))
    return max(turned, key=lambda look: _newness(look, others) - 2.5 * (look.cloth in spoken_for))


def _newness(look: Look, others: Sequence[Look]) -> float:
    """Return how well a look can be told from others: by cloth before all, then cut and hair."""
    score = 0.0
    for other in others:
        score -= 6.0 * (look.silhouette == other.silhouette)
        score -= 3.0 * (look.cloth == other.cloth) + 1.0 * (
            abs(sum(look.cloth) - sum(other.cloth)) < 60
        )
        score -= (
            1.2 * (look.garment == other.garment)
            + 1.2 * (look.hair == other.hair)
            + 0.4 * (look.trim == other.trim)
        )
        score -= 1.5 * ((look.hair, look.garment) == (other.hair, other.garment))
    return score


def _about(character: Character) -> str:
    return f"{character.name} {character.description}"


def _look(character: Character, number: int, character_style: str) -> Look:
    words = _about(character)
    age = _age(character.name, words)
    is_woman = _is_woman(character, words, number)
    is_eastern = any("\u4e00" <= char <= "\u9fff" for char in character.name)
    hat = first(words, _HATS) or ""
    hair = first(words, _HAIRS) or _pick(_HAIR_OF[is_eastern, is_woman], number // 7)
    if age == "old" and not is_woman and first(words, _HAIRS) is None and not is_eastern:
        hair = _pick(("fringe", "short", "swept"), number // 7)
    garment = first(words, _GARMENTS) or _pick(_GARMENT_OF[is_eastern, is_woman], number // 11)
    named_cloth = cloth_named(words)
    cloth_name = named_cloth or _pick(tuple(CLOTHS), number // 13)
    trim_name = _pick(tuple(name for name in CLOTHS if name != cloth_name), number // 17)
    height, girth = _size(without_body(words), age, is_woman, number)
    species = first(character.name, {kind: beast.names for kind, beast in BEASTS.items()})
    if species is not None:
        return _beast(character, species, number)
    return Look(
        name=character.name,
        age=age,
        is_woman=is_woman,
        height=height,
        girth=girth,
        heads=_heads(age, character_style),
        hair=hair,
        fringe=_FRINGES[hair],
        hair_colour=_hair_colour(words, age, number, is_eastern=is_eastern),
        beard=_beard(words, age, number, is_woman=is_woman),
        hat=hat,
        glasses=has(words, "glasses spectacles eyeglasses 眼镜"),
        garment=garment,
        cloth=(168, 174, 182)
        if garment == "armour" and named_cloth is None
        else CLOTHS[cloth_name][1],
        trim=CLOTHS[trim_name][1],
        pattern=_pick(_PATTERNS, number // 19),
        skin=_SKINS[4]
        if has(words, "dark-skinned black-skinned 黝黑")
        else _pick(_SKINS[:4], number // 23),
    )


def _beast(character: Character, species: str, number: int) -> Look:
    fur = BEASTS[species].fur
    apart = tuple(
        name
        for name, (_, cloth) in CLOTHS.items()
        if sum(abs(a - b) for a, b in zip(cloth, fur, strict=True)) > 130
    )
    cloth = cloth_named(character.description) or _pick(apart, number // 13)
    return Look(
        name=character.name,
        age="adult",
        is_woman=False,
        height=BEASTS[species].height + (number // 37 % 3) * 0.05,
        girth=1.15,
        heads=3.9,
        hair="bald",
        fringe="none",
        hair_colour=BEASTS[species].fur,
        beard="",
        hat="",
        glasses=False,
        garment=_pick(("cloak", "tunic", "coat", "sweater"), number // 11),
        cloth=CLOTHS[cloth][1],
        trim=_pick(tuple(CLOTHS.values()), number // 17)[1],
        pattern="plain",
        skin=BEASTS[species].fur,
        species=species,
    )


def _age(name: str, words: str) -> str:
    """Return child, adult or old: "Old Tom" is old whoever else is named beside him."""
    if _OLD_BY_NAME.match(name):
        return "old"
    age = first(words, _AGES) or "adult"
    return "adult" if age == "child" and _is_bearded(words) else age


def _is_bearded(words: str) -> bool:
    """Whether they wear a beard themselves: it is told before any woman or child, or without."""
    beard = place_of(words, _BEARDS)
    if beard is None or has(words, _BEARDLESS):
        return False
    other = place_of(words, _NEVER_BEARDED)
    return other is None or beard < other


def _is_woman(character: Character, words: str, number: int) -> bool:
    if _is_bearded(words):
        return False
    if has(words, _WOMAN):
        return True
    if has(words, _MAN):
        return False
    if has(character.name, _WOMANS_NAMES) or _ENDS_LIKE_A_WOMANS.search(character.name):
        return True
    return not character.name.isascii() and number // 3 % 4 == 0


def _hair_colour(words: str, age: str, number: int, *, is_eastern: bool) -> Colour:
    named = hair_named(words)
    if named is not None:
        return named
    if age == "old":
        return WHITE_HAIR
    if is_eastern:
        return BLACK_HAIR
    return _pick((BLACK_HAIR, BROWN_HAIR, BLOND_HAIR, BLACK_HAIR, RED_HAIR), number // 29)


def _beard(words: str, age: str, number: int, *, is_woman: bool) -> str:
    if is_woman or age == "child" or has(words, _BEARDLESS):
        return ""
    if has(words, "long_beard long-bearded wizard 长须 长髯 白须 胡须 道士 道长"):
        return "long"
    if has(words, "八字胡 小胡子"):
        return "moustache"
    if has(words, _BEARDS):
        return "short"
    if has(words, "moustache mustache moustached"):
        return "moustache"
    if age == "old":
        return _pick(("long", "short", "moustache"), number // 31)
    return "short" if number // 31 % 6 == 0 else ""


def _size(words: str, age: str, is_woman: bool, number: int) -> tuple[float, float]:
    height = {"child": 1.18, "old": 1.62}.get(age, 1.64 if is_woman else 1.75) + (
        number // 37 % 5 - 2
    ) * 0.025
    girth = 1.0 + (number // 41 % 5 - 2) * 0.035
    if has(words, "tall lanky giant 高大 高个 魁梧"):
        height += 0.16
    if has(words, "short small tiny petite 矮 瘦小"):
        height -= 0.14
    if has(words, "fat stout plump heavy round chubby portly 胖 肥 圆滚"):
        girth += 0.38
    if has(words, "thin slim lean skinny gaunt slender 瘦 苗条"):
        girth -= 0.14
    if has(words, "strong muscular burly broad 壮 强壮 魁梧"):
        girth += 0.18
    return height, girth


def _heads(age: str, character_style: str) -> float:
    if has(character_style, "chibi cute kawaii super-deformed q版 Q版 萌 可爱"):
        return 2.9 if age == "child" else 3.3
    if has(character_style, "realis* natural* lifelike anatomical heroic 写实 真实 逼真"):
        return 5.6 if age == "child" else 7.0
    return 4.5 if age == "child" else 5.7


def _pick(items: Sequence[T], number: int) -> T:
    return items[number % len(items)]
