"""The student's own words on the page: a box for each question, kept in the address."""

from dataclasses import dataclass

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.report.quoted import QUESTIONS
from explorer.report.words import MOST, check_words, pack_words, unpack_words, words_in_file
from explorer.ui import address

_FILE = "words_file"


@dataclass(frozen=True)
class _Written:
    """What the address holds of the boxes' words since they were drawn last."""

    value: str


@dataclass(frozen=True)
class _Refused:
    """Why the file that was opened last cannot be used."""

    sentence: str


def words() -> dict[str, str]:
    """What is written in the boxes, by question; called before they are drawn."""
    value, last = address.value("words"), ui.session().last(_Written)
    # A link, Back or a file has other words than the boxes; or these were not on the page, and Streamlit forgot them.
    if (
        last is None
        or last.value != value
        or any(_key(number) not in st.session_state for number in QUESTIONS)
    ):
        try:
            found = unpack_words(value)
        except ExplorerError as error:
            st.error(ui.escape_markup(str(error)), icon=":material/error:")
            found = {}
        for number in QUESTIONS:
            st.session_state[_key(number)] = found.get(number, "")
    written = check_words({number: st.session_state[_key(number)] for number in QUESTIONS})
    value = pack_words(written)
    address.put("words", value)
    ui.session().keep(_Written(value))
    return written


def box(number: str) -> None:
    """The box of a question."""
    st.text_area(
        f"{number} in your own words",
        key=_key(number),
        max_chars=MOST,
        height=140,
        placeholder="Why is it so? What would you do next?",
        help="It goes into your report as you write it, below the answer. The address of this page keeps it.",
    )


def offer_file() -> None:
    """A way to go on with words that were saved with a report's numbers."""
    with st.expander("Go on with words that you saved"):
        st.file_uploader("The report\u2019s JSON file", "json", key=_FILE, on_change=_open)
        refused = ui.session().last(_Refused)
        if refused is not None:
            st.error(ui.escape_markup(refused.sentence), icon=":material/error:")


def _open() -> None:
    ui.session().forget(_Refused)
    file = st.session_state[_FILE]
    if file is None:
        return
    try:
        address.put("words", pack_words(words_in_file(file.getvalue())))
    except ExplorerError as error:
        ui.session().keep(_Refused(str(error)))


def _key(number: str) -> str:
    return f"words_{number}"
