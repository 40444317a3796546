"""Temperature: softened distributions, how soft they are, and which images show it best.

``p_i = exp(v_i / T) / sum_j exp(v_j / T)``. Source: Hinton, Vinyals, Dean 2015, arXiv 1503.02531.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from explorer.distillation.loss import LossParts, check_temperature, loss_parts
from explorer.errors import ExplorerError

LADDER = (1.0, 2.0, 4.0, 8.0, 16.0)


class Choice(StrEnum):
    """Ways to choose an image worth looking at."""

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
    """Entropy in nats of the softened distribution, over the last axis; at most ln(C).

    >>> round(entropy(torch.zeros(10), 1.0).item(), 4)
    2.3026
    """
    check_temperature(temperature)
    log_p = torch.log_softmax(logits / temperature, dim=-1)
    return -(log_p.exp() * log_p).sum(-1)


def effective_classes(logits: Tensor, temperature: float) -> Tensor:
    """exp(entropy): how many equally likely classes would be as uncertain, 1 to C."""
    return entropy(logits, temperature).exp()


def candidates(choice: Choice, teacher: Tensor, student: Tensor, labels: Tensor) -> npt.NDArray[np.int64]:
    """Positions of the images to look at, the most telling first.

    Ambiguous means high entropy of the teacher at T = 1. Disagreements come by how sure the two
    networks are of their different answers, the teacher's mistakes by its confidence in them.

    Args:
        choice: the rule.
        teacher: logits (N, C).
        student: logits (N, C).
        labels: (N,) true classes.
    """
    certainty = soften(teacher, 1.0).max(1).values
    wanted = torch.ones(len(labels), dtype=torch.bool)
    score = entropy(teacher, 1.0)
    if choice is Choice.DISAGREE:
        wanted = teacher.argmax(1) != student.argmax(1)
        score = certainty * soften(student, 1.0).max(1).values
    elif choice is Choice.TEACHER_WRONG:
        wanted, score = teacher.argmax(1) != labels, certainty
    elif choice is Choice.INDEX:
        return np.arange(len(labels))
    order = torch.argsort(score, descending=True, stable=True)
    order = order[wanted[order]]
    if choice is Choice.ONE_PER_CLASS:
        found = [order[labels[order] == label] for label in torch.unique(labels)]
        order = torch.stack([positions[0] for positions in found])
    return order.numpy()


def distributions(
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


def ladder(networks: dict[str, Tensor], classes: tuple[str, ...]) -> pd.DataFrame:
    """Each network's softened distribution (C,) of one image at T = 1, 2, 4, 8, 16.

    Columns network, temperature, class, probability.
    """
    return pd.DataFrame(
        [
            {"network": network, "temperature": f"{temperature:g}", "class": name, "probability": value}
            for network, logits in networks.items()
            for temperature in LADDER
            for name, value in zip(classes, soften(logits, temperature).tolist(), strict=True)
        ]
    )


def weighted_parts(
    student: Tensor,
    labels: Tensor,
    teacher: Tensor,
    alpha: float,
    temperature: float,
    chosen: int,
    *,
    names: tuple[str, str] = ("soft term", "hard term"),
    reverse: bool = False,
) -> tuple[LossParts, LossParts, pd.DataFrame]:
    """The loss of one image and its mean over all, and both as weighted parts for a chart.

    Args:
        student: logits (N, C).
        labels: (N,).
        teacher: logits (N, C).
        alpha: weight of the soft term.
        temperature: T > 0.
        chosen: position of the one image.
        names: what to call the soft and the hard part.
        reverse: take KL(student || teacher) instead.

    Returns:
        (parts of the image, mean parts, DataFrame with columns images, part, value in nats).
    """
    one = slice(chosen, chosen + 1)
    image = loss_parts(student[one], labels[one], teacher[one], alpha, temperature, reverse=reverse)
    mean = loss_parts(student, labels, teacher, alpha, temperature, reverse=reverse)
    rows = [
        {"images": name, "part": part, "value": value}
        for name, parts in (("this image", image), (f"mean of {len(labels):,}", mean))
        for part, value in zip(
            names, (alpha * parts.soft.item(), (1 - alpha) * parts.hard.item()), strict=True
        )
    ]
    return image, mean, pd.DataFrame(rows)
