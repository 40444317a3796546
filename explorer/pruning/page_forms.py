"""Masked, zeroed, sliced: one ratio in three forms, and which quantities really change."""

import streamlit as st

from explorer import ui
from explorer.pruning import charts, forms
from explorer.pruning.forms import Form
from explorer.pruning.scene import FormsShown, Scene
from explorer.ui import address


def main(scene: Scene) -> None:
    """The question, the forms measured here or precomputed, and the answer to question 3-2."""
    st.markdown(
        "**Question 3-2.** Does pruning speed up inference? The same channels dropped in three ways: with masks "
        "left on the weights, with the zeros baked in, and with the channels physically removed."
    )
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    ratio = address.slider(
        "dropped",
        "Share of the channels dropped",
        at=left,
        step=0.05,
        format="percent",
        help=forms.METHOD.sentence,
    )
    run = middle.button("Measure here", type="primary", icon=":material/timer:", width="stretch")
    right.button("Stop", icon=":material/stop:", width="stretch", help="Ends the measurement.")
    if run:
        _run(scene, ratio)
    kept = st.session_state.get("forms")
    if kept is not None and kept[0] == (scene.title, scene.images.name):
        _, at, found = kept
        if (at, found[0].total) != (ratio, len(scene.images)):
            st.warning(
                f"These were measured at {at:.0%} on {found[0].total:,} images, the controls ask for {ratio:.0%} "
                f"on {len(scene.images):,}: measure it here again.",
                icon=":material/sync_problem:",
            )
        _show(found, at)
        where = f"first {found[0].total:,} of {scene.images.name}, batch of {forms.BATCH}, in turn."
        ui.provenance("measured", where)
        ui.session().keep(FormsShown(scene.name, tuple(found), at, where))
        return
    stored = ui.workspace().find_rows("forms", Form, scene.name)
    if stored is None:
        st.info(
            "No measurement of this network ships: measure it here, it takes a few seconds.",
            icon=":material/timer:",
        )
        return
    stored_ratio = float(stored.settings["ratio"])
    if stored_ratio != ratio:
        st.info(
            f"Shown is the precomputed {stored_ratio:.0%}. Measure here for {ratio:.0%}.",
            icon=":material/info:",
        )
    _show(list(stored.rows), stored_ratio)
    ui.provenance(
        "precomputed",
        f"{stored.where}, batch of {forms.BATCH}; first {stored.images:,} {scene.images.noun}s.",
    )


def _run(scene: Scene, ratio: float) -> None:
    with ui.heavy_work():
        bar, found = st.progress(0.0, "Timing the four networks in turn"), []
        images = scene.images
        for form in forms.forms(scene.network, images.inputs(), images.targets(), ratio):
            found.append(form)
            bar.progress(len(found) / 4, f"{form.name} is measured")
        bar.empty()
    st.session_state["forms"] = ((scene.title, scene.images.name), ratio, found)


def _show(found: list[Form], ratio: float) -> None:
    st.markdown(f"#### {forms.answer(found, ratio)}")
    rows = forms.form_table(found)
    named = {form.name: form for form in found}
    masked, sliced = named["masked"], named["sliced"]
    ui.chart(
        charts.form_bars(rows),
        "Parameters, torchinfo's count, multiply-adds, bytes, compressed bytes and milliseconds of the masked, "
        "zeroed and sliced network, as multiples of the dense network's. " + forms.answer(found, ratio),
        "**The torchinfo trap**: of the masked network torchinfo counts only the weights that its masks leave, "
        f"**{masked.torchinfo_params:,}**, while it stores **{masked.params:,}** and the masks beside them: its "
        f"file is {masked.file_bytes / 1e6:.2f} MB, the sliced one's {sliced.file_bytes / 1e6:.2f} MB. Fewer "
        "parameters on paper, for a network that is no smaller and no faster.",
    )
    if any(form.busy for form in found):
        st.warning(
            "Other programs used this machine's processors, so there are no milliseconds. The rest holds.",
            icon=":material/warning:",
        )
    st.dataframe(rows, hide_index=True, column_config=ui.COLUMNS)
    ui.download("Three forms as CSV", rows, "three_forms.csv")
