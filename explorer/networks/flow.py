"""Every value of a network followed through its graph: its axes, and each of its channels.

A convolution or linear layer makes new channels. From there each is followed along the graph: it has an entry in every
BatchNorm, a filter of its own in a depthwise convolution, and an input slice in every layer that reads it. Where two
values are added or multiplied, the n-th channel of one *is* the n-th of the other from then on; a concatenation lays
channels after each other; a flatten makes H x W entries of each; a view and a transpose that shuffle them are a
permutation, a split takes a part of them.

Channels are joined with a disjoint-set forest over single channels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod
from operator import attrgetter
from typing import Any, Literal, cast, get_args
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor, fx, nn

from explorer.errors import ExplorerError
from explorer.networks.axes import (
    BATCH,
    HEIGHT,
    IMAGE,
    VECTOR,
    WIDTH,
    Axis,
    Entries,
    Length,
    Target,
    Unfit,
    Value,
    reshaped,
    settled,
)
from explorer.networks.builders import wiring_of
from explorer.networks.operators import PRODUCT, QUOTIENT, SUM, SomeSides, setting
from explorer.networks.trace import NetworkGraph, Step, arguments, image_colours, settings_of

Role = Literal["filter", "BatchNorm", "depthwise filter", "input channel", "LayerNorm", "PReLU", "parameter"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, eq=False)
class Lies:
    """One axis of a tensor and the channel at each of its positions, by number.

    Attributes:
        layer: module name, or the name of a bare parameter.
        role: what the channels are to it.
        axis: of its weight.
        channels: at each position.
    """

    layer: str
    role: Role
    axis: int
    channels: Entries


@dataclass(frozen=True, eq=False)
class Bare:
    """A bare parameter or buffer on its way to the values that it is added to or multiplied with.

    Attributes:
        name: in the state_dict.
        channels: for each of its axes, the channel at each position; None for an axis of one.
        axes: for each of its axes as they are now, which of ``channels``; None for one that has none.
    """

    name: str
    channels: tuple[Entries | None, ...]
    axes: tuple[int | None, ...]

    def lengths(self) -> tuple[int, ...]:
        """How long each axis is now."""
        return tuple(
            1 if each is None or self.channels[each] is None else len(cast(Entries, self.channels[each]))
            for each in self.axes
        )


MAX_WORK = 2_500_000
"""Channels that may be followed, counted at every step, so that a stranger's graph takes no more than seconds."""
MAX_AXES = 8

Place = tuple[str, int, int]
"""A number that stands in a call: name of the step, which argument, which of a list of them (0 if it is none)."""


@dataclass(frozen=True, eq=False)
class Flow:
    """What becomes of every value and channel of a network.

    Attributes:
        values: of the graph, by name: a ``Value``, a ``Bare``, the length of an axis, or a tuple of them.
        lies: every axis of a layer or bare parameter that channels lie on.
        numbers: every number in a call that counts channels: those that it counts, and how many entries each is.
        parts: of every place where several channels must go together, one channel for each that go so.
        roots: for every channel, by its number, the one that stands for all that were joined with it.
        given: channels whose number is given: the image's colours and the logits.
        held: channels whose number cannot be changed, and why, in one sentence.
        mixed: channels that others are computed from, so that none can go alone, and why, in one sentence.
        wakes: names of values in which a channel of zeros is not zero any more.
    """

    values: Mapping[str, Any]
    lies: tuple[Lies, ...]
    numbers: Mapping[Place, tuple[Entries, int]]
    parts: tuple[Entries, ...]
    roots: Entries
    given: Entries
    held: tuple[tuple[Entries, str], ...]
    mixed: tuple[tuple[Entries, str], ...]
    wakes: frozenset[str]


def followed(model: nn.Module, graph: NetworkGraph, size: int | None = None) -> Flow:
    """Follow the values of a network; ``size`` is that of the image in pixels, without which its sides stay open.

    Raises:
        ExplorerError: an operator is used in a way that cannot be followed, or widths do not fit each other.
    """
    follower = _Follower(model, size)
    values = follower.run(graph)
    return Flow(
        values,
        tuple(follower.lies.values()),
        follower.numbers,
        tuple(follower.parts),
        np.array([follower.root(channel) for channel in range(len(follower.parents))]),
        np.array(follower.given),
        tuple(follower.held),
        tuple(follower.mixed),
        frozenset(follower.wakes),
    )


