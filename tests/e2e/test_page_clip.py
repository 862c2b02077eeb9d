"""The Clip tab in a real browser, with real workers and a fake ComfyUI: make, play, find again."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    PHONE,
    NewReader,
    Reader,
    dialog,
    drawn,
    job_rows,
    open_room,
)
from tests.e2e.conftest import App

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CHECK = "comfyui-check-clip"
WAN = "comfyui-wan22-image-to-video"
# A preview that has just become a clip is not there any more.
GONE = r"404 \(Not Found\)"


@pytest.fixture
def director(clip_app: App, new_reader: NewReader) -> Reader:
    """A person whose app has a ComfyUI."""
    reader = new_reader(at=clip_app)
    reader.expected_complaints = GONE
    return reader


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture to begin with."""
    path = tmp_path / "first.png"
    Image.linear_gradient("L").resize((640, 360)).convert("RGB").save(path)
    return path


def open_clip(page: Page) -> Page:
    """Turn to the Clip tab."""
    page.get_by_role("tab").nth(2).click()
    expect(page.locator("#clip-prompt")).to_be_visible()
    return page


def choose(page: Page, workflow: str, seconds: str = "1") -> None:
    """Choose who makes it, once that is known, and how long it is to be."""
    page.locator("#clip-provider").select_option(workflow)
    page.locator("#clip-seconds").fill(seconds)


def stage(page: Page) -> Locator:
    return page.locator("#clip-stage")


def sentence(page: Page) -> Locator:
    return stage(page).get_by_role("status")


def wrong(page: Page, field: str) -> Locator:
    """Return what is said to be wrong with a field."""
    return page.locator(f'#clip-form [data-field="{field}"] .wrong')


def status_of(page: Page, address: str) -> int:
    """Ask for something as this reader's browser would."""
    return page.request.get(urljoin(page.url, address)).status


def test_an_uploaded_picture_becomes_a_clip_that_plays_is_saved_and_is_found_again(
    director: Reader, new_reader: NewReader, clip_app: App, picture: Path
) -> None:
    page = open_clip(director.open())
    page.locator("#clip-make").click()
    expect(wrong(page, "source")).to_contain_text("Choose the picture")
    page.locator('[data-field="source"] input[type="file"]').set_input_files(picture)
    expect(page.locator("#clip-form .slot.is-full:not(.is-busy) img")).to_be_visible()
    expect(wrong(page, "source")).to_be_empty()
    choose(page, CHECK)
    expect(page.locator("#clip-form [data-frames]")).to_have_text("12 frames: 1 s.")
    grain = page.get_by_label("Grain")
    expect(page.locator('#clip-form [data-field="options.grain"] .quiet')).to_have_text(
        "0 to 0.5, default 0.1"
    )
    expect(grain).to_have_attribute("placeholder", "0.1")
    grain.fill("3")
    grain.press("Control+Enter")
    expect(wrong(page, "options.grain")).to_contain_text("0 to 0.5")
    grain.fill("0.2")

    grain.press("Control+Enter")

    expect(sentence(page)).to_contain_text("The clip is made")
    video = stage(page).locator("video")
    page.wait_for_function("document.querySelector('#clip-stage video').readyState >= 2")
    assert video.evaluate("node => [node.loop, node.muted, node.controls]") == [True, True, True]
    assert video.evaluate("node => node.play().then(() => !node.paused)")
    expect(stage(page)).to_contain_text("1.0 s · 12 frames · 640 ×")
    with page.expect_download() as download:
        stage(page).get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "the-camera-moves-slowly-closer-hair-clot.mp4"
    source = str(video.get_attribute("src"))
    stranger = new_reader(at=clip_app).open()
    assert (status_of(page, source), status_of(stranger, source)) == (200, 404)

    page.reload()

    expect(stage(page).locator("video")).to_be_visible()
    expect(page.get_by_label("Grain")).to_have_value("0.2")
    open_room(page, "Jobs")
    expect(job_rows(page)).to_contain_text("Clip · 1 clip")
    job_rows(page).get_by_role("button", name="Open").click()
    expect(stage(page).locator("video")).to_be_visible()


