"""What a repair says: how much each way brings back, beside networks of that size that were trained from scratch."""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd

from explorer.checkpoints import Card
from explorer.measure import Accuracy
from explorer.pruning.methods import get_method
from explorer.pruning.reading import folded_table
from explorer.pruning.repair import RepairRow
from explorer.pruning.seeds import ONE_SEED
from explorer.pruning.sweep import SweepRow

ORDER = ("none", "recalibrated", "re-fitted", "fine-tuned")
"""Repairs from the least work to the most."""

ALIKE = 1.25  # a network has another one's size if it is not larger by more


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


def _longest(rows: Sequence[RepairRow]) -> list[RepairRow]:
    """The rows without those that were trained on for fewer epochs than others of their method."""
    most = {row.method: max(each.epochs for each in rows if each.method == row.method) for row in rows}
    return [row for row in rows if row.epochs in (0, most[row.method])]


def with_repairs(rows: Sequence[SweepRow], repaired: Sequence[RepairRow], dense_params: int) -> pd.DataFrame:
    """The table of a sweep with its seeds folded, and below it what was repaired, as ``accuracy_curve`` draws both.

    Of what was trained on, the most epochs.

    Args:
        rows: of the sweep.
        repaired: rows of ``beside_sweep``.
        dense_params: parameters of the dense network.
    """
    data = folded_table(rows, dense_params)
    if not repaired:
        return data
    longest = _longest(repaired)
    below = repair_table(longest).drop(columns=["repair", "trained_on", "rate"])
    below["recovery"] = [row.repair for row in longest]
    below["gone"] = 1 - below["nonzero"] / dense_params
    below["spread"], below["seeds"] = ONE_SEED, 1
    # Columns of times, which a repair has none of, stay those of numbers.
    return pd.concat(
        [data, below.reindex(columns=data.columns).astype(data.dtypes, errors="ignore")], ignore_index=True
    )


def describe_beside(stored: Sequence[RepairRow], beside: Sequence[RepairRow]) -> str:
    """What the lines of repairs beside a sweep say, of each method, in sentences.

    Args:
        stored: all stored rows, those as pruned among them.
        beside: those of ``beside_sweep``.
    """
    none = pd.DataFrame({"nonzero": [], "accuracy": [], "network": []})
    sentences = []
    for method in dict.fromkeys(row.method for row in beside):
        pruned = [row for row in stored if (row.method, row.plan, row.repair) == (method, "", "none")]
        own = sorted(
            (row for row in _longest(beside) if row.method == method), key=lambda row: ORDER.index(row.repair)
        )
        title = get_method(method).title
        sentences.append(f"{title[:1].upper()}{title[1:]}: {describe_repair([*pruned, *own], none)}")
    trained_on = sorted({row.trained_on for row in beside if row.trained_on})
    listed = " or ".join(f"{each:,}" for each in trained_on)
    ends = f" Trained on the first {listed} training images." if listed else ""
    return f"**What repair brings**: {' '.join(sentences)}{ends}"


def from_scratch(cards: Iterable[Card], dense: Card) -> pd.DataFrame:
    """Smaller networks that were trained as the dense one was: with a teacher or with labels alone, on its images.

    Those of its own kind; where there are none, those of other kinds.

    Returns:
        Columns network, nonzero (all their parameters), accuracy with its interval, images, and training, in words.
    """
    smaller = [
        card
        for card in cards
        if card.measured
        and card.measured_on == dense.measured_on
        and bool(card.distillation) == bool(dense.distillation)
        and card.params < dense.params
    ]
    of_its_kind = [card for card in smaller if card.network == dense.network]
    rows = []
    for card in sorted(of_its_kind or smaller, key=lambda card: card.params):
        low, high = card.test_interval
        rows.append(
            {
                "network": card.title,
                "nonzero": card.params,
                "accuracy": card.test_accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
                "images": card.images,
                "training": describe_training(card),
            }
        )
    columns = ["network", "nonzero", "accuracy", "accuracy_low", "accuracy_high", "images", "training"]
    return pd.DataFrame(rows, columns=columns)


