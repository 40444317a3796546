"""Fewer bits: what small whole numbers in place of float32, and another runtime, do to accuracy, bytes and time."""

from collections.abc import Callable

import streamlit as st

from explorer import ui
from explorer.bits import page_overflow, page_round, page_runtime, page_take
from explorer.bits.selection import BitsSelection
from explorer.errors import ExplorerError
from explorer.ui import address

TABS: dict[str, Callable[[BitsSelection], None]] = {
    "Bits under the hand": page_round.main,
    "int8 and runtimes": page_runtime.main,
    "The overflow trap": page_overflow.main,
    "Take it along": page_take.main,
}


def main() -> None:
    """Draw the lesson."""
    workspace = ui.workspace()
    if not workspace.cards:
        raise ExplorerError(
            f"{workspace.data.title} has no network to round yet: add a checkpoint under Your data."
        )
    cards = workspace.cards
    name = address.choice(
        "checkpoint",
        "Network to round",
        tuple(cards),
        draw=st.selectbox,
        format_func=lambda name: cards[name].title,
        label_visibility="collapsed",
    )
    selection = BitsSelection(workspace.source(name), name, ui.shared_model(name), workspace.data)
    for tab, place in address.tabs("bits_tab", tuple(TABS)):
        with place:
            TABS[tab](selection)


main()
