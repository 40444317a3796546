"""Sensitive layers: each layer pruned alone, as a heat map."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer import ui
from explorer.pruning import asked, charts, page_shares, sensitivity
from explorer.pruning.selection import PruningSelection
from explorer.pruning.sensitivity import SENSITIVITY, Cell, SensitivitySettings
from explorer.selection import USE
from explorer.ui.instrument import Panel, StoredResult, draw_beside_stored

MOST = 1000  # images; a cell's interval is then about 3 points wide


def main(selection: PruningSelection) -> None:
    """The heat map, measured here or precomputed."""
    count = min(MOST, len(selection.images))
    st.markdown(
        "Which layer can give up its weights? Each one is masked **alone**, its smallest weights first, while all "
        "others stay dense."
    )
    stored = _stored(selection)
    question = asked.sensitivity_question(
        selection.title, selection.weights, selection.images.whole, stored.parts if stored else ()
    )
    if question is not None and not ui.predict(question):
        return
    panel = Panel(SENSITIVITY, selection.spec(SensitivitySettings(count)), stored=stored)
    with st.columns([1, 2])[0]:
        panel.controls(help=f"On {selection.counted(count)}.")
    shown = panel.result(
        lambda spec, _: f"{selection.counted(spec.settings.images)}; {selection.title}.", grow=_grow
    )
    if shown is not None:
        with panel.picture:
            draw_beside_stored(shown, _show)
        ui.download(
            "Sensitivity as CSV", partial(sensitivity.sensitivity_table, shown.parts), "sensitivity.csv"
        )
        if shown.finished:
            page_shares.main(shown.parts)


def _stored(selection: PruningSelection) -> StoredResult[Cell] | None:
    stored = ui.workspace().find_rows("sensitivity", Cell, selection.name)
    if stored is None:
        return None
    ratios = tuple(sorted({cell.ratio for cell in stored.rows}))
    return StoredResult(
        stored.rows,
        SensitivitySettings(stored.images, ratios),
        f"{stored.where}; {stored.counted(selection.data, USE)}.",
    )


def _grow(cells: Sequence[Cell]) -> None:
    ui.bare_chart(
        partial(charts.sensitivity_map, sensitivity.sensitivity_table(cells)),
        alt="Points lost by layer and ratio, growing layer by layer",
    )


def _show(cells: Sequence[Cell]) -> None:
    rows = ui.kept(partial(sensitivity.sensitivity_table, cells))
    text = sensitivity.describe_sensitivity(cells)
    ui.chart(
        partial(charts.sensitivity_map, rows),
        f"Accuracy points lost by layer and ratio. {text}".replace("**", ""),
        f"{text} Numbers are percentage points lost against the dense network's "
        f"{cells[0].dense_correct / cells[0].total:.1%}; below 0 the masked network is better.",
    )