def describe_marks(rows: Sequence[RepairRow], scratch: pd.DataFrame, dense: Card) -> str:
    """What the diamonds and the line in the chart are, and on how many images they were counted; in sentences."""
    parts, of_all = [], 0
    if len(scratch):
        parts.append("Diamonds: networks trained from scratch, at their number of parameters.")
        of_all = int(scratch["images"].max())
    if dense.measured:
        parts.append(f"The line: the network before it was pruned, {dense.test_accuracy:.1%}.")
        of_all = dense.images
    if of_all and of_all != rows[0].total:
        both = "They were" if len(parts) > 1 or len(scratch) else "It was"
        parts.append(
            f"{both} counted on all {of_all:,} images, the pruned ones on {rows[0].total:,} of these."
        )
    return " ".join(parts)


def at_ratios(scratch: pd.DataFrame, rows: Sequence[RepairRow], dense_params: int) -> pd.DataFrame:
    """The networks from scratch with a column ratio: that at which the pruned network has their number of parameters.

    Between the measured ratios a straight line is drawn; a size that no ratio reaches is left out.
    """
    sizes = {0.0: dense_params} | {row.ratio: row.nonzero for row in rows}
    first = min((row for row in rows if row.ratio > 0), key=lambda row: row.ratio, default=None)
    if first is not None and get_method(first.method).kind == "mask":
        # Each share of the weights is as many parameters, so the line goes on to where none of them is left.
        sizes[1.0] = round(dense_params - (dense_params - first.nonzero) / first.ratio)
    ratios = sorted(sizes, reverse=True)
    placed = scratch.assign(
        ratio=np.interp(
            scratch["nonzero"].to_numpy(float), [sizes[each] for each in ratios], ratios, left=np.nan
        )
    )
    return placed.dropna(subset="ratio").reset_index(drop=True)


def describe_training(card: Card) -> str:
    """How long a network was trained on how many images, as far as its card says; empty if it does not."""
    epochs = card.recipe.get("epochs")
    images = training_images(card)
    return f"{epochs} epochs on {images:,} images" if epochs and images else ""


def training_images(card: Card) -> int:
    """How many images a network was trained on; 0 if its card does not say.

    >>> from explorer.checkpoints import catalogue
    >>> training_images(catalogue()["teacher"])
    55000
    """
    # A card names them last: "Fashion-MNIST, training, 55,000 images".
    found = re.search(r"([\d,]+) images$", card.dataset)
    return int(found[1].replace(",", "")) if found else 0


def describe_part(trained_on: int, card: Card) -> str:
    """On which images a repair learned, and which share that is of those that made the network."""
    whole = training_images(card)
    share = f", {trained_on / whole:.1%} of the {whole:,} that the network learned from" if whole else ""
    return f"trained on the first {trained_on:,} training images{share}"


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
    plan = f" {describe_plan(best)}" if best.plan else ""
    share = get_method(best.method).share
    text = f"{ratio:.0%} {share}{plan}, {best.nonzero:,} parameters not zero: {ways}."
    smaller = scratch[scratch["nonzero"] <= ALIKE * best.nonzero]
    if smaller.empty:
        return text
    other = smaller.iloc[-1]
    times = best.nonzero / other["nonzero"]
    size = f", {times:.0f} times fewer" if times >= 2 else ""
    training = f" ({other['training']})" if other["training"] else ""
    return (
        f"{text} {other['network']}, trained from scratch with {other['nonzero']:,} parameters{size}{training}, has "
        f"{other['accuracy']:.1%} of {int(other['images']):,} test images right: {_verdict(best.accuracy, other)}."
    )


