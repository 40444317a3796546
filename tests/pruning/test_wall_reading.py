"""What a wall says is computed from its counts: what is forgotten, what a rescue brings back, where it opens."""

from dataclasses import replace

import pytest

from explorer.data import BUNDLED
from explorer.pruning.plan import Recovery
from explorer.pruning.wall import KIND, WallState, photographs
from explorer.pruning.wall_reading import (
    WallReading,
    describe_recoveries,
    drawing,
    rescue_question,
    wall_table,
)
from explorer.workspace import open_workspace
from tests.pruning.toy import images

CLASSES = ("Bag", "Coat", "Shoe")
Rows = tuple[tuple[int, ...], ...]
DENSE: Rows = ((30, 0, 0), (0, 30, 0), (3, 0, 27))
SLIGHT: Rows = ((30, 0, 0), (2, 28, 0), (3, 0, 27))
LOST: Rows = ((30, 0, 0), (25, 3, 2), (3, 0, 27))
BOTH: Rows = ((30, 0, 0), (23, 7, 0), (24, 0, 6))
CHANCE: Rows = ((30, 0, 0), (30, 0, 0), (30, 0, 0))


def state(ratio: float, confusion: Rows, recovery: Recovery = "none") -> WallState:
    return WallState("global-l1", ratio, recovery, confusion, (0,) * 9, (5, 10, 5), 1.0)


STATES = (
    state(0.0, DENSE),
    state(0.5, SLIGHT),
    state(0.8, LOST),
    state(0.8, DENSE, "recalibrated"),
    state(0.9, BOTH),
    state(0.9, LOST, "recalibrated"),
    state(0.95, CHANCE),
    state(0.95, CHANCE, "recalibrated"),
)
READING = WallReading(STATES, CLASSES)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (0, "Nothing is pruned: 96.7% of 90 images right."),
        (1, "At 50% no class is forgotten. Coat loses the most: 28 of 30, 30 before."),
        (2, "At 80% Coat is forgotten: 3 of 30, 30 before; 25 are called Bag."),
        (3, "Recalibrated at 80%, Coat comes back: 3 become 30 of 30. Of all images, 66.7% becomes 96.7%."),
        (
            4,
            "At 90% Shoe is forgotten: 6 of 30, 27 before; 24 are called Bag. Forgotten too: Coat.",
        ),
        (
            5,
            "Recalibrated at 90%, Shoe comes back: 6 become 27 of 30. Of all images, 47.8% becomes 66.7%. "
            "Coat stays forgotten: 3 of 30.",
        ),
        (
            6,
            "At 95% the network only guesses: 33.3% right, and 90 of 90 images are called Bag.",
        ),
        (
            7,
            "Recalibrated at 95%, it still guesses: 33.3% right, and 90 of 90 images are called Bag.",
        ),
    ],
)
def test_a_state_is_told_from_its_counts(number: int, sentence: str) -> None:
    assert READING.tell(STATES[number]) == sentence


def test_nothing_lost_and_nothing_brought_back_are_told() -> None:
    reading = WallReading((STATES[0], state(0.5, DENSE), state(0.5, DENSE, "re-fitted")), CLASSES)
    assert reading.tell(reading.states[1]) == "At 50% no class loses anything."
    assert reading.tell(reading.states[2]) == "Re-fitted at 50%, nothing comes back: 96.7% becomes 96.7%."


def test_what_was_never_forgotten_does_not_come_back() -> None:
    reading = WallReading((STATES[0], STATES[1], state(0.5, DENSE, "recalibrated")), CLASSES)
    assert reading.tell(reading.states[2]).startswith(
        "Recalibrated at 50%, Coat gains the most: 28 become 30 of 30."
    )


def test_it_opens_where_one_class_is_gone_and_the_others_are_not() -> None:
    assert READING.opening("global-l1") == 0.8


def test_it_never_opens_on_guessing() -> None:
    assert WallReading((STATES[0], state(0.5, CHANCE)), CLASSES).opening("global-l1") == 0


@pytest.mark.parametrize("name", ["teacher", "student-60k-kd"])
def test_what_ships_opens_on_a_forgotten_class(name: str) -> None:
    found = open_workspace(BUNDLED).find_rows(KIND, WallState, name)
    assert found is not None
    reading = WallReading(found.rows, BUNDLED.classes)
    opened = reading.by_state["global-l1", reading.opening("global-l1"), "none"]
    assert not opened.guesses
    assert reading.forgotten(opened)
    if name == "teacher":
        assert reading.tell(opened).startswith("At 90% Trouser is forgotten: 0 of 40, 40 before; ")


def test_a_class_is_asked_what_comes_back() -> None:
    question = rescue_question(READING, "Student", ("weights", "images"))
    assert question is not None
    assert (question.answer, question.high) == (30, 30)
    assert "3 of 30 images of Coat are right" in question.text
    assert rescue_question(WallReading(STATES[:2], CLASSES), "Student", ()) is None


def test_all_that_is_drawn_is_in_the_counts() -> None:
    shown = images("test").select(slice(90))
    drawn = drawing(READING, shown)
    assert drawn["labels"] == shown.labels[photographs(shown)].tolist()
    assert drawn["ratios"] == [0.0, 0.5, 0.8, 0.9, 0.95]
    (method,) = drawn["methods"]
    pruned = method["states"]["none"][2]
    assert pruned["right"] == (30, 3, 27)
    assert pruned["accuracy"] == pytest.approx(60 / 90, abs=1e-4)
    assert pruned["forgotten"] == (1,)
    assert pruned["said"] == READING.tell(STATES[2])
    assert method["states"]["recalibrated"][1] is None, "nobody has recalibrated this one"
    assert [each["key"] for each in drawn["rescues"]] == ["none", "recalibrated"]


def test_the_table_has_a_line_for_each_state() -> None:
    table = wall_table(READING)
    assert len(table) == len(STATES)
    assert table.loc[2, ["ratio", "recovery", "Coat"]].tolist() == [0.8, "none", 3]


def test_a_threshold_is_only_sent_where_there_is_one() -> None:
    reading = WallReading((STATES[0], replace(STATES[2], threshold=0.25)), CLASSES)
    drawn = drawing(reading, images("test").select(slice(90)))["methods"][0]["states"]["none"]
    assert "threshold" not in drawn[0]
    assert drawn[1]["threshold"] == 0.25


def test_what_a_repair_brings_is_said_where_it_is_most() -> None:
    said = describe_recoveries(STATES, "global-l1")
    assert said == (
        "What a repair brings: masked, global L1 at 80%, as pruned 66.7%, recalibrated **96.7%**, "
        "of the 90 images of the wall."
    )
    turned = [*STATES, state(0.9, DENSE, "re-fitted")]
    said = describe_recoveries(turned, "global-l1")
    assert "at 90%, as pruned 47.8%, recalibrated 66.7%, re-fitted **96.7%**" in said


def test_nothing_is_said_where_nothing_comes_back() -> None:
    assert describe_recoveries(STATES, "lamp") == ""
    assert describe_recoveries([state(0.95, CHANCE), state(0.95, CHANCE, "recalibrated")], "global-l1") == ""
