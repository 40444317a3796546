"""The way under a limit: the cost of a StudentNet in closed form, and the widths that fit.

Closed-form costs follow torchinfo's counting (a convolution's parameters times its output pixels;
BatchNorm and linear layers their parameters once) and are tested against it.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import floor, nan

import pandas as pd

from explorer.errors import ExplorerError
from explorer.networks import MAX_WIDTH, StudentSpec


@dataclass(frozen=True)
class Cost:
    """Parameters, and multiply-adds for one image."""

    params: int
    mult_adds: int


def cost(spec: StudentSpec, size: int = 224) -> Cost:
    """What ``spec`` costs at an input of ``size`` x ``size`` pixels.

    >>> cost(StudentSpec())
    Cost(params=99060, mult_adds=148073268)
    """
    params, mult_adds = 0, 0
    for weights, pixels in _layers(spec, size):
        params += weights
        mult_adds += weights * pixels
    return Cost(params, mult_adds)


def _layers(spec: StudentSpec, size: int) -> Iterator[tuple[int, int]]:
    """(parameters, how many times each is used for one image) of every layer that has any."""
    bias = int(spec.conv_bias)
    side = (size - 1) // 2 + 1
    yield spec.stem * (3 * 49 + bias), side * side
    yield 2 * spec.stem, 1
    side = (side - 1) // 2 + 1
    for inputs, outputs, stride in spec.blocks:
        side = (side - 1) // stride + 1
        yield inputs * (spec.kernel**2 + bias), side * side
        yield 2 * inputs, 1
        yield outputs * (inputs + bias), side * side
        yield 2 * outputs, 1
    yield spec.classes * (spec.widths[-1] + 1), 1


def _all_widths(spec: StudentSpec) -> tuple[int, ...]:
    return (spec.stem, *spec.widths)


def with_widths(spec: StudentSpec, widths: tuple[int, ...]) -> StudentSpec:
    """``spec`` with other widths: (stem, block 1, ..., block 4)."""
    return replace(spec, stem=widths[0], widths=widths[1:])


def scaled(spec: StudentSpec, factor: float) -> StudentSpec:
    """``spec`` with every width times ``factor``, rounded half up, at least 1 and at most 1024.

    >>> scaled(StudentSpec(), 0.75).widths
    (48, 96, 192, 106)
    """
    return with_widths(
        spec,
        tuple(min(MAX_WIDTH, max(1, floor(factor * width + 0.5))) for width in _all_widths(spec)),
    )


def largest_of_shape(spec: StudentSpec, limit: int) -> StudentSpec:
    """The largest network with the proportions of ``spec`` and at most ``limit`` parameters.

    That is ``scaled(spec, f)`` for the largest factor f that fits. Widths only grow with f, and only
    where f times a width passes a half, so those factors are all that need be tried.

    Raises:
        ExplorerError: not even one channel everywhere fits.
    """
    smallest = with_widths(spec, (1,) * 5)
    if cost(smallest).params > limit:
        raise ExplorerError(
            f"No StudentNet with {spec.classes} classes fits into {limit:,} parameters: the smallest has "
            f"{cost(smallest).params:,}."
        )
    # One part in 10^12 above each breakpoint, so that rounding errors cannot fall below it.
    steps = sorted(
        {
            (number + 0.5) / width * (1 + 1e-12)
            for width in _all_widths(spec)
            for number in range(1, MAX_WIDTH)
        }
    )
    place = bisect_right(steps, limit, key=lambda factor: cost(scaled(spec, factor)).params)
    return scaled(spec, steps[place - 1]) if place else smallest


def fit(spec: StudentSpec, limit: int) -> StudentSpec:
    """``spec`` itself if it is within ``limit``, else the largest network of its proportions that is.

    >>> fit(StudentSpec(), 60_000)
    StudentSpec(stem=48, widths=(48, 97, 193, 107), classes=11, kernel=3, conv_bias=False)
    """
    return spec if cost(spec).params <= limit else largest_of_shape(spec, limit)


def spend(spec: StudentSpec, limit: int) -> StudentSpec:
    """A network of about the proportions of ``spec`` that no single channel more would fit into.

    First the largest of the same proportions, then one channel at a time, always where the width is
    furthest below its proportion.
    """
    if cost(spec).params > limit:
        return fit(spec, limit)
    found = largest_of_shape(spec, limit)
    while True:
        widths = _all_widths(found)
        wider = [
            with_widths(spec, (*widths[:place], widths[place] + 1, *widths[place + 1 :]))
            for place in sorted(range(5), key=lambda place: widths[place] / _all_widths(spec)[place])
            if widths[place] < MAX_WIDTH
        ]
        following = next((one for one in wider if cost(one).params <= limit), None)
        if following is None:
            return found
        found = following


def steps_of(spec: StudentSpec, size: int = 224, step: int = 8) -> pd.DataFrame:
    """What ``step`` channels more or less in each place change.

    Columns place, channels, then the change of parameters and multiply-adds for more and for less;
    fewer than one channel is left out (NaN).
    """
    here, widths, rows = cost(spec, size), _all_widths(spec), []
    for place, name in enumerate(("stem", "block 1", "block 2", "block 3", "block 4")):
        row: dict[str, object] = {"place": name, "channels": widths[place]}
        for sign in (1, -1):
            width = widths[place] + sign * step
            label = f"{'+' if sign > 0 else '-'}{step}"
            change = None
            if 1 <= width <= MAX_WIDTH:
                change = cost(with_widths(spec, (*widths[:place], width, *widths[place + 1 :])), size)
            row[f"{label}: parameters"] = change.params - here.params if change else nan
            row[f"{label}: mult-adds"] = change.mult_adds - here.mult_adds if change else nan
        rows.append(row)
    return pd.DataFrame(rows)


def against_standard(spec: StudentSpec) -> pd.DataFrame:
    """Each block's depthwise + pointwise weights beside the standard convolution they stand in for.

    Columns block, separable, standard (weights, without biases and BatchNorm), factor. The factor
    is k^2 o / (k^2 + o) for o output channels. Source: Howard et al. 2017, arXiv 1704.04861.
    """
    rows = []
    for number, (inputs, outputs, _) in enumerate(spec.blocks, start=1):
        area = spec.kernel**2
        separable, standard = inputs * area + inputs * outputs, inputs * outputs * area
        rows.append(
            {
                "block": f"block {number}",
                "separable": separable,
                "standard": standard,
                "factor": standard / separable,
            }
        )
    return pd.DataFrame(rows)
