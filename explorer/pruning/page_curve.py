"""What a sweep says: the curves with their captions, and the table."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.pruning import charts, page_guess, reading
from explorer.pruning.criteria import describe_criteria
from explorer.pruning.page_one import stored_wall
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow
from explorer.pruning.wall_reading import OPENS_WITH, describe_recoveries
from explorer.ui import address
from explorer.ui.instrument import ShownResult, draw_beside_stored


def choose_axis() -> str:
    """What accuracy is drawn against: what was asked for, or what it costs."""
    return address.choice(
        "against",
        "Accuracy against",
        tuple(charts.ACROSS),
        draw=st.segmented_control,
        required=True,
        format_func=lambda field: charts.ACROSS[field].name,
        label_visibility="collapsed",
    )


def draw_curves(selection: PruningSelection, shown: ShownResult[SweepRow], field: str) -> None:
    """Accuracy against ratio or cost, the guesses, and measured speed."""
    rows = shown.parts
    data = ui.kept(partial(reading.with_share, rows, selection.params))
    draw_beside_stored(shown, lambda rows: _draw_curve(selection, rows, field))
    _say_repair(selection)
    if data["speed_up"].notna().any():
        ui.chart(
            partial(charts.speed_curve, data),
            f"Measured speed-up over the dense network against pruning ratio. {reading.fastest(rows)}",
            "A masked network still multiplies by its zeros; one without the channels has less to multiply.",
        )
    st.caption(
        "**Ratio** means: masked, the share of all convolution and linear weights; removed, the share of each "
        "layer's channels, which takes about 1 - (1 - r)² of the parameters (the table has the exact share)."
    )
    if (share := reading.agreement(rows)) is not None:
        st.caption(
            f"bfloat16 agrees with float32 in at least **{share:.2%}** of the predictions (first 500 images at most)."
        )


def _say_repair(selection: PruningSelection) -> None:
    """What repair brings, of what ships of this network, and the way to it."""
    wall = stored_wall(selection)
    said = "" if wall is None else describe_recoveries(wall.parts, OPENS_WITH)
    with st.container(horizontal=True, vertical_alignment="center"):
        if wall is not None and said:
            with st.container(width=700):
                st.markdown(said)
                ui.provenance("precomputed", wall.where)
        st.button(
            "Repair it, also in rounds",
            icon=":material/healing:",
            on_click=_to_repair,
            help="Look inside: trained on for whole epochs, beside small networks trained from scratch.",
        )


def _to_repair() -> None:
    address.put("pruning_tab", "Look inside")
    address.put("look", "Repair")


def _draw_curve(selection: PruningSelection, rows: Sequence[SweepRow], field: str) -> None:
    """Accuracy against ratio or cost, with what it says."""
    data = ui.kept(partial(reading.with_share, rows, selection.params))
    words = " ".join(
        part
        for part in (
            reading.describe_cheap_ratios(rows),
            describe_criteria(rows),
            reading.recovered(rows),
            reading.at_chance(rows, len(selection.data.classes)),
            charts.lines(data),
            "Bands and lines up and down are 95% Wilson intervals.",
        )
        if part
    )
    drawn = data[data[field].notna()]
    if drawn.empty:
        st.info("None of these networks was timed: choose another axis.", icon=":material/timer_off:")
    ui.chart(
        partial(charts.accuracy_curve, drawn, field, page_guess.marks(selection)),
        f"{charts.ACROSS[field].name}: accuracy of each pruned network. {words}".replace("**", ""),
        words,
    )


def offer_table(selection: PruningSelection, rows: Sequence[SweepRow]) -> None:
    """Every network of the sweep, one line each, and as CSV."""
    ui.download("Sweep as CSV", draw_table(selection, rows), "sweep.csv")


def draw_table(selection: PruningSelection, rows: Sequence[SweepRow]) -> pd.DataFrame:
    """Draw a line for each network, without the columns that say nothing here, and give all columns."""
    data = ui.kept(partial(reading.with_share, rows, selection.params))
    same = {"recovery": "none", "precision": "float32"}
    unused = [name for name, value in same.items() if (data[name] == value).all()]
    unused += [
        name for name in ("agreement", "ms", "ms_low", "ms_high", "speed_up") if data[name].isna().all()
    ]
    st.dataframe(data.drop(columns=["busy", *unused]), hide_index=True, column_config=ui.COLUMNS)
    return data
