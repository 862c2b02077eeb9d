"""Jobs in a real browser: drawn, cancelled, completed, drawn again, listed, deleted, restored."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    STORY,
    Reader,
    card,
    cards,
    dialog,
    draw,
    drawn,
    is_loaded,
    job_row,
    job_rows,
    notice,
    open_room,
    pictures,
    sentence,
    shown_job,
    wait_until_all_drawn,
    wait_until_ready,
)

pytestmark = pytest.mark.e2e

MANY = 40
SOME = 12  # enough to be stopped half-way, few enough to be completed
LONG_STORY = STORY * 6


def test_panels_appear_one_after_another_and_what_is_there_is_left_alone(reader: Reader) -> None:
    page = reader.open()
    page.evaluate(COUNT_PICTURES)

    draw(page, panels=8)

    first = card(page, 1).locator("img")
    first.wait_for()
    first.evaluate("node => { node.isTheOneThatCameFirst = true; }")
    card(page, 1).evaluate("node => { node.isTheOneThatCameFirst = true; }")
    wait_until_all_drawn(page, 8)
    assert first.evaluate("node => node.isTheOneThatCameFirst"), "the picture is the same node"
    assert card(page, 1).evaluate("node => node.isTheOneThatCameFirst"), "its card, too"
    counts = page.evaluate("window.pictureCounts")
    assert counts == sorted(counts), "panels only come"
    assert len(counts) >= 4, f"they come one after another, not at once: {counts}"
    steps = page.locator("#stage").get_by_role("listitem")
    expect(steps).to_have_count(9)
    expect(steps.last).to_contain_text("Panel 8: done")
    expect(page.locator("#stage .is-running")).to_have_count(0)


COUNT_PICTURES = """() => {
  const counts = window.pictureCounts = [];
  const count = () => {
    const now = document.querySelectorAll('#stage [data-panel] img').length;
    if (now !== (counts.at(-1) ?? 0)) counts.push(now);
  };
  new MutationObserver(count).observe(document.querySelector('#stage'),
    { childList: true, subtree: true });
}"""


def test_the_pictures_are_really_there_small_and_large(reader: Reader) -> None:
    page = reader.open()

    drawn(page, panels=2)

    for number in (1, 2):
        shown = card(page, number).locator("img")
        shown.wait_for()
        page.wait_for_function("image => image.complete", arg=shown.element_handle())
        assert shown.evaluate("image => image.naturalWidth") >= 320
    card(page, 2).click()
    is_loaded(dialog(page).locator("img").first, width=1280)
    assert dialog(page).locator("img").first.evaluate("image => image.naturalHeight") == 720


def test_the_large_picture_is_walked_by_keyboard(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=3)
    card(page, 1).focus()

    page.keyboard.press("ArrowRight")
    expect(card(page, 2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog(page)).to_have_accessible_name("Panel 2")
    page.keyboard.press("ArrowRight")
    expect(dialog(page)).to_have_accessible_name("Panel 3")
    page.keyboard.press("ArrowRight")
    expect(dialog(page)).to_have_accessible_name("Panel 3")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(dialog(page)).to_have_accessible_name("Panel 1")
    expect(dialog(page)).to_contain_text("Mei ran down to the harbour")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(card(page, 1)).to_be_focused()


def test_the_arrows_below_the_large_picture_stay_under_the_pointer(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=3)
    card(page, 1).click()
    onwards = dialog(page).get_by_role("button", name="Next panel")
    is_loaded(dialog(page).locator("img").first, width=1280)
    place = onwards.bounding_box()

    for number in (2, 3):
        onwards.click()
        expect(dialog(page)).to_have_accessible_name(f"Panel {number}")
        expect(dialog(page)).to_contain_text("Version 1, shown")
        assert onwards.bounding_box() == place


def test_arrows_in_a_wish_move_the_cursor_not_the_panel(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=2)
    card(page, 1).click()
    wish = dialog(page).get_by_role("textbox", name="What should be different?")
    wish.fill("closer")

    wish.press("ArrowLeft")
    wish.press("ArrowRight")

    expect(dialog(page)).to_have_accessible_name("Panel 1")
    expect(wish).to_have_value("closer")


def test_a_cancelled_job_says_so_and_what_is_missing_is_made_later(reader: Reader) -> None:
    page = reader.open()
    job = draw(page, story=LONG_STORY, panels=SOME)
    pictures(page).nth(2).wait_for()

    page.locator("#stage").get_by_role("button", name="Cancel").click()

    expect(sentence(page)).to_contain_text(f"of {SOME} panels are drawn and stay")
    expect(sentence(page)).to_contain_text("Cancelled")
    kept = page.evaluate(KEPT_PICTURES)
    assert 3 <= len(kept) < SOME
    page.locator("#stage").get_by_role("button", name="Make what is missing").click()
    wait_until_all_drawn(page, SOME)
    now = page.evaluate(KEPT_PICTURES)
    assert {number: now[number] for number in kept} == kept, "finished panels were kept"
    assert shown_job(page) == job
    expect(page.locator("#stage").get_by_role("button", name="Make what is missing")).to_have_count(
        0
    )


KEPT_PICTURES = """() => Object.fromEntries(
  [...document.querySelectorAll('#stage [data-panel]')]
    .filter((panel) => panel.querySelector('img'))
    .map((panel) => [panel.dataset.panel, panel.dataset.picture]))"""


def test_a_wish_makes_a_new_version_and_the_old_one_comes_back(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=2)
    first = card(page, 1).get_attribute("data-picture")
    other = card(page, 2).get_attribute("data-picture")
    card(page, 1).click()
    expect(dialog(page)).to_contain_text("Version 1, shown")
    dialog(page).get_by_role("textbox").fill("closer, at night")

    dialog(page).get_by_role("button", name="Draw with this wish").click()

    expect(dialog(page)).to_contain_text("Version 2, shown")
    expect(dialog(page)).to_contain_text("closer, at night")
    expect(card(page, 1)).not_to_have_attribute("data-picture", first or "")
    is_loaded(dialog(page).locator("img").first, width=1280)
    dialog(page).get_by_role("button", name="Bring back").click()
    expect(dialog(page)).to_contain_text("Version 1, shown")
    expect(notice(page, "Version 1 is shown again.")).to_be_visible()
    expect(card(page, 1)).to_have_attribute("data-picture", first or "")
    assert card(page, 2).get_attribute("data-picture") == other
    expect(dialog(page).get_by_text("Version 2", exact=True)).to_be_visible()


def test_another_take_needs_no_wish_but_a_wish_must_be_said(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=1)
    card(page, 1).click()

    dialog(page).get_by_role("button", name="Draw with this wish").click()

    expect(dialog(page).get_by_role("alert")).to_contain_text("Say what should be different")
    dialog(page).get_by_role("button", name="Another take").click()
    expect(dialog(page)).to_contain_text("Version 2, shown")


@pytest.fixture
def three_jobs(reader: Reader) -> tuple[Page, str, str]:
    """A page whose session has a finished storyboard, a panel drawn again, and a cancelled one."""
    page = reader.open()
    finished = drawn(page, panels=2)
    card(page, 1).click()
    dialog(page).get_by_role("button", name="Another take").click()
    expect(dialog(page)).to_contain_text("Version 2, shown")
    page.keyboard.press("Escape")
    cancelled = draw(page, story=LONG_STORY, panels=MANY)
    open_room(page, "Jobs")
    job_row(page, cancelled).get_by_role("button", name="Cancel").click()
    expect(job_row(page, cancelled)).to_contain_text("cancelled")
    return page, finished, cancelled


def test_the_list_shows_filters_and_opens_jobs(three_jobs: tuple[Page, str, str]) -> None:
    page, finished, cancelled = three_jobs
    expect(job_rows(page)).to_have_count(3)
    expect(job_rows(page).first).to_have_attribute("data-job", cancelled)
    expect(job_row(page, finished)).to_contain_text("done")
    expect(job_row(page, finished).get_by_role("img")).to_have_accessible_name("2 panels")
    expect(job_row(page, finished).locator(".ministrip img")).to_have_count(2)
    edges = {
        round(box["x"] + box["width"])
        for row in job_rows(page).all()
        if (box := row.get_by_role("button", name="Open").bounding_box())
    }
    assert len(edges) == 1, "the same button has the same place in every row"

    page.get_by_role("combobox", name="State").select_option("CANCELLED")
    expect(job_rows(page)).to_have_count(1)
    expect(page.get_by_text("1 job matches")).to_be_visible()
    page.get_by_role("combobox", name="State").select_option("FAILED")
    expect(page.get_by_text("No job matches")).to_be_visible()
    page.get_by_role("button", name="Show all jobs").click()
    expect(job_rows(page)).to_have_count(3)
    page.get_by_role("combobox", name="Kind").select_option("panel")
    expect(job_rows(page)).to_have_count(1)
    expect(job_rows(page)).to_contain_text("Panel 1: Another take")

    page.get_by_role("combobox", name="Kind").select_option("")
    expect(job_rows(page)).to_have_count(3)
    job_row(page, finished).get_by_role("button", name="Open").click()
    expect(page.get_by_role("tab", name="Studio")).to_have_attribute("aria-selected", "true")
    expect(cards(page)).to_have_count(2)
    assert shown_job(page) == finished


def test_a_job_is_deleted_and_taken_back_and_its_log_unfolds(
    three_jobs: tuple[Page, str, str],
) -> None:
    page, finished, cancelled = three_jobs
    log = job_row(page, finished).get_by_role("button", name="Log")
    log.click()
    expect(job_row(page, finished)).to_contain_text("Panel 2: done in")
    expect(job_row(page, finished)).to_contain_text("Ended: done")
    job_row(page, finished).get_by_role("button", name="Hide log").click()
    expect(job_row(page, finished).get_by_text("Ended: done")).to_be_hidden()

    job_row(page, cancelled).get_by_role("button", name="Delete").click()

    expect(job_row(page, cancelled)).to_have_count(0)
    expect(notice(page, "Deleted")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(job_row(page, cancelled)).to_have_count(1)
    expect(notice(page, "is back")).to_be_visible()
    job_row(page, cancelled).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("2 jobs", exact=True)).to_be_visible()
    page.reload()
    wait_until_ready(page)
    open_room(page, "Jobs")
    expect(job_rows(page)).to_have_count(2)


def test_a_cancelled_job_is_tried_again_from_the_list(reader: Reader) -> None:
    page = reader.open()
    job = draw(page, story=LONG_STORY, panels=6)
    page.locator("#stage").get_by_role("button", name="Cancel").click()
    expect(sentence(page)).to_contain_text("Cancelled")
    open_room(page, "Jobs")

    job_row(page, job).get_by_role("button", name="Make missing").click()

    expect(job_row(page, job)).to_contain_text("done")
    expect(job_row(page, job).get_by_role("img")).to_have_accessible_name("6 panels")


def test_timings_and_the_log_unfold_below_the_stage(reader: Reader) -> None:
    page = reader.open()
    drawn(page, panels=2)

    page.locator("#stage").get_by_text("Timings", exact=True).click()
    page.locator("#stage").get_by_text("Log", exact=True).click()

    expect(page.locator("#stage details[open]")).to_have_count(2)
    expect(page.locator("#stage details").first).to_contain_text("Panel 2")
    expect(page.locator("#stage details").last).to_contain_text("Ended: done")
