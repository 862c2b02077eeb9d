"""What is known of a backend: what it takes, what it costs, and why it can't be used just now."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from komadori.domain.workflows import WorkflowFacts

_NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
BackendName = Annotated[str, StringConstraints(pattern=_NAME)]
COMFY_PREFIX = "comfyui-"
"""The backend of a ComfyUI workflow is named by this and the workflow's name."""
AUTO = "auto"
"""In the place of a backend's name: the first one that can be used."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Value):
    """What one picture costs. `amount` in units of `currency` (ISO 4217)."""

    amount: Annotated[float, Field(ge=0)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"


class BackendFacts(_Value):
    """An image backend as the page offers it, and as the pipeline prepares work for it."""

    name: BackendName
    label: str
    kind: Literal["sketch", "http", "comfy"]
    makes: Literal["picture", "clip"] = "picture"
    model: str = ""
    note: str = ""
    """What people should know before they choose it."""
    workflow: WorkflowFacts | None = None
    """For a ComfyUI: the workflow that it runs."""
    is_default: bool = False
    """Whether the settings name it: `auto` then means this one and no other."""
    is_ready: bool = True
    reason: str = ""
    """Why it is not ready: "OPENAI_API_KEY is not set"."""
    max_references: Annotated[int, Field(ge=0)] = 12
    reference_types: tuple[str, ...] = ("image/jpeg",)
    """Media types that it takes as references."""
    reference_max_kb: Annotated[int, Field(ge=16)] | None = None
    """How large a reference may be sent, where that differs from the settings."""
    takes_alpha: bool = False
    """Whether transparent parts of references may stay."""
    takes_seed: bool = False
    """Whether the same seed gives nearly the same picture again."""
    is_remote: bool = True
    """Whether requests go out of this process: then references are made small, times are limited
    and learned, and it may have to be left alone for a while."""
    has_time_limit: bool = True
    """Whether a request is given up after some time; else after some time of silence."""
    is_automatic: bool = True
    """Whether `auto` may choose it."""
    is_paid: bool = False
    """Whether a request may cost money, so that it must never be sent twice on our own."""
    price: Price | None = None
    at_once: Annotated[int, Field(ge=1)] = 4
    """How many requests may be under way at once, over all machines."""
    fallback: tuple[BackendName, ...] = ()
    """Backends that take over, in this order, while this one is down."""


def _least(facts: BackendFacts) -> int:
    return facts.workflow.min_references if facts.workflow is not None else 0


def total_price(prices: Iterable[Price | None]) -> tuple[Price, ...]:
    """Add prices up, one sum for each currency."""
    sums: dict[str, float] = {}
    for price in prices:
        if price is not None:
            sums[price.currency] = sums.get(price.currency, 0.0) + price.amount
    return tuple(
        Price(amount=round(amount, 6), currency=currency) for currency, amount in sums.items()
    )


def is_backend_name(text: str) -> bool:
    """Whether a text can be the name of a backend."""
    return re.fullmatch(_NAME, text) is not None


def auto_order(
    known: Sequence[BackendFacts], *, always: int = 0, at_most: int = 0
) -> tuple[BackendFacts, ...]:
    """Return the backends that `auto` stands for, in the order in which they are asked.

    The one that the settings name, ready or not. Where they name none, a ComfyUI comes first, then
    HTTP providers. The sketch draws only where there is no other: a night's work should not turn
    into sketches because a provider is away for an hour.

    `always`: how many references there are with each picture; `at_most`: with some. Of ComfyUI's
    workflows those come first that use the most of them; without any, those that are made for none.
    """
    if default := [facts for facts in known if facts.is_default]:
        return tuple(default)
    ready = [
        facts
        for facts in known
        if facts.is_ready and facts.is_automatic and facts.makes == "picture"
    ]
    comfy = sorted(
        (facts for facts in ready if facts.kind == "comfy" and _least(facts) <= always),
        key=lambda facts: (-min(facts.max_references, at_most), facts.max_references),
    )
    http = [facts for facts in ready if facts.kind == "http"]
    return tuple(comfy + http or [facts for facts in ready if facts.kind == "sketch"])
