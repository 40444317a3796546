"""Predict, then reveal: what a question is, and what becomes of a guess."""

from dataclasses import replace

import pytest

from explorer.classroom import Predictions, Question
from explorer.classroom.question import MOST_PREDICTIONS
from explorer.errors import ExplorerError

SHARE = Question(
    "curve", "How many?", ("weights", "images"), "%", digits=1, answer=12.64, because="So it is."
)
CLASS = Question("wall", "Which class?", ("weights",), options=("Bag", "T-shirt/*top*"), answer=1)


@pytest.mark.parametrize(
    ("question", "guess", "said"),
    [
        (SHARE, 40, "You said **40.0%**; it is **12.6%**: 27.4 points too high. So it is."),
        (SHARE, 0, "You said **0.0%**; it is **12.6%**: 12.6 points too low. So it is."),
        (SHARE, 12.6, "You said **12.6%**, and so it is. So it is."),
        (replace(SHARE, answer=None, because=""), 40, "You said **40.0%**. The answer comes with the run."),
        (
            Question("race", "How fast?", (), "times", 0, 10, 1, answer=3.76),
            1,
            "You said **1.0 times**; it is **3.8 times**: 2.8 times too low.",
        ),
        (CLASS, 0, r"You said **Bag**; it is **T-shirt/\*top\***."),
        (CLASS, 1, r"You said **T-shirt/\*top\***, and so it is."),
    ],
)
def test_a_guess_is_judged_in_one_sentence(question: Question, guess: float, said: str) -> None:
    assert question.judge(guess) == said


def test_two_are_asked_the_same_whatever_the_answer_is() -> None:
    assert replace(SHARE, answer=None, because="").identity == SHARE.identity
    others = {
        "about": ("others", "images"),
        "text": "How few?",
        "key": "race",
        "high": 50,
        "options": ("A", "B"),
    }
    for name, value in others.items():
        assert replace(SHARE, answer=None, **{name: value}).identity != SHARE.identity  # type: ignore[arg-type]


def test_an_answer_out_of_its_range_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="not from 0 to 100"):
        replace(SHARE, answer=101)
    with pytest.raises(ValueError, match="not from 0 to 1"):
        replace(CLASS, answer=2)


def test_a_guess_out_of_its_range_is_refused_in_a_sentence() -> None:
    for guess in (-1, 100.5, float("nan")):
        with pytest.raises(ExplorerError, match=r"from 0\.0% to 100\.0%"):
            Predictions().with_guess(SHARE, guess)


def test_a_committed_guess_cannot_be_changed() -> None:
    made = Predictions().with_guess(SHARE, 40).with_guess(SHARE, 12)
    assert [each.guess for each in made.made] == [40]


def test_a_later_run_does_not_change_what_was_revealed() -> None:
    waiting = Predictions().with_guess(replace(SHARE, answer=None), 40)
    assert waiting.settled(replace(SHARE, answer=None)) == waiting
    settled = waiting.settled(SHARE)
    assert settled.made[0].question.answer == SHARE.answer
    assert settled.settled(replace(SHARE, answer=99)) == settled
    assert settled.settled(CLASS) == settled


def test_the_guesses_about_a_network_are_found_and_no_others() -> None:
    other = replace(SHARE, about=("others", "images"))
    made = Predictions().with_guess(SHARE, 1).with_guess(other, 2).with_guess(CLASS, 0)
    assert [each.guess for each in made.about("curve", ("weights",))] == [1]
    assert made.about("curve", ("weights", "images", "more")) == []
    table = made.table()
    assert table["guess"].tolist() == ["1.0%", "2.0%", "Bag"]
    assert table["answer"].tolist() == ["12.6%", "12.6%", "T-shirt/*top*"]


def test_a_session_keeps_so_many_guesses() -> None:
    made = Predictions()
    for number in range(MOST_PREDICTIONS + 3):
        made = made.with_guess(replace(SHARE, text=f"{number}?"), 1)
    assert len(made.made) == MOST_PREDICTIONS
    assert made.made[0].question.text == "3?"
