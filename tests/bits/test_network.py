"""A network with rounded weights computes with the numbers of its codes, and says what they take."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from explorer.bits.network import input_ranges, layer_errors, round_activations, round_network
from explorer.bits.rounding import Rounding, round_tensor
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count
from explorer.networks.fold import fold_batchnorm


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    network = StudentNet(StudentSpec(6, (7, 8, 9, 10), classes=4))
    network(torch.randn(16, 3, 64, 64))  # BatchNorm has seen something
    return network.eval()


IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_weights_are_those_of_the_folded_network_rounded_and_the_network_is_only_read(
    model: nn.Module,
) -> None:
    before = copy.deepcopy(model.state_dict())
    rounded, folded = round_network(model, Rounding(4)), fold_batchnorm(model)
    for layer, kept in rounded.weights.items():
        expected = round_tensor(folded.get_submodule(layer).weight, Rounding(4)).values
        assert torch.equal(rounded.model.get_submodule(layer).weight, expected)
        assert torch.equal(kept.values, expected)
        assert len(rounded.model.get_submodule(layer).weight.unique()) <= 15 * len(kept.scale)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_bytes_are_codes_scales_and_what_stays_in_float32(model: nn.Module) -> None:
    rounded, folded = round_network(model, Rounding(3)), fold_batchnorm(model)
    weights = sum(each.codes.numel() for each in rounded.weights.values())
    channels = sum(each.codes.shape[0] for each in rounded.weights.values())
    rest = parameter_count(folded) - weights
    assert rounded.stored_bytes == -(-(3 * weights + 32 * channels + 32 * rest) // 8)
    assert rounded.float_bytes == 4 * parameter_count(folded)


def test_activations_are_rounded_where_they_enter_a_layer(model: nn.Module) -> None:
    folded = fold_batchnorm(model)
    ranges = input_ranges(folded, [IMAGES[:2], IMAGES[2:]])
    assert ranges["conv1"] == (float(IMAGES.min()), float(IMAGES.max()))
    assert set(ranges) == {
        name for name, part in model.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)
    }
    rounded = copy.deepcopy(folded)
    round_activations(rounded, {**ranges, "conv1": (-1.0, 1.0)}, bits=2)
    seen: list[torch.Tensor] = []
    rounded.get_submodule("conv1").register_forward_hook(
        lambda module, args, output: seen.append(output.clone())
    )
    rounded(IMAGES)
    # Four codes with a step of 2/3, zero among them: -4/3, -2/3, 0 and 2/3; what is larger is cut off.
    steps = (IMAGES / (2 / 3)).round().clamp(-2, 1)
    conv = folded.get_submodule("conv1")
    assert isinstance(conv, nn.Conv2d)
    expected = functional.conv2d(steps * 2 / 3, conv.weight, conv.bias, conv.stride, conv.padding)
    assert torch.allclose(seen[0], expected, atol=1e-4)


def test_activations_without_a_range_are_refused(model: nn.Module) -> None:
    folded = fold_batchnorm(model)
    with pytest.raises(ExplorerError, match="calibrate on at least one image"):
        round_activations(folded, input_ranges(folded, []))


def test_errors_of_layers_grow_as_bits_go(model: nn.Module) -> None:
    eight, four = (layer_errors(round_network(model, Rounding(bits)), IMAGES) for bits in (8, 4))
    assert [each.layer for each in eight] == [each.layer for each in four]
    for fine, coarse in zip(eight, four, strict=True):
        assert 0 < fine.weight_error < coarse.weight_error < 1
        assert fine.output_error < coarse.output_error
    first, weight = four[0], fold_batchnorm(model).get_submodule("conv1").weight
    assert isinstance(weight, torch.Tensor)
    lost = (weight - round_tensor(weight, Rounding(4)).values).norm() / weight.norm()
    assert first.weight_error == pytest.approx(float(lost), rel=1e-5)
    assert first.weights == weight.numel()
