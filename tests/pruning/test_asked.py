"""What is asked about a sweep, and which of its rows answers."""

from dataclasses import replace

import pytest

from explorer.classroom import Predictions
from explorer.pruning import asked
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
