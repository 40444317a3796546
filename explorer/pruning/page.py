"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

from collections.abc import Callable

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.pruning import page_channels, page_export, page_forms, page_images, page_layers, page_sweep
from explorer.pruning.page_asked import offered_counts
from explorer.pruning.removal import describe_unsliceable
from explorer.pruning.selection import USE, PruningSelection
from explorer.ui import address

TABS: dict[str, Callable[[PruningSelection], None]] = {
    "Sweep": page_sweep.main,
    "Masked, zeroed, sliced": page_forms.main,
    "Sensitive layers": page_layers.main,
    "Classes and images": page_images.main,
    "Coupled channels": page_channels.main,
    "Take it along": page_export.main,
}


def main() -> None:
    """Draw the lesson."""
    st.markdown(
        "Does pruning make a network faster? Setting weights to zero and taking channels out are both called "
        "pruning, and do very different things to accuracy, size and milliseconds."
    )
    selection = _select()
    for name, tab in address.tabs("pruning_tab", tuple(TABS)):
        with tab:
            TABS[name](selection)


def _select() -> PruningSelection:
    workspace = ui.workspace()
    cards = workspace.cards
    if not cards:
        raise ExplorerError(
            f"{workspace.data.title} has no network to prune yet: add a checkpoint under Your data."
        )
    left, right = st.columns(2, gap="large")
    name = address.choice(
        "checkpoint",
        "Checkpoint",
        tuple(cards),
        draw=left.selectbox,
        format_func=lambda name: cards[name].title,
        help="Only ever read: every pruning works on a copy.",
    )
    images = ui.images(USE)
    count = address.choice(
        "images",
        f"{workspace.data.noun(USE).capitalize()}s, the first so many",
        **offered_counts(len(images)),
        draw=right.select_slider,
        help=f"Of {images.name}. More images make the intervals narrower and the runs longer.",
    )
    network = ui.shared_model(name)
    if said := describe_unsliceable(network):
        st.info(said, icon=":material/link:")
    return PruningSelection(
        workspace.source(name), name, network, workspace.data, images.select(slice(count))
    )


main()
