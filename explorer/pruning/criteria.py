"""Which way of ranking keeps the most, and whether chance does better: what a sweep of several methods says."""

from collections.abc import Sequence

from explorer.measure import Accuracy
from explorer.pruning.methods import METHODS, Kind, baseline, get_method
from explorer.pruning.methods.entry import KINDS
from explorer.pruning.seeds import SeedPoint, fold_seeds
from explorer.pruning.sweep import SweepRow

OF_KIND: dict[Kind, str] = {"mask": "Of the masks", "removal": "Of the ways to choose channels"}
MASK, SHUFFLED = "global-l1", "shuffled"
"""A mask, and the same one shuffled inside each layer."""


def describe_criteria(rows: Sequence[SweepRow], classes: int) -> tuple[str, ...]:
    """For each kind which ranking wins, and where chance does better; then what shuffling a mask changes.

    As pruned, without a recovery. Sentences that can stand alone; none where there is nothing to compare.
    """
    points = [point for point in fold_seeds(rows) if point.recovery == "none" and point.ratio]
    parts = []
    for kind in KINDS:
        of_kind = [point for point in points if get_method(point.method).kind == kind]
        parts += [_winner(of_kind, kind, classes), _against_chance(of_kind, kind, classes)]
    return tuple(part for part in (*parts, _shuffled(points)) if part)


def _rankings(points: Sequence[SeedPoint]) -> list[SeedPoint]:
    """The points of methods that leave nothing to chance: what is drawn by lot ranks nothing."""
    return [point for point in points if not get_method(point.method).seeded]


def _winner(points: Sequence[SeedPoint], kind: Kind, classes: int) -> str:
    ranked: dict[float, list[SeedPoint]] = {}
    for point in _rankings(points):
        ranked.setdefault(point.ratio, []).append(point)
    # Where all of them guess, whichever guesses best says nothing.
    compared = {
        ratio: there
        for ratio, there in ranked.items()
        if len(there) > 1 and not all(point.may_guess(classes) for point in there)
    }
    if not compared:
        return ""
    wins: dict[str, int] = {}
    for there in compared.values():
        most = max(point.accuracy for point in there)
        for point in there:
            if point.accuracy == most:
                wins[point.title] = wins.get(point.title, 0) + 1
    first, *others = sorted(wins, key=lambda title: -wins[title])
    listed = "".join(f", {title} at {wins[title]}" for title in others)
    return (
        f"{OF_KIND[kind]}, **{first}** keeps the most at {wins[first]} of the {len(compared)} ratios at which not all "
        f"of them guess{listed}. {_farthest(compared)}"
    )


def _farthest(compared: dict[float, list[SeedPoint]]) -> str:
    """The ratio at which the rankings differ most, and what each keeps there."""
    ratio = max(compared, key=lambda each: _spread(compared[each]))
    best, *others = sorted(
        compared[ratio], key=lambda point: (-point.accuracy, list(METHODS).index(point.method))
    )
    said = ", ".join(f"{point.title} {point.accuracy:.1%}" for point in others)
    close = [point.title for point in others if point.spread[1] >= best.spread[0]]
    told = f" (the intervals of {' and '.join(close)} reach it)" if close else ""
    return f"They differ most at {ratio:.0%}: {best.title} {best.accuracy:.1%}, {said}{told}."


def _spread(points: Sequence[SeedPoint]) -> float:
    values = [point.accuracy for point in points]
    return max(values) - min(values)


def _against_chance(points: Sequence[SeedPoint], kind: Kind, classes: int) -> str:
    """Where the random baseline's mean lies above a ranking's interval, and in how many of its seeds it is better."""
    chance = {point.ratio: point for point in points if point.method == baseline(kind).key}
    met = [point for point in _rankings(points) if point.ratio in chance]
    if not met:
        return ""
    beaten: dict[str, list[str]] = {}
    for point in sorted(met, key=lambda point: point.ratio):
        random = chance[point.ratio]
        # What only guesses is no better than what answers worse than by guessing.
        if random.accuracy > max(point.spread[1], _guessing(random, classes)):
            better = sum(row.accuracy.value > point.accuracy for row in random.rows)
            beaten.setdefault(point.title, []).append(
                f"{point.ratio:.0%} ({random.accuracy:.1%} against {point.accuracy:.1%}; better with {better} of "
                f"{random.seeds} seeds)"
            )
    seeds = max(point.seeds for point in chance.values())
    basis = f"mean of {seeds} seeds" if seeds > 1 else "a single seed, which may be a lucky one"
    name = baseline(kind).title
    said = f"**{name[:1].upper()}{name[1:]}** ({basis}) beats"
    if not beaten:
        return f"{said} none of the rankings at any ratio."
    listed = (f"{title} at {', '.join(ratios)}" for title, ratios in beaten.items())
    return f"{said} {'; '.join(listed)}."


def _guessing(point: SeedPoint, classes: int) -> float:
    """What a network that guesses may well get right of as many images: the end of chance's interval."""
    total = point.first.total
    return Accuracy(round(total / classes), total).interval()[1]


def _shuffled(points: Sequence[SeedPoint]) -> str:
    """What is left of global L1's mask when each layer's part of it is shuffled, where that changes most."""
    masks = {point.ratio: point for point in points if point.method == MASK}
    pairs = [
        (masks[point.ratio], point) for point in points if point.method == SHUFFLED and point.ratio in masks
    ]
    if not pairs:
        return ""
    mask, shuffled = max(pairs, key=lambda pair: abs(pair[0].accuracy - pair[1].accuracy))
    basis = f"mean of {shuffled.seeds} seeds" if shuffled.seeds > 1 else "one seed"
    low, high = mask.spread
    verdict = (
        "which weights of a layer go makes no difference that these images tell, only how many"
        if low <= shuffled.accuracy <= high
        else "which weights of a layer go matters, not only how many"
        if shuffled.accuracy < low
        else "here any other weights of each layer would have been the better choice"
    )
    return (
        f"Shuffled inside each layer, the mask of global L1 at {mask.ratio:.0%} keeps {shuffled.accuracy:.1%} "
        f"({basis}) instead of {mask.accuracy:.1%}: {verdict}."
    )
