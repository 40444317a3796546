"""In the sidebar of every page: whose images and networks the lessons work on."""

import sys
from typing import cast

import streamlit as st
from torch import nn

from explorer import ui
from explorer.data import decode, own
from explorer.data.folder import Folder
from explorer.data.own import Source
from explorer.errors import ExplorerError
from explorer.workspace import Own, Workspace, signature, trained

FOLDER, FASHION = "Your folder", "Fashion-MNIST"
STEPS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000)
ALL = 1_000_000
SIDES = (64, 96, 128, 160, 192, 224)


def choose_workspace() -> None:
    """Draw the choice, and keep it for this run: ``ui.workspace`` then tells what was chosen."""
    source, found = None, dict[str, Own]()
    try:
        with st.sidebar:
            path = own.named(sys.argv[1:])
            if path is not None and _folder_chosen(str(path)):
                folder = ui.read_folder(str(path))
                source = _source(folder)
                found, _ = ui.read_checkpoints(str(folder.root), signature(folder.root))
    except (ExplorerError, OSError) as error:
        st.error(f"{error} The lessons use Fashion-MNIST meanwhile.", icon=":material/folder_off:")
    classes = len(Workspace(source).classes)
    st.session_state["workspace"] = Workspace(source, found | ui.uploads() | _trained_here(classes))


def _folder_chosen(path: str) -> bool:
    return (
        st.segmented_control(
            "Images and networks",
            [FOLDER, FASHION],
            default=FOLDER,
            required=True,
            key="w",
            bind="query-params",
            help=f"{path}, or the Fashion-MNIST that ships with its trained networks.",
        )
        == FOLDER
    )


def _source(folder: Folder) -> Source:
    """Which of the folder's images are used, and at what size."""
    with st.expander("How many, how large"):
        validation = _count("Validation images", "w_n", len(folder.validation))
        training = _count("Training images", "w_tr", len(folder.training))
        size = st.select_slider(
            "Side in pixels",
            SIDES,
            decode.SIZE,
            key="w_px",
            bind="query-params",
            help="Of the images as fed: the course feeds 224. Choose what your network was trained at.",
        )
    st.caption(
        f"{folder.name}: {min(validation, len(folder.validation)):,} of {len(folder.validation):,} validation images, "
        f"{size} px"
    )
    return Source(folder, validation, training, int(size))


def _count(label: str, key: str, most: int) -> int:
    steps = [*(step for step in STEPS if step < most), ALL]
    return int(
        st.select_slider(
            label,
            steps,
            next((step for step in steps if step >= own.VALIDATION), ALL),
            format_func=lambda step: f"all {most:,}" if step == ALL else f"{step:,}",
            key=key,
            bind="query-params",
            disabled=len(steps) == 1,
            help="Taken at random by a fixed seed, not balanced over the classes. More take longer.",
        )
    )


def _trained_here(classes: int) -> dict[str, Own]:
    """The networks trained in this session that tell as many classes apart."""
    fitting = {
        title: model
        for title, model in ui.session_networks().items()
        if cast(nn.Linear, model.fc).out_features == classes
    }
    return {title: trained(title, model, classes) for title, model in fitting.items()}
