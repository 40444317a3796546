"""Every page through Streamlit's own test runner."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

PAGES = ("start", "architecture", "distillation", "pruning", "own")


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
    assert not app.error or page == "architecture", [error.value for error in app.error]
    found = charts(app)
    assert found
    for chart in found:
        assert chart.alt.strip()
    assert any("badge" in text.value for text in app.markdown), "no word on where the figures come from"


def test_the_architecture_opens_with_the_reports_verdict_and_follows_an_edit() -> None:
    app = opened("architecture")
    assert [metric.value for metric in app.metric] == ["99,060", "39,060", "148.1 M"]
    assert "Over the limit" in app.error[0].value
    app.number_input(key="a_w3").set_value(100).run()
    assert not app.error
    assert "Within the limit" in app.success[0].value


def test_a_link_opens_the_state_it_carries() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["a_stem"] = "32"
    app.switch_page("explorer/architecture/page.py").run()
    assert app.number_input(key="a_stem").value == 32


@pytest.mark.parametrize(
    ("page", "key", "nonsense", "default"),
    [
        ("architecture", "a_stem", "0", 64),
        ("architecture", "a_w2", "wide", 128),
        ("distillation", "d_a", "7", 0.5),
        ("distillation", "d_t", "999", 4.0),
        ("distillation", "d_by", "nobody", "most ambiguous for the teacher"),
        ("pruning", "p_n", "3", 500),
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
    assert any(f"{key} = {nonsense}" in warning.value for warning in app.warning)


@pytest.mark.parametrize(
    "tab", ["Loss", "Why T²", "Dark knowledge", "Spot the bug", "Evidence", "Distil it now", "Quiz"]
)
def test_every_tab_of_the_distillation_lesson_draws(tab: str) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["d_tab"] = tab
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    assert not app.error
    assert all(chart.alt.strip() for chart in charts(app))


def test_alpha_rewrites_the_formula() -> None:
    app = opened("distillation")
    before = app.latex[0].value
    app.slider(key="d_a").set_value(1.0).run()
    assert app.latex[0].value != before
    assert any("labels have no influence" in info.value for info in app.info)
    app.toggle(key="d_conv").set_value(True).run()
    assert any("teacher and T have no influence" in info.value for info in app.info)


def test_the_three_forms_are_measured_on_the_page() -> None:
    app = opened("pruning")
    app.selectbox(key="p_c").set_value("Student under 60,000, labels alone").run()
    next(button for button in app.button if button.label == "Measure here").click().run()
    assert not app.exception
    assert any("physically removed it runs" in text.value for text in app.markdown)


def test_a_small_sweep_runs_on_the_page_and_is_kept() -> None:
    app = opened("pruning")
    app.selectbox(key="p_c").set_value("Student under 60,000, labels alone")
    app.multiselect(key="p_r").set_value([0.0, 0.5])
    app.select_slider(key="p_n").set_value(100)
    app.button[0].click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 6
    assert any("measured here" in text.value for text in app.markdown)
    app.multiselect(key="p_m").set_value([]).run()
    app.button[0].click().run()
    assert "at least one method" in app.error[0].value
