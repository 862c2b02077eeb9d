"""Keeps one ComfyUI server: looks, decides, acts and tells, in one thread with one loop."""

import logging
import os
import random
import secrets
import socket
import threading
from dataclasses import replace
from pathlib import Path

from komadori.domain.servers import (
    Command,
    Incident,
    IncidentKind,
    ServerBook,
    ServerReport,
    ServerState,
    Verb,
)
from komadori.errors import StoreAway
from komadori.monitors.comfy import reporting
from komadori.monitors.comfy.blame import NOT_OURS, Blame
from komadori.monitors.comfy.diary import Diary
from komadori.monitors.comfy.eyes import Eyes, Glance
from komadori.monitors.comfy.hands import Hands, running
from komadori.monitors.comfy.lease import Lease, NotOurs, StoreClock
from komadori.monitors.comfy.offers import OffersLook
from komadori.monitors.comfy.place import Place
from komadori.monitors.comfy.probe import Probe
from komadori.monitors.comfy.process import Patience
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.standing import Act, Decision, Happening, Seen, Standing
from komadori.monitors.comfy.states import decide, port_is_taken, watch
from komadori.monitors.comfy.surroundings import hide
from komadori.monitors.comfy.tending import Tending
from komadori.monitors.comfy.verdicts import Verdict
from komadori.monitors.comfy.wishes import Wishes
from komadori.settings import ComfySettings, ServerSettings

log = logging.getLogger(__name__)

TICK_S = 0.25
_JITTER = 0.2
_BEAT_S = 5.0
_STOP_S = 40.0
_RESTING = frozenset({ServerState.STOPPED, ServerState.BACKOFF, ServerState.FAILED})


class Stopped(NotOurs):
    """This supervisor is being stopped in the middle of something long."""


