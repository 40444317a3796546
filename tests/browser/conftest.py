"""The app, really served, and a real Chromium to look at it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.browser.chromium import QUIET, executable
from tests.served import serving

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that runs the app as make app does."""
    log = tmp_path_factory.mktemp("server") / "log"
    with serving([sys.executable, "-m", "explorer.app", "--code-box"], log, cwd=ROOT) as (there, _):
        yield there


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(), args=list(QUIET))
        yield chromium
        chromium.close()


class Visit:
    """A browser tab that remembers what went wrong and which hosts were asked."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._said)
        page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        # On a page's own address Streamlit probes for its server there first, and is told 404.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            self.errors.append(f"{message.text} {message.location['url']}")

    def _asked(self, request: Request) -> None:
        if re.match(r"(https?|wss?):", request.url) and "//127.0.0.1:" not in request.url:
            self.foreign.append(request.url)

    def open(self, path: str) -> None:
        """Open a page and wait until it has drawn everything."""
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_selector("h1", timeout=90_000)
        self.settle()

    def settle(self) -> None:
        """Wait until the running script has ended."""
        self.page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=90_000)
        self.page.wait_for_timeout(300)


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    yield Visit(context.new_page(), address)
    context.close()
