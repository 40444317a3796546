"""The way under a limit: the widths of any kind of network that fit, found with its cost in closed form."""

from bisect import bisect_right
from collections.abc import Sequence
from math import floor, nan
from typing import TypeVar

import pandas as pd

from explorer.errors import ExplorerError
from explorer.networks import (
    MAX_WIDTH,
    NetworkSpec,
    builder_of,
    cost_model_of_spec,
    cost_of,
    group_titles,
    wiring_of,
)

Spec = TypeVar("Spec", bound=NetworkSpec)


def scaled(spec: Spec, factor: float) -> Spec:
    """``spec`` with every width times ``factor``, rounded half up, at least 1 and at most 1024.

    >>> from explorer.networks import StudentSpec
    >>> scaled(StudentSpec(), 0.75).widths
    (48, 96, 192, 106)
    """
    return spec.with_channels(
        tuple(min(MAX_WIDTH, max(1, floor(factor * width + 0.5))) for width in spec.channels)
    )


def scale_to_limit(spec: Spec, limit: int) -> Spec:
    """``spec`` with every width scaled by one factor, the largest that stays within ``limit`` parameters.

    That is ``scaled(spec, f)`` for the largest f that fits. Widths only grow with f, and only where f times a width
    passes a half, so those factors are all that need be tried. Since all widths are rounded from one factor, a
    channel more in a single place may still fit; see ``grow_to_limit``.

    Raises:
        ExplorerError: not even one channel everywhere fits.
    """
    smallest = spec.with_channels((1,) * len(spec.channels))
    if cost_of(smallest).params > limit:
        raise ExplorerError(
            f"No {builder_of(spec.kind).title} with {spec.classes} classes fits into {limit:,} parameters: the "
            f"smallest has {cost_of(smallest).params:,}."
        )
    # At exactly (n + 0.5) / width the product may come out a hair below n + 0.5 in floating point, and would be
    # rounded down to n. So each factor is taken one part in 10^12 higher: far more than the error of a product,
    # far less than the distance to the next factor, at least one part in 10^7 for widths up to 1024.
    factors = sorted(
        {
            (number + 0.5) / width * (1 + 1e-12)
            for width in set(spec.channels)
            for number in range(1, MAX_WIDTH)
        }
    )
    fitting = bisect_right(factors, limit, key=lambda factor: cost_of(scaled(spec, factor)).params)
    return scaled(spec, factors[fitting - 1]) if fitting else smallest


def fit_to_limit(spec: Spec, limit: int) -> Spec:
    """``spec`` itself if it is within ``limit`` parameters, else scaled by the largest factor that is.

    >>> from explorer.networks import StudentSpec
    >>> fit_to_limit(StudentSpec(), 60_000)
    StudentSpec(stem=48, widths=(48, 97, 193, 107), classes=11, kernel=3, conv_bias=False)
    """
    return spec if cost_of(spec).params <= limit else scale_to_limit(spec, limit)


def grow_to_limit(spec: Spec, limit: int) -> Spec:
    """A network of about the proportions of ``spec`` that no single channel more would fit into.

    First every width is scaled by one factor, then one channel is added at a time, always where the width is
    furthest below its proportion.
    """
    if cost_of(spec).params > limit:
        return fit_to_limit(spec, limit)
    grown = scale_to_limit(spec, limit)
    while True:
        widths = grown.channels
        by_proportion = sorted(range(len(widths)), key=lambda group: widths[group] / spec.channels[group])
        wider = (_widened(widths, group, 1) for group in by_proportion if widths[group] < MAX_WIDTH)
        fitting = (spec.with_channels(each) for each in wider)
        following = next((each for each in fitting if cost_of(each).params <= limit), None)
        if following is None:
            return grown
        grown = following


def width_steps(spec: NetworkSpec, size: int = 224, step: int = 8) -> pd.DataFrame:
    """What ``step`` channels more or less in one channel group change.

    Columns part, channels, then the change of parameters and multiply-adds for more and for less; fewer than one
    channel is left out (NaN).
    """
    model, widths, rows = cost_model_of_spec(spec, size), spec.channels, []
    here = model.cost(widths)
    for group, title in enumerate(group_titles(wiring_of(spec)).values()):
        row: dict[str, object] = {"part": title, "channels": widths[group]}
        for change in (step, -step):
            possible = 1 <= widths[group] + change <= MAX_WIDTH
            there = model.cost(_widened(widths, group, change)) if possible else None
            row[f"{change:+}: parameters"] = there.params - here.params if there else nan
            row[f"{change:+}: mult-adds"] = there.mult_adds - here.mult_adds if there else nan
        rows.append(row)
    return pd.DataFrame(rows)


def _widened(widths: Sequence[int], group: int, channels: int) -> tuple[int, ...]:
    """The widths with so many channels more in one group."""
    return (*widths[:group], widths[group] + channels, *widths[group + 1 :])
