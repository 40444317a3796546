from dataclasses import replace

import pytest

from explorer.pruning import reading
from explorer.pruning.methods import METHODS, PruningMethod, baseline
from explorer.pruning.plan import Recovery, SweepSettings
from explorer.pruning.sweep import SWEEP, SweepRow
from explorer.work.identity import differences


def row(
    method: str, ratio: float, correct: int, recovery: Recovery = "none", ms: float | None = 5.0
) -> SweepRow:
    return SweepRow(
        method, ratio, correct, 100, 1000, round(1000 * (1 - ratio)), 7, ms, ms, ms, ms and 10.0, 32, 2,
        ms is None, 4000, 900, recovery=recovery,
    )  # fmt: skip


ROWS = [
    row("global-l1", 0.0, 90),
    row("global-l1", 0.8, 89),
    row("global-l1", 0.9, 40),
    row("global-l1", 0.9, 70, "recalibrated"),
    row("channels-l1", 0.5, 10, ms=None),
]


def test_what_a_sweep_says() -> None:
    assert reading.headline(ROWS, 10) == (
        "80% of the weights masked: accuracy 89.0%, 2.00 times as fast; "
        "50% of the channels removed: accuracy 10.0%, not timed"
    )
    assert reading.largest_cheap_ratios(ROWS) == {"global-l1": 0.8, "channels-l1": 0.0}
    assert "nothing retrained: masked, global L1: up to **80%**; removed" in reading.describe_cheap_ratios(
        ROWS
    )
    assert "40.0% becomes **70.0%** (masked, global L1 at 90%)" in reading.recovered(ROWS)
    assert reading.recovered(ROWS[:3]) == ""
    assert "1 of 5 networks could not be timed" in SWEEP.unmeasured(ROWS)
    assert SWEEP.unmeasured(ROWS[:4]) == ""
    assert reading.agreement(ROWS) is None
    assert reading.with_share(ROWS, 1000)["gone"].round(2).tolist() == [0, 0.8, 0.9, 0.9, 0.5]


def test_the_fastest_network_is_one_that_was_timed_as_pruned() -> None:
    tuned = row("channels-l2", 0.7, 50, "fine-tuned", ms=0.5)
    rows = [*ROWS, row("channels-l2", 0.5, 60, ms=2.5), tuned]
    assert reading.fastest(rows) == (
        f"The fastest is {METHODS['channels-l2'].title} at 50%, 4.0 times as fast as the dense network."
    )
    assert reading.fastest([row("channels-l1", 0.5, 10, ms=None)]) == ""


def test_nothing_but_ratio_0_before_any_recovery_is_called_dense() -> None:
    assert reading.dense_accuracy(ROWS) == 0.9
    tuned = row("global-l1", 0.0, 95, "fine-tuned")
    for rows in (ROWS[1:], [tuned, *ROWS[1:]]):
        assert reading.dense_accuracy(rows) is None
        assert reading.largest_cheap_ratios(rows) == {}
        assert "Within one point of the dense" not in reading.describe_cheap_ratios(rows)
    assert "lowest ratio here is 50%" in reading.describe_cheap_ratios(ROWS[-1:])
    assert reading.largest_cheap_ratios([tuned, *ROWS])["global-l1"] == 0.8, (
        "compared with 90 %, not with 95%"
    )


def test_a_headline_does_not_tell_of_guessing_where_there_is_better() -> None:
    rows = [*ROWS, row("channels-l1", 0.1, 80), row("channels-l1", 0.2, 41), row("channels-l1", 0.3, 20)]
    assert "; 20% of the channels removed: accuracy 41.0%" in reading.headline(rows, 10)
    assert "; 10% of the channels removed: accuracy 80.0%" in reading.headline(rows, 3), (
        "41 of 100 is little of 3"
    )


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_has_its_headline(method: PruningMethod) -> None:
    """At the ratio of its kind, in its words; of two methods the first in the lists speaks."""
    rows = [row(method.key, ratio, round(100 * (1 - ratio / 2))) for ratio in (0.0, 0.2, 0.5, 0.8)]
    at = {"mask": 0.8, "removal": 0.5}[method.kind]
    assert (
        reading.headline(rows, 10)
        == f"{at:.0%} {method.share}: accuracy {1 - at / 2:.1%}, 2.00 times as fast"
    )
    assert {"mask": "masked", "removal": "removed"}[method.kind] in method.share
    first = next(each for each in METHODS.values() if each.kind == method.kind)
    both = (
        [*rows, row(first.key, at, 77)] if first != method else [row(baseline(method.kind).key, at, 1), *rows]
    )
    assert f"accuracy {'77.0%' if first != method else f'{1 - at / 2:.1%}'}" in reading.headline(both, 10)
    assert reading.headline(rows[:1], 10) == "A sweep, measured", "ratio 0 is no pruning"


def test_the_ratio_from_which_nothing_is_told_from_chance_is_named_without_a_gap() -> None:
    rows = [
        row("global-l1", 0.0, 90),
        row("global-l1", 0.3, 11),
        row("global-l1", 0.5, 60),
        row("global-l1", 0.8, 12),
        row("global-l1", 0.9, 10),
        row("random", 0.9, 50),
    ]
    said = reading.at_chance(rows, 10)
    assert said == "Not to be told from chance (10.0% for 10 classes): masked, global L1 from 80%."
    assert (
        reading.at_chance(rows, 2)
        == "Not to be told from chance (50.0% for 2 classes): masked at random from 90%."
    )
    assert reading.at_chance(rows[:1], 10) == ""


def test_settings_tell_two_runs_apart_in_words() -> None:
    shown = SweepSettings(ratios=(0.0, 0.5))
    asked = replace(shown, recalibrate=2, training="abcdefgh", images=1000)
    assert [str(each) for each in differences(shown, asked)] == [
        "recalibration: shown 0 batches, asked 2 batches",
        "images: shown 500, asked 1,000",
        "training images: shown none, asked those of key abcdef",
    ]
