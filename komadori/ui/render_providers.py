"""Who can draw, as the form offers it: those that are ready, and why the others are not."""

from collections.abc import Sequence
from typing import Any

from komadori.domain.backends import AUTO, BackendFacts, Price
from komadori.domain.view import BackendView
from komadori.ui.render import duration_words
from komadori.ui.render_making import SKETCH, price_signs
from komadori.ui.texts import Language, say


def provider_choices(
    backends: Sequence[BackendView], now: float, language: Language
) -> list[dict[str, Any]]:
    """Return the choices in order, "auto" first, each with its words and its price."""
    return [
        _automatic(backends, now, language),
        *(_choice(backend, now, language) for backend in backends),
    ]


def _automatic(backends: Sequence[BackendView], now: float, language: Language) -> dict[str, Any]:
    first = next((backend for backend in backends if backend.is_auto), None)
    if first is None:
        return {
            "name": AUTO,
            "label": say(language, "frame_provider_auto"),
            "is_ready": True,
            "note": "" if backends else say(language, "frame_provider_waits"),
            "price": None,
            "is_paid": False,
            "is_built_in": False,
        }
    words = [_why(first.facts, language), *_words(first, now, language)]
    if not first.facts.is_ready:
        words.insert(1, reason_words(first.facts.reason, language))
    return {
        **_choice(first, now, language),
        "name": AUTO,
        "label": say(language, "frame_provider_auto_now", label=first.facts.label),
        "note": _line(words),
    }


def _why(facts: BackendFacts, language: Language) -> str:
    if facts.is_default:
        return say(language, "frame_provider_default")
    which = "only" if facts.kind == SKETCH else "first"
    return say(language, f"frame_provider_{which}")


def reason_words(reason: str, language: Language) -> str:
    """Say why a backend cannot be used."""
    name, found, _ = reason.partition(" is not set")
    return say(language, "frame_provider_unset", name=name) if found else reason


def _choice(backend: BackendView, now: float, language: Language) -> dict[str, Any]:
    facts = backend.facts
    label = facts.label
    if not facts.is_ready:
        reason = reason_words(facts.reason, language)
        label = say(language, "frame_provider_off", label=label, reason=reason)
    return {
        "name": facts.name,
        "label": label,
        "is_ready": facts.is_ready,
        "note": _line(_words(backend, now, language)),
        "price": _price(facts.price),
        "is_paid": facts.is_paid,
        "is_built_in": facts.kind == SKETCH,
    }


def _words(backend: BackendView, now: float, language: Language) -> list[str]:
    facts = backend.facts
    words = []
    if backend.rests_until is not None:
        words.append(_rest(backend, backend.rests_until - now, language))
    if facts.model:
        words.append(facts.model)
    words.append(_takes(facts, language))
    if backend.typical_s is not None:
        time = duration_words(backend.typical_s, language)
        words.append(say(language, "frame_provider_typical", time=time))
    return [word for word in words if word]


def _rest(backend: BackendView, seconds: float, language: Language) -> str:
    time = duration_words(max(seconds, 1), language)
    if not backend.rest_reason or language == "zh":  # the reason is told in English
        return say(language, "frame_provider_rests_plain", time=time)
    return say(language, "frame_provider_rests", time=time, reason=backend.rest_reason)


def _takes(facts: BackendFacts, language: Language) -> str:
    if facts.kind == SKETCH:
        return say(language, "frame_provider_built_in")
    if not facts.max_references:
        return say(language, "frame_provider_takes_none")
    return say(language, "frame_provider_takes", count=facts.max_references)


def _line(words: Sequence[str]) -> str:
    text = " · ".join(words)
    return text[:1].upper() + text[1:]


def _price(price: Price | None) -> dict[str, Any] | None:
    """Return a price in parts: the page multiplies it while the reader chooses how many."""
    if price is None:
        return None
    before, after = price_signs(price.currency)
    return {"amount": price.amount, "before": before, "after": after}
