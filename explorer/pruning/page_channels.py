"""Coupled channels: click one, and see everything that goes with it."""

from functools import partial

import streamlit as st

from explorer import ui
from explorer.pruning import charts, coupling
from explorer.pruning.forms import METHOD
from explorer.pruning.selection import PruningSelection
from explorer.ui import address

MAP = "channel_map"


def main(selection: PruningSelection) -> None:
    """The channels of a group as a map, the chosen one's chain, and the count."""
    st.markdown(
        "A channel cannot be removed alone: its BatchNorm entry goes with it, the depthwise filter that reads it, "
        "and an input channel of every layer after it. **Click a channel.**"
    )
    network = selection.network
    titles = coupling.by_title(network)
    if not titles:
        st.info("No channel of this network can go alone.", icon=":material/link:")
        return
    left, right = st.columns([2, 1], gap="large")
    chosen = address.choice(
        "group",
        "Group of channels",
        tuple(titles),
        draw=left.selectbox,
        default=tuple(titles)[coupling.longest(network)],
        help="Named after the convolutions that make its channels; those of a residual stage share theirs.",
    )
    group = titles[chosen]
    there = group.width
    asked = address.integer_input("channel", "Channel", at=right, help="The same as clicking it in the map.")
    channel = min(asked, there - 1)
    if channel != asked:
        st.warning(f"This group has channels 0 to {there - 1}, so this is the last one.")
    slices = coupling.coupled(network, group, (channel,))
    total = sum(each.params for each in slices)
    layers = len({each.layer for each in slices})
    ui.bare_chart(
        partial(charts.channel_map, coupling.strengths(network, group), channel),
        width="stretch",
        key=MAP,
        on_select=_clicked,
        selection_mode="pick",
        alt=f"The {there} channels of {chosen} in each of {layers} coupled layers; channel {channel} is framed.",
    )
    st.caption(
        f"Channel **{channel}** takes a slice of **{layers} layers** along: **{total:,} parameters**, "
        f"{total / selection.params:.2%} of the network. Darker is stronger (L1 norm within its layer); channel "
        f"**{coupling.weakest(network, group, METHOD)}** is the first that “{METHOD.title}” would take."
    )
    ui.provenance("computed", f"from the weights and shapes of {selection.title}.")
    links = coupling.chain(network, group)
    st.graphviz_chart(coupling.chain_dot(links, slices), width="content")
    st.caption(
        f"The chain of channel {channel}, in the direction of the data. The table lists every tensor it is cut "
        "out of; BatchNorm's running mean and variance go too, they are not parameters."
    )
    with st.expander("The chain in words"):
        st.text(coupling.chain_text(links, slices))
    rows = coupling.slice_table(slices)
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={"parameters": st.column_config.NumberColumn(format="localized")},
    )
    ui.download("Chain as CSV", rows, "chain.csv")


def _clicked() -> None:
    for cell in ui.picked(MAP, "pick"):
        address.put("channel", int(cell["channel"]))
