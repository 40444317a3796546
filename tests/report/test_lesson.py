"""The page Ledger and report through Streamlit's own test runner."""

import json
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from explorer.checkpoints import card
from explorer.data import BUNDLED
from explorer.ledger import LedgerRow, Prune, recipe_of, to_link
from explorer.report.quoted import QUESTIONS
from explorer.report.words import pack_words, unpack_words
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
    assert [button.proto.label for button in app.get("download_button")] == [
        f"Your report as {kind}" for kind in ("HTML", "PDF", "Markdown", "JSON")
    ]


def test_the_audit_of_the_sample_report_is_a_document_of_its_own() -> None:
    app = opened(report_tab="The six answers")
    assert not any("sample report" in text.value for text in (*app.info, *app.success, *app.error))
    app.segmented_control(key="report_shows").set_value("The audit of the sample report").run()
    assert not app.exception
    assert [header.value[:3] for header in app.header] == ["1-1", "1-2", "2-1", "2-2", "3-1", "3-2"]
    assert any("40,756" in text.value for text in app.error)
    assert not app.text_area
    assert app.get("download_button")[0].proto.label == "The audit as HTML"
    (link,) = app.session_state["session"].address.texts["report_shows"]
    again = opened(report_tab="The six answers", report_shows=link)
    assert [text.value for text in again.error] == [text.value for text in app.error]


def words_of(app: AppTest) -> dict[str, str]:
    return {area.key.removeprefix("words_"): area.value for area in app.text_area}


def test_own_words_are_kept_in_the_address_and_come_back_after_another_page() -> None:
    app = opened(report_tab="The six answers")
    assert set(words_of(app).values()) == {""}
    app.text_area(key="words_2-2").set_value("Softer.").run()
    app.text_area(key="words_3-2").set_value("Zeros are multiplied, too.").run()
    expected = dict.fromkeys(QUESTIONS, "") | {"2-2": "Softer.", "3-2": "Zeros are multiplied, too."}
    (link,) = app.session_state["session"].address.texts["words"]
    assert unpack_words(link) == {"2-2": "Softer.", "3-2": "Zeros are multiplied, too."}
    app.query_params.clear()  # as the browser does at a click in the navigation
    app.switch_page("explorer/start/page.py").run()
    app.switch_page("explorer/report/page.py").run()
    assert words_of(app) == expected
    assert words_of(opened(report_tab="The six answers", words=link)) == expected, "as after a reload"
    broken = opened(report_tab="The six answers", words="nonsense")
    assert "own words cannot be read" in broken.error[0].value
    assert set(words_of(broken).values()) == {""}


def test_words_saved_with_the_numbers_are_opened_again() -> None:
    app = opened(report_tab="The six answers", words=pack_words({"1-1": "before"}))
    content = json.dumps({"words": {"2-1": "from a file \U00012000"}}).encode()
    app.file_uploader(key="words_file").set_value(("report.json", content, "")).run()
    assert words_of(app) == dict.fromkeys(QUESTIONS, "") | {"2-1": "from a file \U00012000"}
    assert any("The PDF cannot show \U00012000: no font" in warning.value for warning in app.warning)
    app.file_uploader(key="words_file").set_value(("other.json", b"[]", "")).run()
    assert any("no file of a report" in error.value for error in app.error)
    assert words_of(app)["2-1"] == "from a file \U00012000", "nothing is lost"


def caption(app: AppTest, words: str) -> list[str]:
    return [text.value for text in app.caption if words in text.value]


def drawn(app: AppTest) -> str:
    return app.get("vega_lite_chart")[0].proto.alt


def test_states_that_cannot_be_compared_are_drawn_apart() -> None:
    app = opened(replace(DENSE, title="mine"), shipped="no")
    assert not caption(app, "Not drawn")
    app = opened(STUDENT, DENSE, shipped="no")
    assert "of 1 states (1,000 images of some images, test)" in drawn(app)
    (said,) = caption(app, "Not drawn")
    assert "1 on 30 images of Fashion-MNIST, test." in said
    app.selectbox(key="on").select("30 images of Fashion-MNIST, test").run()
    assert "nothing beats a student" in drawn(app)
    app = opened(DENSE, replace(DENSE, title="small", input_size=32), shipped="no", across="mult_adds")
    assert "of 1 states (1,000 images of some images, test, 64 pixels)" in drawn(app)
    assert not app.exception


def test_a_pinned_row_is_counted_on_the_larger_set_when_asked() -> None:
    """A network counted on the first 30 test images joins those counted on 100, and keeps its milliseconds."""
    larger = replace(
        STUDENT,
        title="on more",
        weights=card("student-5k").sha256,
        total=100,
        correct=90,
        ms=None,
        batch=None,
    )
    own = replace(DENSE, title="of my **lunch**")
    app = opened(
        STUDENT, replace(larger, total=100), own, shipped="no", on="100 images of Fashion-MNIST, test"
    )
    assert app.session_state["on"] == "100 images of Fashion-MNIST, test"
    (problem,) = caption(app, "Cannot be counted on 100 images")
    assert "of my \\*\\*lunch\\*\\*: It was counted on images of another data set" in problem
    press = next(button for button in app.button if button.label.startswith("Count 1 more on"))
    press.click().run()
    assert not app.exception
    mine, other, lunch = app.session_state["session"].pinned
    assert (other, lunch) == (larger, own)
    assert (mine.total, mine.images_key, mine.origin) == (100, STUDENT.images_key, "computed")
    assert 30 < mine.correct <= 100
    assert (mine.ms, mine.batch) == (STUDENT.ms, STUDENT.batch)
    assert "of 2 states (100 images" in drawn(app)
    assert not [button for button in app.button if button.label.startswith("Count 1 more on")]


def test_two_rows_of_one_title_have_each_its_own_receipt() -> None:
    halved = replace(STUDENT, recipe=recipe_of("", Prune("global-l1", 0.5)).to_dict())
    app = opened(STUDENT, halved, shipped="no")
    box = next(box for box in app.selectbox if box.label == "State")
    assert box.options == ["1. a student", "2. a student"]
    assert "RECIPE = {}" in app.code[-1].value
    box.select_index(1).run()
    assert "'ratio': 0.5" in app.code[-1].value
