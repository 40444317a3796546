"""The loss with its numbers in it, and why the soft term is multiplied by T squared."""

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.distillation import charts, gradients, soften
from explorer.distillation.formula import formula, part_names
from explorer.distillation.scene import Scene


def loss(scene: Scene) -> None:
    """The formula with this image's numbers, the same parts averaged over all images, and bars."""
    image, mean, rows = soften.weighted_parts(
        scene.student,
        scene.images.targets(),
        scene.teacher,
        scene.alpha,
        scene.temperature,
        scene.position,
        names=part_names(reverse=scene.reverse, course=scene.course),
        reverse=scene.reverse,
    )
    written, parts = st.columns(2, gap="large")
    with written:
        st.latex(formula(image, scene.alpha, scene.temperature, reverse=scene.reverse, course=scene.course))
        st.caption("With the numbers of this image, in nats. What weighs nothing is grey.")
        computes = "KL(teacher || student)" + (
            ", the other direction than chosen here" if scene.reverse else ""
        )
        st.caption(
            "Lettering: the course's text writes KL(p || q) with p the student and q the teacher; the function "
            f"it calls, kl_div(log_softmax(student), teacher), computes {computes}."
        )
    with parts:
        ui.chart(
            charts.loss_bars(rows),
            f"Loss in two parts: this image {image.total:.4f} nats, mean of all {mean.total:.4f} nats.",
            f"This image: soft part **{scene.alpha * image.soft:.4f}**, hard part "
            f"**{(1 - scene.alpha) * image.hard:.4f}** nats; mean of all {len(scene.images):,}: soft "
            f"**{scene.alpha * mean.soft:.4f}**, hard **{(1 - scene.alpha) * mean.hard:.4f}**.",
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
    st.caption("Losses at different T cannot be ranked: T² KL itself changes with T.")
    ui.provenance("computed", "from the precomputed logits of the shipped networks.")
    ui.download("Loss parts as CSV", table, "loss_parts.csv")


def why_t_squared(scene: Scene) -> None:
    """Gradient norms with and without T squared, the gradient per logit, the limit and the split."""
    labels = scene.images.targets()
    left, right = st.columns(2, gap="large")
    with left:
        _norms(scene)
    with right:
        _per_logit(scene)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _split(scene)
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
    ui.provenance(
        "computed", f"from the precomputed logits, means over {len(scene.images):,} validation images."
    )


def _norms(scene: Scene) -> None:
    rows = gradients.norms(scene.student, scene.images.targets(), scene.teacher, reverse=scene.reverse)
    norm = rows.pivot(index="temperature", columns="term", values="norm")
    without, share = norm["soft, without T²"], norm["soft, with T²"] / norm["hard"]
    ui.chart(
        charts.gradient_norms(rows, scene.temperature),
        "Mean gradient norms of the soft and the hard term against T, with and without the factor T squared.",
        f"From T = 1 to T = 16 the soft gradient falls **{without[1.0] / without[16.0]:.0f}** times without T². With "
        f"it, it is **{share[1.0]:.1f}** times the hard one at T = 1, **{share[4.0]:.1f}** times at T = 4 and "
        f"**{share[16.0]:.1f}** times at T = 16: of one order, so that alpha keeps its meaning.",
    )
    ui.download("Gradient norms as CSV", rows, "gradient_norms.csv")


def _per_logit(scene: Scene) -> None:
    rows = gradients.per_logit(
        scene.student[scene.position],
        scene.label,
        scene.teacher[scene.position],
        scene.alpha,
        scene.temperature,
        scene.images.classes,
        reverse=scene.reverse,
    )
    ui.chart(
        charts.logit_gradients(rows),
        f"Gradient of this image's loss on each logit at alpha {scene.alpha:g}, T {scene.temperature:g}.",
        "This image. A bar to the left means that training raises that logit. The hard term raises the labelled "
        "class alone; the soft term says something else about every class.",
    )
    ui.download("Gradient per logit as CSV", rows, "gradient_per_logit.csv")


def _split(scene: Scene) -> None:
    limit = gradients.asymptote(scene.student, scene.teacher)
    rows = gradients.split_sweep(scene.student, scene.images.targets(), scene.teacher)
    ui.chart(
        charts.split_areas(rows, limit, scene.temperature),
        f"T squared KL against T as a stack of TCKD and (1 - p_t) NCKD; limit {limit:.2f} nats.",
        f"T² KL tends to ½ Var(z - v) = **{limit:.3f}** nats (dashed line): at high T distillation matches logits. "
        "TCKD is how sure both are of the true class, NCKD how they share the rest: the dark knowledge."
        + (" The split is that of KL(teacher || student)." if scene.reverse else ""),
    )
    ui.download("Split as CSV", rows, "split.csv")
