"""What the supervisors of servers write, in the reader's language.

They write English sentences of a known form, which words/reasons_zh.yaml has in Chinese; what has
an unknown form is shown as it came.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from komadori.ui.texts import Language

_WORDS = Path(__file__).parent / "words"
_FACT = re.compile(r"\\\{(\w+)\\\}")
_INNER = frozenset({"reason", "action", "says", "why"})
"""Facts that are themselves such sentences."""


def told(text: str, language: Language) -> str:
    """Return a supervisor's sentence in the reader's language."""
    text = text.strip().rstrip(".")
    if language == "en" or not text:
        return text
    for pattern, words in _forms(language):
        if found := pattern.fullmatch(text):
            facts = found.groupdict()
            inner = {name: told(fact, language) for name, fact in facts.items() if name in _INNER}
            return words.format_map(facts | inner)
    return text


@cache
def _forms(language: Language) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(form), words) for form, words in reasons(language).items())


@cache
def reasons(language: Language) -> Mapping[str, str]:
    """Return the sentences of a language by their English form."""
    path = _WORDS / f"reasons_{language}.yaml"
    words = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {str(form): str(text) for form, text in words.items()}


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(_FACT.sub(r"(?P<\1>.+?)", re.escape(form)), re.DOTALL)
