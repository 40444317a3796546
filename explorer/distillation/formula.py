"""The loss as it is drawn: its weighted parts, of one image and on average.

In either convention for alpha and either direction of the KL.
"""

from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from explorer.distillation.loss import LossParts, loss_parts


@dataclass(frozen=True, eq=False)
class ImageAndMeanLoss:
    """The loss of one image, its mean over all images, and both as weighted parts for a chart.

    Attributes:
        image: the parts of the one image, in nats.
        mean: the parts averaged over all images.
        rows: columns images, part, value: what each part contributes to the loss, in nats.
    """

    image: LossParts
    mean: LossParts
    rows: pd.DataFrame


def compare_image_with_mean(
    student: Tensor,
    labels: Tensor,
    teacher: Tensor,
    alpha: float,
    temperature: float,
    position: int,
    *,
    names: tuple[str, str] = ("soft term", "hard term"),
    reverse: bool = False,
) -> ImageAndMeanLoss:
    """The loss of the image at ``position`` beside the mean over all.

    Args:
        student: logits (N, C).
        labels: (N,).
        teacher: logits (N, C).
        alpha: weight of the soft term.
        temperature: T > 0.
        position: of the one image.
        names: what to call the soft and the hard part.
        reverse: take KL(student || teacher) instead.
    """
    one = slice(position, position + 1)
    image = loss_parts(student[one], labels[one], teacher[one], alpha, temperature, reverse=reverse)
    mean = loss_parts(student, labels, teacher, alpha, temperature, reverse=reverse)
    rows = [
        {"images": name, "part": part, "value": value}
        for name, parts in (("this image", image), (f"mean of {len(labels):,}", mean))
        for part, value in zip(
            names, (alpha * parts.soft.item(), (1 - alpha) * parts.hard.item()), strict=True
        )
    ]
    return ImageAndMeanLoss(image, mean, pd.DataFrame(rows))


def part_names(*, reverse: bool = False, alpha_weighs_soft: bool = True) -> tuple[str, str]:
    """What a chart calls the soft and the hard part.

    >>> part_names(alpha_weighs_soft=False)
    ('(1 - alpha) T² KL(teacher || student)', 'alpha CE')
    """
    soft, hard = ("alpha", "(1 - alpha)") if alpha_weighs_soft else ("(1 - alpha)", "alpha")
    direction = "student || teacher" if reverse else "teacher || student"
    return f"{soft} T² KL({direction})", f"{hard} CE"
