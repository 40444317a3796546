"""What a sweep says: its headline, what recovery brought back, and with which settings it was run."""

from collections.abc import Sequence

import pandas as pd

from explorer.pruning.methods import METHODS, PruningMethod, get_method
from explorer.pruning.sweep import SweepRow, sweep_table


def with_share(rows: Sequence[SweepRow], dense_params: int) -> pd.DataFrame:
    """The sweep's table with a column ``gone``, the share of parameters that the ratio becomes.

    These are the dense network's parameters that are zero now, or removed.
    """
    data = sweep_table(rows)
    data.insert(1, "recovery", data.pop("recovery"))
    data.insert(3, "gone", 1 - data["nonzero"] / dense_params)
    return data


def telling_row(rows: Sequence[SweepRow], method: PruningMethod, classes: int) -> SweepRow | None:
    """The method's row nearest the ratio that a headline tells about, before any recovery; None without one.

    A network that does little more than guess tells nothing: of what the best one knows beyond guessing, a quarter has
    to be left, if there is such a row.
    """
    before = [row for row in rows if row.recovery == "none"]
    pruned = [row for row in before if row.method == method.key and row.ratio > 0]
    best = max((row.accuracy.value for row in before), default=0.0)
    telling = [row for row in pruned if row.accuracy.value - 1 / classes >= (best - 1 / classes) / 4]
    return min(telling or pruned, key=lambda row: abs(row.ratio - method.headline_ratio), default=None)


def headline(rows: Sequence[SweepRow], classes: int) -> str:
    """Accuracy and measured speed of one masked and of one removed network that the sweep holds.

    Of each kind the first method in the order of lists speaks; the random one only where it is alone.
    """
    speakers: dict[str, tuple[PruningMethod, SweepRow]] = {}
    for method in METHODS.values():
        row = telling_row(rows, method, classes)
        if row is not None:
            speakers.setdefault(method.kind, (method, row))
    parts = []
    for method, row in speakers.values():
        speed = "not timed" if row.speed_up is None else f"{row.speed_up:.2f} times as fast"
        parts.append(f"{row.ratio:.0%} {method.share}: accuracy {row.accuracy.value:.1%}, {speed}")
    return "; ".join(parts) or "A sweep, measured"


def dense_accuracy(rows: Sequence[SweepRow]) -> float | None:
    """The dense network's accuracy: that at ratio 0 before any recovery; None where the sweep has no ratio 0."""
    return next((row.accuracy.value for row in rows if row.ratio == 0 and row.recovery == "none"), None)


def largest_cheap_ratios(rows: Sequence[SweepRow], points: float = 1.0) -> dict[str, float]:
    """For each method the largest ratio that costs at most so many points, by key, without any recovery.

    Compared with the dense network's accuracy; 0 where every ratio costs more. Empty where the sweep has no
    ratio 0, since then nothing in it is the dense network.
    """
    dense = dense_accuracy(rows)
    if dense is None:
        return {}
    before = [row for row in rows if row.recovery == "none"]
    return {
        method: max(
            (r.ratio for r in before if r.method == method and r.accuracy.value >= dense - points / 100),
            default=0.0,
        )
        for method in dict.fromkeys(row.method for row in before)
    }


def describe_cheap_ratios(rows: Sequence[SweepRow]) -> str:
    """How far each method gets within one point of the dense network, in one sentence."""
    ratios = largest_cheap_ratios(rows)
    if not ratios:
        lowest = min(row.ratio for row in rows)
        return (
            f"The lowest ratio here is {lowest:.0%}, so nothing here is the dense network: "
            "add ratio 0 to see what pruning costs."
        )
    best = "; ".join(f"{get_method(key).title}: up to **{ratio:.0%}**" for key, ratio in ratios.items())
    return f"Within one point of the dense network, nothing retrained: {best}."


def recovered(rows: Sequence[SweepRow]) -> str:
    """What each recovery brought back at most, in one sentence; empty where none was switched on."""
    before = {(row.method, row.ratio): row for row in rows if row.recovery == "none"}
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
    for row in sorted((row for row in rows if row.recovery == "none"), key=lambda row: -row.ratio):
        low, high = row.accuracy.interval()
        if not low <= 1 / classes <= high:
            continue
        higher = [
            r.ratio for r in rows if r.method == row.method and r.recovery == "none" and r.ratio > row.ratio
        ]
        # Only without a gap: a single ratio whose interval happens to hold chance says little.
        if guessing.get(row.title, min(higher, default=row.ratio)) == min(higher, default=row.ratio):
            guessing[row.title] = row.ratio
    if not guessing:
        return ""
    listed = "; ".join(f"{title} from {ratio:.0%}" for title, ratio in guessing.items())
    return f"Not to be told from chance ({1 / classes:.1%} for {classes} classes): {listed}."
