"""Distillation: a teacher's and a student's softened distributions on a real image, live under the hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import palette, ui
from explorer.distillation import charts, page_evidence, page_loss, page_try, soften
from explorer.distillation.scene import Scene
from explorer.distillation.soften import Choice

STEPS: tuple[float, ...] = (
    *(0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8, 3.0, 3.5, 4.0, 4.5, 5.0),
    *(5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 14.0, 16.0, 18.0, 20.0),
)
SCREEN_PIXELS = 224  # a 28x28 image is shown as it is, only larger

TABS: dict[str, Callable[[Scene], None]] = {
    "Loss": page_loss.loss,
    "Why T²": page_loss.why_t_squared,
    "Dark knowledge": page_evidence.dark_knowledge,
    "Spot the bug": page_try.mistakes,
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
    view, controls = st.columns([2, 1], gap="large")
    with controls:
        scene = _controls()
    with view:
        _softening(scene)
    _ladder(scene)
    names = list(TABS) if scene.student_name else list(TEACHER_ALONE)
    for name, tab in zip(
        names, st.tabs(names, key="d_tab", on_change="rerun", bind="query-params"), strict=True
    ):
        if tab.open:
            with tab:
                TABS[name](scene)


def _controls() -> Scene:
    images, teacher_name = ui.images("validation"), _teacher()
    teacher = ui.validation_logits(teacher_name)
    name = _student()
    student = ui.validation_logits(name) if name else teacher
    choices: list[Choice] = list(Choice)
    choice = st.selectbox(
        "Image",
        choices,
        key="d_by",
        bind="query-params",
        help=f"How to choose one of the {len(images):,} validation images.",
    )
    found = soften.candidates(choice, teacher, student, images.targets())
    rank = st.number_input(
        "Index" if choice is Choice.INDEX else "Place in that order",
        0,
        len(images) - 1,
        key="d_n",
        bind="query-params",
        help="0 is the most telling one.",
    )
    if rank >= len(found):
        st.warning(f"There are {len(found)} such images, so this is the last one.")
    position = int(found[min(rank, len(found) - 1)])
    label = images.classes[images.labels[position]]
    shown = images.images[position]
    times = max(1, SCREEN_PIXELS // len(shown))
    st.image(
        shown.repeat(times, 0).repeat(times, 1),
        caption=f"Validation image {position}, labelled {label}",
    )
    temperature = st.number_input(
        "Temperature T, exactly",
        STEPS[0],
        STEPS[-1],
        4.0,
        0.1,
        format="%g",
        key="d_t",
        bind="query-params",
        help="Logits are divided by T before the softmax: above 1 the distribution becomes softer. "
        "The slider beside the bars sets the same T.",
    )
    alpha, reverse, course = _weights()
    return Scene(
        images, position, teacher_name, name, teacher, student, float(temperature), alpha, reverse, course
    )


def _teacher() -> str:
    """The teacher; a choice only where there are several."""
    titles = {ui.networks()[name].title: name for name in ui.workspace().teachers}
    if len(titles) == 1:
        return next(iter(titles.values()))
    help_text = "ResNet-18s with as many classes as the images have."
    return titles[st.selectbox("Teacher", list(titles), key="d_te", bind="query-params", help=help_text)]


def _student() -> str:
    """The student; empty where there is none yet."""
    titles = {ui.networks()[name].title: name for name in ui.workspace().students}
    names = list(titles.values())
    if not names:
        st.info(
            "There is no student of yours yet: train one under **Distil it now**, or add its checkpoint under "
            "**Your own**. What needs the teacher alone is below.",
            icon=":material/person_off:",
        )
        return ""
    title = st.selectbox(
        "Student",
        list(titles),
        index=names.index("student-60k-kd") if "student-60k-kd" in names else 0,
        key="d_s",
        bind="query-params",
        help="All of them were really trained; the shipped ones have their cards under Evidence.",
    )
    return titles[title]


def _weights() -> tuple[float, bool, bool]:
    """The weight of the soft term, whether the KL is reversed, whether alpha is the course's."""
    with st.expander("Conventions: what alpha weighs, which way the KL goes"):
        reverse = st.toggle(
            "Reverse KL(student || teacher)",
            key="d_rev",
            bind="query-params",
            help="Distillation uses KL(teacher || student); the reverse punishes other mistakes.",
        )
        other = st.toggle(
            "alpha weighs the hard term",
            key="d_conv",
            bind="query-params",
            help="The course, and half the literature, lets alpha weigh the soft term; the rest does not.",
        )
    alpha = st.slider(
        f"alpha, the weight of the {'hard' if other else 'soft'} term",
        0.0,
        1.0,
        0.5,
        0.05,
        key="d_a",
        bind="query-params",
        help="How much of the loss comes from the labels."
        if other
        else "How much of the loss comes from the teacher.",
    )
    return (1 - alpha if other else alpha), reverse, not other


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
        },
        on_temperature_change=_released,
    )
    teacher, student = scene.said
    beside = f", the student **{student}**" if scene.student_name else ""
    st.caption(
        f"True class **{images.classes[scene.label]}** (▸); the teacher says **{teacher}**{beside}, at every T: "
        "dividing all logits by T changes no ranking. Drag T to see how soft."
    )
    origin, where = ui.origin_of_logits()
    ui.provenance(origin, f"{where}; the softmax is computed in your browser.")
    rows = soften.distributions(
        scene.teacher[position], scene.student[position], images.classes, scene.label, scene.temperature
    )
    ui.download("Distributions as CSV", rows, "distributions.csv")


def _ladder(scene: Scene) -> None:
    st.subheader("The same image up the ladder of temperatures")
    teacher = scene.teacher[scene.position]
    top = [soften.soften(teacher, step).max().item() for step in soften.LADDER]
    ui.chart(
        charts.ladder_map(soften.ladder(teacher, scene.images.classes)),
        f"Teacher's probabilities at T = 1 to 16; the largest falls from {top[0]:.2f} to {top[-1]:.2f}.",
        f"The teacher's largest probability falls from **{top[0]:.2f}** at T = 1 to **{top[-1]:.2f}** "
        "at T = 16; what it takes away goes to the classes it finds similar first.",
    )


with ui.page():
    main()
