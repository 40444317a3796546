"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

from collections.abc import Callable

import streamlit as st

from explorer import ui
from explorer.errors import ExplorerError
from explorer.pruning import page_channels, page_export, page_forms, page_images, page_layers, page_sweep
from explorer.pruning.scene import Scene

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
    tabs = st.tabs(list(TABS), key="p_tab", on_change="rerun", bind="query-params")
    for name, tab in zip(TABS, tabs, strict=True):
        if tab.open:
            with tab:
                TABS[name](scene)


def _scene() -> Scene:
    titles = {card.title: name for name, card in ui.networks().items()}
    if not titles:
        raise ExplorerError(
            f"{ui.workspace().title} has no network to prune yet: add a checkpoint under Your own."
        )
    left, right = st.columns(2, gap="large")
    title = left.selectbox(
        "Checkpoint", list(titles), key="p_c", bind="query-params", help="Really trained; only ever read."
    )
    images = ui.images("test")
    steps = [*(count for count in COUNTS if count < len(images)), len(images)]
    count = right.select_slider(
        "Images, the first so many",
        steps,
        min(500, len(images)),
        key="p_n",
        bind="query-params",
        help=f"Of {images.name}. More images make the intervals narrower and the runs longer.",
    )
    name = titles[title]
    shipped = name not in ui.workspace().own
    return Scene(name, title, ui.shared_model(name), images.select(slice(count)), shipped)


main()
