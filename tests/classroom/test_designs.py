"""Designs on a board: comparable, without a word that somebody typed, the smallest above the floor first."""

from dataclasses import replace

import pytest

from explorer.classroom import BoardDesign, Boards, standings
from explorer.classroom.board import MOST_EACH
from explorer.classroom.designs import OWN, board_design, why_not_entered
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.measure import Accuracy

ROW = LedgerRow(
    *("Rude title", "distillation", "StudentNet 8-16", 5_000, 4_900, 70_000, 64, "computed", "here"),
    weights="mine",
    correct=850,
    total=1000,
    images="validation",
    images_key="images",
)
SHIPS = ("teacher",)


def entered(row: LedgerRow) -> BoardDesign:
    return board_design(row, SHIPS, str.upper)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(ROW, origin="carried"), "recompute them here"),
        (replace(ROW, correct=None), "train it first"),
        (replace(ROW, weights="teacher"), "It ships with the app"),
        (replace(ROW, weights="teacher", recipe={"method": "lamp", "ratio": 0.5}), ""),
        (ROW, ""),
    ],
)
def test_a_design_was_made_and_counted_here(row: LedgerRow, said: str) -> None:
    assert said in why_not_entered(row, SHIPS)
    assert bool(said) == bool(why_not_entered(row, SHIPS))
    if said:
        with pytest.raises(ExplorerError, match=said):
            entered(row)


def test_no_word_of_a_visitor_reaches_the_board() -> None:
    assert "Rude" not in repr(entered(ROW))
    assert entered(ROW).network == "StudentNet 8-16"
    assert entered(replace(ROW, network="RudeClass")).network == OWN
    pruned = replace(ROW, recipe={"method": "lamp", "ratio": 0.5, "recovery": "re-fitted"})
    assert entered(pruned).pruned == "LAMP, 50%, re-fitted"


def test_the_smallest_that_keeps_the_floor_is_first_and_one_below_it_has_no_place() -> None:
    def design(params: int, correct: int) -> BoardDesign:
        return entered(replace(ROW, params=params, correct=correct, weights=f"{params} {correct}"))

    made = [
        design(9_000, 900),
        design(4_000, 700),
        design(5_000, 810),
        design(5_000, 820),
        design(6_000, 800),
    ]
    rows = standings([(each, each.params == 4_000) for each in made], 0.8)
    assert rows["parameters"].tolist() == [5_000, 5_000, 6_000, 9_000, 4_000]
    assert rows["accuracy"].tolist()[:2] == [0.82, 0.81], "of two that are equally small the better one"
    assert rows["place"].tolist()[:4] == [1, 2, 3, 4]
    assert rows["place"].isna().tolist()[4:] == [True]
    assert rows["yours"].tolist() == [False] * 4 + [True]
    low, high = Accuracy(820, 1000).interval()
    assert (rows["accuracy_low"][0], rows["accuracy_high"][0]) == (low, high)


def test_only_right_answers_on_the_same_images_are_compared() -> None:
    fields = {
        entered(replace(ROW, **other)).field for other in ({}, {"total": 900}, {"images_key": "others"})
    }  # type: ignore[arg-type]
    assert len(fields) == 3


def test_a_design_is_there_once_and_each_visitor_enters_so_many() -> None:
    boards = Boards()
    for who in ("one", "two"):
        boards.enter("room", entered(ROW), who)
    assert [(each.design, each.mine) for each in boards.designs("room", "one")] == [(entered(ROW), True)]
    assert [each.mine for each in boards.designs("room", "two")] == [False]
    for number in range(MOST_EACH):
        boards.enter("room", entered(replace(ROW, weights=str(number))), "two")
    with pytest.raises(ExplorerError, match="take one off"):
        boards.enter("room", entered(replace(ROW, weights="more")), "two")
    boards.withdraw("room", "two")
    assert len(boards.designs("room", "two")) == 1
    assert boards.designs("elsewhere", "one") == ()
