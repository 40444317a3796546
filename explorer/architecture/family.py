"""The trained family: accuracy against parameters of every trained student, from the cards."""

from collections.abc import Iterable, Mapping

import pandas as pd

from explorer.checkpoints import Card
from explorer.checkpoints.evidence import LOGITS, find_tensor
from explorer.data import BUNDLED
from explorer.measure import LEVEL, Paired, paired
from explorer.networks import builder_of

WAYS = ("labels alone", "distilled")
COLUMNS = ("name", "network", "kind", "way", "parameters", "accuracy", "low", "high", "epochs")
EQUAL = 1.02
"""Networks whose parameters differ by no more than this factor are compared as being of equal size."""


def family(cards: Iterable[Card]) -> pd.DataFrame:
    """One row per trained student, by size.

    Columns name (of the card), network, kind, way ("labels alone" or "distilled"), parameters, accuracy, low and high
    (the 95% Wilson interval of the test accuracy), epochs.
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


def best_within(rows: pd.DataFrame, limit: int) -> str:
    """One sentence: which trained network within ``limit`` parameters gets most right; empty if there is none."""
    inside = rows[rows["parameters"] <= limit]
    if inside.empty:
        return ""
    best = inside.sort_values("accuracy").iloc[-1]
    return (
        f"The most accurate within {limit:,} is {best['network']}: {best['parameters']:,} parameters, "
        f"{best['accuracy']:.2%}."
    )


def in_sight(rows: pd.DataFrame, limit: int) -> bool:
    """Whether a limit lies so near to the trained networks that drawn with it they do not shrink to a corner."""
    params = rows["parameters"]
    return bool(params.min() / 2 <= limit <= 2 * params.max())


def twins(rows: pd.DataFrame) -> dict[int, tuple[str, str]]:
    """Of each design that was trained both ways, by its parameters, the names with labels alone and distilled.

    Both were trained for the same number of epochs: what more of them bring is not what a teacher brings.
    """
    plain, taught = (rows[rows["way"] == way] for way in WAYS)
    both = plain.merge(taught, on=["kind", "parameters", "epochs"], suffixes=("_plain", "_taught"))
    return {row["parameters"]: (row["name_plain"], row["name_taught"]) for _, row in both.iterrows()}


def compared(plain: Card, taught: Card) -> Paired | None:
    """Two shipped networks' stored answers to all validation images; None where they are not stored."""
    images = BUNDLED.load("validation")
    scores = [find_tensor(LOGITS, card.sha256, images) for card in (plain, taught)]
    if scores[0] is None or scores[1] is None:
        return None
    return paired(scores[0], scores[1], images.targets())


def helped(pairs: Mapping[int, Paired]) -> str:
    """Sentences: how often distilling helped, and whether McNemar's test tells the two networks of a design apart.

    Args:
        pairs: for each design, by its parameters, the network with labels alone against the distilled one.
    """
    if not pairs:
        return ""
    total = next(iter(pairs.values())).total
    better = sum(pair.second > pair.first for pair in pairs.values())
    told_apart = [
        f"{params:,} parameters ({WAYS[pair.second > pair.first]} ahead, p = {pair.chance:.2g})"
        for params, pair in pairs.items()
        if pair.chance < LEVEL
    ]
    return (
        f"Of {len(pairs)} {'design' if len(pairs) == 1 else 'designs'} trained both ways, {better} "
        f"{'gets' if better == 1 else 'get'} more of the same {total:,} validation images right when distilled. "
        f"McNemar's test tells the two ways apart at {', '.join(told_apart) or 'none'}."
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
