"""The way under a limit: the widths of any kind of network that fit, found with its cost in closed form."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, nan
from typing import TypeVar

import pandas as pd

from explorer.errors import ExplorerError
from explorer.networks import (
    MAX_WIDTH,
    NetworkSpec,
    cost_model_of_spec,
    group_titles,
    params_of,
    wiring_of,
)

Spec = TypeVar("Spec", bound=NetworkSpec)
Widths = tuple[int, ...]


def most_channels(spec: NetworkSpec) -> int:
    """The largest width that is offered: 1024, or what the network itself has where that is more."""
    return max(MAX_WIDTH, *spec.channels, 1)


def scaled(spec: Spec, factor: float) -> Spec:
    """``spec`` with every width times ``factor``, rounded half up, at least 1 and at most ``most_channels``.

    >>> from explorer.networks import StudentSpec
    >>> scaled(StudentSpec(), 0.75).widths
    (48, 96, 192, 106)
    """
    return spec.with_channels(_scaled(spec.channels, factor, most_channels(spec)))


def _scaled(widths: Widths, factor: float, most: int) -> Widths:
    return tuple(min(most, max(1, floor(factor * width + 0.5))) for width in widths)


def scale_to_limit(spec: Spec, limit: int) -> Spec:
    """``spec`` with every width scaled by one factor, the largest that stays within ``limit`` parameters.

    That is ``scaled(spec, f)`` for the largest f that fits. Widths only grow with f, and only where f times a width
    passes a half, so those factors are all that need be tried. Since all widths are rounded from one factor, a
    channel more in a single place may still fit; see ``grow_to_limit``.

    Raises:
        ExplorerError: not even one channel everywhere fits.
    """
    # Only numbers are tried here: a spec is made of the widths that are found.
    model, widths, most = cost_model_of_spec(spec, None), spec.channels, most_channels(spec)
    smallest = model.cost((1,) * len(widths)).params
    if smallest > limit:
        raise ExplorerError(
            f"No network of this wiring with {spec.classes} classes fits into {limit:,} parameters: the smallest has "
            f"{smallest:,}."
        )
    # At exactly (n + 0.5) / width the product may come out a hair below n + 0.5 in floating point, and would be
    # rounded down to n. So each factor is taken one part in 10^12 higher: far more than the error of a product,
    # far less than the distance to the next factor, at least one part in 10^8 for widths of some thousand channels.
    factors = sorted(
        {(number + 0.5) / width * (1 + 1e-12) for width in set(widths) for number in range(1, most)}
    )
    fitting = bisect_right(
        factors, limit, key=lambda factor: model.cost(_scaled(widths, factor, most)).params
    )
    return scaled(spec, factors[fitting - 1]) if fitting else spec.with_channels((1,) * len(widths))


def fit_to_limit(spec: Spec, limit: int) -> Spec:
    """``spec`` itself if it is within ``limit`` parameters, else scaled by the largest factor that is.

    >>> from explorer.networks import StudentSpec
    >>> fit_to_limit(StudentSpec(), 60_000)
    StudentSpec(stem=48, widths=(48, 97, 193, 107), classes=11, kernel=3, conv_bias=False)
    """
    return spec if params_of(spec) <= limit else scale_to_limit(spec, limit)


def grow_to_limit(spec: Spec, limit: int) -> Spec:
    """A network of about the proportions of ``spec`` that no single channel more would fit into.

    First every width is scaled by one factor, then one channel is added at a time, always where the width is
    furthest below its proportion.
    """
    model, most = cost_model_of_spec(spec, None), most_channels(spec)
    if model.cost(spec.channels).params > limit:
        return fit_to_limit(spec, limit)
    widths = scale_to_limit(spec, limit).channels
    while True:
        by_proportion = sorted(range(len(widths)), key=lambda group: widths[group] / spec.channels[group])
        wider = (_widened(widths, group, 1) for group in by_proportion if widths[group] < most)
        following = next((each for each in wider if model.cost(each).params <= limit), None)
        if following is None:
            return spec.with_channels(widths)
        widths = following


@dataclass(frozen=True)
class WayOut:
    """The network that uses a limit best, in about the same proportions; or the same one, and why there is none."""

    spec: NetworkSpec
    refusal: str = ""


def way_out(spec: NetworkSpec, limit: int) -> WayOut:
    """What to make of a network: fitted to the limit if it is over it, else widened until no channel more fits."""
    try:
        return WayOut(grow_to_limit(spec, limit) if params_of(spec) <= limit else fit_to_limit(spec, limit))
    except ExplorerError as error:
        return WayOut(spec, str(error))


def width_steps(spec: NetworkSpec, size: int = 224, step: int = 8) -> pd.DataFrame:
    """What ``step`` channels more or less in one channel group change.

    Columns part, channels, then the change of parameters and multiply-adds for more and for less; fewer than one
    channel is left out (NaN).
    """
    model, widths, most, rows = cost_model_of_spec(spec, size), spec.channels, most_channels(spec), []
    here = model.cost(widths)
    for group, title in enumerate(group_titles(wiring_of(spec)).values()):
        row: dict[str, object] = {"part": title, "channels": widths[group]}
        for change in (step, -step):
            possible = 1 <= widths[group] + change <= most
            there = model.cost(_widened(widths, group, change)) if possible else None
            row[f"{change:+}: parameters"] = there.params - here.params if there else nan
            row[f"{change:+}: mult-adds"] = there.mult_adds - here.mult_adds if there else nan
        rows.append(row)
    return pd.DataFrame(rows)


def _widened(widths: Sequence[int], group: int, channels: int) -> Widths:
    """The widths with so many channels more in one group."""
    return (*widths[:group], widths[group] + channels, *widths[group + 1 :])
