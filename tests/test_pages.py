"""Every page through Streamlit's own test runner."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer.networks import StudentSpec

PAGES = ("start", "architecture", "distillation", "pruning", "report", "your_data")


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
    app.number_input(key="block3").set_value(100).run()
    assert not app.error
    assert "Within the limit" in app.success[0].value


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
        ("distillation", "temperature", "999", 4.0),
        ("distillation", "image_by", "nobody", "most ambiguous for the teacher"),
        ("pruning", "images", "3", 1000),
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


@pytest.mark.parametrize(
    "tab", ["Loss", "Why T²", "Dark knowledge", "Spot the bug", "Evidence", "Distil it now", "Quiz"]
)
def test_every_tab_of_the_distillation_lesson_draws(tab: str) -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["distillation_tab"] = tab
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    assert not app.error
    assert all(chart.alt.strip() for chart in charts(app))


def test_alpha_rewrites_the_formula_and_says_what_has_no_influence() -> None:
    app = opened("distillation")
    before = app.latex[0].value
    assert not app.number_input(key="temperature").disabled
    app.slider(key="alpha").set_value(1.0).run()
    assert app.latex[0].value != before
    assert any("labels have no influence" in info.value for info in app.info)
    assert not app.number_input(key="temperature").disabled
    app.toggle(key="hard_alpha").set_value(True).run()
    assert any("teacher and T have no influence" in info.value for info in app.info)
    assert app.number_input(key="temperature").disabled
    assert "hard term" in app.slider(key="alpha").label


def test_the_switches_rewrite_formula_labels_and_numbers() -> None:
    app = opened("distillation", temperature="1")
    table, gradients = app.dataframe[0].value, charts(app)[0].spec
    app.toggle(key="reverse").set_value(True).run()
    assert r"\mathrm{KL}(q_{student} \| p_{teacher})" in app.latex[0].value
    assert "alpha T\\u00b2 KL(student || teacher)" in charts(app)[0].spec.replace("²", "\\u00b2")
    assert charts(app)[0].spec != gradients
    assert (app.dataframe[0].value["KL"] != table["KL"]).all()
    assert (app.dataframe[0].value["CE"] == table["CE"]).all()


def test_the_quiz_reveals_only_what_was_committed() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=120)
    app.run()
    app.query_params["distillation_tab"] = "Quiz"
    app.switch_page("explorer/distillation/page.py").run()
    commit = next(button for button in app.button if "Commit" in button.label)
    assert commit.disabled
    app.radio(key="d_quiz").set_value(app.radio(key="d_quiz").options[1]).run()
    assert not app.error, "nothing is told before the answer is committed"
    next(button for button in app.button if "Commit" in button.label).click().run()
    assert "(a) is true" in app.error[0].value
    assert app.radio(key="d_quiz").disabled
    next(button for button in app.button if "again" in button.label).click().run()
    assert app.radio(key="d_quiz").value is None


def test_a_network_distilled_on_the_page_is_kept_for_the_other_lessons() -> None:
    app = AppTest.from_file("../streamlit_app.py", default_timeout=300)
    app.run()
    app.session_state["session"].design = StudentSpec(2, (2, 3, 4, 4), classes=10)
    app.query_params["distillation_tab"] = "Distil it now"
    app.query_params["epochs"] = "2"
    app.switch_page("explorer/distillation/page.py").run()
    next(button for button in app.button if button.label == "Distil it now").click().run()
    assert not app.exception
    assert any("After epoch 2: labels alone" in text.value for text in app.caption)
    trained = app.session_state["session"].trained
    assert [source.card.title for source in trained.values()] == [
        "Trained here, labels alone",
        "Trained here, distilled",
    ]
    # A second run of another length makes two more, and all four can be chosen.
    app.slider(key="epochs").set_value(3).run()
    next(button for button in app.button if button.label == "Distil it now").click().run()
    assert not app.exception
    digests = [source.card.sha256 for source in app.session_state["session"].trained.values()]
    assert len(set(digests)) == len(digests) == 4
    app.run()
    for digest in digests:
        assert any(digest[:6] in option for option in app.selectbox(key="student").options)
