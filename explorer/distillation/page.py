"""Distillation: a teacher's and a student's softened distributions on a real image, live under the hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import palette, ui
from explorer.distillation import page_bugs, page_evidence, page_loss, page_try, soften
from explorer.distillation.page_controls import STEPS, controls
from explorer.distillation.scene import Scene
from explorer.ledger import State, of_network
from explorer.measure import accuracy

TABS: dict[str, Callable[[Scene], None]] = {
    "Loss": page_loss.loss,
    "Why T²": page_loss.why_t_squared,
    "Dark knowledge": page_evidence.dark_knowledge,
    "Spot the bug": page_bugs.mistakes,
    "Evidence": page_evidence.evidence,
    "Distil it now": page_try.distil_now,
    "Quiz": page_try.quiz,
}
TEACHER_ALONE = ("Dark knowledge", "Distil it now", "Quiz")


def main() -> None:
    """Draw the lesson."""
    st.title("Distillation")
    st.markdown(
        "What does the teacher know beyond the label? A label names one class, *shirt*; "
        "the teacher says how much the image could also be each of the others. "
        "The temperature **T** brings that out, and **alpha** decides how much the student listens to it."
    )
    if not ui.workspace().teachers:
        st.info(
            f"{ui.workspace().title} has no teacher yet: add the checkpoint of a ResNet-18 with "
            f"{len(ui.workspace().classes)} classes.",
            icon=":material/school:",
        )
        st.page_link("explorer/own/page.py", label="Add a checkpoint", icon=":material/folder_open:")
        return
    view, side = st.columns([2, 1], gap="large")
    with side:
        scene = controls()
    ui.remember("distillation", scene)
    with view:
        _softening(scene)
    names = list(TABS) if scene.student_name else list(TEACHER_ALONE)
    for name, tab in zip(
        names, st.tabs(names, key="d_tab", on_change="rerun", bind="query-params"), strict=True
    ):
        if tab.open:
            with tab:
                TABS[name](scene)


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    html, css, js = (
        Path(__file__).with_name(f"softening.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    return st.components.v2.component("softening", html=html, css=css, js=js)


def _released() -> None:
    st.session_state["d_t"] = float(st.session_state["d_bars"]["temperature"])


def _softening(scene: Scene) -> None:
    images, position = scene.images, scene.position
    log = st.toggle(
        "Log scale",
        key="d_log",
        bind="query-params",
        help="Shows the small probabilities, where the dark knowledge sits at T = 1.",
    )
    networks = [
        {"name": "teacher", "color": palette.TEACHER, "logits": scene.teacher[position].tolist()},
        {"name": "student", "color": palette.STUDENT, "logits": scene.student[position].tolist()},
    ][: 2 if scene.student_name else 1]
    _component()(
        key="d_bars",
        data={
            "classes": images.classes,
            "label": scene.label,
            "networks": networks,
            "steps": STEPS,
            "temperature": scene.temperature,
            "log": log,
            "ladder": soften.LADDER,
            "disabled": scene.alpha == 0,
        },
        on_temperature_change=_released,
    )
    teacher, student = scene.said
    top = [soften.soften(scene.teacher[position], step).max().item() for step in soften.LADDER]
    beside = f", the student **{student}**" if scene.student_name else ""
    st.caption(
        f"True class **{images.classes[scene.label]}** (▸); the teacher says **{teacher}**{beside}, at every T: "
        "dividing all logits by T changes no ranking. The teacher's largest probability falls from "
        f"**{top[0]:.2f}** at T = 1 to **{top[-1]:.2f}** at T = 16. Drag T to see it fall."
    )
    origin, where = ui.origin_of_logits()
    ui.provenance(origin, f"{where}; the softmax is computed in your browser.")
    pair = {"teacher": scene.teacher[position]}
    if scene.student_name:
        pair["student"] = scene.student[position]
    rows = soften.distributions(pair, images.classes, scene.label, scene.temperature)
    with st.container(horizontal=True):
        ui.download("Distributions as CSV", rows, "distributions.csv")
        ui.download("Five temperatures as CSV", soften.ladder(pair, images.classes), "ladder.csv")
        ui.pin("distillation", lambda: _row(scene))


def _row(scene: Scene) -> State:
    """The student, else the teacher, as a row of the ledger: right answers on the validation images."""
    name = scene.student_name or scene.teacher_name
    found, card = accuracy(scene.student, scene.images.targets()), ui.networks()[name]
    origin, where = ui.origin_of_logits()
    return of_network(
        card.title,
        "distillation",
        ui.shared_model(name),
        scene.images.input_size,
        found,
        scene.images.name,
        origin=origin,
        where=where,
        recipe={} if name in ui.workspace().own else {"checkpoint": name, "sha256": card.sha256},
    )


with ui.page():
    main()
