"""A headless Chromium and the people who use it; all that the page asks for is written down."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    sync_playwright,
)
from playwright.sync_api import expect as expect_within

# The machine may be busy with other tests: a condition that comes true late is still true.
PATIENCE_MS = 45_000
WIDE = (1440, 900)
PHONE = (390, 844)
STORY = (
    "Mei ran down to the harbour before the sun was up. The boats were already gone.\n\n"
    '"You are late," said Old Tan, mending a net on the wall. "I know," said Mei. '
    '"But I found the lantern." She held it up, and the old man put down his needle.\n\n'
    "In the forest above the town it began to rain. They walked without a word. "
    "At night they reached the shrine, and the lantern lit itself."
)

_FLAGS = (
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# Gradio's own stream is cut by every reload and by every page that is left; its client says so.
_HARMLESS = re.compile(r"AbortError|Connection errored out")

expect_within.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium_in(folder: Path) -> Iterator[Browser]:
    """Run the machine's Chromium with an empty profile in a folder of its own."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not installed; `make test` installs it with the Debian packages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))  # where Playwright makes the profile
        playwright = sync_playwright().start()
    try:
        browser = playwright.chromium.launch(
            executable_path=program, args=_FLAGS, env={**os.environ, "TMPDIR": str(folder)}
        )
        yield browser
        browser.close()
    finally:
        playwright.stop()


@dataclass
class Reader:
    """A person with a browser of their own, so with a session of their own."""

    context: BrowserContext
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected_complaints: str | None = None
    """What the console may say in this test, as a regular expression."""

    def __post_init__(self) -> None:
        """Write down what the browser asks for and what its console says."""
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("request", self._note_request)
        self.context.on("console", self._note_console)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def open(self, address: str = "/") -> Page:
        """Open the page in a new tab and wait until it can be used."""
        page = self.context.new_page()
        page.goto(self.url + address)
        wait_until_ready(page)
        return page

    def elsewhere(self) -> list[str]:
        """Return the requests that went to any other server."""
        here = urlsplit(self.url).netloc
        parts = ((urlsplit(request), request) for request in self.requests)
        return [
            request
            for part, request in parts
            if part.scheme not in {"data", "blob"} and part.netloc != here
        ]

    def surprises(self) -> list[str]:
        """Return what the console said that a test did not expect."""
        allowed = self.expected_complaints
        return [
            line
            for line in self.complaints
            if not _HARMLESS.search(line) and not (allowed and re.search(allowed, line))
        ]

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)


NewReader = Callable[..., Reader]


def wait_until_ready(page: Page) -> None:
    """Wait until the form has its draft and the stage shows a job or says that there is none."""
    expect_within(page.locator("#stage").get_by_role("heading").first).to_be_attached()
    page.wait_for_function(
        "document.querySelector('#story textarea')"
        " && document.querySelector('#story-count').textContent"
    )


def story_box(page: Page) -> Locator:
    """Return the field of the story."""
    return page.locator("#story").get_by_role("textbox")


def draw_button(page: Page) -> Locator:
    """Return the button below the form; the empty stage has one of the same name."""
    return page.locator("button#draw")


def fill_form(page: Page, *, story: str = STORY, panels: int = 3) -> None:
    """Write the story and the number of panels."""
    story_box(page).fill(story)
    number = page.locator("#panels").get_by_role("spinbutton")
    number.fill(str(panels))
    number.blur()


def draw(page: Page, *, story: str = STORY, panels: int = 3) -> str:
    """Ask for a storyboard and return the id of its job, once it is on the stage."""
    before = shown_job(page)
    fill_form(page, story=story, panels=panels)
    draw_button(page).click()
    page.wait_for_function(
        f"(before) => (({_SHOWN_JOB}) || before) !== before", arg=before, timeout=PATIENCE_MS
    )
    return shown_job(page)


def drawn(page: Page, *, story: str = STORY, panels: int = 3) -> str:
    """Ask for a storyboard, wait until all its panels are there, and return the job's id."""
    job = draw(page, story=story, panels=panels)
    wait_until_all_drawn(page, panels)
    return job


def wait_until_all_drawn(page: Page, panels: int) -> None:
    """Wait for the sentence that says it, and for a picture in each panel."""
    words = "The panel is drawn" if panels == 1 else f"All {panels} panels are drawn"
    expect_within(sentence(page)).to_contain_text(words)
    expect_within(pictures(page)).to_have_count(panels)


_SHOWN_JOB = (
    "document.querySelector('#stage[data-job], #stage [data-job]')?.getAttribute('data-job') || ''"
)


def shown_job(page: Page) -> str:
    """Return the id of the job on the stage; empty: none."""
    return str(page.evaluate(_SHOWN_JOB))


def sentence(page: Page) -> Locator:
    """Return the plain sentence that says where the job stands."""
    return page.locator("#stage").get_by_role("status")


def cards(page: Page) -> Locator:
    """Return the panels of the gallery."""
    return page.locator("#stage [data-panel]")


def card(page: Page, number: int) -> Locator:
    """Return one panel of the gallery."""
    return page.locator(f'#stage [data-panel="{number}"]')


def pictures(page: Page) -> Locator:
    """Return the panels that have a picture."""
    return cards(page).filter(has=page.locator("img"))


def dialog(page: Page) -> Locator:
    """Return the open dialog."""
    return page.locator("dialog[open]")


def notice(page: Page, words: str) -> Locator:
    """Return what the page says at its foot."""
    return page.locator(".km-notice").filter(has_text=words)


def alerts(page: Page) -> Locator:
    """Return what the form complains about."""
    return page.locator("#form").get_by_role("alert")


def is_loaded(picture: Locator, *, width: int) -> None:
    """Wait until a picture has been read and is as wide as that."""
    expect_within(picture).to_have_js_property("naturalWidth", width)


def open_room(page: Page, name: str) -> None:
    """Turn to a tab of the page."""
    page.get_by_role("tab", name=name).click()


def job_rows(page: Page) -> Locator:
    """Return the rows of the Jobs tab."""
    return page.locator("#jobs li[data-job]")


def job_row(page: Page, job: str) -> Locator:
    """Return one row of the Jobs tab."""
    return page.locator(f'#jobs li[data-job="{job}"]')
