"""Pictures of the page for people to judge: both widths, shades and languages, kept in build/."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import (
    PATIENCE_MS,
    PHONE,
    WIDE,
    NewReader,
    card,
    cards,
    dialog,
    draw_button,
    is_loaded,
    job_rows,
    pictures,
    sentence,
)

pytestmark = pytest.mark.e2e

FOLDER = Path(__file__).resolve().parents[2] / "build" / "screenshots"
SHADES = ("light", "dark")


@pytest.mark.parametrize(("language", "locale"), [("en", "en-GB"), ("zh", "zh-CN")])
def test_the_page_is_photographed_in_both_widths_and_shades(
    new_reader: NewReader, language: str, locale: str
) -> None:
    page = new_reader(locale=locale, reduced_motion="reduce").open()
    photograph(page, f"{language}-1-studio-empty")

    order(page, panels=6)
    expect(pictures(page)).to_have_count(6)
    expect(page.locator("#stage .is-running")).to_have_count(0)
    photograph(page, f"{language}-2-studio-done", at="#stage")
    card(page, 2).click()
    is_loaded(dialog(page).locator("img").first, width=1280)
    expect(dialog(page).locator(".versions, ol").first).to_be_visible()
    photograph(page, f"{language}-3-dialog")
    page.keyboard.press("Escape")

    order(page, panels=24)
    pictures(page).nth(3).wait_for()
    photograph(page, f"{language}-4-studio-running", at="#stage", is_running=True)
    page.locator('#stage [data-do="cancel"]').click()
    page.locator('#stage [data-do="retry"]').wait_for()
    photograph(page, f"{language}-5-studio-cancelled", at="#stage")

    page.get_by_role("tab").nth(3).click()
    expect(job_rows(page)).to_have_count(2)
    photograph(page, f"{language}-6-jobs")


def order(page: Page, *, panels: int) -> None:
    number = page.locator("#panels").get_by_role("spinbutton")
    number.fill(str(panels))
    number.blur()
    draw_button(page).click()
    expect(cards(page)).to_have_count(panels)
    expect(sentence(page)).to_be_attached()


def photograph(page: Page, name: str, *, at: str = "", is_running: bool = False) -> None:
    """Take the page as it is in every look, and check that nothing is wider than the screen."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    for width, shade in looks(page):
        page.evaluate("scrollTo(0, 0)")
        if at and width == PHONE[0]:
            page.locator(at).evaluate("node => node.scrollIntoView()")
        if not is_running:
            page.wait_for_function(PICTURES_ARE_SHOWN, timeout=PATIENCE_MS)
        page.screenshot(path=FOLDER / f"{name}-{width}-{shade}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"


def looks(page: Page) -> Iterator[tuple[int, str]]:
    """Set each look in turn, and the wide light one again at the end."""
    for shade in SHADES:
        page.emulate_media(color_scheme="dark" if shade == "dark" else "light")
        page.wait_for_function(
            "isDark => document.body.classList.contains('dark') === isDark", arg=shade == "dark"
        )
        for width, height in (WIDE, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            yield width, shade
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


PICTURES_ARE_SHOWN = """() => [...document.images]
  .filter((image) => image.checkVisibility())
  .every((image) => image.complete && image.naturalWidth > 0)"""
