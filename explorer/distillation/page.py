"""Distillation: a teacher's and a student's softened distributions on a real image, live under the hand."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from explorer import palette, places, ui
from explorer.distillation import page_bugs, page_evidence, page_live, page_loss, page_quiz, soften
from explorer.distillation.page_controls import TEMPERATURE_STEPS, choose
from explorer.distillation.selection import DistillationSelection
from explorer.ledger import LedgerRow, network_row
from explorer.measure import accuracy
from explorer.ui import address

TABS: dict[str, Callable[[DistillationSelection], None]] = {
    "Loss": page_loss.show_loss,
    "Why T²": page_loss.show_why_t_squared,
    "Dark knowledge": page_evidence.show_dark_knowledge,
    "Spot the bug": page_bugs.show_mistakes,
    "Evidence": page_evidence.show_evidence,
    "Distil it now": page_live.show_live_training,
    "Quiz": page_quiz.show_quiz,
}
BARS = "bars"  # key of the component of bars and slider
TEACHER_ALONE = ("Dark knowledge", "Distil it now", "Quiz")


def main() -> None:
    """Draw the lesson."""
    st.markdown(
        "What does the teacher know beyond the label? A label names one class, *shirt*; "
        "the teacher says how much the image could also be each of the others. "
        "The temperature **T** brings that out, and **alpha** decides how much the student listens to it."
    )
    if not ui.workspace().teachers:
        st.info(
            f"{ui.escape_markup(ui.workspace().data.title)} has no teacher yet: add a network with "
            f"{len(ui.workspace().data.classes)} classes.",
            icon=":material/school:",
        )
        st.page_link(places.page("your_data"), label="Add a checkpoint", icon=":material/folder_open:")
        return
    view, side = st.columns([2, 1], gap="large")
    with side:
        selection = choose()
    with view:
        _show_softening(selection)
    names = tuple(TABS) if selection.student_name else TEACHER_ALONE
    for name, tab in address.tabs("distillation_tab", names):
        with tab:
            TABS[name](selection)


def _take_temperature() -> None:
    # Streamlit tells a component's callback its values in no other way.
    address.put("temperature", float(st.session_state[BARS]["temperature"]))


def _show_softening(selection: DistillationSelection) -> None:
    images, position = selection.images, selection.position
    log = address.toggle(
        "log_scale",
        "Log scale",
        help="Shows the small probabilities, where the dark knowledge sits at T = 1.",
    )
    networks = [
        {"name": "teacher", "color": palette.TEACHER, "logits": selection.teacher_logits[position].tolist()},
        {"name": "student", "color": palette.STUDENT, "logits": selection.student_logits[position].tolist()},
    ][: 2 if selection.student_name else 1]
    ui.component(__file__, "softening")(
        key=BARS,
        data={
            "classes": images.classes,
            "label": selection.label,
            "networks": networks,
            "steps": TEMPERATURE_STEPS,
            "temperature": selection.temperature,
            "log": log,
            "ladder": soften.TEMPERATURE_LADDER,
            "disabled": selection.alpha == 0,
        },
        on_temperature_change=_take_temperature,
    )
    teacher, student, label = map(ui.escape_markup, (*selection.answers, images.classes[selection.label]))
    top = [
        soften.soften(selection.teacher_logits[position], step).max().item()
        for step in soften.TEMPERATURE_LADDER
    ]
    beside = f", the student **{student}**" if selection.student_name else ""
    st.caption(
        f"True class **{label}** (▸); the teacher says **{teacher}**{beside}, at every T: "
        "dividing all logits by T changes no ranking. The teacher's largest probability falls from "
        f"**{top[0]:.2f}** at T = 1 to **{top[-1]:.2f}** at T = 16. Drag T to see it fall."
    )
    origin, where = ui.origin_of_logits(*selection.names)
    ui.provenance(origin, f"{where}; the softmax is computed in your browser.")
    pair = {"teacher": selection.teacher_logits[position]}
    if selection.student_name:
        pair["student"] = selection.student_logits[position]
    distributions = partial(
        soften.distribution_rows, pair, images.classes, selection.label, selection.temperature
    )
    with st.container(horizontal=True):
        ui.download("Distributions as CSV", distributions, "distributions.csv")
        ui.download(
            "Five temperatures as CSV", partial(soften.ladder_rows, pair, images.classes), "ladder.csv"
        )
        ui.pin("distillation", lambda: _ledger_row(selection))


def _ledger_row(selection: DistillationSelection) -> LedgerRow:
    """The student, else the teacher, as a row of the ledger: right answers on the validation images."""
    name = selection.student_name or selection.teacher_name
    card, images = ui.networks()[name], selection.images
    origin, where = ui.origin_of_logits(name)
    return network_row(
        card.title,
        "distillation",
        ui.shared_model(name),
        images.input_size,
        accuracy(selection.student_logits, images.targets()),
        images.name,
        images.key,
        weights=card.sha256,
        origin=origin,
        where=where,
    )


main()
