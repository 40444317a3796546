"""Frequent mistakes in a hand-written distillation loss, and a test that finds and names them.

Each mistake is real code run on a real batch, so that what it does to the loss and to its gradient can be seen. A
mistake is written once, as the lines that are wrong; the page shows them, and the test file holds them too.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from explorer.distillation.loss import loss_fn_kd

# One of the mistakes is what torch warns of; here it is meant.
warnings.filterwarnings("ignore", message="reduction: 'mean' divides the total loss")

LossFunction = Callable[[Tensor, Tensor, Tensor, float, float], Tensor]
"""(student logits (N, C), labels (N,), teacher logits (N, C), alpha, T) -> the loss, a scalar in nats."""

SHARP = 0.05
"""A temperature at which the teacher's smallest probabilities are 0 in float32."""

CHECKED_SETTINGS = ((0.5, 1.0), (0.9, 4.0), (0.1, 2.0), (0.5, 20.0), (0.0, 4.0), (1.0, 8.0))
"""(alpha, T) at which ``pytest_text`` asks a student's function for its value; the homework's defaults first."""

FUNCTION = """\
def loss(student_logits, labels, teacher_logits, alpha, T):
    z, v = student_logits / T, teacher_logits / T
    log_q, log_p = F.log_softmax(z, dim=1), F.log_softmax(v, dim=1)
    q, p = log_q.exp(), log_p.exp()  # student, teacher
    hard = F.cross_entropy(student_logits, labels)
    {soft}
    return {total}
"""
"""The loss in which every mistake stands; ``soft`` and ``total`` are a ``Mistake``'s."""


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        name: what it is called.
        soft: the lines that compute the soft term, as they stand in ``FUNCTION``.
        why: what the mistake does, and how to mend it.
        total: what is returned.
    """

    name: str
    soft: str
    why: str
    total: str = "alpha * soft + (1 - alpha) * hard"

    @property
    def code(self) -> str:
        """The whole function, as text."""
        return FUNCTION.format(soft=self.soft.replace("\n", "\n    "), total=self.total)

    @cached_property
    def loss(self) -> LossFunction:
        """The function that ``code`` is."""
        names: dict[str, Any] = {"torch": torch, "F": functional}
        # The text is a constant of this module: what a page shows is then exactly what is run.
        exec(self.code, names)  # noqa: S102
        function: LossFunction = names["loss"]
        return function


RIGHT = Mistake(
    "correct",
    'soft = T**2 * F.kl_div(log_q, p, reduction="batchmean")',
    "KL(teacher || student), averaged over the batch, times T squared",
)

MISTAKES = (
    Mistake(
        'reduction="mean"',
        'soft = T**2 * F.kl_div(log_q, p, reduction="mean")',
        "the default of kl_div and of nn.KLDivLoss divides by the number of classes too, so the soft term is that "
        'many times too weak; write reduction="batchmean"',
    ),
    Mistake(
        "softmax for log_softmax",
        'soft = T**2 * F.kl_div(q, p, reduction="batchmean")',
        "kl_div wants the student's log-probabilities; with probabilities the value is below zero, "
        "which no KL can be",
    ),
    Mistake(
        "log_target forgotten",
        'soft = T**2 * F.kl_div(log_q, log_p, reduction="batchmean")',
        "both are logarithms, and kl_div takes the second for probabilities: the logarithm of a negative number "
        "is nan; write log_target=True",
    ),
    Mistake(
        "teacher and student swapped",
        'soft = T**2 * F.kl_div(log_p, q, reduction="batchmean")',
        "computes KL(student || teacher), the other direction; the first argument is the student",
    ),
    Mistake(
        "the student's log forgotten",
        "soft = T**2 * (p * (p.log() - q)).sum(dim=1).mean()",
        "by hand the KL is the mean of log p - log q; with q itself it can be below zero, which no KL can be",
    ),
    Mistake(
        "p * log(p) by hand",
        "soft = T**2 * (p * (p.log() - log_q)).sum(dim=1).mean()",
        "right until a teacher's probability is 0 in float32: then 0 * log(0) is nan; "
        "take log_softmax of the teacher's logits, not the logarithm of its probabilities",
    ),
    Mistake(
        "alpha on the hard term",
        RIGHT.soft,
        "here alpha weighs the soft term; the other convention is as good, but alpha = 0.9 then means 0.1",
        total="alpha * hard + (1 - alpha) * soft",
    ),
    Mistake(
        "T squared left out",
        'soft = F.kl_div(log_q, p, reduction="batchmean")',
        "the gradient of the KL shrinks with 1 / T squared, so at a high T the labels alone are left",
    ),
    Mistake(
        "the soft term under no_grad",
        'with torch.no_grad():\n    soft = T**2 * F.kl_div(log_q, p, reduction="batchmean")',
        "the value is right and the gradient is not: nothing is learnt from the teacher; only the teacher's forward "
        "pass belongs under no_grad",
    ),
    Mistake(
        ".item() of the soft term",
        'soft = T**2 * F.kl_div(log_q, p, reduction="batchmean").item()',
        "a number has no gradient: the value is right, and nothing is learnt from the teacher; keep the tensor",
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
        Columns version, loss at T and loss at T = 0.05 (where probabilities underflow), both in nats, gradient off by
        (how far the gradient by the student's logits is from the right one, as a share of the latter's length), effect.
    """

    def measured(mistake: Mistake) -> tuple[float, Tensor]:
        z = student.detach().clone().requires_grad_()
        value = mistake.loss(z, labels, teacher, alpha, temperature)
        if value.requires_grad:  # else nothing that is learnt from is in it
            value.backward()  # type: ignore[no-untyped-call]
        return value.item(), torch.zeros_like(z) if z.grad is None else z.grad

    right = measured(RIGHT)[1]

    def row(mistake: Mistake) -> dict[str, float | str]:
        value, gradient = measured(mistake)
        return {
            "version": mistake.name,
            "loss": value,
            f"loss at T = {SHARP:g}": mistake.loss(student, labels, teacher, alpha, SHARP).item(),
            "gradient off by": ((gradient - right).norm() / right.norm()).item(),
            "effect": mistake.why,
        }

    return pd.DataFrame([row(mistake) for mistake in (RIGHT, *MISTAKES)])


