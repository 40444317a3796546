"""The first page below its opening: one computed result per lesson, and where to go."""

from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.architecture import charts as architecture_charts
from explorer.architecture.audit import CLAIM, QUOTED
from explorer.architecture.budget import budget
from explorer.architecture.presets import LIMITS
from explorer.distillation import charts as distillation_charts
from explorer.distillation import soften
from explorer.networks import StudentSpec
from explorer.pruning import charts as pruning_charts
from explorer.pruning import reading
from explorer.pruning.methods import METHODS, baseline
from explorer.pruning.sweep import SweepRow, sweep_table

LIMIT = LIMITS["Spring 2023"]
MASKED, REMOVED = METHODS["global-l1"], METHODS["channels-l1"]
SHOWN = (MASKED.key, baseline(MASKED.kind).key, REMOVED.key)
SHARP, SOFT = 1.0, 4.0  # the T that the card tells of


def draw_start_page() -> None:
    """Draw the page: it is about what ships, whatever the visitor works on."""
    cards = {"Architecture": _draw_architecture, "Distillation": _draw_distillation, "Pruning": _draw_pruning}
    for column, (lesson, draw) in zip(st.columns(3, gap="medium"), cards.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(lesson)
            draw()
    st.subheader("The networks")
    ui.networks_table()


def _draw_architecture() -> None:
    costs = ui.kept(partial(budget, StudentSpec()))
    over = costs.total_params - LIMIT
    st.markdown(
        f"The report gives “{CLAIM}” as its network's parameters. It has **{costs.total_params:,}**, "
        f"**{abs(over):,}** {'over' if over > 0 else 'inside'} the limit of {LIMIT:,}."
    )
    ui.chart(
        partial(architecture_charts.budget_bar, costs.part_table(), LIMIT),
        f"{costs.total_params:,} parameters stacked by part of the network, limit {LIMIT:,}.",
        f"The heaviest layer, **{costs.heaviest.name}**, is in the rows that the report's table leaves out."
        if costs.heaviest in costs.layers[len(QUOTED) :]
        else f"The heaviest layer is **{costs.heaviest.name}**.",
    )
    ui.provenance("computed", "by torchinfo.")
    st.page_link(places.page("architecture"), label="Design one that fits", icon=":material/account_tree:")


def _draw_distillation() -> None:
    shipped = ui.shipped()
    images, name = ui.images("validation", shipped), shipped.teachers[0]
    teacher = ui.validation_logits(name, shipped)
    student = ui.validation_logits(shipped.default_student_of(name) or name, shipped)
    position = int(soften.order_images(soften.ImageOrder.AMBIGUOUS, teacher, student, images.targets())[0])
    label = images.classes[images.labels[position]]
    sharp, soft = (soften.effective_classes(teacher[position], step).item() for step in (SHARP, SOFT))
    st.markdown(
        f"The label says **{label}**, one class. The teacher sees **{sharp:.1f}** classes in this image at "
        f"T = {SHARP:g} and **{soft:.1f}** at T = {SOFT:g}: that is what a student can learn from it."
    )
    ladder = soften.TEMPERATURE_LADDER
    ui.chart(
        partial(
            distillation_charts.ladder_map, soften.ladder_rows({"teacher": teacher[position]}, images.classes)
        ),
        f"The teacher's probabilities for one {label} at T = {ladder[0]:g} to {ladder[-1]:g}.",
        f"{images.caption(position)}, the one the teacher is least sure about.",
    )
    origin, where = ui.origin_of_logits(name, within=shipped)
    ui.provenance(origin, f"{where}; the softmax is computed here.")
    st.page_link(
        places.page("distillation"), label="Drag the temperature", icon=":material/local_fire_department:"
    )


def _draw_pruning() -> None:
    shipped = ui.shipped()
    stored = shipped.find_rows("sweep", SweepRow, shipped.teachers[0])
    told = [reading.telling_row(stored.rows, method) for method in (MASKED, REMOVED)] if stored else []
    told_rows = [row for row in told if row is not None]
    if stored is None or len(told_rows) < 2:
        st.markdown("How far can a network be pruned before it forgets, and does that make it faster?")
    else:
        sentences = " ".join(_tell(row, len(shipped.data.classes)) for row in told_rows)
        st.markdown(sentences)
        ui.chart(
            partial(
                pruning_charts.accuracy_curve,
                sweep_table([row for row in stored.rows if row.method in SHOWN]),
            ),
            "Accuracy of the pruned teacher against the pruning ratio, a line per method. "
            + sentences.replace("**", ""),
            "Which one makes it faster, and how to get the accuracy back, is the lesson.",
        )
        ui.provenance("precomputed", f"{stored.where}; first {stored.images:,} {shipped.data.noun('test')}s.")
    st.page_link(places.page("pruning"), label="Prune it here", icon=":material/content_cut:")


def _tell(row: SweepRow, classes: int) -> str:
    """One pruned network in a sentence: what was pruned, its accuracy and its measured speed."""
    speed = "not timed" if row.speed_up is None else f"**{row.speed_up:.2f}** times as fast"
    low, high = row.accuracy.interval()
    chance = ", no more than chance" if low <= 1 / classes <= high else ""
    return (
        f"**{row.ratio:.0%}** of the teacher's {METHODS[row.method].share.removeprefix('of the ')}: accuracy "
        f"**{row.accuracy.value:.1%}**{chance}, {speed}."
    )


draw_start_page()
