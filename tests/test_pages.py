"""Every page through Streamlit's own test runner."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app import component

PAGES = ("start", "architecture", "distillation", "pruning", "bits", "report", "your_data")


def opened(page: str, **link: str) -> AppTest:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    if page != "start":
        app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    return app


def charts(app: AppTest) -> list[Any]:
    return [chart.proto for chart in app.get("vega_lite_chart")]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_something_with_zero_clicks(page: str) -> None:
    app = opened(page)
    assert len(app.title) == 1
    assert not app.error, [error.value for error in app.error]
    found = charts(app)
    assert found or page in ("start", "architecture", "pruning", "bits"), "these are drawn by a component"
    for chart in found:
        assert chart.alt.strip()
    assert any("badge" in text.value for text in app.markdown), "no word on where the figures come from"


def test_the_architecture_opens_with_the_reports_verdict_and_follows_an_edit() -> None:
    app = opened("architecture")
    sent = component(app, "drawing")
    assert (sent["said"]["params"], sent["said"]["mult_adds"], sent["limit"]) == (99_060, 148_073_268, 60_000)
    app.number_input(key="block3").set_value(100).run()
    sent = component(app, "drawing")
    assert sent["said"]["params"] < sent["limit"]


def test_a_link_opens_the_state_it_carries() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["stem"] = "32"
    app.switch_page("explorer/architecture/page.py").run()
    assert app.number_input(key="stem").value == 32


@pytest.mark.parametrize(
    ("page", "key", "nonsense", "default"),
    [
        ("architecture", "stem", "0", 64),
        ("architecture", "block2", "wide", 128),
        ("distillation", "alpha", "7", 0.5),
        ("distillation", "temperature", "999", 1.0),
        ("distillation", "image_by", "nobody", "right but unsure"),
        ("pruning", "checkpoint", "nobody", "teacher"),
    ],
)
def test_nonsense_in_a_link_opens_at_the_default_and_says_so(
    page: str, key: str, nonsense: str, default: object
) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params[key] = nonsense
    app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    assert app.session_state[key] == default
    assert any(f"{key}" in warning.value and f"= {nonsense}" in warning.value for warning in app.warning)
