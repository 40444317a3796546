"""The homework's curve: what question 3-1 asks for, of this network, stored or measured here."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import ui
from explorer.pruning import charts, reading
from explorer.pruning.homework import (
    HOMEWORK,
    KIND,
    METHOD,
    RATIOS,
    USE,
    describe_homework,
    homework_settings,
)
from explorer.pruning.methods import get_method
from explorer.pruning.page_curve import draw_table
from explorer.pruning.plan import SweepSettings
from explorer.pruning.seeds import describe_spreads, fold_seeds
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow, describe_sweep_measurement, settings_of
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored
from explorer.work.instrument import InstrumentSpec


def panel_of(selection: PruningSelection) -> Panel[SweepRow]:
    """The homework's curve of a network on all validation images."""
    data = selection.data
    settings = homework_settings(data.sizes[USE])
    spec = InstrumentSpec(selection.source, data, USE, data.key_of(USE), settings)
    return Panel(HOMEWORK, spec, stored=_stored(selection))


def _stored(selection: PruningSelection) -> StoredResult[SweepRow] | None:
    stored = ui.workspace().find_rows(KIND, SweepRow, selection.name, USE)
    if stored is None:
        return None
    settings = settings_of(stored.rows, stored.images, stored.settings)
    where = f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}."
    return StoredResult(stored.rows, settings, where)


def main(selection: PruningSelection, view: DeltaGenerator, side: DeltaGenerator, hidden: str) -> None:
    """The curve on the left, what it is on the right.

    Args:
        selection: the network; the curve takes all validation images, however many test images are chosen.
        view: where the curve goes.
        side: where what measures it goes.
        hidden: why it is not shown yet; empty if it is.
    """
    panel, data = panel_of(selection), selection.data
    with side:
        st.markdown(
            f"{get_method(METHOD).sentence} From {RATIOS[0]:.0%} to {RATIOS[-1]:.0%} in steps of "
            f"{RATIOS[1]:.0%}, nothing retrained, on {data.counted(USE, data.sizes[USE])}. "
            "It is what your report answers question 3-1 with."
        )
        panel.controls(blocked=hidden)
    if hidden:
        return
    with view:
        shown = panel.result(partial(_where, selection))
        if shown is None:
            return
        with panel.picture:
            draw_beside_stored(shown, partial(_draw, selection))
    ui.download("The homework's curve as CSV", draw_table(selection, shown.parts), "homework.csv")


def _where(selection: PruningSelection, spec: InstrumentSpec[SweepSettings], rows: Sequence[SweepRow]) -> str:
    counted = selection.data.counted(USE, rows[0].total)
    return describe_sweep_measurement(counted, selection.title, spec.settings, rows)


def _draw(selection: PruningSelection, rows: Sequence[SweepRow]) -> None:
    data = ui.kept(partial(reading.folded_table, rows, selection.params))
    words = f"{describe_homework(rows, selection.title)} {describe_spreads(fold_seeds(rows))}"
    noun = selection.data.noun(USE)
    ui.chart(
        partial(charts.accuracy_curve, data),
        f"Accuracy on {noun}s against the ratio masked of each convolution. {words}".replace("**", ""),
        words,
    )
