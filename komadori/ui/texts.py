"""All words of the page: one file per language beside this one, and the ways to say them.

Fixed labels go through Gradio's own translation (`label`); what a handler says is worded here in
the reader's language, which a cookie set before the first paint names.
"""

import string
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import gradio as gr
import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LANGUAGE_COOKIE = "komadori_language"
_WORDS = Path(__file__).parent / "words"
# Gradio's page knows Chinese as zh-CN only; plain "zh" would fall back to English.
LOCALES: dict[Language, str] = {"en": "en", "zh": "zh-CN"}


@cache
def catalog(language: Language) -> Mapping[str, str]:
    """Return every text of a language by its key."""
    words = yaml.safe_load((_WORDS / f"{language}.yaml").read_text(encoding="utf-8"))
    return {str(key): str(text) for key, text in words.items()}


def placeholders(text: str) -> frozenset[str]:
    """Return the names that a text wants filled in."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def has(key: str) -> bool:
    """Whether there is such a text."""
    return key in catalog("en")


def say(language: Language, key: str, **facts: object) -> str:
    """Return a text with its facts filled in; numbers get thousands separators.

    Raises:
        KeyError: no such text, or a fact is missing.
    """
    words = catalog(language)
    text = words[key]
    if facts.get("count") == 1:
        text = words.get(f"{key}__one", text)
    return text.format_map({name: _written(fact) for name, fact in facts.items()})


def say_or(language: Language, key: str, facts: Mapping[str, Any], otherwise: str) -> str:
    """Return a text if it is known and its facts are there, else the sentence given."""
    try:
        return say(language, key, **facts)
    except KeyError:
        return otherwise


def label(key: str) -> Any:
    """Return a text for a component's label, translated by the page itself."""
    if not has(key):
        raise KeyError(key)
    return I18N(key)


def language_of(request: gr.Request | None) -> Language:
    """Return the reader's language: the cookie's, else the browser's first that we speak."""
    if request is None:
        return "en"
    chosen = (request.cookies or {}).get(LANGUAGE_COOKIE, "")
    wanted = [chosen, *str((request.headers or {}).get("accept-language", "")).split(",")]
    for tag in wanted:
        for language in LANGUAGES:
            if tag.strip().lower().startswith(language):
                return language
    return "en"


def _written(fact: object) -> str:
    if isinstance(fact, int) and not isinstance(fact, bool):
        return f"{fact:,}"
    return str(fact)


def _fixed(language: Language) -> dict[str, str]:
    return {key: text for key, text in catalog(language).items() if "{" not in text}


I18N = gr.I18n(**{LOCALES[language]: _fixed(language) for language in LANGUAGES})
