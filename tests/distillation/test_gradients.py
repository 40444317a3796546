import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from explorer.distillation import gradients
from explorer.distillation.loss import loss_parts
from explorer.distillation.soften import TEMPERATURE_LADDER

GENERATOR = torch.Generator().manual_seed(0)
STUDENT, TEACHER = (4 * torch.randn(30, 7, dtype=torch.float64, generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(7, (30,), generator=GENERATOR)


@pytest.mark.parametrize("temperature", TEMPERATURE_LADDER)
@pytest.mark.parametrize("times_t2", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_soft_gradient_is_autograds(temperature: float, times_t2: bool, reverse: bool) -> None:
    leaf = STUDENT.clone().requires_grad_()
    parts = loss_parts(leaf, LABELS, TEACHER, 0.5, temperature, reverse=reverse)
    (len(LABELS) * (parts.soft if times_t2 else parts.kl)).backward()
    ours = gradients.soft_gradient(STUDENT, TEACHER, temperature, times_t2=times_t2, reverse=reverse)
    assert torch.allclose(ours, leaf.grad, atol=1e-12)


def test_the_hard_gradient_is_autograds() -> None:
    leaf = STUDENT.clone().requires_grad_()
    (len(LABELS) * loss_parts(leaf, LABELS, TEACHER, 0.5, 1.0).hard).backward()
    assert torch.allclose(gradients.hard_gradient(STUDENT, LABELS), leaf.grad, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_of_one_image_is_weighted_and_adds_up(reverse: bool) -> None:
    rows = gradients.logit_gradients(
        STUDENT[3], int(LABELS[3]), TEACHER[3], 0.3, 4.0, list("abcdefg"), reverse=reverse
    )
    assert rows["class"].tolist() == list("abcdefg") * 3
    parts = {term: torch.tensor(list(group["gradient"])) for term, group in rows.groupby("term")}
    leaf = STUDENT[3:4].clone().requires_grad_()
    loss_parts(leaf, LABELS[3:4], TEACHER[3:4], 0.3, 4.0, reverse=reverse).total.backward()
    assert torch.allclose(parts["sum"].double(), leaf.grad[0], atol=1e-6)
    assert torch.allclose(parts["soft"] + parts["hard"], parts["sum"], atol=1e-6)
    if not reverse:
        plain = gradients.logit_gradients(STUDENT[3], int(LABELS[3]), TEACHER[3], 0.3, 4.0, list("abcdefg"))
        assert plain.equals(rows), "KL(teacher || student) unless the other is asked for"


def test_t2_kl_tends_to_half_the_variance_of_the_difference() -> None:
    soft = loss_parts(STUDENT, LABELS, TEACHER, 1.0, 20_000.0).soft.item()
    assert soft == pytest.approx(gradients.high_temperature_limit(STUDENT, TEACHER), rel=1e-3)
    shifted = gradients.high_temperature_limit(STUDENT + 5, TEACHER)
    assert shifted == pytest.approx(gradients.high_temperature_limit(STUDENT, TEACHER)), (
        "softmax ignores a shift"
    )


@pytest.mark.parametrize("temperature", TEMPERATURE_LADDER)
def test_kl_is_tckd_and_the_weighted_nckd(temperature: float) -> None:
    decoupled = gradients.decouple_kl(STUDENT, LABELS, TEACHER, temperature)
    kl = loss_parts(STUDENT, LABELS, TEACHER, 0.5, temperature).kl.item()
    assert decoupled.kl == pytest.approx(kl, abs=1e-12)
    p = torch.softmax(TEACHER / temperature, 1)
    q = torch.softmax(STUDENT / temperature, 1)
    rows = torch.arange(len(LABELS))
    pt, qt = p[rows, LABELS], q[rows, LABELS]
    binary = pt * (pt / qt).log() + (1 - pt) * ((1 - pt) / (1 - qt)).log()
    assert decoupled.tckd == pytest.approx(binary.mean().item(), abs=1e-12)


def test_a_sure_teacher_does_not_break_the_split() -> None:
    teacher = torch.tensor([[300.0, 0.0, -300.0]])
    decoupled = gradients.decouple_kl(torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([0]), teacher, 0.5)
    assert all(map(torch.isfinite, map(torch.tensor, (decoupled.tckd, decoupled.weighted_nckd))))


@pytest.mark.parametrize("reverse", [False, True])
def test_the_norms_are_means_over_the_images_of_autograds_gradients(reverse: bool) -> None:
    rows = gradients.mean_gradient_norms(STUDENT, LABELS, TEACHER, (1.0, 4.0), reverse=reverse)
    assert list(rows.columns) == ["temperature", "term", "norm"]
    for temperature in (1.0, 4.0):
        expected = {}
        for term in ("soft, with T²", "soft, without T²", "hard"):
            leaf = STUDENT.clone().requires_grad_()
            parts = loss_parts(leaf, LABELS, TEACHER, 0.5, temperature, reverse=reverse)
            value = {"hard": parts.hard, "soft, with T²": parts.soft, "soft, without T²": parts.kl}[term]
            (len(LABELS) * value).backward()
            expected[term] = leaf.grad.norm(dim=1).mean().item()
        here = rows[rows["temperature"] == temperature]
        assert dict(zip(here["term"], here["norm"], strict=True)) == pytest.approx(expected)


def test_the_soft_gradient_is_that_of_the_formula_unless_another_is_asked_for() -> None:
    usual = gradients.soft_gradient(STUDENT, TEACHER, 4.0, times_t2=True, reverse=False)
    assert torch.equal(gradients.soft_gradient(STUDENT, TEACHER, 4.0), usual)


def test_the_norms_fall_with_t_without_the_factor() -> None:
    rows = gradients.mean_gradient_norms(STUDENT, LABELS, TEACHER)
    without = rows[rows["term"] == "soft, without T²"]
    assert without["temperature"].tolist() == list(gradients.GRADIENT_TEMPERATURES)
    assert without["norm"].tolist() == sorted(without["norm"], reverse=True)
    forward = gradients.mean_gradient_norms(STUDENT, LABELS, TEACHER, reverse=False)
    assert rows.equals(forward), "KL(teacher || student) unless the other is asked for"


def test_the_decoupled_kl_is_swept_with_t2() -> None:
    rows = gradients.decoupled_kl_rows(STUDENT, LABELS, TEACHER, (2.0, 4.0))
    assert list(rows.columns) == ["temperature", "part", "value"]
    expected = []
    for temperature in (2.0, 4.0):
        kl = gradients.decouple_kl(STUDENT, LABELS, TEACHER, temperature)
        expected.append((temperature, "TCKD", pytest.approx(temperature**2 * kl.tckd)))
        expected.append((temperature, "(1 - p_t) NCKD", pytest.approx(temperature**2 * kl.weighted_nckd)))
    assert list(rows.itertuples(index=False, name=None)) == expected
    whole = gradients.decoupled_kl_rows(STUDENT, LABELS, TEACHER)
    assert whole["temperature"].unique().tolist() == list(gradients.GRADIENT_TEMPERATURES)


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        gradients.logit_gradients(STUDENT[0], 0, TEACHER[0], 0.5, 4.0, ["a", "b"])


def test_agreement_is_whole_with_itself_and_does_not_depend_on_t() -> None:
    same = gradients.teacher_agreement(TEACHER, LABELS, TEACHER / 7)
    assert (same.top1, same.rank) == (1.0, pytest.approx(1.0))
    opposite = gradients.teacher_agreement(-TEACHER, LABELS, TEACHER)
    assert opposite.rank == pytest.approx(-1.0)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), classes=st.integers(3, 9))
def test_rank_agreement_is_scipys_spearman_without_the_true_class(seed: int, size: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(size, classes, generator=generator) for _ in range(2))
    labels = torch.randint(classes, (size,), generator=generator)
    correlations = [
        spearmanr(np.delete(z.numpy(), label), np.delete(v.numpy(), label)).statistic
        for z, v, label in zip(student, teacher, labels, strict=True)
    ]
    agreement = gradients.teacher_agreement(student, labels, teacher)
    assert agreement.rank == pytest.approx(np.mean(correlations), abs=1e-9)
    first = (student.numpy().argmax(1) == teacher.numpy().argmax(1)).mean()
    assert agreement.top1 == pytest.approx(first)


def test_the_true_class_has_no_part_in_the_rank_agreement() -> None:
    teacher = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    for true_logit in (-9.0, 0.5, 9.0):
        student = torch.tensor([[0.0, 1.0, 2.0, true_logit]])
        assert gradients.teacher_agreement(student, torch.tensor([3]), teacher).rank == pytest.approx(1.0)