def pytest_text(student: Tensor, labels: Tensor, teacher: Tensor) -> str:
    """A pytest file that checks a student's ``loss_fn_kd`` on this batch at several (alpha, T): values and gradients.

    The expected values are computed here, in float64, from the logits as they are printed. A failure names the
    mistake whose values and gradients are those of the student's function.
    """
    z, v = (torch.tensor(_rounded(part), dtype=torch.float64) for part in (student, teacher))
    cases = ",\n".join(
        f"    ({alpha}, {temperature}, {loss_fn_kd(z, labels, v, alpha, temperature).item():.12f})"
        for alpha, temperature in CHECKED_SETTINGS
    )
    mistakes = "".join(
        "".join(
            (
                f"    {mistake.name!r}: (\n",
                *(f"        {part!r},\n" for part in (mistake.soft, mistake.total, mistake.why)),
                "    ),\n",
            )
        )
        for mistake in MISTAKES
    )
    return _TEMPLATE.format(
        student=_literal(student),
        teacher=_literal(teacher),
        labels=labels.tolist(),
        cases=cases,
        function=FUNCTION,
        right=(RIGHT.soft, RIGHT.total),
        mistakes=mistakes,
    )


def _rounded(part: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in part.tolist()]


def _literal(part: Tensor) -> str:
    rows = _rounded(part)
    assert all(math.isfinite(value) for row in rows for value in row)
    return "[\n" + "".join(f"        {row},\n" for row in rows) + "    ]"


_TEMPLATE = '''"""Checks your own loss_fn_kd: put it into my_loss.py beside this file and run pytest here."""

import inspect
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
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

# A loss in which one place is wrong, and the frequent mistakes: the wrong lines, what is returned, what it does.
FUNCTION = """\\
{function}"""
RIGHT = {right!r}
MISTAKES = {{
{mistakes}}}


def written(soft, total):
    """The loss that has these lines in it."""
    names = {{"torch": torch, "F": F}}
    indented = soft.replace(chr(10), chr(10) + "    ")
    exec(FUNCTION.replace("{{soft}}", indented).replace("{{total}}", total), names)
    return names["loss"]


def value_and_gradient(loss, alpha, temperature):
    """What a loss returns, and its gradient by the student's logits; zeros where it has none."""
    z = STUDENT.clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = torch.as_tensor(loss(z, LABELS, TEACHER, alpha, temperature))
    if value.requires_grad:
        value.backward()
    return value.detach().double(), torch.zeros_like(z) if z.grad is None else z.grad


def same(one, other):
    """Whether two losses have equal values and gradients at every setting."""
    for alpha, temperature, _ in CASES:
        parts = value_and_gradient(one, alpha, temperature), value_and_gradient(other, alpha, temperature)
        if not all(torch.allclose(*pair, atol=1e-6, equal_nan=True) for pair in zip(*parts)):
            return False
    return True


def looks_like():
    """A sentence that names the mistake whose values and gradients are those of loss_fn_kd."""
    for name, (soft, total, why) in MISTAKES.items():
        if same(loss_fn_kd, written(soft, total)):
            return f"This looks like: {{name}}. {{why[0].upper() + why[1:]}}."
    return "It looks like none of the frequent mistakes."


@pytest.mark.parametrize(("alpha", "temperature", "expected"), CASES)
def test_value(alpha, temperature, expected):
    value, _ = value_and_gradient(loss_fn_kd, alpha, temperature)
    assert float(value) == pytest.approx(expected, abs=1e-6), looks_like()


@pytest.mark.parametrize(("alpha", "temperature", "expected"), CASES)
def test_gradient(alpha, temperature, expected):
    _, gradient = value_and_gradient(loss_fn_kd, alpha, temperature)
    _, right = value_and_gradient(written(*RIGHT), alpha, temperature)
    assert torch.allclose(gradient, right, atol=1e-6), "The gradient is not that of the loss. " + looks_like()


def test_a_very_sure_teacher():
    """Probabilities that round to 0 must not turn the loss into nan."""
    sure = torch.tensor([[2000.0, 0.0, -2000.0]], dtype=torch.float64)
    value = loss_fn_kd(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([0]), sure, 0.5, 1.0)
    nan = "0 * log(0) is nan: take log_softmax of the teacher's logits, not the logarithm of its probabilities."
    said = nan if math.isnan(value) and same(loss_fn_kd, written(*RIGHT)) else looks_like()
    assert float(value) == pytest.approx(math.log(3), abs=1e-6), said


def test_defaults():
    settings = inspect.signature(loss_fn_kd).parameters.values()
    yours = ", ".join(f"{{each.name}}={{each.default}}" for each in list(settings)[3:])
    try:
        value = float(loss_fn_kd(STUDENT, LABELS, TEACHER))
    except TypeError:
        value = math.nan
    said = f"The homework's defaults are alpha=0.5, temperature=1.0; yours are {{yours}}."
    if same(loss_fn_kd, written(*RIGHT)):
        said += " Only the defaults differ: the loss itself is right."
    assert value == pytest.approx(CASES[0][2], abs=1e-6), said
'''
