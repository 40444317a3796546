"""The same network with other widths: channels physically removed, silenced, or any number of them anew.

Which axes of which layers belong to a channel is told by its group; what is left here is to slice them.
"""

import copy
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.graph import SUM, graph_of
from explorer.networks.groups import ChannelGroup, axis_length, axis_lengths, channel_groups, depthwise_layers

Kept = Mapping[ChannelGroup, Tensor]
"""The channels that stay, ascending, by group; groups that are not named keep all of theirs."""


@torch.no_grad()
def remove(model: nn.Module, kept: Kept) -> nn.Module:
    """A smaller copy of ``model`` that has only the kept channels; ``model`` is left as it is.

    Raises:
        ExplorerError: a group would keep no channel.
    """
    small = copy.deepcopy(model)
    stays, depthwise = _stays(model, kept), depthwise_layers(model)
    for layer in dict.fromkeys(layer for layer, _ in stays):
        lengths = stays.get((layer, 0)), stays.get((layer, 1))
        _slice(small.get_submodule(layer), *lengths, layer in depthwise)
    _respecified(small, model, {group.key: len(set(channels.tolist())) for group, channels in kept.items()})
    return small


@torch.no_grad()
def zero(model: nn.Module, kept: Kept) -> nn.Module:
    """A copy of ``model``, shape and all, whose removed channels are silent. It computes what ``remove`` computes.

    Their filters are zero, and so are the weight and bias of their BatchNorm, without which a masked channel
    would still pass its shift on. Where something on their way makes more of zero, as a sigmoid does, the layers
    that read them do not listen.
    """
    silent = copy.deepcopy(model)
    for group, channels in kept.items():
        keeps_zero = _keeps_zero(model, group)
        for (layer, axis), stays in _stays(model, {group: channels}).items():
            module = silent.get_submodule(layer)
            if axis == 0:
                for part in (module.weight, module.bias):
                    if isinstance(part, Tensor):
                        part[~stays] = 0
            elif not keeps_zero:
                cast(Tensor, module.weight)[:, ~stays] = 0
    return silent


def _keeps_zero(model: nn.Module, group: ChannelGroup) -> bool:
    """Whether the channels of a group stay zero on their way from the layers that make them to those that read them."""
    for step in graph_of(model).steps:
        if step.name not in group.values:
            continue
        constant = step.operator is SUM and len(step.inputs) == 1  # x + 1
        shifted = step.layer in group.norms and model.get_submodule(step.layer).weight is None
        if constant or shifted or not step.operator.keeps_zero:
            return False
    return True


def with_widths(model: nn.Module, widths: Mapping[str, int]) -> nn.Module:
    """The same wiring with other widths and fresh weights, on the device of ``model``.

    Args:
        model: it is only read.
        widths: channels by the key of their group; groups that are not named keep theirs.
    """
    other = copy.deepcopy(model)
    wanted = [widths.get(group.key, group.width) for group in channel_groups(model)]
    sizes = {axis: length.at(wanted) for axis, length in axis_lengths(model).items()}
    depthwise = depthwise_layers(model)
    for layer in dict.fromkeys(layer for layer, _ in sizes):
        lengths = sizes.get((layer, 0)), sizes.get((layer, 1))
        fresh = _rebuilt(other.get_submodule(layer), *lengths, layer in depthwise)
        other.set_submodule(layer, fresh)
    _respecified(other, model, widths)
    return other


def _respecified(model: nn.Module, before: nn.Module, widths: Mapping[str, int]) -> None:
    """Let the spec that a network carries say its widths as they are now."""
    spec = getattr(model, "spec", None)
    if spec is not None:
        channels = tuple(widths.get(group.key, group.width) for group in channel_groups(before))
        model.spec = spec.with_channels(channels)


def _stays(model: nn.Module, kept: Kept) -> dict[tuple[str, int], Tensor]:
    """For every axis that loses channels, which of its positions stay: (layer, axis) -> bool."""
    stays: dict[tuple[str, int], Tensor] = {}
    for group, channels in kept.items():
        gone = np.setdiff1d(np.arange(group.width), channels.numpy())
        if len(gone) == group.width:
            raise ExplorerError(f"At least one channel of {group.title} must stay.")
        for member in group.members:
            axis = member.layer, member.axis
            if axis not in stays:
                stays[axis] = torch.ones(axis_length(model, *axis), dtype=torch.bool)
            # Several groups may lie on one axis: a concatenation is read by one layer.
            stays[axis][torch.from_numpy(member.of(gone))] = False
    return stays


def _slice(module: nn.Module, outputs: Tensor | None, inputs: Tensor | None, depthwise: bool) -> None:
    """Keep these positions of a layer's axes, and let it tell its new shape."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        part = getattr(module, name, None)
        if part is None:
            continue
        smaller = part if outputs is None else part[outputs]
        if inputs is not None and name == "weight":
            smaller = smaller[:, inputs]
        if isinstance(part, nn.Parameter):
            smaller = nn.Parameter(smaller, requires_grad=part.requires_grad)
        setattr(module, name, smaller)
    if isinstance(module, nn.BatchNorm2d):
        assert outputs is not None
        module.num_features = int(outputs.sum())
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
            device=module.weight.device,
        )
    if isinstance(module, nn.Linear):
        return nn.Linear(
            inputs or module.in_features,
            outputs or module.out_features,
            module.bias is not None,
            device=module.weight.device,
        )
    assert isinstance(module, nn.BatchNorm2d)
    assert outputs is not None
    # It may have only weights, only statistics, or neither.
    device = next((tensor.device for tensor in module.state_dict().values()), None)
    return nn.BatchNorm2d(
        outputs, module.eps, module.momentum, module.affine, module.track_running_stats, device=device
    )
