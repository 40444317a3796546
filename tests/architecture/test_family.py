"""The trained family: which networks, beside which neighbours, at equal size, and what is said of two of them."""

from dataclasses import replace

import pandas as pd
import pytest

from explorer.architecture.family import (
    COLUMNS,
    best_two,
    best_within,
    compared,
    equal_size,
    family,
    helped,
    in_sight,
    neighbours,
    side_by_side,
    told,
    twins,
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


def test_the_best_within_a_limit_is_the_most_accurate_not_the_largest() -> None:
    found = rows(row("A", TAUGHT, 100, 0.9), row("B", PLAIN, 200, 0.8), row("C", TAUGHT, 201, 0.95))
    assert best_within(found, 200) == (
        "The most accurate within 200 is A-Distilled-100: 100 parameters, 90.00%."
    )
    assert best_within(found, 201).startswith("The most accurate within 201 is C-Distilled-201")
    assert best_within(found, 99) == ""
    assert [in_sight(found, limit) for limit in (49, 50, 402, 403)] == [False, True, True, False]


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


def test_a_design_has_a_twin_of_its_own_kind_and_size() -> None:
    found = [row("A", PLAIN, 5_000, 0.90), row("A", TAUGHT, 5_000, 0.91)]
    # Another kind of the same size is another design.
    found += [row("A", PLAIN, 9_000, 0.90), row("B", TAUGHT, 9_000, 0.93)]
    assert twins(rows(*found)) == {5_000: (f"A-{PLAIN}-5000", f"A-{TAUGHT}-5000")}
    assert twins(rows(*found[:1])) == {}
    longer = [row("A", PLAIN, 5_000, 0.90, 18), row("A", TAUGHT, 5_000, 0.94, 54)]
    assert twins(rows(*longer)) == {}, "more epochs would be taken for what the teacher brings"


def test_distilled_twins_are_compared_image_by_image() -> None:
    assert helped({}) == ""
    assert helped({5_000: Paired(1, 5, 100)}) == (
        "Of 1 design trained both ways, 1 gets more of the same 100 validation images right when distilled. "
        "McNemar's test tells the two ways apart at none."
    )
    said = helped({5_000: Paired(1, 5, 100), 9_000: Paired(9, 0, 100), 20_000: Paired(0, 9, 100)})
    assert "Of 3 designs trained both ways, 2 get more" in said
    assert said.endswith(
        "at 9,000 parameters (labels alone ahead, p = 0.0039), 20,000 parameters (distilled ahead, p = 0.0039)."
    )


def test_the_shipped_twins_are_compared_on_every_validation_image() -> None:
    cards = catalogue()
    for plain, taught in twins(family(cards.values())).values():
        pair = compared(cards[plain], cards[taught])
        assert pair is not None
        assert pair.total == 5_000
        gain = cards[taught].validation_accuracy - cards[plain].validation_accuracy
        assert pair.second - pair.first == round(5_000 * gain)
    assert compared(cards["student-60k"], replace(cards["student-60k-kd"], sha256="another")) is None


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
