"""What the pages share: images and networks, the provenance line, the turn for heavy work."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlencode

import pandas as pd
import streamlit as st
from torch import Tensor, nn

from explorer import checkpoints, evidence
from explorer.checkpoints import Card
from explorer.data import ImageSet, fashion_mnist
from explorer.data.folder import Folder, Notice, scan
from explorer.errors import ExplorerError
from explorer.ledger import Lesson, Origin, State
from explorer.progress import Update, follow
from explorer.queue import Queue
from explorer.training import Recipe
from explorer.workspace import Own, Use, Workspace, from_folder

_BADGES = {
    "measured": ":green-badge[:material/timer: measured here]",
    "precomputed": ":blue-badge[:material/inventory_2: precomputed]",
    "estimated": ":orange-badge[:material/straighten: estimated]",
    "carried": ":gray-badge[:material/link: from a file or link]",
    "computed": ":green-badge[:material/calculate: computed here]",
}


Result = TypeVar("Result")
SHIPPED = Workspace()
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
    found = st.session_state.get("workspace")
    return found if isinstance(found, Workspace) else SHIPPED


def uploads() -> dict[str, Own]:
    """The networks uploaded in this session, by name."""
    found: dict[str, Own] = st.session_state.setdefault("uploads", {})
    return found


@st.cache_resource(show_spinner="Reading the images")
def shipped_images(use: Use) -> ImageSet:
    """A split of the Fashion-MNIST that ships, whatever the workspace is; only ever read."""
    return fashion_mnist.load(use)


def images(use: Use) -> ImageSet:
    """The workspace's images for a use; shared by all visitors, so only ever read.

    In a folder of one's own ``test`` and ``validation`` are both its validation images, ``shard`` its
    training images; they are decoded once, with progress.
    """
    place = workspace()
    if place.source is None:
        return shipped_images(use)
    split = "training" if use == "shard" else "validation"
    return _once((place.key, split), lambda: place.images(use))


def image_notices(split: Literal["training", "validation"]) -> tuple[Notice, ...]:
    """What was noticed about the files of a split of one's own folder when they were opened."""
    place = workspace()
    source = place.source
    if source is None or not getattr(source.folder, split):
        return ()
    return _once((place.key, split, "notices"), lambda: source.read(split))[1]


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


def network(name: str) -> nn.Module:
    """A private copy of a network of the workspace, in eval mode."""
    return workspace().network(name)


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
    place, found = workspace(), images("shard")
    if name not in place.own:
        return _shipped_view_logits()
    key = (place.key, place.own[name].card.sha256, "views", str(len(recipe.views)))
    return _once(key, lambda: place.view_logits(name, found, recipe))


def origin_of_logits() -> tuple[Origin, str]:
    """Where the workspace's logits come from, for ``provenance``."""
    place = workspace()
    if place.source is None:
        return "precomputed", "logits of the shipped networks on the 5,000 validation images"
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

            def show(update: Update) -> None:
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


@contextmanager
def page() -> Iterator[None]:
    """Around everything a page draws: errors as one sentence, and a word on values a link got wrong."""
    asked, notice = st.query_params.to_dict(), st.container()
    try:
        yield
    except ExplorerError as error:
        st.error(str(error), icon=":material/error:")
    # A rerun may still report the address the page was opened with, so each address is checked once.
    if asked != st.session_state.get("checked_address"):
        st.session_state["checked_address"] = asked
        for key, text in asked.items():
            if key in st.session_state and not _means(text, st.session_state[key]):
                notice.warning(
                    f"The link asks for {key} = {text}, which is not possible here; "
                    f"this page opens with {st.session_state[key]}.",
                    icon=":material/link_off:",
                )


