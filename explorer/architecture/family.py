"""The trained family: accuracy against parameters of every trained StudentNet, from the cards."""

from collections.abc import Iterable

import pandas as pd

from explorer.checkpoints import Card
from explorer.networks import StudentSpec

WAYS = ("labels alone", "distilled")


def family(cards: Iterable[Card]) -> pd.DataFrame:
    """One row per trained StudentNet, by size.

    Columns network, way ("labels alone" or "distilled"), parameters, accuracy, low and high (the
    95 % Wilson interval of the test accuracy).
    """
    rows = []
    for card in cards:
        if card.network != StudentSpec.kind:
            continue
        low, high = card.test_interval
        rows.append(
            {
                "network": card.title,
                "way": WAYS[bool(card.distillation)],
                "parameters": card.params,
                "accuracy": card.test_accuracy,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows).sort_values(["way", "parameters"], ignore_index=True)


def neighbours(rows: pd.DataFrame, params: int) -> str:
    """One sentence: where ``params`` lies among the distilled networks."""
    taught = rows[rows["way"] == WAYS[1]]
    below, above = taught[taught["parameters"] <= params], taught[taught["parameters"] > params]
    parts = [
        f"{row['parameters']:,} parameters reach {row['accuracy']:.2%}"
        for part in (below.tail(1), above.head(1))
        for _, row in part.iterrows()
    ]
    return f"Around its size, distilled networks of {' and of '.join(parts)}." if parts else ""


def overlap(rows: pd.DataFrame) -> str:
    """One sentence: at which sizes the intervals of both ways of training overlap."""
    plain, taught = (rows[rows["way"] == way] for way in WAYS)
    both = plain.merge(taught, on="parameters", suffixes=("_plain", "_taught"))
    if both.empty:
        return ""
    apart = both[(both["low_plain"] > both["high_taught"]) | (both["low_taught"] > both["high_plain"])]
    told = ", ".join(f"{params:,}" for params in apart["parameters"]) or "none of them"
    return f"Of {len(both)} sizes trained both ways, the intervals are apart at {told}."
