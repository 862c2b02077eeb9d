"""Find the people of an English story: who speaks, who is named, and roles such as the captain."""

import re
from collections import Counter
from collections.abc import Iterator

from komadori.pipeline.splitting import words_en
from komadori.pipeline.splitting.model import Person
from komadori.pipeline.splitting.patterns import SAY_EN, any_of
from komadori.pipeline.splitting.roster import guessed_gender

_WORD = r"[A-Z][a-zà-öø-ÿ]+(?:-[A-Z][a-z]+)?"
_TITLE = rf"(?:{any_of(words_en.TITLES)})\.?"
_NAME = rf"(?:{_TITLE}\s)?{_WORD}(?:\s(?:(?:of|the|de|van|von)\s)?{_WORD}){{0,2}}"
_ADJECTIVE = rf"(?:{any_of(words_en.ROLE_ADJECTIVES)})"
_ROLE_WORDS = any_of(
    f"{words_en.MALE_ROLES} {words_en.FEMALE_ROLES} {words_en.OTHER_ROLES} {words_en.ANIMAL_ROLES}"
)
_ROLE = rf"(?i:(?:{_ADJECTIVE}\s)?(?:{_ROLE_WORDS}))"
_DETERMINER = r"(?:[Tt]he|[Hh]is|[Hh]er|[Mm]y|[Tt]heir|[Oo]ur|[Aa]n?)"
_SUBJECT = rf"(?:(?P<name>{_NAME})|{_DETERMINER}\s(?:[a-z-]+\s)??(?P<role>{_ROLE}|(?!\b)x))"
_AFTER_QUOTE = re.compile(
    rf"[,.!?…—-][\"”’']\s+(?:{SAY_EN}\s+(?:(?P<name>{_NAME})|(?:the|his|her|my|their|an?)\s"
    rf"(?P<role>{_ROLE}|(?:[a-z-]+\s)?[a-z]{{3,}}(?=\s*[.,!?;]))))"
)
_BEFORE_VERB = re.compile(
    rf"(?:^|[.!?…\"”,;\n]\s*|\b(?:and|but|then|so|as|when|while)\s){_SUBJECT}"
    rf"\s(?:\w+ly\s)?{SAY_EN}\b(?P<to>\s\w+)?(?=[^.!?]{{0,60}}[\"“”‘'.,:])"
)
_CALLED = re.compile(
    rf"(?:\b(?:an?|the|his|her|their)\s(?:[a-z-]+\s){{0,3}}?(?P<role>{_ROLE})\s)?"
    rf"(?:(?:who was )?(?:named|called)|whose name was|(?:his|her) name was)\s(?P<name>{_NAME})"
)
# "Tom, a small boy with red hair" is one person, "Tom, a small boy and a dog" are three.
_APPOSED = re.compile(
    rf"(?P<name>{_NAME}),\s(?:an?|the)\s(?:[a-z-]+\s){{0,2}}?(?P<role>{_ROLE})"
    r"(?=,(?!\s(?:and|or|an?|the)\b)|\s(?:with|who|of|from|in)\b)"
)
_CAPITAL = re.compile(rf"(?<![\w'’.-])(?:{_TITLE}\s)?{_WORD}(?:\s{_WORD})?(?![\w-])")
_TITLED = re.compile(rf"(?P<title>{_TITLE})\s(?P<name>{_WORD})")
_ABBREVIATED = "Mr Mrs Ms Dr"
_AGES = frozenset(["Old", "Young", "Little"])
# "He wrote to Father. Tom slept" has no Father Tom: only what is abbreviated keeps its stop.
_BEARER = re.compile(
    rf"(?<![\w'’-])(?P<name>(?:(?:{any_of(_ABBREVIATED)})\.?|(?P<title>{any_of(words_en.TITLES)}))"
    rf"(?: {_WORD}){{1,3}})(?![\w-])"
)
_ROLE_NAME = re.compile(rf"\b(?P<role>{_ROLE}) (?P<name>{_WORD})(?![\w-])")
_LONE_SUBJECT = re.compile(
    rf"(?:(?:^|[.!?…\"”\n]\s*)|\b[Tt]here (?:once )?(?:was|lived) ){_DETERMINER}"
    rf"\s(?:[a-z-]+\s){{0,2}}?(?P<role>{_ROLE})\b(?!['’]s|-)(?=,?\s(?!of\b)[a-z]+)"
)
_ROLE_SUBJECT = re.compile(
    rf"(?:(?:^|[.!?…\"”,;\n]\s*|\b(?:and|but|then|so|as|when|while|that)\s){_DETERMINER}|\b[Tt]he)"
    rf"\s(?:[a-z-]+\s){{0,2}}?(?P<role>{_ROLE})\b(?!['’]s|-)(?=\s[a-z]+)"
)
_ROLE_THERE = re.compile(rf"\b{_DETERMINER}\s(?:[a-z-]+\s){{0,2}}?(?P<role>{_ROLE})\b(?!-)")
_PLACE_BEFORE = re.compile(r"\b(?:in|at|from|near|through|across|into|towards?|of|the)\s$")
_VERB_AFTER = re.compile(
    r"(?:\s?[一-鿿]|,? (?:who|and|had|was|is|has|did|does|could|would|can|will|ran|went|came|"
    r"sat|saw|took|stood|held|knew|"
    r"thought|felt|fell|got|gave|made|put|let|left|lay|kept|heard|found|told|said|says|rose|"
    r"woke|swam|drew|"
    r"shook|threw|bit|caught|ate|\w+ed|\w{2,}s)\b|['’]s\b)"
)
_FIRST_NAMES = frozenset(f"{words_en.MALE_NAMES} {words_en.FEMALE_NAMES}".split()) - frozenset(
    words_en.COMMON_WORDS.title().split()
)
_STOP = frozenset(words_en.NOT_NAMES.split())
_TITLE_WORDS = frozenset(words_en.TITLES.split())
_PLACE_WORDS = frozenset(words_en.PLACE_NAMES.split())


