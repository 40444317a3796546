"""Softening: the teacher's and the student's distributions on a photograph, and the loss, under two hands."""

from functools import partial

import streamlit as st

from explorer import palette, ui
from explorer.classroom import Question
from explorer.distillation import asked, page_loss, soften
from explorer.distillation.page_controls import TEMPERATURE_STEPS, Places, choose
from explorer.distillation.selection import DistillationSelection, JudgedImages
from explorer.ledger import LedgerRow, network_row, origin_of
from explorer.measure import accuracy
from explorer.ui import address
from explorer.work.kept import Keyed

BARS = "bars"  # key of the component


def show_softening() -> None:
    """The photograph beside bars, sliders and formula; below the loss of all images, and a question."""
    side, view = st.columns([1, 3.6], gap="medium")
    image, more = side.container(), side.expander("Networks and conventions")
    selection = choose(
        Places(teacher=more, student=more, image=image, alpha=more, temperature=more, conventions=more)
    )
    log = address.toggle(
        "log_scale",
        "Log scale",
        at=more,
        help="Shows the small probabilities, where the dark knowledge sits at T = 1.",
    )
    question = ui.kept(partial(_question, ui.networks()[selection.teacher_name].title, selection.judged))
    with view:
        if not ui.may_reveal(question):
            ui.predict(question)
            return
        _show_bars(selection, log)
        with st.container(horizontal=True):
            ui.predict(question)
            ui.predict(
                asked.temperature_question(
                    selection.judged.key[0], selection.teacher_logits[selection.position]
                ),
                "Question 2-2",
            )
    if selection.student_name:
        page_loss.show_loss(selection)


def _question(title: str, judged: Keyed[JudgedImages]) -> Question:
    weights, _, images = judged.key
    return asked.softened_question(title, weights, images, judged.value.images.noun, judged.value.teacher)


def _take(key: str) -> None:
    # Streamlit tells a component's callback its values in no other way.
    address.put(key, float(st.session_state[BARS][key]))


def _show_bars(selection: DistillationSelection, log: bool) -> None:
    images, position = selection.images, selection.position
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
            "alpha": selection.alpha if selection.alpha_weighs_soft else 1 - selection.alpha,
            "hard_alpha": not selection.alpha_weighs_soft,
            "reverse": selection.reverse,
            "colors": {"soft": palette.SOFT, "hard": palette.HARD},
            "log": log,
            "ladder": soften.TEMPERATURE_LADDER,
        },
        on_temperature_change=partial(_take, "temperature"),
        on_alpha_change=partial(_take, "alpha"),
    )
    top = [
        soften.soften(selection.teacher_logits[position], step).max().item()
        for step in soften.TEMPERATURE_LADDER
    ]
    st.caption(
        "A label names one class (▸); the teacher also says how much the image could be each of the others. T brings "
        f"that out: its largest probability falls from **{top[0]:.2f}** at T = 1 to **{top[-1]:.2f}** at T = 16, and "
        "no ranking changes. alpha decides how much the student listens."
    )
    origin, where = ui.origin_of_logits(*selection.names)
    ui.provenance(origin, f"{where}; softmax and loss are computed in your browser.")
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
    workspace = ui.workspace()
    weights, recipe = origin_of(workspace.source(name), workspace.data.key_of("training"))
    return network_row(
        card.title,
        "distillation",
        ui.shared_model(name),
        images.input_size,
        accuracy(selection.student_logits, images.targets()),
        images.name,
        images.key,
        weights=weights,
        origin=origin,
        where=where,
        recipe=recipe,
    )