def test_a_storyboards_panels_become_clips_and_what_was_cancelled_is_made_later(
    director: Reader,
) -> None:
    page = director.open()
    drawn(page, panels=3)
    page.locator("#stage").get_by_role("button", name="Make clips").click()
    expect(page.locator("#clip-make")).to_have_text("Make 3 clips")
    expect(page.locator('.pick[aria-pressed="true"]')).to_have_count(3)
    page.get_by_role("button", name="Picture 2 of").click()
    expect(page.locator("#clip-make")).to_have_text("Make 2 clips")
    choose(page, WAN)

    page.locator("#clip-make").click()
    expect(stage(page).locator(".strip > li")).to_have_count(2)
    stage(page).get_by_role("button", name="Cancel").click()
    expect(sentence(page)).to_contain_text("Cancelled")
    stage(page).get_by_role("button", name="Make what is missing").click()

    expect(sentence(page)).to_contain_text("All 2 clips are made")
    expect(stage(page).locator("video")).to_have_count(2)
    expect(stage(page).locator('figure[data-key="clip-3"] .number')).to_have_text("3")


def test_a_frame_goes_on_as_a_clip_and_is_seen_while_it_is_made(
    director: Reader, new_reader: NewReader, clip_app: App
) -> None:
    page = director.open()
    page.get_by_role("tab").nth(1).click()
    page.locator("#frame-provider").select_option("comfyui-sdxl")
    page.locator("#frame-option-steps").fill("30")
    page.locator("#frame-prompt").press("Control+Enter")
    expect(page.locator("#frame-stage .take img.preview")).to_be_visible()
    page.locator("#frame-stage").get_by_role("button", name="Make a clip of it").click()
    expect(page.locator("#clip-form .slot.is-full img")).to_be_visible()
    choose(page, WAN)
    page.locator("#clip-prompt").press("Control+Enter")

    preview = stage(page).locator(".take img.preview")
    expect(preview).to_be_visible()

    expect(stage(page).locator(".strip img.preview")).to_be_visible()
    address = str(preview.get_attribute("src"))
    stranger = new_reader(at=clip_app).open()
    assert status_of(stranger, address) == 404
    expect(sentence(page)).to_contain_text("The clip is made")
    expect(stage(page).locator("img.preview")).to_have_count(0)


def test_the_form_says_how_many_frames_the_workflow_makes(director: Reader) -> None:
    page = open_clip(director.open())
    for workflow, seconds, fps, said in (
        (WAN, "3", "24", "73 frames: 3.04 s."),
        (WAN, "3.5", "24", "85 frames: 3.54 s."),
        (WAN, "1", "23", "21 frames: 0.91 s."),  # 25 are as near: the shorter one is made
        (WAN, "0.5", "6", "5 frames, the least that this workflow makes: 0.83 s."),
        (WAN, "9", "24", "121 frames, the most that this workflow makes: 5.04 s."),
        (CHECK, "0.5", "25", "12 frames: 0.48 s."),
    ):
        choose(page, workflow, seconds)

        page.locator("#clip-fps").fill(fps)

        expect(page.locator("#clip-form [data-frames]")).to_have_text(said)


def test_a_workflow_is_offered_in_the_readers_language(
    clip_app: App, new_reader: NewReader
) -> None:
    page = open_clip(new_reader(at=clip_app, locale="zh-CN").open())
    choose(page, CHECK, seconds="3")

    chosen = page.locator("#clip-provider option:checked")
    expect(chosen).to_have_text("ComfyUI：连通测试（短片）")
    expect(page.locator('[data-field="provider"] [data-note]:visible')).to_contain_text("画面不动")
    expect(page.get_by_label("颗粒")).to_be_visible()
    expect(page.locator('#clip-form [data-field="options.grain"] .quiet')).to_have_text(
        "0 到 0.5，默认 0.1"
    )
    expect(page.locator("#clip-form [data-frames]")).to_have_text("36 帧，3 秒。")


def test_without_a_comfyui_the_phone_explains_it_and_all_tabs_are_in_reach(
    new_reader: NewReader,
) -> None:
    reader = new_reader(size=PHONE, has_touch=True, is_mobile=True, locale="zh-CN")
    page = open_clip(reader.open())

    expect(stage(page)).to_contain_text("短片由 ComfyUI 来做")
    expect(stage(page)).to_contain_text("config/local.yaml")
    expect(page.locator("#clip-make")).to_be_disabled()
    for tab in page.get_by_role("tab").all():
        box = tab.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= PHONE[0] - box["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("tab", name=re.compile("任务")).tap()
    expect(dialog(page)).to_have_count(0)
    expect(page.locator("#jobs")).to_be_visible()
