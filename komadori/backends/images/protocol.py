"""The one protocol of everything that can draw a picture."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from komadori.domain.backends import BackendFacts
from komadori.domain.requests import Options
from komadori.domain.servers import Incident, ServerStanding
from komadori.domain.story import Drawing


class ReferenceRole(StrEnum):
    """What a reference picture is a reference for."""

    SCENE = "scene"
    CHARACTER = "character"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture to go by, encoded. `name` is the character's; else it is empty."""

    role: ReferenceRole
    name: str = ""
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOrder:
    """One picture to make.

    `drawing` is what is to be seen, as values; `prompt` says the same in words, and speaks of
    `references` in their order ("image 1 is the place"). Sizes in pixels.
    """

    drawing: Drawing
    prompt: str
    references: tuple[Reference, ...]
    seed: int
    width: int
    height: int
    is_draft: bool = False
    options: Options = field(default_factory=dict)
    """What the form of a ComfyUI workflow was filled in with."""


class Teller(Protocol):
    """What a backend tells while it makes one picture."""

    def report(self, fraction: float, message: str = "") -> None:
        """Tell how far it is (0 to 1), and what is being done. Cheap."""

    def timed(self, stage: str) -> AbstractContextManager[None]:
        """Time a part for the waterfall; parts may overlap."""

    def span(self, stage: str, began: float, ended: float) -> None:
        """Note a part that was timed by somebody else, in seconds of `time.perf_counter`."""


class Errand(Teller, Protocol):
    """What a backend that sends requests tells, and may ask, while it makes one picture."""

    @property
    def timeout_s(self) -> float:
        """Seconds that the request may take as a whole, its answer included."""

    @property
    def ticket(self) -> Mapping[str, Any] | None:
        """What `accepted` was told in an earlier attempt: fetch with it, and send nothing."""

    async def sending(self, server: str = "", at_once: int = 0) -> None:
        """Say that the request goes out now. When this returns, the intent is stored.

        `server`: to which of our ComfyUI servers, and how many prompts that may have of us.

        Raises:
            BackendBusy: it must not go out now; the error says when.
            LeaseLost: another worker does this step.
        """

    async def accepted(self, ticket: Mapping[str, Any]) -> None:
        """Store how the result is fetched (a task's id, a result's address) before fetching it."""

    async def servers(self) -> Sequence[ServerStanding]:
        """Return our ComfyUI servers as they stand now."""

    async def ask_restart(self, server: str, reason: str) -> None:
        """Ask a server's supervisor to start it anew."""

    async def incident(self, server: str) -> Incident | None:
        """Return what last happened to a server."""

    async def given_up(self, message: str, *, is_fault: bool = False) -> None:
        """Close what was begun: nothing will come of it. Another request may go out after this.

        `is_fault`: whether the server failed with it.
        """

    def preview(self, picture: bytes) -> None:
        """Show what is there of the result so far."""

    def alive(self) -> None:
        """Tell that it goes on, where nobody can know how long it takes."""

    @property
    def is_cancelled(self) -> bool:
        """Whether a stopped errand is not to go on later: what it began may be ended."""

    def took(self, seconds: float) -> None:
        """Tell how long the work itself took, without waiting for others' work."""


class ImageBackend(Protocol):
    """Draws pictures."""

    @property
    def facts(self) -> BackendFacts:
        """What it is and takes, as things stand now."""

    async def draw(self, order: PictureOrder, errand: Errand) -> bytes:
        """Return the encoded picture (WebP, PNG or JPEG). Its size may differ from the order's.

        Raises:
            BackendRefused: it will refuse this order again; the message is what it said.
            BackendBusy: it asks to be left alone for some seconds. Nothing was made.
            BackendAway: it is being brought back; what it was given is looked for when it is.
            BackendDown: it did not take the request, for certain. Nothing was made.
            OutcomeUnknown: the request went out, and what came of it is not known.
        """
