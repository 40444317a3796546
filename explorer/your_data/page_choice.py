"""At the head of every page: whose images and networks the lessons work on."""

import sys
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.arguments import started_with
from explorer.data import BUNDLED, DataSet, decode
from explorer.data.folder import VALIDATION, ImageFolder, named_folder
from explorer.data.layout import Folder
from explorer.errors import ExplorerError
from explorer.ui import address
from explorer.workspace import Workspace

FOLDER, SHIPPED = "Your folder", BUNDLED.name
TITLES = {"folder": FOLDER, "bundled": SHIPPED}
STEPS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000)
ALL = 1_000_000
SIDES = (64, 96, 128, 160, 192, 224)


def choose_workspace(head: DeltaGenerator) -> None:
    """Draw the choice, and keep it for this run: ``ui.workspace`` then tells what was chosen.

    Args:
        head: the line of the page's title; without a folder of the user's there is nothing to choose.
    """
    data: DataSet = BUNDLED
    checkpoints: Path | None = None
    try:
        checkpoints = _named_checkpoints()
        path = named_folder(sys.argv[1:])
        if path is not None:
            with head.popover(_now_in_use(), icon=":material/photo_library:"):
                if _folder_chosen(str(path)):
                    data = _choose_images(ui.read_folder(str(path)))
    except (ExplorerError, OSError) as error:
        st.error(
            ui.escape_markup(f"{error} The lessons use {SHIPPED} meanwhile."), icon=":material/folder_off:"
        )
    beside, refused = ui.read_networks(checkpoints or data.checkpoints)
    given, _ = ui.given_networks(data.input_size)
    kept = ui.session()
    networks = (*beside, *given, *kept.uploads.values(), *kept.trained.values())
    kept.workspace = Workspace(data, networks, refused)
    for title in kept.uploads.dropped.values():
        st.warning(
            ui.escape_markup(f"{title} made room in memory for newer networks: upload it again."),
            icon=":material/memory:",
        )
    for title in kept.trained.dropped.values():
        st.warning(
            ui.escape_markup(f"{title} made room in memory for newer networks: make it again."),
            icon=":material/memory:",
        )
    for sentence in kept.workspace.damaged:
        st.warning(ui.escape_markup(sentence), icon=":material/broken_image:")


def _named_checkpoints() -> Path | None:
    """The folder of networks that the app was started with."""
    folder = started_with(sys.argv[1:]).checkpoints
    if folder is not None and not folder.is_dir():
        raise ExplorerError(f"There is no folder {folder}.")
    return folder


def _now_in_use() -> str:
    chosen: str = address.peek("images_of", options=tuple(TITLES))
    return TITLES[chosen]


def _folder_chosen(path: str) -> bool:
    chosen = address.choice(
        "images_of",
        "Images and networks",
        tuple(TITLES),
        draw=st.segmented_control,
        required=True,
        format_func=lambda name: TITLES[name],
        help=f"{ui.escape_markup(path)}, or the {SHIPPED} that ships with its trained networks.",
    )
    return chosen == "folder"


def _choose_images(folder: Folder) -> ImageFolder:
    """Which of the folder's images are used, and at what size."""
    validation = _count("validation_images", "Validation images", len(folder.validation))
    training = _count("training_images", "Training images", len(folder.training))
    size = address.choice(
        "side",
        "Side in pixels",
        SIDES,
        draw=st.select_slider,
        default=decode.SIZE,
        help="Of the images as fed: the course feeds 224. Choose what your network was trained at.",
    )
    data = ImageFolder(folder, validation, training, int(size))
    st.caption(
        f"{ui.escape_markup(data.name)}: {data.sizes['validation']:,} of {len(folder.validation):,} validation "
        f"images, {size} px"
    )
    return data


def _count(key: str, label: str, most: int) -> int:
    steps = [*(step for step in STEPS if step < most), ALL]
    return address.choice(
        key,
        label,
        steps,
        draw=st.select_slider,
        default=next((step for step in steps if step >= VALIDATION), ALL),
        format_func=lambda step: f"all {most:,}" if step == ALL else f"{step:,}",
        disabled=len(steps) == 1,
        help="Taken at random by a fixed seed, not balanced over the classes. More take longer.",
    )
