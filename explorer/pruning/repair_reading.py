"""What a repair says: how much each way brings back, beside networks of that size that were trained from scratch."""

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from explorer.checkpoints import Card
from explorer.pruning.methods import get_method
from explorer.pruning.repair import RepairRow


def repair_table(rows: Sequence[RepairRow]) -> pd.DataFrame:
    """The rows for people, one line each, accuracy with its 95% interval."""
    lines = []
    for row in rows:
        low, high = row.accuracy.interval()
        lines.append(
            {
                "method": get_method(row.method).title,
                "ratio": row.ratio,
                "repair": row.described,
                "accuracy": row.accuracy.value,
                "nonzero": row.nonzero,
                "parameters": row.params,
                "mult_adds": row.mult_adds,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": row.total,
                "trained_on": row.trained_on or None,
                "rate": row.rate or None,
            }
        )
    return pd.DataFrame(lines)


def beside_sweep(
    rows: Iterable[RepairRow], methods: Collection[str], images: int, repairs: Collection[str] = ()
) -> tuple[RepairRow, ...]:
    """The rows that may stand on one axis with those of a sweep.

    Args:
        rows: stored, of any plan.
        methods: of the sweep, by key.
        images: that the sweep was counted on; what was counted on others is left out.
        repairs: which ways; all but "none", which the sweep has itself, if left out.

    Returns:
        Networks that were pruned at once as the method ranks, and then repaired, at a low learning rate.
    """
    return tuple(
        row
        for row in rows
        if row.method in methods
        and not row.plan
        and row.total == images
        and (row.repair in repairs if repairs else row.repair != "none")
    )


def from_scratch(cards: Iterable[Card], dense: Card) -> pd.DataFrame:
    """Smaller networks of the dense one's kind, trained as it was (with a teacher or with labels alone) on its images.

    Columns network, nonzero (all their parameters) and accuracy, on all test images.
    """
    rows = [
        {"network": card.title, "nonzero": card.params, "accuracy": card.test_accuracy}
        for card in cards
        if card.measured
        and card.network == dense.network
        and card.measured_on == dense.measured_on
        and bool(card.distillation) == bool(dense.distillation)
        and card.params < dense.params
    ]
    return pd.DataFrame(rows, columns=["network", "nonzero", "accuracy"]).sort_values(
        "nonzero", ignore_index=True
    )


def describe_repair(rows: Sequence[RepairRow], scratch: pd.DataFrame) -> str:
    """What each way brings back where most is brought back, and what a small network has instead; in sentences."""
    if not rows:
        return ""
    ratio = max({row.ratio for row in rows}, key=lambda each: (_brought_back(rows, each), each))
    chosen = [row for row in rows if row.ratio == ratio]
    best = max(chosen, key=lambda row: row.correct)
    ways = ", ".join(
        f"{row.described} **{row.accuracy.value:.1%}**"
        if row is best
        else f"{row.described} {row.accuracy.value:.1%}"
        for row in chosen
    )
    text = f"{ratio:.0%} {get_method(best.method).share}, {best.nonzero:,} parameters not zero: {ways}."
    smaller = scratch[scratch["nonzero"] <= 1.25 * best.nonzero]
    if smaller.empty:
        return text
    other = smaller.iloc[-1]
    verdict = _verdict(best, float(other["accuracy"]))
    return (
        f"{text} {other['network']}, trained from scratch with {other['nonzero']:,} parameters, has "
        f"{other['accuracy']:.1%} of all test images right: {verdict}."
    )


def _brought_back(rows: Sequence[RepairRow], ratio: float) -> int:
    """Right answers of the best repair at a ratio beyond those of the pruned network, if that was counted."""
    right = [row.correct for row in rows if row.ratio == ratio]
    pruned = [row.correct for row in rows if (row.ratio, row.repair) == (ratio, "none")]
    return max(right) - sum(pruned)


def _verdict(best: RepairRow, other: float) -> str:
    """Whether the pruned network is better than another one with this accuracy, as far as the images tell."""
    low, high = best.accuracy.interval()
    if low <= other <= high:
        return "the images do not tell the two apart"
    return "the pruned and repaired network is better" if other < low else "training the small one was better"
