"""What the pages share: cached data and models, the provenance line, the turn for heavy work."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import streamlit as st
from torch import Tensor, nn

from explorer import checkpoints, evidence
from explorer.checkpoints import Card
from explorer.data import ImageSet, fashion_mnist
from explorer.errors import ExplorerError

Origin = Literal["measured", "precomputed", "estimated", "computed"]

_BADGES = {
    "measured": ":green-badge[:material/timer: measured here]",
    "precomputed": ":blue-badge[:material/inventory_2: precomputed]",
    "estimated": ":orange-badge[:material/straighten: estimated]",
    "computed": ":green-badge[:material/calculate: computed here]",
}


@st.cache_resource(show_spinner="Reading the images")
def images(split: fashion_mnist.Split) -> ImageSet:
    """A bundled split; shared by all visitors, so only ever read."""
    return fashion_mnist.load(split)


@st.cache_resource(show_spinner=False)
def cards(folder: Path = checkpoints.SHIPPED) -> dict[str, Card]:
    """The cards of the shipped checkpoints, by name."""
    return checkpoints.catalogue(folder)


@st.cache_resource(show_spinner="Reading the checkpoint", max_entries=8)
def shared_model(name: str) -> nn.Module:
    """A shipped network in eval mode; shared by all visitors, so only ever read, never changed."""
    return checkpoints.load(name)


@st.cache_data(show_spinner=False)
def names_with_logits() -> tuple[str, ...]:
    """The shipped networks whose logits on the validation images are stored."""
    return evidence.names_with_logits()


@st.cache_resource(show_spinner="Reading the teacher's and students' logits", max_entries=16)
def validation_logits(name: str) -> Tensor:
    """The precomputed logits (5,000, C) of a shipped network; shared, so only ever read."""
    return evidence.read_logits(name)


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


class _Queue:
    """First come, first served: one holder at a time in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[int] = []

    def join(self) -> int:
        with self._changed:
            ticket = next(self._tickets)
            self._waiting.append(ticket)
            return ticket

    def ahead(self, ticket: int, wait_seconds: float) -> int:
        """How many are before this ticket, after waiting at most so long for a change."""
        with self._changed:
            if self._waiting.index(ticket):
                self._changed.wait(wait_seconds)
            return self._waiting.index(ticket)

    def leave(self, ticket: int) -> None:
        with self._changed:
            self._waiting.remove(ticket)
            self._changed.notify_all()


@st.cache_resource(show_spinner=False)
def _queue() -> _Queue:
    return _Queue()


@st.cache_resource(show_spinner="Reading the teacher's logits on the shard")
def shard_views() -> Tensor:
    """The precomputed logits (views, 5,000, C) of the teacher on the shard; only ever read."""
    return evidence.read_shard_views()


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """A function that tells the seconds since the block was entered."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started


@contextmanager
def heavy_work() -> Iterator[None]:
    """Hold the process's one turn for heavy work; while others are ahead, the page says how many.

    A visitor who leaves or presses stop gives the turn back.
    """
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
        yield
    finally:
        if ticket is not None:
            queue.leave(ticket)
