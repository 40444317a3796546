"""The wall in a browser: photographs go dark under the hand, a rescue brings them back, the keyboard does the same."""

import re

from explorer.data import BUNDLED
from explorer.pruning.wall import KIND, WallState
from explorer.workspace import open_workspace
from tests.browser.conftest import Visit

LINK = "pruning?checkpoint=student-60k-kd&ratio=0"


def stored() -> dict[tuple[str, float, str], WallState]:
    found = open_workspace(BUNDLED).find_rows(KIND, WallState, "student-60k-kd")
    assert found is not None
    return {each.state: each for each in found.rows}


def opened(visit: Visit, link: str = LINK) -> None:
    visit.open(link)
    visit.page.locator("#photographs .photograph").first.wait_for()
    visit.settle()


def dark(visit: Visit) -> int:
    return visit.page.locator(".photograph.wrong").count()


def test_photographs_go_dark_while_the_ratio_is_dragged_and_the_address_keeps_where_it_ends(
    visit: Visit,
) -> None:
    opened(visit)
    page, states = visit.page, stored()
    box = page.locator("#ratio").bounding_box()
    assert box is not None
    middle, seen = box["y"] + box["height"] / 2, []
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    for step in range(1, 16):
        page.mouse.move(box["x"] + 8 + step * 0.05 * box["width"], middle)
        seen.append(dark(visit))
        assert "ratio=0" in page.url, "no rerun while the hand is on the slider"
    page.mouse.up()
    page.wait_for_url(re.compile(r"ratio=0\.[5-9]"))
    visit.settle()
    assert len(set(seen)) >= 4
    assert seen[-1] > seen[0] + 10
    ratio = float(re.search(r"ratio=([\d.]+)", page.url).group(1))
    state = states["global-l1", ratio, "none"]
    labels = page.locator("[data-class]").evaluate_all(
        "columns => columns.flatMap(c => [...c.querySelectorAll('.photograph')].map(() => Number(c.dataset.class)))"
    )
    assert dark(visit) == sum(said != label for said, label in zip(state.shown, labels, strict=True))
    counts = page.locator(".class .count").all_inner_texts()
    assert counts == [f"{right} of {all_}" for right, all_ in zip(state.right, state.images, strict=True)]
    assert visit.errors == []


def test_a_rescue_brings_them_back_and_the_focus_stays(visit: Visit) -> None:
    opened(visit, "pruning?checkpoint=student-60k-kd&ratio=0.8")
    page, before = visit.page, dark(visit)
    rescue = page.locator('#rescue button[data-rescue="re-fitted"]')
    rescue.focus()
    page.keyboard.press("Enter")
    assert dark(visit) < before / 2
    assert "comes back" in page.locator("#said").inner_text()
    assert page.locator("#heard").inner_text() == page.locator("#said").inner_text(), "said aloud as well"
    page.wait_for_url(re.compile("rescue=re-fitted"))
    visit.settle()
    assert rescue.evaluate("button => button.getRootNode().activeElement === button")
    assert rescue.get_attribute("aria-pressed") == "true"


def test_arrow_keys_move_the_ratio_and_what_was_chosen_is_found_again(visit: Visit) -> None:
    opened(visit)
    page = visit.page
    page.locator("#ratio").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#ratio").get_attribute("aria-valuetext") == "5% of the weights masked"
    page.wait_for_url(re.compile("ratio=0.05"))
    visit.settle()
    page.locator("#method").select_option("channels-l1")
    assert page.locator("#share").inner_text() == "of the channels removed"
    page.wait_for_url(re.compile("method=channels-l1"))
    visit.settle()
    for name in ("Curves", "The wall"):  # the component is made anew, where the hand had left it
        page.get_by_role("tab", name=name).click()
        visit.settle()
    assert page.locator("#share").inner_text() == "of the channels removed"
    assert page.locator("#value").inner_text() == "5%"
    page.get_by_test_id("stTopNav").get_by_text("Architecture").first.click()
    page.get_by_role("heading", level=1, name="Architecture").wait_for()
    visit.settle()
    page.go_back()
    page.locator("#photographs .photograph").first.wait_for()
    visit.settle()
    assert "method=channels-l1" in page.url
    assert page.locator("#value").inner_text() == "5%"
    assert visit.errors == []


def test_on_a_phone_the_wall_fits_and_the_ratio_stays_in_sight(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 800})
    opened(visit)
    page = visit.page
    rights = page.locator("#wall *").evaluate_all("parts => parts.map(e => e.getBoundingClientRect().right)")
    assert max(rights) <= 360
    page.locator(".class").last.scroll_into_view_if_needed()
    box = page.locator("#ratio").bounding_box()
    assert box is not None
    assert 0 < box["y"] < 400
