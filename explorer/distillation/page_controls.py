"""The controls of the distillation lesson; the address keeps what they choose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import streamlit as st

from explorer import ui
from explorer.distillation import soften
from explorer.distillation.selection import DistillationSelection, JudgedImages
from explorer.distillation.soften import ImageOrder
from explorer.ui import address
from explorer.work.kept import Keyed

TEMPERATURE_STEPS: tuple[float, ...] = (
    *(0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8, 3.0, 3.5, 4.0, 4.5, 5.0),
    *(5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 14.0, 16.0, 18.0, 20.0),
)
SCREEN_PIXELS = 224  # a 28x28 image is shown as it is, only larger


def choose() -> DistillationSelection:
    """Draw the controls, and give what they choose."""
    images, teacher_name = ui.images("validation"), _teacher()
    teacher = ui.validation_logits(teacher_name)
    student_name = _student(teacher_name)
    student = ui.validation_logits(student_name) if student_name else teacher
    order = address.choice(
        "image_by",
        "Image",
        tuple(ImageOrder),
        help=f"How to choose one of the {len(images):,} {images.noun}s.",
    )
    cards = ui.networks()
    weights = cards[teacher_name].sha256, cards[student_name or teacher_name].sha256
    judged = Keyed((*weights, images.key), JudgedImages(images, teacher, student))
    positions = ui.kept(partial(_positions, order, judged))
    rank = address.integer_input(
        "image_rank",
        "Index" if order is ImageOrder.INDEX else "Place in that order",
        high=len(images) - 1,
        help="0 is the most telling one.",
    )
    if not len(positions):
        st.warning("There is no such image here; by index there are all of them.")
        positions = np.arange(len(images))
    elif rank >= len(positions):
        st.warning(f"There are {len(positions)} such images, so this is the last one.")
    position = int(positions[min(rank, len(positions) - 1)])
    selection = DistillationSelection(judged, position, teacher_name, student_name)
    teacher_says, student_says = map(ui.escape_markup, selection.answers)
    beside = f", the student {student_says}" if student_name else ""
    st.image(
        ui.picture(images, position, SCREEN_PIXELS),
        caption=f"{images.caption(position)}, labelled {ui.escape_markup(images.classes[selection.label])}; the "
        f"teacher says {teacher_says}{beside}",
    )
    slot = st.container()
    reverse, weighs_hard = _conventions()
    with slot:
        alpha = _soft_weight(weighs_hard)
        temperature = _temperature(greyed=alpha == 0)
    return replace(
        selection,
        temperature=temperature,
        alpha=alpha,
        reverse=reverse,
        alpha_weighs_soft=not weighs_hard,
    )


def _positions(order: ImageOrder, judged: Keyed[JudgedImages]) -> npt.NDArray[np.int64]:
    images, teacher, student = judged.value
    return soften.order_images(order, teacher, student, images.targets())


def _temperature(*, greyed: bool) -> float:
    """T, greyed out where it has no influence on the loss."""
    return address.number_input(
        "temperature",
        "Temperature T, exactly",
        step=0.1,
        format="%g",
        disabled=greyed,
        help="Logits are divided by T before the softmax: above 1 the distribution becomes softer. "
        "The slider beside the bars sets the same T.",
    )


def _teacher() -> str:
    """The teacher; a control only where there are several."""
    workspace = ui.workspace()
    if len(workspace.teachers) == 1:
        return str(address.value("teacher", options=workspace.teachers))
    return address.choice(
        "teacher",
        "Teacher",
        workspace.teachers,
        format_func=_titles(workspace.teachers),
        help="Any network with as many classes as the images have; of those that ship, the teacher.",
    )


def _student(teacher: str) -> str:
    """The student; empty where there is none yet."""
    workspace = ui.workspace()
    students = workspace.students_of(teacher)
    if not students:
        st.info(
            "There is no student of yours yet: train one under **Distil it now**, or add its checkpoint under "
            "**Your data**. What needs the teacher alone is below.",
            icon=":material/person_off:",
        )
        return ""
    return address.choice(
        "student",
        "Student",
        students,
        default=workspace.default_student_of(teacher),
        format_func=_titles(students),
        help="Of those that ship, the cards are under Evidence.",
    )


def _titles(names: Sequence[str]) -> Callable[[str], str]:
    """What networks are called on screen; looked up now, since a label may be asked for outside of a page."""
    titles = {name: ui.networks()[name].title for name in names}
    return lambda name: titles[name]


def _conventions() -> tuple[bool, bool]:
    """Whether the KL is reversed, and whether alpha weighs the hard term."""
    with st.expander("Conventions: what alpha weighs, which way the KL goes"):
        reverse = address.toggle(
            "reverse",
            "Reverse KL(student || teacher)",
            help="Distillation uses KL(teacher || student); the reverse punishes other mistakes.",
        )
        weighs_hard = address.toggle(
            "hard_alpha",
            "alpha weighs the hard term",
            help="The course lets alpha weigh the soft term; other texts let it weigh the hard one.",
        )
    return reverse, weighs_hard


def _soft_weight(weighs_hard: bool) -> float:
    """The weight of the soft term, whatever the convention calls it; says what has no influence."""
    alpha = address.slider(
        "alpha",
        f"alpha, the weight of the {'hard' if weighs_hard else 'soft'} term",
        step=0.05,
        help="How much of the loss comes from the labels."
        if weighs_hard
        else "How much of the loss comes from the teacher.",
    )
    soft = 1 - alpha if weighs_hard else alpha
    if soft == 0:
        st.info(
            "The soft term weighs nothing: the teacher and T have no influence on this loss; T is greyed out."
        )
    if soft == 1:
        st.info("The hard term weighs nothing: the labels have no influence on this loss.")
    return soft
