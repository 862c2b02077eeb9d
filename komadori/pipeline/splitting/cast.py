"""The cast of a storyboard: whom the user named, then whom the story shows, at most twelve."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from komadori.domain.story import Character
from komadori.pipeline.splitting import words_en, words_zh
from komadori.pipeline.splitting.model import Gender, Paragraph, Person
from komadori.pipeline.splitting.people_en import people_en
from komadori.pipeline.splitting.people_zh import people_zh
from komadori.pipeline.splitting.roster import NARRATOR_EN, NARRATOR_ZH, Roster, guessed_gender

_MOST = 12
_ENOUGH, _OPENINGS = 4, 2
# How a narrator says "I": anywhere, and as the first word of a sentence.
_FIRST_PERSON = {
    "zh": (re.compile(r"我(?!们)"), re.compile(r"(?:^|[。！？\n])\s*我(?!们)")),
    "en": (re.compile(r"\b(?:I|me)\b"), re.compile(r"(?:^|[.!?\n])\s*I(?=\s[a-z]|['’])")),
}
_CJK = re.compile(r"[一-鿿]+")
_ARTICLES = frozenset(["the", "a", "an", "of"])
_TITLES = frozenset(title.lower() for title in words_en.TITLES.split())
_SURNAMES = frozenset(words_zh.SURNAMES) - frozenset("小老阿")
_COMMON = frozenset(words_en.COMMON_WORDS.split())


def find_people(
    story: str,
    told: str,
    parts: Sequence[Paragraph],
    given: Sequence[Character],
    *,
    language: str,
) -> Roster:
    """Return the people of a story: the given cast in its order, then those found, most seen first.

    `told` is the story with what is quoted turned into spaces.
    """
    people = [_given(character, given) for character in given]
    found: list[tuple[Person, int]] = [*people_zh(story, told), *people_en(story)]
    found += [(_plain(name), 6 * count) for name, count in _cued(parts).items()]
    _join(people, found, story)
    people += _narrator(told, language) if len(people) < _MOST else []
    if not Roster(people).mentions(told):  # one who acts but once is better than nobody
        lone = people_zh(story, told, counts_lone=True) + people_en(told, counts_lone=True)
        _join(people, lone, story)
    return Roster(_in_story_order(people, len(given), story))


def _join(people: list[Person], found: Iterable[tuple[Person, int]], story: str) -> None:
    """Add those found to the people, the weightiest first, while there is room."""
    for person, _ in sorted(found, key=lambda entry: (-entry[1], story.find(entry[0].aliases[0]))):
        if len(people) < _MOST and not _is_known(person, people):
            people.append(_without_taken(person, people))


def _given(character: Character, cast: Sequence[Character]) -> Person:
    others = {alias for other in cast if other is not character for alias in _aliases(other.name)}
    own = [alias for alias in _aliases(character.name) if alias not in others]
    aliases = tuple(dict.fromkeys([character.name, *own]))
    return Person(character.name, aliases, guessed_gender(character.name, character.description))


def _aliases(name: str) -> list[str]:
    """Return the obvious ways to call someone, the full name first."""
    if _CJK.search(name):
        return [name, *_aliases_zh(name)]
    words = [word for word in name.split() if word.lower() not in _ARTICLES]
    aliases = [name, " ".join(words)]
    proper = [word for word in words if word.lower().strip(".") not in _TITLES]
    if len(words) > 1 and len(proper) < 4:
        aliases += [word for word in proper if word.lower() not in _COMMON or len(proper) == 1]
        aliases += [words[-1]] if words[-1].lower().strip(".") in _TITLES else []
    if name[:1].islower() or (words and words[-1].lower() in _ROLE_WORDS):
        aliases += [alias.lower() for alias in aliases]
    cased = [alias for alias in aliases if alias]
    return cased + [alias[0].upper() + alias[1:] for alias in cased]


_ROLE_WORDS = frozenset(
    any_role
    for roles in (words_en.MALE_ROLES, words_en.FEMALE_ROLES, words_en.OTHER_ROLES)
    for any_role in (*roles.split(), *words_en.ANIMAL_ROLES.split())
)
_ROLES_ZH = [
    role
    for roles in (words_zh.MALE_ROLES, words_zh.FEMALE_ROLES, words_zh.OTHER_ROLES)
    for role in (*roles.split(), *words_zh.ANIMAL_ROLES.split())
]


def _aliases_zh(name: str) -> list[str]:
    pieces = [piece for piece in re.split(r"[·・\s]", name) if len(piece) > 1]
    aliases = pieces if len(pieces) > 1 else []
    surname = next(
        (name[:2] for c in words_zh.COMPOUND_SURNAMES.split() if name.startswith(c)), name[0]
    )
    roles = [role for role in _ROLES_ZH if len(role) > 1 and name.endswith(role) and name != role]
    if roles:
        return [*aliases, max(roles, key=len)]
    if surname[0] in _SURNAMES or len(surname) > 1:
        given = name.removeprefix(surname)
        aliases += [given, f"阿{given[-1]}", f"小{given[-1]}"] if len(given) == 2 else []
        aliases += [surname + title for title in words_zh.SURNAME_TITLES.split()]
        aliases += [f"老{surname}", f"小{surname}"]
    return aliases


def _plain(name: str) -> Person:
    aliases = (name, name.upper()) if name.isascii() else (name,)
    return Person(name, aliases, guessed_gender(name))


def _cued(parts: Sequence[Paragraph]) -> Counter[str]:
    return Counter(part.cue.name for part in parts if part.cue)


def _is_known(person: Person, people: Iterable[Person]) -> bool:
    taken = {alias.lower() for known in people for alias in known.aliases}
    last = person.name.split()[-1].lower()
    is_titled = len(person.name.split()) > 1 and last in taken
    return person.name.lower() in taken or person.aliases[0].lower() in taken or is_titled


def _without_taken(person: Person, people: Iterable[Person]) -> Person:
    taken = {alias for known in people for alias in known.aliases}
    aliases = tuple(alias for alias in person.aliases if alias not in taken)
    return Person(person.name, aliases, person.gender, person.role)


def _narrator(told: str, language: str) -> list[Person]:
    """Someone who tells the story as "I" is in it, too."""
    said, opens = _FIRST_PERSON[language]
    if len(said.findall(told)) < _ENOUGH and len(opens.findall(told)) < _OPENINGS:
        return []
    if language == "zh":
        return [Person(NARRATOR_ZH, ("我",))]
    return [Person(NARRATOR_EN, ("I", "me", "Me", "my", "My"), Gender.UNKNOWN)]


def _in_story_order(people: list[Person], given: int, told: str) -> list[Person]:
    def first(person: Person) -> int:
        places = [at for alias in person.aliases if (at := told.find(alias)) >= 0]
        return min(places, default=len(told))

    return people[:given] + sorted(people[given:], key=first)
