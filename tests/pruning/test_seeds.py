"""Several seeds are one point, and every sentence on it is of all of them."""

from dataclasses import replace

import pytest

from explorer.pruning import reading
from explorer.pruning.seeds import SeedPoint, describe_spreads, fold_seeds, reach
from explorer.pruning.sweep import SweepRow
from tests.pruning.test_reading import row

SEEDS = [
    row("random", 0.0, 90),
    *(replace(row("random", 0.2, correct), seed=seed) for seed, correct in enumerate((30, 89, 91))),
    *(replace(row("random", 0.4, correct), seed=seed) for seed, correct in enumerate((60, 10, 11))),
]


def test_rows_that_differ_in_their_seed_alone_are_one_point_whatever_their_order() -> None:
    rows = [row("global-l1", 0.2, 80), *SEEDS, row("random", 0.2, 85, "recalibrated")]
    shuffled = [*rows[::-2], *rows[-2::-2]]
    points = {(point.method, point.ratio, point.recovery): point for point in fold_seeds(shuffled)}
    assert len(points) == 5
    point = points["random", 0.2, "none"]
    assert [each.seed for each in point.rows] == [0, 1, 2]
    assert (point.accuracy, point.spread, point.spread_name) == (
        pytest.approx(0.7),
        (0.3, 0.91),
        "range of 3 seeds",
    )
    alone = points["global-l1", 0.2, "none"]
    assert alone.spread == alone.first.accuracy.interval()
    assert alone.spread_name == "95% Wilson interval of the images"


def test_the_table_has_the_mean_of_the_seeds_and_says_what_its_spread_is() -> None:
    table = reading.folded_table([*SEEDS, row("global-l1", 0.2, 80)], 1000)
    assert table["accuracy"].tolist() == pytest.approx([0.9, 0.7, 0.27, 0.8])
    assert table["seeds"].tolist() == [1, 3, 3, 1]
    assert (table["accuracy_low"][1], table["accuracy_high"][1], table["spread"][1]) == (
        0.3,
        0.91,
        "range of 3 seeds",
    )
    assert "seed" not in table
    assert len(reading.with_share(SEEDS, 1000)) == 7, "in the file each seed keeps its line"


def test_sentences_tell_of_the_mean_and_not_of_one_seed() -> None:
    assert reading.largest_cheap_ratios(SEEDS) == {"random": 0.0}, "two of three seeds lose nothing at 20%"
    assert "masked at random: at no ratio here" in reading.describe_cheap_ratios(SEEDS)
    lucky = [replace(each, correct=90) if each.ratio == 0.2 else each for each in SEEDS]
    assert reading.largest_cheap_ratios(lucky) == {"random": 0.2}
    assert "accuracy 70.0%" in reading.headline(SEEDS[:4], 10)
    assert "masked at random from 40%" in reading.at_chance(SEEDS, 10), "two of its three seeds guess"
    before = [*SEEDS, row("random", 0.4, 80, "recalibrated")]
    assert "60.0% becomes **80.0%**" in reading.recovered(before), "of the network that was recovered"


def test_how_far_a_method_gets_ends_at_the_first_ratio_that_costs_more() -> None:
    rows = [row("lamp", 0.0, 90), row("lamp", 0.1, 89), row("lamp", 0.2, 70), row("lamp", 0.3, 90)]
    assert reach(fold_seeds(rows), 0.9, 1.0) == 0.1
    assert reach(fold_seeds(rows), 0.9, 20.0) == 0.3
    # 0.90 - 0.01 is more than 0.89 in binary for some numbers of images: one point is one point.
    assert SeedPoint((row("lamp", 0.1, 57),)).costs_at_most(1, 0.58)


def test_bands_are_named_for_what_they_are() -> None:
    images = "Bands and lines up and down are 95% Wilson intervals of the images"
    both = [*SEEDS, row("lamp", 0.2, 80)]
    assert describe_spreads(fold_seeds(both)) == (
        f"{images}, of masked at random the range of 3 seeds, around their mean."
    )
    assert describe_spreads(fold_seeds(both[-1:])) == f"{images}."
    more = [replace(row("channels-random", 0.2, 40 + seed), seed=seed) for seed in range(3)]
    other: list[SweepRow] = [replace(row("shuffled", 0.2, 40), seed=seed) for seed in range(2)]
    said = describe_spreads(fold_seeds([*both, *more, *other]))
    assert "of masked at random and removed channels at random the range of 3 seeds" in said
    assert "of masked, global L1 shuffled the range of 2 seeds" in said
