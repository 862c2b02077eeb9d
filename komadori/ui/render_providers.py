"""Who can draw or make clips, as forms offer it: who is ready, and why the others are not."""

from collections.abc import Sequence
from typing import Any

from komadori.domain.backends import AUTO, BackendFacts, Price
from komadori.domain.view import BackendView
from komadori.domain.workflows import Field, WorkflowFacts
from komadori.ui.render import duration_words
from komadori.ui.render_comfy import told_by_comfy
from komadori.ui.render_makers import comma
from komadori.ui.render_making import SKETCH, price_signs
from komadori.ui.texts import Language, say

_SHORT_CHARS = 40
_UNWATCHED = "no ComfyUI server is watched yet"


def provider_choices(
    backends: Sequence[BackendView], now: float, language: Language
) -> list[dict[str, Any]]:
    """Return who draws in order, "auto" first, each with words, price and options."""
    drawing = [backend for backend in backends if backend.facts.makes == "picture"]
    return [
        _automatic(drawing, now, language),
        *(_choice(backend, now, language) for backend in drawing),
    ]


def clip_choices(
    backends: Sequence[BackendView], now: float, language: Language
) -> list[dict[str, Any]]:
    """Return who makes clips, those first that can, each with what its workflow takes."""
    making = [backend for backend in backends if backend.facts.makes == "clip"]
    making.sort(key=lambda one: (not one.facts.is_ready, not one.facts.is_automatic))
    return [
        {
            **_choice(backend, now, language),
            "title": _label(backend.facts, language),
            "workflow": _workflow(backend.facts.workflow),
        }
        for backend in making
    ]


def _workflow(facts: WorkflowFacts | None) -> dict[str, Any]:
    """Return what the form needs to know; label and note are told with the choice."""
    return facts.model_dump(mode="json", exclude={"label", "note"}) if facts else {}


def _field(field: Field, language: Language) -> dict[str, Any]:
    return {**field.model_dump(mode="json"), "label": field.label.in_language(language)}


def _label(facts: BackendFacts, language: Language) -> str:
    if facts.workflow is None:
        return facts.label
    return say(language, "comfy_label", label=facts.workflow.label.in_language(language))


def _note(facts: BackendFacts, language: Language) -> str:
    note = facts.workflow.note.in_language(language) if facts.workflow else facts.note
    return note.rstrip(". 。")


def _automatic(backends: Sequence[BackendView], now: float, language: Language) -> dict[str, Any]:
    first = next((backend for backend in backends if backend.is_auto), None)
    if first is None:
        return {
            "name": AUTO,
            "label": say(language, "frame_provider_auto"),
            "reason": "",
            "is_ready": True,
            "note": "" if backends else say(language, "frame_provider_waits"),
            "price": None,
            "is_paid": False,
            "is_built_in": False,
            "waits": "",
            "fields": [],
        }
    words = [_why(first.facts, language), *_words(first, now, language)]
    if not first.facts.is_ready:
        words.insert(1, reason_words(first.facts.reason, language))
    return {
        **_choice(first, now, language),
        "name": AUTO,
        "fields": [],  # whoever draws in the end may have others
        "label": say(language, "frame_provider_auto_now", label=_label(first.facts, language)),
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
    if found:
        return say(language, "frame_provider_unset", name=name)
    return say(language, "comfy_unwatched") if reason == _UNWATCHED else reason


def _in_short(reason: str, language: Language) -> str:
    """Say in few words why no server can run a workflow: which node and file fills many lines."""
    if len(reason) <= _SHORT_CHARS:
        return reason
    return say(language, "comfy_no_model" if "the model" in reason else "comfy_cannot")


def _choice(backend: BackendView, now: float, language: Language) -> dict[str, Any]:
    facts = backend.facts
    label, reason = _label(facts, language), ""
    if not facts.is_ready:
        reason = reason_words(facts.reason, language)
        short = _in_short(reason, language) if facts.kind == "comfy" else reason
        label = say(language, "frame_provider_off", label=label, reason=short)
    return {
        "name": facts.name,
        "label": label,
        "reason": reason,
        "is_ready": facts.is_ready,
        "note": _line(_words(backend, now, language)),
        "price": _price(facts.price),
        "is_paid": facts.is_paid,
        "is_built_in": facts.kind == SKETCH,
        "waits": _waits(backend, language),
        "fields": [_field(field, language) for field in backend.fields],
    }


def _words(backend: BackendView, now: float, language: Language) -> list[str]:
    facts = backend.facts
    words = []
    if backend.rests_until is not None:
        words.append(_rest(backend, backend.rests_until - now, language))
    if facts.model:
        words.append(facts.model)
    words.append(_takes(facts, language))
    if backend.servers:
        words.append(say(language, "comfy_servers", names=comma(language).join(backend.servers)))
    if backend.typical_s is not None:
        time = duration_words(backend.typical_s, language)
        words.append(say(language, "frame_provider_typical", time=time))
    return [word for word in [*words, _note(facts, language)] if word]


def _waits(backend: BackendView, language: Language) -> str:
    """Say that a job would wait for a ComfyUI, and why."""
    if not backend.absence or not backend.facts.is_ready:
        return ""
    return say(language, "comfy_waits", reason=told_by_comfy(backend.absence, language))


def _rest(backend: BackendView, seconds: float, language: Language) -> str:
    time = duration_words(max(seconds, 1), language)
    if not backend.rest_reason or language == "zh":  # the reason is told in English
        return say(language, "frame_provider_rests_plain", time=time)
    return say(language, "frame_provider_rests", time=time, reason=backend.rest_reason)


def _takes(facts: BackendFacts, language: Language) -> str:
    if facts.makes == "clip":
        return ""
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
