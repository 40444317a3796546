import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from benchmarks.distillation import largest_difference
from explorer.distillation.loss import DistillationLoss, loss_fn_kd, loss_parts
from explorer.errors import ExplorerError


def batch(
    seed: int, size: int, classes: int, scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        scale * torch.randn(size, classes, dtype=torch.float64, generator=generator) for _ in range(2)
    )
    return student, torch.randint(classes, (size,), generator=generator), teacher


def oracle(
    student: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor, alpha: float, temperature: float
) -> torch.Tensor:
    """The report's loss in torch's own words."""
    kl = functional.kl_div(
        functional.log_softmax(student / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return alpha * temperature**2 * kl + (1 - alpha) * functional.cross_entropy(student, labels)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 20),
    classes=st.integers(2, 30),
    scale=st.floats(0.01, 30),
    alpha=st.floats(0, 1),
    temperature=st.floats(0.5, 20),
)
def test_the_loss_is_torchs(
    seed: int, size: int, classes: int, scale: float, alpha: float, temperature: float
) -> None:
    student, labels, teacher = batch(seed, size, classes, scale)
    ours = loss_fn_kd(student, labels, teacher, alpha, temperature)
    assert torch.allclose(ours, oracle(student, labels, teacher, alpha, temperature), rtol=1e-12, atol=1e-12)


def test_the_largest_difference_over_1000_batches_is_below_what_the_bench_aims_at() -> None:
    assert largest_difference(1000) < 1e-12


def test_training_takes_the_loss_in_either_direction() -> None:
    student, labels, teacher = batch(0, 8, 10, 3.0)
    assert torch.equal(
        DistillationLoss(0.3, 4.0)(student, labels, teacher), loss_fn_kd(student, labels, teacher, 0.3, 4.0)
    )
    reverse = loss_parts(student, labels, teacher, 0.3, 4.0, reverse=True).total
    assert torch.equal(DistillationLoss(0.3, 4.0, reverse=True)(student, labels, teacher), reverse)


def test_training_without_the_teachers_logits_is_refused() -> None:
    student, labels, _ = batch(0, 8, 10, 3.0)
    with pytest.raises(
        ExplorerError, match=r"^Distillation needs the teacher's logits of the training images\.$"
    ):
        DistillationLoss(0.3, 4.0)(student, labels, None)


def test_the_defaults_are_the_reports() -> None:
    student, labels, teacher = batch(0, 8, 10, 3.0)
    assert torch.equal(
        loss_fn_kd(student, labels, teacher),
        loss_fn_kd(student, labels, teacher, alpha=0.5, temperature=1.0),
    )


def test_the_gradient_is_torchs_and_none_reaches_the_teacher() -> None:
    student, labels, teacher = batch(1, 8, 10, 3.0)
    gradients = []
    for function in (loss_fn_kd, oracle):
        leaf = student.clone().requires_grad_()
        function(leaf, labels, teacher, 0.7, 4.0).backward()
        gradients.append(leaf.grad)
    assert torch.allclose(*gradients, atol=1e-14)
    leaf = teacher.clone().requires_grad_()
    loss_fn_kd(student.clone().requires_grad_(), labels, leaf, 0.7, 4.0).backward()
    assert leaf.grad is None


def test_extreme_logits_stay_finite() -> None:
    student = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    teacher = torch.tensor([[-300.0, 300.0, 0.0]])
    value = loss_fn_kd(student, torch.tensor([2]), teacher, 0.5, 1.0)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(student.grad).all()


def test_at_alpha_1_the_labels_and_at_alpha_0_the_teacher_have_no_influence() -> None:
    student, labels, teacher = batch(2, 8, 10, 3.0)
    other = (labels + 1) % 10
    assert torch.equal(
        loss_fn_kd(student, labels, teacher, 1.0, 4.0), loss_fn_kd(student, other, teacher, 1.0, 4.0)
    )
    assert torch.equal(
        loss_fn_kd(student, labels, teacher, 0.0, 4.0), loss_fn_kd(student, labels, -teacher, 0.0, 9.0)
    )


def test_the_parts_add_up() -> None:
    student, labels, teacher = batch(3, 8, 10, 3.0)
    parts = loss_parts(student, labels, teacher, 0.3, 5.0)
    assert torch.allclose(parts.soft, 25 * parts.kl)
    assert torch.allclose(parts.total, 0.3 * parts.soft + 0.7 * parts.hard)


@pytest.mark.parametrize(
    ("alpha", "temperature", "sentence"),
    [
        (1.5, 1, "alpha is a weight between 0 and 1, not 1.5"),
        (float("nan"), 1, "alpha"),
        (0.5, 0, "must be a positive number, not 0"),
        (0.5, -1, "positive"),
        (0.5, float("inf"), "positive"),
        (0.5, float("nan"), "positive"),
    ],
)
def test_an_impossible_alpha_or_temperature_is_refused(
    alpha: float, temperature: float, sentence: str
) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        loss_fn_kd(*batch(4, 2, 3, 1.0), alpha, temperature)


def test_logits_that_do_not_belong_together_are_refused() -> None:
    student, labels, teacher = batch(5, 4, 3, 1.0)
    with pytest.raises(ExplorerError, match="do not belong together"):
        loss_fn_kd(student, labels, teacher[:, :2])
    with pytest.raises(ExplorerError, match="do not belong together"):
        loss_fn_kd(student, labels[:2], teacher)
