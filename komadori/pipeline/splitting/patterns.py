"""Patterns of speech that several stages share: who says, in English and in Chinese."""

import re

from komadori.pipeline.splitting import words_en, words_zh


def any_of(words: str) -> str:
    """Return an alternation of the words of a list, longest first, so that none hides another."""
    return "|".join(sorted(map(re.escape, set(words.split())), key=lambda word: (-len(word), word)))


def words_of(words: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(words.split())


_CALLS = r"(?<!so-)(?<!was )(?<!is )(?<!were )(?<!been )(?:called|calls)"
SAY_EN = rf"(?:{any_of(words_en.SPEECH_VERBS)}|{_CALLS}|(?:went|goes) on)(?!\s+nothing)"
# 道 says only where it is not a part of another word: 知道, 道士, 街道.
SAY_ZH = (
    rf"(?:{any_of(words_zh.SPEECH_VERBS.replace(' 道 ', ' ').replace(' 叫 ', ' '))}"
    r"|(?<![知难味街通轨频渠报公人大小铁地])道(?![士路观理德家长具歉])|叫(?![做作醒])|告诉)"
)
# What may follow a speech verb before its clause ends.
SAY_ZH_END = r"(?:道|着|了|完|话|起来|一句|一声|几句|出声|说|[他她]们?|大家|自己)*"
CLAUSE_END = r"(?=\s*(?:[，。！？；：,.!?;:…—“「『\"]|$))"
MANNER_ZH = rf"(?:{any_of(words_zh.MANNERS)}|[一-鿿]{{1,4}}[地着])"
