"""Spot the bug: frequent mistakes on a real batch, and a test file for the student's loss."""

from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.distillation import mistakes
from explorer.distillation.selection import DistillationSelection, JudgedImages
from explorer.work.kept import Keyed

BATCH = 128
CHECKED = 8


def show_mistakes(selection: DistillationSelection) -> None:
    """What frequent mistakes do to the loss of a real batch, and a test for the student's function."""
    size, noun = min(BATCH, len(selection.images)), selection.images.noun
    rows = ui.kept(partial(_compared, selection.judged, selection.alpha, selection.temperature))
    st.markdown(
        f"The same batch of {size} {noun}s, soft term weighed {selection.alpha:g}, "
        f"T {selection.temperature:g}: one loss is right, {len(mistakes.MISTAKES)} carry a mistake that is easily "
        "made. Some have the right value and the wrong gradient: they look right in every log."
    )
    if selection.alpha == 0:
        st.info("The soft term weighs nothing here, so no mistake in it shows in the loss.")
    right = rows["loss"].iloc[0]
    table = rows.drop(columns="effect").assign(**{"times the right loss": rows["loss"] / right})
    # As text, since an empty cell stands for nan in a column of numbers, and nan is the point here.
    written = {"gradient off by": "{:.1%}".format}
    for name in table.columns[1:]:
        table[name] = table[name].map(written.get(name, "{:.5f}".format))
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={name: st.column_config.TextColumn(alignment="right") for name in table.columns[1:]},
    )
    st.caption(
        f"The loss at T {selection.temperature:g} unless its column says otherwise, in nats; the gradient is that by "
        "the student's logits, and how far it is off is a share of the right one's length. At T = "
        f"{mistakes.SHARP:g} the teacher's smallest probabilities are 0 in float32, and 0 · log(0) is nan."
    )
    for mistake, row in zip(mistakes.MISTAKES, rows.iloc[1:].to_dict("records"), strict=True):
        differs = f"{row['loss']:.5f} instead of {right:.5f}"
        if abs(row["loss"] - right) < 1e-5:
            off = row["gradient off by"]
            differs = f"the gradient is off by {off:.1%}" if off > 1e-5 else "no difference at these settings"
        with st.expander(f"{mistake.name}: {differs}"):
            st.code(mistake.code, "python")
            st.markdown(mistake.why[0].upper() + mistake.why[1:] + ".")
    ui.provenance(
        "computed", f"real code on the first {size} {noun}s, from {ui.logits_in_words(*selection.names)}."
    )
    st.header("Check your own")
    st.markdown(
        f"A test file with the logits of {min(CHECKED, size)} real images and the value that a correct `loss_fn_kd` "
        f"returns at {len(mistakes.CHECKED_SETTINGS)} settings of (alpha, T). Put your function "
        "into `my_loss.py` beside it and run `pytest`: it checks values and gradients, and a failure names the mistake "
        "above that your function looks like."
    )
    text = ui.kept(partial(_test_file, selection.judged))
    st.download_button(
        "test_my_loss.py",
        text,
        "test_my_loss.py",
        "text/x-python",
        on_click="ignore",
        icon=":material/download:",
    )
    with st.expander("Show the file"):
        st.code(text, "python")


def _compared(judged: Keyed[JudgedImages], alpha: float, temperature: float) -> pd.DataFrame:
    images, teacher, student = judged.value
    batch = slice(BATCH)
    return mistakes.compare_mistakes(
        student[batch], images.targets()[batch], teacher[batch], alpha, temperature
    )


def _test_file(judged: Keyed[JudgedImages]) -> str:
    images, teacher, student = judged.value
    few = slice(CHECKED)
    return mistakes.pytest_text(student[few], images.targets()[few], teacher[few])
