"""Every page in a real browser: it draws, nothing fails, and nothing leaves the machine."""

import re

import pytest

from explorer.distillation.soften import soften
from explorer.evidence import read_logits
from tests.browser.conftest import Visit

PAGES = ("", "architecture", "distillation", "pruning", "own")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_draws_without_errors_and_asks_no_other_host(visit: Visit, path: str) -> None:
    visit.open(path)
    page = visit.page
    assert page.locator('[data-testid="stException"]').count() == 0
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


def test_the_bars_move_while_t_is_dragged_and_the_address_keeps_where_it_ends(visit: Visit) -> None:
    visit.open("distillation?d_t=1")
    page = visit.page
    slider = page.locator("#temperature")
    slider.wait_for()
    visit.settle()
    box = slider.bounding_box()
    assert box is not None
    bar = page.locator("#bars .bar").nth(4)
    middle = box["y"] + box["height"] / 2
    start = box["x"] + box["width"] * 0.2
    states = []
    page.mouse.move(start, middle)
    page.mouse.down()
    for step in range(1, 13):
        page.mouse.move(start + step * box["width"] * 0.05, middle)
        states.append(bar.get_attribute("data-probability"))
        assert "d_t=1" in page.url or "d_t" not in page.url, "no rerun while the hand is on the slider"
    page.mouse.up()
    assert len(set(states)) >= 5
    page.wait_for_url(re.compile(r"d_t=[\d.]+"))
    page.wait_for_function("!location.search.includes('d_t=1&') && !location.search.endsWith('d_t=1')")
    visit.settle()
    ended = float(re.search(r"d_t=([\d.]+)", page.url).group(1))
    assert page.locator("#value").inner_text() == f"{ended:g}"
    assert visit.errors == []


def test_the_bars_are_the_engines_softmax(visit: Visit) -> None:
    position = 7
    visit.open(f"distillation?d_by=by+index&d_n={position}&d_t=3.5")
    visit.page.locator("#bars .bar").first.wait_for()
    visit.settle()
    for network, name in (("teacher", "teacher"), ("student", "student-60k-kd")):
        expected = soften(read_logits(name)[position], 3.5).tolist()
        bars = visit.page.locator(f'#bars .bar[data-network="{network}"]').all()
        shown = [float(bar.get_attribute("data-probability") or "nan") for bar in bars]
        assert shown == pytest.approx(expected, rel=1e-4)
