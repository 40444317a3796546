"""Every page in a real browser: it draws, nothing fails, and nothing leaves the machine."""

import re

import pytest
from playwright.sync_api import Browser

from explorer.data import BUNDLED
from explorer.distillation.loss import loss_parts
from explorer.distillation.soften import soften
from tests.browser.conftest import Visit
from tests.stored import stored_logits

PAGES = ("", "architecture", "distillation", "pruning", "bits", "your-data")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_draws_without_errors_and_asks_no_other_host(visit: Visit, path: str) -> None:
    visit.open(path)
    page = visit.page
    assert page.locator('[data-testid="stException"]').count() == 0
    page.locator(
        '[data-testid="stVegaLiteChart"], #drawing .block, #wall .photograph, #scene #photo, #bits .plot'
    ).first.wait_for()
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
    slider = visit.page.get_by_role("slider", name="alpha, the weight of the soft term").first
    slider.focus()
    slider.press("ArrowRight")
    visit.page.wait_for_url(re.compile(r"alpha=0\.55"))
    visit.settle()
    shown = visit.page.locator("#formula").inner_text()
    again = visit.page.url.removeprefix(visit.address).lstrip("/")
    visit.open(again)
    visit.page.locator("#formula strong").wait_for()
    assert visit.page.locator("#formula").inner_text() == shown
    assert "0.55" in shown


@pytest.mark.parametrize("more", ["", "&reverse=yes", "&hard_alpha=yes"])
def test_the_loss_beside_the_sliders_is_the_engines(visit: Visit, more: str) -> None:
    visit.open(f"distillation?image_by=by+index&image_rank=7&temperature=3.5&alpha=0.3{more}")
    visit.page.locator("#formula strong").wait_for()
    z, v = stored_logits("student-60k-kd")[7:8], stored_logits("teacher")[7:8]
    labels = BUNDLED.load("validation").targets()[7:8]
    soft = 0.7 if "hard" in more else 0.3
    expected = loss_parts(z, labels, v, soft, 3.5, reverse="reverse" in more)
    formula = visit.page.locator("#formula")
    assert float(formula.get_attribute("data-loss") or "nan") == pytest.approx(
        expected.total.item(), rel=1e-4
    )
    said = formula.inner_text()
    assert f"{expected.kl.item():.4f}" in said
    assert f"{expected.hard.item():.4f}" in said


def test_the_bars_move_while_t_is_dragged_and_the_address_keeps_where_it_ends(visit: Visit) -> None:
    visit.open("distillation?temperature=1")
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
        assert "temperature=1" in page.url or "temperature" not in page.url, (
            "no rerun while the hand is on the slider"
        )
    page.mouse.up()
    assert len(set(states)) >= 5
    page.wait_for_url(re.compile(r"temperature=[\d.]+"))
    page.wait_for_function(
        "!location.search.includes('temperature=1&') && !location.search.endsWith('temperature=1')"
    )
    visit.settle()
    ended = float(re.search(r"temperature=([\d.]+)", page.url).group(1))
    assert page.locator("#value").inner_text() == f"{ended:g}"
    assert visit.errors == []


def test_the_bars_are_the_engines_softmax(visit: Visit) -> None:
    position = 7
    visit.open(f"distillation?image_by=by+index&image_rank={position}&temperature=3.5")
    visit.page.locator("#bars .bar").first.wait_for()
    visit.settle()
    for network, name in (("teacher", "teacher"), ("student", "student-60k-kd")):
        expected = soften(stored_logits(name)[position], 3.5).tolist()
        bars = visit.page.locator(f'#bars .bar[data-network="{network}"]').all()
        shown = [float(bar.get_attribute("data-probability") or "nan") for bar in bars]
        assert shown == pytest.approx(expected, rel=1e-4)


def test_a_click_on_a_channel_chooses_it_and_counts_its_chain(visit: Visit) -> None:
    visit.open("pruning?pruning_tab=Look+inside&look=Coupled+channels&checkpoint=student-60k-kd")
    page = visit.page
    graph = page.locator('[data-testid="stGraphVizChart"] svg')
    graph.wait_for()
    picture = page.locator(
        '[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg'
    ).first
    box = picture.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 40)
    page.wait_for_url(re.compile(r"channel=\d+"))
    visit.settle()
    channel = re.search(r"channel=(\d+)", page.url).group(1)
    assert page.get_by_text(f"Channel {channel} takes a slice of 5 layers along").count() == 1
    assert "depthwise filter 1x3x3" in graph.inner_html()
    assert visit.foreign == []
    assert visit.errors == []


