"""What is stored of a prompt before it is sent, so that whoever comes later finds it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from komadori.backends.comfy.prompts import PromptId

CRASHES_MOST = 2
"""A prompt that took its server with it so often is not sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One prompt at one server. `boot` is the server's start that it was sent in."""

    server: str
    prompt_id: PromptId
    boot: int
    is_sent: bool = False
    """False: nobody knows whether it was sent; it is stored just before that."""
    has_run: bool = False
    """Whether it was seen to run."""
    crashes: int = 0
    """How many servers ended while they ran it, in earlier attempts."""

    @property
    def prefix(self) -> str:
        """The filename_prefix of its files: no other prompt's, so that nothing comes from a cache
        and the names can be told without the server's history."""
        return f"komadori/{self.prompt_id}"

    def plain(self) -> Mapping[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def read_ticket(stored: Mapping[str, Any]) -> Ticket:
    """Return the ticket that was stored."""
    return Ticket(
        server=str(stored["server"]),
        prompt_id=PromptId(str(stored["prompt_id"])),
        boot=int(stored["boot"]),
        is_sent=bool(stored["is_sent"]),
        has_run=bool(stored["has_run"]),
        crashes=int(stored["crashes"]),
    )
