"""What a class is asked about each figure of the lesson, and the numbers that answer."""

import math

import pandas as pd
import pytest
import torch

from explorer.distillation import asked, gradients
from explorer.distillation.soften import soften

torch.manual_seed(0)
TEACHER, STUDENT = 8 * torch.randn(50, 10), 5 * torch.randn(50, 10)
LABELS = TEACHER.argmax(1)


def test_the_first_choice_is_asked_at_a_higher_temperature() -> None:
    question = asked.softened_question("The teacher", "w", "i", "image", TEACHER)
    assert question.answer == pytest.approx(100 * soften(TEACHER, 4).max(1).values.mean().item())
    assert f"first choice {100 * soften(TEACHER, 1).max(1).values.mean():.0f}%" in question.text
    assert "50 images" in question.text


def test_the_gradient_is_that_of_the_soft_term_without_its_factor() -> None:
    question = asked.gradient_question(("w", "v"), "i", STUDENT, LABELS, TEACHER)
    norms = [
        gradients.soft_gradient(STUDENT, TEACHER, step, times_t2=False).norm(dim=1).mean().item()
        for step in (1.0, 16.0)
    ]
    assert question.answer == pytest.approx(norms[0] / norms[1])


def test_the_class_that_is_mixed_up_most_is_asked_about() -> None:
    classes, labels = tuple("ABC"), torch.tensor([0, 0, 1, 2, 2])
    teacher = torch.log(
        torch.tensor([[0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.1, 0.4, 0.5], [0.2, 0.3, 0.5]])
    )
    question = asked.dark_question("w", "i", classes, labels, 4 * teacher)
    assert "of the class C?" in question.text
    assert question.options == ("A", "B")
    assert question.answer == 1
    assert "35.0% on average" in question.because


def test_the_gain_is_that_of_the_smallest_student_on_the_most_images() -> None:
    rows = pd.DataFrame(
        [
            ("small", 5_000, 500, "training", 3, 0.70, 0.73, 3.0),
            ("small", 5_000, 5_000, "training", 3, 0.80, 0.792, -0.8),
            ("large", 90_000, 5_000, "training", 3, 0.90, 0.91, 1.0),
            ("small", 5_000, 5_000, "seen", 3, 0.80, 0.90, 9.0),
        ],
        columns=["student", "parameters", "images", "arm", "pairs", "labels alone", "distilled", "gain"],
    )
    question = asked.gain_question(rows)
    assert question is not None
    assert question.answer == -0.8
    assert "5,000 images" in question.text
    assert "80.0% with labels alone, 79.2% distilled" in question.because
    assert asked.gain_question(rows[rows["arm"] == "seen"]) is None


def test_a_training_answers_when_both_copies_have_ended_their_schedule() -> None:
    curves = pd.DataFrame(
        [("labels alone", 1, 0.5), ("labels alone", 2, 0.7), ("distilled", 1, 0.6), ("distilled", 2, 0.75)],
        columns=["way", "epoch", "accuracy"],
    )

    def answer(rows: pd.DataFrame | None) -> float | None:
        return asked.trained_question("A student", 5_000, 2, "w", "i", rows).answer

    assert answer(curves) == pytest.approx(5)
    assert answer(curves[:3]) is answer(None) is None


def test_the_homeworks_question_is_decided_by_the_entropies() -> None:
    question = asked.temperature_question("w", TEACHER[0])
    assert question.answer == 0
    assert question.options[0].startswith("(a)")
    assert f"would be {math.log(10):.3f}" in question.because
