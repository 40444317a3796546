import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import logits
from explorer.networks import maskable_weights, resnet18_teacher
from explorer.pruning import sensitivity
from tests.networks.examples import ResidualStudent, Twice, trained_like


@pytest.mark.parametrize(
    "build",
    [
        lambda: load("student-60k-kd"),
        lambda: resnet18_teacher(10).eval(),
        lambda: trained_like(ResidualStudent),
        lambda: trained_like(Twice),
    ],
    ids=["student", "resnet18", "residual student", "a layer used twice"],
)
def test_each_layer_alone_is_what_torchs_own_pruning_makes_of_it(build) -> None:
    """Image for image: the prefix that is computed once changes no prediction."""
    torch.manual_seed(1)
    model, ratios = build(), (0.5, 0.9)
    test = BUNDLED.load("test").select(slice(20))
    before = copy.deepcopy(model.state_dict())
    cells = list(sensitivity.scan(model, test.inputs(), test.targets(), ratios))
    assert len(cells) == len(maskable_weights(model)) * len(ratios)
    assert [cell.layer for cell in cells[::2]] == list(maskable_weights(model))
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    for cell in cells:
        plain = copy.deepcopy(model)
        prune.l1_unstructured(plain.get_submodule(cell.layer), "weight", amount=cell.ratio)
        assert cell.correct == int((logits(plain, test.inputs()).argmax(1) == test.targets()).sum())


def test_the_table_and_the_message_carry_the_numbers() -> None:
    cells = [
        sensitivity.Cell("stem", 0.8, 10, 40, 90, 100),
        sensitivity.Cell("deep", 0.8, 900, 89, 90, 100),
        sensitivity.Cell("stem", 0.5, 10, 90, 90, 100),
    ]
    rows = sensitivity.sensitivity_table(cells)
    assert rows["lost_points"].tolist() == [50.0, 1.0, 0.0]
    assert (rows["accuracy_low"] < rows["accuracy"]).all()
    text = sensitivity.describe_sensitivity(cells)
    assert "**stem** (10 weights) costs the most: 50.0 points" in text
    assert "**deep** (900), costs 1.0" in text


def test_other_networks_and_ratios_are_refused() -> None:
    with pytest.raises(ExplorerError, match="Linear is a single layer, not a network"):
        next(sensitivity.scan(nn.Linear(2, 2), torch.zeros(1, 3, 8, 8), torch.zeros(1)))
    with pytest.raises(ExplorerError, match="from 0 to below 1"):
        next(sensitivity.scan(load("student-60k"), torch.zeros(1, 3, 64, 64), torch.zeros(1), (1.0,)))
