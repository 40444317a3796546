"""The same network with other widths: channels physically removed, silenced, or any number of them anew.

Which axes of which layers belong to a channel is told by its group; what is left here is to slice them.
"""

import copy
from collections.abc import Mapping
from operator import attrgetter
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.flow import depthwise_layers, flow_of
from explorer.networks.graph import graph_of
from explorer.networks.groups import (
    ChannelGroup,
    axis_length,
    axis_lengths,
    channel_groups,
    weight_of,
    written_numbers,
)

T = TypeVar("T")

Kept = Mapping[ChannelGroup, Tensor]
"""The channels that stay, ascending, by group; groups that are not named keep all of theirs."""


@torch.no_grad()
def remove(model: nn.Module, kept: Kept) -> nn.Module:
    """A smaller copy of ``model`` that has only the kept channels; ``model`` is left as it is.

    Raises:
        ExplorerError: a group would keep no channel, or loses one that the others need.
    """
    small = copy.deepcopy(model)
    depthwise = depthwise_layers(model)
    for layer, stays in _by_layer(_stays(model, kept)).items():
        if _is_parameter(model, layer):
            _set_parameter(small, layer, _sliced(cast(Tensor, weight_of(model, layer)), stays))
        else:
            _slice(small.get_submodule(layer), stays, layer in depthwise)
    _adapted(small, model, {group.key: len(set(channels.tolist())) for group, channels in kept.items()})
    return small


@torch.no_grad()
def zero(model: nn.Module, kept: Kept) -> nn.Module:
    """A copy of ``model``, shape and all, whose removed channels are silent. It computes what ``remove`` computes.

    Their filters are zero, and so are the weight and bias of their BatchNorm, without which a masked channel
    would still pass its shift on. Where something on their way makes more of zero, as a sigmoid does, the layers
    that read them do not listen.

    Raises:
        ExplorerError: as ``remove``.
    """
    silent = copy.deepcopy(model)
    for group, channels in kept.items():
        keeps_zero = _keeps_zero(model, group)
        stays = _stays(model, {group: channels})
        for member in group.members:
            if member.role in ("parameter", "PReLU"):
                continue  # nothing times any of them is nothing
            module, stay = silent.get_submodule(member.layer), stays[member.layer, member.axis]
            if member.axis == 0:
                for part in (module.weight, module.bias):
                    if isinstance(part, Tensor):
                        part[~stay] = 0
            elif not keeps_zero:
                cast(Tensor, module.weight)[:, ~stay] = 0
    return silent


def _keeps_zero(model: nn.Module, group: ChannelGroup) -> bool:
    """Whether the channels of a group stay zero on their way from the layers that make them to those that read them."""
    return flow_of(model, graph_of(model)).wakes.isdisjoint(group.values)


def with_widths(model: nn.Module, widths: Mapping[str, int]) -> nn.Module:
    """The same wiring with other widths and fresh weights, on the device of ``model``.

    A bare parameter, whose first values only the code of the network knows, keeps those it has, and goes on with them
    from the beginning where it gets longer.

    Args:
        model: it is only read.
        widths: channels by the key of their group; groups that are not named keep theirs.
    """
    other = copy.deepcopy(model)
    wanted = [widths.get(group.key, group.width) for group in channel_groups(model)]
    sizes = {axis: length.at(wanted) for axis, length in axis_lengths(model).items()}
    depthwise = depthwise_layers(model)
    for layer, lengths in _by_layer(sizes).items():
        if _is_parameter(model, layer):
            _set_parameter(other, layer, _repeated(cast(Tensor, weight_of(model, layer)), lengths))
        else:
            other.set_submodule(layer, _rebuilt(other.get_submodule(layer), lengths, layer in depthwise))
    _adapted(other, model, widths)
    return other


def _adapted(model: nn.Module, before: nn.Module, widths: Mapping[str, int]) -> None:
    """Let the numbers of channels that a network has in its steps, and the spec that it carries, follow its widths."""
    channels = tuple(widths.get(group.key, group.width) for group in channel_groups(before))
    numbers = {place: length.at(channels) for place, length in written_numbers(before).items()}
    if numbers:
        model.rewrite(numbers)  # type: ignore[operator]  # only what can be rewritten has any
    spec = getattr(model, "spec", None)
    if spec is not None:
        model.spec = spec.with_channels(channels)


