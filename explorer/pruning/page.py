"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

from collections.abc import Callable

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.pruning import page_channels, page_export, page_forms, page_images, page_layers, page_sweep
from explorer.pruning.scene import Scene
from explorer.ui import address

COUNTS = (100, 250, 500, 1000, 2000, 5000)

TABS: dict[str, Callable[[Scene], None]] = {
    "Sweep": page_sweep.main,
    "Masked, zeroed, sliced": page_forms.main,
    "Sensitive layers": page_layers.main,
    "Classes and images": page_images.main,
    "Coupled channels": page_channels.main,
    "Take it along": page_export.main,
}


def main() -> None:
    """Draw the lesson."""
    st.title("Pruning")
    st.markdown(
        "Does pruning make a network faster? Setting weights to zero and taking channels out are both called "
        "pruning, and do very different things to accuracy, size and milliseconds."
    )
    scene = _scene()
    for name, tab in address.tabs("pruning_tab", tuple(TABS)):
        with tab:
            TABS[name](scene)


def _scene() -> Scene:
    cards = ui.networks()
    if not cards:
        raise ExplorerError(
            f"{ui.workspace().data.title} has no network to prune yet: add a checkpoint under Your data."
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
    images = ui.images("test")
    steps = [*(count for count in COUNTS if count < len(images)), len(images)]
    count = address.choice(
        "images",
        "Images, the first so many",
        steps,
        draw=right.select_slider,
        default=min(500, len(images)),
        help=f"Of {images.name}. More images make the intervals narrower and the runs longer.",
    )
    source = ui.workspace().source(name)
    return Scene(source, name, ui.shared_model(name), images.select(slice(count)))


main()
