"""Why T^2: gradients of the soft and the hard term, the limit of high T, and the KL decoupled.

With p = softmax(v / T) of the teacher and q = softmax(z / T) of the student, per image:
``dKL/dz = (q - p) / T`` for KL(teacher || student), and ``dCE/dz = softmax(z) - onehot`` (Hinton,
Vinyals, Dean 2015, eq. 2);
``T^2 KL -> 1/2 Var(z - v)`` as T grows (their eqs. 3 and 4, on centred logits);
``KL = TCKD + (1 - p_t) NCKD`` (Zhao et al. 2022, arXiv 2203.08679).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from explorer.distillation.loss import check_alpha, check_temperature
from explorer.distillation.soften import soften

GRADIENT_TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 20.0)


def soft_gradient(
    student: Tensor, teacher: Tensor, temperature: float, *, times_t2: bool = True, reverse: bool = False
) -> Tensor:
    """Gradient of the soft term with respect to the student's logits, per image, same shape (N, C).

    ``reverse`` takes KL(student || teacher), whose gradient is ``q (log q - log p - KL) / T``.
    """
    check_temperature(temperature)
    # The chain rule through z / T leaves 1/T; T^2 times it is T.
    factor = temperature if times_t2 else 1 / temperature
    q = soften(student, temperature)
    if not reverse:
        return factor * (q - soften(teacher, temperature))
    difference = (student / temperature).log_softmax(1) - (teacher / temperature).log_softmax(1)
    kl = (q * difference).sum(1, keepdim=True)
    return factor * q * (difference - kl)


def hard_gradient(student: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the cross-entropy with respect to the student's logits, per image, (N, C)."""
    gradient = soften(student, 1.0)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient


def mean_gradient_norms(
    student: Tensor,
    labels: Tensor,
    teacher: Tensor,
    temperatures: Sequence[float] = GRADIENT_TEMPERATURES,
    *,
    reverse: bool = False,
) -> pd.DataFrame:
    """Mean L2 norm over the images of each term's gradient at each T: columns temperature, term, norm."""
    hard = hard_gradient(student, labels).norm(dim=1).mean().item()
    rows = []
    for temperature in temperatures:
        with_t2, without = (
            soft_gradient(student, teacher, temperature, times_t2=times, reverse=reverse)
            .norm(dim=1)
            .mean()
            .item()
            for times in (True, False)
        )
        for term, value in (("soft, with T²", with_t2), ("soft, without T²", without), ("hard", hard)):
            rows.append({"temperature": temperature, "term": term, "norm": value})
    return pd.DataFrame(rows)


def logit_gradients(
    student: Tensor,
    label: int,
    teacher: Tensor,
    alpha: float,
    temperature: float,
    classes: Sequence[str],
    *,
    reverse: bool = False,
) -> pd.DataFrame:
    """The weighted gradient of one image by logit: columns class, term (soft, hard, sum), gradient.

    ``student`` and ``teacher`` are logits (C,); a negative gradient means descent raises that logit.
    """
    check_alpha(alpha)
    soft = alpha * soft_gradient(student[None], teacher[None], temperature, reverse=reverse)[0]
    hard = (1 - alpha) * hard_gradient(student[None], torch.tensor([label]))[0]
    return pd.DataFrame(
        [
            {"class": name, "term": term, "gradient": value}
            for term, values in (("soft", soft), ("hard", hard), ("sum", soft + hard))
            for name, value in zip(classes, values.tolist(), strict=True)
        ]
    )


def high_temperature_limit(student: Tensor, teacher: Tensor) -> float:
    """Mean over the images of 1/2 Var(z - v) over the classes: what T^2 KL tends to, in nats."""
    # The variance takes the mean difference away: softmax does not see a constant added to all logits, so neither
    # may the limit. Divided by C, not C - 1: it is the mean square over the classes that the expansion leaves.
    return 0.5 * (student - teacher).var(dim=1, correction=0).mean().item()


