"""The controls of the distillation lesson; the address keeps what they choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

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


@dataclass(frozen=True)
class Places:
    """Where a tab has its controls: a column or a container, or None where it keeps what others have set.

    Attributes:
        teacher: of the teacher, where there are several.
        student: of the student.
        image: the photograph, and of the order of the images and the place in it.
        alpha: of alpha.
        temperature: of T.
        conventions: of what alpha weighs and which way the KL goes.
    """

    teacher: Any = None
    student: Any = None
    image: Any = None
    alpha: Any = None
    temperature: Any = None
    conventions: Any = None


def choose(places: Places) -> DistillationSelection:
    """Draw the controls that have a place, and give what all of them choose."""
    photograph = None if places.image is None else places.image.container()  # above its controls
    images, teacher_name = ui.images("validation"), _teacher(places.teacher)
    teacher = ui.validation_logits(teacher_name)
    student_name = _student(teacher_name, places.student)
    student = ui.validation_logits(student_name) if student_name else teacher
    cards = ui.networks()
    weights = cards[teacher_name].sha256, cards[student_name or teacher_name].sha256
    judged = Keyed((*weights, images.key), JudgedImages(images, teacher, student))
    selection = DistillationSelection(judged, _position(judged, places.image), teacher_name, student_name)
    if photograph is not None:
        _show_photograph(selection, photograph)
    reverse, weighs_hard = _conventions(places.conventions)
    return replace(
        selection,
        temperature=_temperature(places.temperature),
        alpha=_soft_weight(weighs_hard, places.alpha),
        reverse=reverse,
        alpha_weighs_soft=not weighs_hard,
    )


def _position(judged: Keyed[JudgedImages], at: Any) -> int:
    """The chosen image, by its order and its place in it."""
    images, options = judged.value.images, tuple(ImageOrder)
    if at is None:
        order, rank = address.value("image_by", options=options), address.value("image_rank")
    else:
        order = address.choice(
            "image_by",
            "Image",
            options,
            draw=at.selectbox,
            help=f"How to choose one of the {len(images):,} {images.noun}s.",
        )
        rank = address.integer_input(
            "image_rank",
            "Index" if order is ImageOrder.INDEX else "Place in that order",
            at=at,
            high=len(images) - 1,
            help="0 is the most telling one.",
        )
    positions = ui.kept(partial(_positions, order, judged))
    if not len(positions):
        (at or st).warning("There is no such image here; by index there are all of them.")
        positions = np.arange(len(images))
    elif rank >= len(positions):
        (at or st).warning(f"There are {len(positions)} such images, so this is the last one.")
    return int(positions[min(rank, len(positions) - 1)])


def _show_photograph(selection: DistillationSelection, at: Any) -> None:
    images = selection.images
    teacher_says, student_says = map(ui.escape_markup, selection.answers)
    beside = f", the student {student_says}" if selection.student_name else ""
    at.image(
        ui.picture(images, selection.position, SCREEN_PIXELS),
        caption=f"{images.caption(selection.position)}, labelled {ui.escape_markup(images.classes[selection.label])}; "
        f"the teacher says {teacher_says}{beside}",
        width=SCREEN_PIXELS,
        alt=f"a photograph labelled {images.classes[selection.label]}",
    )


def _positions(order: ImageOrder, judged: Keyed[JudgedImages]) -> npt.NDArray[np.int64]:
    images, teacher, student = judged.value
    return soften.order_images(order, teacher, student, images.targets())


def _temperature(at: Any) -> float:
    if at is None:
        return float(address.value("temperature"))
    return address.number_input(
        "temperature",
        "Temperature T",
        at=at,
        step=0.1,
        format="%g",
        help="Logits are divided by T before the softmax: above 1 the distribution becomes softer.",
    )


def _teacher(at: Any) -> str:
    """The teacher; a control only where there are several."""
    workspace = ui.workspace()
    if len(workspace.teachers) == 1 or at is None:
        return str(address.value("teacher", options=workspace.teachers))
    return address.choice(
        "teacher",
        "Teacher",
        workspace.teachers,
        draw=at.selectbox,
        format_func=_titles(workspace.teachers),
        help="Any network with as many classes as the images have; of those that ship, the teacher.",
    )


def _student(teacher: str, at: Any) -> str:
    """The student; empty where there is none yet."""
    workspace = ui.workspace()
    students = workspace.students_of(teacher)
    if not students:
        if at is not None:
            at.info(
                "There is no student of yours yet: train one under **Distil it now**, or add its checkpoint under "
                "**Your data**. What needs the teacher alone is here.",
                icon=":material/person_off:",
            )
        return ""
    default = workspace.default_student_of(teacher)
    if at is None:
        return str(address.value("student", options=students, default=default))
    return address.choice(
        "student",
        "Student",
        students,
        draw=at.selectbox,
        default=default,
        format_func=_titles(students),
        help="Of those that ship, the cards are under Does it help?",
    )


def _titles(names: Sequence[str]) -> Callable[[str], str]:
    """What networks are called on screen; looked up now, since a label may be asked for outside of a page."""
    titles = {name: ui.networks()[name].title for name in names}
    return lambda name: titles[name]


def _conventions(at: Any) -> tuple[bool, bool]:
    """Whether the KL is reversed, and whether alpha weighs the hard term."""
    if at is None:
        return bool(address.value("reverse")), bool(address.value("hard_alpha"))
    reverse = address.toggle(
        "reverse",
        "Reverse KL(student || teacher)",
        at=at,
        help="Distillation uses KL(teacher || student); the reverse punishes other mistakes.",
    )
    weighs_hard = address.toggle(
        "hard_alpha",
        "alpha weighs the hard term",
        at=at,
        help="The course lets alpha weigh the soft term; other texts let it weigh the hard one.",
    )
    return reverse, weighs_hard


def _soft_weight(weighs_hard: bool, at: Any) -> float:
    """The weight of the soft term, whatever the convention calls it."""
    if at is None:
        alpha = float(address.value("alpha"))
    else:
        alpha = address.slider(
            "alpha",
            f"alpha, the weight of the {'hard' if weighs_hard else 'soft'} term",
            at=at,
            step=0.05,
            help="How much of the loss comes from the labels."
            if weighs_hard
            else "How much of the loss comes from the teacher.",
        )
    return 1 - alpha if weighs_hard else alpha
