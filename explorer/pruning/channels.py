"""Structured pruning: whole channels physically removed, for StudentNet and torchvision's ResNet-18.

Removing an output channel of a convolution takes along its BatchNorm entry and the matching input
channel of whatever reads it; a depthwise filter has the channels of the convolution before it, and
the blocks of a ResNet stage share theirs through the residual additions. Such channels form a *group*
that is kept or removed together.
"""

import copy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models import ResNet

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec


@dataclass(frozen=True)
class Group:
    """Channels that live and die together, by module names.

    Attributes:
        producers: convolutions whose output channels these are.
        depthwise: depthwise convolutions that carry them through.
        norms: BatchNorm layers on them.
        consumers: convolutions or linear layers whose input channels these are.
    """

    producers: tuple[str, ...]
    depthwise: tuple[str, ...]
    norms: tuple[str, ...]
    consumers: tuple[str, ...]


def groups(model: nn.Module) -> tuple[Group, ...]:
    """The groups of a StudentNet or a ResNet-18, from input to output.

    Raises:
        ExplorerError: it is another network.
    """
    if isinstance(model, StudentNet):
        return _student_groups()
    if isinstance(model, ResNet) and all(
        len(cast(nn.Sequential, stage)) == 2
        for stage in (model.layer1, model.layer2, model.layer3, model.layer4)
    ):
        return _resnet_groups()
    raise ExplorerError(
        f"Channels can be removed from a StudentNet or a ResNet-18, not {type(model).__name__}."
    )


def _student_groups() -> tuple[Group, ...]:
    found = [Group(("conv1",), ("layer1.0",), ("bn1", "layer1.1"), ("layer1.3",))]
    for number in (1, 2, 3):
        here, following = f"layer{number}", f"layer{number + 1}"
        found.append(
            Group((f"{here}.3",), (f"{following}.0",), (f"{here}.4", f"{following}.1"), (f"{following}.3",))
        )
    found.append(Group(("layer4.3",), (), ("layer4.4",), ("fc",)))
    return tuple(found)


def _resnet_groups() -> tuple[Group, ...]:
    found = []
    for stage in (1, 2, 3, 4):
        first, second = f"layer{stage}.0", f"layer{stage}.1"
        entry, entry_norm = (
            ("conv1", "bn1") if stage == 1 else (f"{first}.downsample.0", f"{first}.downsample.1")
        )
        consumers = [f"{second}.conv1"]
        if stage == 1:
            consumers.insert(0, f"{first}.conv1")
        consumers += (
            ["fc"] if stage == 4 else [f"layer{stage + 1}.0.conv1", f"layer{stage + 1}.0.downsample.0"]
        )
        found.append(
            Group(
                (entry, f"{first}.conv2", f"{second}.conv2"),
                (),
                (entry_norm, f"{first}.bn2", f"{second}.bn2"),
                tuple(consumers),
            )
        )
        found += [
            Group((f"{block}.conv1",), (), (f"{block}.bn1",), (f"{block}.conv2",))
            for block in (first, second)
        ]
    return tuple(found)


@torch.no_grad()
def remove(model: nn.Module, kept: dict[Group, Tensor]) -> nn.Module:
    """A smaller copy of ``model`` that has only the kept channels; ``model`` is left as it is."""
    small = copy.deepcopy(model)
    for group, channels in kept.items():
        for name in group.producers:
            _keep_outputs(_layer(small, name), channels)
        for name in group.depthwise:
            layer = _layer(small, name)
            _keep_outputs(layer, channels)
            cast(nn.Conv2d, layer).in_channels = cast(nn.Conv2d, layer).groups = len(channels)
        for name in group.norms:
            _keep_norm(cast(nn.BatchNorm2d, small.get_submodule(name)), channels)
        for name in group.consumers:
            _keep_inputs(_layer(small, name), channels)
    if isinstance(small, StudentNet):
        small.spec = _spec(small)
    return small


@torch.no_grad()
def zero(model: nn.Module, kept: dict[Group, Tensor]) -> nn.Module:
    """A copy of ``model``, shape and all, whose removed channels are silent.

    Their filters are zero, and so are the weight and bias of their BatchNorm, without which a
    masked channel would still pass its shift on. It computes what ``remove`` computes.
    """
    silent = copy.deepcopy(model)
    for group, channels in kept.items():
        for name in (*group.producers, *group.depthwise, *group.norms):
            layer = silent.get_submodule(name)
            for part in (layer.weight, layer.bias):
                if isinstance(part, Tensor):
                    gone = torch.ones(len(part), dtype=torch.bool)
                    gone[channels] = False
                    part[gone] = 0
    return silent


def _layer(model: nn.Module, name: str) -> nn.Conv2d | nn.Linear:
    return cast("nn.Conv2d | nn.Linear", model.get_submodule(name))


def _keep_outputs(layer: nn.Conv2d | nn.Linear, channels: Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight[channels])
    if layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias[channels])
    if isinstance(layer, nn.Conv2d):
        layer.out_channels = len(channels)


def _keep_inputs(layer: nn.Conv2d | nn.Linear, channels: Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight[:, channels])
    if isinstance(layer, nn.Conv2d):
        layer.in_channels = len(channels)
    else:
        layer.in_features = len(channels)


def _keep_norm(norm: nn.BatchNorm2d, channels: Tensor) -> None:
    norm.weight, norm.bias = nn.Parameter(norm.weight[channels]), nn.Parameter(norm.bias[channels])
    for name in ("running_mean", "running_var"):
        setattr(norm, name, getattr(norm, name)[channels].clone())
    norm.num_features = len(channels)


def _spec(small: StudentNet) -> StudentSpec:
    widths = tuple(
        cast(nn.Conv2d, small.get_submodule(f"layer{number}.3")).out_channels for number in (1, 2, 3, 4)
    )
    old = small.spec
    return StudentSpec(small.conv1.out_channels, widths, old.classes, old.kernel, old.conv_bias)