@dataclass(frozen=True)
class DecoupledKL:
    """KL(teacher || student) of a batch in two parts; each a mean over the images, in nats.

    Source: Zhao et al. 2022, "Decoupled Knowledge Distillation", arXiv 2203.08679, eq. 5.

    Attributes:
        tckd: KL between (p_t, 1 - p_t) of teacher and student: how sure they are of the true class.
        weighted_nckd: (1 - p_t) NCKD: how they share the rest among the other classes.
        kl: the sum of both.
    """

    tckd: float
    weighted_nckd: float
    kl: float


def decouple_kl(student: Tensor, labels: Tensor, teacher: Tensor, temperature: float) -> DecoupledKL:
    """KL(teacher || student) at T as TCKD and weighted NCKD.

    In log space and float64: a sure teacher leaves the other classes probabilities that round to 0, and
    1 - p_t computed by subtraction is then 0 too.
    """
    check_temperature(temperature)
    log_p = torch.log_softmax(teacher.double() / temperature, dim=1)
    log_q = torch.log_softmax(student.double() / temperature, dim=1)
    target = torch.zeros_like(log_p, dtype=torch.bool)
    target[torch.arange(len(labels)), labels] = True
    # log(1 - p_t) as the sum over the other classes: exp(-inf) = 0 takes the true class out of it.
    rest_p, rest_q = (log.masked_fill(target, -torch.inf).logsumexp(1) for log in (log_p, log_q))
    true_p, true_q = log_p[target], log_q[target]
    tckd = true_p.exp() * (true_p - true_q) + rest_p.exp() * (rest_p - rest_q)
    difference = (log_p - rest_p[:, None]) - (log_q - rest_q[:, None])
    # p_i = (1 - p_t) times the share of class i among the others: the weight of NCKD is in log_p already. The true
    # class is taken out after the product: filled with -inf before it, its difference would be -inf + inf = nan.
    weighted_nckd = (log_p.exp() * difference).masked_fill(target, 0).sum(1)
    tckd_mean, nckd_mean = tckd.mean().item(), weighted_nckd.mean().item()
    return DecoupledKL(tckd_mean, nckd_mean, tckd_mean + nckd_mean)


def decoupled_kl_rows(
    student: Tensor, labels: Tensor, teacher: Tensor, temperatures: Sequence[float] = GRADIENT_TEMPERATURES
) -> pd.DataFrame:
    """T^2 times both parts of the decoupled KL at each T: columns temperature, part, value in nats."""
    rows = []
    for temperature in temperatures:
        kl = decouple_kl(student, labels, teacher, temperature)
        for part, value in (("TCKD", kl.tckd), ("(1 - p_t) NCKD", kl.weighted_nckd)):
            rows.append({"temperature": temperature, "part": part, "value": temperature**2 * value})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class TeacherAgreement:
    """How far student and teacher agree; none of it depends on T.

    Attributes:
        top1: share of images with the same first class.
        rank: mean Spearman correlation of the logits over the classes other than the true one.
    """

    top1: float
    rank: float


def teacher_agreement(student: Tensor, labels: Tensor, teacher: Tensor) -> TeacherAgreement:
    """Top-1 and rank agreement of logits (N, C); dividing by T changes no order, so it changes neither."""
    top1 = (student.argmax(1) == teacher.argmax(1)).float().mean().item()
    count, classes = student.shape
    others = torch.ones(count, classes, dtype=torch.bool)
    others[torch.arange(count), labels] = False
    # argsort gives which class is at a rank; argsort of that gives the rank of each class.
    ranks = [
        logits[others].reshape(count, classes - 1).argsort(1).argsort(1).double()
        for logits in (student, teacher)
    ]
    a, b = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    # Spearman's correlation is Pearson's of the ranks.
    return TeacherAgreement(top1, ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).mean().item())
