"""The style presets of the form: their words for each field of a style, in every language."""

from collections.abc import Mapping

from komadori.domain.story import Style
from komadori.ui.texts import LANGUAGES, Language, has, say

STYLE_FIELDS = tuple(Style.model_fields)
PRESETS = ("plain", "ink", "pencil", "noir", "manga", "book")


def preset_words(preset: str, language: Language) -> list[str]:
    """Return the words of a preset for each field of the style; unknown presets say nothing."""
    keys = [f"preset_{preset}_{name}" for name in STYLE_FIELDS]
    return [say(language, key) if has(key) else "" for key in keys]


def all_preset_words() -> Mapping[str, Mapping[str, list[str]]]:
    """Return the words of all presets by language, so that the page can fill them in at once."""
    return {
        language: {preset: preset_words(preset, language) for preset in PRESETS}
        for language in LANGUAGES
    }
