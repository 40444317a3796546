"""Shares of the layers: they reach the budget, lose alike, and leave out what stays whole."""

import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.pruning import charts
from explorer.pruning.methods import METHODS
from explorer.pruning.repair import prune_layers
from explorer.pruning.sensitivity import Cell
from explorer.pruning.shares import balanced_ratios, describe_shares, shares_table
from tests.pruning import toy


def cells(layer: str, weights: int, **lost: int) -> list[Cell]:
    """Cells of a layer: so many of 100 images lost at each ratio, given as r50=3."""
    return [Cell(layer, int(name[1:]) / 100, weights, 90 - each, 90, 100) for name, each in lost.items()]


TOUGH, TENDER = cells("tough", 300, r50=0, r90=10), cells("tender", 100, r50=10, r90=40)


def test_the_layers_reach_the_budget_and_lose_the_same_points() -> None:
    ratios = balanced_ratios([*TOUGH, *TENDER], 0.6)
    assert 300 * ratios["tough"] + 100 * ratios["tender"] == pytest.approx(0.6 * 400)
    lost = [
        np.interp(ratios[name], [0, 0.5, 0.9], points)
        for name, points in {"tough": (0, 0, 10), "tender": (0, 10, 40)}.items()
    ]
    assert lost[0] == pytest.approx(lost[1], abs=1e-4)
    assert ratios["tough"] > ratios["tender"]


def test_by_hand() -> None:
    """With 4 points each, tough goes to 0.5 + 0.4 x 4/10 = 0.66 and tender to 0.5 x 4/10 = 0.2: 218 of 400 weights."""
    assert balanced_ratios([*TOUGH, *TENDER], 218 / 400) == pytest.approx(
        {"tough": 0.66, "tender": 0.2}, abs=1e-5
    )


def test_a_layer_that_gains_when_it_is_masked_costs_nothing() -> None:
    ratios = balanced_ratios(
        [*cells("lucky", 100, r50=-5, r90=0), *cells("other", 100, r50=20, r90=50)], 0.45
    )
    assert ratios == pytest.approx({"lucky": 0.9, "other": 0.0}, abs=1e-4)


def test_a_layer_that_loses_less_at_a_higher_ratio_still_reaches_its_budget() -> None:
    assert balanced_ratios(cells("dips", 100, r50=20, r90=5), 0.7) == pytest.approx({"dips": 0.7})


def test_a_layer_that_is_left_out_stays_whole_and_the_others_go_further() -> None:
    ratios = balanced_ratios([*TOUGH, *TENDER], 0.6, ["tender"])
    assert ratios == pytest.approx({"tough": 0.8})
    pruned = prune_layers(toy.ToyNetwork().load(), METHODS["global-l1"], {"fc": 0.5, "conv1": 0.25})
    zeros = {
        name: float((weight == 0).float().mean())
        for name, weight in pruned.named_parameters()
        if name.endswith("weight") and weight.dim() > 1
    }
    assert zeros.pop("fc.weight") == 0.5
    assert zeros.pop("conv1.weight") == pytest.approx(0.25, abs=0.01)
    assert set(zeros.values()) == {0.0}


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(
        ExplorerError, match=r"at most 67\.5% of the weights can go: ask for less than 80\.0%"
    ):
        balanced_ratios([*TOUGH, *TENDER], 0.8, ["tender"])
    with pytest.raises(ExplorerError, match="no layer 'soft' to leave out; there are tough, tender"):
        balanced_ratios([*TOUGH, *TENDER], 0.5, ["soft"])
    with pytest.raises(ExplorerError, match=r"at most 0\.0%"):
        balanced_ratios([*TOUGH, *TENDER], 0.5, ["tough", "tender"])


def test_the_table_says_what_stays_and_what_each_would_lose_alone() -> None:
    table = shares_table([*TOUGH, *TENDER], balanced_ratios([*TOUGH, *TENDER], 218 / 400))
    assert table["layer"].tolist() == ["tough", "tender"]
    assert table["stay"].tolist() == [300 - 198, 100 - 20]
    assert table["lost_points"].tolist() == pytest.approx([4, 4], abs=0.01)
    assert describe_shares(table) == (
        "To mask 54% of all weights, **tough** gives 66% of its own and **tender** 20%; masked alone, none of the "
        "layers would lose more than **4.0 points**. All at once lose more."
    )
    assert charts.shares_bars(table, "#000000").to_dict()["layer"][0]["encoding"]["x"]["field"] == "ratio"


def test_a_layer_left_whole_is_in_the_table_and_said() -> None:
    table = shares_table([*TOUGH, *TENDER], balanced_ratios([*TOUGH, *TENDER], 0.6, ["tender"]))
    assert table["ratio"].tolist() == pytest.approx([0.8, 0.0])
    assert table["stay"].tolist() == [60, 100]
    assert describe_shares(table) == (
        "To mask 60% of all weights, **tough** gives 80% of its own; masked alone it would lose **7.5 points**. "
        "tender stays whole."
    )
