"""Frequent mistakes in a hand-written distillation loss, and a test that finds them.

Each mistake is real code run on a real batch, so that what it does to the number can be seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from explorer.distillation.loss import loss_fn_kd, loss_parts

SharpKl = Callable[[Tensor, Tensor], Tensor]
"""(student logits / T, teacher logits / T) -> what the code takes for KL(teacher || student)."""

SHARP = 0.05
"""A temperature at which the teacher's smallest probabilities are 0 in float32."""

CHECKED_SETTINGS = ((0.5, 1.0), (0.9, 4.0), (0.1, 2.0), (0.5, 20.0), (0.0, 4.0), (1.0, 8.0))
"""(alpha, T) at which ``pytest_text`` asks a student's function for its value."""


@dataclass(frozen=True)
class Mistake:
    """One mistake: its name, the line as it is written, what it does and how to mend it."""

    name: str
    code: str
    why: str
    kl: SharpKl


def _mean_reduction(student: Tensor, teacher: Tensor) -> Tensor:
    log_q, p = student.log_softmax(1), teacher.softmax(1)
    # What kl_div(log_q, p, reduction="mean") returns, without the warning that it now gives.
    return functional.kl_div(log_q, p, reduction="sum") / p.numel()


def _student_softmax(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.kl_div(student.softmax(1), teacher.softmax(1), reduction="batchmean")


def _swapped(student: Tensor, teacher: Tensor) -> Tensor:
    return functional.kl_div(teacher.log_softmax(1), student.softmax(1), reduction="batchmean")


def _by_hand(student: Tensor, teacher: Tensor) -> Tensor:
    p = teacher.softmax(1)
    return (p * (p.log() - student.log_softmax(1))).sum(1).mean()


MISTAKES = (
    Mistake(
        'reduction="mean"',
        'kl_div(log_softmax(z / T), softmax(v / T), reduction="mean")',
        "divides by the number of classes too, so the soft term is that many times too weak; "
        'write reduction="batchmean"',
        _mean_reduction,
    ),
    Mistake(
        "softmax for log_softmax",
        'kl_div(softmax(z / T), softmax(v / T), reduction="batchmean")',
        "kl_div wants the student's log-probabilities; with probabilities the value is below zero, "
        "which no KL can be",
        _student_softmax,
    ),
    Mistake(
        "teacher and student swapped",
        'kl_div(log_softmax(v / T), softmax(z / T), reduction="batchmean")',
        "computes KL(student || teacher), the other direction; the first argument is the student",
        _swapped,
    ),
    Mistake(
        "t * log(t) by hand",
        "(t * (t.log() - log_softmax(z / T))).sum(1).mean()  # t = softmax(v / T)",
        "right until a teacher's probability is 0 in float32: then 0 * log(0) is nan; "
        "use log_softmax for the teacher too, with log_target=True",
        _by_hand,
    ),
)


def compare_mistakes(
    student: Tensor, labels: Tensor, teacher: Tensor, alpha: float, temperature: float
) -> pd.DataFrame:
    """The loss of a real batch as it should be, and with each mistake.

    Args:
        student: logits (N, C).
        labels: (N,).
        teacher: logits (N, C).
        alpha: weight of the soft term.
        temperature: T > 0.

    Returns:
        Columns version, KL at T, loss at T (both in nats), KL at T = 0.05 (where probabilities
        underflow), effect.
    """

    def row(version: str, kl: SharpKl, effect: str) -> dict[str, float | str]:
        value = kl(student / temperature, teacher / temperature).item()
        hard = functional.cross_entropy(student, labels).item()
        return {
            "version": version,
            "KL": value,
            "loss": alpha * temperature**2 * value + (1 - alpha) * hard,
            f"KL at T = {SHARP:g}": kl(student / SHARP, teacher / SHARP).item(),
            "effect": effect,
        }

    def right(z: Tensor, v: Tensor) -> Tensor:
        return loss_parts(z, labels, v).kl

    return pd.DataFrame(
        [row("correct", right, "KL(teacher || student)")]
        + [row(mistake.name, mistake.kl, mistake.why) for mistake in MISTAKES]
    )


def pytest_text(student: Tensor, labels: Tensor, teacher: Tensor) -> str:
    """A pytest file that checks a student's ``loss_fn_kd`` on this batch at several (alpha, T).

    The expected values are computed here, in float64, from the logits as they are printed.
    """
    z, v = (torch.tensor(_rounded(part), dtype=torch.float64) for part in (student, teacher))
    cases = ",\n".join(
        f"    ({alpha}, {temperature}, {loss_fn_kd(z, labels, v, alpha, temperature).item():.12f})"
        for alpha, temperature in CHECKED_SETTINGS
    )
    return _TEMPLATE.format(
        student=_literal(student), teacher=_literal(teacher), labels=labels.tolist(), cases=cases
    )


def _rounded(part: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in part.tolist()]


def _literal(part: Tensor) -> str:
    rows = _rounded(part)
    assert all(math.isfinite(value) for row in rows for value in row)
    return "[\n" + "".join(f"        {row},\n" for row in rows) + "    ]"


_TEMPLATE = '''"""Checks your own loss_fn_kd: put it into my_loss.py beside this file and run pytest here."""

import math

import pytest
import torch
from my_loss import loss_fn_kd

# Logits of a real student and a real teacher on real images.
STUDENT = torch.tensor(
    {student},
    dtype=torch.float64,
)
TEACHER = torch.tensor(
    {teacher},
    dtype=torch.float64,
)
LABELS = torch.tensor({labels})

# (alpha, temperature, the value a correct loss returns); alpha weighs the soft term.
CASES = [
{cases},
]


@pytest.mark.parametrize(("alpha", "temperature", "expected"), CASES)
def test_loss(alpha, temperature, expected):
    value = loss_fn_kd(STUDENT, LABELS, TEACHER, alpha=alpha, temperature=temperature)
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_a_very_sure_teacher():
    """Probabilities that round to 0 must not turn the loss into nan."""
    sure = torch.tensor([[2000.0, 0.0, -2000.0]], dtype=torch.float64)
    value = loss_fn_kd(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0]), sure, alpha=0.5, temperature=1.0)
    assert float(value) == pytest.approx(math.log(3), abs=1e-6)


def test_defaults():
    value = loss_fn_kd(STUDENT, LABELS, TEACHER)
    assert float(value) == pytest.approx(CASES[0][2], abs=1e-6)
'''
