"""How people of a Chinese story look: 老道士, 白发垂到肩上, 戴着眼镜, 又高又瘦."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from komadori.pipeline.splitting import words_zh
from komadori.pipeline.splitting.model import Gender, Mention, Sentence, Trait
from komadori.pipeline.splitting.patterns import any_of, words_of
from komadori.pipeline.splitting.roster import Roster

# What is written, and as what it is drawn, by what it is of.
_ADJECTIVES: dict[str, dict[str, str]] = {
    "age": {
        "老": "老", "年老": "老", "年迈": "老", "苍老": "老", "年轻": "年轻", "年幼": "小孩",
    },
    "height": {
        "高个子": "高个子", "高个儿": "高个子", "高个": "高个子", "大高个": "高个子",
        "高大": "高大", "魁梧": "魁梧", "高高": "高个子", "高": "高个子",
        "矮个子": "矮", "矮小": "矮", "矮": "矮",
    },
    "build": {
        "胖胖": "胖", "肥胖": "胖", "胖乎乎": "胖", "胖": "胖", "圆滚滚": "圆滚滚",
        "瘦小": "瘦小", "瘦弱": "瘦", "瘦瘦": "瘦", "干瘦": "瘦", "瘦": "瘦", "苗条": "苗条",
        "强壮": "强壮", "健壮": "强壮", "壮": "强壮",
    },
    "hair": {"光头": "光头", "秃头": "光头", "秃顶": "光头"},
}  # fmt: skip
_BOTH = {"瘦高": ("瘦", "高个子"), "高瘦": ("瘦", "高个子"), "矮胖": ("胖", "矮")}
_OF: dict[str, tuple[tuple[str, str], ...]] = {
    word: ((kind, shown),) for kind, words in _ADJECTIVES.items() for word, shown in words.items()
} | {word: (("build", build), ("height", height)) for word, (build, height) in _BOTH.items()}
_ADJ = any_of(" ".join(_OF))
_SHADES = "雪白|花白|斑白|银白|乌黑|火红|金黄|白|银|黑|红|金|棕|灰|黄|乌"
_SHADE_SHOWN = {
    "雪白": "白", "花白": "花白", "斑白": "花白", "银白": "银", "乌黑": "黑", "火红": "红",
    "金黄": "金",
}  # fmt: skip
_DYES = "大红|火红|雪白|白|黑|红|蓝|青|绿|黄|紫|灰|粉|褐|棕"
_NOT_DYED = f"[^，。！？；{_DYES.replace('|', '')}]"
_HAIR = re.compile(
    rf"(?:满头|一头|留着|扎着|披着|长着)*(?:(?P<shade>{_SHADES})(?:色的?|的)?)?"
    rf"(?P<shape>[长短卷乱]|披肩)?的?(?P<noun>头发|秀发|卷发|发(?![现生出觉光抖怒亮愣呆誓财烧问]))"
    rf"(?:(?:已经|已|全|都|也|很|早已)*(?P<turned>{_SHADES})(?=了|[，。；！？、]|$))?"
)
_PLAIT = re.compile(r"(?:扎着|梳着|编着|留着|拖着)[^，。！？；]{0,5}?(?P<noun>辫子|辫|马尾|发髻)")
_BALD = re.compile(r"(?:剃|顶|是)着?[个一]*光头|光着头")
_BEARD = re.compile(
    rf"(?:留着|长着|留了)?(?:一[把脸撮]|满脸)?(?P<shade>{_SHADES})?(?:色的?|的)?"
    r"(?P<shape>长|短|大|络腮|八字|山羊|小)?的?(?P<noun>胡子|胡须|长?[须髯](?=[，。；！？、飘垂老]|$))"
    rf"(?:(?:已经|已|全|都|也|很)*(?P<turned>{_SHADES})(?=了|[，。；！？、]|$))?"
)
_GLASSES = re.compile(r"(?:戴着?|架着)(?:了|一?副)?[^，。！？；]{0,5}?(?P<noun>眼镜)")
_HAT = re.compile(
    r"戴着?(?:了)?(?:一?顶)?[^，。！？；]{0,4}?(?P<noun>斗笠|草帽|礼帽|帽子|头巾|头盔|王冠)"
)
_CLOTHES = re.compile(
    rf"(?:身穿|身着|穿|披)(?:着|了)?(?:一?[件身条袭副])?{_NOT_DYED}{{0,3}}?"
    rf"(?P<shade>{_DYES})?(?:色的?|的)?[布绸丝花皮毛旧新]*"
    r"(?P<noun>道袍|长袍|袍子|袍|长衫|衣裳|衣服|衣|裙子|裙|斗篷|披风|大衣|外套|风衣|毛衣|西装|"
    r"盔甲|汉服)"
)
_THINGS = {
    "hair": (_PLAIT, _BALD, _HAIR),
    "beard": (_BEARD,),
    "glasses": (_GLASSES,),
    "hat": (_HAT,),
    "clothes": (_CLOTHES,),
}
_WITH = {"glasses": "戴", "hat": "戴", "clothes": "穿"}
_ANY = "|".join(
    re.sub(r"\?P<\w+>", "?:", p.pattern) for patterns in _THINGS.values() for p in patterns
)
_BEFORE = re.compile(rf"(?:(?:又?(?:{_ADJ})|(?:{_ANY})(?:苍苍|垂肩|飘飘)?)[的、]?)++小?$")
_PIECE = re.compile(_ADJ)
_DENIED = re.compile(r"(?:[不没未无非莫]|没有|并不|不再)(?:是|太|很|那么)?(?:一?[个位名])?$")
_LIKENED = re.compile(
    r"(?:[像如似扮]|变成|扮成|装成|化作|化成|当成|变作|成了)了?(?:一?[个位名只])?$"
)
_NOT_AGED = re.compile(any_of("邻居 同学 朋友 客人 师 板 婆 伙计 家 天"))
_SMALL = words_of("道士 和尚 姑娘 公主 王子 乞丐 徒弟 书童 书生 尼姑 丫鬟 宫女 弟弟 妹妹")
_IS = re.compile(
    rf"(?:(?:是|长得|生得|看上去|看起来)?(?:[一]?[个位])?(?:个子|身材|身子|年纪|身形)?"
    rf"(?:很|非常|十分|特别|挺|已经很|又))(?P<list>(?:{_ADJ})(?:又(?:{_ADJ}))*)"
    rf"(?=了?[，。；！？、]|的[^，。]?|$)"
    rf"|(?:是[一]?[个位]?|长得|生得|个子|身材)(?P<bare>(?:{_ADJ})(?:[又、]?(?:{_ADJ}))*+)"
    rf"(?=的?[，。；！？、]|的?(?:男|女|人|老|少)|$)"
)
_PERSON = re.compile(
    any_of(
        f"{words_zh.MALE_ROLES} {words_zh.FEMALE_ROLES} {words_zh.OTHER_ROLES} "
        "人 谁 男 女 别 众 汉 翁 们 影 家伙 老者 客"
    )
)
_PRONOUN = re.compile(r"(?:他|她)(?!们)")
_FAR = 40
_LONGEST = 200  # what has no mark for longer is no clause that tells of one person
_CLAUSE = re.compile(r"[^，；：、。！？…—]+[，；：、。！？…—]*")
_INDEFINITE = re.compile(r"(?:一?[个位名]|有)[^，。！？；]{0,8}$")


def traits(told: str, prose: Sequence[Sentence], roster: Roster) -> Iterator[Trait]:
    """Yield what the sentences tell of how people look."""
    before: _Clause | None = None
    for sentence in prose:
        if sentence.opens_paragraph:
            before = None
        found = _CLAUSE.finditer(told, sentence.start, sentence.end)
        clauses = [
            match
            for match in found
            if len(match.group()) <= _LONGEST and match.group().strip("，；：、。！？…— \n")
        ]
        for number, match in enumerate(clauses):
            clause = _Clause(told, match.start(), match.end(), _named(told, match, roster))
            reader = _Reader(clause, roster, before, opens=number == 0)
            yield from reader.traits()
            before = reader.carried()


def _named(told: str, clause: re.Match[str], roster: Roster) -> tuple[Mention, ...]:
    found = roster.mentions(told, clause.start(), clause.end())
    return tuple(mention for mention in found if not told[mention.start].isascii())


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause and who is named in it. `about` is whom the next one can go on telling of."""

    told: str
    start: int
    end: int
    mentions: tuple[Mention, ...]
    about: str | None = None

    def words(self, start: int | None = None, end: int | None = None) -> str:
        return self.told[self.start if start is None else start : self.end if end is None else end]

    def rest(self, end: int | None = None) -> str:
        """Return what stands before an offset, with who is named in it blanked out."""
        words = self.words()
        for mention in self.mentions:
            first, last = mention.start - self.start, mention.end - self.start
            words = words[:first] + "〇" * (last - first) + words[last:]
        return words[: (self.end if end is None else end) - self.start]


