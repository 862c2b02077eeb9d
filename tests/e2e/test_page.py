"""The page in a real browser: how it greets, what it refuses, and that it runs nobody's scripts."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    PHONE,
    STORY,
    NewReader,
    Reader,
    alerts,
    card,
    cards,
    dialog,
    draw,
    draw_button,
    drawn,
    fill_form,
    job_rows,
    open_room,
    pictures,
    sentence,
    story_box,
    wait_until_all_drawn,
    wait_until_ready,
)

pytestmark = pytest.mark.e2e

LONGEST_STORY = 20_000


def test_the_first_visit_shows_a_sample_story_ready_to_draw(reader: Reader) -> None:
    page = reader.open()

    expect(story_box(page)).to_have_value(re.compile(r"^[A-Z][^\0]{200,}"))
    expect(draw_button(page)).to_be_enabled()
    expect(page.get_by_text("Your storyboard will be here")).to_be_visible()
    expect(alerts(page)).to_have_count(0)
    assert any("/theme.css" in request for request in reader.requests), "requests are written down"


def test_where_only_the_sketch_can_draw_that_is_one_quiet_line_and_others_are_refused_there(
    reader: Reader,
) -> None:
    page = reader.open()
    choice = page.locator("#studio-provider")
    expect(choice.locator("option:checked")).to_have_text(re.compile("^Automatic: .*ketch"))
    expect(page.locator("#provider [data-note]")).to_be_hidden()
    expect(page.locator("#draw-hint .cost")).to_be_empty()
    expect(choice.locator('option[value="openai"]')).to_be_disabled()

    # As with a form that was filled in while the key was still set.
    choice.evaluate(
        """(node) => {
          node.value = "openai";
          node.dispatchEvent(new Event("change"));
        }"""
    )
    draw_button(page).click()

    expect(alerts(page)).to_contain_text("OpenAI cannot be used now")


def test_one_click_on_the_first_visit_draws_the_sample(reader: Reader) -> None:
    page = reader.open()

    draw_button(page).click()

    wait_until_all_drawn(page, 12)


def test_a_browser_that_speaks_chinese_finds_the_page_and_the_sample_in_chinese(
    new_reader: NewReader,
) -> None:
    page = new_reader(locale="zh-CN").open()

    expect(page.get_by_role("tab", name="任务")).to_be_visible()
    expect(page.get_by_text("分镜会出现在这里")).to_be_visible()
    expect(draw_button(page)).to_have_text("开始画分镜")
    expect(story_box(page)).to_have_value(re.compile(r"[一-鿿]{8,}"))
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


@pytest.mark.parametrize("locale", ["zh-TW", "zh-HK", "zh"])
def test_other_chinese_locales_find_chinese_too(new_reader: NewReader, locale: str) -> None:
    page = new_reader(locale=locale).open()

    expect(draw_button(page)).to_have_text("开始画分镜")


def test_the_language_is_switched_and_kept(reader: Reader) -> None:
    page = reader.open()

    page.get_by_role("button", name="中", exact=True).click()

    expect(draw_button(page)).to_have_text("开始画分镜")
    expect(page.get_by_text("分镜会出现在这里")).to_be_visible()
    again = reader.open()
    expect(draw_button(again)).to_have_text("开始画分镜")
    again.get_by_role("button", name="EN", exact=True).click()
    expect(draw_button(again)).to_have_text("Draw the storyboard")


def test_a_storyboard_is_told_in_chinese_throughout(new_reader: NewReader) -> None:
    page = new_reader(locale="zh-CN").open()
    number = page.locator("#panels").get_by_role("spinbutton")
    number.fill("2")
    number.blur()

    draw_button(page).click()

    expect(sentence(page)).to_contain_text("2 格全部画好")
    card(page, 1).click()
    expect(dialog(page).get_by_role("heading", name="第 1 格")).to_be_visible()
    expect(dialog(page).get_by_role("button", name="按要求重画")).to_be_visible()
    page.keyboard.press("Escape")
    open_room(page, "任务")
    expect(page.get_by_text("共 1 个任务")).to_be_visible()
    expect(job_rows(page).first).to_contain_text("完成")


def test_the_style_that_is_in_force_is_the_one_that_is_checked(reader: Reader) -> None:
    page = reader.open()
    styles = page.get_by_role("radiogroup", name="Style")
    expect(styles.get_by_role("radio", name="Plain")).to_be_checked()

    styles.get_by_text("Noir").click()

    noir = styles.get_by_role("radio", name="Noir")
    expect(noir).to_be_checked()
    page.get_by_role("button", name="Style in words").click()
    mood = page.get_by_label("Mood")
    expect(mood).to_have_value("tense")
    mood.fill("sleepy")
    expect(styles.get_by_role("radio", checked=True)).to_have_count(0)
    mood.fill("tense")
    expect(noir).to_be_checked()
    page.reload()
    wait_until_ready(page)
    expect(noir).to_be_checked()
    noir.press("ArrowRight")
    expect(styles.get_by_role("radio", name="Manga")).to_be_checked()


def test_the_empty_stage_has_a_ghost_for_each_panel_that_is_asked_for(reader: Reader) -> None:
    page = reader.open()
    ghosts = page.locator("#stage .ghosts .panel")
    expect(ghosts).to_have_count(12)

    fill_form(page, panels=30)

    expect(ghosts).to_have_count(30)
    expect(ghosts.last).to_be_in_viewport()


def test_the_number_of_panels_is_named_in_the_readers_language(new_reader: NewReader) -> None:
    page = new_reader(locale="zh-CN").open()

    expect(page.get_by_role("slider", name="格数", exact=True)).to_be_visible()
    expect(page.get_by_role("spinbutton", name="格数（填数字）")).to_be_visible()
    expect(page.get_by_role("radiogroup", name="画风")).to_be_visible()
    expect(page.get_by_role("button", name="添加角色", exact=True)).to_be_visible()


@pytest.mark.parametrize("address", ["/", "/?view=api"])
def test_the_description_of_the_api_is_a_click_or_an_address_away(
    reader: Reader, address: str
) -> None:
    reader.expected_complaints = "404|403"  # Gradio looks for what is turned off
    page = reader.open(address)

    if address == "/":
        page.get_by_role("link", name="API description").click()

    expect(page.locator(".api-docs")).to_contain_text("/create_storyboard")


def test_the_shade_follows_the_system_and_the_switch_is_kept(new_reader: NewReader) -> None:
    reader = new_reader(color_scheme="dark")
    page = reader.open()
    assert lightness_of_the_paper(page) < 64

    page.get_by_role("button", name="Light or dark").click()

    assert lightness_of_the_paper(page) > 192
    assert lightness_of_the_paper(reader.open()) > 192


def lightness_of_the_paper(page: Page) -> int:
    colour = str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    return int(re.findall(r"\d+", colour)[0])


def test_the_story_its_draft_and_the_count_survive_a_reload(reader: Reader) -> None:
    page = reader.open()
    fill_form(page, story=STORY, panels=7)
    expect(page.get_by_text(f"{len(STORY)} of 20,000 characters")).to_be_visible()

    page.reload()
    wait_until_ready(page)

    expect(story_box(page)).to_have_value(STORY)
    expect(page.locator("#panels").get_by_role("spinbutton")).to_have_value("7")


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_ctrl_or_cmd_enter_in_the_story_submits(reader: Reader, keys: str) -> None:
    page = reader.open()
    fill_form(page, panels=1)

    story_box(page).press(keys)

    wait_until_all_drawn(page, 1)
    expect(story_box(page)).to_have_value(STORY)


def test_two_clicks_make_one_job(reader: Reader) -> None:
    page = reader.open()
    fill_form(page, panels=2)

    draw_button(page).dblclick()
    draw_button(page).press("Enter")

    wait_until_all_drawn(page, 2)
    open_room(page, "Jobs")
    expect(job_rows(page)).to_have_count(1)


BAD_STORIES = {
    "empty": ("", "The story has 0 characters; it needs 50 to 20,000."),
    "only spaces": (" \n" * 60, "The story has 0 characters; it needs 50 to 20,000."),
    "too short": ("Too short.", "The story has 10 characters; it needs 50 to 20,000."),
    "too long": ("word " * 40_000, "The story has 199,999 characters; it needs 50 to 20,000."),
    "no words": ("?! " * 40, "There are no words in the story"),
    "a control character": (STORY + "\x07", "is a control character (U+0007)"),
}


def test_bad_stories_are_refused_beside_the_story_and_make_no_job(reader: Reader) -> None:
    page = reader.open()
    for story, words in BAD_STORIES.values():
        fill_form(page, story=story, panels=4)

        draw_button(page).click()

        expect(alerts(page)).to_have_count(1)
        expect(alerts(page)).to_contain_text(words)
        assert_between(alerts(page), story_box(page), page.locator("#panels"))
        expect(story_box(page)).to_have_value(story)
    open_room(page, "Jobs")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(job_rows(page)).to_have_count(0)


def test_a_refusal_goes_once_the_story_is_good(reader: Reader) -> None:
    page = reader.open()
    fill_form(page, story="Too short.", panels=1)
    draw_button(page).click()
    expect(alerts(page)).to_have_count(1)

    drawn(page, panels=1)

    expect(alerts(page)).to_have_count(0)


def test_the_longest_story_is_taken(reader: Reader) -> None:
    page = reader.open()

    drawn(page, story=("Mei walked on. " * 2_000)[:LONGEST_STORY], panels=1)

    expect(alerts(page)).to_have_count(0)


def test_a_number_of_panels_out_of_range_is_brought_into_it(reader: Reader) -> None:
    page = reader.open()
    fill_form(page, panels=0)

    draw_button(page).click()

    wait_until_all_drawn(page, 1)


def test_a_text_file_is_no_reference_picture_and_nothing_written_is_lost(
    reader: Reader, tmp_path: Path
) -> None:
    page = reader.open()
    text, picture = tmp_path / "mei.png", tmp_path / "mei.jpg"
    text.write_text("This is a text.")
    Image.new("RGB", (400, 600), "seagreen").save(picture)
    page.get_by_role("button", name="Add a character").click()
    name, looks = page.get_by_label("Name", exact=True), page.get_by_label("Looks", exact=True)
    name.fill("Mei")
    looks.fill("tall, red coat")
    file = page.locator('#cast-add input[type="file"]')

    file.set_input_files(text)

    expect(alerts(page)).to_contain_text("This file is not a picture we can read")
    assert_between(alerts(page), page.locator("#cast-add"), draw_button(page))
    expect(name).to_have_value("Mei")
    expect(looks).to_have_value("tall, red coat")
    file.set_input_files(picture)
    expect(page.get_by_text("Reference picture added")).to_be_visible()
    expect(alerts(page)).to_have_count(0)
    page.get_by_role("button", name="Add to the cast").click()
    expect(page.get_by_role("button", name="Remove Mei")).to_be_visible()
    expect(page.get_by_role("img", name="with a reference picture")).to_be_visible()
    drawn(page, panels=1)


def test_a_second_character_of_the_same_name_is_refused_beside_the_cast(reader: Reader) -> None:
    page = reader.open()
    page.get_by_role("button", name="Add a character").click()
    name = page.get_by_label("Name", exact=True)
    add = page.get_by_role("button", name="Add to the cast")
    add.click()
    expect(alerts(page)).to_contain_text("Give the character a name first")
    name.fill("Mei")
    add.click()
    expect(page.get_by_role("button", name="Remove Mei")).to_be_visible()
    name.fill("Mei")

    add.click()

    expect(alerts(page)).to_contain_text("Two characters are called “Mei”")
    expect(name).to_have_value("Mei")
    page.get_by_role("button", name="Remove Mei").click()
    expect(page.get_by_role("button", name="Remove Mei")).to_have_count(0)


def assert_between(it: Locator, above: Locator, below: Locator) -> None:
    """Check that something stands below one thing and above another."""
    boxes = [locator.bounding_box() for locator in (above, it, below)]
    tops = [box["y"] for box in boxes if box is not None]
    assert len(tops) == 3, "all of them are visible"
    assert tops == sorted(tops)


ATTACK = (
    '<script>window.attacked = 1</script> <img src=x onerror="window.attacked = 1"> '
    "\"><svg onload='window.attacked = 1'></svg> </textarea> &amp; {number} ${1} \\u003c "
    "javascript:alert(1) "
)


def test_a_story_that_holds_scripts_is_shown_as_text_and_runs_nothing(reader: Reader) -> None:
    page = reader.open()
    page.get_by_role("button", name="Add a character").click()
    page.get_by_label("Name", exact=True).fill('<img src=x onerror="attacked=1">')
    page.get_by_label("Looks", exact=True).fill("<script>attacked=1</script>")
    page.get_by_role("button", name="Add to the cast").click()
    expect(page.locator("#cast")).to_contain_text('<img src=x onerror="attacked=1">')

    drawn(page, story=ATTACK + STORY, panels=1)

    expect(page.locator("#stage").get_by_role("heading").first).to_contain_text("<script>")
    card(page, 1).click()
    expect(dialog(page)).to_contain_text("<script>window.attacked = 1</script>")
    expect(dialog(page)).to_contain_text('onerror="window.attacked = 1"')
    wish = dialog(page).get_by_role("textbox")
    wish.fill("<img src=x onerror='window.attacked = 1'>")
    dialog(page).get_by_role("button", name="Draw with this wish").click()
    expect(dialog(page)).to_contain_text("Version 2, shown")
    expect(dialog(page)).to_contain_text("<img src=x onerror=")
    page.keyboard.press("Escape")
    page.locator("#stage").get_by_text("Log", exact=True).click()
    expect(page.locator("#stage")).to_contain_text("Ended: done")
    open_room(page, "Jobs")
    expect(job_rows(page).last).to_contain_text("<script>")
    job_rows(page).last.get_by_role("button", name="Delete").click()
    expect(page.locator(".km-notice")).to_contain_text("<script>")
    assert page.evaluate("window.attacked") is None
    assert not [url for url in reader.requests if url.endswith("/x")]


def test_gradios_own_markers_in_a_story_stay_words(reader: Reader) -> None:
    """Gradio translates markers wherever it meets them in values; a story is nobody's label."""
    page = reader.open()
    marker = '__i18n__{"__type__": "translation_metadata", "key": "jobs_empty_title"}'

    drawn(page, story=f"{marker} {STORY}", panels=1)

    card(page, 1).click()
    expect(dialog(page)).to_contain_text("__i18n__")


def test_the_phone_has_everything_in_one_column(new_reader: NewReader) -> None:
    page = new_reader(size=PHONE, has_touch=True, is_mobile=True).open()

    draw(page, panels=2)

    wait_until_all_drawn(page, 2)
    expect(cards(page).first).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pictures(page).nth(1).tap()
    expect(dialog(page).get_by_role("heading", name="Panel 2")).to_be_visible()
    dialog(page).get_by_role("button", name="Close").tap()
    expect(dialog(page)).to_have_count(0)


def test_on_a_phone_the_strip_stays_in_sight_while_a_job_runs(new_reader: NewReader) -> None:
    page = new_reader(size=PHONE, has_touch=True, is_mobile=True).open()
    draw(page, story=STORY * 6, panels=40)
    pictures(page).first.wait_for()

    cards(page).last.scroll_into_view_if_needed()

    expect(sentence(page)).to_be_in_viewport()
    cancel = page.locator("#stage").get_by_role("button", name="Cancel")
    expect(cancel).to_be_in_viewport()
    cancel.tap()
    expect(sentence(page)).to_contain_text("Cancelled")
