"""The report in a real browser: its numbers read back, nothing asked of any host, A4 when printed."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from explorer.ledger import from_link
from explorer.report.answers import answer_questions
from explorer.report.quoted import QUESTIONS
from explorer.report.render import ReportDocument, to_html
from explorer.report.subject import report_subject
from tests.browser.conftest import Visit
from tests.test_ledger import DENSE

A4_POINTS = (595.0, 842.0)


@pytest.fixture(scope="module")
def document() -> ReportDocument:
    return ReportDocument(
        "Your report", "About a test.", answer_questions(report_subject()), "2026-01-01", "2.x", (DENSE,)
    )


def test_the_report_shows_the_engines_numbers_and_asks_for_nothing(
    browser: Browser, document: ReportDocument, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(document), encoding="utf-8")
    page = browser.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    for answer in document.answers:
        shown = page.locator(f"#q{answer.number} .verdict").first.inner_text()
        assert shown == answer.answer.text.replace("**", "").replace("`", "")
    assert "99,060" in page.locator("#q1-2 .verdict").inner_text()
    assert asked == [path.as_uri()]
    assert said == []
    for figure in page.locator("figure svg").all():
        box = figure.bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 100
    page.set_viewport_size({"width": 360, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_the_report_prints_on_three_to_four_pages_of_a4(
    browser: Browser, document: ReportDocument, tmp_path: Path
) -> None:
    """As it stands at rest, and with words of one's own, some in letters of which only the browser has fonts."""
    words = dict.fromkeys(QUESTIONS, "A sentence of some length, \u56e0\u70ba. " * 7)
    for own in ({}, words):
        path = tmp_path / "report.html"
        path.write_text(to_html(replace(document, rows=(), words=own)), encoding="utf-8")
        page = browser.new_page()
        page.goto(path.as_uri())
        pages = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
        page.close()
        assert 3 <= len(pages) <= 4
        for each in pages:
            size = float(each.mediabox.width), float(each.mediabox.height)
            assert size == pytest.approx(A4_POINTS, abs=1)
        assert "3-2" in "".join(each.extract_text() for each in pages)


def test_a_pinned_design_is_a_row_whose_link_opens_it_again_and_a_reload_tells_that_it_is_gone(
    visit: Visit,
) -> None:
    visit.open("architecture?stem=32")
    visit.page.get_by_role("button", name="Pin to the ledger").click()
    visit.page.get_by_text("Pinned: ").first.wait_for()  # leaving earlier would end the run that pins it
    visit.settle()
    visit.page.get_by_role("link", name="Ledger and report").click()
    visit.page.get_by_text("Pinned here").wait_for()
    visit.settle()
    link = visit.page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
    visit.page.get_by_text("A link to this ledger").click()
    link.wait_for()
    address = link.inner_text().strip()
    assert address.startswith(f"{visit.address}/report?ledger=")
    (row,) = from_link(address.partition("ledger=")[2])
    assert row.link == "architecture?stem=32"
    assert "(32; " in row.network
    visit.open(address.removeprefix(visit.address).lstrip("/"))
    visit.page.get_by_text("came in a file or link").wait_for()
    assert visit.errors == []
    gone = visit.page.get_by_text("with it went 1 pinned row.")
    visit.open("architecture")
    gone.wait_for()
    visit.open(address.removeprefix(f"{visit.address}/"))
    visit.page.get_by_text("Pinned here").wait_for()
    gone.wait_for(state="detached")
    visit.open("report")
    gone.wait_for()
    visit.page.get_by_role("button", name="Close").click()
    visit.open("architecture")
    assert not gone.is_visible()
    assert visit.errors == []
