"""Predict, then reveal: how far the accuracy falls, asked before the curves are seen and drawn on them."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.classroom import Question
from explorer.pruning import asked
from explorer.pruning.methods import METHODS
from explorer.pruning.page_asked import RATIOS
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow
from explorer.ui import address

# The start page and the curves that the page opens with tell of global ranking and of channels, not of this.
ASKED_METHOD, ASKED_RATIO = "layer-l1", 0.8


def question(selection: PruningSelection, rows: Iterable[SweepRow] = ()) -> Question:
    """What is asked about the sweep, answered by the first of these rows that can."""
    return asked.curve_question(
        selection.title,
        selection.weights,
        selection.images.whole,
        address.value("guess_method", default=ASKED_METHOD, options=METHODS),
        address.value("guess_ratio", default=ASKED_RATIO, options=RATIOS),
        rows,
    )


def ask(selection: PruningSelection, rows: Iterable[SweepRow]) -> None:
    """The question, and what can be asked instead.

    Args:
        selection: the network and the images.
        rows: that may answer.
    """
    with st.container(horizontal=True):
        with st.popover("What is asked", icon=":material/tune:"):
            address.choice(
                "guess_method",
                "Method asked about",
                tuple(METHODS),
                default=ASKED_METHOD,
                format_func=title_of,
                help=f"Together with the ratio: the question.\n\n{METHODS_HELP}",
            )
            address.choice(
                "guess_ratio",
                "Ratio",
                RATIOS,
                default=ASKED_RATIO,
                format_func="{:.0%}".format,
                help="Share of weights, or of each layer's channels.",
            )
        ui.predict(question(selection, rows))


def marks(selection: PruningSelection) -> pd.DataFrame | None:
    """The settled guesses about this network, for the curve; None where there are none."""
    return asked.marks(ui.predictions().about(asked.KEY, (selection.weights, selection.images.whole)))
