"""The class board on the page: the link, the guesses beside the truth, the designs above the floor."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.classroom import Question
from tests.app import arrive, press, said
from tests.classroom.test_designs import ROW

SHARE = Question(
    "curve", "How many are right?", ("weights",), "%", answer=30, because="Counted on 90 images."
)
ROOM = {"board": "room-1", "report_tab": "Class board"}


@pytest.fixture(autouse=True)
def _new_boards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(type(st.context), "cookies", {})
    yield
    ui.boards.clear()  # type: ignore[attr-defined]


def link_of(app: AppTest) -> str:
    return next(code.value for code in app.code if "board=" in code.value)


def test_a_board_is_opened_with_a_name_of_its_own_and_a_link_that_asks_first() -> None:
    app = arrive("report", report_tab="Class board", projector="yes")
    press(app, "Open a board")
    name = app.session_state["session"].address.values["board"]
    assert name.startswith("class-")
    assert link_of(app).endswith(f"/pruning?board={name}&predict=all")
    app.multiselect(key="board_asks").set_value(["curve", "wall"]).run()
    app.selectbox(key="board_opens").set_value("").run()
    assert link_of(app).endswith(f"/?board={name}&predict=curve&predict=wall")
    assert "predict" not in app.session_state["session"].address.written, "who leads is not asked"
    assert said(app, "nothing is stored")


def test_the_guesses_of_all_are_drawn_and_the_truth_when_it_is_asked_for() -> None:
    for who, guess in enumerate((10, 20, 90)):
        ui.boards().guess("room-1", SHARE, guess, str(who))
    app = arrive("report", **ROOM)
    assert said(app, "3 guesses; median 20%.")
    assert not said(app, "it is 30%")
    (reveal,) = [each for each in app.toggle if each.label == "Show the answer"]
    reveal.set_value(True).run()
    assert said(app, "3 guesses; median 20%; it is 30%.")
    assert said(app, "Counted on 90 images.")
    ui.boards().guess("room-1", replace(SHARE, text="And now?"), 10, "one")
    app.run()
    assert said(app, "## And now?"), "the newest question"
    assert not said(app, "it is 30%")


def test_who_is_asked_first_does_not_see_the_truth_here_either() -> None:
    ui.boards().guess("room-1", SHARE, 10, "one")
    app = arrive("report", **ROOM, predict="curve")
    (reveal,) = [each for each in app.toggle if each.label == "Show the answer"]
    assert reveal.disabled
    assert "guess at the figure itself" in reveal.help


def test_a_pinned_design_competes_with_those_of_others() -> None:
    from explorer.classroom.designs import board_design

    other = replace(ROW, weights="another", params=4_000, correct=700)
    ui.boards().enter("room-1", board_design(other, (), str), "somebody")
    app = arrive("report", **ROOM, board_shows="Designs")
    assert said(app, "To enter one: train your design")
    app.session_state["session"].pinned = (replace(ROW, origin="carried"), ROW)
    app.run()
    assert app.selectbox(key="board_design").options == [ROW.title], "not what came in a file"
    press(app, "Enter it")
    rows = app.dataframe[-1].value
    assert rows["parameters"].tolist() == [5_000, 4_000], "the smaller one does not keep the floor"
    assert rows["yours"].tolist() == [True, False]
    assert said(app, "1 of 2 keep 80% of 1,000 images of validation.")
    app.slider(key="floor").set_value(0.6).run()
    assert app.dataframe[-1].value["parameters"].tolist() == [4_000, 5_000]
    press(app, "Take mine off")
    assert app.dataframe[-1].value["parameters"].tolist() == [4_000]


def test_where_several_replicas_answer_the_board_says_in_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(st.context), "cookies", {"replica": "2"})
    assert said(arrive("report", **ROOM), "in replica 2 alone")
