"""Shares: how much of each layer goes if all together have a budget, found from the sensitivity of each."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explorer import palette, ui
from explorer.errors import ExplorerError
from explorer.pruning import charts, shares
from explorer.pruning.sensitivity import Cell
from explorer.ui import address


def main(cells: Sequence[Cell]) -> None:
    """The budget and the layers left out beside the shares that follow, and the way to a repair with these."""
    st.header("A budget for all layers")
    view, side = st.columns([2, 1], gap="large")
    with side:
        budget = address.slider(
            "budget",
            "Share of all weights that goes",
            step=0.05,
            format="percent",
            help="It is dealt out so that, masked alone, each layer would lose the same points: a layer that is not "
            "sensitive gives more.",
        )
        layers = tuple(dict.fromkeys(cell.layer for cell in cells))
        left_out = tuple(address.choices("left_whole", "Layers left whole", layers, default=()))
        st.button(
            "Repair with shares found so",
            icon=":material/healing:",
            width="stretch",
            on_click=_to_repair,
            help="Prunes with such shares and trains on. There they are found on validation images, since test images "
            "must not choose.",
        )
    with view:
        try:
            table = ui.kept(partial(_table, tuple(cells), round(budget, 4), left_out))
        except ExplorerError as error:
            st.warning(str(error), icon=":material/block:")
            return
        words = shares.describe_shares(table)
        ui.chart(
            partial(charts.shares_bars, table, palette.MASKED),
            f"Share of each layer's weights that goes. {words}".replace("**", ""),
            words,
        )
        ui.download("Shares as CSV", table, "shares.csv")


def _table(cells: Sequence[Cell], budget: float, left_out: tuple[str, ...]) -> pd.DataFrame:
    return shares.shares_table(cells, shares.balanced_ratios(cells, budget, left_out))


def _to_repair() -> None:
    address.put("look", "Repair")
    address.put("repaired", "global-l1")
    address.put("rounds", 1)
    address.put("shares", "sensitivity")
