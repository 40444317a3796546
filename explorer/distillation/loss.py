"""The knowledge-distillation loss and its parts.

``L = alpha * T^2 * KL(p || q) + (1 - alpha) * CE(student, labels)`` with the teacher's
``p = softmax(v / T)`` and the student's ``q = softmax(z / T)``; the cross-entropy is at T = 1.
Source: Hinton, Vinyals, Dean 2015, arXiv 1503.02531; alpha weighs the soft term, as in the course.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from explorer.errors import ExplorerError


@dataclass(frozen=True)
class LossParts:
    """The loss of a batch, part by part, each averaged over the batch; in nats.

    Attributes:
        kl: KL(teacher || student) at temperature T, or KL(student || teacher) where that was asked for.
        soft: T^2 * kl.
        hard: cross-entropy of the student against the labels, at T = 1.
        total: alpha * soft + (1 - alpha) * hard.
    """

    kl: Tensor
    soft: Tensor
    hard: Tensor
    total: Tensor


def loss_fn_kd(
    student_logits: Tensor,
    labels: Tensor,
    teacher_logits: Tensor,
    alpha: float = 0.5,
    temperature: float = 1.0,
) -> Tensor:
    """The sample report's distillation loss (question 2-1): a scalar in nats.

    Args:
        student_logits: (N, C).
        labels: (N,) class indices.
        teacher_logits: (N, C); no gradient is taken through them.
        alpha: weight of the soft term, 0 to 1.
        temperature: T > 0, the same for teacher and student.

    Raises:
        ExplorerError: alpha or T is out of range, or the shapes do not match.

    >>> z, v = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    >>> round(loss_fn_kd(z, torch.tensor([0]), v).item(), 4)
    0.3085
    """
    return loss_parts(student_logits, labels, teacher_logits, alpha, temperature).total


def loss_parts(
    student_logits: Tensor,
    labels: Tensor,
    teacher_logits: Tensor,
    alpha: float = 0.5,
    temperature: float = 1.0,
    *,
    reverse: bool = False,
) -> LossParts:
    """The same loss with its parts; arguments and errors as for ``loss_fn_kd``.

    ``reverse`` swaps the direction to KL(student || teacher), which distillation does not use.
    """
    check_alpha(alpha)
    check_temperature(temperature)
    if student_logits.shape != teacher_logits.shape or len(labels) != len(student_logits):
        raise ExplorerError(
            f"Student logits {tuple(student_logits.shape)}, teacher logits "
            f"{tuple(teacher_logits.shape)} and {len(labels)} labels do not belong together."
        )
    log_q = torch.log_softmax(student_logits / temperature, dim=1)
    log_p = torch.log_softmax(teacher_logits.detach() / temperature, dim=1)
    first, second = (log_q, log_p) if reverse else (log_p, log_q)
    # From log-softmax on both sides: a probability that rounds to 0 would make 0 * log(0) = nan.
    kl = (first.exp() * (first - second)).sum(1).mean()
    # The gradient of the KL shrinks with 1/T^2, so T^2 keeps what alpha weighs of one size at every T.
    soft = temperature**2 * kl
    hard = functional.cross_entropy(student_logits, labels)
    return LossParts(kl, soft, hard, alpha * soft + (1 - alpha) * hard)


@dataclass(frozen=True)
class DistillationLoss:
    """``loss_fn_kd`` (or the same with the KL reversed) with its settings, as ``training.train`` takes a loss."""

    alpha: float
    temperature: float
    reverse: bool = False

    def __call__(self, scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
        """The loss of a batch, a scalar in nats.

        Raises:
            ExplorerError: there are no teacher's logits.
        """
        if teacher is None:
            raise ExplorerError("Distillation needs the teacher's logits of the training images.")
        return loss_parts(scores, labels, teacher, self.alpha, self.temperature, reverse=self.reverse).total


def check_alpha(alpha: float) -> None:
    """Refuse an alpha outside 0..1."""
    if not 0 <= alpha <= 1:
        raise ExplorerError(f"alpha is a weight between 0 and 1, not {alpha}.")


def check_temperature(temperature: float) -> None:
    """Refuse a temperature that is not a positive, finite number."""
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ExplorerError(f"The temperature must be a positive number, not {temperature}.")
