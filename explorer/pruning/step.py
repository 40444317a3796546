"""A pruning as a step of a recipe."""

from explorer.ledger import Prune
from explorer.pruning.methods import get_method


def prune_step(method: str, ratio: float, seed: int = 0) -> Prune:
    """What a row says of a pruning: also how many training images its method looks at.

    >>> prune_step("lamp", 0.9)
    Prune(method='lamp', ratio=0.9, seed=0, images=0)
    """
    return Prune(method, ratio, seed, get_method(method).images)
