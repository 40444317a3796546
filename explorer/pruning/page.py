"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

from collections.abc import Callable

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.pruning import page_forms, page_inside, page_sweep, page_wall
from explorer.pruning.page_asked import CURVE, offered_counts
from explorer.pruning.removal import describe_unsliceable
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SWEEP, SweepRow
from explorer.selection import USE
from explorer.ui import address

WALL, CURVES = "The wall", "Curves"
TABS: dict[str, Callable[[PruningSelection], None]] = {
    WALL: page_wall.main,
    CURVES: page_sweep.main,
    "Masked, zeroed, sliced": page_forms.main,
    "Look inside": page_inside.main,
}


def main() -> None:
    """Draw the lesson."""
    workspace = ui.workspace()
    if not workspace.cards:
        raise ExplorerError(
            f"{workspace.data.title} has no network to prune yet: add a checkpoint under Your data."
        )
    selection = _select()
    for name, tab in address.tabs("pruning_tab", tuple(TABS)):
        with tab:
            TABS[name](selection)


def _select() -> PruningSelection:
    workspace = ui.workspace()
    cards = workspace.cards
    images = ui.images(USE)
    # The wall is made of a number of its own, and the homework's curve of all validation images.
    tab = address.peek("pruning_tab", options=tuple(TABS))
    counts = tab != WALL and (tab != CURVES or address.peek("curve", **CURVE) == SWEEP.key)
    left, right = st.columns([2, 1], gap="small") if counts else (st.container(), st)
    name = address.choice(
        "checkpoint",
        "Network to prune",
        tuple(cards),
        draw=left.selectbox,
        format_func=lambda name: cards[name].title,
        label_visibility="collapsed",
    )
    sweep = workspace.find_rows(SWEEP.key, SweepRow, name) if tab == CURVES else None
    offered = offered_counts(len(images), sweep.images if sweep else None)
    count = int(
        address.choice(
            "images",
            "How many images are counted",
            **offered,
            draw=right.selectbox,
            format_func=lambda count: f"on {count:,} {workspace.data.noun(USE)}s",
            help="Fewer than all are chosen so that each class has its share.",
            label_visibility="collapsed",
        )
        if counts
        else address.peek("images", **offered)
    )
    network = ui.shared_model(name)
    if said := describe_unsliceable(network):
        st.info(said, icon=":material/link:")
    return PruningSelection(workspace.source(name), name, network, workspace.data, images.stratified(count))


main()
