"""Predict, then reveal: an instrument asks before it shows, and a class on one board guesses together.

A page writes no more than this, where the figure will be::

    if not ui.predict(Question("curve", "How many ... ?", (weights, images), "%", answer=...)):
        return
    draw_the_figure()

Where ``predict=curve`` (or ``predict=all``) is in the address, the figure waits until its visitor has committed a
guess. Otherwise the question is behind a button, for who wants it. With ``board=NAME`` in the address too, the guess
is added to those of everybody on that board, and drawn among them beside the truth.
"""

from functools import partial

import streamlit as st

from explorer.classroom import Boards, Predictions, Question, Tally
from explorer.classroom.charts import guess_histogram
from explorer.errors import ExplorerError
from explorer.markup import escape_markup
from explorer.ui import address
from explorer.ui.draw import bare_chart
from explorer.ui.session import session

LIVE = 3.0  # seconds until others' guesses are seen
WIDTH = 720  # of the box in pixels: in a row of buttons on a phone it has a line to itself


@st.cache_resource(show_spinner=False)
def boards() -> Boards:
    """The class boards of this process."""
    return Boards()


def predictions() -> Predictions:
    """What this visitor has predicted."""
    return session().last(Predictions) or Predictions()


def predict(question: Question, label: str = "Predict first") -> bool:
    """Ask, or say what came of it; whether the figure may be shown now.

    Args:
        question: with its answer, or without one that a run will bring; drawn again with the answer it is settled.
        label: of the button behind which the question waits where nothing is locked.
    """
    session().keep(predictions().settled(question))
    board = _board_for(question)
    if board:
        boards().settle(board, question)
    asked_first = is_locked(question.key)
    if asked_first:
        with st.container(border=True, width=WIDTH):
            _draw(question, board)
    else:
        with st.popover(label, icon=":material/psychology_alt:", key=f"predict_{question.key}"):
            _draw(question, board)
            _offer_lock(question.key)
    return not asked_first or predictions().of(question) is not None


def is_locked(key: str) -> bool:
    """Whether the link asks for a guess before this instrument shows anything.

    Raises:
        KeyError: no instrument is called so in ``address.PREDICTED``.
    """
    if key not in address.PREDICTED:
        raise KeyError(f"address.PREDICTED has no {key}")
    return bool({key, address.EVERYTHING} & set(address.value("predict")))


def may_reveal(question: Question) -> bool:
    """Whether the truth, and what others guessed, may be seen by this visitor already."""
    return not is_locked(question.key) or predictions().of(question) is not None


def board_name() -> str:
    """The board that the link names; empty for none."""
    return str(address.value("board"))


def _board_for(question: Question) -> str:
    """The board that a guess goes to; none for networks that only this visitor has."""
    own = {source.card.sha256 for kept in (session().uploads, session().trained) for source in kept.values()}
    return "" if own & set(question.about) else board_name()


def _draw(question: Question, board: str) -> None:
    made = predictions().of(question)
    st.markdown(f"**{escape_markup(question.text)}**")
    if made is not None:
        st.markdown(f":material/adjust: {made.question.judge(made.guess)}")
        if board:
            _live(question, board)
        return
    if board:
        st.caption(f"{boards().tally(board, question).many} on this board so far.")
    key = f"guess_{question.key}"
    with st.form(f"form_{question.key}", border=False):
        if question.options:
            st.radio(
                "Your answer",
                range(len(question.options)),
                None,
                format_func=question.say,
                key=key,
                horizontal=True,
            )
        else:
            low, high = question.range
            st.number_input(
                f"Your guess{f', {question.unit}' if question.unit else ''}",
                float(low),
                float(high),
                None,
                step=10.0**-question.digits,
                format=f"%.{question.digits}f",
                key=key,
                placeholder=f"{question.say(low)} to {question.say(high)}",
                width=240,
            )
        st.form_submit_button(
            "Commit",
            on_click=_commit,
            args=(question, board, key),
            icon=":material/lock:",
            key=f"commit_{question.key}",
        )


def _commit(question: Question, board: str, key: str) -> None:
    guess = st.session_state[key]
    if guess is None:
        st.toast("Give an answer first.", icon=":material/edit:")
        return
    session().keep(predictions().with_guess(question, guess))
    if board:
        try:
            boards().guess(board, question, guess, session().name)
        except ExplorerError as error:
            st.toast(escape_markup(str(error)), icon=":material/error:")


def _offer_lock(key: str) -> None:
    st.button(
        "Ask this before it is shown",
        key=f"lock_{key}",
        on_click=_lock,
        args=(key,),
        type="tertiary",
        icon=":material/link:",
        help="Puts it into the address: who opens your link sees the figure once a guess is committed.",
    )


def _lock(key: str) -> None:
    address.put("predict", [*address.value("predict"), key])


@st.fragment(run_every=LIVE)
def _live(question: Question, board: str) -> None:
    draw_tally(boards().tally(board, question), reveal=True)


def draw_tally(tally: Tally, *, reveal: bool) -> None:
    """The guesses of a board as a histogram, the visitor's own among them, beside the truth where it may be seen."""
    question, made = tally.question, predictions().of(tally.question)
    said = tally.describe(reveal=reveal)
    # The figure is made once for all who are asked; what thirty of them guess is sent to it as rows.
    bare_chart(
        partial(guess_histogram, question.range, question.unit, len(question.options)),
        tally.rows(made.guess if made else None, reveal=reveal),
        width="stretch",
        alt=said,
    )
    st.caption(escape_markup(said))