def flow_of(model: nn.Module, graph: NetworkGraph) -> Flow:
    """What ``followed`` gives without a size; read anew when the widths of the network have changed."""
    sizes = tuple(weight.numel() for weight in model.parameters())
    known = _flows.get(model)
    if known is None or known[0] != sizes:
        known = _flows[model] = sizes, followed(model, graph)
    return known[1]


# What is kept must not lead to the module, or it would never be freed.
_flows: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], Flow]] = WeakKeyDictionary()


class _Follower:
    """Follows values and channels step by step. Its rules are named after what an operator does to channels."""

    def __init__(self, model: nn.Module, size: int | None) -> None:
        self.model, self.size = model, size
        # A network that runs the steps of a program can have the numbers in them changed; code cannot.
        self.rewritable = hasattr(model, "rewrite")
        self.depthwise = depthwise_layers(model)
        self.parents: list[int] = []
        self.values: dict[str, Any] = {}
        self.lies: dict[tuple[str, Role, int], Lies] = {}
        self.numbers: dict[Place, tuple[Entries, int]] = {}
        self.work = 0
        self.parts: list[Entries] = []
        self.given: list[int] = []
        self.held: list[tuple[Entries, str]] = []
        self.mixed: list[tuple[Entries, str]] = []
        self.wakes: set[str] = set()

    def run(self, graph: NetworkGraph) -> dict[str, Any]:
        """The values of the graph by name."""
        colours = self._new(image_colours(self.model, graph))
        self.values[graph.image] = Value(IMAGE, colours, (self.size, self.size))
        for step in graph.steps:
            self.values[step.name] = self._step(step)
        logits = self.values[graph.logits]
        if not isinstance(logits, Value):
            raise ExplorerError(f"{type(self.model).__name__} must give one tensor of logits.")
        self.given += [*colours.tolist(), *logits.channels.ravel().tolist()]
        return self.values

    def root(self, channel: int) -> int:
        """The channel that stands for all that were joined with this one."""
        while self.parents[channel] != channel:
            # Halving the path on the way up keeps every later look-up short.
            self.parents[channel] = channel = self.parents[self.parents[channel]]
        return channel

    def _spend(self, count: int) -> None:
        self.work += count
        if self.work > MAX_WORK:
            raise ExplorerError(
                f"{type(self.model).__name__} has more channels than the explorer can follow."
            )

    def _new(self, count: int) -> Entries:
        self._spend(count)
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def _join(self, one: Entries, other: Entries) -> None:
        if one is other:
            return
        self._spend(one.size)
        for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
            first, second = sorted((self.root(a), self.root(b)))
            # The smaller number stands for both, so groups keep the graph's order.
            self.parents[second] = first

    def _tie(self, units: Entries) -> None:
        """Join the channels of each row: (units, channels of one)."""
        for column in units.T[1:]:
            self._join(units[:, 0], column)
        if units.shape[1] > 1:
            self.parts.append(units[:, 0])

    def _note(self, layer: str, role: Role, axis: int, channels: Entries) -> Entries:
        """Note an axis; a layer that is used a second time has the same channels there as the first time."""
        known = self.lies.setdefault((layer, role, axis), Lies(layer, role, axis, channels)).channels
        self._join(known, channels)
        return channels

    def _counted(self, step: Step, argument: int, number: int, channels: Entries, times: int = 1) -> None:
        """A number in a call says how many channels there are, each ``times`` entries."""
        if self.rewritable:
            self.numbers[step.name, argument, number] = channels, times
        else:
            count = len(channels) * times
            self._hold(step, channels, f"is written for {count:,} entries: that number stands in the code")

    def _hold(self, step: Step, channels: Entries, why: str) -> None:
        self.held.append((channels.ravel(), f"{step.name} {why}."))

    def _step(self, step: Step) -> Any:
        try:
            value = self._followed(step)
        except ExplorerError:
            raise
        except Unfit as unfit:
            raise self._refused(step, str(unfit)) from unfit
        # The arguments may be a stranger's, and of any kind.
        except (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
            raise self._refused(step, "has arguments that the explorer does not know") from error
        several = value if isinstance(value, tuple) else (value,)
        self._spend(sum(each.channels.size for each in several if isinstance(each, Value)))
        return value

    def _refused(self, step: Step, why: str) -> ExplorerError:
        name = type(self.model).__name__
        refused = (
            f"{name} cannot be read as a graph"
            if self.size is None
            else f"An image of {self.size} pixels does not fit {name}"
        )
        return ExplorerError(f"{refused}: {step.layer or step.name} {why}.")

    def _followed(self, step: Step) -> Any:
        kind = step.operator.channels
        if kind == "parameter":
            return self._parameter(step)
        args = self._resolved(step.node.args)
        first = args[0] if args else self._resolved(next(iter(step.node.kwargs.values())))
        if kind == "join":
            return self._joined(step, [*args, *self._resolved([step.node.kwargs.get("other", ())])][:2])
        if kind == "number":
            return _divided(*args)
        rule: Callable[[Step, Any], Any] = getattr(self, f"_{kind.replace(' ', '_')}")
        if not isinstance(first, Value) and kind not in ("index", "size", "concat"):
            if isinstance(first, Bare):
                return self._bare(step, first)
            raise Unfit("reads neither an image nor a vector")
        if kind not in ("norm", "layer norm") and not step.operator.keeps_zero(settings_of(step, self.model)):
            self.wakes.add(step.name)
        return rule(step, first)

    def _resolved(self, argument: Any) -> Any:
        """An argument of a step with the values that it refers to."""
        return fx.node.map_arg(argument, lambda node: self.values[node.name])

    def _setting(self, step: Step, name: str, default: Any) -> Any:
        """A setting of a layer, or an argument of a function with the values that it refers to."""
        return self._resolved(setting(settings_of(step, self.model), name, default))

    # Layers

    def _convolution(self, step: Step, value: Value) -> Value:
        name, conv = step.layer, cast(nn.Conv2d, self.model.get_submodule(step.layer))
        sides, channels = self._sides(step, value), value.channels
        self._expect(name, conv.in_channels, len(channels))
        if name in self.depthwise:
            # Depthwise: the filter of a channel goes with it. With a multiplier it has several.
            carried = np.repeat(channels, conv.out_channels // conv.groups)
            return Value(IMAGE, self._note(name, "depthwise filter", 0, carried), sides)
        # Every convolution group must keep as many channels as the others: the n-th of each go together.
        self._tie(channels.reshape(conv.groups, -1).T)
        self._note(name, "input channel", 1, channels[: conv.in_channels // conv.groups])
        made = self._note(name, "filter", 0, self._new(conv.out_channels))
        self._tie(made.reshape(conv.groups, -1).T)
        return Value(IMAGE, made, sides)

    def _linear(self, step: Step, value: Value) -> Value:
        linear = cast(nn.Linear, self.model.get_submodule(step.layer))
        *before, last = value.axes
        if not before or not any(isinstance(factor, int) for factor in last):
            raise Unfit("reads an image, which has to be flattened first")
        entries = self._entries(step, value, len(before), linear.in_features)
        self._note(step.layer, "input channel", 1, entries)
        made = self._note(step.layer, "filter", 0, self._new(linear.out_features))
        others = value.channels.shape[: sum(isinstance(factor, int) for axis in before for factor in axis)]
        sides = _without(value.sides, last)
        return settled(
            (*before, (len(others),)), np.broadcast_to(made, (*others, linear.out_features)), sides
        )

    def _norm(self, step: Step, value: Value) -> Value:
        norm = cast(nn.BatchNorm1d | nn.BatchNorm2d, self.model.get_submodule(step.layer))
        if isinstance(norm, nn.BatchNorm2d):
            self._sides(step, value)
        elif len(value.axes) != 2:
            raise Unfit("reads an image, which has to be flattened first")
        self._note(step.layer, "BatchNorm", 0, self._entries(step, value, 1, norm.num_features))
        if not norm.affine:
            # It shifts a channel of zeros, and has no shift of its own that could be taken away.
            self.wakes.add(step.name)
        return value

    def _slope(self, step: Step, value: Value) -> Value:
        slopes = cast(nn.PReLU, self.model.get_submodule(step.layer)).num_parameters
        if slopes > 1:
            self._note(step.layer, "PReLU", 0, self._entries(step, value, 1, slopes))
        return value

    def _layer_norm(self, step: Step, value: Value) -> Value:
        shape = self._setting(step, "normalized_shape", ())
        own_shape, name = False, step.layer or step.name
        for bare in self._resolved(list(arguments(step).values())) if not step.layer else ():
            if isinstance(bare, Bare):
                self._spread(step, bare, value)
                holder = bare.name.rpartition(".")[0]
                # The code of a LayerNorm of one's own tells the shape that the module has.
                own_shape = isinstance(self.model.get_submodule(holder), nn.LayerNorm)
                name = holder or name
        mixed: list[Entries] = []
        for number, length in enumerate(shape):
            axis = len(value.axes) - len(shape) + number
            if axis < 1:
                raise Unfit("takes more axes together than there are")
            if not any(isinstance(factor, int) for factor in value.axes[axis]):
                _expect_pixels(value.lengths()[axis], length)
                continue
            entries = self._entries(step, value, axis, length)
            mixed.append(entries)
            if step.layer:
                self._note(step.layer, "LayerNorm", number, entries)
            elif not own_shape and _is_written(step.node.args[1], number):
                self._counted(step, 1, number, entries)
        self.wakes.add(step.name)
        if mixed:
            self._mix(name, np.concatenate(mixed))
        return value

    def _mix(self, name: str, channels: Entries) -> None:
        why = f"{name} weighs each channel against all: without one the others would change."
        self.mixed.append((channels, why))

    def _logits(self, step: Step, value: Value) -> Value:
        axis = self._setting(step, "dim", None)
        if value.axes != VECTOR or axis is None or value.axis(axis) != 1:
            raise Unfit("must be taken over the classes")
        self._mix(step.layer or step.name, value.channels)
        return value

    def _entries(self, step: Step, value: Value, axis: int, length: int) -> Entries:
        """The channel at each position of an axis that a layer has ``length`` weights for."""
        self._spend(length)
        factors, along = value.axes[axis], value.along(axis)
        self._tie(along)  # the same weights for all that share the axis
        channels = along[:, 0]
        pixels = [factor for factor in factors if isinstance(factor, str)]
        if length % len(channels) or not pixels:
            self._expect(step.layer or step.name, length, len(channels))
        area = length // len(channels)
        _expect_pixels(value.pixels(pixels), area)
        if area == 1 or isinstance(factors[0], int):
            if area > 1 and not all(isinstance(factor, str) for factor in factors[1:]):
                raise Unfit("reads channels and pixels in turns")
            return np.repeat(channels, area)
        return np.tile(channels, area)

    def _expect(self, name: str, reads: int, there: int) -> None:
        if reads != there:
            raise ExplorerError(
                f"{name} reads {reads} channels, but {there} come in: the widths do not fit each other."
            )

    def _sides(self, step: Step, value: Value) -> SomeSides:
        """Sides after a step that reads an image."""
        if value.axes != IMAGE:
            raise Unfit(
                "reads a vector" if len(value.axes) == 2 else "reads no image with its channels on axis 1"
            )
        if step.operator.sides is None:
            return value.sides
        settings = settings_of(step, self.model)
        if not step.layer:  # a pooling over the whole image may take its side from the image
            settings = self._resolved(settings)
        sides = step.operator.sides(settings, value.sides)
        if self.size is not None and min(cast(tuple[int, int], sides)) < 1:
            raise ExplorerError(
                f"An image of {self.size} pixels is too small: nothing is left of it at {step.name}."
            )
        return sides

    # Functions

    def _same(self, step: Step, value: Value) -> Value:
        if step.operator.sides is None:
            return value
        if len(setting(settings_of(step, self.model), "pad", ())) > 4:
            raise Unfit("pads something else than height and width")
        return Value(value.axes, value.channels, self._sides(step, value))

    def _reduce(self, step: Step, value: Value) -> Value:
        numbers = self._setting(step, "dim", ())
        axes, sides = list(value.axes), value.sides
        chosen = {
            value.axis(number) for number in ((numbers,) if isinstance(numbers, int) else numbers or ())
        }
        if not chosen or any(factor not in (HEIGHT, WIDTH) for axis in chosen for factor in axes[axis]):
            raise Unfit("must be taken over height and width, neither over channels nor over images")
        for axis in sorted(chosen, reverse=True):
            sides = _without(sides, axes[axis])
            axes[axis : axis + 1] = [()] if self._setting(step, "keepdim", False) else []
        return settled(axes, value.channels, sides)

    def _flatten(self, step: Step, value: Value) -> Value:
        first = value.axis(self._setting(step, "start_dim", 0))
        last = value.axis(self._setting(step, "end_dim", -1))
        if first == 0 and last > 0:
            raise Unfit("must flatten from axis 1 on, so that images stay apart")
        merged = tuple(factor for axis in value.axes[first : last + 1] for factor in axis)
        return settled((*value.axes[:first], merged, *value.axes[last + 1 :]), value.channels, value.sides)

    def _listed(self, step: Step) -> tuple[list[Any], list[tuple[int, int]], list[bool]]:
        """The numbers in a call, listed or one by one: what they are, where they stand, whether they are written."""
        raw = step.node.args[1:]
        if len(raw) == 1 and not isinstance(self._resolved(raw[0]), int | str | None):
            numbers = list(self._resolved(raw[0]))
            places = [(1, number) for number in range(len(numbers))]
            return numbers, places, [_is_written(raw[0], number) for number in range(len(numbers))]
        numbers = [self._resolved(each) for each in raw]
        return (
            numbers,
            [(1 + number, 0) for number in range(len(raw))],
            [not isinstance(each, fx.Node) for each in raw],
        )

    def _reshape(self, step: Step, value: Value) -> Value:
        lengths, places, written = self._listed(step)
        result = reshaped(value, [Target(*each) for each in zip(lengths, written, strict=True)])
        for units in result.tied:
            self._tie(units)
        for number, channels, times in result.written:
            self._counted(step, *places[number], channels, times)
        return result.value

    def _expand(self, step: Step, value: Value) -> Value:
        other = self._resolved(step.node.args[1])
        lengths, places, written = (
            self._listed(step) if not isinstance(other, Value) else (other.lengths(), [], [])
        )
        if len(lengths) != len(value.axes):
            raise Unfit("must have as many axes as what it reads")
        sides = list(value.sides)
        for number, (axis, wanted) in enumerate(zip(value.axes, lengths, strict=True)):
            there = value.lengths()[number]
            if axis in ((HEIGHT,), (WIDTH,)) and there == 1 and wanted != -1:
                sides[axis == (WIDTH,)] = cast(int | None, wanted)
            elif there == 1 and not isinstance(other, Value) and wanted not in (1, -1):
                raise Unfit("spreads one channel over several")
            elif written and written[number] and isinstance(there, int) and wanted not in (1, -1):
                self._counted(
                    step, *places[number], value.along(number)[:, 0], there // len(value.along(number))
                )
        return Value(value.axes, value.channels, (sides[0], sides[1]))

    def _squeeze(self, step: Step, value: Value) -> Value:
        number = self._setting(step, "dim", None)
        if not isinstance(number, int):
            raise Unfit("must name the one axis that it takes away")
        axis = value.axis(number)
        if value.lengths()[axis] is None:
            raise Unfit("takes away an axis whose length depends on the image")
        if value.lengths()[axis] != 1 or any(isinstance(factor, int) for factor in value.axes[axis]):
            return value
        return settled((*value.axes[:axis], *value.axes[axis + 1 :]), value.channels, value.sides)

    def _unsqueeze(self, step: Step, value: Value) -> Value:
        number = cast(int, self._setting(step, "dim", 0))
        axis = number if number >= 0 else number + len(value.axes) + 1
        if not 1 <= axis <= len(value.axes) < MAX_AXES:
            raise Unfit(f"must leave images on the first axis, and make no more than {MAX_AXES}")
        return settled((*value.axes[:axis], (), *value.axes[axis:]), value.channels, value.sides)

    def _permute(self, step: Step, value: Value) -> Value:
        return _reordered(value, [value.axis(number) for number in self._listed(step)[0]])

    def _transpose(self, step: Step, value: Value) -> Value:
        one, other = (value.axis(self._setting(step, f"dim{number}", 0)) for number in (0, 1))
        order = list(range(len(value.axes)))
        order[one], order[other] = other, one
        return _reordered(value, order)

    def _shuffle(self, step: Step, value: Value) -> Value:
        self._sides(step, value)
        groups = self._setting(step, "groups", 1)
        if len(value.channels) % groups:
            raise Unfit(f"cannot make {groups} equal parts of {len(value.channels)} channels")
        grid = value.channels.reshape(groups, -1)
        self._tie(grid.T)
        return Value(value.axes, grid.T.ravel(), value.sides)

    def _concatenated_axis(self, values: Sequence[Any], number: Any) -> int:
        if not values or not all(isinstance(value, Value) for value in values):
            raise Unfit("concatenates something else than images or vectors")
        axis = values[0].axis(number)
        if not _is_channels(values[0].axes[axis]):
            raise Unfit("concatenates something else than channels")
        return cast(int, values[0].axes[axis][0])

    def _concat(self, step: Step, values: Any) -> Value:
        dimension = self._concatenated_axis(values, self._setting(step, "dim", 0))
        first, sides = values[0], values[0].sides
        self._spend(sum(value.channels.size for value in values))
        for value in values[1:]:
            shapes = [np.delete(each.channels.shape, dimension).tolist() for each in (first, value)]
            if value.axes != first.axes or shapes[0] != shapes[1]:
                raise Unfit("concatenates values whose other axes differ")
            sides = _common(sides, value.sides)
        return Value(first.axes, np.concatenate([value.channels for value in values], dimension), sides)

    def _chunk(self, step: Step, value: Value) -> tuple[Value, ...]:
        axis, channels = self._parted(step, value)
        chunks = cast(int, self._setting(step, "chunks", 1))
        if len(channels) % chunks:
            self._hold(
                step, channels, f"makes {chunks} parts of {len(channels)} channels, which are not alike"
            )
        else:
            self._tie_parts(channels, len(channels) // chunks)
        size = -(-len(channels) // chunks)
        return tuple(
            _part(value, axis, slice(start, start + size)) for start in range(0, len(channels), size)
        )

    def _split(self, step: Step, value: Value) -> tuple[Value, ...]:
        axis, channels = self._parted(step, value)
        name = next(
            (each for each in ("split_size", "split_size_or_sections") if each in arguments(step)), ""
        )
        wanted = self._setting(step, name, None)
        if isinstance(wanted, int) and not len(channels) % wanted:
            self._tie_parts(channels, wanted)
            sizes = [wanted] * (len(channels) // wanted)
            if _is_written(arguments(step)[name], None):
                self._counted(step, 1, 0, channels[:wanted, 0])
        elif isinstance(wanted, int):
            self._hold(
                step, channels, f"makes parts of {len(channels)} channels, of which the last is smaller"
            )
            sizes = [min(wanted, len(channels) - start) for start in range(0, len(channels), wanted)]
        else:
            sizes = list(wanted)
            if sum(sizes) != len(channels):
                raise Unfit(f"makes parts of {sum(sizes)} channels, but {len(channels)} come in")
        starts = [sum(sizes[:number]) for number in range(len(sizes))]
        if not isinstance(wanted, int):
            written = [_is_written(arguments(step)[name], number) for number in range(len(sizes))]
            if not all(written):
                self._tie_parts(channels, gcd(*sizes))
            for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
                if written[number]:
                    self._counted(step, 1, number, channels[start : start + size, 0])
        return tuple(
            _part(value, axis, slice(start, start + size)) for start, size in zip(starts, sizes, strict=True)
        )

    def _parted(self, step: Step, value: Value) -> tuple[int, Entries]:
        """The axis that is taken apart, and the channels along it: (channels, others that share the axis)."""
        axis = value.axis(self._setting(step, "dim", 0))
        if not _is_channels(value.axes[axis]):
            raise Unfit("takes apart something else than channels")
        return axis, value.along(axis)

    def _tie_parts(self, channels: Entries, size: int) -> None:
        """Parts of this size, one after the other, must keep as many channels each: the n-th of each go together."""
        parts = channels.reshape(-1, size, channels.shape[1])
        self._tie(parts.transpose(1, 2, 0).reshape(-1, len(parts)))

    def _index(self, step: Step, first: Any) -> Any:
        index = self._resolved(step.node.args[1])
        if isinstance(first, tuple):
            if not isinstance(index, int | slice) or (isinstance(index, int) and index >= len(first)):
                raise Unfit("takes a part that is not there")
            return first[index]
        if not isinstance(first, Value | Bare):
            raise Unfit("takes a part of a number")
        raw, keys = (
            _keys(each if isinstance(each, tuple | list) else (each,), len(first.axes))
            for each in (step.node.args[1], index)
        )
        if isinstance(first, Bare):
            return _with_single_axes(first, keys)
        value, axis = first, 0
        for number, key in enumerate(keys):
            value, axis = self._taken(step, value, axis, key, (number, raw[number]))
        return value

    def _taken(
        self, step: Step, value: Value, axis: int, key: Any, place: tuple[int, Any]
    ) -> tuple[Value, int]:
        """A value after one key of an index, and the axis that the next one is for."""
        if key is None:
            axes = (*value.axes[:axis], (), *value.axes[axis:])
            return settled(axes, value.channels, value.sides), axis + 1
        if axis >= len(value.axes):
            raise Unfit("names more axes than there are")
        factors = value.axes[axis]
        if isinstance(key, int) and all(factor in (HEIGHT, WIDTH) for factor in factors):
            axes = (*value.axes[:axis], *value.axes[axis + 1 :])
            return settled(axes, value.channels, _without(value.sides, factors)), axis
        if not isinstance(key, slice):
            raise Unfit("takes single images or channels")
        if key != slice(None):
            value = self._sliced(step, value, axis, key, place)
        return value, axis + 1

    def _sliced(self, step: Step, value: Value, axis: int, key: slice, place: tuple[int, Any]) -> Value:
        """A part of the pixels or channels along an axis."""
        factors = value.axes[axis]
        if factors in ((HEIGHT,), (WIDTH,)):
            side = value.length(factors[0])
            after = len(range(*key.indices(side))) if isinstance(side, int) else None
            sides = (after, value.sides[1]) if factors == (HEIGHT,) else (value.sides[0], after)
            return Value(value.axes, value.channels, sides)
        if not _is_channels(factors):
            raise Unfit("takes a part of something else than channels or pixels")
        channels = value.along(axis)
        ends = key.start or 0, len(channels) if key.stop is None else key.stop
        if not (all(isinstance(end, int) for end in ends) and 0 <= ends[0] < ends[1] <= len(channels)):
            raise Unfit("takes a part of the channels in a way that the explorer does not know")
        if key.step not in (None, 1):
            self._hold(step, channels, f"takes every {key.step}th of {len(channels)} channels")
        number, written = place
        for side, (end, length) in enumerate(zip((written.start, written.stop), ends, strict=True)):
            if isinstance(end, fx.Node):
                self._tie_parts(channels, gcd(*ends, len(channels)))
            elif end:
                self._counted(step, 1, 2 * number + side, channels[:length, 0])
        return _part(value, axis, key)

    def _size(self, step: Step, value: Value | Bare) -> Any:
        number = self._setting(step, "dim", None)
        lengths = value.lengths()
        return lengths if number is None else lengths[number]

    # Two values

    def _joined(self, step: Step, operands: Sequence[Any]) -> Any:
        tensors = [each for each in operands if isinstance(each, Value | Bare)]
        if not tensors:
            return _multiplied(step, operands)
        if any(not isinstance(self.values[name], Value | Bare) for name in step.inputs):
            raise Unfit("computes with the length of an axis")
        if step.operator is QUOTIENT and isinstance(operands[-1], Value):
            raise Unfit("divides by a value that it computed")
        values = [each for each in tensors if isinstance(each, Value)]
        bare = [each for each in tensors if isinstance(each, Bare)]
        if step.operator is SUM and len(values) < 2:
            self.wakes.add(step.name)  # x + 1
        if len(bare) == 2:
            raise Unfit("adds or multiplies bare parameters")
        if not values:
            return bare[0]
        if bare:
            self._spread(step, bare[0], values[0])
        return self._met(step, *values) if len(values) == 2 else values[0]

    def _met(self, step: Step, one: Value, other: Value) -> Value:
        """Two values that are added or multiplied entry by entry."""
        wide, narrow = (one, other) if one.channels.size >= other.channels.size else (other, one)
        if wide.axes != narrow.axes:
            raise Unfit("adds or multiplies values whose axes differ")
        sides = _common(wide.sides, narrow.sides)
        if wide.channels.shape == narrow.channels.shape:
            self._join(wide.channels, narrow.channels)
        elif narrow.channels.size == 1:
            # A single channel is spread over all of them, and only a single one can be.
            self.given += narrow.channels.ravel().tolist()
            if step.operator is SUM:
                self.wakes.add(step.name)
        else:
            raise ExplorerError(
                f"{step.name} adds or multiplies {narrow.channels.size} and {wide.channels.size} channels."
            )
        return Value(wide.axes, wide.channels, sides)

    # Bare parameters

    def _parameter(self, step: Step) -> Bare:
        tensor: Tensor = attrgetter(step.parameter)(self.model)
        channels = []
        for axis, length in enumerate(tensor.shape):
            known = self.lies.get((step.parameter, "parameter", axis))
            channels.append(
                None
                if length == 1
                else known.channels
                if known
                else self._note(step.parameter, "parameter", axis, self._new(length))
            )
        return Bare(step.parameter, tuple(channels), tuple(range(len(channels))))

    def _spread(self, step: Step, bare: Bare, value: Value) -> None:
        """Let a bare parameter meet a value, axes counted from the last: its entries are the channels there."""
        lengths = bare.lengths()
        for number in range(1, len(lengths) + 1):
            if lengths[-number] == 1:
                continue
            axis = len(value.axes) - number
            if axis < 1:
                raise Unfit(f"meets {bare.name}, which has weights for each image")
            channels = cast(Entries, bare.channels[cast(int, bare.axes[-number])])
            if any(isinstance(factor, int) for factor in value.axes[axis]):
                self._join(self._entries(step, value, axis, lengths[-number]), channels)
            else:
                _expect_pixels(value.lengths()[axis], lengths[-number])
                self.given += channels.tolist()

    def _bare(self, step: Step, bare: Bare) -> Bare:
        """A bare parameter after a step that reads nothing else."""
        kind, lengths = step.operator.channels, bare.lengths()
        if kind == "same" and step.operator.sides is None:
            return bare
        if kind == "unsqueeze":
            number = cast(int, self._setting(step, "dim", 0))
            axes = list(bare.axes)
            axes.insert(number if number >= 0 else number + len(axes) + 1, None)
            return replace(bare, axes=tuple(axes))
        if kind != "reshape":
            raise Unfit(f"takes {bare.name} as it takes no bare parameter")
        wanted, places, written = self._listed(step)
        if -1 in wanted:
            wanted[wanted.index(-1)] = prod(lengths) // -prod(wanted)
        held = iter([axis for axis, length in zip(bare.axes, lengths, strict=True) if length > 1])
        if [each for each in wanted if each != 1] != [each for each in lengths if each != 1]:
            raise Unfit(f"takes the axes of {bare.name} apart")
        axes = [None if length == 1 else next(held) for length in wanted]
        for axis, place, is_written, number in zip(axes, places, written, self._listed(step)[0], strict=True):
            if axis is not None and is_written and number != -1:
                self._counted(step, *place, cast(Entries, bare.channels[axis]))
        return replace(bare, axes=tuple(axes))


def _is_written(argument: Any, number: int | None) -> bool:
    """Whether a number in a call stands there; one of a list, or the only one."""
    if isinstance(argument, fx.Node):
        return False
    return number is None or not isinstance(argument[number], fx.Node)


def _keys(index: Sequence[Any], axes: int) -> list[Any]:
    """The keys of an index with full slices for ``...``."""
    keys = list(index)
    if ... in keys:
        at = keys.index(...)
        keys[at : at + 1] = [slice(None)] * (axes - sum(key is not None for key in keys) + 1)
    return keys


def _is_channels(factors: Axis) -> bool:
    return bool(factors) and all(isinstance(factor, int) for factor in factors)


def _with_single_axes(bare: Bare, keys: list[Any]) -> Bare:
    held = iter(bare.axes)
    if any(key not in (None, slice(None)) for key in keys):
        raise Unfit(f"takes a part of {bare.name}")
    axes = [None if key is None else next(held) for key in keys]
    return replace(bare, axes=(*axes, *held))


def _part(value: Value, axis: int, part: slice) -> Value:
    """The channels of a part of an axis."""
    dimension = cast(int, value.axes[axis][0])
    index = (slice(None),) * dimension + (part,)
    return Value(value.axes, value.channels[index], value.sides)


def _reordered(value: Value, order: Sequence[int]) -> Value:
    if sorted(order) != list(range(len(value.axes))) or order[0] != 0:
        raise Unfit("must name every axis, and leave images on the first")
    return settled([value.axes[number] for number in order], value.channels, value.sides)


def _without(sides: SomeSides, factors: Axis) -> SomeSides:
    """Sides after an axis with these factors is gone."""
    return 1 if HEIGHT in factors else sides[0], 1 if WIDTH in factors else sides[1]


def _common(one: SomeSides, other: SomeSides) -> SomeSides:
    """Sides of values that meet; single pixels are spread over the other."""
    sides: list[int | None] = []
    for a, b in zip(one, other, strict=True):
        if a is not None and b is not None and a != b and 1 not in (a, b):
            raise Unfit(f"brings together images of {a} and {b} pixels")
        sides.append(None if a is None or b is None else max(a, b))
    return sides[0], sides[1]


def _expect_pixels(there: Length, wanted: Any) -> None:
    if there is not None and wanted is not None and there != wanted:
        raise Unfit(f"is made for {wanted} pixels, but {there} come in")


def _divided(one: Any, other: Any) -> Length:
    if not isinstance(one, int | None) or not isinstance(other, int) or other < 1:
        raise Unfit("divides something else than the length of an axis")
    return None if one is None else one // other


def _multiplied(step: Step, lengths: Sequence[Any]) -> Length:
    if step.operator is not PRODUCT or BATCH in lengths:
        raise Unfit("computes with the lengths of axes")
    return None if None in lengths else prod(lengths)


def depthwise_layers(model: nn.Module) -> frozenset[str]:
    """Names of the depthwise convolutions: each filter reads one channel, its own.

    A depthwise convolution of a single channel looks like an ordinary one, and a grouped one with a channel for each
    group like a depthwise one. Of a network that carries its spec it can be told all the same, from the wiring of its
    kind.
    """
    spec = getattr(model, "spec", None)
    read = model if spec is None else wiring_of(spec)
    return frozenset(name for name, module in read.named_modules() if _is_depthwise(module))


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
