"""Speed of the architecture lesson: the budget itself, and an edit as a person feels it."""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torchinfo

from benchmarks.figure import APP, BARE, BenchFigure, paired, served
from explorer.architecture.budget import budget
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec

ROUNDS = 30


def figures() -> Iterator[BenchFigure]:
    """Both figures of this lesson."""
    yield _budget()
    yield _edit()


def _budget() -> BenchFigure:
    specs = iter(StudentSpec(stem) for stem in range(1, 1000))

    def ours() -> object:
        return budget(next(specs), 224)

    def plain() -> object:
        return torchinfo.summary(StudentNet(next(specs)), (1, 3, 224, 224), device="cpu", verbose=0)

    mine, theirs = paired(ours, plain, ROUNDS)
    ratio = theirs / mine
    return BenchFigure(
        "budget on the meta device against torchinfo on an ordinary network",
        round(ratio, 2),
        "times faster",
        "at least 3",
        ratio >= 3,
        f"medians of {ROUNDS} edited specs each, in turn, at 224 px: {1000 * mine:.1f} ms and "
        f"{1000 * theirs:.1f} ms",
    )


def _edit() -> BenchFigure:
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
        with served(APP) as lesson, served(BARE) as plain:
            mine = _felt(
                browser.new_page(),
                f"{lesson.address}/architecture",
                lambda page: page.get_by_role("spinbutton", name="Stem channels"),
                '[data-testid="stMetricValue"]',
            )
            theirs = _felt(
                browser.new_page(),
                plain.address,
                lambda page: page.get_by_role("slider").first,
                '[data-testid="stMarkdown"]',
            )
            seconds = [(next(mine), next(theirs)) for _ in range(ROUNDS + 2)][2:]
        browser.close()
    ours, bare_ones = (statistics.median(pair[which] for pair in seconds) for which in (0, 1))
    return BenchFigure(
        "an edit until its verdict shows, against a bare app with one slider and one chart",
        round(ours / bare_ones, 2),
        "times as long",
        "at most 1.5",
        ours <= 1.5 * bare_ones,
        f"medians of {ROUNDS} key presses each, in turn, in Chromium: {1000 * ours:.0f} ms and "
        f"{1000 * bare_ones:.0f} ms",
    )


def _felt(page: Any, address: str, control: Callable[[Any], Any], shown: str) -> Iterator[float]:
    """Seconds from pressing an arrow key on the control until the shown text has changed, for ever."""
    page.goto(address)
    page.wait_for_selector(shown, timeout=90_000)
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=90_000)
    while True:
        for key in ("ArrowUp", "ArrowDown"):
            before = page.locator(shown).first.inner_text()
            control(page).focus()
            started = time.perf_counter()
            control(page).press(key)
            page.wait_for_function(
                "([shown, before]) => document.querySelector(shown).innerText !== before", arg=[shown, before]
            )
            yield time.perf_counter() - started
            page.wait_for_selector('[data-test-script-state="notRunning"]')
            page.wait_for_timeout(150)
