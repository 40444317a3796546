"""The first page: what this is, one computed result per lesson, and where to go."""

import streamlit as st

from explorer import ui
from explorer.architecture import charts as architecture_charts
from explorer.architecture.audit import QUOTED
from explorer.architecture.budget import LIMITS, budget
from explorer.data import BUNDLED
from explorer.distillation import charts as distillation_charts
from explorer.distillation import soften
from explorer.networks import StudentSpec
from explorer.pruning import charts as pruning_charts
from explorer.pruning import reading
from explorer.pruning.methods import METHODS, baseline
from explorer.pruning.sweep import SweepRow, sweep_table

CLAIMED = 38_000  # what the report's answer 1-2 gives as its total
LIMIT = LIMITS["Spring 2023"]
MASKED, REMOVED = METHODS["global-l1"], METHODS["channels-l1"]
SHOWN = (MASKED.key, baseline(MASKED.kind).key, REMOVED.key)


def main() -> None:
    """Draw the page."""
    st.title("Compression Explorer")
    st.markdown(
        "Take a real network apart: budget it, distil it, prune it. Every number comes from real weights, real "
        "images and real clocks, and says whether it was computed here or shipped with its card."
    )
    for column, lesson in zip(
        st.columns(3, gap="medium"), (_architecture, _distillation, _pruning), strict=True
    ):
        with column.container(border=True, height="stretch"):
            lesson()
    st.subheader("The networks")
    ui.networks_table()


def _architecture() -> None:
    costs = budget(StudentSpec())
    st.subheader("Architecture")
    st.markdown(
        f"The report says its network has {CLAIMED:,} parameters. It has **{costs.total_params:,}**, "
        f"**{costs.total_params - LIMIT:,}** over the limit of {LIMIT:,}."
    )
    ui.chart(
        architecture_charts.budget_bar(costs.part_table(), LIMIT),
        f"{costs.total_params:,} parameters stacked by part of the network, limit {LIMIT:,}.",
        f"The heaviest layer, **{costs.heaviest.name}**, is in the rows that the report's table leaves out."
        if costs.heaviest in costs.layers[len(QUOTED) :]
        else f"The heaviest layer is **{costs.heaviest.name}**.",
    )
    ui.provenance("computed", "by torchinfo.")
    st.page_link(
        "explorer/architecture/page.py", label="Design one that fits", icon=":material/account_tree:"
    )


def _distillation() -> None:
    shipped = ui.shipped()
    images = ui.images("validation", shipped)
    teacher, student = (ui.validation_logits(name, shipped) for name in ("teacher", "student-60k-kd"))
    position = int(soften.order_images(soften.ImageOrder.AMBIGUOUS, teacher, student, images.targets())[0])
    label = images.classes[images.labels[position]]
    sharp, soft = (soften.effective_classes(teacher[position], step).item() for step in (1.0, 4.0))
    st.subheader("Distillation")
    st.markdown(
        f"The label says **{label}**, one class. The teacher sees **{sharp:.1f}** classes in this image at "
        f"T = 1 and **{soft:.1f}** at T = 4: that is what a student can learn from it."
    )
    ui.chart(
        distillation_charts.ladder_map(soften.ladder_rows({"teacher": teacher[position]}, images.classes)),
        f"The teacher's probabilities for one {label} at T = 1 to 16.",
        f"{images.caption(position)}, the one the teacher is least sure about.",
    )
    ui.provenance("precomputed", "logits of the teacher; the softmax is computed here.")
    st.page_link(
        "explorer/distillation/page.py", label="Drag the temperature", icon=":material/local_fire_department:"
    )


def _pruning() -> None:
    found = ui.shipped().find_rows("sweep", SweepRow, "teacher")
    st.subheader("Pruning")
    masked = None if found is None else reading.telling_row(found.rows, MASKED)
    removed = None if found is None else reading.telling_row(found.rows, REMOVED)
    if found is None or masked is None or removed is None:
        st.markdown("How far can a network be pruned before it forgets, and does that make it faster?")
    else:
        rows = sweep_table([row for row in found.rows if row.method in SHOWN])
        st.markdown(
            f"**{masked.ratio:.0%}** of the teacher's weights masked: accuracy **{masked.accuracy.value:.1%}**, "
            f"but **{masked.speed_up:.2f}** times as fast. **{removed.ratio:.0%}** of its channels removed: "
            f"**{removed.speed_up:.2f}** times as fast, but accuracy **{removed.accuracy.value:.1%}**."
        )
        ui.chart(
            pruning_charts.accuracy_curve(rows),
            "Accuracy of the pruned teacher against the pruning ratio, a line per method.",
            "Which one makes it faster, and how to get the accuracy back, is the lesson.",
        )
        ui.provenance("precomputed", f"{found.date}, first {found.images:,} {BUNDLED.noun('test')}s.")
    st.page_link("explorer/pruning/page.py", label="Prune it here", icon=":material/content_cut:")


main()
