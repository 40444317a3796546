"""What a sweep says: its message, what recovery brought back, and with which settings it was run."""

from collections.abc import Sequence

import pandas as pd

from explorer.pruning.sweep import TITLES, Plan, Row, table


def with_share(rows: Sequence[Row], dense_params: int) -> pd.DataFrame:
    """The sweep's table with a column ``gone``, the share of parameters that the ratio becomes.

    These are the dense network's parameters that are zero now, or removed.
    """
    data = table(rows)
    data.insert(1, "recovery", data.pop("recovery"))
    data.insert(3, "gone", 1 - data["nonzero"] / dense_params)
    return data


def message(rows: Sequence[Row]) -> str:
    """Accuracy and measured speed of one masked and of one removed network that the sweep holds."""
    parts = []
    for near, kinds in (
        (0.8, {"global-l1": "of the weights masked", "layer-l1": "of each layer's weights masked"}),
        (0.5, dict.fromkeys(("channels-l1", "channels-l2"), "of the channels removed")),
    ):
        pruned = [row for row in rows if row.ratio > 0 and row.recovery == "none"]
        kind = next((kind for kind in kinds if any(row.method == kind for row in pruned)), None)
        if kind is not None:
            row = min((row for row in pruned if row.method == kind), key=lambda each: abs(each.ratio - near))
            speed = "not timed" if row.speed_up is None else f"{row.speed_up:.2f} times as fast"
            parts.append(f"{row.ratio:.0%} {kinds[kind]}: accuracy {row.accuracy.value:.1%}, {speed}")
    return "; ".join(parts) or "A sweep, measured"


def within(rows: Sequence[Row], points: float = 1.0) -> dict[str, float]:
    """For each method the largest ratio that costs at most so many points, without any recovery.

    Compared with the accuracy at the smallest ratio of the sweep; 0 where no ratio does.
    """
    first = min(row.ratio for row in rows)
    dense = max(row.accuracy.value for row in rows if row.ratio == first)
    before = [row for row in rows if row.recovery == "none"]
    return {
        TITLES[method]: max(
            (r.ratio for r in before if r.method == method and r.accuracy.value >= dense - points / 100),
            default=0.0,
        )
        for method in dict.fromkeys(row.method for row in before)
    }


def recovered(rows: Sequence[Row]) -> str:
    """What each recovery brought back at most, in one sentence; empty where none was switched on."""
    before = {(row.method, row.ratio): row for row in rows if row.recovery == "none"}
    parts = []
    for recovery in dict.fromkeys(row.recovery for row in rows if row.recovery != "none"):
        after = [row for row in rows if row.recovery == recovery and (row.method, row.ratio) in before]
        best = max(after, key=lambda r: r.accuracy.value - before[r.method, r.ratio].accuracy.value)
        was = before[best.method, best.ratio].accuracy.value
        parts.append(
            f"{recovery}: {was:.1%} becomes **{best.accuracy.value:.1%}** ({TITLES[best.method]} at {best.ratio:.0%})"
        )
    return "Brought back the most, " + "; ".join(parts) + "." if parts else ""


def agreement(rows: Sequence[Row]) -> float | None:
    """The smallest share of bfloat16 predictions that equal float32's; None with float32."""
    return min((row.agreement for row in rows if row.agreement is not None), default=None)


def untimed(rows: Sequence[Row]) -> int:
    """How many networks could not be timed because other programs used the processors."""
    return sum(row.busy for row in rows)


def settings(title: str, plan: Plan, images: int) -> dict[str, str]:
    """What a run was asked to do, in words, by name of the setting."""
    return {
        "checkpoint": title,
        "methods": ", ".join(TITLES[method] for method in plan.methods),
        "ratios": ", ".join(f"{ratio:.0%}" for ratio in plan.ratios),
        "images": f"{images:,}",
        "device": plan.device,
        "precision": plan.precision,
        "recalibration": f"{plan.recalibrate} batches",
        "fine-tuning": f"{plan.finetune} steps",
    }


def differences(shown: dict[str, str], asked: dict[str, str]) -> list[str]:
    """The settings in which the shown run differs from the controls, as sentences without a stop."""
    return [
        f"{name}: shown {shown[name]}, asked {asked[name]}" for name in shown if shown[name] != asked[name]
    ]
