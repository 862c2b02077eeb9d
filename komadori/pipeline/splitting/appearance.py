"""How the people of a story look, by its own words: what the drawing knows of them beside a name.

Words are taken conservatively. A look that is missed is invented by the name; a look that is taken
from someone else is wrong in every panel.
"""

from collections.abc import Iterable, Mapping, Sequence

from komadori.pipeline.splitting import appearance_en, appearance_zh
from komadori.pipeline.splitting.model import Kind, Person, Sentence, Speech, Trait
from komadori.pipeline.splitting.roster import Roster

_LONGEST = 200


def without_speech(told: str, speeches: Iterable[Speech]) -> str:
    """Return the story with what a script's people say turned into spaces, too."""
    for speech in speeches:
        told = told[: speech.start] + " " * (speech.end - speech.start) + told[speech.end :]
    return told


def appearances(
    told: str, sentences: Sequence[Sentence], roster: Roster
) -> Mapping[str, tuple[Trait, ...]]:
    """Return how people look, by name; people of whom the story does not tell it are left out.

    `told` is the story with all speech turned into spaces.
    """
    prose = [sentence for sentence in sentences if sentence.kind is Kind.PROSE]
    traits = [
        *appearance_en.traits(told, prose, roster),
        *appearance_zh.traits(told, prose, roster),
    ]
    people: dict[str, dict[str, Trait]] = {}
    for trait in sorted(traits, key=lambda trait: trait.at):  # how someone is first seen holds
        people.setdefault(trait.name, {}).setdefault(trait.kind, trait)
    return {name: tuple(kinds.values()) for name, kinds in people.items()}


def described(person: Person, looks: Sequence[Trait]) -> str:
    """Return what the story calls a person and how they look: 书生，年轻.

    What the name says already is left out.
    """
    role = "" if person.role.lower() == person.name.lower() else person.role[:60]
    called = f"{person.name} {role}".lower()
    known = called.split() if called.isascii() else called
    words = [role, *(trait.words for trait in looks if trait.words not in known)]
    mark = "，" if any(not word.isascii() for word in words) else ", "
    return mark.join(word for word in words if word)[:_LONGEST]
