"""Distillation: a teacher's and a student's softened distributions on a real image, and the loss."""

import streamlit as st
import torch

from explorer import ui
from explorer.data import ImageSet
from explorer.distillation import charts, soften
from explorer.distillation.soften import Choice

TEMPERATURES = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
SCREEN_PIXELS = 8  # per image pixel, so that a 28x28 image is shown as it is, only larger


def main() -> None:
    """Draw the lesson."""
    st.title("Distillation")
    st.markdown(
        "What does the teacher know beyond the label? It does not only say *shirt*: "
        "it says how much the image could also be a T-shirt or a coat. "
        "The temperature **T** brings that out, and **alpha** decides how much the student listens to it."
    )
    images = ui.images("validation")
    settings, view = st.columns([1, 2], gap="large")
    with settings:
        student_name = _student()
        teacher, student = ui.validation_logits("teacher"), ui.validation_logits(student_name)
        position = _image(images, teacher, student)
        temperature = st.select_slider(
            "Temperature T",
            TEMPERATURES,
            value=4,
            key="d_t",
            bind="query-params",
            help="Logits are divided by T before the softmax: above 1 the distribution becomes softer.",
        )
    with view:
        _distributions(images, position, teacher[position], student[position], float(temperature))
    _ladder(images, teacher[position])
    _loss(images, position, teacher, student, float(temperature))
    _evidence()


def _student() -> str:
    titles = {card.title: name for name, card in ui.cards().items() if card.network == "studentnet"}
    names = list(titles.values())
    title = st.selectbox(
        "Student",
        list(titles),
        index=names.index("student-60k-kd"),
        key="d_s",
        bind="query-params",
        help="All of them were really trained; their cards are under Evidence at the foot of this page.",
    )
    return titles[title]


def _image(images: ImageSet, teacher: torch.Tensor, student: torch.Tensor) -> int:
    choices: list[Choice] = list(Choice)
    choice = st.selectbox(
        "Image",
        choices,
        key="d_by",
        bind="query-params",
        help="How to choose one of the 5,000 validation images, which no network was trained on.",
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
    pixels = images.images[position].repeat(SCREEN_PIXELS, 0).repeat(SCREEN_PIXELS, 1)
    st.image(pixels, caption=f"Validation image {position}: {images.classes[images.labels[position]]}")
    return position


def _distributions(
    images: ImageSet, position: int, teacher: torch.Tensor, student: torch.Tensor, temperature: float
) -> None:
    label = int(images.labels[position])
    log = st.toggle(
        "Log scale",
        key="d_log",
        bind="query-params",
        help="Shows the small probabilities, where the dark knowledge sits at T = 1.",
    )
    rows = soften.distributions(teacher, student, images.classes, label, temperature)
    said = {name: images.classes[int(scores.argmax())] for name, scores in _pair(teacher, student)}
    ui.chart(
        charts.distribution_bars(rows, log=log),
        f"Probabilities of the {len(images.classes)} classes at T = {temperature:g} for an image of class "
        f"{images.classes[label]}: the teacher says {said['teacher']}, the student {said['student']}.",
        f"True class **{images.classes[label]}**; the teacher says **{said['teacher']}**, the student "
        f"**{said['student']}**, at every T: dividing all logits by T changes no ranking.",
    )
    for column, (name, scores) in zip(st.columns(2), _pair(teacher, student), strict=True):
        column.metric(
            f"Effective classes, {name}",
            f"{soften.effective_classes(scores, temperature):.2f} of {len(images.classes)}",
            f"{soften.effective_classes(scores, 1.0):.2f} at T = 1",
            delta_color="off",
            delta_arrow="off",
            help="exp(entropy): as uncertain as a fair choice among so many classes.",
        )
    ui.provenance(
        "precomputed",
        "logits of the shipped networks on the validation images; the softmax is computed here.",
    )


def _pair(teacher: torch.Tensor, student: torch.Tensor) -> tuple[tuple[str, torch.Tensor], ...]:
    return ("teacher", teacher), ("student", student)


def _ladder(images: ImageSet, teacher: torch.Tensor) -> None:
    st.subheader("The same image up the ladder of temperatures")
    top = [soften.soften(teacher, step).max().item() for step in soften.LADDER]
    ui.chart(
        charts.ladder_map(soften.ladder(teacher, images.classes)),
        f"Teacher's probabilities at T = 1 to 16; the largest falls from {top[0]:.2f} to {top[-1]:.2f}.",
        f"The teacher's largest probability falls from **{top[0]:.2f}** at T = 1 to **{top[-1]:.2f}** "
        "at T = 16; what it takes away goes to the classes it finds similar first.",
    )


def _loss(
    images: ImageSet, position: int, teacher: torch.Tensor, student: torch.Tensor, temperature: float
) -> None:
    st.subheader("The loss, part by part")
    formula, parts = st.columns(2, gap="large")
    with formula:
        alpha = st.slider(
            "alpha, the weight of the soft term",
            0.0,
            1.0,
            0.5,
            0.05,
            key="d_a",
            bind="query-params",
            help="The course's convention: alpha weighs the teacher's soft term, 1 - alpha the labels. "
            "Half the literature uses alpha the other way round.",
        )
        if alpha in (0, 1):
            st.info(
                "At alpha = 0 the teacher and T have no influence on the loss."
                if alpha == 0
                else "At alpha = 1 the labels have no influence on the loss."
            )
    image, mean, rows = soften.weighted_parts(
        student, images.targets(), teacher, alpha, temperature, position
    )
    with formula:
        st.latex(
            r"\begin{aligned} L ={} & \alpha\, T^2\, \mathrm{KL}(p_{teacher} \| q_{student}) \\"
            r" & + (1-\alpha)\, \mathrm{CE} \\"
            rf" ={{}} & {alpha:g} \cdot {temperature:g}^2 \cdot {image.kl:.4f} \\"
            rf" & + {1 - alpha:g} \cdot {image.hard:.4f} \\"
            rf" ={{}} & \mathbf{{{image.total:.4f}}}\ \mathrm{{nats}} \end{{aligned}}"
        )
        st.caption(
            f"With the numbers of this image. Over all {len(images):,} validation images the mean is "
            f"{mean.total:.4f} nats. Losses at different T cannot be ranked: T² KL itself changes with T."
        )
    with parts:
        ui.chart(
            charts.loss_bars(rows),
            f"Loss in two parts: this image {image.total:.4f} nats, mean of all {mean.total:.4f} nats.",
            f"Soft part of this image **{alpha * image.soft:.4f}**, hard part "
            f"**{(1 - alpha) * image.hard:.4f}** nats.",
        )
        st.download_button(
            "Loss parts as CSV",
            rows.to_csv(index=False),
            "loss_parts.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _evidence() -> None:
    st.subheader("Evidence: students really trained")
    table = soften.trained_students(list(ui.cards().values()))
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "test accuracy": st.column_config.NumberColumn(format="%.4f"),
            "parameters": st.column_config.NumberColumn(format="localized"),
        },
    )
    ui.provenance(
        "precomputed",
        "one seed each, on the 10,000 test images, from the cards; recompute with "
        "<code>python -m explorer verify</code>.",
    )


with ui.page():
    main()
