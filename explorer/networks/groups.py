"""Channel groups: which channels of a network live and die together, derived from its graph.

``flow`` follows each channel along the graph and joins those that are one. Channels with entries on the same axes form
a group, so the residual stages of a ResNet and the pointwise-depthwise chains of a StudentNet come out of the same
few rules.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import gcd
from operator import attrgetter
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from explorer.networks.axes import Entries, Value
from explorer.networks.flow import Flow, Place, Role, flow_of
from explorer.networks.graph import graph_of


@dataclass(frozen=True)
class Member:
    """One axis of one layer or bare parameter on which the channels of a group have entries.

    Attributes:
        layer: module name, or the name of the bare parameter.
        role: what a channel is to it.
        axis: of the weight, on which the channels lie.
        entries: (channels, entries a channel) positions on that axis; several where a flatten made H x W of one.
    """

    layer: str
    role: Role
    axis: int
    entries: Entries = field(compare=False, repr=False)

    def of(self, channels: Iterable[int]) -> Entries:
        """The positions of these channels on the axis, ascending."""
        return np.sort(self.entries[list(channels)].ravel())

    def weights(self, model: nn.Module) -> Tensor:
        """The layer's weights by channel: (channels, all weights that belong to one)."""
        return self.by_channel(cast(Tensor, weight_of(model, self.layer)).detach())

    def by_channel(self, weight: Tensor) -> Tensor:
        """What is shaped as the layer's weights (they, or their gradients) by channel: (channels, all of one)."""
        return weight.movedim(self.axis, 0)[torch.from_numpy(self.entries)].flatten(1)


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be kept or removed together with everything that belongs to them.

    Attributes:
        key: name of the first layer that makes them; tells the group apart within its network.
        width: how many channels.
        members: every axis that they lie on, in the order of the graph.
        values: names of the graph's values that they are part of, in its order.
        mixed: why none of them can be removed, in one sentence; empty if they can. Their number can be another.
    """

    key: str
    width: int
    members: tuple[Member, ...]
    values: tuple[str, ...] = field(compare=False, repr=False)
    mixed: str = ""

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


@dataclass(frozen=True)
class AxisLength:
    """How long an axis of a layer's weight is, as a function of the widths of the channel groups.

    Attributes:
        constant: entries that belong to no group: colours, classes, the one input of a depthwise filter.
        entries: (number of a group, how many entries a channel of it has here).
    """

    constant: int
    entries: tuple[tuple[int, int], ...]

    def times(self, factor: int) -> "AxisLength":
        """So many times as long."""
        return AxisLength(
            factor * self.constant, tuple((group, factor * count) for group, count in self.entries)
        )

    def at(self, widths: Sequence[int]) -> int:
        """The length at these widths of the groups, in order."""
        return self.constant + sum(count * widths[group] for group, count in self.entries)


SHUFFLED = "Its channels are split and shuffled until all of them hang together: none can go alone."


@dataclass(frozen=True, eq=False)
class _Grouped:
    """The channels of a network in groups.

    Attributes:
        groups: those whose number of channels can be another.
        fixed: the titles of the others, and why.
        numbers: for every number in a call that counts channels: how many of which channels, and in which group.
    """

    groups: tuple[ChannelGroup, ...]
    fixed: Mapping[str, str]
    numbers: Mapping[Place, AxisLength]


_known: WeakKeyDictionary[nn.Module, tuple[Flow, _Grouped]] = WeakKeyDictionary()


def _grouped(model: nn.Module) -> _Grouped:
    flow = flow_of(model, graph_of(model))
    known = _known.get(model)
    if known is None or known[0] is not flow:
        known = _known[model] = flow, _collected(flow)
    return known[1]


def channel_groups(model: nn.Module) -> tuple[ChannelGroup, ...]:
    """The groups of channels whose number can be another, from input to output.

    The colours of the image and the logits belong to no group: their number is given. Groups whose number is fixed by
    the code of the network are left out; ``unsliceable`` says why.

    Raises:
        ExplorerError: the network cannot be read as a graph, or its widths do not fit each other.
    """
    return _grouped(model).groups


def unsliceable(model: nn.Module) -> dict[str, str]:
    """The groups of which no channel can be removed, by title, and for each why, in one sentence.

    Raises:
        ExplorerError: as ``channel_groups``.
    """
    grouped = _grouped(model)
    return {group.title: group.mixed for group in grouped.groups if group.mixed} | dict(grouped.fixed)


def written_numbers(model: nn.Module) -> Mapping[Place, AxisLength]:
    """Every number in a call that counts channels, as a function of the widths of the groups."""
    return _grouped(model).numbers


def class_count(model: nn.Module) -> int:
    """How many logits a network gives.

    Raises:
        ExplorerError: as ``channel_groups``.
    """
    graph = graph_of(model)
    logits: Value = flow_of(model, graph).values[graph.logits]
    return logits.channels.size


def class_layers(model: nn.Module) -> tuple[str, ...]:
    """The layers that have an output for each class and no other: what makes the logits, and a BatchNorm on them."""
    graph = graph_of(model)
    flow = flow_of(model, graph)
    logits = set(flow.roots[flow.values[graph.logits].channels.ravel()].tolist())
    return tuple(
        each.layer
        for each in flow.lies
        if each.role != "input channel" and set(flow.roots[each.channels].tolist()) == logits
    )


def _collected(flow: Flow) -> _Grouped:
    """The channels by what they lie on: those that lie on the same axes form a group."""
    given = set(flow.roots[flow.given].tolist())
    held, mixed = (
        {root: why for channels, why in noted for root in flow.roots[channels].tolist()}
        for noted in (flow.held[::-1], flow.mixed[::-1])  # of several reasons, the first
    )
    places = [*(each.channels for each in flow.lies), *(channels for channels, _ in flow.numbers.values())]
    # For every channel that stands for others: number of a place -> their positions there.
    positions: dict[int, dict[int, list[int]]] = {}
    for number, channels in enumerate(places):
        for position, root in enumerate(flow.roots[channels].tolist()):
            positions.setdefault(root, {}).setdefault(number, []).append(position)
    alike: dict[tuple[tuple[int, ...], str, str], list[int]] = {}
    for root in sorted(positions):
        if root not in given:
            signature = tuple(positions[root]), held.get(root, ""), mixed.get(root, "")
            alike.setdefault(signature, []).append(root)
    filters = {number for number, each in enumerate(flow.lies) if each.role == "filter"}
    # Bare parameters that meet no channels of a layer are in no group.
    made = {signature: min(filters & set(signature[0])) for signature in alike if filters & set(signature[0])}
    parts = [flow.roots[part] for part in flow.parts]
    values = {name: _roots_of(value, flow.roots) for name, value in flow.values.items()}
    groups: list[ChannelGroup] = []
    fixed: dict[str, str] = {}
    lengths: dict[int, list[tuple[int, int]]] = {}
    taken: Counter[str] = Counter()
    for signature in sorted(made, key=lambda each: made[each]):
        (numbers, hold, mix), roots = signature, alike[signature]
        entries, apart = _units(
            [[positions[root][number] for root in roots] for number in numbers], roots, parts
        )
        members = tuple(
            Member(each.layer, each.role, each.axis, entry)
            for each, entry in (
                (flow.lies[n], entry) for n, entry in zip(numbers, entries, strict=True) if n < len(flow.lies)
            )
        )
        first = flow.lies[made[signature]].layer
        taken[first] += 1
        # Channels of one layer that are read by different layers are groups of their own.
        key = f"{first}#{taken[first]}" if taken[first] > 1 else first
        holding = tuple(name for name, there in values.items() if roots[0] in there)
        group = ChannelGroup(key, len(entries[0]), members, holding, mix or ("" if apart else SHUFFLED))
        if hold:
            fixed[group.title] = hold
            continue
        for number, entry in zip(numbers, entries, strict=True):
            lengths.setdefault(number, []).append((len(groups), entry.shape[1]))
        groups.append(group)
    written = {
        place: _length(len(channels), lengths.get(number, ()), groups).times(entries)
        for number, (place, (channels, entries)) in enumerate(flow.numbers.items(), start=len(flow.lies))
    }
    return _Grouped(tuple(groups), fixed, written)


def _roots_of(value: Any, roots: Entries) -> set[int]:
    """The channels in a value, each by the one that stands for it."""
    if isinstance(value, Value):
        return set(roots[value.channels.ravel()].tolist())
    return (
        set[int]().union(*(_roots_of(each, roots) for each in value)) if isinstance(value, tuple) else set()
    )


def _units(
    positions: Sequence[Sequence[Sequence[int]]], roots: Sequence[int], parts: Sequence[Entries]
) -> tuple[list[Entries], bool]:
    """What of a group can be counted one by one: for each place (units, entries of one); and whether each can go alone.

    Where channels are split and shuffled over and over, more and more of them hang together, in the end all. There can
    still be more or fewer of them if every part grows or shrinks alike, so what is counted then is the greatest number
    that divides all.
    """
    counts = [[len(each) for each in place] for place in positions]
    together = [int(np.isin(part, roots).sum()) for part in parts]
    units = gcd(*(sum(each) for each in counts), *together)
    if units == len(roots) and all(len(set(each)) == 1 for each in counts):
        return [np.array(place) for place in positions], True
    return [np.array(sorted(chain(*place))).reshape(units, -1) for place in positions], False


def _length(now: int, entries: Iterable[tuple[int, int]], groups: Sequence[ChannelGroup]) -> AxisLength:
    """A length that is ``now`` at the widths of these groups."""
    given = now - sum(count * groups[number].width for number, count in entries)
    return AxisLength(given, tuple(entries))


def axis_lengths(model: nn.Module) -> dict[tuple[str, int], AxisLength]:
    """Every axis on which channels of a group lie, (layer or bare parameter, axis of its weight), with its length."""
    groups = channel_groups(model)
    entries: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for number, group in enumerate(groups):
        for member in group.members:
            # Several groups may lie on one axis: a concatenation is read by one layer.
            entries.setdefault((member.layer, member.axis), []).append((number, member.entries.shape[1]))
    return {axis: _length(axis_length(model, *axis), there, groups) for axis, there in entries.items()}


def weight_of(model: nn.Module, layer: str) -> Tensor | None:
    """The weight of a layer, or the bare parameter of that name; None if the layer has none."""
    found: nn.Module | Tensor = attrgetter(layer)(model)
    return found if isinstance(found, Tensor) else cast(Tensor | None, found.weight)


def axis_length(model: nn.Module, layer: str, axis: int) -> int:
    """How long an axis of a layer's weight is now; of a BatchNorm without one, how many channels it has."""
    weight = weight_of(model, layer)
    if weight is not None:
        return weight.shape[axis]
    module = model.get_submodule(layer)
    if isinstance(module, nn.LayerNorm):
        return module.normalized_shape[axis]
    return cast(nn.BatchNorm2d, module).num_features
