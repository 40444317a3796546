"""The trained family: which networks, beside which neighbours, at equal size, and what is said of two of them."""

import pandas as pd
import pytest

from explorer.architecture.family import (
    COLUMNS,
    best_two,
    equal_size,
    family,
    neighbours,
    overlap,
    side_by_side,
    told,
)
from explorer.checkpoints import catalogue
from explorer.measure import Paired
from explorer.networks import builder_of

PLAIN, TAUGHT = "labels alone", "distilled"


def row(kind: str, way: str, parameters: int, accuracy: float, epochs: int = 18) -> tuple[object, ...]:
    name = f"{kind}-{way}-{parameters}"
    return (name, name.title(), kind, way, parameters, accuracy, accuracy - 0.01, accuracy + 0.01, epochs)


def rows(*each: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(each, columns=list(COLUMNS))


def test_the_family_has_every_trained_student_by_size() -> None:
    cards = catalogue()
    found = family(cards.values())
    students = [card for card in cards.values() if builder_of(card.network).role == "student"]
    assert sorted(found["network"]) == sorted(card.title for card in students)
    assert (found["low"] < found["accuracy"]).all()
    assert (found["accuracy"] < found["high"]).all()
    for _, group in found.groupby("way"):
        assert group["parameters"].is_monotonic_increasing
    for name, line in found.set_index("name").iterrows():
        card = cards[str(name)]
        assert (line["parameters"], line["accuracy"]) == (card.params, card.test_accuracy)
        assert line["way"] == (TAUGHT if card.distillation else PLAIN)
        assert line["kind"] == builder_of(card.network).title
        assert line["epochs"] == card.recipe["epochs"]
    assert family([]).empty


def test_a_networks_neighbours_are_of_its_own_kind_where_there_are_any() -> None:
    found = rows(
        row("A", TAUGHT, 100, 0.5),
        row("A", PLAIN, 150, 0.9),
        row("B", TAUGHT, 180, 0.6),
        row("A", TAUGHT, 300, 0.7),
    )
    assert neighbours(found, 200, "A") == (
        "Around its size, a distilled A of 100 parameters reaches 50.00% and one of 300 parameters reaches 70.00%."
    )
    assert neighbours(found, 180, "B") == "Around its size, a distilled B of 180 parameters reaches 60.00%."
    other = neighbours(found.sort_values("parameters"), 200, "C")
    assert "a distilled network of 180 parameters reaches 60.00% and one of 300" in other
    assert neighbours(found[found["way"] == PLAIN], 200, "A") == ""


def test_both_ways_of_training_are_compared_design_by_design() -> None:
    found = [row("A", PLAIN, 5_000, 0.90), row("A", TAUGHT, 5_000, 0.91)]
    assert overlap(rows(*found)) == (
        "Of 1 designs trained both ways, 1 reach more distilled; the intervals are apart at none of them."
    )
    # Another kind of the same size is another design.
    found += [row("A", PLAIN, 9_000, 0.90), row("B", TAUGHT, 9_000, 0.93)]
    found += [row("C", PLAIN, 20_000, 0.93), row("C", TAUGHT, 20_000, 0.90)]
    assert overlap(rows(*found)) == (
        "Of 2 designs trained both ways, 1 reach more distilled; the intervals are apart at 20,000."
    )
    assert overlap(rows(*found[:1])) == ""


def test_networks_of_equal_size_are_of_several_kinds() -> None:
    alike = [row("A", PLAIN, 1_000, 0.8), row("B", TAUGHT, 1_020, 0.9), row("B", PLAIN, 1_015, 0.85, 9)]
    more = [row("A", PLAIN, 1_021, 0.99), row("A", TAUGHT, 1_022, 0.99), row("A", PLAIN, 40_000, 0.95)]
    found = equal_size(rows(*alike, *more))
    assert found["parameters"].min() >= 1_000
    assert found["parameters"].max() <= found["parameters"].min() * 1.02
    assert found["kind"].nunique() == 2
    found = equal_size(rows(*alike))
    assert list(found["accuracy"]) == [0.9, 0.85, 0.8]
    assert told(found) == (
        "B-Distilled-1020 90.00% (18 epochs); B-Labels Alone-1015 85.00% (9 epochs); A-Labels Alone-1000 80.00% "
        "(18 epochs)"
    )
    assert "epochs" not in told(found.head(1))
    assert best_two(found) == ("B-labels alone-1015", "A-labels alone-1000"), (
        "they were trained in the same way"
    )
    assert equal_size(rows(*more)).empty
    assert best_two(equal_size(rows(*more))) is None
    assert equal_size(rows()).empty


@pytest.mark.parametrize(("pair", "share"), [(Paired(1, 5, 100), "22%"), (Paired(0, 0, 100), "100%")])
def test_two_networks_are_compared_on_the_same_images(pair: Paired, share: str) -> None:
    said = side_by_side("One", "Other", pair)
    assert f"Of 100 validation images, One is right on {pair.first} where Other is wrong" in said
    assert f"in {share} of cases." in said
