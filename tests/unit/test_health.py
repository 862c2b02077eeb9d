"""The servers' health as the page reads it from the store, and what it may ask of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from pydantic import SecretStr

from komadori.domain.ids import SessionId
from komadori.domain.servers import Incident, IncidentKind, Sample, ServerState, Verb
from komadori.errors import NotFound, RequestRejected
from komadori.queue.health import Health
from komadori.queue.moments import INCIDENTS_MOST, thinned
from komadori.queue.servers import ServerRows
from komadori.ui.api_health import HealthCalls
from komadori.ui.health_desk import HealthDesk
from komadori.ui.operator import Operator
from tests.unit.conftest import Spine
from tests.unit.servers import LIMITS, make_report, make_samples

pytestmark = pytest.mark.unit

PASSWORD = "robin"  # noqa: S105  # of these tests


@pytest.fixture
def rows(spine: Spine) -> ServerRows:
    return ServerRows(spine.store)


@pytest.fixture
def health(spine: Spine) -> Iterator[Health]:
    with ThreadPoolExecutor(1) as executor:
        yield Health(spine.store, executor)


@pytest.fixture
def calls(health: Health) -> HealthCalls:
    operator = Operator(SecretStr(PASSWORD), wrong_costs_s=0)
    return HealthCalls(HealthDesk(health=health, limits=LIMITS, operator=operator))


def sample(rows: ServerRows, ago_s: float, **facts: float) -> None:
    rows.add_sample("a", Sample(at=rows.now() - ago_s, **facts))  # type: ignore[arg-type]


def crash(rows: ServerRows, ago_s: float = 60) -> str:
    return rows.note(
        Incident(
            server="a",
            kind=IncidentKind.CRASHED,
            at=rows.now() - ago_s,
            cause="ended with code 1",
            prompts=("somebody's",),
            log_tail="the last lines",
        )
    )


async def test_a_server_is_seen_with_its_samples_incidents_and_wishes(
    rows: ServerRows, health: Health
) -> None:
    rows.tell(make_report(ServerState.BUSY))
    rows.take("a", "somebody", 60)
    sample(rows, 7 * 3600, ram_percent=10)
    sample(rows, 60, ram_percent=20)
    crash(rows, ago_s=9 * 3600)
    await health.ask("a", Verb.RESTART)

    (server,) = (await health.view(hours=6)).servers

    assert server.report.state is ServerState.BUSY
    assert server.is_watched
    assert [one.ram_percent for one in server.samples] == [20]
    assert [one.incident.cause for one in server.incidents] == ["ended with code 1"]
    assert server.asked == (Verb.RESTART,)
    assert [one.verb for one in rows.take_commands("a")] == [Verb.RESTART]


async def test_what_comes_later_is_seen_by_the_next_look(rows: ServerRows, health: Health) -> None:
    rows.tell(make_report())
    sample(rows, 60, ram_percent=20)
    incident = crash(rows)
    before = (await health.view()).servers[0]

    sample(rows, 0, ram_percent=30)
    sample(rows, 65, ram_percent=19)  # a supervisor that could not reach the store writes late
    rows.recovered(incident, rows.now())
    crash(rows, ago_s=0)

    after = (await health.view(hours=24)).servers[0]
    assert before.incidents[0].incident.recovered_at is None
    assert len(after.incidents) == 2
    assert after.incidents[1].incident.recovered_at is not None
    assert after.samples[-1].ram_percent == 30
    assert len((await health.view(hours=0.2)).servers[0].samples) == 3


async def test_only_the_newest_incidents_are_shown(rows: ServerRows, health: Health) -> None:
    rows.tell(make_report())
    for ago_s in range(INCIDENTS_MOST + 5):
        crash(rows, ago_s=ago_s)

    shown = (await health.view()).servers[0].incidents

    assert len(shown) == INCIDENTS_MOST
    times = [one.incident.at for one in shown]
    assert times == sorted(times, reverse=True)


async def test_the_steps_of_everybody_are_counted(
    spine: Spine, session: SessionId, other: SessionId, health: Health
) -> None:
    spine.make_scenes(session, panels=3)
    spine.make_scenes(other, panels=2)
    spine.claim()

    queue = (await health.view()).queue

    assert (queue.queued, queue.running, queue.waiting, queue.workers) == (4, 1, 0, 1)
    assert queue.queued_since is not None


async def test_nobody_else_can_be_asked(health: Health) -> None:
    with pytest.raises(NotFound):
        await health.ask("nobody", Verb.RESTART)
    with pytest.raises(NotFound):
        await health.log_tail("nothing")


def test_thinning_keeps_peaks_and_does_not_tremble() -> None:
    samples = make_samples(600, step_s=6)
    peak = samples[100].model_copy(update={"ram_percent": 91.0, "queue": 9})
    samples = (*samples[:100], peak, *samples[101:])

    thin = thinned(samples, width_s=60)

    assert 60 <= len(thin) <= 61
    assert max(cast(float, one.ram_percent) for one in thin) == 91
    assert max(cast(int, one.queue) for one in thin) == 9
    assert thin[-1] == samples[-1]
    assert thinned(samples[3:], width_s=60)[1:] == thin[1:]
    assert thinned((), width_s=60) == ()


async def test_scripts_get_the_same_and_logs_only_with_the_password(
    rows: ServerRows, calls: HealthCalls
) -> None:
    rows.tell(make_report(ServerState.BACKOFF, attempt=1, reason="ended with code 1"))
    sample(rows, 60, ram_percent=20)
    crash(rows)

    plain = await calls.health()

    (server,) = plain["servers"]
    assert (server["state"], server["waits"]) == ("BACKOFF", "restarting, attempt 1 of 5")
    assert server["samples"][0]["ram_percent"] == 20
    assert server["incidents"][0]["log_tail"] is None
    assert server["incidents"][0]["prompts"] == 1
    assert "somebody's" not in str(plain)
    known = await calls.health(password=PASSWORD)
    assert known["servers"][0]["incidents"][0]["log_tail"] == "the last lines"
    with pytest.raises(RequestRejected, match="wrong"):
        await calls.health(password="another")  # noqa: S106


async def test_scripts_ask_with_the_password_and_for_what_is_possible(
    rows: ServerRows, calls: HealthCalls
) -> None:
    rows.tell(make_report())
    rows.tell(make_report(ServerState.UP, name="others", is_owned=False))

    asked = await calls.operate("a", "restart", PASSWORD)

    assert asked == {"server": "a", "verb": "restart", "asked": True}
    assert [one.verb for one in rows.take_commands("a")] == [Verb.RESTART]
    await calls.operate("others", "drain", PASSWORD)
    for server, verb, password, code in (
        ("a", "restart", "wrong", "operator_wrong"),
        ("a", "restart", "", "operator_missing"),
        ("a", "explode", PASSWORD, "field_invalid"),
        ("a", "", PASSWORD, "field_invalid"),
        ("others", "restart", PASSWORD, "server_not_owned"),
        ("nobody", "drain", PASSWORD, "server_not_found"),
    ):
        with pytest.raises(RequestRejected) as refused:
            await calls.operate(server, verb, password)
        assert refused.value.code == code
    assert not rows.take_commands("a")


@pytest.mark.parametrize("hours", [0, 25, "6", True, None])
async def test_hours_that_cannot_be_are_refused(calls: HealthCalls, hours: object) -> None:
    with pytest.raises(RequestRejected, match="hours"):
        await calls.health(hours=hours)  # type: ignore[arg-type]
