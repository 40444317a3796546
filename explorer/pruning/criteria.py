"""Which way of ranking keeps the most: what a sweep of several methods of a kind says."""

from collections.abc import Sequence

from explorer.pruning.methods import METHODS, Kind, get_method
from explorer.pruning.methods.entry import KINDS
from explorer.pruning.sweep import SweepRow

OF_KIND: dict[Kind, str] = {"mask": "Of the masks", "removal": "Of the ways to choose channels"}


def describe_criteria(rows: Sequence[SweepRow]) -> str:
    """For each kind with several rankings which keeps the most where they differ most, in sentences; empty without any.

    As pruned, without a recovery. Whether the random baseline beats one of them is another question.
    """
    return " ".join(sentence for kind in KINDS if (sentence := _describe(rows, kind)))


def _describe(rows: Sequence[SweepRow], kind: Kind) -> str:
    ranked: dict[float, list[SweepRow]] = {}
    for row in rows:
        method = get_method(row.method)
        if method.kind == kind and not method.baseline and row.recovery == "none" and row.ratio:
            ranked.setdefault(row.ratio, []).append(row)
    compared = {ratio: there for ratio, there in ranked.items() if len(there) > 1}
    if not compared:
        return ""
    ratio = max(compared, key=lambda each: _spread(compared[each]))
    best, *others = sorted(compared[ratio], key=lambda row: (-row.correct, list(METHODS).index(row.method)))
    said = ", ".join(f"{row.title} {row.accuracy.value:.1%}" for row in others)
    close = [row.title for row in others if row.accuracy.interval()[1] >= best.accuracy.interval()[0]]
    told = f" (the intervals of {' and '.join(close)} reach it)" if close else ""
    return f"{OF_KIND[kind]}, at {ratio:.0%} **{best.title}** keeps the most, {best.accuracy.value:.1%}; {said}{told}."


def _spread(rows: Sequence[SweepRow]) -> float:
    values = [row.accuracy.value for row in rows]
    return max(values) - min(values)
