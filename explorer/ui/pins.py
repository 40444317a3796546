"""The pinned rows of the ledger, and the button that pins one."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from explorer.ledger import LedgerRow, Lesson
from explorer.ui import address
from explorer.ui.session import session


def pinned() -> list[LedgerRow]:
    """The rows pinned in this session, in order; a copy."""
    return list(session().pinned)


def set_pinned(rows: list[LedgerRow]) -> None:
    """Replace the pinned rows of this session."""
    session().pinned = tuple(rows)


def pin(lesson: Lesson, make_row: Callable[[], LedgerRow]) -> None:
    """A button that pins what the page shows, with a link to the page as it is; ``make_row`` makes the row."""
    if st.button(
        "Pin to the ledger",
        icon=":material/keep:",
        key=f"pin_{lesson}",
        help="Adds this network as a row to compare with others, on the page Ledger and report.",
    ):
        row = replace(make_row(), link=address.link(lesson))
        set_pinned([*pinned(), row])
        st.toast(f"Pinned: {row.title}", icon=":material/keep:")
