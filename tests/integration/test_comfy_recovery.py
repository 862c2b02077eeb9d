"""Each way in which a watched ComfyUI dies or hangs ends in a picture."""

from collections.abc import Callable, Iterator

import pytest

from komadori.domain.servers import IncidentKind
from komadori.settings import load_settings
from tests.integration.conftest import QUICK
from tests.integration.drawing_at_comfy import MODULE, AtComfy
from tests.integration.house import House
from tests.integration.processes import Consumer, until
from tests.integration.watched_comfy import watched

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Fault = Callable[[AtComfy], object]


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AtComfy]:
    """A house, a watched server and two workers, for all tests of this file."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "orders").mkdir()
    settings = {**QUICK, "DATA_DIR": folder / "data", "COMFYUI__SILENT_LIMIT_S": 6}
    with pytest.MonkeyPatch.context() as environment:

        def setting(name: str, value: object) -> None:
            environment.setenv(f"KOMADORI_{name}", str(value))

        for name, value in settings.items():
            setting(name, value)
        house = House(load_settings(), folder / "orders")
        with watched(folder, house, setting, "a", step_s=0.03) as at:
            consumer = Consumer(folder / "consumer.log", module=MODULE, workers=2, options=())
            try:
                until(lambda: len(consumer.workers()) == 2, "the workers are there")
                yield at
                consumer.stop()
            finally:
                consumer.kill_all()
                print(f"--- consumer ---\n{consumer.output}")  # noqa: T201  # shown on failure
                house.close()


@pytest.fixture
def studio(open_studio: AtComfy) -> AtComfy:
    """The open studio, in which all is well."""
    open_studio.servers["a"].heal()
    until(lambda: takes_prompts(open_studio), "the server takes prompts")
    open_studio.house.write("UPDATE servers SET failures = 0, rest_until = NULL")
    return open_studio


def takes_prompts(at: AtComfy) -> bool:
    report = at.rows.report("a")
    return report is not None and report.state.takes_prompts and not report.is_draining


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        pytest.param("die", {"how": "sigkill"}, IncidentKind.CRASHED, id="killed"),
        pytest.param("die", {"how": "sigsegv"}, IncidentKind.CRASHED, id="segmentation fault"),
        pytest.param("die", {"how": 3}, IncidentKind.CRASHED, id="ends itself"),
        pytest.param("die", {"how": "sigterm"}, IncidentKind.CRASHED, id="terminated"),
        pytest.param("freeze", {}, IncidentKind.WEDGED, id="frozen"),
        pytest.param("worker_dies", {}, IncidentKind.WEDGED, id="loses its thread"),
    ],
)
def test_a_server_that_fails_in_the_middle_is_brought_back_and_the_picture_made(
    studio: AtComfy, name: str, options: dict[str, object], kind: IncidentKind
) -> None:
    began = studio.rows.now()
    studio.servers["a"].do(name, at="middle", times=1, **options)

    studio.house.completed(studio.frame(f"{name} {options}"), within_s=60)

    incidents = studio.rows.incidents("a", began)
    (incident,) = [one for one in incidents if one.kind is kind]
    assert incident.recovered_at is not None
    assert incident.log_tail
    assert incident.cause


def test_a_thread_that_ends_without_a_word_is_missed_when_it_does_nothing(studio: AtComfy) -> None:
    studio.servers["a"].do("worker_dies", at="middle", times=1, quiet=True)

    studio.house.completed(studio.frame("the quiet end"), within_s=90)


def test_a_prompt_that_hangs_and_can_be_stopped_is_stopped_and_made_again(studio: AtComfy) -> None:
    began = studio.rows.now()
    studio.servers["a"].do("silent", at="middle", times=1, seconds=600, interruptible=True)

    studio.house.completed(studio.frame("the silent one"), within_s=90)

    kinds = {one.kind for one in studio.rows.incidents("a", began)}
    assert IncidentKind.CRASHED not in kinds


def test_a_prompt_that_hangs_and_cannot_be_stopped_has_the_server_started_anew(
    studio: AtComfy,
) -> None:
    studio.servers["a"].do("silent", at="middle", times=1, seconds=600, interruptible=False)

    studio.house.completed(studio.frame("the deaf one"), within_s=120)


def test_a_server_that_holds_its_breath_is_not_taken_for_dead(studio: AtComfy) -> None:
    report = studio.rows.report("a")
    assert report is not None
    studio.servers["a"].do("block", at="middle", times=1, seconds=3)

    studio.house.completed(studio.frame("the long breath"), within_s=60)

    after = studio.rows.report("a")
    assert after is not None
    assert after.boot == report.boot


def test_what_ran_out_of_memory_is_made_again_when_memory_was_freed(studio: AtComfy) -> None:
    frees = len(studio.servers["a"].seen()["frees"])
    studio.servers["a"].do("oom", at="middle", times=1)

    studio.house.completed(studio.frame("the large one"), within_s=60)

    assert len(studio.servers["a"].seen()["frees"]) > frees


def test_a_broken_gpu_has_the_server_started_anew_before_the_next_try(studio: AtComfy) -> None:
    report = studio.rows.report("a")
    assert report is not None
    studio.servers["a"].do("cuda", at="middle", times=1)

    studio.house.completed(studio.frame("the poisoned one"), within_s=60)

    after = studio.rows.report("a")
    assert after is not None
    assert after.boot > report.boot
