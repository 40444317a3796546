"""The same network with other widths: channels physically removed, silenced, or any number of them anew.

Which axes of which layers belong to a channel is told by its group; what is left here is to slice them.
"""

import copy
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from explorer.networks.groups import ChannelGroup, Role, channel_groups, depthwise_layers

Kept = Mapping[ChannelGroup, Tensor]
"""The channels that stay, ascending, by group; groups that are not named keep all of theirs."""

_AXIS: dict[Role, int] = {"filter": 0, "BatchNorm": 0, "depthwise filter": 0, "input channel": 1}
"""The axis of a layer's weight on which a channel lies, by what the channel is to the layer."""


@torch.no_grad()
def remove(model: nn.Module, kept: Kept) -> nn.Module:
    """A smaller copy of ``model`` that has only the kept channels; ``model`` is left as it is."""
    small = copy.deepcopy(model)
    stays, depthwise = _stays(model, kept), depthwise_layers(model)
    for layer in dict.fromkeys(layer for layer, _ in stays):
        module = small.get_submodule(layer)
        _slice(module, stays.get((layer, 0)), stays.get((layer, 1)), layer in depthwise)
    _respecified(small)
    return small


@torch.no_grad()
def zero(model: nn.Module, kept: Kept) -> nn.Module:
    """A copy of ``model``, shape and all, whose removed channels are silent.

    Their filters are zero, and so are the weight and bias of their BatchNorm, without which a masked channel
    would still pass its shift on. It computes what ``remove`` computes.
    """
    silent = copy.deepcopy(model)
    for (layer, axis), mask in _stays(model, kept).items():
        if axis == 0:
            module = silent.get_submodule(layer)
            for part in (module.weight, module.bias):
                if isinstance(part, Tensor):
                    part[~mask] = 0
    return silent


def with_widths(model: nn.Module, widths: Mapping[str, int]) -> nn.Module:
    """The same wiring with other widths and fresh weights, on the device of ``model``.

    Args:
        model: it is only read.
        widths: channels by the key of their group; groups that are not named keep theirs.
    """
    other = copy.deepcopy(model)
    sizes, depthwise = axis_sizes(model, widths), depthwise_layers(model)
    for layer in dict.fromkeys(layer for layer, _ in sizes):
        lengths = sizes.get((layer, 0)), sizes.get((layer, 1))
        fresh = _rebuilt(other.get_submodule(layer), *lengths, layer in depthwise)
        other.set_submodule(layer, fresh)
    _respecified(other)
    return other


def axis_sizes(model: nn.Module, widths: Mapping[str, int]) -> dict[tuple[str, int], int]:
    """How long the axes become that channels lie on: (layer, axis of its weight) -> entries."""
    sizes: dict[tuple[str, int], int] = {}
    for group in channel_groups(model):
        for member in group.members:
            place = member.layer, _AXIS[member.role]
            before = sizes.get(place, _length(model, *place))
            per_channel = member.entries.shape[1]
            sizes[place] = before + per_channel * (widths.get(group.key, group.width) - group.width)
    return sizes


def _respecified(model: nn.Module) -> None:
    """Let the spec that a network carries say its widths as they are now."""
    spec = getattr(model, "spec", None)
    if spec is not None:
        model.spec = spec.with_channels(tuple(group.width for group in channel_groups(model)))


def _stays(model: nn.Module, kept: Kept) -> dict[tuple[str, int], Tensor]:
    """For every axis that loses channels, which of its positions stay: (layer, axis) -> bool."""
    stays: dict[tuple[str, int], Tensor] = {}
    for group, channels in kept.items():
        gone = np.setdiff1d(np.arange(group.width), channels.numpy())
        for member in group.members:
            place = member.layer, _AXIS[member.role]
            if place not in stays:
                stays[place] = torch.ones(_length(model, *place), dtype=torch.bool)
            # Several groups may lie on one axis: a concatenation is read by one layer.
            stays[place][torch.from_numpy(member.of(gone))] = False
    return stays


def _length(model: nn.Module, layer: str, axis: int) -> int:
    return model.get_parameter(f"{layer}.weight").shape[axis]


def _slice(module: nn.Module, outputs: Tensor | None, inputs: Tensor | None, depthwise: bool) -> None:
    """Keep these positions of a layer's axes, and let it tell its new shape."""
    weight = cast(Tensor, module.weight)
    weight = weight if outputs is None else weight[outputs]
    module.weight = nn.Parameter(weight if inputs is None else weight[:, inputs])
    if outputs is not None and isinstance(module.bias, Tensor):
        module.bias = nn.Parameter(module.bias[outputs])
    if isinstance(module, nn.BatchNorm2d):
        assert outputs is not None
        for name in ("running_mean", "running_var"):
            setattr(module, name, getattr(module, name)[outputs].clone())
        module.num_features = len(module.weight)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        if depthwise:
            multiplier = module.out_channels // module.groups
            module.groups = len(module.weight) // multiplier
        module.out_channels = len(module.weight)
        module.in_channels = module.weight.shape[1] * module.groups


def _rebuilt(module: nn.Module, outputs: int | None, inputs: int | None, depthwise: bool) -> nn.Module:
    """A layer of the same settings with so many outputs and inputs (None: as before), freshly initialised."""
    device = cast(Tensor, module.weight).device
    if isinstance(module, nn.Conv2d):
        outputs = module.out_channels if outputs is None else outputs
        groups = module.groups
        if depthwise:
            groups = outputs // (module.out_channels // module.groups)
        reads = (module.weight.shape[1] if inputs is None else inputs) * groups
        return nn.Conv2d(
            reads,
            outputs,
            module.kernel_size,  # type: ignore[arg-type]
            module.stride,  # type: ignore[arg-type]
            module.padding,  # type: ignore[arg-type]
            module.dilation,  # type: ignore[arg-type]
            groups,
            module.bias is not None,
            module.padding_mode,
            device=device,
        )
    if isinstance(module, nn.Linear):
        return nn.Linear(
            inputs or module.in_features,
            outputs or module.out_features,
            module.bias is not None,
            device=device,
        )
    assert isinstance(module, nn.BatchNorm2d)
    assert outputs is not None
    return nn.BatchNorm2d(outputs, module.eps, module.momentum, module.affine, device=device)
