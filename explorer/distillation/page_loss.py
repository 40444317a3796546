"""The loss with its numbers in it, and why the soft term is multiplied by T squared."""

import streamlit as st

from explorer import ui
from explorer.distillation import charts, gradients, soften
from explorer.distillation.formula import formula
from explorer.distillation.scene import Scene


def loss(scene: Scene) -> None:
    """The formula with this image's numbers, and its parts as bars."""
    image, mean, rows = soften.weighted_parts(
        scene.student,
        scene.images.targets(),
        scene.teacher,
        scene.alpha,
        scene.temperature,
        scene.position,
        reverse=scene.reverse,
    )
    written, parts = st.columns(2, gap="large")
    with written:
        st.latex(formula(image, scene.alpha, scene.temperature, reverse=scene.reverse, course=scene.course))
        st.caption(
            f"With the numbers of this image, in nats. The mean over all {len(scene.images):,} validation "
            f"images is **{mean.total:.4f}**. Losses at different T cannot be ranked: T² KL changes with T."
        )
        if scene.alpha == 0:
            st.info("The soft term weighs nothing: the teacher and T have no influence on this loss.")
        if scene.alpha == 1:
            st.info("The hard term weighs nothing: the labels have no influence on this loss.")
        st.caption(
            "Lettering: the course's text writes KL(p || q) with p the student and q the teacher; the function "
            "it calls, kl_div(log_softmax(student), teacher), computes KL(teacher || student), as written here."
        )
    with parts:
        ui.chart(
            charts.loss_bars(rows),
            f"Loss in two parts: this image {image.total:.4f} nats, mean of all {mean.total:.4f} nats.",
            f"Soft part of this image **{scene.alpha * image.soft:.4f}**, hard part "
            f"**{(1 - scene.alpha) * image.hard:.4f}** nats.",
        )
        ui.download("Loss parts as CSV", rows, "loss_parts.csv")
    ui.provenance("computed", "from the precomputed logits of the shipped networks.")


def why_t_squared(scene: Scene) -> None:
    """Gradient norms with and without T squared, the gradient per logit, the limit and the split."""
    labels, classes = scene.images.targets(), scene.images.classes
    left, right = st.columns(2, gap="large")
    with left:
        rows = gradients.norms(scene.student, labels, scene.teacher)
        at = {
            step: rows[(rows["term"] == "soft, without T²") & (rows["temperature"] == step)]["norm"].item()
            for step in (1.0, 16.0)
        }
        ui.chart(
            charts.gradient_norms(rows, scene.temperature),
            "Mean gradient norms of the soft and the hard term against T, with and without the factor T squared.",
            f"Without T² the soft gradient falls from **{at[1.0]:.3f}** at T = 1 to **{at[16.0]:.5f}** at T = 16, "
            f"{at[1.0] / at[16.0]:.0f} times less; with it, soft and hard keep roughly their balance.",
        )
    with right:
        per_logit = gradients.per_logit(
            scene.student[scene.position],
            scene.label,
            scene.teacher[scene.position],
            scene.alpha,
            scene.temperature,
            classes,
        )
        ui.chart(
            charts.logit_gradients(per_logit),
            f"Gradient of this image's loss on each logit at alpha {scene.alpha:g}, T {scene.temperature:g}.",
            "A bar to the left means that training raises that logit. The hard term knows one class only; "
            "the soft term says something about every class.",
        )
    left, right = st.columns([3, 2], gap="large")
    with left:
        limit = gradients.asymptote(scene.student, scene.teacher)
        split = gradients.split_sweep(scene.student, labels, scene.teacher)
        ui.chart(
            charts.split_areas(split, limit, scene.temperature),
            f"T squared KL against T as a stack of TCKD and (1 - p_t) NCKD; limit {limit:.2f} nats.",
            f"T² KL tends to ½ Var(z - v) = **{limit:.3f}** nats (dashed): at high T distillation matches "
            "logits. TCKD is how sure both are of the true class; the rest, NCKD, is dark knowledge.",
        )
    with right:
        found = gradients.agreement(scene.student, labels, scene.teacher)
        st.metric("Same first class as the teacher", f"{found.top1:.2%}", border=True)
        st.metric(
            "Rank agreement on the other classes",
            f"{found.rank:.3f}",
            border=True,
            help="Mean Spearman correlation over the classes other than the true one.",
        )
        st.caption("Neither depends on T, so each is a number and not a curve.")
        ui.download("Gradient norms as CSV", rows, "gradient_norms.csv")
    ui.provenance(
        "computed", f"from the precomputed logits, means over {len(scene.images):,} validation images."
    )
