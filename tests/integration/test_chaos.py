"""Random kills while jobs are done: every job completes, with one accepted result a step."""

import random
import signal

import pytest

from tests.integration.conftest import StartConsumer
from tests.integration.house import House
from tests.integration.processes import Consumer, until

pytestmark = pytest.mark.integration

_JOBS = 10
_PANELS = 3
_KILLS = 10


def test_ten_jobs_survive_ten_random_kills(house: House, consume: StartConsumer) -> None:
    chance = random.Random(20261124)
    house.tell("any.always", "sleep 0.15")
    consumers = [consume(workers=2), consume(workers=2)]
    jobs = [house.submit(panels=_PANELS) for _ in range(_JOBS)]

    for kill in range(_KILLS):
        begun = kill * 3  # a kill every few steps, for as long as there is work
        until(lambda begun=begun: len(house.executions()) > begun, "work goes on")  # type: ignore[misc]
        at = chance.randrange(len(consumers))
        consumers[at] = _hurt(consumers[at], chance, consume)

    for job in jobs:
        house.completed(job, within_s=60)
    assert len(house.executions()) <= _JOBS * (_PANELS + 1) + 3 * _KILLS, "little was done twice"
    kept = house.rows("SELECT count(*) AS kept FROM artifacts")
    assert kept[0]["kept"] == _JOBS * _PANELS


def _hurt(consumer: Consumer, chance: random.Random, consume: StartConsumer) -> Consumer:
    """Do something bad to a consumer or to one of its workers; return who works from now on."""
    workers = consumer.children()[1:]
    fate = chance.choice(["kill worker", "freeze worker", "kill main", "kill all", "stop main"])
    if fate in ("kill worker", "freeze worker"):
        signum = signal.SIGKILL if fate == "kill worker" else signal.SIGSTOP
        for worker in chance.sample(workers, k=min(1, len(workers))):
            worker.send_signal(signum)
        return consumer
    if fate == "kill all":
        consumer.kill_all()
    else:
        consumer.signal(signal.SIGKILL if fate == "kill main" else signal.SIGTERM)
    return consume(workers=2, is_awaited=False)
