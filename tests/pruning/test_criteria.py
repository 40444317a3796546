"""The sentence on rankings follows the rows."""

from dataclasses import replace

import pytest

from explorer.pruning.criteria import describe_criteria
from explorer.pruning.sweep import SweepRow


def row(method: str, ratio: float, correct: int, **more: str) -> SweepRow:
    return SweepRow(method, ratio, correct, 1000, 1, 1, 1, None, None, None, None, 32, 1, False, 1, 1, **more)


def test_the_best_ranking_is_named_where_they_differ_most() -> None:
    rows = [
        row("global-l1", 0.5, 900),
        row("lamp", 0.5, 905),
        row("global-l1", 0.8, 430),
        row("lamp", 0.8, 700),
    ]
    assert describe_criteria(rows, 10) == (
        "Of the masks, **masked, LAMP** keeps the most at 2 of the 2 ratios at which not all of them guess. "
        "They differ most at 80%: masked, LAMP 70.0%, masked, global L1 43.0%.",
    )
    turned = [*rows[:2], row("global-l1", 0.8, 700), row("lamp", 0.8, 430)]
    (said,) = describe_criteria(turned, 10)
    assert (
        "**masked, LAMP** keeps the most at 1 of the 2 ratios at which not all of them guess, masked, global L1 at 1."
        in said
    )
    assert "at 80%: masked, global L1 70.0%, masked, LAMP 43.0%" in said
    guessing = [*rows, row("global-l1", 0.9, 110), row("lamp", 0.9, 95)]
    assert "of the 2 ratios" in describe_criteria(guessing, 10)[0], "where all guess nobody wins"


def test_what_the_images_do_not_tell_apart_is_said() -> None:
    rows = [row("channels-l1", 0.2, 400), row("channels-bn", 0.2, 865), row("channels-taylor", 0.2, 860)]
    assert describe_criteria(rows, 10)[0].endswith(
        "removed channels, Taylor 86.0%, removed channels, L1 40.0% "
        "(the intervals of removed channels, Taylor reach it)."
    )


def test_baselines_recoveries_and_the_dense_network_are_no_rankings() -> None:
    nothing = [
        [row("global-l1", 0.0, 900), row("lamp", 0.0, 901)],
        [row("global-l1", 0.5, 900), row("lamp", 0.5, 950, recovery="re-fitted")],
        [row("global-l1", 0.5, 900), row("lamp", 0.8, 950)],
    ]
    for rows in nothing:
        assert describe_criteria(rows, 10) == ()
    (said,) = describe_criteria([row("global-l1", 0.5, 900), row("random", 0.5, 100)], 10)
    assert (
        said
        == "**Masked at random** (a single seed, which may be a lucky one) beats none of the rankings at any ratio."
    )


def seeds(method: str, ratio: float, *correct: int) -> list[SweepRow]:
    return [replace(row(method, ratio, each), seed=seed) for seed, each in enumerate(correct)]


def test_chance_beats_a_ranking_where_its_mean_lies_above_the_rankings_interval() -> None:
    rows = [
        row("channels-l1", 0.2, 400),
        *seeds("channels-random", 0.2, 300, 600, 750),
        row("channels-l1", 0.3, 250),
        *seeds("channels-random", 0.3, 240, 260, 270),
        row("channels-l1", 0.9, 60),
        *seeds("channels-random", 0.9, 100, 110, 105),
    ]
    assert describe_criteria(rows, 10) == (
        "**Removed channels at random** (mean of 3 seeds) beats removed channels, L1 at 20% (55.0% against 40.0%; "
        "better with 2 of 3 seeds).",
    ), "at 30% the images do not tell them apart, and at 90% chance only guesses"
    turned = [replace(each, correct=900) if each.method == "channels-l1" else each for each in rows]
    assert describe_criteria(turned, 10) == (
        "**Removed channels at random** (mean of 3 seeds) beats none of the rankings at any ratio.",
    )


@pytest.mark.parametrize(
    ("shuffled", "verdict"),
    [
        ((100, 120), "11.0% (mean of 2 seeds) instead of 80.0%: which weights of a layer go matters"),
        (
            (790, 800),
            "79.5% (mean of 2 seeds) instead of 80.0%: which weights of a layer go makes no difference",
        ),
        ((900, 960), "93.0% (mean of 2 seeds) instead of 80.0%: here any other weights"),
    ],
)
def test_what_shuffling_a_mask_changes_follows_the_rows(shuffled: tuple[int, int], verdict: str) -> None:
    (said,) = describe_criteria([row("global-l1", 0.6, 800), *seeds("shuffled", 0.6, *shuffled)], 10)
    assert verdict in said
