"""The page Ledger and report through Streamlit's own test runner."""

from dataclasses import replace

from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.ledger import LedgerRow, to_link
from tests.test_ledger import DENSE, DESIGN

STUDENT = replace(
    DENSE,
    title="a student",
    params=1,
    correct=20,
    total=30,
    images="Fashion-MNIST, test",
    images_key=BUNDLED.key_of("test"),
    weights=card("student-60k").sha256,
)


def opened(*rows: LedgerRow, **link: str | list[str]) -> AppTest:
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=300)
    app.run()
    app.session_state["session"].pinned = rows
    for key, value in link.items():
        app.query_params[key] = value
    app.switch_page("explorer/report/page.py").run()
    assert not app.exception
    return app


def test_with_zero_clicks_the_shipped_networks_are_compared() -> None:
    app = opened()
    chart = app.get("vega_lite_chart")[0].proto
    assert "nothing beats" in chart.alt
    (said,) = [caption.value for caption in app.caption if "No other state" in caption.value]
    assert "Teacher" in said
    assert " and 2 more** (joined" in said, "the line joins more than are named"
    assert not app.error


def test_a_pinned_row_is_in_the_table_and_can_be_removed() -> None:
    app = opened(DENSE, DESIGN)
    assert app.get("data_editor") or app.dataframe
    app.toggle(key="shipped").set_value(False).run()
    assert "nothing beats teacher" in app.get("vega_lite_chart")[0].proto.alt
    next(button for button in app.button if button.label == "Remove all pinned").click().run()
    assert list(app.session_state["session"].pinned) == []
    assert any("Nothing is pinned yet" in info.value for info in app.info)


def test_a_link_carries_a_ledger_whose_rows_are_recomputed_on_demand() -> None:
    app = opened(ledger=to_link([STUDENT]))
    assert list(app.session_state["session"].pinned) == [replace(STUDENT, origin="carried")]
    app.run()
    assert len(list(app.session_state["session"].pinned)) == 1, "taken once"
    next(button for button in app.button if button.label == "Recompute them here").click().run()
    (row,) = list(app.session_state["session"].pinned)
    assert row.origin == "computed"
    assert row.params == 59_026
    assert row.correct > 20


def test_each_carried_row_is_recomputed_for_itself_and_what_was_measured_here_stays() -> None:
    other = replace(STUDENT, weights=card("student-5k").sha256, title="another <b>")
    lost = replace(STUDENT, weights="ab" * 32, title="lost **one**")
    app = opened(DENSE, ledger=to_link([STUDENT, other, lost]), shipped="no")
    next(button for button in app.button if button.label == "Recompute them here").click().run()
    assert not app.exception
    pinned = app.session_state["session"].pinned
    assert pinned[0] == DENSE
    assert [row.title for row in pinned[1:]] == ["a student", "another <b>", "lost **one**"]
    assert [row.origin for row in pinned[1:]] == ["computed", "computed", "carried"]
    assert [row.params for row in pinned[1:]] == [59_026, card("student-5k").params, 1]
    (warning,) = (text.value for text in app.warning if "cannot be rebuilt" in text.value)
    assert warning.startswith(r"lost \*\*one\*\*: This row cannot be rebuilt")


def test_a_broken_link_gets_one_sentence() -> None:
    app = opened(DENSE, ledger="nonsense")
    assert "link's ledger cannot be read" in app.error[0].value
    assert list(app.session_state["session"].pinned) == [DENSE], "nothing is lost"


def test_the_six_answers_are_drawn_from_what_the_lessons_show() -> None:
    app = opened(report_tab="The six answers")
    assert [header.value[:3] for header in app.header] == ["1-1", "1-2", "2-1", "2-2", "3-1", "3-2"]
    assert any("39,060 over" in error.value for error in app.error)
    assert all(chart.proto.alt.strip() for chart in app.get("vega_lite_chart"))
    assert len(app.get("download_button")) == 3


def test_accuracies_on_different_images_are_not_compared_in_silence() -> None:
    app = opened(replace(DENSE, title="mine"), shipped="no")
    assert not app.warning
    app = opened(STUDENT, DENSE, shipped="no")
    assert ["different images" in warning.value for warning in app.warning] == [True]
    app = opened(DENSE, replace(DENSE, input_size=32), shipped="no", across="mult_adds")
    assert ["inputs of 32, 64 pixels" in warning.value for warning in app.warning] == [True]


def test_two_rows_of_one_title_have_each_its_own_receipt() -> None:
    halved = replace(STUDENT, recipe={"method": "global-l1", "ratio": 0.5, "seed": 0})
    app = opened(STUDENT, halved, shipped="no")
    box = next(box for box in app.selectbox if box.label == "State")
    assert box.options == ["1. a student", "2. a student"]
    assert "RECIPE = {}" in app.code[-1].value
    box.select_index(1).run()
    assert "'ratio': 0.5" in app.code[-1].value
