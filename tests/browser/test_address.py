"""The address in a real browser: it follows every edit, and reload, Back and Forward bring the same page."""

import re

from playwright.sync_api import Browser

from explorer.networks import ResNetSpec, StudentSpec, cost_of, parameter_count
from explorer.networks.studentnet import StudentNet
from tests.browser.conftest import Visit


def parameters(visit: Visit) -> str:
    # Empty until the browser has fetched what draws it.
    return visit.page.locator("#params").filter(has_text=re.compile(r"\d")).inner_text()


def expected(**changes: object) -> str:
    return f"{parameter_count(StudentNet(StudentSpec(**changes))):,}"  # type: ignore[arg-type]


def edit(visit: Visit, label: str, value: int) -> None:
    box = visit.page.get_by_role("spinbutton", name=label)
    box.fill(str(value))
    box.press("Enter")
    box.blur()


def test_after_the_limit_is_the_users_own_the_address_follows_every_edit_and_a_reload_is_the_same(
    visit: Visit,
) -> None:
    """The box of the limit moves every control below it down the page; none of them may lose the address."""
    visit.open("architecture")
    page = visit.page
    page.get_by_test_id("stButtonGroup").get_by_text("own", exact=True).click()
    page.wait_for_url(re.compile(r"limit=own"))
    edit(visit, "Block 3 channels", 200)
    page.wait_for_url(re.compile(r"block3=200"))
    edit(visit, "Input size", 128)
    page.wait_for_url(re.compile(r"size=128"))
    edit(visit, "Own limit, parameters", 70_000)
    page.wait_for_url(re.compile(r"own_limit=70000"))
    page.get_by_text("Conv bias").click()
    page.wait_for_url(re.compile(r"bias=yes"))
    visit.settle()
    asked = "limit=own&own_limit=70000&block3=200&size=128&bias=yes"
    assert page.url == f"{visit.address}/architecture?{asked}"
    shown = parameters(visit)
    assert shown == expected(widths=(64, 128, 200, 141), conv_bias=True)
    page.reload()
    page.wait_for_selector("h1", timeout=90_000)
    visit.settle()
    assert page.url == f"{visit.address}/architecture?{asked}"
    assert parameters(visit) == shown
    assert page.get_by_role("spinbutton", name="Input size").input_value() == "128"
    assert visit.errors == []


def test_back_and_forward_bring_every_page_as_it_was_left(visit: Visit) -> None:
    visit.open("architecture")
    page = visit.page

    edit(visit, "Stem channels", 32)
    page.wait_for_url(re.compile(r"stem=32"))
    edit(visit, "Stem channels", 16)
    page.wait_for_url(re.compile(r"stem=16"))
    visit.settle()
    first = page.url
    go(visit, "Ledger and report")
    assert page.url == f"{visit.address}/report?stem=16", "the report's address holds the design"
    go(visit, "Architecture")
    assert page.url == first
    edit(visit, "Block 1 channels", 99)
    page.wait_for_url(re.compile(r"block1=99"))
    visit.settle()
    last = page.url

    page.go_back()
    page.get_by_role("heading", level=1, name="Ledger and report").wait_for()
    visit.settle()
    assert page.url == f"{visit.address}/report?stem=16"
    page.go_back()
    page.get_by_role("heading", level=1, name="Architecture").wait_for()
    visit.settle()
    assert page.url == first
    assert parameters(visit) == expected(stem=16)
    page.go_forward()
    page.get_by_role("heading", level=1, name="Ledger and report").wait_for()
    visit.settle()
    page.go_forward()
    page.get_by_role("heading", level=1, name="Architecture").wait_for()
    page.wait_for_url(last)
    visit.settle()
    assert page.url == last
    assert parameters(visit) == expected(stem=16, widths=(99, 128, 256, 141))
    assert visit.errors == []


def test_quick_keys_lose_nothing(visit: Visit) -> None:
    """While one run is not over the next key has been pressed: an older address must not undo it."""
    visit.open("architecture?stem=10")
    box = visit.page.get_by_role("spinbutton", name="Stem channels")
    box.focus()
    for _ in range(12):
        box.press("ArrowUp")
    visit.page.wait_for_url(re.compile(r"stem=22"))
    visit.settle()
    assert box.input_value() == "22"
    assert parameters(visit) == expected(stem=22)


def go(visit: Visit, name: str) -> None:
    visit.page.get_by_test_id("stTopNav").get_by_role("link", name=name).click()
    visit.page.get_by_role("heading", level=1, name=name).wait_for()
    visit.settle()


