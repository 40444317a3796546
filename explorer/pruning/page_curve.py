"""What a sweep says: the curves with their captions, and the table."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.checkpoints.evidence import StoredRows
from explorer.pruning import charts, page_guess, reading
from explorer.pruning.criteria import describe_criteria
from explorer.pruning.page_one import stored_wall
from explorer.pruning.repair import KIND, RepairRow
from explorer.pruning.repair_reading import beside_sweep, describe_beside, with_repairs
from explorer.pruning.seeds import describe_spreads, fold_seeds
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sweep import SweepRow
from explorer.pruning.wall_reading import OPENS_WITH, describe_recoveries
from explorer.selection import USE
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
    data = ui.kept(partial(reading.folded_table, rows, selection.params))
    draw_beside_stored(shown, lambda rows: _draw_curve(selection, rows, field))
    _say_repair(selection, rows)
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


def say_criteria(selection: PruningSelection, shown: ShownResult[SweepRow]) -> None:
    """Which way of ranking wins here, and where chance does better: of all that is stored, else of what is shown."""
    classes = len(selection.data.classes)
    stored = ui.workspace().find_rows("sweep", SweepRow, selection.name)
    if stored is not None and shown.origin == "precomputed":
        # The controls may ask for one method alone, and one alone wins nothing.
        rows = stored.rows
        where = f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}."
    else:
        rows, where = shown.parts, ""
    said = ui.kept(partial(describe_criteria, rows, classes))
    if not said:
        return
    st.markdown("\n".join(["**Which criterion wins here**", "", *(f"- {each}" for each in said)]))
    if where:
        ui.provenance("precomputed", where)


def _stored_repairs(selection: PruningSelection) -> StoredRows[RepairRow] | None:
    return ui.workspace().find_rows(KIND, RepairRow, selection.name)


def _beside(stored: StoredRows[RepairRow] | None, rows: Sequence[SweepRow]) -> tuple[RepairRow, ...]:
    """The stored repairs that can stand on the sweep's axis; none where it has recoveries of its own."""
    if stored is None or any(row.recovery != "none" for row in rows):
        return ()
    return beside_sweep(stored.rows, {row.method for row in rows}, rows[0].total)


def _say_repair(selection: PruningSelection, rows: Sequence[SweepRow]) -> None:
    """What repair brings, of what ships of this network, and the way to it."""
    stored, said, where = _stored_repairs(selection), "", ""
    beside = _beside(stored, rows)
    if stored is not None and beside:
        said = describe_beside(stored.rows, beside)
        where = f"{stored.where}; {stored.counted(selection.data, USE)}; {selection.title}."
    elif (wall := stored_wall(selection)) is not None:
        said, where = describe_recoveries(wall.parts, OPENS_WITH), wall.where
    with st.container(horizontal=True, vertical_alignment="center"):
        if said:
            with st.container(width=700):
                st.markdown(said)
                ui.provenance("precomputed", where)
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
    repaired = _beside(_stored_repairs(selection), rows)
    data = ui.kept(partial(with_repairs, rows, repaired, selection.params))
    words = " ".join(
        part
        for part in (
            reading.describe_cheap_ratios(rows),
            reading.recovered(rows),
            reading.at_chance(rows, len(selection.data.classes)),
            charts.lines(data),
            describe_spreads(fold_seeds(rows)),
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
    """Draw a line for each network, its seeds together, without the columns that say nothing here.

    Returns:
        All columns, with a line for each seed.
    """
    data = ui.kept(partial(reading.folded_table, rows, selection.params))
    same = {"recovery": "none", "precision": "float32", "seeds": 1}
    unused = [name for name, value in same.items() if (data[name] == value).all()]
    unused += [
        name for name in ("agreement", "ms", "ms_low", "ms_high", "speed_up") if data[name].isna().all()
    ]
    spread = {"accuracy_low": "spread_low", "accuracy_high": "spread_high"}
    st.dataframe(
        data.drop(columns=["busy", *unused]).rename(columns=spread), hide_index=True, column_config=ui.COLUMNS
    )
    return ui.kept(partial(reading.with_share, rows, selection.params))
