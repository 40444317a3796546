"""The class it never saw: two students trained without a class, and the bias of that class under the hand."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from explorer import palette, ui
from explorer.data import ImageSet
from explorer.distillation import charts, unseen
from explorer.distillation.knowledge import png_address
from explorer.distillation.live import (
    TRAINING_WITHOUT,
    WAYS,
    EpochEnd,
    TrainedPair,
    TrainingPairSettings,
    Way,
)
from explorer.distillation.page_controls import Places, choose
from explorer.measure import spared
from explorer.networks import cost_of
from explorer.ui import address
from explorer.ui.instrument import Panel, StoredResult, results
from explorer.work.instrument import InstrumentSpec
from explorer.work.kept import Keyed

RAISE = "raise_the_bias"  # key of the component
FIRST = "Sneaker"
PHOTOGRAPH = 40  # side in pixels


def show_unseen() -> None:
    """Which class is left out, what both students make of it as its bias is raised, and training them here."""
    data, classes = ui.workspace().data, ui.workspace().data.classes
    left, right = st.columns([3.2, 1], gap="medium", vertical_alignment="bottom")
    left.markdown(
        "Two students, trained without a single image of one class: one with **labels alone**, one with the "
        "**teacher's answers** about the other classes. Does either know the class when it meets it?"
    )
    teacher = choose(Places(teacher=left)).teacher_name
    name = address.choice(
        "left_out",
        "The class that both students never saw",
        classes,
        draw=left.pills,
        default=FIRST if FIRST in classes else classes[0],
        required=True,
    )
    label, images = classes.index(name), ui.images("validation")
    settings = unseen.settings_for(data, label)
    source = ui.workspace().source(teacher)
    spec = InstrumentSpec(source, data, "training", data.key_of("training"), settings)
    stored = _stored(settings, source.card.sha256, images)
    panel: Panel[EpochEnd] = Panel(TRAINING_WITHOUT, spec, stored=stored)
    with right:
        panel.controls("Train both here", help="Trains both students on this machine, without this class.")
    figure, running, row = st.container(), st.container(), st.container(horizontal=True)
    own = results().get(TRAINING_WITHOUT.identity(spec))
    ends = next((each.parts for each in (own, stored) if each and _both(each.parts)), ())
    # What is there already is drawn first, so that one can look at it while the training goes on.
    pair = _draw(ends, images, label, figure, row) if ends else None
    with running:
        shown = panel.result(
            _where,
            grow=lambda growing: ui.bare_chart(
                partial(charts.live_training_lines, TrainedPair(settings, growing).curves(), settings.epochs),
                alt=_progress(growing),
            ),
            nothing=f"Nobody has trained students without {name} with this teacher yet: train both here.",
        )
    if shown is not None and _both(shown.parts) and shown.parts != ends:
        st.rerun()  # the training has ended in this very run of the page
    if shown is None or pair is None:
        return
    with figure:
        ui.provenance(shown.origin, f"{_how(settings)}; {shown.where}")
        if shown.beside is not None:
            beside = ui.kept(partial(_raised, _judged(shown.beside.parts, images), label))
            ui.provenance("precomputed", f"{unseen.in_short(beside)}; {shown.beside.where}")
    with row:
        ui.download("Every raise as CSV", pair.rows(), "raised_bias.csv")


def _both(ends: Sequence[EpochEnd]) -> bool:
    """Whether both students have ended an epoch."""
    return len({end.way for end in ends if end.scores}) == len(WAYS)


def _draw(
    ends: Sequence[EpochEnd], images: ImageSet, label: int, figure: DeltaGenerator, row: DeltaGenerator
) -> unseen.RaisedPair | None:
    """Ask, then draw both students; None where a guess comes first."""
    judged = _judged(ends, images)
    pair = ui.kept(partial(_raised, judged, label))
    with row:
        revealed = ui.predict(unseen.question(pair, judged.key))
    if not revealed:
        return None
    with figure:
        _show_pair(pair, images)
    return pair


def _stored(settings: TrainingPairSettings, teacher: str, images: ImageSet) -> StoredResult[EpochEnd] | None:
    training = ui.workspace().data.key_of("training")
    found = ui.kept(partial(_find, settings, teacher, training, Keyed((images.key,), images)))
    return StoredResult(found[0], settings, found[1]) if found else None


def _find(
    settings: TrainingPairSettings, teacher: str, training: str, images: Keyed[ImageSet]
) -> tuple[tuple[EpochEnd, ...], str] | None:
    return unseen.find_pair(settings, teacher, training, images.value)


def _judged(ends: Sequence[EpochEnd], images: ImageSet) -> Keyed[tuple[Mapping[Way, Tensor], ImageSet]]:
    """The newest logits of both students and the images that they are of."""
    newest = [end for end in ends if end.scores]
    key = (*(hashlib.sha256(end.scores).hexdigest() for end in newest), images.key)
    return Keyed(key, ({end.way: end.logits for end in newest}, images))


def _raised(judged: Keyed[tuple[Mapping[Way, Tensor], ImageSet]], label: int) -> unseen.RaisedPair:
    return unseen.raise_bias(*judged.value, label)


def _progress(ends: Sequence[EpochEnd]) -> str:
    last = {end.way: f"{end.way}: validation accuracy {end.validation_accuracy:.1%}" for end in ends}
    return ", ".join(last.values())


def _how(settings: TrainingPairSettings) -> str:
    data = ui.workspace().data
    return (
        f"both students of {cost_of(settings.student, data.input_size).params:,} parameters from the same weights, one "
        f"seed, {settings.epochs} epochs on {data.describe('training')} without this class; distilled with alpha "
        f"{settings.alpha:g}, T {settings.temperature:g}; counted on {data.describe('validation')}"
    )


def _where(spec: InstrumentSpec[TrainingPairSettings], ends: Sequence[EpochEnd]) -> str:
    return f"trained here on {spared()} CPU threads in {max(end.seconds for end in ends):.0f} s."


def _take_raise() -> None:
    address.put("raised", float(st.session_state[RAISE]["raised"]))


def _show_pair(pair: unseen.RaisedPair, images: ImageSet) -> None:
    colors = {"labels alone": palette.HARD, "distilled": palette.SOFT}
    ui.component(__file__, "unseen")(
        key=RAISE,
        data={
            "name": pair.name,
            "label": pair.label,
            "classes": pair.classes,
            "raises": pair.raises,
            "members": pair.members,
            "images": pair.images,
            "reference": palette.DENSE,
            "raised": min(address.value("raised"), pair.raises[-1]),
            "photographs": ui.kept(partial(_photographs, Keyed((images.key,), images), pair.shown)),
            "students": [_as_sent(student, colors[student.way]) for student in pair.students],
        },
        on_raised_change=_take_raise,
    )
    st.markdown(unseen.verdict(pair))


def _as_sent(student: unseen.RaisedStudent, color: str) -> dict[str, Any]:
    return vars(student) | {"color": color}


def _photographs(images: Keyed[ImageSet], positions: Sequence[int]) -> str:
    """The images beside each other, as one PNG data address."""
    row = np.hstack([images.value.images[position] for position in positions])
    return png_address(row, PHOTOGRAPH)
