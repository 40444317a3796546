"""What share of each layer goes: found from how sensitive each layer is, so that all of them lose alike."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from explorer.errors import ExplorerError
from explorer.pruning.masks import check_ratio
from explorer.pruning.sensitivity import RATIOS as MEASURED_RATIOS
from explorer.pruning.sensitivity import Cell

Numbers = npt.NDArray[np.float64]


def balanced_ratios(
    cells: Sequence[Cell], budget: float, left_out: Collection[str] = ()
) -> Mapping[str, float]:
    """A ratio for each layer, so that masked alone each would lose the same points, and together they reach the budget.

    Between the ratios of the cells the loss is taken to be a straight line. A layer that at its highest ratio still
    loses less goes no further. The real loss, of all layers at once, is larger: the cells are of one layer each.

    Args:
        cells: the sensitivity of every layer.
        budget: the share of all weights that is to be masked, those of the layers left out counted too.
        left_out: layers that stay whole.

    Raises:
        ExplorerError: there is no such layer, or the budget is more than the cells' ratios allow.
    """
    check_ratio(budget)
    layers: dict[str, list[Cell]] = {}
    for cell in cells:
        layers.setdefault(cell.layer, []).append(cell)
    if unknown := sorted(set(left_out) - set(layers)):
        raise ExplorerError(f"There is no layer {unknown[0]!r} to leave out; there are {', '.join(layers)}.")
    weights = {layer: measured[0].weights for layer, measured in layers.items()}
    curves = {layer: _curve(measured) for layer, measured in layers.items() if layer not in left_out}
    # The masked weights against the points that a layer may lose: a straight line between any two of these.
    points = np.unique(np.concatenate([lost for lost, _ in curves.values()])) if curves else np.zeros(1)
    masked = sum(
        (weights[layer] * np.interp(points, *curve) for layer, curve in curves.items()), np.zeros(len(points))
    )
    wanted = budget * sum(weights.values())
    if wanted > masked[-1] + 1e-6:
        most = masked[-1] / sum(weights.values())
        raise ExplorerError(
            f"With these layers left whole at most {most:.1%} of the weights can go: ask for less than {budget:.1%}."
        )
    allowed = np.interp(wanted, masked, points)
    return {layer: float(np.interp(allowed, *curve)) for layer, curve in curves.items()}


def reachable(
    ratios: Sequence[float], weights: Mapping[str, int], left_out: Collection[str]
) -> tuple[float, ...]:
    """Of the ratios those that are reached with these layers left whole, no other going further than it is measured.

    >>> reachable((0.5, 0.9), {"large": 80, "small": 20}, ["small"])
    (0.5,)
    """
    free = sum(count for layer, count in weights.items() if layer not in left_out)
    most = max(MEASURED_RATIOS) * free / sum(weights.values())
    return tuple(ratio for ratio in ratios if ratio <= most + 1e-9)


def shares_table(cells: Sequence[Cell], ratios: Mapping[str, float]) -> pd.DataFrame:
    """What the ratios take of each layer: weights, those that stay, and the points it would lose alone.

    Args:
        cells: the sensitivity of every layer.
        ratios: of ``balanced_ratios``; a layer that is not named stays whole.
    """
    lines = []
    for layer in dict.fromkeys(cell.layer for cell in cells):
        measured = [cell for cell in cells if cell.layer == layer]
        ratio, weights = ratios.get(layer, 0.0), measured[0].weights
        lost, reached = _curve(measured)
        lines.append(
            {
                "layer": layer,
                "ratio": ratio,
                "weights": weights,
                "stay": weights - round(ratio * weights),
                "lost_points": round(float(np.interp(ratio, reached, lost)), 2),
                "whole": layer not in ratios,
            }
        )
    return pd.DataFrame(lines)


def describe_shares(table: pd.DataFrame) -> str:
    """What a budget takes of the layers, in two sentences."""
    pruned = table[~table["whole"]].sort_values("ratio", kind="stable")
    masked = 1 - table["stay"].sum() / table["weights"].sum()
    least, most = pruned.iloc[0], pruned.iloc[-1]
    left = table.loc[table["whole"], "layer"].tolist()
    whole = f" {' and '.join(left)} {'stays' if len(left) == 1 else 'stay'} whole." if left else ""
    said = f"To mask {masked:.0%} of all weights, **{most['layer']}** gives {most['ratio']:.0%} of its own"
    lost = f"**{pruned['lost_points'].max():.1f} points**"
    if len(pruned) == 1:
        return f"{said}; masked alone it would lose {lost}.{whole}"
    return (
        f"{said} and **{least['layer']}** {least['ratio']:.0%}; masked alone, none of the layers would lose more "
        f"than {lost}. All at once lose more.{whole}"
    )


def _curve(measured: Sequence[Cell]) -> tuple[Numbers, Numbers]:
    """Points lost, rising, and the ratio that a layer reaches with each."""
    ordered = sorted(measured, key=lambda cell: cell.ratio)
    ratios = np.array([0.0, *(cell.ratio for cell in ordered)])
    lost = np.maximum.accumulate([0.0, *(max(0.0, cell.drop) for cell in ordered)])
    # A ratio that costs nothing is free, so equal losses have to be told apart for the line to go up.
    return lost + 1e-6 * np.arange(len(lost)), ratios
