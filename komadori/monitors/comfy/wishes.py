"""What is wanted of a server: by operators, by workers who saw it stuck, by plans, by the work."""

import logging

from komadori.domain.servers import Command, IncidentKind, Verb
from komadori.monitors.comfy.hands import Hands
from komadori.monitors.comfy.standing import Happening

log = logging.getLogger(__name__)


class Wishes:
    """The wishes that one server's supervisor has to fulfil."""

    def __init__(self, hands: Hands | None, quiet_s: float) -> None:
        """`quiet_s`: for so long one that is not needed takes no prompts before it is ended."""
        self._hands = hands
        self._quiet_s = quiet_s
        self.unneeded = ""
        """Why there is no work for it."""
        self._leaving_since: float | None = None
        self.is_drained = False
        """Whether an operator wants it to take no new prompts."""
        self.restart: Happening | None = None
        self.try_now = ""
        """Why the pause before the next attempt is cut short."""
        self.accused = ""
        """Why a worker thinks that it will do nothing any more."""

    @property
    def takes_no_more(self) -> bool:
        """Whether it is to take no new prompts."""
        return self.is_drained or bool(self.unneeded)

    @property
    def is_only_unneeded(self) -> bool:
        """Whether nothing keeps it from running but that there is no work for it."""
        is_stopped = self._hands is not None and bool(self._hands.place.stopped_because)
        return bool(self.unneeded) and not is_stopped

    def forget(self) -> None:
        """What was wanted at this moment is done."""
        self.restart, self.try_now, self.accused = None, "", ""

    def plan(self, reason: str) -> None:
        """It is to be started anew, as it was planned."""
        self.restart = Happening(IncidentKind.RECYCLED, reason)

    def unwanted(self, now: float, remaining: int) -> str:
        """Why it is not to run. One that is not needed takes no more, and does what it has."""
        if self._hands is None:
            return ""
        if reason := self._hands.place.stopped_because:
            return reason
        if not self.unneeded or self._hands.process is None:
            self._leaving_since = None
            return self.unneeded
        if self._leaving_since is None:
            self._leaving_since = now
        is_quiet = now - self._leaving_since > self._quiet_s
        return self.unneeded if is_quiet and not remaining else ""

    def obey(self, command: Command) -> Happening | None:
        """Take a command in; return what is to be written down of it."""
        by = f"by {command.by}" + (f": {command.reason}" if command.reason else "")
        match command.verb:
            case Verb.DRAIN | Verb.RESUME:
                self.is_drained = command.verb is Verb.DRAIN
                action = "it takes no new prompts" if self.is_drained else "it takes prompts"
                return Happening(IncidentKind.NOTED, f"{command.verb} {by}", action)
            case _ if self._hands is None:
                log.warning("not ours to %s: server=%s", command.verb, command.server)
            case Verb.STOP:
                self._hands.place.keep_stopped(f"stopped {by}")
                is_there = self._hands.process is not None
                kind = IncidentKind.OPERATOR if is_there else IncidentKind.NOTED
                action = "it is ended" if is_there else "it is not started"
                return Happening(kind, f"stop {by}", action)
            case Verb.START | Verb.RESTART:
                self._bring_up(self._hands, command, f"{command.verb} {by}")
        return None

    def _bring_up(self, hands: Hands, command: Command, wish: str) -> None:
        if command.by == "worker":
            birth = hands.birth
            if birth is not None and command.at >= birth.started_at:  # else it is another by now
                self.accused = f"a worker saw it stuck: {command.reason}".rstrip(": ")
            return
        hands.place.let_run()
        self.unneeded = ""
        if command.verb is Verb.RESTART and hands.process is not None:
            self.restart = Happening(IncidentKind.OPERATOR, wish)
        elif hands.process is None:
            self.try_now = wish
