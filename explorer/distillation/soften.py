"""Temperature: softened distributions, how soft they are, and which images show it best.

``p_i = exp(v_i / T) / sum_j exp(v_j / T)``. Source: Hinton, Vinyals, Dean 2015, arXiv 1503.02531.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from explorer.distillation.loss import check_temperature
from explorer.errors import ExplorerError

TEMPERATURE_LADDER = (1.0, 2.0, 4.0, 8.0, 16.0)


class ImageOrder(StrEnum):
    """Orders in which to look at the images, by what they show best."""

    UNSURE = "right but unsure"
    AMBIGUOUS = "most ambiguous for the teacher"
    DISAGREE = "teacher and student disagree"
    TEACHER_WRONG = "teacher wrong"
    ONE_PER_CLASS = "one per class"
    INDEX = "by index"


def soften(logits: Tensor, temperature: float) -> Tensor:
    """The distribution softmax(logits / T) over the last axis, same shape as ``logits``.

    >>> soften(torch.tensor([2.0, 0.0]), 1.0).tolist() == soften(torch.tensor([8.0, 0.0]), 4.0).tolist()
    True
    """
    check_temperature(temperature)
    return torch.softmax(logits / temperature, dim=-1)


def entropy(logits: Tensor, temperature: float) -> Tensor:
    """Entropy in nats of the softened distribution, over the last axis; at most ln(C). Source: Shannon 1948.

    >>> round(entropy(torch.zeros(10), 1.0).item(), 4)
    2.3026
    """
    check_temperature(temperature)
    # The logarithm straight from the logits: log(p) of a p that rounds to 0 would give 0 * -inf = nan.
    log_p = torch.log_softmax(logits / temperature, dim=-1)
    return -(log_p.exp() * log_p).sum(-1)


def effective_classes(logits: Tensor, temperature: float) -> Tensor:
    """exp(entropy): how many equally likely classes would be as uncertain, 1 to C."""
    return entropy(logits, temperature).exp()


def order_images(
    order: ImageOrder, teacher: Tensor, student: Tensor, labels: Tensor
) -> npt.NDArray[np.int64]:
    """Positions of the images that an order brings, the most telling first; some orders leave images out.

    Ambiguous means high entropy of the teacher at T = 1; unsure means the same of images that it gets
    right. Disagreements come by how sure the two
    networks are of their different answers, the teacher's mistakes by its confidence in them.

    Args:
        order: which images come first.
        teacher: logits (N, C).
        student: logits (N, C).
        labels: (N,) true classes.
    """
    certainty = soften(teacher, 1.0).max(1).values
    wanted = torch.ones(len(labels), dtype=torch.bool)
    score = entropy(teacher, 1.0)
    if order is ImageOrder.UNSURE:
        wanted = teacher.argmax(1) == labels
    elif order is ImageOrder.DISAGREE:
        wanted = teacher.argmax(1) != student.argmax(1)
        score = certainty * soften(student, 1.0).max(1).values
    elif order is ImageOrder.TEACHER_WRONG:
        wanted, score = teacher.argmax(1) != labels, certainty
    elif order is ImageOrder.INDEX:
        return np.arange(len(labels))
    # Stable, so that images with equal scores keep their order and a link shows the same image everywhere.
    positions = torch.argsort(score, descending=True, stable=True)
    positions = positions[wanted[positions]]
    if order is ImageOrder.ONE_PER_CLASS:
        positions = torch.stack([positions[labels[positions] == label][0] for label in torch.unique(labels)])
    return positions.numpy()


def distribution_rows(
    networks: dict[str, Tensor], classes: tuple[str, ...], label: int, temperature: float
) -> pd.DataFrame:
    """One image's softened distributions, one row per class and network.

    Args:
        networks: logits (C,) by the network's name.
        classes: C class names.
        label: the true class.
        temperature: T > 0.

    Returns:
        Columns class, network, logit, probability, is_label.
    """
    if any(len(scores) != len(classes) for scores in networks.values()):
        raise ExplorerError("Every network must have a logit for each of the classes.")
    return pd.DataFrame(
        [
            {
                "class": name,
                "network": network,
                "logit": scores[position].item(),
                "probability": probabilities[position].item(),
                "is_label": position == label,
            }
            for network, scores in networks.items()
            for probabilities in [soften(scores, temperature)]
            for position, name in enumerate(classes)
        ]
    )


def ladder_rows(networks: dict[str, Tensor], classes: tuple[str, ...]) -> pd.DataFrame:
    """Each network's softened distribution (C,) of one image at T = 1, 2, 4, 8, 16.

    Columns network, temperature, class, probability.
    """
    return pd.DataFrame(
        [
            {"network": network, "temperature": f"{temperature:g}", "class": name, "probability": value}
            for network, logits in networks.items()
            for temperature in TEMPERATURE_LADDER
            for name, value in zip(classes, soften(logits, temperature).tolist(), strict=True)
        ]
    )
