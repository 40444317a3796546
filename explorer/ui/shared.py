"""The workspace of a session, and what is read for it once for all visitors: with a cache and a progress bar."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st
from torch import Tensor, nn

from explorer.arguments import started_with
from explorer.checkpoints import Card
from explorer.data import BUNDLED, ImageSet, Use
from explorer.data.layout import Folder, scan
from explorer.errors import ExplorerError
from explorer.ledger import Origin
from explorer.training import Recipe
from explorer.ui.session import session
from explorer.ui.work import forget_prepared, prepare
from explorer.user_code import Given, read_or_refused
from explorer.work.kept import Kept, Keyed
from explorer.workspace import (
    Logits,
    NetworkSource,
    Refused,
    Workspace,
    logits_of,
    networks_in,
    open_workspace,
    origin_of,
    signature,
    view_logits_of,
)

_MODELS = Kept(200 * 2**20)


@st.cache_resource(show_spinner="Reading the folder", max_entries=2)
def read_folder(path: str) -> Folder:
    """What the user's folder holds; ``forget_folder`` makes it be read again."""
    return scan(Path(path))


def read_networks(folder: Path | None) -> tuple[tuple[NetworkSource, ...], tuple[Refused, ...]]:
    """The networks in a folder, and what is wrong with other files; read again when one changes."""
    # As one text: Streamlit takes milliseconds to tell one tuple of many from another.
    return _read_networks(folder, repr(signature(folder))) if folder else ((), ())


@st.cache_resource(show_spinner="Reading the checkpoints", max_entries=4)
def _read_networks(folder: Path, state: str) -> tuple[tuple[NetworkSource, ...], tuple[Refused, ...]]:
    del state
    return networks_in(folder)


def given_networks(size: int) -> tuple[tuple[NetworkSource, ...], tuple[ExplorerError, ...]]:
    """The networks that the app was started with (``--network``), and why others of them cannot be used.

    Code is run once, with progress, and again when its file has changed; it is exported with images of ``size`` pixels.
    """
    try:
        texts = started_with(sys.argv[1:]).networks
    except ExplorerError as error:
        return (), (error,)
    tried = []
    for text in texts:
        given = Given(text, size)
        tried.append(prepare(("given", given.stamp), read_or_refused, given))
    return (
        tuple(each for each in tried if isinstance(each, NetworkSource)),
        tuple(each for each in tried if isinstance(each, ExplorerError)),
    )


def forget_folder() -> None:
    """Read the user's folder again, because its files have changed."""
    read_folder.clear()
    forget_prepared()


@st.cache_resource(show_spinner=False)
def shipped() -> Workspace:
    """The bundled images with the networks that ship, whatever the workspace is."""
    return open_workspace(BUNDLED)


def workspace() -> Workspace:
    """The images and networks that the lessons work on in this session."""
    return session().workspace


def networks() -> dict[str, Card]:
    """The cards of all networks that can be chosen in this workspace, by name."""
    return workspace().cards


def images(use: Use, within: Workspace | None = None) -> ImageSet:
    """A workspace's images for a use, by default of this session's; only ever read.

    They are read once, with progress where files are decoded.
    """
    data = (within or workspace()).data
    return prepare((data.key, data.split_for(use)), data.read, use, on_disk=True)


def shared_model(name: str) -> nn.Module:
    """A network of the workspace in eval mode; shared by all visitors, so only ever read, never changed."""
    source = workspace().source(name)
    return _MODELS.of(partial(_load, Keyed((source.card.sha256,), source)))


def _load(source: Keyed[NetworkSource]) -> nn.Module:
    return source.value.load()


def validation_logits(name: str, within: Workspace | None = None) -> Tensor:
    """The logits (N, C) of a network of a workspace on its validation images; only ever read.

    Stored with the network, or computed once, with progress.
    """
    return _validation_logits(name, within or workspace()).values


def origin_of_logits(*names: str, within: Workspace | None = None) -> tuple[Origin, str]:
    """Where figures that need the validation logits of these networks come from, for ``provenance``."""
    return origin_of(*(_validation_logits(name, within or workspace()) for name in names))


def logits_in_words(*names: str) -> str:
    """The validation logits of these networks in words: how they were got, whose they are, on what."""
    origin, where = origin_of_logits(*names)
    return f"precomputed {where}" if origin == "precomputed" else where


def _validation_logits(name: str, within: Workspace) -> Logits:
    shown, card = images("validation", within), within.source(name).card
    key = ("logits", card.sha256, shown.key)
    logits = prepare(key, logits_of, within.source(name), within.data)
    # Kept by the weights, they may have been computed under another title, in another session.
    return replace(logits, network=card.title)


def view_logits(name: str, recipe: Recipe) -> Tensor:
    """The logits (views, N, C) of a teacher on the workspace's training images; only ever read."""
    within, shown = workspace(), images("training")
    key = (recipe.views_key, within.source(name).card.sha256, shown.key)
    return prepare(key, view_logits_of, within.source(name), within.data, recipe).values
