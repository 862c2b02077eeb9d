"""Whom a request means by its provider, and whether they can do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from komadori.domain.backends import AUTO, COMFY_PREFIX, BackendFacts, auto_order
from komadori.domain.requests import Options
from komadori.domain.states import JobKind
from komadori.domain.workflows import check_options
from komadori.errors import RequestRejected
from komadori.queue.providers import read_facts
from komadori.queue.server_facts import able_servers, fields_of
from komadori.queue.server_waits import read_reports


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants to be made.

    `always`: how many reference pictures come with each picture; `at_most`: with some of them.
    """

    provider: str = AUTO
    makes: Literal["picture", "clip"] = "picture"
    always: int = 0
    at_most: int = 0


def wanted_by(kind: str, request: Mapping[str, Any]) -> Wanted:
    """Return what a stored request of a kind of job wants."""
    provider = request.get("provider", AUTO)
    if kind == JobKind.CLIP.value:
        return Wanted(provider, "clip")
    drawing = request.get("drawing", {})  # of a panel that is drawn again
    cast = request.get("characters", drawing.get("cast", ()))
    names = request.get("character_ids")
    shown = [one for one in cast if names is None or one["name"] in names]
    pictures = sum(one.get("reference") is not None for one in shown)
    pictures += request.get("scene_reference") is not None
    always = 0 if kind == JobKind.STORYBOARD.value else pictures
    return Wanted(provider, "picture", always, pictures)


def require_provider(connection: Connection, wanted: Wanted) -> None:
    """Refuse a provider that the workers do not know, or that is not ready.

    Before the first worker has told of them, nothing is known: then the worker will say it.
    """
    everyone = read_facts(connection)
    known = {facts.name: facts for facts in everyone if facts.makes == wanted.makes}
    name = _expected(everyone, wanted)
    if not name and wanted.makes == "clip" and everyone:
        raise _no_clips(list(known.values()))
    if not name or not everyone:
        return
    if name not in known:
        raise RequestRejected(
            f"provider: there is no {name!r}; known are {AUTO}, {', '.join(known)}.",
            code="provider_unknown",
            name=name,
            known=", ".join(known),
        )
    if not known[name].is_ready:
        raise RequestRejected(
            f"The provider {known[name].label} cannot be used now: {known[name].reason}.",
            code="provider_not_ready",
            name=known[name].label,
            reason=known[name].reason,
        )


def require_options(connection: Connection, wanted: Wanted, options: Options) -> None:
    """Refuse options that the form of the provider's workflow does not have, or not so."""
    name = expected_provider(connection, wanted) if options else ""
    reports = read_reports(connection)
    if name.startswith(COMFY_PREFIX) and not able_servers(name, reports):
        return  # no server could be asked yet: the one that will draw checks them
    if name:
        check_options(fields_of(name, reports), options)


def expected_provider(connection: Connection, wanted: Wanted) -> str:
    """Return who will make it, as far as can be told now; "" when nothing is known."""
    return _expected(read_facts(connection), wanted)


def _expected(known: Sequence[BackendFacts], wanted: Wanted) -> str:
    if wanted.provider != AUTO:
        return wanted.provider
    if wanted.makes == "picture":
        order = auto_order(known, always=wanted.always, at_most=wanted.at_most)
        return next((facts.name for facts in order), "")
    clips = [facts for facts in known if facts.makes == "clip" and facts.is_ready]
    first = sorted(clips, key=lambda facts: not facts.is_automatic)
    return first[0].name if first else ""


def _no_clips(known: Sequence[BackendFacts]) -> RequestRejected:
    why = "; ".join(f"{facts.label}: {facts.reason}" for facts in known) or "there is no workflow"
    return RequestRejected(
        f"No ComfyUI server can make clips now. {why}.", code="no_clips", reason=why
    )
