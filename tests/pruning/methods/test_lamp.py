import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from explorer.__main__ import main
from explorer.checkpoints import load
from explorer.networks import StudentNet, StudentSpec, maskable_weights, nonzero_count
from explorer.pruning import charts, export, reading
from explorer.pruning.engine import prune_network
from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS
from explorer.pruning.plan import SweepPlan
from explorer.pruning.sweep import sweep, sweep_table
from tests.pruning.app import pruning

LAMP = METHODS["lamp"]


def slow_scores(layer: Tensor) -> list[float]:
    """The formula of the paper, weight by weight."""
    values = [float(value) for value in layer.flatten()]
    return [
        one**2 / math.fsum(other**2 for other in values if abs(other) >= abs(one)) if one else 0.0
        for one in values
    ]


NUMBERS = st.lists(
    st.sampled_from([0.0, 0.25, -0.25, 0.5, -1.0, 3.0]) | st.floats(-9, 9, width=32), min_size=1
)


@given(st.lists(NUMBERS, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_scores_are_those_of_a_slow_loop_also_for_equal_weights_and_zeros(layers: list[list[float]]) -> None:
    weights = {str(number): torch.tensor(layer) for number, layer in enumerate(layers)}
    for name, scores in LAMP.mask_scores(weights, 0).items():
        assert scores.tolist() == pytest.approx(slow_scores(weights[name]), rel=1e-9)


def test_masks_are_the_lowest_scores_of_the_whole_network() -> None:
    torch.manual_seed(0)
    model = StudentNet(StudentSpec(4, (5, 6, 7, 8), classes=3)).eval()
    masks = Masker(model, LAMP).masks(0.6)
    scores = torch.tensor(
        [score for weight in maskable_weights(model).values() for score in slow_scores(weight.detach())]
    )
    stays = torch.cat([mask.flatten() for mask in masks.values()])
    assert int(stays.sum()) == len(scores) - round(0.6 * len(scores))
    assert scores[stays].min() >= scores[~stays].max() * (1 - 1e-6)


def test_it_is_not_global_l1_and_empties_no_layer() -> None:
    model = load("student-60k")
    lamp, l1 = (Masker(model, METHODS[key]).masks(0.9) for key in ("lamp", "global-l1"))
    assert sum(int(mask.sum()) for mask in lamp.values()) == sum(int(mask.sum()) for mask in l1.values())
    assert any(not torch.equal(lamp[name], l1[name]) for name in lamp)
    assert all(mask.any() for mask in lamp.values())


def test_the_terminal_the_page_the_charts_the_headline_and_the_export_know_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["prune", "--help"])
    assert LAMP.sentence in capsys.readouterr().out
    arguments = ["prune", "student-60k", "--method", "lamp", "--ratios", "0.7", "--images", "4"]
    assert main([*arguments, "--repeats", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(dict.fromkeys(row["method"] for row in told)) == ["lamp", "random"]

    app = pruning()
    assert LAMP.title in app.multiselect(key="methods").options
    assert LAMP.sentence in app.multiselect(key="methods").help

    plan = SweepPlan(("lamp",), (0.0, 0.8), repeats=0)
    rows = list(sweep(load("student-60k"), torch.zeros(2, 3, 64, 64), torch.zeros(2), plan))
    assert reading.headline(rows, 10).startswith("80% of the weights masked: accuracy ")
    table = sweep_table(rows)
    scale = charts.accuracy_curve(table).to_dict()["layer"][1]["encoding"]["color"]["scale"]
    assert scale == {"domain": [LAMP.title], "range": [LAMP.color]}

    network = prune_network(load("student-60k"), LAMP, 0.8)
    assert nonzero_count(network) == rows[-1].nonzero
    labels = torch.zeros(2, dtype=torch.long)
    found = export.receipt(network, torch.zeros(2, 10), labels, 2, "student-60k", "lamp", 0.8)
    assert export.stem(found) == "student-60k-lamp-80"
    assert 'get_method("lamp"), 0.8' in export.script(found)
    assert LAMP.sentence in export.script(found)
