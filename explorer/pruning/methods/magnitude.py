"""Masks by magnitude: the smallest weights go first.

Source: Han et al. 2015, arXiv 1506.02626.
"""

from collections.abc import Mapping

from torch import Tensor

from explorer import palette
from explorer.pruning.methods.entry import PruningMethod


def magnitudes(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """|w| of every weight w; the seed plays no part."""
    return {name: weight.detach().abs() for name, weight in weights.items()}


GLOBAL_L1 = PruningMethod(
    key="global-l1",
    title="masked, global L1",
    kind="mask",
    score=magnitudes,
    color=palette.OCHRE,
    sentence="The smallest weights of the whole network are masked, wherever they are.",
    order=0,
)

LAYER_L1 = PruningMethod(
    key="layer-l1",
    title="masked, layer-wise L1",
    kind="mask",
    score=magnitudes,
    color=palette.VIOLET,
    sentence="Of each layer the same share of weights is masked, its smallest ones.",
    order=1,
    layerwise=True,
)