class Supervisor(threading.Thread):
    """Watches one server; one with a command it also starts and ends.

    However many there are for one server, only the one that holds its lease does anything.
    """

    def __init__(
        self,
        server: ServerSettings,
        book: ServerBook,
        settings: ComfySettings,
        *,
        data_dir: Path,
        workflows_dir: Path,
        rules: Rules | None = None,
        patience: Patience | None = None,
        lease_s: float,
        may_watch: threading.Event | None = None,
    ) -> None:
        """`may_watch`: while it is not set, the server is left to others."""
        super().__init__(name=f"comfy-{server.name}", daemon=True)
        self.server = server
        self.owner = f"{socket.gethostname()} pid {os.getpid()} {secrets.token_hex(3)}"
        self._book, self._settings = book, settings
        self._rules = rules or Rules.of(settings)
        self._may_watch = may_watch
        self._stopping = threading.Event()
        self._clock = StoreClock(book)
        self._lease = Lease(book, server.name, self.owner, lease_s)
        self._diary = Diary(book, server.name)
        place = Place(data_dir / "comfyui" / server.name)
        is_owned = server.command is not None
        self._hands = Hands(server, place, patience or Patience()) if is_owned else None
        self._probe = Probe(server.url, self._rules.timeout_s)
        self._eyes = Eyes(self._rules, self._probe, self._hands, lambda: book.prompts(server.name))
        offers = OffersLook(server.url, self._rules.timeout_s, workflows_dir, self._rules.offers_s)
        self._tending = Tending(
            server.name, book, self._diary, self._eyes, settings, self._rules, offers
        )
        self._reset()

    def _reset(self) -> None:
        """Know nothing yet."""
        first = ServerState.STOPPED if self._hands is not None else ServerState.SUSPECT
        self._standing = Standing(state=first, since=0.0)
        self._before = reporting.Before()
        self._blame = Blame()
        self._wishes = Wishes(self._hands, quiet_s=2 * self._rules.interval_s)
        self._told_at = float("-inf")
        self._is_watching = self._is_unsure = False
        self._is_first_look = True

    # what others may ask of it

    @property
    def is_watching(self) -> bool:
        """Whether this supervisor is the one that watches the server."""
        return self._is_watching

    @property
    def state(self) -> ServerState:
        """Where the server stands."""
        return self._standing.state

    @property
    def remaining(self) -> int:
        """Prompts there at the last look."""
        return self._eyes.last.queue.remaining

    def need(self, why_not: str = "") -> None:
        """Have it run, or, with a reason, end when it has nothing more to do."""
        self._wishes.unneeded = why_not

    def is_left_running(self) -> bool:
        """Whether an earlier supervisor has left the server running."""
        return self._hands is not None and running(self._hands.place) is not None

    def stop(self, *, leave_running: bool = True) -> None:
        """Stop watching. The server goes on, to be adopted again, unless it is to end too."""
        self._stopping.set()
        self._probe.cut()  # one that answers byte by byte is not waited for
        if self.ident is not None and self is not threading.current_thread():
            self.join(_STOP_S)
        try:
            if not leave_running and self._is_watching:
                self._end_with_us()
        finally:
            self._tending.offers.stop(self._rules.timeout_s)
            self._lease.leave()
            self._is_watching = False
            self._probe.close()

    # the thread

    def run(self) -> None:
        """Watch until stopped. Whatever goes wrong in one round, the next one is tried."""
        while not self._stopping.is_set():
            try:
                self.loop()
            except NotOurs as exc:
                log.info("left to others: server=%s reason=%s", self.server.name, exc)
            except StoreAway as exc:
                log.debug("round ended: server=%s error=%.200s", self.server.name, exc)
            except Exception:  # at the thread's boundary: nothing may end the watch
                log.exception("a round of the supervisor failed: server=%s", self.server.name)
            self._stopping.wait(min(TICK_S, self._rules.interval_s))
        self._probe.close()

    def loop(self) -> None:
        """Look once, and do what follows."""
        if not self._is_ours():
            return
        now = self._clock.now()
        self._take_commands()
        glance = self._eyes.glance(now, self.state)
        if self._stopping.is_set() and glance.verdict not in (None, Verdict.OK):
            raise Stopped("this supervisor is stopped")  # its question was cut
        self._stay()  # an answer may have taken long
        if self._hands is None:
            self._note_outage(now, glance)
        self._settle(self._decide(self._seen(now, glance)), now)
        try:
            self._tend(now, glance)
        finally:
            self._tell(now)

    def _is_ours(self) -> bool:
        is_allowed = self._may_watch is None or self._may_watch.is_set()
        if not is_allowed:
            self._lease.leave()
        if not is_allowed or not self._lease.hold():
            self._is_unsure = self._lease.is_unknown
            if self._is_watching and not self._is_unsure:
                self._let_go()
            return False
        if self._is_watching and self._is_unsure and self._was_replaced():
            self._let_go()
        self._is_unsure = False
        if not self._is_watching:
            self._take_over(self._clock.now())
            self._is_watching = True
        return True

    def _was_replaced(self) -> bool:
        """Whether another supervisor started the server anew while the store was away."""
        return self._hands is not None and self._hands.place.birth() != self._hands.birth

    def _let_go(self) -> None:
        log.warning("another supervisor watches now: server=%s", self.server.name)
        unneeded = self._wishes.unneeded
        if self._hands is not None:
            self._hands.let_go()
        self._reset()
        self._wishes.unneeded = unneeded

    def _take_over(self, now: float) -> None:
        """Go on where the last supervisor stopped. Raises StoreAway."""
        report = self._book.report(self.server.name)
        since = now - self._rules.crashes_within_s
        self._before = reporting.Before.of(report)
        self._tending.offers.remember(reporting.offers_of(report, self.server))
        self._wishes.is_drained = reporting.was_drained(report)
        incidents = self._book.incidents(self.server.name, since)
        self._standing = reporting.standing_of(
            report, incidents, now, is_owned=self._hands is not None
        )
        self._eyes.began_anew(now)
        self._tending.began_anew(now)
        if self._hands is not None:
            self._adopt(self._hands, report, now)
        else:
            self._blame.recall(incidents, self._before.boot)

    def _adopt(self, hands: Hands, report: ServerReport | None, now: float) -> None:
        if not hands.adopt() or hands.birth is None:
            if report is not None and report.pid is not None and not hands.place.stopped_because:
                cause = f"process {report.pid} ended while nobody watched it"
                self._note(Happening(IncidentKind.CRASHED, cause, "it is started again"), now)
            return
        was_ready = report is not None and report.state.answers
        state = ServerState.DEGRADED if was_ready else ServerState.STARTING
        reason = "found again; it has not been asked yet"
        self._standing = replace(
            self._standing, state=state, since=now, reason=reason, was_ready=was_ready
        )
        self._eyes.course.started_at = hands.birth.started_at
        self._eyes.course.grew_at = now
        self._before = replace(self._before, boot=hands.birth.boot)
        cause = f"process {hands.birth.pid} was started by an earlier supervisor"
        self._note(Happening(IncidentKind.ADOPTED, cause, "it goes on"), now)

    # one round

    def _take_commands(self) -> None:
        try:
            commands = self._book.take_commands(self.server.name)
        except StoreAway:
            return  # the lease has said so
        for command in commands:
            log.info("asked: server=%s verb=%s by=%s", command.server, command.verb, command.by)
            self._obey(command, self._clock.now())

    def _obey(self, command: Command, now: float) -> None:
        if command.verb is Verb.FREE:
            by = f"by {command.by}" + (f": {command.reason}" if command.reason else "")
            self._tending.free(now, f"free memory {by}")
        elif self._hands is None and command.verb is Verb.RESTART and command.by == "worker":
            reason = f"a worker saw it stuck: {command.reason}".rstrip(": ")
            running = self._eyes.last.queue.running
            if self._blame.accuse(reason, running, self._before.boot):
                self._note(Happening(IncidentKind.WEDGED, reason, NOT_OURS), now)
        elif (happening := self._wishes.obey(command)) is not None:
            self._note(happening, now)

    def _seen(self, now: float, glance: Glance) -> Seen:
        hands, wishes, restart = self._hands, self._wishes, self._wishes.restart
        seen = Seen(
            now=now,
            has_process=hands is not None and hands.process is not None,
            unwanted=wishes.unwanted(now, self.remaining),
            exit=glance.exit,
            is_reboot=glance.is_reboot,
            verdict=glance.verdict,
            is_busy=bool(self._eyes.last.queue.running),
            wedge=glance.wedge or wishes.accused or self._blame.reason,
            start_fault=glance.start_fault,
            restart=restart.cause if restart is not None else "",
            restart_kind=restart.kind if restart is not None else IncidentKind.OPERATOR,
            try_now=wishes.try_now,
            good_prompts=self._eyes.course.good_prompts,
        )
        if hands is None or self.state in _RESTING or (glance.exit is None and seen.has_process):
            return seen
        says = hands.says(is_start=not self._standing.was_ready)
        return replace(seen, log_says=says, fault=hands.fault)

    def _decide(self, seen: Seen) -> Decision:
        if self._hands is None:
            return watch(self._standing, seen, self._rules)
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)
        return decide(self._standing, seen, self._rules, jitter)

    def _settle(self, decision: Decision, now: float) -> None:
        """Make a decision come true."""
        if decision.act is not Act.NONE:
            self._lease.make_sure()  # a supervisor that has just woken up may have lost it
        if decision.act is Act.START and (who := self._port_fault()):
            decision = port_is_taken(self._standing, now, who, self._rules)
        before, self._standing = self._standing, decision.standing
        self._wishes.forget()
        if decision.happening is not None:
            self._note(decision.happening, now)
        if before.state is not self.state:
            self._has_moved(before, now)
        self._act(decision.act, now)

    def _has_moved(self, before: Standing, now: float) -> None:
        log.info("server is %s: server=%s before=%s reason=%s",
                 self.state, self.server.name, before.state, self._standing.reason)  # fmt: skip
        if self.state.takes_prompts and not before.state.answers:
            self._diary.recovered(now)
        self._tell(now)

    def _act(self, act: Act, now: float) -> None:
        if self._hands is None or act is Act.NONE:
            return
        if act is not Act.START:
            self._hands.end(self._keep, is_gentle=act is Act.END)
            return
        boot = max(self._hands.place.boots(), self._before.boot) + 1
        restarts = self._before.restarts + (self._before.boot > 0)
        self._before = replace(self._before, boot=boot, restarts=restarts)
        self._eyes.began_anew(now)
        self._tending.began_anew(now)
        self._hands.start(boot, now)
        self._tell(now)

    def _port_fault(self) -> str:
        return self._hands.port_fault(self._keep) if self._hands is not None else ""

    def _stay(self) -> None:
        """Be sure to be the supervisor still. Raises NotOurs."""
        if not self._lease.hold():
            raise NotOurs(f"server {self.server.name} is watched by another supervisor")

    def _keep(self) -> None:
        """Stay the supervisor while something takes long."""
        if self._stopping.is_set() and self.ident == threading.get_ident():
            raise Stopped("this supervisor is stopped")
        self._stay()
        self._tell(self._clock.now())

    def _note_outage(self, now: float, glance: Glance) -> None:
        """A server of others that was away, or counts from 0 again, was started anew."""
        look = glance.look
        if self._is_first_look and look is not None and look.verdict is Verdict.OK:
            ours = self._book.prompts(self.server.name)
            if self._before.has_lost(look.queue, ours, self._probe.has_ended):
                self._before = replace(self._before, was_refused=True)
            self._is_first_look = False
        self._before = self._before.seeing(look)
        if self._blame.see(look, self._before.boot):
            self._diary.recovered(now)

    def _tend(self, now: float, glance: Glance) -> None:
        if self._hands is None or self._hands.process is not None:
            self._tending.sample(now, self._before.restarts)
        if glance.verdict is not Verdict.OK or not self.state.answers:
            return
        self._tending.tend(now)
        plan = self._tending.plan
        if plan.is_due and self._is_still_idle():
            self._wishes.plan(plan.reason)

    def _is_still_idle(self) -> bool:
        """Whether nothing came since it was planned."""
        look = self._probe.look()
        return look.verdict is Verdict.OK and not look.queue.remaining

    @property
    def _attempts_most(self) -> int:
        """After how many it is given up: starts that fail are not tried as often."""
        rules = self._rules
        return rules.starts_most if self._standing.start_failures else rules.crashes_most

    def _tell(self, now: float) -> None:
        """Tell how it does, if that has changed or was told a while ago."""
        report = reporting.report_of(
            self.server,
            self._standing,
            self._eyes,
            self._tending,
            self._before,
            attempts_most=self._attempts_most,
            wishes=self._wishes,
            owner=self.owner,
        )
        is_old = now - self._told_at >= _BEAT_S
        if not is_old and not reporting.is_news(report, self._diary.told):
            return
        self._stay()
        self._told_at = now
        self._diary.tell(report)

    def _note(self, happening: Happening, now: float) -> None:
        hands = self._hands
        untold = hands.untold if hands is not None else ()
        is_over = happening.kind in reporting.OVER_AT_ONCE
        self._diary.note(
            Incident(
                server=self.server.name,
                kind=happening.kind,
                at=now,
                cause=hide(happening.cause, untold),
                action=hide(happening.action, untold),
                exit_code=happening.exit_code,
                prompts=self._eyes.last.queue.running,
                log_tail=hands.log.tail() if hands is not None and not is_over else "",
                recovered_at=now if is_over else None,
            )
        )

    def _end_with_us(self) -> None:
        """End the server when the supervisor ends; the next one starts it again."""
        if self._hands is None or self._hands.process is None:
            return
        now = self._clock.now()
        self._lease.make_sure()
        reason = "it was stopped with its supervisor"
        self._standing = replace(
            self._standing, state=ServerState.STOPPED, since=now, reason=reason
        )
        self._hands.end(self._keep, is_gentle=True)
        self._tell(now)
