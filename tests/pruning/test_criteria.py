"""The sentence on rankings follows the rows."""

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
    assert describe_criteria(rows) == (
        "Of the masks, at 80% **masked, LAMP** keeps the most, 70.0%; masked, global L1 43.0%."
    )
    turned = [*rows[:2], row("global-l1", 0.8, 700), row("lamp", 0.8, 430)]
    assert "**masked, global L1** keeps the most, 70.0%; masked, LAMP 43.0%" in describe_criteria(turned)


def test_what_the_images_do_not_tell_apart_is_said() -> None:
    rows = [row("channels-l1", 0.2, 400), row("channels-bn", 0.2, 865), row("channels-taylor", 0.2, 860)]
    assert describe_criteria(rows).endswith(
        "removed channels, Taylor 86.0%, removed channels, L1 40.0% "
        "(the intervals of removed channels, Taylor reach it)."
    )


def test_baselines_recoveries_and_the_dense_network_are_no_rankings() -> None:
    assert describe_criteria([row("global-l1", 0.5, 900), row("random", 0.5, 100)]) == ""
    assert describe_criteria([row("global-l1", 0.0, 900), row("lamp", 0.0, 901)]) == ""
    assert describe_criteria([row("global-l1", 0.5, 900), row("lamp", 0.5, 950, recovery="re-fitted")]) == ""
    assert describe_criteria([row("global-l1", 0.5, 900), row("lamp", 0.8, 950)]) == ""
