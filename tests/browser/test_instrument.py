"""An instrument in a real browser: its progress is under the button, a stop keeps what is there."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit

STOPPED = re.compile(r"Stopped after (\d+) of (\d+) cells; they are kept")


def test_a_stopped_run_is_kept_goes_on_and_is_there_after_a_reload(visit: Visit) -> None:
    visit.open("pruning?pruning_tab=Look+inside&look=Sensitive+layers&images=250")
    page = visit.page
    run = page.get_by_role("button", name="Run it here")
    run.wait_for()
    expect(page.get_by_text(re.compile(r"\d+ cells, about .* here, estimated"))).to_be_visible()

    def stop_after(cells: int) -> int:
        page.wait_for_function(
            """most => [...document.querySelectorAll('[data-testid="stProgress"]')].some(
                bar => Number((bar.innerText.match(/^(\\d+) of/) || [0, 0])[1]) >= most)""",
            arg=cells,
            timeout=90_000,  # the first run also starts the worker
        )
        bar = page.get_by_test_id("stProgress")
        assert re.search(r"about .* left", bar.inner_text())
        box = bar.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, "the progress can be seen without scrolling"
        pressed = page.get_by_role("button", name=re.compile("Run it here|Go on")).bounding_box()
        assert pressed is not None
        assert 0 <= box["y"] - pressed["y"] - pressed["height"] < 40, (
            "it is where one looks who has just pressed"
        )
        page.get_by_test_id("stTabs").get_by_role("button", name="Stop").dispatch_event("click")
        page.get_by_text(STOPPED).wait_for()
        visit.settle()
        return int(STOPPED.search(page.get_by_text(STOPPED).inner_text()).group(1))

    run.click()
    first = stop_after(3)
    page.get_by_role("button", name="Go on").click()
    second = stop_after(first + 2)
    assert second > first
    page.reload()
    page.wait_for_selector("h1", timeout=90_000)
    page.get_by_text(STOPPED).wait_for()
    visit.settle()
    # The cell that was under way when Stop was pressed may have been finished and kept since.
    assert int(STOPPED.search(page.get_by_text(STOPPED).inner_text()).group(1)) in (second, second + 1)
    assert page.get_by_text(re.compile("measured here")).count() == 1
    assert visit.errors == []