def _by_layer(places: Mapping[tuple[str, int], T]) -> dict[str, dict[int, T]]:
    """What is said of every (layer, axis), by layer and then by axis."""
    layers: dict[str, dict[int, T]] = {}
    for (layer, axis), said in places.items():
        layers.setdefault(layer, {})[axis] = said
    return layers


def _stays(model: nn.Module, kept: Kept) -> dict[tuple[str, int], Tensor]:
    """For every axis that loses channels, which of its positions stay: (layer, axis) -> bool."""
    stays: dict[tuple[str, int], Tensor] = {}
    for group, channels in kept.items():
        gone = np.setdiff1d(np.arange(group.width), channels.numpy())
        if len(gone) == group.width:
            raise ExplorerError(f"At least one channel of {group.title} must stay.")
        if len(gone) and group.mixed:
            raise ExplorerError(f"No channel of {group.title} can be removed: {group.mixed}")
        for member in group.members:
            axis = member.layer, member.axis
            if axis not in stays:
                stays[axis] = torch.ones(axis_length(model, *axis), dtype=torch.bool)
            # Several groups may lie on one axis: a concatenation is read by one layer.
            stays[axis][torch.from_numpy(member.of(gone))] = False
    return stays


def _is_parameter(model: nn.Module, name: str) -> bool:
    """Whether a name in a group is that of a bare parameter, not of a layer."""
    return isinstance(attrgetter(name)(model), Tensor)


def _set_parameter(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Put another tensor in the place of a bare parameter or buffer."""
    path, _, key = name.rpartition(".")
    holder = model.get_submodule(path)
    old = getattr(holder, key)
    setattr(holder, key, nn.Parameter(tensor, old.requires_grad) if isinstance(old, nn.Parameter) else tensor)
    if isinstance(holder, nn.LayerNorm):
        holder.normalized_shape = tuple(tensor.shape)


def _sliced(tensor: Tensor, stays: Mapping[int, Tensor]) -> Tensor:
    """A copy with these positions of its axes."""
    for axis, stay in stays.items():
        tensor = tensor.index_select(axis, stay.nonzero().flatten().to(tensor.device))
    return tensor.clone()


def _repeated(tensor: Tensor, lengths: Mapping[int, int]) -> Tensor:
    """A copy with other lengths of its axes."""
    for axis, length in lengths.items():
        positions = torch.arange(length, device=tensor.device) % tensor.shape[axis]
        tensor = tensor.detach().index_select(axis, positions)
    return tensor.clone()


def _slice(module: nn.Module, stays: Mapping[int, Tensor], depthwise: bool) -> None:
    """Keep these positions of a layer's axes, and let it tell its new shape."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        part = getattr(module, name, None)
        if part is None:
            continue
        # All but a weight have an entry for each output, and one of a LayerNorm has the axes of its weight.
        here = (
            stays
            if name == "weight" or isinstance(module, nn.LayerNorm)
            else {0: stays[0]}
            if 0 in stays
            else {}
        )
        smaller = _sliced(part, here)
        setattr(
            module,
            name,
            nn.Parameter(smaller, part.requires_grad) if isinstance(part, nn.Parameter) else smaller,
        )
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.num_features = int(stays[0].sum())
    elif isinstance(module, nn.PReLU):
        module.num_parameters = int(stays[0].sum())
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        if depthwise:
            multiplier = module.out_channels // module.groups
            module.groups = len(module.weight) // multiplier
        module.out_channels = len(module.weight)
        module.in_channels = module.weight.shape[1] * module.groups


def _rebuilt(module: nn.Module, lengths: Mapping[int, int], depthwise: bool) -> nn.Module:
    """A layer of the same settings with other lengths of the axes of its weight, freshly initialised."""
    # It may have only weights, only statistics, or neither.
    device = next((tensor.device for tensor in module.state_dict().values()), None)
    outputs, inputs = lengths.get(0), lengths.get(1)
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
    if isinstance(module, nn.LayerNorm):
        shape = [lengths.get(axis, length) for axis, length in enumerate(module.normalized_shape)]
        has_bias = "bias" in module.state_dict()
        return nn.LayerNorm(shape, module.eps, module.elementwise_affine, has_bias, device=device)
    assert outputs is not None
    if isinstance(module, nn.PReLU):
        first = float(module.weight[0]) if module.weight.device.type != "meta" else 0.25
        return nn.PReLU(outputs, first, device=device)
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    return type(module)(
        outputs, module.eps, module.momentum, module.affine, module.track_running_stats, device=device
    )
