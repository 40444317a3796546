"""A lesson by link in a real browser: by keyboard, with Back, and in a frame of another page."""

import re

from playwright.sync_api import FrameLocator, Page, expect

from explorer.walks.walk import Step, own
from tests.browser.conftest import Visit

STEPS = (
    Step("architecture", "stem=32", "Half the stem.", "Does it fit?"),
    Step("architecture", "stem=16", "A quarter of it.", "And now?"),
    Step("report", "", "The table.", "Which one?"),
)
WALK = own("Lesson", STEPS)
FIRST = f"architecture?walk={WALK.key}&stem=32"
SECOND = f"architecture?walk={WALK.key}&step=2&stem=16"
THIRD = f"report?walk={WALK.key}&step=3"


def asked(page: Page | FrameLocator, number: int) -> None:
    """Wait until a step is on the screen."""
    page.get_by_role("status").filter(has_text=STEPS[number - 1].ask).wait_for()


def test_a_lesson_is_gone_through_by_keyboard_and_back_leads_through_it(visit: Visit) -> None:
    visit.open(FIRST)
    page = visit.page
    asked(page, 1)
    page.get_by_role("spinbutton", name="Stem channels").focus()
    for number, there in ((2, SECOND), (3, THIRD)):
        page.keyboard.press("Alt+PageDown")
        asked(page, number)
        page.wait_for_url(f"{visit.address}/{there}")
        visit.settle()
    page.keyboard.press("Alt+PageUp")
    asked(page, 2)
    page.wait_for_url(f"{visit.address}/{SECOND}")
    visit.settle()
    for number, there in ((3, THIRD), (2, SECOND), (1, FIRST)):
        page.go_back()
        asked(page, number)
        page.wait_for_url(f"{visit.address}/{there}")
        visit.settle()
    assert page.get_by_role("spinbutton", name="Stem channels").input_value() == "32"
    assert visit.errors == []


def test_in_a_frame_of_another_page_the_lesson_goes_on(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.address}/_stcore/health")
    page.evaluate(
        """address => {
            const frame = document.createElement("iframe");
            frame.src = address; frame.width = 1300; frame.height = 700;
            document.body.append(frame);
        }""",
        f"{visit.address}/{FIRST}&embed=true",
    )
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Next").click(timeout=60_000)
    asked(frame, 2)
    frame.get_by_role("button", name="Next").click()
    asked(frame, 3)
    frame.get_by_role("heading", level=1, name="Ledger and report").wait_for()
    assert re.search(r"/report\?.*embed=true", page.frames[1].url)
    bar, outer = (
        frame.get_by_role("button", name="Finish").bounding_box(),
        page.locator("iframe").bounding_box(),
    )
    assert bar is not None
    assert outer is not None
    assert bar["y"] + bar["height"] <= outer["y"] + outer["height"], "the bar is in sight without scrolling"


def test_on_a_projector_the_buttons_of_the_bar_stay(visit: Visit) -> None:
    """What is hidden there are the tooltips' own signs, not the buttons that have a tooltip."""
    visit.open(f"{FIRST}&projector=yes")
    for name in ("Next", "Reset", "Leave", "Make a lesson"):
        button = visit.page.get_by_role("button", name=name, exact=name == "Reset")
        # Asked again for a while: when the page is drawn anew it is not there for a moment.
        expect(button, name).to_be_visible()
    assert not visit.page.locator(".stSelectbox .stTooltipIcon").first.is_visible()
