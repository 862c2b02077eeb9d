"""Who is who: the people of a story by all their names, and whom a pronoun means."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from komadori.pipeline.splitting import words_en, words_zh
from komadori.pipeline.splitting.model import Gender, Mention, Person, Sentence, Speech
from komadori.pipeline.splitting.patterns import any_of

_MALE = re.compile(rf"\b(?:{any_of(words_en.MALE_PRONOUNS)})\b|他(?!们)", re.IGNORECASE)
_FEMALE = re.compile(rf"\b(?:{any_of(words_en.FEMALE_PRONOUNS)})\b|她(?!们)", re.IGNORECASE)
_PLURAL = re.compile(
    rf"\b(?:{any_of(words_en.PLURAL_PRONOUNS)})\b|{any_of(words_zh.PLURAL_PRONOUNS)}", re.I
)
_NEUTRAL = re.compile(r"\b(?:it|its)\b|它(?!们)", re.IGNORECASE)
PRONOUN = re.compile(
    "|".join(p.pattern for p in (_PLURAL, _MALE, _FEMALE, _NEUTRAL)), re.IGNORECASE
)
_CJK = re.compile(r"[一-鿿]")
_INTRODUCES = re.compile(
    r"(?:我(?:叫|是|的名字[叫是])|\b(?:[Mm]y name is|I am|I['’]m|[Cc]all me))\s*"
)
NARRATOR_EN, NARRATOR_ZH = "Narrator", "我"


class Roster:
    """The people of a story, found wherever one of their names stands."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.people = tuple(people)
        self._by_alias: dict[str, Person] = {}
        for person in self.people:
            for alias in person.aliases:
                self._by_alias.setdefault(alias, person)
        self._by_name = {person.name: person for person in self.people}
        self._pattern = _alias_pattern(self._by_alias)

    def person(self, name: str) -> Person:
        """Return the person of that cast name."""
        return self._by_name[name]

    def owner(self, alias: str) -> Person | None:
        """Return who is called so, if anyone."""
        return self._by_alias.get(alias) or self._by_alias.get(alias.lower())

    def masked(self, story: str) -> str:
        """Return the story with all names made meaningless: 林小雨 is no light rain."""
        if self._pattern is None:
            return story
        return self._pattern.sub(lambda match: "x" * len(match.group()), story)

    def mentions(self, story: str, start: int = 0, end: int | None = None) -> list[Mention]:
        """Return where people are named between two offsets."""
        if self._pattern is None:
            return []
        found = self._pattern.finditer(story, start, len(story) if end is None else end)
        return [
            Mention(match.start(), match.end(), person.name)
            for match in found
            if (person := self.owner(match.group()))
        ]


def _alias_pattern(aliases: Iterable[str]) -> re.Pattern[str] | None:
    ordered = sorted(aliases, key=lambda alias: (-len(alias), alias))
    parts = [_alias(alias) for alias in ordered]
    return re.compile("|".join(parts)) if parts else None


def _alias(alias: str) -> str:
    words = r"\s+".join(map(re.escape, alias.split()))
    if _CJK.search(alias):
        apart = {
            "马": "(?<![人])马(?![上路车])",
            "牛": "牛(?!奶)",
            "鬼": "鬼(?!脸)",
            "狼": "狼(?!狈)",
            "我": "我(?!们)",
        }
        return apart.get(alias, words + "(?!们)")
    if alias.islower() and alias.isascii():  # a role: the captain, Captain at a sentence's start
        words = rf"[{alias[0]}{alias[0].upper()}]" + words[1:]
    return rf"(?<!\w){words}(?!\w)"


