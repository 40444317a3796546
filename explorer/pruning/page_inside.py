"""Look inside: which layers are sensitive, which images turn, which channels hang together, and the network to take."""

from collections.abc import Callable

import streamlit as st

from explorer.pruning import page_channels, page_export, page_images, page_layers, page_repair
from explorer.pruning.selection import PruningSelection
from explorer.ui import address

LOOKS: dict[str, Callable[[PruningSelection], None]] = {
    "Classes and images": page_images.main,
    "Sensitive layers": page_layers.main,
    "Coupled channels": page_channels.main,
    "Repair": page_repair.main,
    "Take it along": page_export.main,
}


def main(selection: PruningSelection) -> None:
    """What is looked at, and that."""
    look = address.choice(
        "look",
        "Look at",
        tuple(LOOKS),
        draw=st.segmented_control,
        required=True,
        label_visibility="collapsed",
    )
    LOOKS[look](selection)
