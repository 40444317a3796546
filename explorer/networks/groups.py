"""Channel groups: which channels of a network live and die together, derived from its graph.

A convolution or linear layer makes new channels. From there each channel is followed along the graph: it has an
entry in every BatchNorm, a filter of its own in a depthwise convolution, and an input slice in every layer that
reads it. Where two values are added or multiplied, the n-th channel of one *is* the n-th of the other from then
on; a concatenation lays channels after each other; a flatten makes H x W entries of each. So the residual stages
of a ResNet and the pointwise-depthwise chains of a StudentNet come out of the same few rules.

Channels are joined with a disjoint-set forest over single channels. Those with the same members form a group.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks.builders import wiring_of
from explorer.networks.graph import NetworkGraph, Step, graph_of, image_channels

Role = Literal["filter", "BatchNorm", "depthwise filter", "input channel"]
ROLES: tuple[Role, ...] = get_args(Role)

Entries = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """One axis of one layer on which the channels of a group have entries.

    Attributes:
        layer: module name.
        role: what a channel is to that layer.
        entries: (channels, entries a channel) positions on that axis; several where a flatten made H x W of one.
    """

    layer: str
    role: Role
    entries: Entries = field(compare=False, repr=False)

    @property
    def axis(self) -> int:
        """The axis of the layer's weight that the channels lie on."""
        return 1 if self.role == "input channel" else 0

    def of(self, channels: Iterable[int]) -> Entries:
        """The positions of these channels on the axis, ascending."""
        return np.sort(self.entries[list(channels)].ravel())

    def weights(self, model: nn.Module) -> Tensor:
        """The layer's weights by channel: (channels, all weights that belong to one)."""
        weight = cast(Tensor, model.get_submodule(self.layer).weight).detach()
        return weight.movedim(self.axis, 0)[torch.from_numpy(self.entries)].flatten(1)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be kept or removed together with everything that belongs to them.

    Attributes:
        key: name of the first layer that makes them; tells the group apart within its network.
        width: how many channels.
        members: every axis that they lie on, in the order of the graph.
        values: names of the graph's values that they are part of, in its order.
    """

    key: str
    width: int
    members: tuple[Member, ...]
    values: tuple[str, ...] = field(compare=False, repr=False)

    @property
    def title(self) -> str:
        """For people: the layers that make the channels; which part of them, if not all belong together."""
        part = self.key.partition("#")[2]
        return " + ".join(self.producers) + (f", part {part}" if part else "")

    def layers(self, role: Role) -> tuple[str, ...]:
        """The layers to which the channels are that, in the order of the graph."""
        return tuple(member.layer for member in self.members if member.role == role)

    @property
    def producers(self) -> tuple[str, ...]:
        """Convolutions and linear layers whose output channels these are."""
        return self.layers("filter")

    @property
    def depthwise(self) -> tuple[str, ...]:
        """Depthwise convolutions that carry them through."""
        return self.layers("depthwise filter")

    @property
    def norms(self) -> tuple[str, ...]:
        """BatchNorm layers on them."""
        return self.layers("BatchNorm")

    @property
    def consumers(self) -> tuple[str, ...]:
        """Layers whose input channels these are."""
        return self.layers("input channel")


@dataclass(frozen=True, eq=False)
class _Axis:
    """One axis of one layer's weight and the channel at each of its positions, by number."""

    layer: str
    role: Role
    channels: Entries


