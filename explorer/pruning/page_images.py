"""What pruning did to each class, and the images whose answer turned."""

from functools import partial

import streamlit as st

from explorer import ui
from explorer.pruning import charts, per_image
from explorer.pruning.page_answers import AnswersShown, provenance, show_answers
from explorer.pruning.selection import PruningSelection
from explorer.ui import address

SHOWN = 12
SIDE = 92  # pixels of a thumbnail
TURNED = {"lost": "right, now wrong", "won": "wrong, now right"}


def main(selection: PruningSelection) -> None:
    """Accuracy by class before and after, then the images that flipped."""
    shown = show_answers(selection)
    if shown is None:
        return
    before, after = shown.answers.dense, shown.answers.pruned
    labels, classes = shown.images.targets(), shown.images.classes
    rows = per_image.per_class(before, after, labels, classes)
    text = per_image.describe_classes(before, after, labels, classes)
    ui.chart(
        partial(charts.class_points, rows, shown.method.kind_color),
        f"Accuracy of each class, dense and pruned. {text}".replace("**", ""),
        f"{text} Lines are 95 % Wilson intervals.",
    )
    provenance(shown)
    ui.download("Classes as CSV", rows, "classes.csv")
    st.subheader("The images that flipped")
    _flips(shown)


def _flips(shown: AnswersShown) -> None:
    images, labels = shown.images, shown.images.targets()
    before, after = shown.answers.dense, shown.answers.pruned
    turned = per_image.flips(before, after, labels)
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
    table = per_image.flip_table(before, after, labels, images.classes)
    if not positions:
        st.info("No image turned this way at this ratio.", icon=":material/info:")
        return
    says = before.argmax(1), after.argmax(1)
    first = positions[:SHOWN]
    st.image(
        [images.images[position] for position in first],
        caption=[
            f"{position}: {images.classes[int(says[0][position])]} → {images.classes[int(says[1][position])]}"
            for position in first
        ],
        width=SIDE,
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
            images.images[position].repeat(6, 0).repeat(6, 1),
            caption=f"{images.caption(position)}, labelled {label}",
        )
    with right:
        rows = per_image.distributions(before, after, position, images.classes)
        sure = [scores[position].softmax(0) for scores in (before, after)]
        target = int(images.labels[position])
        ui.chart(
            partial(charts.probability_bars, rows, shown.method.kind_color),
            f"Probabilities of {images.noun} {position}, labelled {label}, dense and pruned.",
            f"**{label}** had {sure[0][target]:.1%} and has {sure[1][target]:.1%}; the dense network says "
            f"**{images.classes[int(says[0][position])]}**, the pruned one "
            f"**{images.classes[int(says[1][position])]}**.",
        )
    ui.download("Flipped images as CSV", table, "flipped.csv")
