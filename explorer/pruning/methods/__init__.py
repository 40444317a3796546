"""The pruning methods, one entry each. To add one, add a module here that holds its ``PruningMethod``."""

import sys
from collections.abc import Iterable, Mapping

from explorer.errors import ExplorerError
from explorer.pruning.methods.entry import Basis, Kind, PruningMethod, collect, discover

METHODS: Mapping[str, PruningMethod] = collect(discover(sys.modules[__name__]))
"""Every method by its key, masks before removals, the baseline of each kind last."""


def get_method(key: str) -> PruningMethod:
    """The method with this key.

    Raises:
        ExplorerError: there is none.

    >>> get_method("magic")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    explorer.errors.ExplorerError: There is no method 'magic'; there are global-l1, ...
    """
    if key not in METHODS:
        raise ExplorerError(f"There is no method {key!r}; there are {', '.join(METHODS)}.")
    return METHODS[key]


def baseline(kind: Kind) -> PruningMethod:
    """The random method of a kind.

    >>> baseline("removal").key
    'channels-random'
    """
    return next(method for method in METHODS.values() if method.kind == kind and method.baseline)


def with_baselines(keys: Iterable[str]) -> tuple[str, ...]:
    """The methods together with the random one of each of their kinds, which any ranking has to beat.

    >>> with_baselines(["global-l1", "layer-l1"])
    ('global-l1', 'layer-l1', 'random')
    >>> with_baselines(["channels-l2"])
    ('channels-l2', 'channels-random')
    """
    chosen = [get_method(key) for key in keys]
    # Masks' baseline before removals', whatever came first.
    kinds = dict.fromkeys(method.kind for method in METHODS.values() if method in chosen)
    return tuple(method.key for method in dict.fromkeys([*chosen, *map(baseline, kinds)]))


__all__ = ["METHODS", "Basis", "Kind", "PruningMethod", "baseline", "get_method", "with_baselines"]
