"""What axe-core says of the pages in both themes: nothing but what is Streamlit's own.

Of every tab, and of what is chosen within it, with ``make axe``: that takes some minutes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = ("", "architecture", "distillation", "pruning", "bits", "report", "your-data")
INNER = (
    '[role=tabpanel] [role=radiogroup]:is([aria-label="Layer by layer"], [aria-label="What explains it"], \
[aria-label="What to compare"], [aria-label="Look at"]) [role=radio]'
)
STREAMLITS = (
    ("presentation-role-conflict", '[data-testid="stFileUploaderDropzone"]'),
    # Chromium lets the keyboard scroll what scrolls; Streamlit gives neither formulas nor code a stop of their own.
    ("scrollable-region-focusable", ".katex-display, .stCode pre"),
)
RUN = """async (known) => (await axe.run(document, {resultTypes: ['violations']})).violations.flatMap(each => each.nodes
  .filter(node => !known.some(([rule, selector]) => {
    const found = node.target.length === 1 && document.querySelector(node.target[0]);
    return rule === each.id && found && found.matches(selector);
  }))
  .map(node => `${each.id}: ${node.html.slice(0, 200)} ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`))
"""


def violations(page: Page) -> dict[str, list[str]]:
    """What is wrong on the page as it stands, by theme."""
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(
            "dark => (getComputedStyle(document.querySelector('.stApp')).colorScheme === 'dark') === dark",
            arg=theme == "dark",
        )
        # What an earlier run of the page drew is pale until it goes.
        page.wait_for_function("!document.querySelector('[data-stale=true]')")
        page.wait_for_timeout(400)
        if wrong := page.evaluate(RUN, STREAMLITS):
            found[theme] = wrong
    return found


def states(visit: Visit) -> Iterator[str]:
    """Go through the tabs of the page, and what is chosen within them; the name of each."""
    tabs = visit.page.locator("[role=tab]")
    if not tabs.count() or os.environ.get("AXE") != "all":
        yield "the page as it opens"
        return
    for tab in range(tabs.count()):
        name = tabs.nth(tab).inner_text()
        tabs.nth(tab).click()
        visit.settle()
        inner = visit.page.locator(INNER)
        if not inner.count():
            yield name
        for number in range(inner.count()):
            inner.nth(number).click()
            visit.settle()
            yield f"{name}, {inner.nth(number).inner_text()}"


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_of_ours(visit: Visit, path: str) -> None:
    visit.open(path)
    visit.page.evaluate(AXE)
    # A colour that is on its way to the other theme has no contrast yet.
    visit.page.add_style_tag(content="* { transition: none !important; animation: none !important }")
    wrong = {state: found for state in states(visit) if (found := violations(visit.page))}
    assert not wrong
