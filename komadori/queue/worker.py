"""A worker: claims the best step of its lane, has it done, writes how it ended, goes on."""

import asyncio
import faulthandler
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from komadori.domain.making import Making, Span
from komadori.domain.states import Lane
from komadori.domain.view import Problem
from komadori.domain.work import FileStore, RunStep, StepResult
from komadori.errors import (
    BackendAway,
    BackendBusy,
    BackendDown,
    BackendRefused,
    KomadoriError,
    LeaseLost,
    NoRoom,
    NotFetchedYet,
    OutcomeUnknown,
)
from komadori.logs import working_on
from komadori.queue.calls import StepCalls
from komadori.queue.context import WorkerContext
from komadori.queue.heart import Heart
from komadori.queue.ledger import NO_ROOM, Claim, Ending, Ledger
from komadori.queue.room import wake_for_room
from komadori.queue.server_waits import AWAY

log = logging.getLogger(__name__)

_OUTCOMES: dict[type[BaseException], str] = {
    BackendBusy: "waited",
    BackendAway: "waited",
    OutcomeUnknown: "unknown",
}
_CODES: dict[type[BaseException], str] = {
    BackendRefused: "refused",
    BackendBusy: "provider_busy",
    NoRoom: NO_ROOM,
    BackendAway: AWAY,
    BackendDown: "provider_down",
    NotFetchedYet: "not_fetched",
    OutcomeUnknown: "unknown_outcome",
}
_WAITS = (BackendBusy, BackendAway)
_AGAIN_S = 0.5
_ARM_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds after which a step is stopped, and after which it is ended with its worker."""

    soft_s: float
    hard_s: float


class StepWorker:
    """The one worker of this process. Make it after the fork."""

    def __init__(
        self, lane: Lane, ledger: Ledger, files: FileStore, run: RunStep, limits: TimeLimits
    ) -> None:
        self.lane = lane
        self.ledger = ledger
        self.steps_done = 0
        self.is_draining = False
        self.is_stopping = False
        self._files = files
        self._run_step = run
        self._limits = limits
        self._heart = Heart(ledger)
        # What a step tells of its requests must be stored before it goes on; the loop goes on.
        self._book = ThreadPoolExecutor(1, thread_name_prefix="calls")
        # One loop for all steps: asyncio.run would make one for each and meddle with SIGINT.
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[StepResult] | None = None
        self._limit: asyncio.Timeout | None = None
        self._calls: StepCalls | None = None
        self._armed_at = -math.inf
        self._why: str | None = None
        """Why the running step is being stopped: "released", "cancelled" or "lost"."""

    def start(self) -> None:
        """Start the heart."""
        self._heart.start()

    def stop(self) -> None:
        """Give the running step back and take no other. May be called from a signal handler."""
        self.is_stopping = True
        self._stop_step("released")
        self._heart.give_back_soon()

    def drain(self, is_enough: Callable[[], bool]) -> None:
        """Do steps until the lane is empty, `is_enough` says so, or `stop` was called."""
        self.is_draining = True
        try:
            claim = self._claim_next()
            while claim is not None:
                claim = self._do(claim, is_enough)
        finally:
            self._disarm()
            self.is_draining = False

    def _claim_next(self) -> Claim | None:
        if self.is_stopping:
            return None
        try:
            return self.ledger.claim_next(self.lane)
        except SQLAlchemyError as exc:  # the reaper rings again when the store is back
            log.warning("nothing claimed: lane=%s reason=%s", self.lane, exc)
            return None

    def _do(self, claim: Claim, is_enough: Callable[[], bool]) -> Claim | None:
        with working_on(claim.job.id, f"{claim.step.kind}-{claim.step.number}"):
            ending = self._attempt(claim)
            self.steps_done += 1
            self._wake_for_room()
            if ending is None:
                return self._claim_next()
            goes_on = not (self.is_stopping or is_enough())
            return self._finish(claim, ending, self.lane if goes_on else None)

    def _wake_for_room(self) -> None:
        """A place at a server is free: let who waits for it go on before a new step begins."""
        if self._calls is None or not self._calls.has_given_back:
            return
        try:
            wake_for_room(self.ledger)
        except SQLAlchemyError as exc:  # it will look again by itself
            log.warning("nobody woken for a place: reason=%s", exc)

    def _attempt(self, claim: Claim) -> Ending | None:
        """Run the step; None when it was taken away meanwhile."""
        context = self._context(claim)
        self._why = None
        self._heart.hold(claim, self._stop_step)
        self._arm()
        try:
            return self._ended(self._loop.run_until_complete(self._limited(context)), context)
        except (asyncio.CancelledError, Exception) as exc:  # noqa: BLE001  # the task's boundary
            # A cancel that nobody here asked for is the step's own failure.
            return (
                self._stopped(context)
                if self._why
                else self._failed(exc, context.spans, context.making)
            )
        finally:
            self._heart.let_go()
            self._task = self._limit = None
            self._files.remove_preview(claim.step.id)
            _tell_stages(context.spans)

    def _context(self, claim: Claim) -> WorkerContext:
        self._calls = StepCalls(self.ledger.store, self._book, claim.step, token=claim.token)
        return WorkerContext(
            claim.job,
            claim.step,
            files=self._files,
            calls=self._calls,
            report=self._heart.report,
            describe=self._heart.describe,
            preview=lambda picture: self._show(claim, picture),
            alive=self._begin_limits_anew,
            why_stopped=lambda: self._why,
        )

    def _show(self, claim: Claim, picture: bytes) -> None:
        try:
            self._files.put_preview(claim.step.id, picture)
        except OSError as exc:  # a full disk: the picture itself will say it
            log.warning("preview not kept: reason=%s", exc)
        else:
            self._heart.show()

    def _begin_limits_anew(self) -> None:
        if self._limit is not None:
            self._limit.reschedule(self._loop.time() + self._limits.soft_s)
            self._arm()

    async def _limited(self, context: WorkerContext) -> StepResult:
        self._task = asyncio.current_task()
        if self.is_stopping:  # the signal came before there was a task to cancel
            self._why = "released"
            raise asyncio.CancelledError
        async with asyncio.timeout(self._limits.soft_s) as self._limit:
            return await self._run_step(context)

    def _stop_step(self, why: str) -> None:
        task = self._task
        if self._why is None and task is not None:
            self._why = why
            task.get_loop().call_soon_threadsafe(task.cancel)

    def _ended(self, result: StepResult, context: WorkerContext) -> Ending:
        return Ending(
            outcome="completed", result=result, spans=context.spans, making=context.making
        )

    def _stopped(self, context: WorkerContext) -> Ending | None:
        if self._why == "lost":
            log.warning("step lost: another worker has it")
            return None
        return Ending(outcome=self._why or "released", spans=context.spans, making=context.making)

    def _failed(self, exc: BaseException, spans: Sequence[Span], making: Making | None) -> Ending:
        outcome = _of_kind(_OUTCOMES, exc, "failed")
        log.warning("step %s: reason=%r", outcome, exc, exc_info=not isinstance(exc, KomadoriError))
        return Ending(
            outcome=outcome,
            problem=self._problem(exc),
            may_retry=not isinstance(exc, BackendRefused),
            retry_after_s=exc.retry_after_s if isinstance(exc, _WAITS) else None,
            spans=spans,
            making=making,
        )

    def _problem(self, exc: BaseException) -> Problem:
        if isinstance(exc, TimeoutError):
            message = f"It was stopped after {self._limits.soft_s:g} s without an end."
            return Problem(code="time_limit", message=message)
        if isinstance(exc, KomadoriError):
            return Problem(code=_of_kind(_CODES, exc, "failed"), message=str(exc))
        # The text of a foreign error may hold paths or secrets: the log has it.
        message = f"Something went wrong inside ({type(exc).__name__}); the log tells more."
        return Problem(code="internal", message=message)

    def _finish(self, claim: Claim, ending: Ending, then: Lane | None) -> Claim | None:
        until = time.monotonic() + self.ledger.limits.lease_s
        while True:
            try:
                next_claim = self.ledger.finish(claim, ending, then_claim=then)
                return next_claim or (self._claim_next() if then else None)
            except LeaseLost as exc:
                log.warning("result dropped: %s", exc)
                self._forget_files(ending)
                break
            except (KomadoriError, ValueError, TypeError, LookupError) as exc:
                if ending.outcome == "failed":
                    raise  # even a failure cannot be planned on: the reaper ends it
                self._forget_files(ending)
                # The plan or the result is at fault.
                ending = self._failed(exc, ending.spans, ending.making)
            except SQLAlchemyError as exc:
                log.warning("result not written yet: reason=%s", exc)
                if self.is_stopping or time.monotonic() > until:
                    break
                time.sleep(_AGAIN_S)
        return self._claim_next() if then else None

    def _arm(self) -> None:
        """Have the hard limit end this process, from C, whatever holds the interpreter.

        Arming costs a thread (0.7 ms), so one serves all steps of a moment, and is late for the
        first of them by so much.
        """
        now = time.monotonic()
        if now - self._armed_at > _ARM_EVERY_S:
            faulthandler.dump_traceback_later(self._limits.hard_s + _ARM_EVERY_S, exit=True)
            self._armed_at = now

    def _disarm(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._armed_at = -math.inf

    def _forget_files(self, ending: Ending) -> None:
        """Remove the files of a dropped result, unless a lost answer hid that they were taken."""
        for artifact in ending.result.artifacts if ending.result else ():
            if not self.ledger.keeps(artifact.file.id):
                self._files.remove(artifact.file.id)


def _of_kind(table: Mapping[type[BaseException], str], exc: BaseException, otherwise: str) -> str:
    """Return what a table says of an error's class, or of the nearest class above it."""
    return next((table[kind] for kind in type(exc).__mro__ if kind in table), otherwise)


def _tell_stages(spans: Sequence[Span]) -> None:
    """Write where an attempt's time went into the log."""
    if spans:
        parts = ", ".join(f"{span.stage} {span.seconds:.3f}" for span in spans)
        log.info("stages in seconds: %s", parts)
