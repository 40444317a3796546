"""Every page in a real browser: it draws, nothing fails, and nothing leaves the machine."""

import re

import pytest

from tests.browser.conftest import Visit

PAGES = ("", "architecture", "distillation", "pruning")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_draws_without_errors_and_asks_no_other_host(visit: Visit, path: str) -> None:
    visit.open(path)
    page = visit.page
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[data-testid="stAlertContentError"]').count() == 0
    charts = page.locator('[data-testid="stVegaLiteChart"]')
    charts.first.wait_for()
    assert charts.count() >= 1
    assert visit.errors == []
    assert visit.foreign == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone(visit: Visit, path: str) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 780})
    visit.open(path)
    width = visit.page.evaluate(
        'Math.max(...[...document.querySelectorAll(\'[data-testid="stMainBlockContainer"], '
        '[data-testid="stVegaLiteChart"]\')].map(e => e.getBoundingClientRect().right))'
    )
    assert width <= 360


def test_a_moved_slider_is_in_the_address_and_the_address_opens_the_same_state(visit: Visit) -> None:
    visit.open("distillation")
    slider = visit.page.get_by_role("slider", name="alpha").first
    slider.focus()
    slider.press("ArrowRight")
    visit.page.wait_for_url(re.compile(r"d_a=0\.55"))
    visit.settle()
    shown = visit.page.locator(".katex").first.inner_text()
    again = visit.page.url.removeprefix(visit.address).lstrip("/")
    visit.open(again)
    assert visit.page.locator(".katex").first.inner_text() == shown
    assert "0.55" in shown
