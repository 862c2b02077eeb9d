"""What a new supervisor takes over from what was told, and servers of others that are accused."""

from pathlib import Path
from typing import Any

import pytest

from komadori.domain.servers import Incident, IncidentKind, Offer, ServerReport, ServerState
from komadori.monitors.comfy.blame import NOT_OURS, Blame
from komadori.monitors.comfy.offers import OffersLook
from komadori.monitors.comfy.probe import Look, Queue
from komadori.monitors.comfy.reporting import Before, offers_of
from komadori.monitors.comfy.verdicts import Verdict
from komadori.settings import ServerSettings


def told(**facts: Any) -> ServerReport:
    given = {"name": "a", "url": "http://a:1", "state": ServerState.UP, "since": 0.0}
    return ServerReport(**(given | facts))


def test_a_restart_that_nobody_watched_is_seen_by_the_number_that_was_told() -> None:
    before = Before.of(told(boot=3, restarts=1, number=7))

    after = before.seeing(Look(Verdict.OK, queue=Queue(number=0)))

    assert (after.boot, after.restarts) == (4, 2)
    assert before.seeing(Look(Verdict.OK, queue=Queue(number=8))).boot == 3


@pytest.mark.parametrize(
    ("queue", "ended", "is_lost"),
    [
        (Queue(), (), True),
        (Queue(pending=("theirs",), number=0), (), True),
        (Queue(), ("y",), False),
        (Queue(running=("x",), number=7), (), False),
        (Queue(running=("theirs",), number=9), (), False),
    ],
)
def test_what_is_gone_without_a_trace_went_with_a_restart(
    queue: Queue, ended: tuple[str, ...], is_lost: bool
) -> None:
    before = Before.of(told(boot=3, number=7))

    assert before.has_lost(queue, ("x", "y"), lambda prompt: prompt in ended) is is_lost
    assert not before.has_lost(queue, (), lambda prompt: prompt in ended)


def test_what_a_server_offers_outlives_its_supervisor_but_not_its_address() -> None:
    offers = {"sdxl": Offer()}
    theirs = ServerSettings(name="a", url="http://a:1")
    ours = ServerSettings(name="a", url="http://a:1", command=("x",))

    assert offers_of(told(offers=offers), theirs) == offers
    assert offers_of(told(offers=offers, url="http://b:1"), theirs) == {}
    assert offers_of(told(offers=offers, is_owned=True, url="http://b:1"), ours) == offers
    assert offers_of(told(offers=offers), ours) == {}
    assert offers_of(None, ours) == {}


def test_what_was_found_is_not_forgotten_for_nothing(tmp_path: Path) -> None:
    look = OffersLook("http://127.0.0.1:1", 0.1, tmp_path, 300.0)

    look.remember({"sdxl": Offer()})
    look.remember({})
    look.began_anew()

    assert look.found == {"sdxl": Offer()}


@pytest.mark.parametrize(
    ("queue", "boot", "is_cleared"),
    [
        (Queue(running=("x",)), 1, False),
        (Queue(running=("x",), pending=("y",)), 1, False),
        (Queue(running=("y",)), 1, True),
        (Queue(), 1, True),
        (Queue(running=("x",)), 2, True),
    ],
)
def test_a_server_of_others_is_accused_until_it_does_something(
    queue: Queue, boot: int, is_cleared: bool
) -> None:
    blame = Blame()
    assert blame.accuse("a worker saw it stuck", ("x",), 1)
    assert not blame.accuse("a worker saw it stuck", ("x",), 1), "one accusation is noted once"

    assert not blame.see(Look(Verdict.TIMEOUT), boot)
    assert blame.see(Look(Verdict.OK, queue=queue), boot) is is_cleared
    assert bool(blame.reason) is not is_cleared


def test_an_accusation_outlives_the_supervisor_who_heard_it() -> None:
    noted = Incident(
        server="a", kind=IncidentKind.WEDGED, at=1.0, cause="stuck", action=NOT_OURS, prompts=("x",)
    )
    over = noted.model_copy(update={"recovered_at": 2.0})
    blame, other = Blame(), Blame()

    blame.recall((noted,), 3)
    other.recall((over,), 3)

    assert (blame.reason, other.reason) == ("stuck", "")
    assert not blame.see(Look(Verdict.OK, queue=Queue(running=("x",))), 3)
    assert blame.see(Look(Verdict.OK, queue=Queue(running=("y",))), 3)
