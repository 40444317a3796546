"""What is asked about a sweep, and which of its rows answers."""

from dataclasses import replace

import pytest

from explorer.classroom import Predictions
from explorer.pruning import asked
from explorer.pruning.answers import AnswersSettings
from explorer.pruning.forms import Form
from explorer.pruning.per_image import Flips
from explorer.pruning.sensitivity import Cell
from tests.pruning.test_reading import ROWS, row


def test_a_question_is_answered_by_the_network_as_pruned_with_its_method_and_ratio() -> None:
    question = asked.curve_question("Student", "w", "i", "global-l1", 0.9, ROWS)
    assert question.answer == pytest.approx(40), "not by the recalibrated one"
    assert asked.curve_question("Student", "w", "i", "global-l1", 0.9, ROWS[::-1]).answer == question.answer
    assert "100 images" in question.because
    unanswered = asked.curve_question("Student", "w", "i", "global-l1", 0.85, ROWS)
    assert unanswered.answer is None
    same = asked.curve_question("Student", "w", "i", "global-l1", 0.9, ())
    assert same.identity == question.identity != unanswered.identity
    others = (
        asked.curve_question("Student", *who, "global-l1", 0.9, ROWS) for who in (("v", "i"), ("w", "j"))
    )
    assert all(other.identity != question.identity for other in others), "of the same title, but another"


def test_a_random_method_answers_with_the_mean_of_its_seeds() -> None:
    seeds = [replace(row("random", 0.5, correct), seed=seed) for seed, correct in enumerate((30, 60, 30))]
    other = replace(seeds[0], correct=900, total=1000, seed=3)  # of another sweep
    question = asked.curve_question("Student", "w", "i", "random", 0.5, [*seeds, other, *seeds])
    assert question.answer == pytest.approx(40)
    assert question.because == "Counted on 100 images, the mean of 3 seeds."


def test_settled_guesses_are_marks_on_the_curve() -> None:
    settled = asked.curve_question("Student", "w", "i", "global-l1", 0.8, ROWS)
    waiting = asked.curve_question("Student", "w", "i", "global-l1", 0.5, ROWS)
    made = Predictions().with_guess(settled, 50).with_guess(waiting, 60)
    rows = asked.marks(made.about(asked.KEY, ("w", "i")))
    assert rows is not None
    assert rows.drop(columns="method").to_dict("records") == [{"ratio": 0.8, "guess": 0.5, "measured": 0.89}]
    assert asked.marks(made.about(asked.KEY, ("w", "other"))) is None
    answered = replace(waiting, answer=row("global-l1", 0.5, 77).correct)
    both = asked.marks(made.settled(answered).about(asked.KEY, ("w", "i")))
    assert both is not None
    assert both["measured"].tolist() == [0.89, 0.77]


def form(name: str, ms: float | None) -> Form:
    return Form(name, 90, 100, 1000, 1000, 1000, 4000, 3000, ms, ms, ms, ms is None)


def test_zeros_are_as_fast_as_the_clock_says() -> None:
    rows = [form("dense", 10.0), form("masked", 9.8), form("sliced", 4.0)]
    question = asked.race_question("Student", "w", "i", rows, 0.5)
    assert question.answer == pytest.approx(10 / 9.8)
    assert "50% of the channels" in question.text
    assert "2.50 times as fast" in question.because
    assert (
        asked.race_question("Student", "w", "i", [form("dense", 10.0), form("masked", None)], 0.5).answer
        is None
    )


def test_layers_that_cost_at_most_a_point_are_counted() -> None:
    cells = [
        Cell(layer, ratio, 10, 90 - drop, 90, 100)
        for ratio, drops in ((0.9, (0, 1, 2, 40)), (0.95, (9, 9, 9, 9)))
        for layer, drop in zip("abcd", drops, strict=True)
    ]
    question = asked.sensitivity_question("Student", "w", "i", cells)
    assert question is not None
    assert (question.answer, question.high) == (2, 4)
    assert "d: 40.0 points" in question.because
    assert asked.sensitivity_question("Student", "w", "i", []) is None


def test_images_that_are_newly_right_are_counted() -> None:
    settings = AnswersSettings(100, "global-l1", 0.8)
    question = asked.flips_question("Student", "w", "i", settings, Flips((1, 2, 3), (4, 5)))
    assert question.answer == 2
    assert "3 that were right are wrong now" in question.because
    assert asked.flips_question("Student", "w", "i", settings, None).identity == question.identity


def test_the_layers_of_one_channel_are_counted() -> None:
    question = asked.coupling_question("Student", "w", "layer1", 5, 21, 1_234)
    assert (question.answer, question.high) == (5, 21)
    assert "1,234 parameters" in question.because