def test_back_from_another_page_finds_the_temperature_at_the_first_step(visit: Visit) -> None:
    visit.open("distillation?temperature=4.5")
    page = visit.page
    conventions = page.get_by_text("Networks and conventions")
    conventions.click()
    box = page.get_by_role("spinbutton", name="Temperature T")
    box.fill("8")
    box.press("Enter")
    page.wait_for_url(re.compile(r"temperature=8"))
    visit.settle()
    left, entries = page.url, page.evaluate("history.length")
    go(visit, "Pruning")
    assert page.evaluate("history.length") == entries + 1, "one page, one entry"
    page.go_back()
    page.get_by_role("heading", level=1, name="Distillation").wait_for()
    visit.settle()
    assert page.url == left
    conventions.click()
    assert box.input_value() == "8"


def test_a_copied_link_of_the_report_opens_what_its_sender_saw(visit: Visit, browser: Browser) -> None:
    visit.open("distillation?alpha=0.8&temperature=6")
    page = visit.page
    go(visit, "Architecture")
    edit(visit, "Stem channels", 32)
    page.wait_for_url(re.compile(r"stem=32"))
    go(visit, "Pruning")
    page.get_by_role("combobox", name="Network to prune").click()
    page.get_by_role("option", name="Student under 60,000, distilled").click()
    page.wait_for_url(re.compile(r"checkpoint=student-60k-kd"))
    visit.settle()
    go(visit, "Ledger and report")
    page.get_by_role("tab", name="The six answers").click()
    about = page.get_by_text("what the lessons now show")
    about.wait_for()
    page.wait_for_url(re.compile(r"report_tab=The\+six\+answers"))
    visit.settle()
    said, link = about.inner_text(), page.url
    for part in ("(32; 64, 128, 256, 141)", "alpha 0.8", "T 6", "Student under 60,000, distilled"):
        assert part in said
    context = browser.new_context()
    other = Visit(context.new_page(), visit.address)
    other.open(link.removeprefix(f"{visit.address}/"))
    again = other.page.get_by_text("what the lessons now show")
    again.wait_for()
    other.settle()
    assert again.inner_text() == said
    assert other.page.url == link
    context.close()


def test_inside_a_frame_the_outer_page_is_asked_to_follow(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.address}/_stcore/health")
    page.evaluate(
        """address => {
            window.told = [];
            window.addEventListener("message", ({data}) => {
                if (data.type === "SET_QUERY_PARAM") window.told.push(data.queryParams);
            });
            const frame = document.createElement("iframe");
            frame.src = address; frame.width = 1300; frame.height = 800;
            document.body.append(frame);
        }""",
        f"{visit.address}/architecture?embed=true&stem=20",
    )
    frame = page.frame_locator("iframe")
    box = frame.get_by_role("spinbutton", name="Stem channels")
    box.wait_for(timeout=60_000)
    box.fill("21")
    box.press("Enter")
    page.wait_for_function("window.told.some(text => text.includes('stem=21'))")
    assert "embed=true" in page.frames[1].url


def test_a_table_of_widths_is_edited_and_its_link_opens_the_same(visit: Visit) -> None:
    visit.open("architecture?net=teacher")
    page = visit.page
    table = page.locator("[class*=st-key-widths-] .dvn-scroller")
    for row, width in ((0, 48), (2, 40)):
        table.click(position={"x": 40, "y": 52})
        # From the first cell on by keys: the table may have moved while it was clicked.
        page.keyboard.press("Control+Home")
        for _ in range(row):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        # Keys that come before the cell's editor is there would be lost.
        cell = page.locator("#portal input, #portal textarea")
        cell.wait_for()
        cell.fill(str(width))
        cell.press("Enter")
        page.wait_for_url(re.compile(rf"widths=48{'-64-40' if row else ''}-"))
    visit.settle()
    edited = ResNetSpec(10, (48, 64, 40, *ResNetSpec().channels[3:]))
    shown, left = f"{cost_of(edited).params:,}", page.url
    assert parameters(visit) == shown
    page.get_by_role("button", name="Fit to 60,000").click()
    page.wait_for_url(re.compile(r"widths=[1-9]-"))
    visit.open(left.removeprefix(f"{visit.address}/"))
    assert (parameters(visit), page.url) == (shown, left)
    page.reload()
    visit.settle()
    assert (parameters(visit), page.url) == (shown, left)
    assert visit.errors == []
