"""What the ComfyUI servers make of the backends: who of them can run what, as things stand now."""

from collections.abc import Mapping, Sequence

from komadori.domain.backends import COMFY_PREFIX, BackendFacts
from komadori.domain.servers import ServerReport, ServerState
from komadori.domain.workflows import Field


def with_servers(facts: BackendFacts, reports: Sequence[ServerReport]) -> BackendFacts:
    """Return a ComfyUI workflow's facts, ready if a server is known to run it.

    A server that is down just now counts, too: a job waits for it. `auto` wants one that is there,
    or is being brought back.
    """
    if facts.kind != "comfy" or not facts.is_ready:
        return facts
    able = able_servers(facts.name, reports)
    if not able and any(_may_be_able(one) for one in reports):
        return facts.model_copy(update={"is_automatic": False})
    if not able:
        return facts.model_copy(update={"is_ready": False, "reason": _why(facts.name, reports)})
    is_there = any(_is_there(one) for one in able)
    return facts.model_copy(update={"is_automatic": facts.is_automatic and is_there})


def _is_there(report: ServerReport) -> bool:
    return report.state.answers or report.state.is_coming or report.is_idle


def _may_be_able(report: ServerReport) -> bool:
    """Whether a server of ours could not be asked yet: it starts when there is work for it."""
    return report.is_owned and not report.offers and report.state is not ServerState.FAILED


def able_servers(provider: str, reports: Sequence[ServerReport]) -> tuple[ServerReport, ...]:
    """Return the servers that have said that they can run a workflow."""
    workflow = provider.removeprefix(COMFY_PREFIX)
    offers = ((one, one.offers.get(workflow)) for one in reports)
    return tuple(one for one, offer in offers if offer is not None and not offer.fault)


def absence(provider: str, reports: Sequence[ServerReport]) -> str:
    """Return why jobs of a workflow would wait now; "" when a server takes prompts."""
    able = able_servers(provider, reports)
    if not able or any(one.state.takes_prompts and not one.is_draining for one in able):
        return ""
    return "; ".join(f"ComfyUI {one.name}: {one.waits}" for one in able)


def fields_of(provider: str, reports: Sequence[ServerReport]) -> tuple[Field, ...]:
    """Return the form of a workflow's options: what may be chosen at any of its servers."""
    workflow = provider.removeprefix(COMFY_PREFIX)
    fields: dict[str, Field] = {}
    for report in able_servers(provider, reports):
        for plain in report.offers[workflow].fields:
            field = Field.model_validate(plain)
            known = fields.get(field.name)
            fields[field.name] = field if known is None else _joined(known, field)
    return tuple(fields.values())


def _joined(known: Field, other: Field) -> Field:
    more = tuple(choice for choice in other.choices if choice not in known.choices)
    return known.model_copy(update={"choices": (*known.choices, *more)})


def _why(provider: str, reports: Sequence[ServerReport]) -> str:
    workflow = provider.removeprefix(COMFY_PREFIX)
    if not reports:
        return "no ComfyUI server is watched yet"
    return "; ".join(f"{one.name}: {_why_not_at(one, workflow)}" for one in reports)


def _why_not_at(report: ServerReport, workflow: str) -> str:
    offers: Mapping[str, object] = report.offers
    if workflow in offers and report.offers[workflow].fault:
        return report.offers[workflow].fault
    return report.waits if not report.state.takes_prompts else "it was not asked yet"
