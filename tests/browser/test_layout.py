"""How the pages use a screen: every page and every tab, on a laptop, on a phone, and on a wall."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError

from tests.browser.conftest import Visit

PAGES = ("", "architecture", "distillation", "pruning", "bits", "report", "your-data")
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 360, "height": 800}
ZOOMED = {"width": 683, "height": 384}  # the laptop at 200 %
MOST_TABS = 4
LEAST_WIDTH = 0.85 * LAPTOP["width"]

# What these do is seen in a file, and on the screens of a class.
ELSEWHERE = ("pruning, Look inside, Take it along", "report, Class board")

MEASURE = """() => {
  const deep = (root, selector) => [...root.querySelectorAll('*')].flatMap((node) =>
    [...(node.matches(selector) ? [node] : []), ...(node.shadowRoot ? deep(node.shadowRoot, selector) : [])]);
  const page = document.querySelector('.stMainBlockContainer');
  const box = (node) => node.getBoundingClientRect();
  const seen = (node) => box(node).width > 20 && box(node).height > 8 && node.checkVisibility();
  const beside = document.querySelector('.st-key-beside_title');
  const place = [...page.querySelectorAll('[role=tabpanel]')].filter(seen).at(-1) ?? page;
  const fold = window.innerHeight;
  const controls = deep(place, 'input, button, select, textarea, [role=slider]')
    .filter((node) => seen(node) && !beside?.contains(node) && !node.closest('[data-testid=stElementToolbar]'));
  // An effect counts as seen where nobody has to scroll to see what a control does: half of it, or 240 pixels.
  const effects = deep(place, 'canvas, svg, img, table, #drawing, [role=img], [role=status], [data-testid=stMetric], '
    + '[data-testid=stDataFrame], [data-testid=stCode], [data-testid=stAlert], blockquote')
    .filter((node) => seen(node) && box(node).height > 30)
    .filter((node) => fold - box(node).top >= Math.min(240, box(node).height / 2));
  const style = getComputedStyle(page);
  const main = document.querySelector('.stMain');
  return {
    width: box(page).width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
    overflow: Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - window.innerWidth),
    tabs: page.querySelector('[role=tablist]')?.querySelectorAll('[role=tab]').length ?? 0,
    control: controls.length ? Math.min(...controls.map((node) => box(node).bottom)) : null,
    effects: effects.length,
    cut: deep(page, '[data-testid=stMetricValue], [data-testid=stMetricValue] *').filter((node) =>
      seen(node) && node.scrollWidth > node.clientWidth + 1).map((node) => node.textContent),
  };
}"""


def drawn(visit: Visit) -> None:
    """Wait until nothing of the page is on its way any more."""
    visit.settle()
    visit.page.wait_for_function(
        "document.querySelector('[data-testid=stSkeleton]') === null", timeout=60_000
    )
    visit.page.wait_for_function(
        "getComputedStyle(document.querySelector('.stMainBlockContainer')).paddingLeft === '32px'"
    )


def places(visit: Visit, page: str) -> Iterator[str]:
    """Open a page, then each of its tabs and of what a tab has instead of tabs; yields what it is called."""
    visit.open(page)
    tabs = visit.page.get_by_role("tablist").first.get_by_role("tab")
    for number in range(max(tabs.count(), 1)):
        name = page or "start"
        if tabs.count():
            tabs.nth(number).click()
            name = f"{name}, {tabs.nth(number).inner_text()}"
        drawn(visit)
        visit.page.evaluate("document.querySelector('.stMain').scrollTo(0, 0)")
        parts = visit.page.locator(".st-key-look, .st-key-why, .st-key-help, .st-key-layers_as").get_by_role(
            "radio"
        )
        for part in range(max(parts.count(), 1)):
            if parts.count():
                parts.nth(part).click()
                drawn(visit)
                yield f"{name}, {parts.nth(part).inner_text()}"
            else:
                yield name


@pytest.mark.parametrize("page", PAGES)
def test_control_and_effect_are_on_the_first_screen_and_nothing_is_cut(visit: Visit, page: str) -> None:
    wrong = []
    visit.page.set_viewport_size(LAPTOP)
    for place in places(visit, page):
        with suppress(TimeoutError):  # a chart is drawn a while after its page
            visit.page.wait_for_function(f"({MEASURE})().effects > 0", timeout=5_000)
        seen = visit.page.evaluate(MEASURE)
        if seen["width"] < LEAST_WIDTH:
            wrong.append(f"{place}: {seen['width']} pixels wide")
        if seen["tabs"] > MOST_TABS:
            wrong.append(f"{place}: {seen['tabs']} tabs")
        if place not in ELSEWHERE and (not seen["effects"] or (seen["control"] or 0) > LAPTOP["height"]):
            wrong.append(
                f"{place}: control at {seen['control']}, {seen['effects']} effects on the first screen"
            )
        for size in (ZOOMED, PHONE):
            visit.page.set_viewport_size(size)
            with suppress(TimeoutError):  # charts and tables follow the window after a while
                visit.page.wait_for_function(f"({MEASURE})().overflow <= 0", timeout=3_000)
            narrow = visit.page.evaluate(MEASURE)
            if narrow["overflow"] > 0:
                wrong.append(f"{place}: {narrow['overflow']} pixels too wide for {size['width']}")
            if narrow["cut"]:
                wrong.append(f"{place}: {narrow['cut']} cut at {size['width']}")
        visit.page.set_viewport_size(LAPTOP)
    assert wrong == []
