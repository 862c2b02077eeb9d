"""Find the people of a Chinese story: who speaks, who is named, and roles such as 道士."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from komadori.pipeline.splitting import words_zh
from komadori.pipeline.splitting.model import Person
from komadori.pipeline.splitting.patterns import CLAUSE_END, MANNER_ZH, SAY_ZH, SAY_ZH_END, any_of
from komadori.pipeline.splitting.roster import guessed_gender

_HAN = "[一-鿿]"
_ROLES = any_of(
    f"{words_zh.MALE_ROLES} {words_zh.FEMALE_ROLES} {words_zh.OTHER_ROLES} {words_zh.ANIMAL_ROLES}"
)
_START = r"(?:^|(?<=[，。！？；：、“”「」『』\"…—\s.!?]))"
_LEAD = (
    r"(?:只见|忽然|突然|这时|那时|于是|可是|但|但是|有个|有一个|一个|那个|这个|一位|那位|这位|"
    r"一只|那只|这只|那名|他的|她的|听了|原来|而)?"
)
_SPEAKER = re.compile(
    rf"{_START}{_LEAD}(?:(?P<role>{_ROLES})|(?P<name>{_HAN}{{2,4}}?))"
    rf"(?P<with>[对向朝跟问][^，。！？：“]{{1,8}}?)?(?:{MANNER_ZH}){{0,3}}"
    rf"(?P<verb>{SAY_ZH}){SAY_ZH_END}"
    rf"(?:[他她]|(?:{_ROLES})|{_HAN}{{0,3}}?){CLAUSE_END}"
)
_CALLED = re.compile(
    rf"(?:(?P<role>{_ROLES})[，]?)?(?<![大喊吼惊])(?:名叫|名字叫|叫做|叫作|名为|"
    rf"叫)(?P<name>{_HAN}{{2,3}}?)"
    rf"(?:的(?P<role2>{_ROLES})|(?=[，。、；的住]|有|从|在))"
)
_CLAUSE_START = re.compile(
    rf"(?:{_START}|(?<=[和与跟]))(?:只见|这时|忽然|突然|于是|可是|但是|但|而)?"
    rf"(?=(?P<head>{_HAN}{{2,4}}))"
)
_ROLE_AT = re.compile(rf"(?P<before>.?)(?P<role>{_ROLES})(?P<after>.?)")
_SEVERAL = re.compile(r"(?:[两二三四五六七八九十几数多众][个位名只]?|众)$")
_MEASURE = frozenset("个位只名条头匹的老")
_NOT_INSIDE = frozenset(words_zh.NOT_IN_NAMES)
_SURNAMES = frozenset(words_zh.SURNAMES)
_COMPOUND = frozenset(words_zh.COMPOUND_SURNAMES.split())
_NOT_NAMES = frozenset(words_zh.NOT_NAMES.split())
_ALL_ROLES = frozenset(
    role
    for roles in (words_zh.MALE_ROLES, words_zh.FEMALE_ROLES, words_zh.OTHER_ROLES)
    for role in (*roles.split(), *words_zh.ANIMAL_ROLES.split())
)
_PUNCTUATION = frozenset('，。！？；：、“”「」『』"…— \n')


def people_zh(story: str, told: str, *, counts_lone: bool = False) -> list[tuple[Person, int]]:
    """Return people with the weight of their evidence; those who speak weigh most.

    `told` is the story with what is quoted turned into spaces. With `counts_lone` whoever is
    the subject of one sentence is somebody, be it a bird.
    """
    weights: Counter[str] = Counter()
    linked: dict[str, str] = {}
    for name, role in _called(story):
        weights[name] += 4
        if role:
            linked[name] = role
    for name in _speakers(story):
        weights[name] += 5 if name in _ALL_ROLES else 3
    for name, count in _surnamed(story).items():
        weights[name] += count * 2
    for name, role in _apposed(told, weights):
        linked.setdefault(name, role)
    roles = _roles(told, set(weights))
    if counts_lone:
        roles = Counter({role: weight + _LONE for role, weight in roles.items()})
    weights.update(roles)
    return _merged(weights, linked, story)


def _called(story: str) -> Iterator[tuple[str, str]]:
    for match in _CALLED.finditer(story):
        name = match["name"]
        if _may_be_name(name) and name not in _ALL_ROLES:
            yield name, match["role"] or match["role2"] or ""


def _speakers(story: str) -> Iterator[str]:
    for match in _SPEAKER.finditer(story):
        if match["role"]:
            yield match["role"]
        elif _may_be_name(match["name"]) and story.count(match["name"]) > 1:
            yield match["name"]


def _may_be_name(name: str) -> bool:
    return (
        name not in _NOT_NAMES
        and name[:2] not in _NOT_NAMES
        and not set(name) & _NOT_INSIDE
        and not re.search(r"[一百千几多大另同某别谁人声]$|^[一二两三几某另同二]", name)
    )


def _surnamed(story: str) -> Counter[str]:
    """Count surnamed names at the starts of clauses; a third character must earn its place."""
    shorts: Counter[str] = Counter()
    longs: Counter[str] = Counter()
    for match in _CLAUSE_START.finditer(story):
        head = match["head"]
        size = 3 if head[:2] in _COMPOUND else 2
        is_surnamed = len(head) >= size and (head[0] in _SURNAMES or size > 2)
        if is_surnamed and _may_be_name(head[:size]):
            shorts[head[:size]] += 1
            if len(head) > size and head[size] not in _NOT_INSIDE:
                longs[head[: size + 1]] += 1
    return Counter(
        {
            name: shorts[short]
            for short in shorts
            if shorts[short] > 1
            and (name := _longer(short, shorts, longs, story)) not in _ALL_ROLES
        }
    )


def _longer(short: str, shorts: Counter[str], longs: Counter[str], story: str) -> str:
    candidates = [name for name in longs if name.startswith(short)]
    best = max(candidates, key=lambda name: (longs[name], name), default=short)
    is_whole = longs[best] > 1 and longs[best] * 3 >= shorts[short] * 2
    return best if is_whole and story.count(best) * 3 >= story.count(short) * 2 else short


def _apposed(told: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return names with the role right before them: 掌柜老陈 is one man."""
    known = [re.escape(name) for name in names if name not in _ALL_ROLES]
    if not known:
        return []
    pattern = re.compile(rf"(?P<role>{_ROLES})(?P<name>{'|'.join(known)})")
    return [(match["name"], match["role"]) for match in pattern.finditer(told)]