def _brought_back(rows: Sequence[RepairRow], ratio: float) -> int:
    """Right answers of the best repair at a ratio beyond those of the pruned network, if that was counted."""
    right = [row.correct for row in rows if row.ratio == ratio]
    pruned = [row.correct for row in rows if (row.ratio, row.repair) == (ratio, "none")]
    return max(right) - sum(pruned)


def _verdict(best: Accuracy, other: pd.Series) -> str:
    """Whether the pruned network is better than another one, as far as the images tell."""
    low, high = best.interval()
    if low <= other["accuracy_high"] and other["accuracy_low"] <= high:
        return "the images do not tell the two apart"
    return (
        "the pruned and repaired network is better"
        if other["accuracy_high"] < low
        else "training the small one was better"
    )


# --- In one go, in rounds, with other shares ------------------------------------------------------------


def describe_plan(row: RepairRow) -> str:
    """How a network was pruned and trained on, in words.

    >>> describe_plan(RepairRow("lamp", "5 rounds, rewound", 0.9, "fine-tuned", 5, 0, 1, 1, 1, 1, 5_000, 0.2))
    'in 5 rounds, rewound'
    >>> describe_plan(RepairRow("lamp", "rewound", 0.9, "fine-tuned", 5, 0, 1, 1, 1, 1, 5_000, 0.2))
    'in one go, rewound'
    """
    if "rounds" in row.plan:
        return f"in {row.plan}"
    return f"in one go, {row.plan}" if row.plan else "in one go"


def alike(rows: Iterable[RepairRow]) -> tuple[RepairRow, ...]:
    """Of the networks that were trained on those that differ in their plan alone: at a ratio at least two of them.

    Where they were trained for fewer and for more epochs, those with the most.
    """
    tuned = [row for row in rows if row.epochs]

    def group(row: RepairRow) -> tuple[object, ...]:
        return row.method, row.ratio, row.epochs, row.trained_on, row.total

    plans: dict[tuple[object, ...], set[str]] = {}
    for row in tuned:
        plans.setdefault(group(row), set()).add(row.plan)
    told = [row for row in tuned if len(plans[group(row)]) > 1]
    most = {row.ratio: max(each.epochs for each in told if each.ratio == row.ratio) for row in told}
    kept = [row for row in told if row.epochs == most[row.ratio]]
    return tuple(sorted(kept, key=lambda row: (row.method, row.ratio, row.epochs, row.plan)))


def plan_table(rows: Sequence[RepairRow]) -> pd.DataFrame:
    """Rows that differ in their plan, for people, one line each."""
    data = repair_table(rows)
    data.insert(2, "how", [describe_plan(row) for row in rows])
    return data


def describe_plans(rows: Sequence[RepairRow]) -> str:
    """What each plan brings back at each ratio, and whether the images tell them apart; a sentence for each."""
    said = []
    for ratio, epochs in sorted({(row.ratio, row.epochs) for row in rows}):
        there = [row for row in rows if (row.ratio, row.epochs) == (ratio, epochs)]
        best = max(there, key=lambda row: row.correct)
        ways = "; ".join(
            f"{describe_plan(row)} **{row.accuracy.value:.1%}**"
            if row is best
            else f"{describe_plan(row)} {row.accuracy.value:.1%}"
            for row in there
        )
        share = get_method(best.method).share
        said.append(f"{ratio:.0%} {share}, {_epochs(epochs)} in all: {ways}. {_winner(best, there)}.")
    return " ".join(said)


def _winner(best: RepairRow, there: Sequence[RepairRow]) -> str:
    """Whether the best plan is ahead of one go; where that is the best itself, of what comes next."""
    others = [row for row in there if row is not best and (not row.plan or not best.plan)]
    other = max(others or [row for row in there if row is not best], key=lambda row: row.correct)
    first, second = f'"{describe_plan(best)}"', f'"{describe_plan(other)}"'
    if other.accuracy.interval()[1] < best.accuracy.interval()[0]:
        return f"What was done {first} is ahead of {second}"
    return f"The images do not tell {first} from {second}"


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' * (count > 1)}"