def people_en(story: str, *, counts_lone: bool = False) -> list[tuple[Person, int]]:
    """Return people with the weight of their evidence; those who speak weigh most.

    With `counts_lone` whoever is the subject of one sentence is somebody, be it a bird.
    """
    found = _Found()
    for pattern, weight in ((_AFTER_QUOTE, 5), (_BEFORE_VERB, 4)):
        for match in pattern.finditer(story):
            found.add(match["name"], match["role"], weight)
    for match in _CALLED.finditer(story):
        found.add(match["name"], None, 4)
        found.link(match["name"], match["role"])
    for name in _repeated_names(story):
        found.add(name, None, 2)
    _add_bearers(found, story)
    _add_roles(found, story)
    if counts_lone:
        for match in _LONE_SUBJECT.finditer(story):
            found.add(None, match["role"], _LONE)
    return found.people(story)


def _add_bearers(found: "_Found", story: str) -> None:
    """A title before a name makes a person of it, and so does a role: astronaut Lee."""
    for match in _BEARER.finditer(story):
        if match["title"] not in _AGES or _is_always_so_called(match, story):
            found.add(match["name"], None, 3)
    for match in _ROLE_NAME.finditer(story):
        if match["role"][0].islower():
            found.add(match["name"], None, 3)
            found.link(match["name"], match["role"])


def _is_always_so_called(bearer: re.Match[str], story: str) -> bool:
    """Old Tom may be Tom who is old, so there must be no plain Tom."""
    plain = bearer["name"].split()[-1]
    is_acting = bool(_VERB_AFTER.match(story, bearer.end()))
    return is_acting and story.count(plain) == story.count(bearer["name"])


def _add_roles(found: "_Found", story: str) -> None:
    same = set()
    for match in _APPOSED.finditer(story):
        found.link(match["name"], match["role"])
        found.link(match["name"].split()[-1], match["role"])
        same.add(match.end("role"))
    for match in _ROLE_SUBJECT.finditer(story):
        if match.end("role") not in same:
            found.add(None, match["role"], 2)
    for match in _ROLE_THERE.finditer(story):
        found.add_if_acting(match["role"])


