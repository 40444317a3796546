"""The race in a real browser: by keyboard, at the measured milliseconds, and at once where nothing may move."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit

LINK = "pruning?pruning_tab=Masked%2C+zeroed%2C+sliced&checkpoint=teacher"
DONE = "() => [...document.querySelectorAll('.lane')].map(lane => [lane.dataset.lane, Number(lane.dataset.done)])"

STOP = """async start => {
    if (!start.textContent.includes("Pause")) start.click();
    await new Promise(resolve => setTimeout(resolve, 400));
    start.click();
}"""


def lanes(visit: Visit) -> dict[str, float]:
    """What share of its photographs each lane has through."""
    return dict(visit.page.locator("#race").first.evaluate(f"root => ({DONE.replace('document', 'root')})()"))


def test_lanes_move_as_fast_as_measured_until_the_hand_stops_them(visit: Visit) -> None:
    visit.open(LINK)
    page = visit.page
    # It starts by itself, perhaps just when the hand does, and on a slow machine it may be over before: once more then.
    for _ in range(20):
        page.locator("#start").evaluate(STOP)
        if page.get_by_role("button", name="Go on").count():
            break
    stopped = lanes(visit)
    assert 0 < stopped["masked"] < stopped["dense"] < stopped["sliced"] <= 1
    each = {
        name: float(page.locator(f'[data-lane="{name}"] .name span').first.inner_text().split(" ms")[0])
        for name in stopped
    }
    assert abs(stopped["dense"] * each["dense"] / (stopped["masked"] * each["masked"]) - 1) < 0.01
    page.wait_for_timeout(200)
    assert lanes(visit) == stopped
    page.get_by_label("Speed").select_option("1")
    page.get_by_role("button", name="Go on").press("Space")
    page.get_by_role("button", name="Again").wait_for()
    assert set(lanes(visit).values()) == {1}
    fastest = min(each, key=each.__getitem__)
    expect(page.locator("#verdict")).to_contain_text(f"192 photographs: {fastest} is through after")
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Again").press("Enter")
    assert set(lanes(visit).values()) == {1}, "nothing moves: it is over at once"
    assert visit.errors == []
