"""The code box in a real browser, on a server that really runs what is pasted into it."""

from tests.browser.conftest import Visit
from tests.user_code.test_child import NET


def test_a_pasted_class_is_read_and_a_wrong_line_shown_as_python_says_it(visit: Visit) -> None:
    visit.open("your-data")
    page = visit.page
    box = page.get_by_role("textbox", name="Paste the class of a network")
    box.fill(NET)
    page.get_by_role("button", name="Read it").click()
    page.locator(".st-key-stop_code").first.wait_for()
    page.get_by_text("is one of this session's networks").wait_for(timeout=90_000)
    visit.settle()
    assert page.get_by_text("Net (pasted.py)").count() >= 1
    box.fill(NET.replace("nn.Linear(4", "nn.Linears(4"))
    page.get_by_role("button", name="Read it").click()
    page.get_by_text('File "pasted.py", line 17, in __init__').wait_for(timeout=90_000)
    assert visit.errors == []
