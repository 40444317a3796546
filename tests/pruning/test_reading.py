import pytest

from explorer.errors import ExplorerError
from explorer.pruning import guesses, reading
from explorer.pruning.guesses import Guess
from explorer.pruning.sweep import Method, Plan, Recovery, Row


def row(
    method: Method, ratio: float, correct: int, recovery: Recovery = "none", ms: float | None = 5.0
) -> Row:
    return Row(
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
    assert reading.message(ROWS) == (
        "80% of the weights masked: accuracy 89.0%, 2.00 times as fast; "
        "50% of the channels removed: accuracy 10.0%, not timed"
    )
    assert reading.within(ROWS) == {"masked, global L1": 0.8, "removed channels, L1": 0.0}
    assert "40.0% becomes **70.0%** (masked, global L1 at 90%)" in reading.recovered(ROWS)
    assert reading.recovered(ROWS[:3]) == ""
    assert reading.untimed(ROWS) == 1
    assert reading.agreement(ROWS) is None
    assert reading.with_share(ROWS, 1000)["gone"].round(2).tolist() == [0, 0.8, 0.9, 0.9, 0.5]


def test_a_run_that_is_not_what_the_controls_ask_for_is_told_apart() -> None:
    plan = Plan(ratios=(0.0, 0.5))
    shown = reading.settings("teacher", plan, 500)
    assert reading.differences(shown, shown) == []
    asked = reading.settings("teacher", Plan(ratios=(0.0, 0.5), recalibrate=2), 1000)
    assert reading.differences(shown, asked) == [
        "images: shown 500, asked 1,000",
        "recalibration: shown 0 batches, asked 2 batches",
    ]


def test_a_guess_is_settled_once_by_the_row_that_answers_it() -> None:
    open_ones = [Guess("teacher", "global-l1", 0.8, 0.5), Guess("other", "global-l1", 0.8, 0.5)]
    settled = guesses.settle(open_ones, "teacher", ROWS)
    assert settled[0].measured == 0.89
    assert settled[1].measured is None
    assert "**39.0 points too low**" in guesses.verdict(settled[0])
    assert "No sweep" in guesses.verdict(settled[1])
    later = guesses.settle(settled, "teacher", [row("global-l1", 0.8, 1)])
    assert later == settled, "a later run does not change what was revealed"
    rows = guesses.table(settled)
    assert rows["error_points"].round(6).tolist()[0] == -39.0
    with pytest.raises(ExplorerError, match="between 0 and 100 %"):
        Guess("teacher", "global-l1", 0.8, 1.2)
