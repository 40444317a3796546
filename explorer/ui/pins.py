"""What a session keeps: the pinned rows of the ledger, and what each lesson last showed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from explorer.ledger import Lesson, State


def pinned() -> list[State]:
    """The states pinned in this session, in order; a copy."""
    return list(st.session_state.get("ledger", []))


def set_pinned(states: list[State]) -> None:
    """Replace the pinned states of this session."""
    st.session_state["ledger"] = list(states)


def pin(lesson: Lesson, state: Callable[[], State]) -> None:
    """A button that pins what the page shows, with a link to the page as it is; ``state`` makes the row."""
    if st.button(
        "Pin to the ledger",
        icon=":material/keep:",
        key=f"pin_{lesson}",
        help="Adds this network as a row to compare with others, on the page Ledger and report.",
    ):
        row = replace(state(), link=_address(lesson))
        set_pinned([*pinned(), row])
        st.toast(f"Pinned: {row.title}", icon=":material/keep:")


def _address(lesson: Lesson) -> str:
    """The lesson's page with the values its own controls have in the address."""
    asked = [
        (key, value)
        for key in st.query_params
        if key.startswith(f"{lesson[0]}_")
        for value in st.query_params.get_all(key)
    ]
    return f"{lesson}?{urlencode(asked)}" if asked else lesson


def remember(lesson: str, value: object) -> None:
    """Keep what a lesson now shows, for the report."""
    st.session_state[f"now_{lesson}"] = value


def remembered(lesson: str) -> Any:
    """What a lesson last showed in this session; None if it was not opened."""
    return st.session_state.get(f"now_{lesson}")
