"""Masked, zeroed, sliced: one ratio in three forms, and which quantities really change."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from explorer import ui
from explorer.pruning import charts, forms
from explorer.pruning.forms import FORMS, Form, FormsSettings
from explorer.pruning.page_asked import asked_forms
from explorer.pruning.selection import FormsShown, MeasuredNetwork, PruningSelection
from explorer.ui import address
from explorer.ui.instrument import Panel, StoredResult


def main(selection: PruningSelection) -> None:
    """The question, the forms measured here or precomputed, and the answer to question 3-2."""
    st.markdown(
        "**Question 3-2.** Does pruning speed up inference? The same channels dropped in three ways: with masks "
        "left on the weights, with the zeros baked in, and with the channels physically removed."
    )
    left, right = st.columns([3, 1], gap="large", vertical_alignment="bottom")
    address.slider(
        "dropped",
        "Share of the channels dropped",
        at=left,
        step=0.05,
        format="percent",
        help=forms.METHOD.sentence,
    )
    settings = asked_forms(len(selection.images))
    panel = Panel(FORMS, selection.spec(settings), stored=_stored(selection))
    with right:
        panel.controls("Measure here", icon=":material/timer:")
    shown = panel.result(
        lambda spec, rows: forms.describe_forms_measurement(selection.noun, selection.title, rows)
    )
    if shown is None:
        return
    if len(shown.parts) < FORMS.steps(selection.spec(settings)):
        st.info("Only all four together can be compared: measure them here.", icon=":material/timer:")
        return
    _show(shown.parts, shown.settings.ratio, len(selection.data.classes))
    ui.provenance(shown.origin, shown.where)
    if shown.beside is not None:
        with st.expander("The stored figures"):
            st.dataframe(forms.form_table(shown.beside.parts), hide_index=True, column_config=ui.COLUMNS)
            ui.provenance("precomputed", shown.beside.where)
    measured = MeasuredNetwork.of(selection)
    ui.session().keep(FormsShown(measured, shown.parts, shown.settings.ratio, shown.origin, shown.where))


def _stored(selection: PruningSelection) -> StoredResult[Form] | None:
    stored = ui.workspace().find_rows("forms", Form, selection.name)
    if stored is None:
        return None
    return StoredResult(
        stored.rows,
        FormsSettings(stored.images, float(stored.settings["ratio"])),
        f"{stored.where}, batch of {forms.BATCH}; the first {stored.images:,} {selection.noun}s; "
        f"{selection.title}.",
    )


def _show(rows: Sequence[Form], ratio: float, classes: int) -> None:
    st.markdown(f"#### {forms.describe_speed(rows, ratio)}")
    table = forms.form_table(rows)
    ui.chart(
        partial(charts.form_bars, table),
        "Parameters, torchinfo's count, multiply-adds, bytes, compressed bytes and milliseconds of the masked, "
        f"zeroed and sliced network, as multiples of the dense network's. {forms.describe_speed(rows, ratio)}",
        f"{forms.WHY} {forms.explain_torchinfo(rows)}",
    )
    st.caption(forms.explain_accuracies(rows, classes))
    st.dataframe(table, hide_index=True, column_config=ui.COLUMNS)
    ui.download("Three forms as CSV", table, "three_forms.csv")
