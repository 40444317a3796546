"""The network under the hand: what the browser computes while it moves is what the engine and torchinfo count."""

import re

from playwright.sync_api import Page

from explorer.architecture.budget import budget, verdict
from explorer.networks import ResNetSpec, StudentSpec, cost_of
from tests.browser.conftest import Visit


def number(page: Page, where: str) -> int:
    return int(re.sub(r"\D", "", page.locator(where).inner_text()))


def widths(page: Page) -> tuple[int, ...]:
    return tuple(map(int, page.locator(".grip .channels").all_text_contents()))


def same(page: Page) -> None:
    """Wait until torchinfo's count stands there, equal to the browser's."""
    page.locator('#checked[data-equal="true"]').wait_for()


def test_a_block_is_dragged_and_the_verdict_follows_until_torchinfo_counts_the_same(visit: Visit) -> None:
    visit.open("architecture")
    page = visit.page
    same(page)
    box = page.locator(".grip").nth(3).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    seen = []
    for step in range(1, 9):
        page.mouse.move(x, y + 10 * step)
        spec = StudentSpec().with_channels(widths(page))
        cost = cost_of(spec)
        assert number(page, "#params") == cost.params
        assert number(page, "#over") == abs(cost.params - 60_000)
        assert page.locator("#adds").inner_text() == f"{cost.mult_adds / 1e6:,.1f} M"
        seen.append(spec.widths[2])
        assert page.locator("#checked").get_attribute("data-equal") == ""
        assert "block3" not in page.url, "no rerun while the hand is on the block"
    assert seen == sorted(set(seen), reverse=True), "the block follows at every move"
    assert spec.channels[:3] == StudentSpec().channels[:3]
    page.mouse.up()
    page.wait_for_url(re.compile(f"block3={seen[-1]}"))
    same(page)
    assert page.locator("#checked").inner_text().startswith(f"torchinfo counts {cost.params:,} parameters")
    assert page.get_by_role("spinbutton", name="Block 3 channels").input_value() == str(seen[-1])
    assert widths(page) == spec.channels

    # The same by keyboard: the focus stays where it is while the page draws itself again.
    grip = page.get_by_role("slider", name="Channels of block 4")
    grip.focus()
    for key in ("ArrowUp", "PageDown", "ArrowRight"):
        grip.press(key)
    spec = spec.with_channels((*spec.channels[:4], 141 + 1 - 8 + 1))
    assert widths(page) == spec.channels
    params = cost_of(spec).params
    spoken = f"135 channels; {params:,} parameters in all, {abs(params - 60_000):,} "
    assert (grip.get_attribute("aria-valuetext") or "").startswith(spoken)
    page.wait_for_url(re.compile("block4=135"))
    visit.settle()
    same(page)
    assert grip.evaluate("input => input.getRootNode().activeElement === input")
    assert visit.errors == []


def test_a_network_of_many_widths_is_drawn_to_scale_and_a_coupled_width_moves_all_its_blocks(
    visit: Visit,
) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    spec, size = ResNetSpec(10), 64
    visit.open("architecture?net=teacher")
    page = visit.page
    same(page)
    for by in ("parameters", "multiply-adds"):
        page.get_by_role("radio", name=by, exact=True).check()
        areas = page.locator("#drawing .block").evaluate_all(
            "(all, key) => all.map(e => [e.offsetWidth * e.offsetHeight, Number(e.dataset[key]), e.offsetWidth])",
            "params" if by == "parameters" else "adds",
        )
        scale = [area / cost for area, cost, wide in areas if wide > 20]
        assert len(scale) >= 5
        # Sides are rounded to whole pixels here.
        assert max(scale) / min(scale) < 1.1
    page.wait_for_url(re.compile("drawn_by=multiply-adds"))
    visit.settle()
    before = page.locator("#drawing .block").evaluate_all("all => all.map(e => e.offsetHeight)")
    stem = page.get_by_role("slider", name="Channels of stem")
    stem.focus()
    assert page.locator("#drawing .block.active").count() == 3, "the convolutions on the first residual sum"
    stem.press("PageDown")
    after = page.locator("#drawing .block").evaluate_all("all => all.map(e => e.offsetHeight)")
    assert sum(new < old for old, new in zip(before, after, strict=True)) == 3
    narrower = spec.with_channels((spec.channels[0] - 8, *spec.channels[1:]))
    found = verdict(narrower, size)
    assert number(page, "#params") == found.params
    assert "conv1, layer1.0.conv2, layer1.1.conv2 move together" in page.locator("#told").inner_text()
    stem.evaluate("input => input.blur()")
    busy = budget(narrower, size).busiest
    for by, name, most, total in (
        ("multiply-adds", busy.name, busy.mult_adds, found.mult_adds),
        ("parameters", found.heaviest, found.most, found.params),
    ):
        page.get_by_role("radio", name=by, exact=True).check()
        said = f"Most {by} are in {name} (Conv2d): {most:,}, {most / total:.0%} of all."
        assert page.locator("#told").inner_text().startswith(said)
    page.wait_for_url(re.compile("widths=56-"))
    same(page)
    assert visit.errors == []
