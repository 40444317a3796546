"""Costs in closed form against torchinfo, torch's own counter and the networks themselves."""

import pytest
import torch
import torchinfo
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.errors import ExplorerError
from explorer.networks import (
    Cost,
    ResNetSpec,
    StudentSpec,
    channel_groups,
    cost_model,
    cost_model_of_spec,
    cost_of,
    image_channels,
    parameter_count,
    with_widths,
    without_numbers,
)
from tests.networks.nets import NETS, SPECS, built


def counted(model: nn.Module, size: int) -> Cost:
    """What torchinfo counts."""
    shape = (1, image_channels(model), size, size)
    report = torchinfo.summary(without_numbers(model).eval(), shape, device="meta", verbose=0)
    assert report.total_params == parameter_count(model)
    return Cost(report.total_params, report.total_mult_adds)


@settings(max_examples=40, deadline=None)
@given(spec=SPECS, size=st.integers(1, 250))
def test_a_student_costs_what_torchinfo_counts(spec: StudentSpec, size: int) -> None:
    with torch.device("meta"):
        network = spec.build().eval()
    assert cost_of(spec, size) == counted(network, size)


@settings(max_examples=8, deadline=None)
@given(channels=st.tuples(*[st.integers(1, 80)] * 12), size=st.sampled_from([1, 33, 64, 224]))
def test_a_pruned_resnet_costs_what_torchinfo_counts(channels: tuple[int, ...], size: int) -> None:
    spec = ResNetSpec(7, channels)
    with torch.device("meta"):
        network = spec.build().eval()
    assert cost_of(spec, size) == counted(network, size)


@pytest.mark.parametrize("name", NETS)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_any_wiring_costs_what_torchinfo_counts_at_any_widths(name: str, data: st.DataObject) -> None:
    model, size = built(name), 32
    groups = channel_groups(model)
    formula = cost_model(model, size)
    assert formula.cost([group.width for group in groups]) == counted(model, size)
    widths = {group.key: data.draw(st.integers(2, 30)) for group in groups}
    other = with_widths(model, widths)
    assert formula.cost(widths) == formula.cost(tuple(widths.values())) == counted(other, size)
    assert cost_model(other, size) == formula


@pytest.mark.parametrize("name", ["mobilenet_v2", "squeezenet1_1", "resnet18"])
def test_torchvisions_networks_cost_what_torchinfo_counts(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None).eval()
    formula, widths = cost_model(model, 64), [group.width for group in channel_groups(model)]
    assert formula.cost(widths) == counted(model, 64)


def test_the_layers_add_up_and_their_weights_are_those_of_the_modules() -> None:
    spec = StudentSpec(5, (6, 7, 8, 9), 4, 5, True)
    network, formula = spec.build(), cost_model_of_spec(spec, 64)
    costs = formula.layer_costs(spec.channels)
    assert list(costs) == [name for name, module in network.named_modules() if list(module.parameters(False))]
    for name, cost in costs.items():
        assert cost.params == parameter_count(network.get_submodule(name))
    assert formula.layer_weights(spec.channels) == {
        name: module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    assert sum(cost.mult_adds for cost in costs.values()) == cost_of(spec, 64).mult_adds


def test_the_wiring_is_read_once_for_all_widths() -> None:
    assert cost_model_of_spec(StudentSpec(), 64) is cost_model_of_spec(StudentSpec(3), 64)
    assert cost_model_of_spec(StudentSpec(), 64) is not cost_model_of_spec(StudentSpec(kernel=5), 64)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="5 widths are needed"):
        cost_model_of_spec(StudentSpec(), 64).cost((1, 2, 3))
    with pytest.raises(ValueError, match="5 widths are needed"):
        cost_model_of_spec(StudentSpec(), 64).cost(
            dict.fromkeys("abcdef", 1) | dict.fromkeys(cost_model_of_spec(StudentSpec(), 64).groups, 1)
        )
    with pytest.raises(ExplorerError, match="An image of 2 pixels is too small"):
        cost_model(built("Excited"), 2)