class _Channels:
    """Follows every channel of a network through its graph and notes the axes that it lies on."""

    def __init__(self, model: nn.Module, graph: NetworkGraph) -> None:
        self.model = model
        self.depthwise = depthwise_layers(model)
        self.parents: list[int] = []
        self.axes: dict[tuple[str, Role], _Axis] = {}
        self.flattened: set[str] = set()
        colours = self._new(image_channels(model))
        self.values: dict[str, Entries] = {graph.image: colours}
        self.fixed: list[int] = colours.tolist()
        for step in graph.steps:
            self.values[step.name] = self._step(step)
        self.fixed += self.values[graph.logits].tolist()

    def root(self, channel: int) -> int:
        """The channel that stands for all that were joined with this one."""
        while self.parents[channel] != channel:
            # Halving the path on the way up keeps every later look-up short.
            self.parents[channel] = channel = self.parents[self.parents[channel]]
        return channel

    def _new(self, count: int) -> Entries:
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def _join(self, one: Entries, other: Entries) -> None:
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            first, second = sorted((self.root(a), self.root(b)))
            self.parents[second] = (
                first  # the smaller number stands for both, so groups keep the graph's order
            )

    def _step(self, step: Step) -> Entries:
        values = [self.values[name] for name in step.inputs]
        kind = step.operator.channels
        if kind == "flatten" or (kind in ("same", "join") and not self.flattened.isdisjoint(step.inputs)):
            # How many entries each channel has from here on is told by the linear layer that reads them.
            self.flattened.add(step.name)
        if kind == "concat":
            return np.concatenate(values)
        if kind == "join":
            return self._joined(values, step)
        if kind in ("same", "flatten"):
            return values[0]
        module = self.model.get_submodule(step.layer)
        if isinstance(module, nn.Conv2d):
            return self._convolution(step.layer, module, values[0])
        if isinstance(module, nn.Linear):
            return self._linear(step, module, values[0])
        self._expect(step.layer, cast(nn.BatchNorm2d, module).num_features, len(values[0]))
        return self._note(step.layer, "BatchNorm", values[0])

    def _joined(self, values: Sequence[Entries], step: Step) -> Entries:
        widest = max(values, key=len)
        for value in values:
            if len(value) == len(widest):
                self._join(value, widest)
            elif len(value) == 1:
                # A single channel is spread over all of them, and only a single one can be.
                self.fixed += value.tolist()
            else:
                raise ExplorerError(
                    f"{step.name} adds or multiplies {len(value)} and {len(widest)} channels."
                )
        return widest

    def _note(self, layer: str, role: Role, channels: Entries) -> Entries:
        """Note an axis; a layer that is used a second time has the same channels there as the first time."""
        known = self.axes.setdefault((layer, role), _Axis(layer, role, channels)).channels
        if known is not channels:
            self._join(known, channels)
        return channels

    def _convolution(self, name: str, conv: nn.Conv2d, channels: Entries) -> Entries:
        self._expect(name, conv.in_channels, len(channels))
        if name in self.depthwise:
            # Depthwise: the filter of a channel goes with it. With a multiplier it has several.
            carried = np.repeat(channels, conv.out_channels // conv.groups)
            return self._note(name, "depthwise filter", carried)
        if conv.groups > 1:
            # Every convolution group must keep as many channels as the others: the n-th of each go together.
            self._tie(channels, conv.groups)
        self._note(name, "input channel", channels[: conv.in_channels // conv.groups])
        made = self._made(name, conv.out_channels)
        if conv.groups > 1:
            self._tie(made, conv.groups)
        return made

    def _linear(self, step: Step, linear: nn.Linear, channels: Entries) -> Entries:
        if linear.in_features % len(channels) or self.flattened.isdisjoint(step.inputs):
            self._expect(step.layer, linear.in_features, len(channels))
        self._note(step.layer, "input channel", np.repeat(channels, linear.in_features // len(channels)))
        return self._made(step.layer, linear.out_features)

    def _made(self, name: str, count: int) -> Entries:
        return self._note(name, "filter", self._new(count))

    def _tie(self, channels: Entries, groups: int) -> None:
        parts = channels.reshape(groups, -1)
        for part in parts[1:]:
            self._join(parts[0], part)

    def _expect(self, name: str, reads: int, there: int) -> None:
        if reads != there:
            raise ExplorerError(
                f"{name} reads {reads} channels, but {there} come in: the widths do not fit each other."
            )


_groups: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], tuple[ChannelGroup, ...], int]] = (
    WeakKeyDictionary()
)


def channel_groups(model: nn.Module) -> tuple[ChannelGroup, ...]:
    """The groups of channels that can be removed or widened, from input to output.

    The colours of the image and the logits belong to no group: their number is given.

    Raises:
        ExplorerError: the network cannot be read as a graph, or its widths do not fit each other.
    """
    return _followed(model)[1]


def class_count(model: nn.Module) -> int:
    """How many logits a network gives.

    Raises:
        ExplorerError: as ``channel_groups``.
    """
    return _followed(model)[2]


def class_layers(model: nn.Module) -> tuple[str, ...]:
    """The layers that have an output for each class and no other: what makes the logits, and a BatchNorm on them."""
    graph = graph_of(model)
    channels = _Channels(model, graph)
    logits = {channels.root(channel) for channel in channels.values[graph.logits].tolist()}
    return tuple(
        axis.layer
        for axis in channels.axes.values()
        if axis.role != "input channel" and {channels.root(each) for each in axis.channels.tolist()} == logits
    )


def _followed(model: nn.Module) -> tuple[tuple[int, ...], tuple[ChannelGroup, ...], int]:
    """Sizes of a network's weights, its groups and how many logits it gives; read anew when its widths have changed."""
    sizes = tuple(weight.numel() for weight in model.parameters())
    known = _groups.get(model)
    if known is None or known[0] != sizes:
        graph = graph_of(model)
        channels = _Channels(model, graph)
        known = _groups[model] = sizes, _collected(channels), len(channels.values[graph.logits])
    return known


def _collected(channels: _Channels) -> tuple[ChannelGroup, ...]:
    """The channels by what they are members of: all with the same members form a group."""
    # Of every channel, by its number, the one that stands for it.
    root_of = np.array([channels.root(channel) for channel in range(len(channels.parents))])
    values = {name: set(root_of[value].tolist()) for name, value in channels.values.items()}
    fixed = set(root_of[channels.fixed].tolist())
    axes = list(channels.axes.values())
    # For every channel that stands for others: axis number -> their positions there.
    positions: dict[int, dict[int, list[int]]] = {}
    for number, axis in enumerate(axes):
        for position, root in enumerate(root_of[axis.channels].tolist()):
            positions.setdefault(root, {}).setdefault(number, []).append(position)
    alike: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for root in sorted(positions):
        if root not in fixed:
            signature = tuple((number, len(each)) for number, each in positions[root].items())
            alike.setdefault(signature, []).append(root)
    groups: list[ChannelGroup] = []
    for signature, roots in alike.items():
        members = tuple(
            Member(
                axes[number].layer, axes[number].role, np.array([positions[root][number] for root in roots])
            )
            for number, _ in signature
        )
        # Channels that are not the image's are some layer's filters.
        first = next(member.layer for member in members if member.role == "filter")
        # Channels of one layer that are read by different layers are groups of their own.
        taken = sum(group.key.partition("#")[0] == first for group in groups)
        key = f"{first}#{taken + 1}" if taken else first
        holding = tuple(name for name, there in values.items() if roots[0] in there)
        groups.append(ChannelGroup(key, len(roots), members, holding))
    return tuple(groups)


@dataclass(frozen=True)
class AxisLength:
    """How long an axis of a layer's weight is, as a function of the widths of the channel groups.

    Attributes:
        constant: entries that belong to no group: colours, classes, the one input of a depthwise filter.
        entries: (number of a group, how many entries a channel of it has here).
    """

    constant: int
    entries: tuple[tuple[int, int], ...]

    def at(self, widths: Sequence[int]) -> int:
        """The length at these widths of the groups, in order."""
        return self.constant + sum(count * widths[group] for group, count in self.entries)


def axis_lengths(model: nn.Module) -> dict[tuple[str, int], AxisLength]:
    """Every axis on which channels of a group lie, (layer, axis of its weight), with its length."""
    lengths: dict[tuple[str, int], AxisLength] = {}
    for number, group in enumerate(channel_groups(model)):
        for member in group.members:
            axis, count = (member.layer, member.axis), member.entries.shape[1]
            before = lengths.get(axis, AxisLength(axis_length(model, *axis), ()))
            # Several groups may lie on one axis: a concatenation is read by one layer.
            lengths[axis] = AxisLength(
                before.constant - count * group.width, (*before.entries, (number, count))
            )
    return lengths


def axis_length(model: nn.Module, layer: str, axis: int) -> int:
    """How long an axis of a layer's weight is now; of a BatchNorm without one, how many channels it has."""
    module = model.get_submodule(layer)
    if isinstance(module, nn.BatchNorm2d):
        return module.num_features
    return cast(Tensor, module.weight).shape[axis]


def depthwise_layers(model: nn.Module) -> frozenset[str]:
    """Names of the depthwise convolutions: each filter reads one channel, its own.

    A depthwise convolution of a single channel looks like an ordinary one. Of a network that carries its spec it
    can be told all the same, from the wiring of its kind; of another it cannot, and nothing can be removed there.
    """
    spec = getattr(model, "spec", None)
    read = [model] if spec is None else [model, wiring_of(spec)]
    return frozenset(name for each in read for name, module in each.named_modules() if _is_depthwise(module))


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