def _means(text: str, value: object) -> bool:
    """Whether a text from the address stands for this widget value, or for one of its values."""
    if isinstance(value, list | tuple):
        return any(_means(text, each) for each in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(text) == value
        except ValueError:
            return text == f"{value:.0%}"  # how a choice among ratios stands in the address
    return text.lower() == str(value).lower()


def session_networks() -> dict[str, nn.Module]:
    """Networks trained in this session, by title, for every lesson to open; only ever read."""
    found: dict[str, nn.Module] = st.session_state.setdefault("networks", {})
    return found


def networks_table() -> None:
    """The shipped networks with their measured accuracies, and where those come from."""
    st.dataframe(
        checkpoints.table(cards().values()),
        hide_index=True,
        column_config={
            "test accuracy": st.column_config.NumberColumn(format="%.4f"),
            "parameters": st.column_config.NumberColumn(format="localized"),
        },
    )
    provenance(
        "precomputed",
        "trained on Fashion-MNIST (MIT licence), one seed each, measured on its 10,000 test images; "
        "<code>python -m explorer verify</code> recomputes every accuracy.",
    )


def chart(figure: Any, alt_text: str, caption: str) -> None:
    """An Altair chart with its text alternative, and under it the sentence that says what to see."""
    st.altair_chart(figure, width="stretch", alt=alt_text)
    st.caption(caption)


def download(label: str, rows: pd.DataFrame, file: str) -> None:
    """A button that saves a table as CSV."""
    st.download_button(
        label, rows.to_csv(index=False), file, "text/csv", on_click="ignore", icon=":material/download:"
    )


def provenance(origin: Origin, text: str) -> None:
    """Say where the figures above come from: how they were got, on what, with which settings."""
    st.markdown(f"{_BADGES[origin]} <small>{text}</small>", unsafe_allow_html=True)


def pinned() -> list[State]:
    """The states pinned in this session, in order; a copy."""
    return list(st.session_state.get("ledger", []))


def set_pinned(states: list[State]) -> None:
    """Replace the pinned states of this session."""
    st.session_state["ledger"] = list(states)


def pin(lesson: Lesson, state: Callable[[], State]) -> None:
    """A button that pins what the page shows, with a link to the page as it is; ``state`` makes the row."""
    if st.button(
        "Pin to the ledger",
        icon=":material/keep:",
        key=f"pin_{lesson}",
        help="Adds this network as a row to compare with others, on the page Ledger and report.",
    ):
        row = replace(state(), link=_address(lesson))
        set_pinned([*pinned(), row])
        st.toast(f"Pinned: {row.title}", icon=":material/keep:")


def _address(lesson: Lesson) -> str:
    """The lesson's page with the values its own controls have in the address."""
    asked = [
        (key, value)
        for key in st.query_params
        if key.startswith(f"{lesson[0]}_")
        for value in st.query_params.get_all(key)
    ]
    return f"{lesson}?{urlencode(asked)}" if asked else lesson


def remember(lesson: str, value: object) -> None:
    """Keep what a lesson now shows, for the report."""
    st.session_state[f"now_{lesson}"] = value


def remembered(lesson: str) -> Any:
    """What a lesson last showed in this session; None if it was not opened."""
    return st.session_state.get(f"now_{lesson}")


_turn = threading.local()


@st.cache_resource(show_spinner=False)
def _queue() -> Queue:
    return Queue()


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """A function that tells the seconds since the block was entered."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started


@contextmanager
def heavy_work() -> Iterator[None]:
    """Hold the process's one turn for heavy work; while others are ahead, the page says how many.

    A visitor who leaves or presses stop gives the turn back. Inside a turn, another is the same one.
    """
    if getattr(_turn, "held", False):
        yield
        return
    queue, ticket = _queue(), None
    try:
        ticket = queue.join()
        notice = st.empty()
        while ahead := queue.ahead(ticket, 0.5):
            notice.info(
                f"{ahead} run{'s' if ahead > 1 else ''} ahead of yours on this machine; it starts by itself.",
                icon=":material/hourglass_top:",
            )
        notice.empty()
        _turn.held = True
        yield
    finally:
        _turn.held = False
        if ticket is not None:
            queue.leave(ticket)
