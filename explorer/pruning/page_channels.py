"""Coupled channels: click one, and see everything that goes with it."""

from functools import partial
from typing import NamedTuple

import pandas as pd
import streamlit as st
from torch import nn

from explorer import ui
from explorer.classroom import Question
from explorer.pruning import asked as questions
from explorer.pruning import charts, coupling
from explorer.pruning.forms import METHOD
from explorer.pruning.selection import PruningSelection
from explorer.ui import address
from explorer.work.kept import Keyed

MAP = "channel_map"


def main(selection: PruningSelection) -> None:
    """The channels of a group as a map, the chosen one's chain, and the count."""
    widths, longest, along = ui.kept(partial(_groups, selection.keyed))
    if not widths:
        st.info("No channel of this network can go alone.", icon=":material/link:")
        return
    st.markdown(f"{along} **Click a channel.**".lstrip())
    if longest is not None and not ui.predict(_question(selection, longest)):
        return
    left, right = st.columns([2, 1], gap="large")
    chosen = address.choice(
        "group",
        "Group of channels",
        tuple(widths),
        draw=left.selectbox,
        default=longest,
        help="Named after the convolutions that make its channels; those of a residual stage share theirs.",
    )
    there = widths[chosen]
    asked = address.integer_input("channel", "Channel", at=right, help="The same as clicking it in the map.")
    channel = min(asked, there - 1)
    if channel != asked:
        st.warning(f"This group has channels 0 to {there - 1}, so this is the last one.")
    strengths, weakest = ui.kept(partial(_strengths, selection.keyed, chosen))
    chain = ui.kept(partial(_chain_of, selection.keyed, chosen, channel))
    total, layers = chain.params, chain.layers
    ui.bare_chart(
        partial(charts.channel_map, strengths, channel),
        width="stretch",
        key=MAP,
        on_select=_clicked,
        selection_mode="pick",
        alt=f"The {there} channels of {chosen} in each of {layers} coupled layers; channel {channel} is framed, "
        f"{weakest} is the weakest.",
    )
    st.caption(
        f"Channel **{channel}** takes a slice of **{layers} layers** along: **{total:,} parameters**, "
        f"{total / selection.params:.2%} of the network. Darker is stronger (L1 norm within its layer); channel "
        f"**{weakest}** is the first that “{METHOD.title}” would take."
    )
    ui.provenance("computed", f"from the weights and shapes of {selection.title}.")
    st.graphviz_chart(
        chain.dot,
        width="content",
        alt=f"The chain of channel {channel} through {layers} layers; in words below.",
    )
    st.caption(
        f"The chain of channel {channel}, in the direction of the data. The table lists every tensor it is cut "
        "out of; BatchNorm's running mean and variance go too, they are not parameters."
    )
    with st.expander("The chain in words"):
        st.text(chain.text)
    st.dataframe(
        chain.table,
        hide_index=True,
        height="content",
        column_config={"parameters": st.column_config.NumberColumn(format="localized")},
    )
    ui.download("Chain as CSV", chain.table, "chain.csv")


class _Chain(NamedTuple):
    """All that goes with a channel: parameters, layers, the chain as a drawing and in words, and every tensor."""

    params: int
    layers: int
    dot: str
    text: str
    table: pd.DataFrame


def _question(selection: PruningSelection, group: str) -> Question:
    chain = ui.kept(partial(_chain_of, selection.keyed, group, 0))
    layers = {name.rpartition(".")[0] for name, _ in selection.network.named_parameters()}
    return questions.coupling_question(
        selection.title, selection.weights, group, chain.layers, len(layers), chain.params
    )


def _groups(network: Keyed[nn.Module]) -> tuple[dict[str, int], str | None, str]:
    """How many channels each group has, by its title, the group to open with, and what goes with any channel."""
    titles = coupling.by_title(network.value)
    longest = tuple(titles)[coupling.longest(network.value)] if titles else None
    widths = {title: group.width for title, group in titles.items()}
    return widths, longest, coupling.goes_along(network.value)


def _strengths(network: Keyed[nn.Module], title: str) -> tuple[pd.DataFrame, int]:
    """How strong a group's channels are, and the weakest of them."""
    group = coupling.by_title(network.value)[title]
    return coupling.strengths(network.value, group), coupling.weakest(network.value, group, METHOD)


def _chain_of(network: Keyed[nn.Module], title: str, channel: int) -> _Chain:
    group = coupling.by_title(network.value)[title]
    slices, links = coupling.coupled(network.value, group, (channel,)), coupling.chain(network.value, group)
    return _Chain(
        sum(each.params for each in slices),
        len({each.layer for each in slices}),
        coupling.chain_dot(links, slices),
        coupling.chain_text(links, slices),
        coupling.slice_table(slices),
    )


def _clicked() -> None:
    for cell in ui.picked(MAP, "pick"):
        address.put("channel", int(cell["channel"]))
