"""Images, networks and logits of the workspace, shared by all visitors and only ever read."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar, cast

import streamlit as st
from torch import Tensor, nn

from explorer import checkpoints, evidence
from explorer.checkpoints import Card
from explorer.data import BUNDLED, ImageSet, Use
from explorer.data.layout import Folder, scan
from explorer.ledger import Origin
from explorer.training import Recipe
from explorer.ui.session import session
from explorer.ui.work import heavy_work, pace, stopwatch
from explorer.work.progress import Update, follow
from explorer.workspace import Own, Workspace, from_folder

Result = TypeVar("Result")
MOST_PREPARED = 48


@st.cache_resource(show_spinner="Reading the folder", max_entries=2)
def read_folder(path: str) -> Folder:
    """What the folder of one's own holds; ``forget_folder`` makes it be read again."""
    return scan(Path(path))


@st.cache_resource(show_spinner="Reading your checkpoints", max_entries=2)
def read_checkpoints(
    root: str, state: tuple[tuple[str, int, int], ...]
) -> tuple[dict[str, Own], tuple[str, ...]]:
    """The checkpoints in a folder's root, and what is wrong with the others; read again when one changes."""
    del state
    return from_folder(Path(root))


def forget_folder() -> None:
    """Read the folder of one's own again, because its files have changed."""
    read_folder.clear()
    _store().clear()


def workspace() -> Workspace:
    """The images and networks that the lessons work on in this session."""
    return session().workspace


@st.cache_resource(show_spinner="Reading the images")
def shipped_images(use: Use) -> ImageSet:
    """A split of the bundled images, whatever the workspace is; only ever read."""
    return BUNDLED.load(use)


def images(use: Use) -> ImageSet:
    """The workspace's images for a use; shared by all visitors, so only ever read.

    They are read once, with progress where files are decoded.
    """
    data = workspace().data
    return _once((data.key, data.split_for(use)), lambda: data.read(use))


@st.cache_resource(show_spinner=False)
def cards(folder: Path = checkpoints.SHIPPED) -> dict[str, Card]:
    """The cards of the shipped checkpoints, by name."""
    return checkpoints.catalogue(folder)


def networks() -> dict[str, Card]:
    """The cards of all networks that can be chosen in this workspace, by name."""
    return workspace().cards


def shared_model(name: str) -> nn.Module:
    """A network of the workspace in eval mode; shared by all visitors, so only ever read, never changed."""
    one = workspace().own.get(name)
    return _shared_model(one.card.sha256 if one else name, workspace(), name)


@st.cache_resource(show_spinner="Reading the checkpoint", max_entries=8)
def _shared_model(weights: str, _place: Workspace, name: str) -> nn.Module:
    return _place.network(name)


@st.cache_data(show_spinner=False)
def names_with_logits() -> tuple[str, ...]:
    """The shipped networks whose logits on the validation images are stored."""
    return evidence.names_with_logits()


@st.cache_resource(show_spinner="Reading the teacher's and students' logits", max_entries=16)
def shipped_logits(name: str) -> Tensor:
    """The stored logits (5,000, C) of a shipped network, whatever the workspace is; only ever read."""
    return evidence.read_logits(name)


def validation_logits(name: str) -> Tensor:
    """The logits (N, C) of a network of the workspace on its validation images; only ever read.

    Stored for shipped networks; computed once, with progress, for one's own.
    """
    place, found = workspace(), images("validation")
    if name not in place.own:
        return shipped_logits(name)
    return _once((place.key, place.own[name].card.sha256, "logits"), lambda: place.logits(name, found))


@st.cache_resource(show_spinner="Reading the teacher's logits on the shard")
def _shipped_view_logits() -> Tensor:
    return evidence.read_shard_views()


def view_logits(name: str, recipe: Recipe) -> Tensor:
    """The logits (views, N, C) of a teacher on the workspace's training images; only ever read."""
    place, found = workspace(), images("training")
    if name not in place.own:
        return _shipped_view_logits()
    key = (place.key, place.own[name].card.sha256, "views", str(len(recipe.views)))
    return _once(key, lambda: place.view_logits(name, found, recipe))


def origin_of_logits() -> tuple[Origin, str]:
    """Where the workspace's logits come from, for ``provenance``."""
    place = workspace()
    if not place.own:
        return "precomputed", f"logits of the shipped networks on the {place.data.describe('validation')}"
    return "computed", f"logits of your networks on {images('validation').name}"


@st.cache_resource(show_spinner=False)
def _store() -> dict[tuple[str, ...], Any]:
    """What was prepared for the workspaces, the oldest first."""
    return {}


def _once(key: tuple[str, ...], steps: Callable[[], Generator[Update, None, Result]]) -> Result:
    """What ``steps`` brings, from memory if it has been brought before, else with a progress bar."""
    store = _store()
    if key not in store:
        with heavy_work(), stopwatch() as clock:
            bar = st.empty()
            bar.progress(0.0, "Starting")

            due = pace()

            def show(update: Update) -> None:
                if not due():
                    return
                done = update.done / update.total
                left = clock() / done - clock()
                bar.progress(
                    done, f"{update.stage}: {update.done:,} of {update.total:,}, about {left:.0f} s left"
                )

            found = store[key] if key in store else follow(steps(), show)
            bar.empty()
        store[key] = found
        for old in list(store)[:-MOST_PREPARED]:
            store.pop(old, None)
        return found
    return cast(Result, store[key])
