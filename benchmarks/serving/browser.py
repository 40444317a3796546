"""What a person sees, in Chromium: from a key to the changed number, and from a start of the server to the first."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.figure import Server
from explorer.errors import ExplorerError

PATIENCE = 90_000  # ms


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window.

    Raises:
        ExplorerError: Playwright is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ExplorerError(
            "This figure drives a browser: pip install -r requirements-dev.txt first."
        ) from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def felt(page: Any, address: str, control: Callable[[Any], Any], shown: str) -> Iterator[float]:
    """Seconds from pressing an arrow key on the control until the shown text has changed, for ever."""
    page.goto(address)
    page.wait_for_selector(shown, timeout=PATIENCE)
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=PATIENCE)
    while True:
        for key in ("ArrowUp", "ArrowDown"):
            # The element itself: what a component of ours draws is not found from the document.
            element = page.locator(shown).first.element_handle()
            before = element.inner_text()
            control(page).focus()
            # Not by the control: looking it up by its role takes the longer the more a page shows.
            started = time.perf_counter()
            page.keyboard.press(key)
            page.wait_for_function(
                "([element, before]) => element.innerText !== before",
                arg=[element, before],
            )
            yield time.perf_counter() - started
            page.wait_for_selector('[data-test-script-state="notRunning"]')
            page.wait_for_timeout(150)


def first_seen(browser: Any, server: Server, texts: tuple[str, ...]) -> list[float]:
    """Seconds from the start of the server's process until each text stands on the page, read as it comes."""
    from playwright.sync_api import Error

    page, until = browser.new_page(), time.perf_counter() + PATIENCE / 1000
    try:
        while True:  # as a person who presses reload until the server is there
            try:
                page.goto(server.address, wait_until="commit")
                break
            except Error:
                if time.perf_counter() > until:
                    raise
                time.sleep(0.05)
        seen = []
        for text in texts:
            page.wait_for_function(
                "text => document.body && document.body.innerText.includes(text)", arg=text, timeout=PATIENCE
            )
            seen.append(time.perf_counter() - server.started)
        return seen
    finally:
        page.close()
