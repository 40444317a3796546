"""The first page below its opening: one thing to touch, and a door to each lesson."""

from functools import partial

import streamlit as st

from explorer import places, ui
from explorer.architecture.audit import CLAIM, QUOTED
from explorer.architecture.budget import budget
from explorer.architecture.presets import LIMITS
from explorer.distillation import soften
from explorer.networks import StudentSpec
from explorer.pruning import faster, reading
from explorer.pruning.forms import BATCH, Form
from explorer.pruning.methods import METHODS
from explorer.pruning.sweep import SweepRow
from explorer.runtime.compare import RuntimeRow
from explorer.start.page_sizes import draw_sizes
from explorer.walks import page_bar, walk

LIMIT = LIMITS["Spring 2023"]
MASKED, REMOVED = METHODS["global-l1"], METHODS["channels-l1"]
SHARP, SOFT = 1.0, 4.0  # the T that the card tells of


def draw_start_page() -> None:
    """Draw the page: it is about what ships, whatever the visitor works on."""
    draw_sizes()
    doors = (_to_architecture, _to_distillation, _to_pruning)
    for column, door in zip(st.columns(3, gap="medium"), doors, strict=True):
        with column.container(border=True, height="stretch"):
            door()
    _what_makes_it_faster()
    _offer_walks()
    with st.expander("All networks that ship"):
        ui.networks_table()


def _offer_walks() -> None:
    """Lessons by link, for a class: each begins at its first step."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Or a lesson, step by step:**", width="content")
        for each in walk.shipped().values():
            if st.button(
                f"{each.title}, {each.minutes} minutes", key=f"walk_{each.key}", help=each.about or None
            ):
                page_bar.open_step(each, 1)


def _what_makes_it_faster() -> None:
    """Masks, removal, another runtime and int8 of a student and its teacher in one table, as far as they were timed."""
    shipped = ui.shipped()
    ways: dict[str, tuple[faster.Way, ...]] = {}
    where: list[str] = []
    for name in filter(None, (shipped.default_student_of(shipped.teachers[0]), shipped.teachers[0])):
        forms = shipped.find_rows("forms", Form, name)
        runtimes = shipped.find_rows("runtimes", RuntimeRow, name)
        found = faster.ways_to_run(
            forms.rows if forms else (),
            forms.settings["ratio"] if forms else 0.0,
            runtimes.rows if runtimes else (),
        )
        if faster.describe_ways(found):
            ways[shipped.source(name).card.title] = found
            where += [
                f"{each.where}; {each.counted(shipped.data, 'test')}" for each in (forms, runtimes) if each
            ]
    if not ways:
        return
    with st.container(border=True):
        left, right = st.columns([1, 2], gap="medium")
        left.markdown("**What makes a network faster?**")
        for title, found in ways.items():
            left.markdown(f"**{ui.escape_markup(title)}.** {faster.describe_ways(found)}")
        left.caption(
            f"{BATCH} images at once. Each is timed in turn with the dense network in torch, and counted on the same "
            "test images as that; without a repair."
        )
        right.dataframe(faster.ways_of_networks(ways), hide_index=True, column_config=ui.COLUMNS)
        ui.provenance("precomputed", f"{'. '.join(dict.fromkeys(where))}.")


def _to_architecture() -> None:
    costs = ui.kept(partial(budget, StudentSpec()))
    over = costs.total_params - LIMIT
    st.page_link(
        places.page("architecture"), label="**Design one that fits**", icon=":material/account_tree:"
    )
    heaviest = (
        f"Its heaviest layer, {costs.heaviest.name}, is in the rows that the sample report leaves out."
        if costs.heaviest in costs.layers[len(QUOTED) :]
        else f"Its heaviest layer is {costs.heaviest.name}."
    )
    st.markdown(
        f"The sample report gives “{CLAIM}” as its network's parameters. It has **{costs.total_params:,}**, "
        f"**{abs(over):,}** {'over' if over > 0 else 'inside'} the limit of {LIMIT:,}. {heaviest}"
    )
    ui.provenance("computed", "by torchinfo.")


def _to_distillation() -> None:
    shipped = ui.shipped()
    images, name = ui.images("validation", shipped), shipped.teachers[0]
    teacher = ui.validation_logits(name, shipped)
    student = ui.validation_logits(shipped.default_student_of(name) or name, shipped)
    position = int(soften.order_images(soften.ImageOrder.AMBIGUOUS, teacher, student, images.targets())[0])
    label = images.classes[images.labels[position]]
    sharp, soft = (soften.effective_classes(teacher[position], step).item() for step in (SHARP, SOFT))
    st.page_link(
        places.page("distillation"),
        label="**Drag the temperature**",
        icon=":material/local_fire_department:",
    )
    photo, text = st.columns([1, 4], vertical_alignment="top")
    photo.image(ui.picture(images, position, 84), width=84, alt=f"a photograph labelled {label}")
    text.markdown(
        f"The label says **{label}**, one class. The teacher sees **{sharp:.1f}** classes here at "
        f"T = {SHARP:g} and **{soft:.1f}** at T = {SOFT:g}: that is what a student can learn from it."
    )
    origin, where = ui.origin_of_logits(name, within=shipped)
    ui.provenance(origin, f"{where}; the softmax is computed here.")


def _to_pruning() -> None:
    shipped = ui.shipped()
    stored = shipped.find_rows("sweep", SweepRow, shipped.teachers[0])
    told = (
        [
            reading.telling_point(stored.rows, method, len(shipped.data.classes))
            for method in (MASKED, REMOVED)
        ]
        if stored
        else []
    )
    told_rows = [point.first for point in told if point is not None]
    st.page_link(places.page("pruning"), label="**Prune it under your hand**", icon=":material/content_cut:")
    if stored is None or len(told_rows) < 2:
        st.markdown("How far can a network be pruned before it forgets, and does that make it faster?")
        return
    st.markdown(" ".join(_tell(row, len(shipped.data.classes)) for row in told_rows))
    ui.provenance("precomputed", f"{stored.where}; {stored.counted(shipped.data, 'test')}.")


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
