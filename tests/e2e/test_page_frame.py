"""The First frame tab in a real browser: draw, approve, choose, and find it all again."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    PHONE,
    NewReader,
    Reader,
    dialog,
    is_loaded,
    job_rows,
    open_room,
    wait_until_ready,
)

pytestmark = pytest.mark.e2e

PROMPT = "Mei waits at the harbour before sunrise"


def open_frame(reader: Reader, address: str = "/") -> Page:
    """Open the page at the First frame tab."""
    page = reader.open(address)
    page.get_by_role("tab").nth(1).click()
    expect(prompt_box(page)).to_be_visible()
    return page


def prompt_box(page: Page) -> Locator:
    return page.locator("#frame-prompt")


def stage(page: Page) -> Locator:
    return page.locator("#frame-stage")


def sentence(page: Page) -> Locator:
    return stage(page).get_by_role("status")


def takes(page: Page) -> Locator:
    """Return the large pictures that are drawn."""
    return stage(page).locator(".take [data-zoom]")


def wrong(page: Page, field: str) -> Locator:
    """Return what is said to be wrong with a field."""
    return page.locator(f'#frame-form [data-field="{field}"] .wrong')


def order(page: Page, prompt: str = PROMPT) -> None:
    """Write the prompt and send the form by keyboard."""
    prompt_box(page).fill(prompt)
    prompt_box(page).press("Control+Enter")


def test_the_first_visit_draws_a_picture_in_one_click_and_shows_how_it_was_made(
    reader: Reader,
) -> None:
    page = open_frame(reader)
    expect(prompt_box(page)).to_have_value(re.compile(r"^[A-Z].{40,}"))
    expect(stage(page).get_by_text("Your picture will be here")).to_be_visible()
    provider = page.locator("#frame-form").get_by_label("Drawn by")
    expect(provider.locator("option").first).to_have_text(re.compile("^Automatic: .*ketch"))
    not_ready = provider.locator("option", has_text="OPENAI_API_KEY is not set")
    expect(not_ready).to_be_disabled()
    expect(page.locator("#frame-form .cost")).to_have_text("free")

    page.locator("#frame-draw").click()

    expect(sentence(page)).to_contain_text("The picture is drawn")
    is_loaded(takes(page).locator("img"), width=1280)
    expect(stage(page)).to_contain_text("no other one is ready")
    expect(stage(page)).to_contain_text("1280 × 720")
    with page.expect_download() as download:
        stage(page).get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "frame-001.webp"
    takes(page).click()
    expect(dialog(page).locator("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(takes(page)).to_be_focused()


def test_a_draft_waits_until_it_is_approved(reader: Reader) -> None:
    page = open_frame(reader)
    page.get_by_text("Quick sketch").click()
    order(page)
    approve = stage(page).get_by_role("button", name="Draw the final picture")
    expect(approve).to_be_visible()
    expect(takes(page)).to_have_count(1)

    stage(page).get_by_placeholder("What should be different?").fill("closer, at night")
    stage(page).get_by_role("button", name="Draw another draft").click()
    expect(takes(page)).to_have_count(2)
    stage(page).get_by_role("button", name="Draw this one").last.click()

    expect(sentence(page)).to_contain_text("The picture is drawn")
    expect(takes(page)).to_have_count(1)
    expect(stage(page).locator(".drafts img")).to_have_count(2)


def test_one_of_several_candidates_is_chosen_and_found_again_after_a_reload(
    reader: Reader,
) -> None:
    page = open_frame(reader)
    page.get_by_label("Candidates").select_option("3")
    page.get_by_label("Size").select_option("1024x1024")
    page.get_by_label("Seed").fill("7")
    order(page)
    expect(takes(page)).to_have_count(3)
    expect(stage(page)).to_contain_text("Seed 9")

    stage(page).get_by_role("button", name="Use this one").nth(1).click()

    expect(stage(page).get_by_text("✓ Chosen")).to_have_count(1)
    expect(stage(page).get_by_role("button", name="Use this one")).to_have_count(2)
    page.reload()
    expect(takes(page)).to_have_count(3)
    expect(stage(page).locator('figure[data-key="frame-2"]')).to_contain_text("✓ Chosen")
    expect(prompt_box(page)).to_have_value(PROMPT)
    expect(page.get_by_label("Candidates")).to_have_value("3")
    expect(page.get_by_label("Seed")).to_have_value("7")


def test_what_is_wrong_is_said_next_to_its_field_until_it_is_mended(
    reader: Reader, tmp_path: Path
) -> None:
    page = open_frame(reader)
    order(page, " ")
    expect(wrong(page, "prompt")).to_contain_text("Say what is to be seen")
    expect(prompt_box(page)).to_be_focused()
    prompt_box(page).fill(PROMPT)
    expect(wrong(page, "prompt")).to_be_empty()

    text = tmp_path / "place.png"
    text.write_text("This is a text.")
    page.locator('[data-field="scene"] input[type="file"]').set_input_files(text)
    expect(wrong(page, "scene")).to_contain_text("not a picture")

    page.get_by_role("button", name="Add a character", exact=True).click()
    page.get_by_label("Looks", exact=True).fill("red coat")
    prompt_box(page).press("Control+Enter")
    expect(wrong(page, "cast")).to_contain_text("Give the character a name first")
    page.get_by_label("Name", exact=True).fill("Mei")
    expect(wrong(page, "cast")).to_be_empty()
    own = page.get_by_label("Width in pixels")
    page.get_by_label("Size").select_option("own")
    own.fill("9000")
    own.blur()
    expect(own).to_have_value("2048")


def test_pictures_of_the_place_and_the_people_are_kept_with_the_form(
    reader: Reader, tmp_path: Path
) -> None:
    page = open_frame(reader)
    picture = tmp_path / "mei.jpg"
    Image.new("RGB", (400, 600), "seagreen").save(picture)
    faces = page.locator("#frame-form .slot.is-full:not(.is-busy) img")
    hand_over(page.locator("body"), picture, "paste")
    page.get_by_role("button", name="Add a character", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Mei")
    hand_over(page.get_by_role("button", name="Choose a picture for Mei"), picture, "drop")
    expect(faces).to_have_count(2)

    page.reload()
    wait_until_ready(page)
    page.get_by_role("tab").nth(1).click()

    expect(faces).to_have_count(2)
    expect(page.get_by_label("in the shot")).to_be_checked()
    page.get_by_role("button", name="Remove the picture for Place").click()
    expect(faces).to_have_count(1)
    prompt_box(page).press("Control+Enter")
    expect(sentence(page)).to_contain_text("The picture is drawn")


def hand_over(target: Locator, file: Path, how: str) -> None:
    """Drop a file onto something as from a folder of the desktop, or paste it there."""
    target.evaluate(
        """(node, [bytes, name, how]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
          const event = how === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
          node.dispatchEvent(event);
        }""",
        [list(file.read_bytes()), file.name, how],
    )


def test_the_list_of_jobs_and_a_link_lead_to_the_frame_and_the_studio_keeps_out_of_it(
    reader: Reader,
) -> None:
    page = open_frame(reader)
    order(page)
    expect(sentence(page)).to_contain_text("The picture is drawn")
    link = page.url
    assert "?job=" in link

    fresh = reader.open()
    expect(fresh.locator("#stage").get_by_text("Your storyboard will be here")).to_be_visible()
    open_room(fresh, "Jobs")
    job_rows(fresh).first.get_by_role("button", name="Open").click()
    expect(sentence(fresh)).to_contain_text("The picture is drawn")

    linked = reader.context.new_page()
    linked.goto(link)
    expect(sentence(linked)).to_be_visible()
    expect(linked.locator(".km-notice")).to_have_count(0)


def test_the_phone_has_everything_in_one_column_and_in_chinese(new_reader: NewReader) -> None:
    reader = new_reader(size=PHONE, has_touch=True, is_mobile=True, locale="zh-CN")
    page = open_frame(reader)
    expect(page.get_by_role("tab", name="首帧")).to_be_visible()

    page.locator("#frame-draw").tap()

    expect(sentence(page)).to_contain_text("画好")
    expect(sentence(page)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
