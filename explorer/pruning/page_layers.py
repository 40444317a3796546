"""Sensitive layers: each layer pruned alone, as a heat map."""

import streamlit as st

from explorer import ui
from explorer.pruning import charts, sensitivity
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sensitivity import Cell

MOST = 1000  # images; a cell's interval is then about 3 points wide


class Scan:
    """The cells of a run so far; they survive a stop."""

    def __init__(self, selection: PruningSelection, steps: int) -> None:
        self.title, self.images, self.steps = selection.title, selection.images.name, steps
        self.cells: list[Cell] = []


def main(selection: PruningSelection) -> None:
    """The heat map, measured here or precomputed."""
    count = min(MOST, len(selection.images))
    st.markdown(
        "Which layer can give up its weights? Each one is masked **alone**, its smallest weights first, while all "
        "others stay dense."
    )
    start, stop, _ = st.columns([1, 1, 2])
    run = start.button(
        "Run it here",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        help=f"On the first {count:,} images (at most {MOST:,}).",
    )
    stop.button("Stop", icon=":material/stop:", width="stretch", help="Ends the run and keeps what is there.")
    if run:
        _run(selection, count)
    scan = st.session_state.get("sensitivity")
    if (
        isinstance(scan, Scan)
        and (scan.title, scan.images) == (selection.title, selection.images.name)
        and scan.cells
    ):
        if len(scan.cells) < scan.steps:
            st.info(f"Stopped after {len(scan.cells)} of {scan.steps} cells.", icon=":material/stop_circle:")
        if scan.cells[0].total != count:
            st.warning(
                f"This map was counted on {scan.cells[0].total:,} images, the control asks for {count:,}: run it "
                "here again.",
                icon=":material/sync_problem:",
            )
        _show(scan.cells)
        ui.provenance(
            "measured", f"on the first {scan.cells[0].total:,} of {selection.images.name}, in this session."
        )
        return
    stored = ui.workspace().find_rows("sensitivity", Cell, selection.name)
    if stored is None:
        st.info("No map of this network ships: run it here.", icon=":material/play_arrow:")
        return
    _show(list(stored.rows))
    ui.provenance(
        "precomputed",
        f"{stored.where}; first {stored.images:,} {selection.images.noun}s.",
    )


def _run(selection: PruningSelection, count: int) -> None:
    images, steps = selection.images.select(slice(count)), sensitivity.steps(selection.network)
    scan = Scan(selection, steps)
    st.session_state["sensitivity"] = scan
    with ui.heavy_work():
        bar, figure = st.progress(0.0, "Counting the dense network"), st.empty()
        with ui.stopwatch() as clock:
            for cell in sensitivity.scan(selection.network, images.inputs(), images.targets()):
                scan.cells.append(cell)
                done = len(scan.cells) / steps
                bar.progress(
                    done,
                    f"{cell.layer}, {cell.ratio:.0%}: {cell.drop:.1f} points lost; "
                    f"about {clock() / done - clock():.0f} s left",
                )
                if len(scan.cells) % len(sensitivity.RATIOS) == 0:
                    figure.altair_chart(
                        charts.sensitivity_map(sensitivity.sensitivity_table(scan.cells)),
                        alt="Points lost by layer and ratio, growing layer by layer",
                    )
        bar.empty()
        figure.empty()


def _show(cells: list[Cell]) -> None:
    rows, text = sensitivity.sensitivity_table(cells), sensitivity.describe_sensitivity(cells)
    ui.chart(
        charts.sensitivity_map(rows),
        f"Accuracy points lost by layer and ratio. {text}".replace("**", ""),
        f"{text} Numbers are percentage points lost against the dense network's "
        f"{cells[0].dense_correct / cells[0].total:.1%}; below 0 the masked network is better.",
    )
    ui.download("Sensitivity as CSV", rows, "sensitivity.csv")
