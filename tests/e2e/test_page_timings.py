"""What the page tells of whoever draws: the choice, the cost, times, pauses, and lost requests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    PATIENCE_MS,
    NewReader,
    Reader,
    draw,
    drawn,
    fill_form,
    job_row,
    open_room,
    sentence,
    wait_until_all_drawn,
    wait_until_ready,
)
from tests.e2e.conftest import App, RunApp
from tests.integration.providers import FakeProvider, fake_provider

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


def unfold(page: Page, name: str) -> None:
    """Unfold what stands below the panels."""
    page.locator("#stage .foot > details > summary").filter(has_text=name).click()


def test_times_unfold_by_step_and_are_compared_with_earlier_ones(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=2)
    drawn(page, panels=3)

    unfold(page, "Timings")
    rows = page.locator("#stage .waterfall .steps > li")
    expect(rows).to_have_count(4)
    expect(page.locator("#stage .runs")).to_contain_text("the built-in renderer")
    expect(page.locator("#stage .runs tbody tr").first).to_contain_text("in all")

    panel = page.locator('#stage .waterfall [data-key="panel-2"]')
    panel.locator("summary").click()
    for part in ("reading references", "drawing", "storing"):
        expect(panel.locator(".parts")).to_contain_text(part)
    expect(panel).to_contain_text("no other one is ready")


def test_the_log_tells_who_drew_and_what_took_the_time(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=1)

    unfold(page, "Log")
    line = page.locator("#stage .log li").filter(has_text="Panel 1: done")
    expect(line).to_contain_text("the built-in renderer · ")
    expect(line).to_contain_text("drawing")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProvider]:
    """A provider that asks money."""
    with fake_provider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def paid_app(
    provider: FakeProvider, run_app: RunApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """An app that draws by this provider."""
    folder = tmp_path_factory.mktemp("paid")
    described = (ROOT / "config" / "providers" / "openai.yaml").read_text(encoding="utf-8")
    providers = folder / "providers"
    providers.mkdir()
    described = described.replace("https://api.openai.com", provider.url)
    described = re.sub(r"(?m)^price: .*", "price: {amount: 0.04, currency: USD}", described)
    (providers / "openai.yaml").write_text(described, encoding="utf-8")
    environment = {
        "KOMADORI_PROVIDERS_DIR": str(providers),
        "OPENAI_API_KEY": provider.key("openai"),
    }
    with run_app(folder, environment=environment) as running:
        yield running


def test_the_studio_says_who_will_draw_and_what_so_many_panels_cost_and_keeps_the_choice(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    choice, cost = page.locator("#studio-provider"), page.locator("#draw-hint .cost")
    expect(choice.locator("option:checked")).to_have_text("Automatic: OpenAI")
    expect(page.locator("#provider [data-note]")).to_contain_text("gpt-image-2")
    expect(cost).to_have_text("about 12 × $0.04 = $0.48")
    fill_form(page, panels=3)
    expect(cost).to_have_text("about 3 × $0.04 = $0.12")

    choice.select_option("sketch")
    expect(cost).to_have_text("free")
    page.reload()
    wait_until_ready(page)
    expect(choice).to_have_value("sketch")
    before = len(provider.bills())
    drawn(page, panels=1)

    expect(page.locator("#stage .made")).to_contain_text("by the built-in renderer")
    assert len(provider.bills()) == before


def test_who_drew_is_told_below_the_panels_and_beside_each_version_of_the_large_picture(
    new_reader: NewReader, paid_app: App
) -> None:
    page = new_reader(at=paid_app).open()
    drawn(page, panels=1)

    expect(page.locator("#stage .made")).to_contain_text("Drawn by OpenAI.")
    page.locator('#stage [data-panel="1"]').click()
    maker = page.locator("dialog[open] p.maker")
    expect(maker).to_have_text("OpenAI · gpt-image-2")
    page.get_by_role("button", name="Another take").click()
    versions = page.locator("dialog[open] .version")
    expect(versions).to_have_count(2)
    expect(versions.first.locator(".maker")).to_have_text("OpenAI")
    expect(maker).to_have_text("OpenAI")


def test_a_pause_that_a_provider_asks_for_is_told_with_its_end(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    provider.fault("429", retry_after=3)
    draw(page, panels=1)

    paused = re.compile(r"Waiting for OpenAI: it asked for a pause; goes on at \d\d:\d\d$")
    expect(sentence(page)).to_have_text(paused)
    wait_until_all_drawn(page, 1)


def test_a_lost_request_is_sent_again_from_the_stage_when_the_reader_says_so(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    provider.fault("close_after_billing")
    before = len(provider.bills())
    draw(page, panels=2)

    asked = page.locator("#stage .unanswered")
    expect(asked).to_contain_text("may have been made and billed", timeout=PATIENCE_MS)
    expect(sentence(page)).to_contain_text("Sent and not answered: 1 of 2 panels")
    expect(page.get_by_role("button", name="Make what is missing")).to_have_count(0)
    assert len(provider.bills()) == before + 2
    asked.get_by_role("button", name="Send again (may be paid twice)").click()

    wait_until_all_drawn(page, 2)
    assert len(provider.bills()) == before + 3


def test_what_failed_and_what_was_lost_are_offered_apart_in_the_list(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    provider.fault("close_after_billing")
    provider.fault("refused")
    before = len(provider.bills())
    job = draw(page, panels=2)
    expect(page.locator("#stage .unanswered")).to_be_visible()

    open_room(page, "Jobs")
    row = job_row(page, job)
    row.get_by_role("button", name="Make missing").click()
    expect(row.get_by_role("button", name="Make missing")).to_have_count(0)
    expect(row.locator(".state.is-partial")).to_be_visible()
    assert len(provider.bills()) == before + 2  # the lost one was not sent again
    row.get_by_role("button", name="Send again (may be paid twice)").click()

    expect(row.locator(".state.is-completed")).to_be_visible()
    expect(row.locator(".unanswered")).to_have_count(0)
    assert len(provider.bills()) == before + 3


def test_a_first_frame_tells_what_its_drafts_cost_and_that_the_final_may_differ(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    open_room(page, "First frame")
    cost = page.locator("#frame-form .cost")
    page.get_by_label("Candidates").select_option("3")
    expect(cost).to_have_text("about 3 × $0.04 = $0.12")
    page.get_by_text("Quick sketch").click()
    expect(cost).to_have_text("about $0.04")
    page.get_by_text("Small picture").click()
    expect(cost).to_have_text("about 4 × $0.04 = $0.16")
    before = len(provider.bills())
    page.locator("#frame-draw").click()

    stage = page.locator("#frame-stage")
    expect(stage).to_contain_text("OpenAI takes no seed", timeout=PATIENCE_MS)
    expect(stage.locator("[data-copy]")).to_have_count(0)
    stage.get_by_role("button", name="Draw this one").first.click()

    expect(stage.get_by_role("status")).to_contain_text("drawn, in", timeout=PATIENCE_MS)
    expect(stage.locator('[data-key="frame_made_cost"]')).to_contain_text("$0.16")
    assert len(provider.bills()) == before + 4


def test_a_first_frame_without_an_answer_tells_what_it_may_have_cost(
    new_reader: NewReader, paid_app: App, provider: FakeProvider
) -> None:
    page = new_reader(at=paid_app).open()
    open_room(page, "First frame")
    provider.fault("close_after_billing")
    page.locator("#frame-draw").click()

    stage = page.locator("#frame-stage")
    expect(stage).to_contain_text("up to $0.04 for what was not answered", timeout=PATIENCE_MS)
    stage.get_by_role("button", name="Send it again (may be paid twice)").click()
    expect(stage.get_by_role("status")).to_contain_text("is drawn", timeout=PATIENCE_MS)