def guessed_gender(name: str, hint: str = "") -> Gender:
    """Return what a name and a description tell about the pronoun."""
    words = set(re.findall(r"[a-z]+", f"{name} {hint}".lower()))
    female = set(words_en.FEMALE_ROLES.split()) | {"mrs", "miss", "ms", "female", "she", "her"}
    male = set(words_en.MALE_ROLES.split()) | {"mr", "sir", "male", "he", "his"}
    female |= {name.lower() for name in words_en.FEMALE_NAMES.split()}
    male |= {name.lower() for name in words_en.MALE_NAMES.split()} - {"will", "mark"}
    text = name + hint
    is_female = (
        bool(words & female)
        or _ends_with(text, words_zh.FEMALE_ROLES)
        or bool(re.search(r"女|娘|妹|姐|婆|妻|母|奶|妈|姑|嫦|她|媳", text))
    )
    is_male = (
        bool(words & male)
        or _ends_with(text, words_zh.MALE_ROLES)
        or bool(re.search(r"男|父|爷|爸|叔|伯|哥|弟|儿子|他", text))
    )
    if is_female == is_male:
        return Gender.UNKNOWN
    return Gender.FEMALE if is_female else Gender.MALE


def _ends_with(name: str, roles: str) -> bool:
    return any(name.endswith(role) for role in roles.split())


def with_learned_genders(roster: Roster, told: str, sentences: Sequence[Sentence]) -> Roster:
    """Return the roster with genders from sentences that name one person and use one pronoun.

    `told` is the story without what is quoted.
    """
    votes: Counter[tuple[str, Gender]] = Counter()
    for sentence in sentences:
        words = told[sentence.start : sentence.end]
        mentions = roster.mentions(words)
        if len({mention.name for mention in mentions}) != 1:
            continue
        end = mentions[0].end  # "She locked Hans in" tells nothing of Hans
        genders = [
            gender
            for pattern, gender in ((_MALE, Gender.MALE), (_FEMALE, Gender.FEMALE))
            if pattern.search(words, end)
        ]
        if len(genders) == 1:
            votes[mentions[0].name, genders[0]] += 1
    return Roster(_voted(person, votes) for person in roster.people)


def with_introductions(roster: Roster, story: str, speeches: Sequence[Speech]) -> Roster:
    """Return the roster with people made one who say their own name: the girl is called Lin.

    The roster itself comes back when nobody does.
    """
    people = {person.name: person for person in roster.people}
    for speech in speeches:
        match = _INTRODUCES.search(story, speech.start, speech.end)
        found = roster.mentions(story, match.end(), speech.end)[:1] if match else []
        if not found or not match or found[0].start > match.end() or not speech.speaker:
            continue
        named, role = people.get(found[0].name), people.get(speech.speaker)
        if named and role and named is not role and role.role:
            del people[role.name]
            aliases = (*named.aliases, *role.aliases)
            people[named.name] = replace(
                named, aliases=aliases, gender=role.gender, role=named.role or role.role
            )
    return Roster(people.values()) if len(people) < len(roster.people) else roster


def _voted(person: Person, votes: Counter[tuple[str, Gender]]) -> Person:
    male, female = votes[person.name, Gender.MALE], votes[person.name, Gender.FEMALE]
    if person.gender is not Gender.UNKNOWN or male == female:
        return person
    return replace(person, gender=Gender.MALE if male > female else Gender.FEMALE)


class Memory:
    """Who was spoken of last, so that a pronoun can be given to someone."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._recent: list[str] = []

    def note(self, name: str) -> None:
        """This person was just meant."""
        if name in self._recent:
            self._recent.remove(name)
        self._recent.insert(0, name)

    def meant_by(self, pronoun: str, *, but: str | None = None) -> tuple[str, ...]:
        """Return the names a pronoun means; none when it fits nobody."""
        if _PLURAL.fullmatch(pronoun):
            return tuple(name for name in self._recent if not self._is_narrator(name))[:2]
        if _NEUTRAL.fullmatch(pronoun):
            return ()
        gender = Gender.FEMALE if _FEMALE.fullmatch(pronoun) else Gender.MALE
        fitting = [name for name in self._recent if name != but and self._fits(name, gender)]
        sure = [name for name in fitting[:2] if self._roster.person(name).gender is gender]
        return tuple(sure[:1] or fitting[:1])

    def _fits(self, name: str, gender: Gender) -> bool:
        return not self._is_narrator(name) and self._roster.person(name).gender in (
            gender,
            Gender.UNKNOWN,
        )

    @staticmethod
    def _is_narrator(name: str) -> bool:
        return name in (NARRATOR_EN, NARRATOR_ZH)