def test_the_slider_of_the_bars_obeys_the_keyboard_and_the_five_temperatures_are_buttons(
    visit: Visit,
) -> None:
    visit.open("distillation?temperature=4&image_by=by+index&image_rank=7")
    page = visit.page
    page.locator("#temperature").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#value").inner_text() == "4.5"
    page.wait_for_url(re.compile(r"temperature=4\.5"))
    visit.settle()
    button = page.locator(".step[data-temperature='16']")
    expected = soften(stored_logits("student-60k-kd")[7], 16.0).tolist()
    bars = button.locator('.bar[data-network="student"]').all()
    assert [float(bar.get_attribute("data-probability") or "nan") for bar in bars] == pytest.approx(
        expected, rel=1e-4
    )
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"temperature=16"))
    assert page.locator("#value").inner_text() == "16"


def test_t_moves_the_bars_also_where_the_soft_term_weighs_nothing_and_it_is_said(visit: Visit) -> None:
    visit.open("distillation?alpha=0&temperature=8")
    page = visit.page
    page.locator("#bars .bar").first.wait_for()
    visit.settle()
    before = page.locator("#bars .bar").nth(4).get_attribute("data-probability")
    page.locator("#temperature").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#value").inner_text() == "9"
    assert page.locator("#bars .bar").nth(4).get_attribute("data-probability") != before
    assert "neither the teacher nor T has any influence" in page.locator("#idle").inner_text()


def test_the_bias_of_the_class_that_was_never_shown_is_under_the_hand(visit: Visit) -> None:
    visit.open("distillation?distillation_tab=The+class+it+never+saw&left_out=Sneaker")
    page = visit.page
    found = page.locator(".student .found")
    found.first.wait_for()
    visit.settle()
    assert [each.get_attribute("data-found") for each in found.all()] == ["0", "0"]
    assert page.locator(".photograph.right").count() == 0
    page.locator("#raise").focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    assert page.locator("#value").inner_text() == "6.0"
    now = [int(each.get_attribute("data-found") or "-1") for each in found.all()]
    assert now[1] > 250 > 10 > now[0]
    assert page.locator(".photograph.right").count() > 15
    assert f"distilled: {now[1]} of 500 found" in (
        page.locator("#raise").get_attribute("aria-valuetext") or ""
    )
    page.wait_for_url(re.compile(r"raised=6"))
    visit.settle()
    mark = page.locator(".mark").first
    mark.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("!location.search.includes('raised')")
    visit.settle()
    assert mark.evaluate("mark => mark.getRootNode().activeElement === mark"), "the focus stays where it was"
    assert visit.errors == []


def test_nonsense_in_a_link_is_told(visit: Visit) -> None:
    visit.open("architecture?stem=0&kernel=4&bias=perhaps&architecture_tab=nowhere&block1=32")
    page = visit.page
    said = page.get_by_test_id("stAlert").all_inner_texts()
    for text in ("(stem) = 0", "(kernel) = 4", "(bias) = perhaps", "(architecture_tab) = nowhere"):
        assert any(text in one for one in said), said
    assert page.get_by_role("spinbutton", name="Stem channels").input_value() == "64"
    assert page.get_by_role("spinbutton", name="Block 1 channels").input_value() == "32"


def _stop(visit: Visit) -> None:
    """Press Stop without waiting for a page that is redrawn all the time to hold still."""
    visit.page.get_by_test_id("stTabs").get_by_role("button", name="Stop").dispatch_event("click")


def test_heavy_work_waits_in_a_queue_that_can_be_seen(visit: Visit, browser: Browser) -> None:
    place = "distillation?distillation_tab=Does+it+help%3F&help=Distil+it+now&epochs=20&seconds=90"
    visit.open(place)
    context = browser.new_context()
    second = Visit(context.new_page(), visit.address)
    second.open(place)
    for one in (visit, second):
        one.page.get_by_role("button", name="Distil it now").click()
        if one is visit:
            visit.page.get_by_text(re.compile("epoch 1 of 20")).wait_for()
    second.page.get_by_text("1 run ahead of yours").wait_for()
    _stop(visit)
    second.page.get_by_text(re.compile("epoch 1 of 20")).wait_for()
    assert second.page.get_by_text("1 run ahead of yours").count() == 0
    _stop(second)
    second.page.get_by_text(re.compile("Stopped (before the first|after)")).first.wait_for()
    context.close()
