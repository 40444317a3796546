"""What a sweep says: its headline, what recovery brought back, and with which settings it was run."""

from collections.abc import Sequence

import pandas as pd

from explorer.pruning.methods import METHODS, PruningMethod, get_method
from explorer.pruning.seeds import SeedPoint, fold_seeds, reach
from explorer.pruning.sweep import SweepRow, sweep_table


def with_share(rows: Sequence[SweepRow], dense_params: int) -> pd.DataFrame:
    """The sweep's table, a line for each seed, with a column ``gone``: the share of parameters that the ratio becomes.

    These are the dense network's parameters that are zero now, or removed.
    """
    return _add_share(sweep_table(rows), dense_params)


def _add_share(data: pd.DataFrame, dense_params: int) -> pd.DataFrame:
    data.insert(1, "recovery", data.pop("recovery"))
    data.insert(3, "gone", 1 - data["nonzero"] / dense_params)
    return data


def seed_table(rows: Sequence[SweepRow]) -> pd.DataFrame:
    """The sweep's table with one line for networks that differ in nothing but their seed.

    ``accuracy`` is their mean, ``accuracy_low`` and ``accuracy_high`` are what the column ``spread`` names; instead of
    ``seed`` there is ``seeds``, their number. What is not counted on images is that of the first seed.
    """
    points = fold_seeds(rows)
    data = sweep_table([point.first for point in points])
    data["accuracy"] = [point.accuracy for point in points]
    data["accuracy_low"], data["accuracy_high"] = zip(*(point.spread for point in points), strict=True)
    data["spread"] = [point.spread_name for point in points]
    data["seeds"] = [point.seeds for point in points]
    return data.drop(columns="seed")


def folded_table(rows: Sequence[SweepRow], dense_params: int) -> pd.DataFrame:
    """The same with the share of parameters that the ratio becomes, see ``with_share``."""
    return _add_share(seed_table(rows), dense_params)


def telling_point(rows: Sequence[SweepRow], method: PruningMethod, classes: int) -> SeedPoint | None:
    """The method's point nearest the ratio that a headline tells about, before any recovery; None without one.

    A network that does little more than guess tells nothing: of what the best one knows beyond guessing, a quarter has
    to be left, if there is such a point.
    """
    before = _before(rows)
    pruned = [point for point in before if point.method == method.key and point.ratio > 0]
    best = max((point.accuracy for point in before), default=0.0)
    telling = [point for point in pruned if point.accuracy - 1 / classes >= (best - 1 / classes) / 4]
    return min(telling or pruned, key=lambda point: abs(point.ratio - method.headline_ratio), default=None)


def _before(rows: Sequence[SweepRow]) -> tuple[SeedPoint, ...]:
    """The points as pruned, before any recovery."""
    return fold_seeds([row for row in rows if row.recovery == "none"])


def headline(rows: Sequence[SweepRow], classes: int) -> str:
    """Accuracy and measured speed of one masked and of one removed network that the sweep holds.

    Of each kind the first method in the order of lists speaks; the random one only where it is alone.
    """
    speakers: dict[str, tuple[PruningMethod, SeedPoint]] = {}
    for method in METHODS.values():
        point = telling_point(rows, method, classes)
        if point is not None:
            speakers.setdefault(method.kind, (method, point))
    parts = []
    for method, point in speakers.values():
        times = point.first.speed_up
        speed = "not timed" if times is None else f"{times:.2f} times as fast"
        parts.append(f"{point.ratio:.0%} {method.share}: accuracy {point.accuracy:.1%}, {speed}")
    return "; ".join(parts) or "A sweep, measured"


def dense_accuracy(rows: Sequence[SweepRow]) -> float | None:
    """The dense network's accuracy: that at ratio 0 before any recovery; None where the sweep has no ratio 0."""
    return next((row.accuracy.value for row in rows if row.ratio == 0 and row.recovery == "none"), None)


def largest_cheap_ratios(rows: Sequence[SweepRow], points: float = 1.0) -> dict[str, float]:
    """For each method the ratio up to which pruning costs at most so many points, by key, without any recovery.

    Compared with the dense network's accuracy; 0 where the least ratio costs more. Empty where the sweep has no
    ratio 0, since then nothing in it is the dense network.
    """
    dense = dense_accuracy(rows)
    if dense is None:
        return {}
    curves: dict[str, list[SeedPoint]] = {}
    for point in _before(rows):
        curves.setdefault(point.method, []).append(point)
    return {method: reach(curve, dense, points) for method, curve in curves.items()}


def describe_cheap_ratios(rows: Sequence[SweepRow]) -> str:
    """How far each method gets within one point of the dense network, in one sentence."""
    ratios = largest_cheap_ratios(rows)
    if not ratios:
        lowest = min(row.ratio for row in rows)
        return (
            f"The lowest ratio here is {lowest:.0%}, so nothing here is the dense network: "
            "add ratio 0 to see what pruning costs."
        )
    best = "; ".join(
        f"{get_method(key).title}: {f'up to **{ratio:.0%}**' if ratio else 'at no ratio here'}"
        for key, ratio in ratios.items()
    )
    return f"Within one point of the dense network, nothing retrained: {best}."


def recovered(rows: Sequence[SweepRow]) -> str:
    """What each recovery brought back at most, in one sentence; empty where none was switched on."""
    # Only the first seed's networks are recovered, so they are compared with themselves as pruned.
    before = {(point.method, point.ratio): point.first for point in _before(rows)}
    parts = []
    for recovery in dict.fromkeys(row.recovery for row in rows if row.recovery != "none"):
        after = [row for row in rows if row.recovery == recovery and (row.method, row.ratio) in before]
        best = max(after, key=lambda r: r.accuracy.value - before[r.method, r.ratio].accuracy.value)
        was = before[best.method, best.ratio].accuracy.value
        parts.append(
            f"{recovery}: {was:.1%} becomes **{best.accuracy.value:.1%}** ({best.title} at {best.ratio:.0%})"
        )
    return "Brought back the most, " + "; ".join(parts) + "." if parts else ""


def agreement(rows: Sequence[SweepRow]) -> float | None:
    """The smallest share of bfloat16 predictions that equal float32's; None with float32."""
    return min((row.agreement for row in rows if row.agreement is not None), default=None)


def fastest(rows: Sequence[SweepRow]) -> str:
    """What was the fastest as pruned, and how fast; empty where nothing was timed."""
    timed = [(row.speed_up, row) for row in rows if row.speed_up is not None and row.recovery == "none"]
    if not timed:
        return ""
    times, row = max(timed, key=lambda each: each[0])
    return f"The fastest is {row.title} at {row.ratio:.0%}, {times:.1f} times as fast as the dense network."


def at_chance(rows: Sequence[SweepRow], classes: int) -> str:
    """From which ratio on each method cannot be told from guessing, in one sentence; empty if none gets there."""
    guessing: dict[str, float] = {}
    points = sorted(_before(rows), key=lambda point: -point.ratio)
    for method in dict.fromkeys(point.title for point in points):
        # Only without a gap: a single ratio whose interval happens to hold chance says little.
        for point in (point for point in points if point.title == method):
            if not point.may_guess(classes):
                break
            guessing[method] = point.ratio
    if not guessing:
        return ""
    listed = "; ".join(f"{title} from {ratio:.0%}" for title, ratio in guessing.items())
    return f"Not to be told from chance ({1 / classes:.1%} for {classes} classes): {listed}."
