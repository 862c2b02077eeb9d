"""How a supervised server's state moves: by what was seen and the rules, with a made-up clock."""

from dataclasses import replace

import pytest

from komadori.domain.servers import IncidentKind, ServerState
from komadori.errors import InvalidTransition
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.standing import NEXT, Act, Decision, Seen, Standing
from komadori.monitors.comfy.states import decide, port_is_taken, watch
from komadori.monitors.comfy.verdicts import Exit, Verdict, exit_words

S, K = ServerState, IncidentKind
RULES = Rules()
OWNED = frozenset(set(S) - {S.UP, S.SUSPECT, S.DOWN})


class Play:
    """One server through made-up time."""

    def __init__(self, state: ServerState = S.STOPPED, rules: Rules = RULES) -> None:
        self.rules = rules
        self.now = 1000.0
        self.standing = Standing(state=state, since=self.now)
        self.kinds: list[IncidentKind] = []
        self.last = Decision(self.standing)

    def see(self, *, after_s: float = 1.0, jitter: float = 1.0, **seen: object) -> Decision:
        self.now += after_s
        told = {"has_process": self.standing.state not in (S.STOPPED, S.BACKOFF, S.FAILED)} | seen
        whole = Seen(now=self.now, **told)  # type: ignore[arg-type]  # names of its fields
        self.last = decide(self.standing, whole, self.rules, jitter)
        self.standing = self.last.standing
        if self.last.happening is not None:
            self.kinds.append(self.last.happening.kind)
        return self.last

    def ready(self) -> "Play":
        assert self.see().act is Act.START
        self.see(verdict=Verdict.OK)
        assert self.standing.state is S.READY
        return self

    def crash(self, code: int = -9) -> float:
        """End it; return the pause before it is tried again."""
        self.see(exit=Exit(code))
        assert self.standing.state is S.CRASHED
        assert self.last.act is Act.KILL, "what it left is cleared away"
        pause = (self.standing.next_try_at or 0.0) - self.now
        self.see(has_process=False, after_s=0.0)
        return pause

    def come_back(self) -> None:
        self.see(after_s=100.0)
        assert (self.standing.state, self.last.act) == (S.STARTING, Act.START)
        self.see(verdict=Verdict.OK)


def test_every_state_has_a_place_in_the_table() -> None:
    assert set(NEXT) == set(S)


def test_the_table_keeps_our_servers_and_those_of_others_apart() -> None:
    assert all((state in OWNED) == (after in OWNED) for state in S for after in NEXT[state])


def test_a_move_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidTransition, match="that is STOPPED cannot become WEDGED"):
        Standing(state=S.STOPPED, since=0.0).moved(S.WEDGED, 1.0)


def test_it_starts_and_is_ready_when_it_answers() -> None:
    play = Play()

    assert play.see().act is Act.START
    play.see(verdict=Verdict.REFUSED)
    assert play.standing.state is S.STARTING
    play.see(verdict=Verdict.OK)

    assert (play.standing.state, play.standing.since) == (S.READY, play.now)


def test_it_is_busy_while_a_prompt_runs() -> None:
    play = Play().ready()

    play.see(verdict=Verdict.OK, is_busy=True)
    busy_since = play.standing.since
    play.see(verdict=Verdict.OK, is_busy=True)

    assert (play.standing.state, play.standing.since) == (S.BUSY, busy_since)


@pytest.mark.parametrize("verdict", [Verdict.TIMEOUT, Verdict.REFUSED, Verdict.HTTP_ERROR])
def test_missed_probes_alone_end_nothing(verdict: Verdict) -> None:
    play = Play().ready()

    for _ in range(50):
        assert play.see(verdict=verdict).act is Act.NONE

    assert play.standing.state is S.DEGRADED
    assert play.standing.misses == 50
    play.see(verdict=Verdict.OK)
    assert (play.standing.state, play.standing.misses) == (S.READY, 0)
    assert play.kinds == []


def test_a_crash_is_counted_and_paused_for_longer_each_time() -> None:
    play = Play(rules=replace(RULES, crashes_most=9)).ready()

    pauses = []
    for _ in range(7):
        pauses.append(play.crash())
        play.come_back()

    assert pauses == pytest.approx([1, 2, 5, 10, 30, 60, 60])
    assert play.kinds == [K.CRASHED] * 7
    assert play.standing.attempt == 7


def test_pauses_are_stretched_so_that_servers_do_not_start_together() -> None:
    play = Play().ready()

    play.see(exit=Exit(1), jitter=1.2)

    assert play.standing.next_try_at == pytest.approx(play.now + 1.2)


