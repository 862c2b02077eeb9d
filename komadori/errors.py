"""The error tree. A class exists because a caller acts differently on it.

KomadoriError
├── RequestRejected     the caller must change what was asked; nothing was stored
│   └── NotFound        no such thing in this session (someone else's looks the same)
├── LeaseLost           the step was taken away from this worker; its result is thrown away
├── InvalidTransition   a state change that the transition table does not allow
├── StoreAway           the database does not answer just now: come back later
└── BackendError        a server or model that we called
    ├── BackendRefused  it will refuse again: fix the request
    ├── BackendBusy     it asks to be left alone: come back when it says
    │   └── NoRoom      all places at our servers are taken: go on when one is free
    ├── BackendAway     it is being brought back: wait, it is no failure of what was asked
    ├── BackendDown     it did not take the request: try again, or ask another one
    ├── NotFetchedYet   it took the request, and its result is still to be fetched: never send again
    └── OutcomeUnknown  the request went out and no answer came: only a person may send it again
"""

from typing import Any


class KomadoriError(Exception):
    """Any error of ours."""


class RequestRejected(KomadoriError):
    """A request that cannot be accepted as it is.

    `code` names the reason for the page, which says it in the reader's language with `facts`;
    the message itself is the English sentence for logs and API callers.
    """

    def __init__(self, message: str, *, code: str, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.facts = facts


def invalid_field(field: str, reason: str) -> RequestRejected:
    """Return the refusal of one field's value."""
    return RequestRejected(f"{field}: {reason}.", code="field_invalid", field=field, reason=reason)


class NotFound(RequestRejected):
    """There is no such thing in this session."""

    def __init__(self, what: str, name: object) -> None:
        super().__init__(
            f"There is no {what} {str(name)[:80]!r} in this session. "
            "Check the id and the session key.",
            code=f"{what}_not_found",
            name=str(name)[:80],
        )


class LeaseLost(KomadoriError):
    """The step is no longer ours: its lease ran out, or it was cancelled."""


class InvalidTransition(KomadoriError):
    """A state change that the transition table does not allow."""


class StoreAway(KomadoriError):
    """The database does not answer just now."""


class BackendError(KomadoriError):
    """A server or model that we called could not do the work."""


class BackendRefused(BackendError):
    """The backend refuses this request, and will again."""


class BackendBusy(BackendError):
    """The backend takes no request just now. `retry_after_s`: seconds until it is worth asking."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NoRoom(BackendBusy):
    """All places at our servers are taken; whoever gives one back wakes who waits."""


class BackendAway(BackendError):
    """The backend is away and is expected back. What it was given is looked for when it is there.

    `retry_after_s`: seconds until it is worth asking; sooner when its supervisor says so.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BackendDown(BackendError):
    """The backend did not take the request: nothing was made, and nothing has to be paid."""


class NotFetchedYet(BackendError):
    """The request was taken, and its result could not be fetched yet. A ticket is stored for it:
    whoever tries again fetches with the ticket, at this backend, and sends nothing.
    """


class OutcomeUnknown(BackendError):
    """A request went out and its result did not come back; it may have been made, and be paid."""
