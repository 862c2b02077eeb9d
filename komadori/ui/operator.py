"""The operator's password: who may press the buttons of the Health tab, and read servers' logs.

The password is never kept: a tab that gave it is remembered here, in memory, for a while. A tab is
known by the browser's HttpOnly cookie and by Gradio's own random name for the tab.
"""

import asyncio
import hmac
import time
from collections.abc import Callable

from pydantic import SecretStr

from komadori.domain.ids import SessionId
from komadori.errors import RequestRejected

REMEMBERED_S = 1800.0
_WRONG_COSTS_S = 1.0
_WAITING_MOST = 5


class Operator:
    """Checks passwords, one after another, so that guessing is slow however it is done."""

    def __init__(
        self,
        password: SecretStr | None,
        *,
        wrong_costs_s: float = _WRONG_COSTS_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._password = password.get_secret_value() if password is not None else ""
        self._wrong_costs_s = wrong_costs_s
        self._clock = clock
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._until: dict[tuple[SessionId, str], float] = {}

    @property
    def is_set(self) -> bool:
        """Whether there is a password at all; without one nobody is the operator."""
        return bool(self._password)

    async def check(self, given: object) -> None:
        """See whether a password is the operator's; a wrong one costs a moment.

        Raises:
            RequestRejected: none is set, none was given, it is wrong, or too many are being tried.
        """
        if not self.is_set:
            message = "No operator's password is set. Set KOMADORI_OPERATOR_PASSWORD and restart."
            raise RequestRejected(message, code="operator_unset")
        if not isinstance(given, str) or not given:
            message = "password: the operator's password is needed."
            raise RequestRejected(message, code="operator_missing")
        if self._waiting >= _WAITING_MOST:
            message = "Too many passwords are being tried. Wait a few seconds."
            raise RequestRejected(message, code="operator_busy")
        self._waiting += 1
        try:
            async with self._turn:
                await self._compare(given)
        finally:
            self._waiting -= 1

    async def _compare(self, given: str) -> None:
        if hmac.compare_digest(given.encode(), self._password.encode()):
            return
        await asyncio.sleep(self._wrong_costs_s)
        raise RequestRejected("The operator's password is wrong.", code="operator_wrong")

    def remember(self, session: SessionId, tab: str) -> None:
        """Remember that a tab has given the password."""
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[session, tab] = now + REMEMBERED_S

    def knows(self, session: SessionId, tab: str) -> bool:
        """Whether a tab has given the password a while ago."""
        return self.is_set and self._until.get((session, tab), 0.0) > self._clock()

    def forget(self, session: SessionId, tab: str) -> None:
        """Forget that a tab has given the password."""
        self._until.pop((session, tab), None)