def test_a_pause_is_kept() -> None:
    play = Play().ready()
    play.crash()

    assert play.standing.state is S.BACKOFF
    assert play.see(after_s=0.5).act is Act.NONE
    assert play.see(after_s=0.5).act is Act.START


@pytest.mark.parametrize(("well_s", "prompts"), [(600.0, 0), (1.0, 3)])
def test_attempts_begin_anew_after_a_good_while_or_good_prompts(
    well_s: float, prompts: int
) -> None:
    play = Play().ready()
    play.crash()
    play.come_back()
    assert play.standing.attempt == 1

    play.see(verdict=Verdict.OK, after_s=well_s, good_prompts=prompts)

    assert (play.standing.attempt, play.standing.crashes) == (0, ())


def test_too_many_crashes_in_a_time_open_the_breaker() -> None:
    play = Play(rules=replace(RULES, backoff_s=(1.0,), crashes_within_s=6000.0)).ready()

    for _ in range(4):
        play.crash()
        play.come_back()
    play.crash()

    assert play.standing.state is S.FAILED
    assert "it crashed 5 times in 100 min: killed (signal 9)" in play.standing.reason
    assert play.kinds[-1] is K.GAVE_UP
    assert play.standing.next_try_at == pytest.approx(play.now + 300)


def test_crashes_of_long_ago_do_not_count() -> None:
    play = Play(rules=replace(RULES, crashes_within_s=150.0)).ready()

    for _ in range(20):
        play.crash()
        play.come_back()

    assert K.GAVE_UP not in play.kinds


def test_three_failed_starts_open_the_breaker() -> None:
    play = Play()

    for _ in range(3):
        play.see(after_s=100.0)
        assert play.standing.state is S.STARTING
        play.see(exit=Exit(1), log_says="a Python package is missing: torch")
        play.see(has_process=False)

    assert play.standing.state is S.FAILED
    assert play.kinds == [K.START_FAILED] * 3 + [K.GAVE_UP]
    assert "its log says: a Python package is missing: torch" in play.standing.reason


def test_what_was_given_up_is_tried_after_5_15_and_60_minutes() -> None:
    play = Play(rules=replace(RULES, starts_most=1))
    play.see()
    play.see(exit=Exit(1))
    play.see(has_process=False)

    pauses = []
    for _ in range(4):
        assert play.standing.state is S.FAILED
        pauses.append((play.standing.next_try_at or 0.0) - play.now)
        assert play.see(after_s=pauses[-1] - 1).act is Act.NONE
        assert play.see(after_s=1.0).act is Act.START
        play.see(exit=Exit(1))
        play.see(has_process=False)

    assert pauses == pytest.approx([300, 900, 3600, 3600])


def test_an_operator_cuts_every_pause_short() -> None:
    play = Play(S.FAILED)

    turn = play.see(try_now="start by operator")

    assert turn.act is Act.START
    assert (play.standing.attempt, play.standing.openings) == (0, 0)
    assert play.kinds == [K.NOTED], "it ends nothing, so it excuses no prompt"


def test_a_stuck_server_is_killed_and_counts_as_a_crash_noted_once() -> None:
    play = Play().ready()

    assert play.see(wedge="its process is stopped").act is Act.KILL
    assert play.standing.state is S.WEDGED
    assert play.see().act is Act.KILL, "while it lives it is tried again"
    play.see(has_process=False)
    assert play.standing.state is S.CRASHED
    assert play.standing.reason == "its process is stopped"

    assert play.kinds == [K.WEDGED]
    assert (play.standing.attempt, len(play.standing.crashes)) == (1, 1)


def test_a_start_that_is_given_up_is_a_failed_start() -> None:
    play = Play()
    play.see()

    assert play.see(start_fault="its start has said nothing for 180 s").act is Act.KILL
    play.see(has_process=False)

    assert play.kinds == [K.START_FAILED]
    assert play.standing.start_failures == 1


def test_a_wanted_restart_is_no_crash() -> None:
    play = Play().ready()

    turn = play.see(restart="it has done 100 prompts", restart_kind=K.RECYCLED)
    assert (turn.act, play.standing.state) == (Act.END, S.STOPPING)
    turn = play.see(has_process=False)

    assert (turn.act, play.standing.state) == (Act.START, S.STARTING)
    assert play.kinds == [K.RECYCLED]
    assert (play.standing.attempt, play.standing.crashes) == (0, ())


