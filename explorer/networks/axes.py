"""The axes of a value in a graph: which of them hold channels, which the height and width of an image.

A value has one batch axis, the first. Behind it, an axis holds factors: channels, height, width, several of them
after a flatten, none if its length is one. Where a view takes channels apart, as for a channel shuffle, they form a
grid with a dimension for each factor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from explorer.networks.operators import Sides, SomeSides

Entries = npt.NDArray[np.int64]

BATCH: Final = "batch"
HEIGHT: Final = "height"
WIDTH: Final = "width"
Factor = str | int
"""``BATCH``, ``HEIGHT``, ``WIDTH``, or the number of a dimension of the grid of channels."""
Axis = tuple[Factor, ...]
Length = int | str | None
"""How long an axis is: ``BATCH``, None if it depends on the size of the image."""

IMAGE: tuple[Axis, ...] = ((BATCH,), (0,), (HEIGHT,), (WIDTH,))
VECTOR: tuple[Axis, ...] = ((BATCH,), (0,))


class Unfit(Exception):  # noqa: N818 (it is caught and becomes part of a sentence)
    """Why an operator cannot be followed, as the end of a sentence."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value that the graph computes.

    Attributes:
        axes: what each axis holds; the dimensions of the grid are numbered in the order of the axes.
        channels: the grid of channels, by number.
        sides: height and width, None where they depend on the image; 1 for one that no axis holds.
    """

    axes: tuple[Axis, ...]
    channels: Entries
    sides: SomeSides

    def length(self, factor: Factor) -> Length:
        """How long a factor is."""
        if isinstance(factor, int):
            return int(self.channels.shape[factor])
        return BATCH if factor == BATCH else self.sides[factor == WIDTH]

    def lengths(self) -> tuple[Length, ...]:
        """How long each axis is."""
        return tuple(_product([self.length(factor) for factor in axis]) for axis in self.axes)

    @property
    def image_sides(self) -> Sides:
        """Height and width; 1 for one that has no axis of its own."""
        height, width = (self.length(each) if (each,) in self.axes else 1 for each in (HEIGHT, WIDTH))
        return cast(Sides, (height, width))

    def pixels(self, factors: Sequence[Factor]) -> Length:
        """How many pixels these factors hold together."""
        return _product([self.length(factor) for factor in factors])

    def axis(self, number: int) -> int:
        """The number of an axis, counted from the beginning."""
        if not -len(self.axes) <= number < len(self.axes):
            raise Unfit(f"names axis {number} of {len(self.axes)}")
        return number % len(self.axes)

    def along(self, axis: int) -> Entries:
        """The channels along an axis: (its channel entries, all others that share them)."""
        here = [factor for factor in self.axes[axis] if isinstance(factor, int)]
        grid = np.moveaxis(self.channels, here, range(len(here)))
        return grid.reshape(prod(grid.shape[: len(here)]), -1)


def _product(lengths: Sequence[Length]) -> Length:
    if BATCH in lengths:
        return BATCH
    return None if None in lengths else prod(cast(Sequence[int], lengths))


def settled(axes: Sequence[Axis], channels: Entries, sides: SomeSides) -> Value:
    """A value with its axes written in the one way that there is for them.

    Dimensions of the grid are numbered as the axes have them; neighbours become one dimension; an image whose sides
    are single pixels has them on its axes 2 and 3 all the same.
    """
    order = [factor for axis in axes for factor in axis if isinstance(factor, int)]
    grid, shape, result = channels.transpose(order), list[int](), list[Axis]()
    for axis in axes:
        factors: list[Factor] = []
        for factor in axis:
            if not isinstance(factor, int):
                # Behind a flatten, single pixels are no factor.
                if len(axis) == 1 or factor == BATCH or sides[factor == WIDTH] != 1:
                    factors.append(factor)
                continue
            length = channels.shape[factor]
            if factors and isinstance(factors[-1], int):
                shape[-1] *= length
            else:
                factors.append(len(shape))
                shape.append(length)
        result.append(tuple(factors))
    held = {factor for axis in result for factor in axis}
    if len(result) == 4 and result[1] == (0,):
        for number, factor in ((2, HEIGHT), (3, WIDTH)):
            if not result[number] and factor not in held:
                result[number] = (factor,)
    return Value(tuple(result), grid.reshape(shape), sides)


@dataclass(frozen=True)
class Target:
    """One axis that a reshape asks for.

    Attributes:
        length: how long; -1 for what is left.
        written: whether the number stands in the call, and is not computed from the axes of a value.
    """

    length: Length
    written: bool


@dataclass(frozen=True)
class _Part:
    """A factor, or what a reshape takes of a dimension of channels."""

    factor: Factor
    length: Length


@dataclass(frozen=True, eq=False)
class Reshaped:
    """What a reshape gives.

    Attributes:
        value: the new value.
        tied: channels that must go together, since it takes a dimension of the grid apart: (units, those of one).
        written: for each number that stands in the call and says how many channels there are: (which of the targets,
            the channels that it counts, how many entries of the axis each of them is).
    """

    value: Value
    tied: tuple[Entries, ...]
    written: tuple[tuple[int, Entries, int], ...]


def reshaped(value: Value, targets: Sequence[Target]) -> Reshaped:
    """A value after ``view`` or ``reshape``.

    Raises:
        Unfit: its axes do not come apart, or together, in that way.
    """
    lengths = [target.length for target in targets]
    if not lengths or lengths[0] not in (BATCH, -1) or BATCH in lengths[1:]:
        raise Unfit("must leave the images of a batch apart, on the first axis")
    if lengths.count(-1) > 1 or any(isinstance(length, int) and length < -1 for length in lengths):
        raise Unfit("names no lengths of axes")
    parts = [_Part(each, value.length(each)) for axis in value.axes[1:] for each in axis]
    # Single pixels need no axis of their own: they fit anywhere.
    parts = [part for part in parts if isinstance(part.factor, int) or part.length != 1]
    rest = lengths[1:]
    cut = rest.index(-1) if -1 in rest else len(rest)
    groups, parts = _matched(rest[:cut], parts, whole=cut == len(rest))
    if cut < len(rest):
        back, parts = _matched(rest[:cut:-1], parts[::-1], whole=False)
        groups += [parts[::-1], *(group[::-1] for group in back[::-1])]
    elif groups and all(part.length == 1 for part in parts):
        groups[-1] += parts
    elif parts:
        raise Unfit("has axes left over")
    numbers = iter(range(len(parts) + sum(map(len, groups))))
    axes = [
        tuple(next(numbers) if isinstance(part.factor, int) else part.factor for part in group)
        for group in groups
    ]
    shape = [cast(int, part.length) for group in groups for part in group if isinstance(part.factor, int)]
    result = settled([(BATCH,), *axes], value.channels.reshape(shape), value.sides)
    adjusted = _adjusted(groups, targets[1:])
    tied = tuple(_tied(value, groups, number, adjusted[number]) for number in adjusted)
    return Reshaped(result, tied, tuple(_written(result, groups, targets, adjusted)))


def _matched(
    targets: Sequence[Length], parts: Sequence[_Part], whole: bool
) -> tuple[list[list[_Part]], list[_Part]]:
    """The factors that each target takes, from the first on, and those that are left for an open axis.

    ``whole`` is whether there is no open axis, so that the last target must take what is left.
    """
    groups, left = [], list(parts)
    for number, target in enumerate(targets):
        later = sum(other != 1 for other in targets[number + 1 :])
        last = whole and later == 0
        if target is None:
            group = _taken_pixels(left, last, later if whole else len(left) - 1)
        else:
            group = _taken(left, cast(int, target), last)
        groups.append(group)
    return groups, left


def _taken_pixels(left: list[_Part], last: bool, later: int) -> list[_Part]:
    """For a length that depends on the image: its pixels, leaving a factor for each later target."""
    group: list[_Part] = []
    while left and (last or (len(left) > later and isinstance(left[0].factor, str))):
        group.append(left.pop(0))
    if not any(isinstance(part.factor, str) for part in group):
        raise Unfit("takes as many channels as there are pixels")
    return group


def _taken(left: list[_Part], length: int, last: bool) -> list[_Part]:
    """The factors that make an axis so long; of a dimension of channels it may be a part."""
    group: list[_Part] = []
    if length == 1 and left and left[0].length == 1:
        return [left.pop(0)]
    while length != 1:
        if not left:
            raise Unfit("asks for longer axes than there are")
        part = left[0]
        if part.length is None:
            # The number that is written says how many pixels there must be.
            group += left if last else left[:1]
            del left[: len(left) if last else 1]
            if not all(isinstance(each.factor, str) for each in group[1:]):
                raise Unfit("mixes channels and pixels")
            return group
        there = cast(int, part.length)
        if length % there == 0:
            group.append(left.pop(0))
            length //= there
        elif isinstance(part.factor, int) and there % length == 0:
            group.append(_Part(part.factor, length))
            left[0] = _Part(part.factor, there // length)
            length = 1
        else:
            raise Unfit(f"cannot make an axis of {length} of one of {there}")
    return group


def _adjusted(groups: Sequence[Sequence[_Part]], targets: Sequence[Target]) -> dict[int, int]:
    """For each dimension of channels that is taken apart, which of the groups follows when their number changes.

    One whose length is open or computed does so by itself; of those that are written, the longest.
    """
    shares: dict[int, list[tuple[bool, int, int]]] = {}
    for number, (group, target) in enumerate(zip(groups, targets, strict=True)):
        for part in group:
            if isinstance(part.factor, int) and part.length != 1:
                follows = not target.written or target.length == -1
                shares.setdefault(part.factor, []).append((follows, cast(int, part.length), number))
    return {dimension: max(there)[2] for dimension, there in shares.items() if len(there) > 1}


def _tied(value: Value, groups: Sequence[Sequence[_Part]], dimension: int, adjusted: int) -> Entries:
    """Channels that go together where a dimension is taken apart: one of each of the parts that keep their length."""
    lengths = [
        (number, cast(int, part.length))
        for number, group in enumerate(groups)
        for part in group
        if part.factor == dimension
    ]
    others = np.moveaxis(value.channels, dimension, -1).reshape(-1, *(length for _, length in lengths))
    place = 1 + [number for number, _ in lengths].index(adjusted)
    units = np.moveaxis(others, place, 1)
    return units.reshape(units.shape[0] * units.shape[1], -1)


def _written(
    result: Value, groups: Sequence[Sequence[_Part]], targets: Sequence[Target], adjusted: Mapping[int, int]
) -> Iterator[tuple[int, Entries, int]]:
    for number, group in enumerate(groups):
        target = targets[number + 1]
        here = [part.factor for part in group if isinstance(part.factor, int) and part.length != 1]
        follows = [adjusted.get(factor, number) == number for factor in here]
        if any(follows) and not all(follows):
            raise Unfit("takes channels apart and together at once")
        if target.written and target.length != -1 and here and all(follows):
            channels = result.along(number + 1)[:, 0]
            yield number + 1, channels, cast(int, target.length) // len(channels)
