"""What pruning did to each class, and the images whose answer turned."""

from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.classroom import Question
from explorer.pruning import asked, charts, per_image
from explorer.pruning.answers import AnswersSettings
from explorer.pruning.page_answers import AnswersShown, JudgedTwice, provenance, show_answers
from explorer.pruning.page_one import METHOD, opening_ratio
from explorer.pruning.selection import PruningSelection
from explorer.ui import address
from explorer.work.kept import Keyed

SHOWN = 12
SIDE, LARGE = 92, 168  # pixels of a thumbnail, and of the image that is looked at
TURNED = {"lost": "right, now wrong", "won": "wrong, now right"}


def main(selection: PruningSelection) -> None:
    """Accuracy by class before and after, then the images that flipped."""
    opened = AnswersSettings(len(selection.images), METHOD["default"], round(opening_ratio(selection), 4))
    question = _question(selection, opened, None)
    locked = st.container()
    if not ui.may_reveal(question):
        with locked:
            ui.predict(question)
        return
    shown = show_answers(selection)
    if shown is None:
        return
    rows, text = ui.kept(partial(_by_class, shown.judged))
    ui.chart(
        partial(charts.class_points, rows, shown.method.kind_color),
        f"Accuracy of each class, dense and pruned. {text}".replace("**", ""),
        f"{text} Lines are 95% Wilson intervals.",
    )
    provenance(shown)
    with st.container(horizontal=True):
        ui.download("Classes as CSV", rows, "classes.csv")
        turned = ui.kept(partial(_turned, shown.judged)) if shown.settings == opened else None
        with locked if ui.is_locked(question.key) else st.container(width="content"):
            ui.predict(_question(selection, opened, turned))
    st.header("The images that flipped")
    _flips(shown)


def _question(
    selection: PruningSelection, opened: AnswersSettings, turned: per_image.Flips | None
) -> Question:
    return asked.flips_question(selection.title, selection.weights, selection.images.whole, opened, turned)


def _by_class(judged: Keyed[JudgedTwice]) -> tuple[pd.DataFrame, str]:
    images, before, after = judged.value
    labels, classes = images.targets(), images.classes
    return (
        per_image.per_class(before, after, labels, classes),
        per_image.describe_classes(before, after, labels, classes),
    )


def _turned(judged: Keyed[JudgedTwice]) -> per_image.Flips:
    images, before, after = judged.value
    return per_image.flips(before, after, images.targets())


def _flip_table(judged: Keyed[JudgedTwice]) -> pd.DataFrame:
    images, before, after = judged.value
    return per_image.flip_table(before, after, images)


def _flips(shown: AnswersShown) -> None:
    images, before, after = shown.judged.value
    turned = ui.kept(partial(_turned, shown.judged))
    positions_of = {"lost": turned.lost, "won": turned.won}
    which = address.choice(
        "turned",
        "Answers that turned",
        tuple(TURNED),
        draw=st.segmented_control,
        required=True,
        format_func=lambda kind: f"{TURNED[kind]}: {len(positions_of[kind])}",
        help="The largest change of the true class's probability first.",
    )
    positions = positions_of[which]
    if not positions:
        st.info("No image turned this way at this ratio.", icon=":material/info:")
        return
    says = before.argmax(1), after.argmax(1)
    first = positions[:SHOWN]
    st.image(
        [ui.picture(images, position) for position in first],
        caption=[
            f"{images.place(position)}: {' → '.join(images.classes[int(each[position])] for each in says)}"
            for position in first
        ],
        width=SIDE,
        alt=[f"a photograph labelled {images.classes[int(images.labels[position])]}" for position in first],
    )
    left, right = st.columns([1, 2], gap="large")
    with left:
        number = address.integer_input(
            "flip",
            "Look at number",
            help="1 is the image whose true class lost or gained the most probability.",
        )
        if number > len(positions):
            st.caption(f"There are {len(positions)}, so this is the last one.")
        position = positions[min(number, len(positions)) - 1]
        label = images.classes[images.labels[position]]
        st.image(
            ui.picture(images, position, LARGE),
            caption=f"{images.caption(position)}, labelled {label}",
            alt=f"a photograph labelled {label}",
        )
    with right:
        rows = per_image.distributions(before, after, position, images.classes)
        sure = [scores[position].softmax(0) for scores in (before, after)]
        target = int(images.labels[position])
        ui.chart(
            partial(charts.probability_bars, rows, shown.method.kind_color),
            f"Probabilities of {images.caption(position).lower()}, labelled {label}, dense and pruned.",
            f"**{label}** had {sure[0][target]:.1%} and has {sure[1][target]:.1%}; the dense network says "
            f"**{images.classes[int(says[0][position])]}**, the pruned one "
            f"**{images.classes[int(says[1][position])]}**.",
        )
    ui.download("Flipped images as CSV", partial(_flip_table, shown.judged), "flipped.csv")
