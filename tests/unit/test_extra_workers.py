"""Extra workers: started while work waits, ended when there is none, never more than allowed."""

from typing import cast

from komadori.monitors.consumers import ConsumerMonitor
from komadori.monitors.extra_workers import ExtraWorkers, Span
from komadori.queue.backlog import Backlog

BUSY, IDLE = Backlog(waiting=5, running=4), Backlog(waiting=0, running=1)


class Team:
    """Counts who is started and ended."""

    def __init__(self, most: int = 2) -> None:
        self.started = 0
        self.ended: list[object] = []
        self.workers = ExtraWorkers(
            Span(most=most, up_after_s=20, down_after_s=300, cpu_percent=80),
            read_backlog=lambda: BUSY,
            start_worker=self._start,
            end_worker=self.ended.append,
        )

    def _start(self) -> ConsumerMonitor:
        self.started += 1
        return cast("ConsumerMonitor", self.started)

    def look(self, backlog: Backlog, *times: float, cpu: float = 10.0) -> int:
        for now in times:
            self.workers.loop(backlog, cpu, now)
        return self.workers.extra


def test_work_that_waits_long_enough_starts_one_worker() -> None:
    team = Team()

    assert team.look(BUSY, 1, 15) == 0
    assert team.look(BUSY, 21) == 1


def test_the_next_one_is_started_only_after_the_same_time_again() -> None:
    team = Team()

    assert team.look(BUSY, 1, 21, 22, 40) == 1
    assert team.look(BUSY, 41) == 2


def test_there_are_never_more_than_allowed() -> None:
    assert Team(most=1).look(BUSY, *range(1, 200)) == 1


def test_work_that_was_taken_in_the_meantime_starts_nobody() -> None:
    team = Team()
    team.look(BUSY, 1, 15)
    team.look(IDLE, 16)

    assert team.look(BUSY, 17, 30) == 0


def test_a_machine_that_is_busy_gets_no_more_workers() -> None:
    assert Team().look(BUSY, *range(1, 100), cpu=95) == 0


def test_they_are_ended_one_after_the_other_when_no_work_waits() -> None:
    team = Team()
    team.look(BUSY, *range(1, 50))

    assert team.look(IDLE, 60, 300) == 2
    assert team.look(IDLE, 360) == 1
    assert team.look(IDLE, 361, 659) == 1
    assert team.look(IDLE, 660) == 0


def test_all_are_ended_at_the_end() -> None:
    team = Team()
    team.look(BUSY, *range(1, 50))

    team.workers.stop()

    assert sorted(cast("list[int]", team.ended)) == [1, 2]
