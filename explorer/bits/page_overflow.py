"""The overflow trap: what a CPU that adds in 16 bits would make of this network, in exact whole numbers."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer import ui
from explorer.bits import charts
from explorer.bits.overflow import (
    KIND,
    OVERFLOW,
    OverflowRow,
    OverflowSettings,
    describe_cut,
    overflow_table,
)
from explorer.bits.selection import BitsSelection
from explorer.runtime.int8 import describe_cpu
from explorer.selection import USE
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored

IMAGES = 200  # counted where nothing is stored
TRAP = (
    "**Why 8-bit weights can be wrong on one CPU and right on another.** A code of an activation (up to 255) times one "
    "of a weight (up to 127) is at most 32,385, and two of them are more than 16 bits hold (32,767). A CPU that adds "
    "pairs in 16 bits cuts such a sum off, without a word. With 7-bit weights every pair fits."
)


def main(selection: BitsSelection) -> None:
    """What is cut off, layer by layer, and what this CPU does."""
    stored = _stored(selection)
    settings = (
        stored.settings
        if stored is not None
        else OverflowSettings(min(IMAGES, selection.data.sizes[USE]), selection.training)
    )
    panel = Panel(OVERFLOW, selection.spec(settings), stored=stored)
    words, side = st.columns([2, 1], gap="large", vertical_alignment="center")
    words.markdown(f"{TRAP} {describe_cpu()}")
    with side:
        panel.controls("Count it here", icon=":material/calculate:")
    shown = panel.result(
        lambda spec, rows: f"{selection.counted(rows[0].total)}; {selection.title}.",
        nothing="Nobody has counted the sums of this network yet: do it here.",
    )
    if shown is None:
        return
    with panel.picture:
        draw_beside_stored(shown, partial(_draw, noun=selection.noun))
    ui.download("Sums as CSV", partial(overflow_table, shown.parts), "sums.csv")
    st.caption(
        "Computed in exact whole numbers, so every CPU gives these figures: a scale per channel, symmetric; "
        "activations in 8 bits; neighbours are added as onnxruntime lays them side by side, channels innermost. "
        "Depthwise layers are multiplied by other instructions, in 32 bits."
    )


def _stored(selection: BitsSelection) -> StoredResult[OverflowRow] | None:
    stored = ui.workspace().find_rows(KIND, OverflowRow, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        OverflowSettings(stored.images, **stored.settings),
        f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}.",
    )


def _draw(rows: Sequence[OverflowRow], noun: str) -> None:
    said = describe_cut(rows, noun)
    st.markdown(said)
    table = ui.kept(partial(overflow_table, tuple(rows)))
    for bits, part in table[table["cut_off"] > 0].groupby("weight_bits"):
        ui.chart(
            partial(charts.cut_bars, part), said, f"Sums of two products cut off with {bits}-bit weights"
        )
