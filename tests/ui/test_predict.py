"""Predict, then reveal on a page: locked by the link, committed once, shared on a board."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer.ui import address
from tests.app import guess, press, said


def script() -> None:
    import streamlit as st

    from explorer import ui
    from explorer.classroom import Question

    with ui.page("start", ["architecture"], st.container()):
        question = Question(
            "curve", "How many?", ("weights",), "%", answer=st.session_state.get("answer", 30)
        )
        if ui.predict(question):
            st.markdown("The figure")


def opened(**link: str) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


@pytest.fixture(autouse=True)
def _new_boards() -> None:
    from explorer import ui

    ui.boards.clear()  # type: ignore[attr-defined]


def test_without_a_lock_the_figure_is_there_and_the_question_waits_behind_a_button() -> None:
    app = opened()
    assert said(app, "The figure")
    guess(app, "curve", 50)
    assert said(app, "You said **50%**; it is **30%**: 20 points too high.")


@pytest.mark.parametrize("locked", ["curve", address.EVERYTHING])
def test_a_link_hides_the_figure_until_a_guess_is_committed(locked: str) -> None:
    app = opened(predict=locked)
    assert not said(app, "The figure")
    press(app, "Commit")
    assert not said(app, "The figure"), "nothing was guessed"
    guess(app, "curve", 50)
    assert said(app, "The figure")
    assert f"predict={locked}" in app.session_state["session"].address.written, "the link still asks others"
    assert not app.number_input, "a committed guess cannot be changed"


def test_a_link_that_asks_about_another_figure_hides_nothing_here() -> None:
    assert said(opened(predict="wall"), "The figure")


def test_a_button_puts_the_question_into_the_link() -> None:
    app = opened()
    press(app, "Ask this before it is shown")
    assert not said(app, "The figure")
    assert app.session_state["session"].address.written == "predict=curve"


def test_everybody_with_the_boards_link_guesses_together() -> None:
    guess(opened(board="room-1"), "curve", 50)
    guess(opened(board="room-2"), "curve", 90)
    app = opened(board="room-1")
    assert said(app, "1 guess on this board so far.")
    assert not app.get("vega_lite_chart"), "what others said is seen after one's own guess"
    guess(app, "curve", 20)
    assert said(app, r"2 guesses; median 35%; it is 30%.")
    assert len(app.get("vega_lite_chart")) == 1


def test_a_name_that_no_board_can_have_is_told() -> None:
    app = opened(board="<b>room</b>")
    assert any("small letters, digits and hyphens" in each.value for each in app.warning)
    assert app.session_state["session"].address.written == ""


def test_a_network_that_only_its_visitor_has_is_on_no_board() -> None:
    app = opened(board="room-1")
    card = type("Card", (), {"sha256": "weights"})
    source = type("Source", (), {"card": card, "content": None})
    app.session_state["session"].uploads.entries = {"mine": type("Entry", (), {"source": source})}
    app.run()
    guess(app, "curve", 50)
    assert said(app, "You said **50%**")
    assert not app.get("vega_lite_chart")


def test_a_question_that_the_address_does_not_know_is_an_error() -> None:
    def unknown() -> None:
        from explorer import ui
        from explorer.classroom import Question

        ui.predict(Question("nowhere", "How many?", ()))

    (error,) = AppTest.from_function(unknown, default_timeout=60).run().exception
    assert "nowhere" in error.message