def test_a_restart_from_its_own_page_is_no_crash() -> None:
    play = Play().ready()

    turn = play.see(exit=Exit(0), is_reboot=True)

    assert (turn.act, play.standing.state, play.standing.attempt) == (Act.START, S.STARTING, 0)
    assert play.kinds == [K.OPERATOR]


def test_one_that_was_not_ended_by_asking_is_killed() -> None:
    play = Play().ready()
    play.see(restart="restart by operator")

    assert play.see(has_process=True).act is Act.KILL


@pytest.mark.parametrize("state", [S.READY, S.BUSY, S.DEGRADED, S.STARTING])
def test_one_that_is_not_wanted_is_ended_and_stays_so(state: ServerState) -> None:
    play = Play(state)

    assert play.see(unwanted="stopped by operator").act is Act.END
    play.see(has_process=False, unwanted="stopped by operator")

    assert (play.standing.state, play.standing.reason) == (S.STOPPED, "stopped by operator")
    assert play.see(has_process=False, unwanted="stopped by operator").act is Act.NONE


@pytest.mark.parametrize("state", [S.BACKOFF, S.FAILED, S.CRASHED])
def test_one_that_is_not_wanted_is_not_started_again(state: ServerState) -> None:
    play = Play(state)

    play.see(has_process=False, unwanted="stopped by operator", after_s=10_000)

    assert play.standing.state is S.STOPPED


def test_a_taken_port_is_told_once_and_looked_at_again() -> None:
    before = Standing(state=S.STOPPED, since=0.0)

    first = port_is_taken(before, 10.0, "port 8188 is taken by python3 (pid 7)", RULES)
    second = port_is_taken(first.standing, 20.0, "port 8188 is taken by python3 (pid 7)", RULES)

    assert first.standing.state is S.FAILED
    assert "pid 7" in first.standing.reason
    assert first.act is second.act is Act.NONE
    assert first.happening is not None
    assert second.happening is None
    assert (second.standing.since, second.standing.next_try_at) == (10.0, 30.0)


def _watched(*verdicts: Verdict, every_s: float = 3.0) -> list[Decision]:
    standing, now, found = Standing(state=S.UP, since=0.0, was_ready=True), 0.0, []
    for verdict in verdicts:
        now += every_s
        found.append(watch(standing, Seen(now=now, verdict=verdict), RULES))
        standing = found[-1].standing
    return found


def test_a_server_of_others_that_refuses_three_times_is_down() -> None:
    found = _watched(*[Verdict.REFUSED] * 3, Verdict.OK)

    assert [one.standing.state for one in found] == [S.SUSPECT, S.SUSPECT, S.DOWN, S.UP]
    kinds = [one.happening.kind for one in found if one.happening]
    assert kinds == [K.WENT_DOWN, K.CAME_UP]
    assert all(one.act is Act.NONE for one in found)


def test_a_server_of_others_that_a_worker_accuses_is_suspect_until_it_is_cleared() -> None:
    why = "a worker saw it stuck: no sign of life"
    up = Standing(state=S.UP, since=0.0, was_ready=True)

    accused = watch(up, Seen(now=3.0, verdict=Verdict.OK, wedge=why), RULES).standing
    still = watch(accused, Seen(now=6.0, verdict=Verdict.OK, wedge=why), RULES).standing
    cleared = watch(still, Seen(now=9.0, verdict=Verdict.OK), RULES).standing

    assert [(one.state, one.reason) for one in (accused, still)] == [(S.SUSPECT, why)] * 2
    assert not accused.state.takes_prompts
    assert cleared.state is S.UP


def test_what_could_not_be_started_says_only_why() -> None:
    play = Play()
    play.see()

    play.see(has_process=False, fault="it cannot be started: the disk is full", log_says="x")

    assert play.standing.reason == "it cannot be started: the disk is full"


def test_a_server_of_others_that_is_slow_is_suspect_for_long() -> None:
    found = _watched(*[Verdict.TIMEOUT] * 31)

    states = [one.standing.state for one in found]
    assert states == [S.SUSPECT] * 30 + [S.DOWN]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "killed (signal 9): out of memory, likely"),
        (137, "killed (signal 9): out of memory, likely"),
        (-11, "segmentation fault"),
        (3221225477, "access violation (3221225477)"),
        (0, "ended by itself"),
        (3, "ended with code 3"),
        (-31, "ended by signal 31"),
        (None, "not known"),
    ],
)
def test_an_exit_is_told_in_words(code: int | None, words: str) -> None:
    assert words in exit_words(Exit(code))
