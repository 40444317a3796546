"""A class on one board: what one guesses the others see, without a click."""

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit

LINK = "architecture?board=room-1&predict=verdict"


def commit(visit: Visit, guess: str) -> None:
    """By keyboard alone: Enter commits."""
    box = visit.page.get_by_role("spinbutton", name="Your guess")
    box.fill(guess)
    box.press("Enter")
    expect(visit.page.get_by_text(f"You said {guess}.0%")).to_be_visible(timeout=30_000)


def test_a_guess_appears_on_the_others_screens_by_itself(
    visit: Visit, browser: Browser, address: str
) -> None:
    visit.open(LINK)
    assert not visit.page.locator("#params").count(), "the drawing waits"
    commit(visit, "50")
    visit.page.wait_for_selector("#params", timeout=30_000)
    expect(visit.page.get_by_text("1 guess; median 50.0%")).to_be_visible(timeout=30_000)
    context = browser.new_context(viewport={"width": 360, "height": 800})
    other = Visit(context.new_page(), address)
    other.open(LINK)
    expect(other.page.get_by_text("1 guess on this board so far.")).to_be_visible()
    commit(other, "20")
    context.close()
    expect(visit.page.get_by_text("2 guesses; median 35.0%")).to_be_visible(timeout=30_000)
    assert not visit.errors
