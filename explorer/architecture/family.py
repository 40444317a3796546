"""The trained family: accuracy against parameters of every trained student, from the cards."""

from collections.abc import Iterable

import pandas as pd

from explorer.checkpoints import Card
from explorer.measure import Paired
from explorer.networks import builder_of

WAYS = ("labels alone", "distilled")
COLUMNS = ("name", "network", "kind", "way", "parameters", "accuracy", "low", "high", "epochs")
EQUAL = 1.02
"""Networks whose parameters differ by no more than this factor are compared as being of equal size."""


def family(cards: Iterable[Card]) -> pd.DataFrame:
    """One row per trained student, by size.

    Columns name (of the card), network, kind, way ("labels alone" or "distilled"), parameters, accuracy, low and high
    (the 95 % Wilson interval of the test accuracy), epochs.
    """
    rows = []
    for card in cards:
        builder = builder_of(card.network)
        if builder.role != "student" or not card.measured:
            continue
        way, epochs = WAYS[bool(card.distillation)], card.recipe.get("epochs")
        figures = (card.params, card.test_accuracy, *card.test_interval, epochs)
        rows.append(dict(zip(COLUMNS, (card.name, card.title, builder.title, way, *figures), strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["way", "parameters"], ignore_index=True)


def neighbours(rows: pd.DataFrame, params: int, kind: str) -> str:
    """One sentence: where ``params`` lies among the distilled networks; of its own kind, if some are there."""
    taught = rows[rows["way"] == WAYS[1]]
    alike = taught[taught["kind"] == kind]
    taught, whose = (alike, f"a distilled {kind}") if len(alike) else (taught, "a distilled network")
    below, above = taught[taught["parameters"] <= params], taught[taught["parameters"] > params]
    parts = [
        f"{row['parameters']:,} parameters reaches {row['accuracy']:.2%}"
        for part in (below.tail(1), above.head(1))
        for _, row in part.iterrows()
    ]
    return f"Around its size, {whose} of {' and one of '.join(parts)}." if parts else ""


def overlap(rows: pd.DataFrame) -> str:
    """One sentence: how often distilling helped, and where the intervals of both ways of training are apart."""
    plain, taught = (rows[rows["way"] == way] for way in WAYS)
    both = plain.merge(taught, on=["kind", "parameters"], suffixes=("_plain", "_taught"))
    if both.empty:
        return ""
    better = int((both["accuracy_taught"] > both["accuracy_plain"]).sum())
    apart = both[(both["low_plain"] > both["high_taught"]) | (both["low_taught"] > both["high_plain"])]
    where = ", ".join(f"{params:,}" for params in apart["parameters"]) or "none of them"
    return (
        f"Of {len(both)} designs trained both ways, {better} reach more distilled; the intervals are apart at "
        f"{where}."
    )


def equal_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Networks of several kinds with equal parameters: the largest such set, most accurate first; else none."""
    sets = (
        rows[rows["parameters"].between(params, params * EQUAL)]
        for params in sorted(rows["parameters"].unique())
    )
    found = max(sets, key=lambda each: (each["kind"].nunique(), len(each)), default=rows)
    return (found if found["kind"].nunique() > 1 else found.head(0)).sort_values("accuracy", ascending=False)


def told(equal: pd.DataFrame) -> str:
    """A few words for each network of equal size: what it reaches, and how long it was trained."""
    epochs = equal["epochs"].nunique() > 1
    return "; ".join(
        f"{row['network']} {row['accuracy']:.2%}" + (f" ({row['epochs']} epochs)" if epochs else "")
        for _, row in equal.iterrows()
    )


def best_two(equal: pd.DataFrame) -> tuple[str, str] | None:
    """The names of the two most accurate kinds that were trained in the same way, the better one first."""
    ways = (equal[equal["way"] == way].drop_duplicates("kind") for way in WAYS)
    most = max(ways, key=len)
    return (most["name"].iloc[0], most["name"].iloc[1]) if len(most) > 1 else None


def side_by_side(first: str, second: str, pair: Paired) -> str:
    """What can be said of two networks, by their titles, from their answers to the same images."""
    return (
        f"Of {pair.total:,} validation images, {first} is right on {pair.first:,} where {second} is wrong, and wrong "
        f"on {pair.second:,} where that is right. Two equally good networks differ by so much or more in "
        f"{pair.chance:.0%} of cases."
    )
