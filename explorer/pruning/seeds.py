"""Networks that differ in nothing but their seed, as one point: their mean, and how far they spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from explorer.pruning.methods import get_method
from explorer.pruning.plan import Recovery
from explorer.pruning.sweep import SweepRow

ONE_SEED = "95% Wilson interval of the images"
"""What the spread of a point of one seed is."""
EXACT = 9
"""Decimals to which differences of accuracies are rounded: 0.90 - 0.01 need not be 0.89 in binary."""


@dataclass(frozen=True)
class SeedPoint:
    """One method at one ratio, before or after a recovery: a network for each seed, the first seed's first."""

    rows: tuple[SweepRow, ...]

    @property
    def first(self) -> SweepRow:
        """The row of the first seed, which is the only one that is timed and recovered."""
        return self.rows[0]

    @property
    def method(self) -> str:
        """The method, by key."""
        return self.first.method

    @property
    def title(self) -> str:
        """The method's name for people."""
        return self.first.title

    @property
    def ratio(self) -> float:
        """The share that was asked for."""
        return self.first.ratio

    @property
    def recovery(self) -> Recovery:
        """What was done after the pruning."""
        return self.first.recovery

    @property
    def seeds(self) -> int:
        """How many networks there are."""
        return len(self.rows)

    @property
    def accuracy(self) -> float:
        """The mean over the seeds."""
        return fmean(row.accuracy.value for row in self.rows)

    @property
    def spread(self) -> tuple[float, float]:
        """From the least to the most accurate seed; of one seed the 95% Wilson interval of the images."""
        if self.seeds == 1:
            return self.first.accuracy.interval()
        values = [row.accuracy.value for row in self.rows]
        return min(values), max(values)

    @property
    def spread_name(self) -> str:
        """What the spread is.

        >>> rows = [SweepRow("random", 0.5, *[0, 9] * 2, 0, *[None] * 4, 1, 1, False, 0, 0)] * 2
        >>> [SeedPoint((rows[0],)).spread_name, SeedPoint(tuple(rows)).spread_name]
        ['95% Wilson interval of the images', 'range of 2 seeds']
        """
        return ONE_SEED if self.seeds == 1 else f"range of {self.seeds} seeds"

    def may_guess(self, classes: int) -> bool:
        """Whether the images do not tell it from guessing among so many classes, whatever the seed."""
        intervals = [row.accuracy.interval() for row in self.rows]
        return min(low for low, _ in intervals) <= 1 / classes <= max(high for _, high in intervals)

    def costs_at_most(self, points: float, dense: float) -> bool:
        """Whether it is at most so many points below an accuracy."""
        return round(100 * (dense - self.accuracy), EXACT) <= points


def fold_seeds(rows: Sequence[SweepRow]) -> tuple[SeedPoint, ...]:
    """The rows with those that differ in nothing but their seed together, in the order of the first ones."""
    points: dict[tuple[str, float, Recovery], list[SweepRow]] = {}
    for row in rows:
        points.setdefault((row.method, row.ratio, row.recovery), []).append(row)
    return tuple(SeedPoint(tuple(sorted(each, key=lambda row: row.seed))) for each in points.values())


def reach(curve: Sequence[SeedPoint], dense: float, points: float) -> float:
    """The last of an unbroken run of ratios from 0 on that cost at most so many points; 0 where the first costs more.

    A single ratio that happens to be good again further on is no answer.
    """
    last = 0.0
    for point in sorted(curve, key=lambda point: point.ratio):
        if not point.costs_at_most(points, dense):
            break
        last = point.ratio
    return last


def describe_spreads(points: Sequence[SeedPoint]) -> str:
    """What bands and lines up and down are, in one sentence."""
    titles: dict[int, list[str]] = {}
    for method in dict.fromkeys(point.method for point in points):
        most = max(point.seeds for point in points if point.method == method)
        titles.setdefault(most, []).append(get_method(method).title)
    said = "Bands and lines up and down are 95% Wilson intervals of the images"
    several = [(seeds, names) for seeds, names in titles.items() if seeds > 1]
    if not several:
        return f"{said}."
    ranges = "; ".join(f"of {' and '.join(names)} the range of {seeds} seeds" for seeds, names in several)
    return f"{said}, {ranges}, around their mean."