class _Reader:
    """Reads one clause."""

    def __init__(
        self, clause: _Clause, roster: Roster, before: _Clause | None, *, opens: bool
    ) -> None:
        self._clause = clause
        self._roster = roster
        self._before = before
        self._opens = opens
        self._told_of: str | None = None
        self._attributive: list[tuple[int, int]] = []

    def traits(self) -> Iterator[Trait]:
        for mention in self._clause.mentions:
            yield from self._at(mention)
            yield from self._said_of(mention.name, mention.end)
        pronoun = _PRONOUN.match(self._clause.words().lstrip())
        name = self._meant(pronoun.group()) if pronoun else None
        if name:
            at = self._clause.words().index(pronoun.group()) if pronoun else 0
            yield from self._said_of(name, self._clause.start + at + 1)
        yield from self._shown()

    def carried(self) -> _Clause:
        """Return the clause with the person whom the next clause can be about."""
        clause = self._clause
        names = {mention.name for mention in clause.mentions}
        about = self._told_of
        if clause.mentions:
            last = clause.mentions[-1]
            is_last = not clause.words(last.end).strip("，。；：、！？…— ")
            is_new = is_last and _INDEFINITE.search(clause.words(end=last.start)) is not None
            is_only = len(names) == 1 and not _PERSON.search(clause.rest())
            about = last.name if is_new or is_only else None
        return _Clause(clause.told, clause.start, clause.end, clause.mentions, about)

    def _at(self, mention: Mention) -> Iterator[Trait]:
        """What stands right before a person: 戴眼镜的老道士."""
        core = self._core(mention)
        lead = self._clause.words(max(self._clause.start, core - _FAR), core)
        role = self._clause.words(core, mention.end)
        if lead.endswith("小") and role in _SMALL and not _LIKENED.search(lead[:-1]):
            yield Trait(mention.name, "age", "小孩", mention.start)
        match = _BEFORE.search(lead)
        if not match or _DENIED.search(lead[: match.start()]):
            return
        if _LIKENED.search(lead[: match.start()]):
            return
        words = match.group()
        if words == "老" and _NOT_AGED.match(role):
            return
        self._attributive.append((core - len(match.group()), core))
        yield from self._listed(mention.name, words, mention.start)
        yield from self._things(mention.name, words, mention.start)

    def _core(self, mention: Mention) -> int:
        """Where the shortest of a person's names begins that ends here: 道士 in 老道士."""
        whole = self._clause.words(mention.start, mention.end)
        if whole == mention.name:
            return mention.start
        aliases = self._roster.person(mention.name).aliases
        inner = [alias for alias in aliases if alias != whole and whole.endswith(alias)]
        return mention.end - min(map(len, inner), default=len(whole))

    def _said_of(self, name: str, at: int) -> Iterator[Trait]:
        match = _IS.match(self._clause.told, at, self._clause.end)
        if match:
            self._told_of = name
            yield from self._listed(name, match["list"] or match["bare"], at)

    @staticmethod
    def _listed(name: str, words: str, at: int) -> Iterator[Trait]:
        bare = re.sub(_ANY, lambda match: "〇" * len(match.group()), words)
        for match in _PIECE.finditer(bare):
            for kind, shown in _OF[match.group()]:
                yield Trait(name, kind, shown, at)

    def _shown(self) -> Iterator[Trait]:
        """What a clause shows of the only person it is about: 白发垂到肩上."""
        for match in re.finditer(_ANY, self._clause.words()):
            at = self._clause.start + match.start()
            if any(start <= at < end for start, end in self._attributive):
                continue
            name = self._owner(at, self._clause.start + match.end())
            if name and not _DENIED.search(self._clause.words(end=at)):
                found = list(self._things(name, match.group(), at))
                self._told_of = name if found else self._told_of
                yield from found

    def _owner(self, at: int, end: int) -> str | None:
        rest = self._clause.rest(at)
        if _LIKENED.search(rest) or self._is_attribute(end):
            return None
        earlier = [mention for mention in self._clause.mentions if mention.end <= at]
        if earlier and self._clause.words(earlier[-1].end, at) in ("的", ""):
            return earlier[-1].name
        if _PERSON.search(rest) or len({mention.name for mention in earlier}) > 1:
            return None
        if earlier:
            return None if _PRONOUN.search(rest) else earlier[-1].name
        pronoun = _PRONOUN.search(rest)
        if pronoun:
            return self._meant(pronoun.group())
        return self._before.about if self._before and not self._opens else None

    def _is_attribute(self, end: int) -> bool:
        """Whether the look is that of who comes next: 白发苍苍的母亲."""
        after = self._clause.words(end).strip("，。；：、！？…— ")
        first = [mention for mention in self._clause.mentions if mention.start >= end]
        person = _PERSON.search(after)
        return bool(
            re.match(r"(?:苍苍|飘飘|垂肩)?的.", after)
            or (person and person.start() <= 1)
            or (first and first[0].start - end <= 1)
        )

    def _meant(self, pronoun: str) -> str | None:
        name = self._before.about if self._before else None
        gender = Gender.FEMALE if pronoun == "她" else Gender.MALE
        if name and self._roster.person(name).gender in (gender, Gender.UNKNOWN):
            return name
        return None

    @staticmethod
    def _things(name: str, words: str, at: int) -> Iterator[Trait]:
        for kind, patterns in _THINGS.items():
            match = next((m for p in patterns if (m := p.search(words))), None)
            shown = _drawn(kind, match) if match else ""
            if shown:
                yield Trait(name, kind, shown, at)


def _drawn(kind: str, match: re.Match[str]) -> str:
    """Return a thing as it is drawn: 白发, 长胡子, 穿红裙子, 戴眼镜."""
    parts = match.groupdict()
    if "noun" not in parts:
        return "光头"
    shade = parts.get("turned") or parts.get("shade") or ""
    shade = _SHADE_SHOWN.get(shade, shade)
    noun = {"头发": "发", "秀发": "发"}.get(parts["noun"], parts["noun"])
    shape = parts.get("shape") or ""
    if noun == "发" and not (shade or shape):
        return ""
    if kind == "hair" and shade and shape:
        return f"{shade}发，{shape}发"
    return _WITH.get(kind, "") + shade + shape + noun
