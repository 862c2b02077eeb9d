"""How a picture was made: by whom, from which references, in which time, and what it cost."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from komadori.domain.backends import Price
from komadori.domain.ids import ArtifactId


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReferenceMade(_Value):
    """A reference picture as it was sent. Sizes in bytes and pixels."""

    role: Literal["scene", "character"]
    name: str = ""
    picture: ArtifactId
    source_bytes: int
    sent_bytes: int
    width: int
    height: int
    seconds: float
    """What preparing it took; next to nothing when it was known already."""
    from_cache: bool = False


class Making(_Value):
    """How one attempt makes its picture."""

    provider: str
    label: str
    model: str = ""
    why: str = ""
    """Why this backend: "asked for", "the first one that is ready", "openai is down"."""
    timeout_s: float | None = None
    timeout_reason: str = ""
    """How the timeout came about: "47 s: p95 of 38 runs is 31 s, x1.5"."""
    references: tuple[ReferenceMade, ...] = ()
    left_out: tuple[str, ...] = ()
    """Whose references the backend could not take."""
    seed: int | None = None
    """None: the provider takes none."""
    cost: Price | None = None
    """What it cost; None: nothing, or nobody knows."""
    recovered: bool = False
    """Whether the picture of an earlier attempt was found again, and nothing was sent."""


class Span(_Value):
    """One timed part of an attempt, in seconds after its start."""

    stage: str
    start: float
    seconds: float