def _roles(told: str, names: set[str]) -> Counter[str]:
    """Count roles that stand where a person acts: at a clause's start or after a measure word."""
    counts: Counter[str] = Counter()
    for match in _ROLE_AT.finditer(told):
        before, after = match["before"], match["after"]
        end = match.end("role")
        if _SEVERAL.search(told[max(0, match.start("role") - 2) : match.start("role")]):
            continue
        if after == "们" or any(told.startswith(name, end) for name in names - _ALL_ROLES):
            continue
        is_subject = not before or before in _PUNCTUATION or before in _MEASURE
        counts[match["role"]] += 2 if is_subject and after not in _PUNCTUATION | {"的"} else 0
    return Counter({role: weight for role, weight in counts.items() if weight})


def _merged(weights: Counter[str], linked: dict[str, str], story: str) -> list[tuple[Person, int]]:
    people: list[tuple[Person, int]] = []
    taken: set[str] = set()
    for name in sorted(weights, key=lambda name: (len(name), name)):
        if name in taken or weights[name] < _least(name):
            continue
        longer = [
            other for other in weights if other != name and other.endswith(name) and len(name) > 1
        ]
        others = [other for other in longer if other in _ALL_ROLES]
        if len([other for other in others if weights[other] >= 4]) > 1:
            others = []
        role = linked.get(name, "")
        aliases = tuple(dict.fromkeys([name, *others, *([role] if role else [])]))
        taken.update(aliases)
        weight = weights[name] + sum(weights[other] for other in others)
        if name in _ALL_ROLES:
            role = name
        people.append((Person(name, aliases, guessed_gender(name, role), role), weight))
    linked_roles = {role for role in linked.values() if role}
    return [
        entry for entry in people if entry[0].name not in linked_roles and entry[0].name in story
    ]


def _least(name: str) -> int:
    """How much evidence a name needs; a hunter who acts once is there, a horse may be scenery."""
    if name in words_zh.ALONE_IS_COMMON:
        return 6
    return 2 if name in _ALL_ROLES and name not in _ANIMALS else 4


_ANIMALS = frozenset(words_zh.ANIMAL_ROLES.split())
_LONE = 4
