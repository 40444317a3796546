"""The loss with its numbers in it, and why the soft term is multiplied by T squared."""

from functools import partial

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.classroom import Question
from explorer.distillation import asked, charts, gradients
from explorer.distillation.formula import ImageAndMeanLoss, compare_image_with_mean, part_names
from explorer.distillation.selection import DistillationSelection, JudgedImages
from explorer.distillation.soften import TEMPERATURE_LADDER
from explorer.work.kept import Keyed


def show_loss(selection: DistillationSelection) -> None:
    """The loss of the image beside its mean over all images, in parts."""
    compared = ui.kept(
        partial(
            _compared,
            selection.judged,
            selection.alpha,
            selection.temperature,
            selection.position,
            names=part_names(reverse=selection.reverse, alpha_weighs_soft=selection.alpha_weighs_soft),
            reverse=selection.reverse,
        )
    )
    image, mean, rows = compared.image, compared.mean, compared.rows
    st.header("The loss of this image and of all")
    ui.chart(
        partial(charts.loss_bars, rows),
        f"Loss in two parts: this image {image.total:.4f} nats, mean of all {mean.total:.4f} nats.",
        f"This image: soft part **{selection.alpha * image.soft:.4f}**, hard part "
        f"**{(1 - selection.alpha) * image.hard:.4f}** nats; mean of all {len(selection.images):,}: soft "
        f"**{selection.alpha * mean.soft:.4f}**, hard **{(1 - selection.alpha) * mean.hard:.4f}**.",
    )
    table = pd.DataFrame(
        {
            "images": rows["images"].unique(),
            "KL": [part.kl.item() for part in (image, mean)],
            "T² KL": [part.soft.item() for part in (image, mean)],
            "CE": [part.hard.item() for part in (image, mean)],
            "L": [part.total.item() for part in (image, mean)],
        }
    )
    numbers = {
        name: st.column_config.NumberColumn(f"{name}, nats", format="%.4f") for name in table.columns[1:]
    }
    st.dataframe(table, hide_index=True, column_config=numbers)
    computes = "KL(teacher || student)" + (
        ", the other direction than chosen here" if selection.reverse else ""
    )
    st.caption(
        "Losses at different T cannot be ranked: T² KL itself changes with T. Lettering: the course's text writes "
        "KL(p || q) with p the student and q the teacher; the function it calls, kl_div(log_softmax(student), "
        f"teacher), computes {computes}."
    )
    ui.provenance("computed", f"from {ui.logits_in_words(*selection.names)}.")
    ui.download("Loss parts as CSV", table, "loss_parts.csv")


def _compared(
    judged: Keyed[JudgedImages],
    alpha: float,
    temperature: float,
    position: int,
    *,
    names: tuple[str, str],
    reverse: bool,
) -> ImageAndMeanLoss:
    images, teacher, student = judged.value
    return compare_image_with_mean(
        student, images.targets(), teacher, alpha, temperature, position, names=names, reverse=reverse
    )


def show_why_t_squared(selection: DistillationSelection) -> None:
    """Gradient norms with and without T squared, the gradient per logit, the limit and the split."""
    if not ui.predict(ui.kept(partial(_question, selection.judged))):
        return
    left, right = st.columns(2, gap="large")
    with left:
        _show_gradient_norms(selection)
    with right:
        _show_logit_gradients(selection)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_decoupled_kl(selection)
    with right:
        agreement = ui.kept(partial(_agreement, selection.judged))
        st.metric("Same first class as the teacher", f"{agreement.top1:.2%}", border=True)
        st.metric(
            "Rank agreement on the other classes",
            f"{agreement.rank:.3f}",
            border=True,
            help="Mean Spearman correlation over the classes other than the true one.",
        )
        st.caption("Neither depends on T, so each is a number and not a curve.")
    ui.provenance(
        "computed",
        f"from {ui.logits_in_words(*selection.names)}, means over {len(selection.images):,} {selection.images.noun}s.",
    )


def _question(judged: Keyed[JudgedImages]) -> Question:
    images, teacher, student = judged.value
    *weights, key = judged.key
    return asked.gradient_question((weights[0], weights[1]), key, student, images.targets(), teacher)


def _gradient_norms(judged: Keyed[JudgedImages], reverse: bool) -> pd.DataFrame:
    images, teacher, student = judged.value
    return gradients.mean_gradient_norms(student, images.targets(), teacher, reverse=reverse)


def _decoupled_kl(judged: Keyed[JudgedImages]) -> pd.DataFrame:
    images, teacher, student = judged.value
    return gradients.decoupled_kl_rows(student, images.targets(), teacher)


def _agreement(judged: Keyed[JudgedImages]) -> gradients.TeacherAgreement:
    images, teacher, student = judged.value
    return gradients.teacher_agreement(student, images.targets(), teacher)


def _show_gradient_norms(selection: DistillationSelection) -> None:
    rows = ui.kept(partial(_gradient_norms, selection.judged, selection.reverse))
    norm = rows.pivot(index="temperature", columns="term", values="norm")
    without, share = norm["soft, without T²"], norm["soft, with T²"] / norm["hard"]
    ladder = share[list(TEMPERATURE_LADDER)]
    ui.chart(
        partial(charts.gradient_norm_lines, rows, selection.temperature),
        "Mean gradient norms of the soft and the hard term against T, with and without the factor T squared.",
        f"From T = 1 to T = 16 the soft gradient falls **{without[1.0] / without[16.0]:.0f}** times without T². With "
        f"it, it is **{share[1.0]:.1f}** times the hard one at T = 1, **{share[4.0]:.1f}** times at T = 4 and "
        f"**{share[16.0]:.1f}** times at T = 16: a factor of **{ladder.max() / ladder.min():.1f}** between the "
        "largest and the smallest. The less it changes, the more alpha means the same at every T.",
    )
    ui.download("Gradient norms as CSV", rows, "gradient_norms.csv")


def _show_logit_gradients(selection: DistillationSelection) -> None:
    rows = gradients.logit_gradients(
        selection.student_logits[selection.position],
        selection.label,
        selection.teacher_logits[selection.position],
        selection.alpha,
        selection.temperature,
        selection.images.classes,
        reverse=selection.reverse,
    )
    ui.chart(
        partial(charts.logit_gradient_bars, rows),
        f"Gradient of this image's loss on each logit at alpha {selection.alpha:g}, T {selection.temperature:g}.",
        "This image. A bar to the left means that training raises that logit. The hard term raises the labelled "
        "class alone; the soft term says something else about every class.",
    )
    ui.download("Gradient per logit as CSV", rows, "gradient_per_logit.csv")


def _show_decoupled_kl(selection: DistillationSelection) -> None:
    limit = gradients.high_temperature_limit(selection.student_logits, selection.teacher_logits)
    rows = ui.kept(partial(_decoupled_kl, selection.judged))
    ui.chart(
        partial(charts.decoupled_kl_areas, rows, limit, selection.temperature),
        f"T squared KL against T as a stack of TCKD and (1 - p_t) NCKD; limit {limit:.2f} nats.",
        f"T² KL tends to ½ Var(z - v) = **{limit:.3f}** nats (dashed line): at high T distillation matches logits. "
        "TCKD is how sure both are of the true class, NCKD how they share the rest: the dark knowledge."
        + (" The split is that of KL(teacher || student)." if selection.reverse else ""),
    )
    ui.download("Split as CSV", rows, "split.csv")
