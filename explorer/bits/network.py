"""A network with rounded weights, and with rounded activations: simulated in float32, with the numbers of the codes.

BatchNorm is folded into the convolutions first, as every runtime for small integers does: what is rounded is what is
then multiplied. Biases, and a BatchNorm that cannot be folded, stay float32. Activations are rounded where they enter a
convolution or linear layer, in a range that was seen on calibration images. Source of the scheme: Krishnamoorthi 2018,
arXiv 1806.08342, section 3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from explorer.bits.rounding import FLOAT_BITS, Rounded, Rounding, relative_error, round_tensor
from explorer.errors import ExplorerError
from explorer.networks import maskable_weights, parameter_count
from explorer.networks.fold import fold_batchnorm
from explorer.onefile import Codes


@dataclass(frozen=True, eq=False)
class RoundedNetwork:
    """A network whose weights were rounded.

    Attributes:
        model: in eval mode, BatchNorm folded; its weights are the numbers that the codes stand for.
        dense: the same network before rounding, folded likewise.
        weights: what each layer's weights became, by module name, in graph order.
    """

    model: nn.Module
    dense: nn.Module
    weights: Mapping[str, Rounded]

    @property
    def stored_bytes(self) -> int:
        """What its weights take: codes, scales and zero points, and float32 for what was not rounded."""
        rounded = sum(each.codes.numel() for each in self.weights.values())
        bits = sum(each.bits for each in self.weights.values())
        return -(-(bits + FLOAT_BITS * (parameter_count(self.model) - rounded)) // 8)

    @property
    def codes(self) -> dict[str, Codes]:
        """The codes of each rounded tensor, by its name in the state_dict."""
        return {
            f"{layer}.weight": Codes(each.codes, each.scale, each.zero_point)
            for layer, each in self.weights.items()
        }

    @property
    def float_bytes(self) -> int:
        """What the folded network takes in float32."""
        return 4 * parameter_count(self.dense)


def round_network(model: nn.Module, rounding: Rounding) -> RoundedNetwork:
    """A copy of ``model`` with the weights of every convolution and linear layer rounded; it is only read."""
    dense, rounded = fold_batchnorm(model), fold_batchnorm(model)
    weights = {}
    with torch.no_grad():
        for layer, weight in maskable_weights(rounded).items():
            weights[layer] = round_tensor(weight, rounding)
            weight.copy_(weights[layer].values)
    return RoundedNetwork(rounded, dense, weights)


@torch.inference_mode()
def input_ranges(model: nn.Module, batches: Iterable[Tensor]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest number that enters each convolution and linear layer, by module name.

    Args:
        model: in eval mode.
        batches: calibration images, (N, 3, H, W) each.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def watch(layer: str) -> Any:
        def seen(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            low, high = float(args[0].min()), float(args[0].max())
            before = ranges.get(layer, (low, high))
            ranges[layer] = min(before[0], low), max(before[1], high)

        return seen

    hooks = [
        model.get_submodule(layer).register_forward_pre_hook(watch(layer))
        for layer in maskable_weights(model)
    ]
    try:
        for batch in batches:
            model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return ranges


def round_activations(model: nn.Module, ranges: Mapping[str, tuple[float, float]], bits: int = 8) -> None:
    """From now on, round what enters each layer to so many bits, affine, in its range; numbers outside are cut off.

    Args:
        model: a private copy; it is changed.
        ranges: of the inputs by layer, as ``input_ranges`` gives them.
        bits: of a code, 2 to 8.

    Raises:
        ExplorerError: a layer has no range, as when no calibration image was given.
    """
    low, high = Rounding(bits, "tensor", symmetric=False).codes
    for layer in maskable_weights(model):
        if layer not in ranges:
            raise ExplorerError(f"Nothing was seen to enter {layer!r}: calibrate on at least one image.")
        smallest, largest = min(0.0, ranges[layer][0]), max(0.0, ranges[layer][1])
        scale = (largest - smallest) / (high - low) or 1.0
        zero = min(high, max(low, round(low - smallest / scale)))

        def rounded(
            module: nn.Module, args: tuple[Tensor, ...], scale: float = scale, zero: int = zero
        ) -> tuple[Tensor, ...]:
            x = torch.fake_quantize_per_tensor_affine(args[0].contiguous(), scale, zero, low, high)
            return (x, *args[1:])

        model.get_submodule(layer).register_forward_pre_hook(rounded)


@dataclass(frozen=True)
class LayerError:
    """What rounding does to a layer.

    Attributes:
        layer: its module name.
        weights: how many it has.
        weight_error: the norm of what was rounded away over the norm of the weights.
        output_error: likewise of its outputs on some images, the errors of the layers before it included.
    """

    layer: str
    weights: int
    weight_error: float
    output_error: float


@torch.inference_mode()
def layer_errors(network: RoundedNetwork, images: Tensor) -> tuple[LayerError, ...]:
    """The errors of each layer, in graph order, on images (N, 3, H, W)."""
    dense, rounded = (_outputs(model, images) for model in (network.dense, network.model))
    whole = maskable_weights(network.dense)
    return tuple(
        LayerError(
            layer,
            weight.numel(),
            relative_error(weight, network.weights[layer]),
            float((rounded[layer] - dense[layer]).norm() / dense[layer].norm().clamp_min(1e-12)),
        )
        for layer, weight in whole.items()
    )


def _outputs(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What each convolution and linear layer gives for the images; of one that is used twice, the last."""
    given: dict[str, Tensor] = {}

    def keep(layer: str) -> Any:
        def kept(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            given[layer] = output.clone()  # an activation that works in place would change it

        return kept

    hooks = [
        model.get_submodule(layer).register_forward_hook(keep(layer)) for layer in maskable_weights(model)
    ]
    try:
        model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return given
