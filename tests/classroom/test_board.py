"""Class boards: bounded, without names, the same for everybody who has the link."""

import re
import threading
from dataclasses import replace

import pytest

from explorer.classroom import Boards, Question, Tally
from explorer.classroom.board import MOST_BOARDS, MOST_GUESSES, MOST_QUESTIONS, NAME, new_name
from explorer.classroom.charts import guess_histogram
from explorer.errors import ExplorerError
from tests.charts import spec_of

SHARE = Question("curve", "How many?", ("weights", "images"), "%", answer=60)
CLASS = Question("wall", "Which class?", ("weights",), options=("Bag", "Coat", "Shirt"), answer=1)


def test_everybody_on_a_board_sees_the_guesses_of_all_and_nobody_else_does() -> None:
    boards = Boards()
    for who, guess in (("one", 10), ("two", 55), ("three", 70)):
        boards.guess("room", SHARE, guess, who)
    assert sorted(boards.tally("room", SHARE).guesses) == [10, 55, 70]
    assert boards.tally("other", SHARE).guesses == ()
    assert boards.tally("room", replace(SHARE, about=("others", "images"))).guesses == ()


def test_each_counts_once() -> None:
    boards = Boards()
    boards.guess("room", SHARE, 10, "one")
    boards.guess("room", SHARE, 90, "one")
    assert boards.tally("room", SHARE).guesses == (10,)


def test_nothing_says_who_guessed() -> None:
    boards = Boards()
    boards.guess("room", SHARE, 10, "a-session")
    assert "a-session" not in repr((boards.tally("room", SHARE), boards.tallies("room")))


def test_an_answer_that_comes_later_is_taken_and_stays() -> None:
    boards, waiting = Boards(), replace(SHARE, answer=None)
    boards.guess("room", waiting, 10, "one")
    assert boards.tally("room", SHARE).question.answer is None
    boards.settle("room", SHARE)
    assert boards.tally("room", waiting).question.answer == 60
    boards.settle("room", replace(SHARE, answer=1))
    assert boards.tally("room", SHARE).question.answer == 60
    boards.settle("other", SHARE)
    assert boards.tallies("other") == (), "what nobody was asked is on no board"


def test_the_last_question_comes_first() -> None:
    boards = Boards()
    boards.guess("room", SHARE, 10, "one")
    boards.guess("room", CLASS, 2, "one")
    assert [each.question.key for each in boards.tallies("room")] == ["wall", "curve"]


def test_a_board_holds_so_much_and_says_when_it_is_full() -> None:
    boards = Boards()
    for number in range(MOST_GUESSES):
        boards.guess("room", SHARE, 10, str(number))
    with pytest.raises(ExplorerError, match="open a new one"):
        boards.guess("room", SHARE, 10, "one more")
    boards.guess("room", SHARE, 10, "0")
    for number in range(MOST_QUESTIONS - 1):
        boards.guess("room", replace(SHARE, text=f"{number}?"), 10, "one")
    with pytest.raises(ExplorerError, match="open a new one"):
        boards.guess("room", CLASS, 1, "one")


def test_the_board_that_was_not_used_for_longest_goes_and_looking_makes_none() -> None:
    boards = Boards()
    for number in range(MOST_BOARDS):
        boards.guess(f"room-{number}", SHARE, 10, "one")
    for number in range(2 * MOST_BOARDS):
        boards.tally(f"nowhere-{number}", SHARE)
    boards.tally("room-0", SHARE)
    boards.guess("one-more", SHARE, 10, "one")
    assert boards.tally("room-0", SHARE).guesses == (10,)
    assert boards.tally("room-1", SHARE).guesses == ()


def test_a_guess_that_is_no_answer_does_not_reach_the_board() -> None:
    boards = Boards()
    with pytest.raises(ExplorerError):
        boards.guess("room", SHARE, 101, "one")
    assert boards.tallies("room") == ()


def test_a_class_may_guess_at_once() -> None:
    boards = Boards()
    threads = [
        threading.Thread(
            target=lambda at=at: [boards.guess("room", SHARE, at, f"{at}-{n}") for n in range(5)]
        )
        for at in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(boards.tally("room", SHARE).guesses) == 150


def test_the_histogram_counts_every_guess_once_the_ends_included() -> None:
    rows = Tally(SHARE, (0, 2.5, 5, 50, 100)).histogram()
    assert rows["guesses"].sum() == 5
    assert rows["guesses"].tolist()[:2] == [2, 1], "a bar holds its left end"
    assert rows["guesses"].iloc[-1] == 1
    assert rows["answer"].iloc[0] == "0% to 5%"
    rows = Tally(CLASS, (2, 2, 0)).histogram()
    assert dict(zip(rows["answer"], rows["guesses"], strict=True)) == {"Bag": 1, "Coat": 0, "Shirt": 2}


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(SHARE), "No guess yet."),
        (Tally(SHARE, (40,)), "1 guess; median 40%; it is 60%."),
        (Tally(SHARE, (10, 20, 30, 40)), "4 guesses; median 25%, half of them from 18% to 32%; it is 60%."),
        (Tally(replace(SHARE, answer=None), (40,)), "1 guess; median 40%; the answer is not measured yet."),
        (Tally(CLASS, (2, 2, 0)), "3 guesses; most often Shirt (2); it is Coat."),
    ],
)
def test_a_tally_says_what_its_chart_shows(tally: Tally, said: str) -> None:
    assert tally.describe(reveal=True) == said


@pytest.mark.parametrize(("question", "mine"), [(SHARE, 10), (CLASS, 2)])
def test_the_truth_is_neither_said_nor_drawn_before_it_may_be_seen(question: Question, mine: float) -> None:
    tally = Tally(question, (1, 2))
    assert "it is" not in tally.describe(reveal=False)
    hidden, shown, looked = (
        tally.rows(guess, reveal=reveal) for guess, reveal in ((mine, False), (mine, True), (None, False))
    )
    assert set(hidden["kind"]) == {"guesses", "mine"}
    assert set(looked["kind"]) == {"guesses"}
    truth, own = (shown[shown["kind"] == kind].iloc[0] for kind in ("truth", "mine"))
    assert (truth["at"], truth["said"]) == (question.answer, f"it is {question.say(question.answer or 0)}")
    assert own["at"] == mine
    if question.options:
        assert (truth["answer"], truth["guesses"]) == ("Coat", 1), "the words stand at the end of its bar"


@pytest.mark.parametrize(
    ("options", "marks"), [(0, ["bar", "rule", "text", "point"]), (3, ["bar", "text", "point"])]
)
def test_the_figure_holds_no_data_so_that_it_is_made_once(options: int, marks: list[str]) -> None:
    spec = spec_of(guess_histogram((0, 100), "%", options))
    assert [layer["mark"]["type"] for layer in spec["layer"]] == marks
    assert "datasets" not in spec
    assert {layer["data"]["name"] for layer in spec["layer"]} == {"rows"}, "as ui.bare_chart calls them"
    assert all(layer["transform"][0]["filter"].startswith("datum.kind == ") for layer in spec["layer"])


def test_a_new_board_has_a_name_that_a_link_may_hold() -> None:
    names = {new_name() for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(NAME, name) for name in names)
