"""Which backend draws: the one that was asked for, and who takes over while it is down."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from komadori.backends.images.protocol import ImageBackend
from komadori.domain.backends import AUTO, BackendFacts, auto_order, is_backend_name
from komadori.errors import BackendRefused


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend, and why it is asked."""

    backend: ImageBackend
    why: str


class Backends:
    """All image backends of this process, in the order in which they are offered."""

    def __init__(
        self,
        backends: Sequence[ImageBackend],
        default: str = AUTO,
        *,
        faults: Mapping[str, str] | None = None,
    ) -> None:
        """`default`: what `auto` means; `auto` itself is the first one that is ready.

        `faults`: what is wrong with those that cannot be used at all, by name, which may be any
        text: it is that of a file.
        """
        self._backends = tuple(backends)
        self._default = default
        taken = {AUTO, *(backend.facts.name for backend in backends)}
        self._faulty = tuple(
            BackendFacts(
                name=_free_name(title, taken),
                label=title[:60],
                kind="http",
                is_ready=False,
                reason=reason,
            )
            for title, reason in (faults or {}).items()
        )

    @property
    def facts(self) -> tuple[BackendFacts, ...]:
        """What each of them is, as things stand now."""
        known = [*(backend.facts for backend in self._backends), *self._faulty]
        return tuple(
            facts.model_copy(update={"is_default": facts.name == self._default}) for facts in known
        )

    def named(self, name: str) -> ImageBackend:
        """Return a backend. Raises BackendRefused when there is none of that name."""
        if (backend := self._found(name)) is not None:
            return backend
        for facts in self._faulty:
            if facts.name == name:
                raise BackendRefused(f"{facts.label} cannot be used: {facts.reason}.")
        known = ", ".join(facts.name for facts in self.facts)
        raise BackendRefused(
            f"There is no provider {name!r} on this machine; known are {known}. "
            "Put its file into the folder of providers, or choose another one."
        )

    def _found(self, name: str) -> ImageBackend | None:
        return next((one for one in self._backends if one.facts.name == name), None)

    def choices(self, wanted: str, expected: str = "") -> tuple[Choice, ...]:
        """Return whom to ask, in this order, for a provider's name or `auto`.

        `expected`: whom `auto` meant when the job was submitted. If that is a ComfyUI, it stays:
        a job does not change hands while its server is being started anew.

        Raises:
            BackendRefused: there is none of that name, or it is not ready.
        """
        if wanted == AUTO and self._default == AUTO:
            waited_for = self._found(expected)
            if waited_for is not None and waited_for.facts.kind == "comfy":
                return (Choice(waited_for, "a ComfyUI was there when it was asked for"),)
            return self._automatic()
        first = self.named(self._default if wanted == AUTO else wanted)
        if not first.facts.is_ready:
            raise BackendRefused(f"{first.facts.label} cannot be used: {first.facts.reason}.")
        # One that takes over, but is not there, stops nobody while it is not needed.
        others = [self._found(name) for name in first.facts.fallback]
        return (
            Choice(first, "the settings name it" if wanted == AUTO else "asked for"),
            *(
                Choice(other, f"{first.facts.label} is down")
                for other in others
                if other is not None and other.facts.is_ready
            ),
        )

    def _automatic(self) -> tuple[Choice, ...]:
        # Whether a ComfyUI answers was seen when the job was submitted.
        ready = auto_order([facts for facts in self.facts if facts.kind != "comfy"])
        why = "the first one that is ready"
        if [facts.kind for facts in ready] == ["sketch"]:
            why = "no other provider is ready"
        return tuple(Choice(self.named(facts.name), why) for facts in ready)


def _free_name(title: str, taken: set[str]) -> str:
    """Return a name made of any text, which is none of those taken, and take it."""
    words = re.sub(r"[^a-z0-9_]+", "-", title.lower()).strip("-_")[:40].rstrip("-_")
    base = title if is_backend_name(title) else words or "provider"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base[:36]}-{number}"
    taken.add(name)
    return name
