"""Report: every pinned state side by side, and the homework's questions answered from what was done here."""

from collections.abc import Callable

import streamlit as st

from explorer.report import page_answers, page_board, page_ledger, page_steps
from explorer.ui import address

TABS: dict[str, Callable[[], None]] = {
    "Ledger": page_ledger.ledger_tab,
    "The six answers": page_answers.answers_tab,
    "Step by step": page_steps.steps_tab,
    "Class board": page_board.board_tab,
}


def draw_report_page() -> None:
    """Draw the page."""
    st.markdown(
        "What did each step cost and bring? The lessons pin networks here as rows. Your report answers the homework's "
        "six questions; the sample report, which was once handed in, has an audit of its own."
    )
    for name, tab in address.tabs("report_tab", tuple(TABS)):
        with tab:
            TABS[name]()


draw_report_page()
