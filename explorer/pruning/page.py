"""Pruning: what masking weights and removing channels do to accuracy, size and measured time."""

import copy
from collections.abc import Callable

import streamlit as st
from torch import nn

from explorer import ui
from explorer.data import ImageSet
from explorer.pruning import page_channels, page_export, page_forms, page_images, page_layers, page_sweep
from explorer.pruning.scene import Scene

COUNTS = (100, 250, 500, 1000, 2000, 5000, 10000)

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
    titles = {card.title: name for name, card in ui.cards().items()}
    titles |= {title: title for title in ui.session_networks()}
    left, right = st.columns(2, gap="large")
    title = left.selectbox(
        "Checkpoint", list(titles), key="p_c", bind="query-params", help="Really trained; only ever read."
    )
    count = right.select_slider(
        "Test images",
        COUNTS,
        500,
        key="p_n",
        bind="query-params",
        help="The first so many. More images make the intervals narrower and the runs longer.",
    )
    name = titles[title]
    return Scene(name, title, _network(name), _images(int(count)), name in ui.cards())


def _network(name: str) -> nn.Module:
    """A private copy of a network of this session, or the shared one of a shipped checkpoint."""
    here = ui.session_networks()
    return copy.deepcopy(here[name]).eval() if name in here else ui.shared_model(name)


def _images(count: int) -> ImageSet:
    """The images on which everything is counted: the first so many test images."""
    return ui.images("test").select(slice(count))


with ui.page():
    main()