class _Found:
    def __init__(self) -> None:
        self._names: Counter[str] = Counter()
        self._roles: Counter[str] = Counter()
        self._linked: dict[str, str] = {}

    def add(self, name: str | None, role: str | None, weight: int) -> None:
        if name and (clean := _clean(name)):
            self._names[clean] += weight
        if role and role.split()[-1] not in _NOT_ROLES:
            self._roles[role.lower()] += weight

    def add_if_acting(self, role: str) -> None:
        """Someone who acts somewhere is there wherever the word stands; who never acts is not."""
        head = role.lower().split()[-1]
        acting = [known for known in self._roles if known.split()[-1] == head]
        if acting:
            self._roles[role.lower() if role.lower() in acting else acting[0]] += 1

    def link(self, name: str, role: str | None) -> None:
        clean = _clean(name)
        if clean and role:
            self._linked[clean] = role.lower()

    def people(self, story: str) -> list[tuple[Person, int]]:
        roles = list(self._of_roles())
        beasts = {person.role for person, _ in roles}  # the Fox is a fox, with or without capital
        named = [entry for entry in self._named(story) if entry[0].name.lower() not in beasts]
        taken = {alias.lower() for person, _ in named for alias in person.aliases}
        return named + [entry for entry in roles if not taken & set(entry[0].aliases)]

    def _named(self, story: str) -> Iterator[tuple[Person, int]]:
        wholes = self._wholes()
        for name, parts in wholes.items():
            weight = self._names[name] + sum(self._names[part] for part in parts)
            role = self._linked.get(name, "")
            aliases = [name, *parts, *self._title_alias(name, wholes, story)]
            if role:
                aliases += [role, role.split()[-1]]
            yield (
                Person(name, tuple(dict.fromkeys(aliases)), guessed_gender(name, role), role),
                weight,
            )

    def _wholes(self) -> dict[str, list[str]]:
        """Longer names take in the shorter ones that can mean only them."""
        names = sorted(self._names, key=lambda name: (-len(name.split()), -self._names[name], name))
        wholes: dict[str, list[str]] = {}
        for name in names:
            owners = [whole for whole in wholes if name != whole and name in whole.split()]
            if len(owners) == 1:
                wholes[owners[0]].append(name)
            elif not owners:
                wholes[name] = [
                    word
                    for word in name.split()
                    if word not in _TITLE_WORDS and len(name.split()) > 1
                ]
        return {
            name: [part for part in parts if self._is_own(part, wholes)]
            for name, parts in wholes.items()
        }

    @staticmethod
    def _is_own(part: str, wholes: dict[str, list[str]]) -> bool:
        return (
            sum(part in whole.split() for whole in wholes) == 1
            and part not in _STOP
            and part[0].isupper()
        )

    def _title_alias(self, name: str, wholes: dict[str, list[str]], story: str) -> list[str]:
        match = _TITLED.match(name)
        if not match or match["title"].strip(".") in (
            "Old",
            "Young",
            "Little",
            "Mr",
            "Mrs",
            "Ms",
            "Miss",
            "Dr",
        ):
            return []
        title = match["title"].lower()
        is_only = sum(whole.startswith(match["title"]) for whole in wholes) == 1
        return [title] if is_only and re.search(rf"\b[Tt]he {title}\b", story) else []

    def _of_roles(self) -> Iterator[tuple[Person, int]]:
        heads: dict[str, list[str]] = {}
        for role in sorted(self._roles, key=lambda role: (-len(role), role)):
            heads.setdefault(role.split()[-1], []).append(role)
        for head, roles in heads.items():
            yield from self._of_head(head, roles)

    def _of_head(self, head: str, roles: list[str]) -> Iterator[tuple[Person, int]]:
        told_apart = [role for role in roles if role != head]
        if len(told_apart) < 2:
            name = head if head in _ANIMALS else roles[0]  # the only fox needs not be the old one
            weight = sum(self._roles[role] for role in roles)
            if weight >= _least(head):
                yield _role(name, (roles[0], head)), weight
            return
        for role in told_apart:
            if self._roles[role] >= _least(head):
                yield _role(role, (role,)), self._roles[role]


_NOT_ROLES = frozenset(words_en.NOT_ROLES.split())


_ANIMALS = frozenset(words_en.ANIMAL_ROLES.split())
_LONE = 5


def _least(head: str) -> int:
    """How much evidence a role needs: a hunter who acts once is there, a bird may be scenery."""
    return 5 if head in _ANIMALS else 3


def _role(name: str, aliases: tuple[str, ...]) -> Person:
    return Person(name.title(), tuple(dict.fromkeys(aliases)), guessed_gender(name), name)


def _clean(name: str) -> str:
    """Return a name without what only stands before it, or nothing if it is no name."""
    words = name.split()
    while words and words[0] in _STOP and words[0].strip(".") not in _TITLE_WORDS:
        words.pop(0)
    if not words or words[-1] in _PLACE_WORDS or words[-1] in _STOP - _TITLE_WORDS:
        return ""
    if len(words) == 1 and words[0].strip(".") in _TITLE_WORDS:
        return (
            words[0]
            if words[0] not in _STOP and words[0] not in ("Sir", "Madame", "Officer")
            else ""
        )
    return " ".join(words)


def _repeated_names(story: str) -> Iterator[str]:
    """Yield capitalised words that come again, not only at the start, and act as people do."""
    counts: Counter[str] = Counter()
    inner: Counter[str] = Counter()
    acting: Counter[str] = Counter()
    placed: Counter[str] = Counter()
    for match in _CAPITAL.finditer(story):
        name = _clean(match.group())
        if not name:
            continue
        before = story[max(0, match.start() - 12) : match.start()]
        counts[name] += 1
        inner[name] += bool(re.search(r"[\w,;]\s$", before))
        acting[name] += bool(_VERB_AFTER.match(story, match.end()))
        placed[name] += bool(_PLACE_BEFORE.search(before))
    for name, count in counts.items():
        is_person = acting[name] and placed[name] * 2 < count
        if is_person and (name in _FIRST_NAMES or (count > 1 and inner[name]) or count > 2):
            yield name
