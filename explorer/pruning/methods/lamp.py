"""LAMP: a global ranking that knows how much of its layer a weight is.

Source: Lee et al. 2021, arXiv 2010.07611, equation 4.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from explorer import palette
from explorer.pruning.methods.entry import PruningMethod


def lamp_scores(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """w² over the sum of all w'² of its layer with |w'| >= |w|, in float64; the seed plays no part.

    The largest weight of every layer scores 1, so no layer is emptied before the others.
    """
    return {name: _layer_scores(weight) for name, weight in weights.items()}


def _layer_scores(weight: Tensor) -> Tensor:
    # float64: a layer has up to millions of squares to add up, and float32 would lose the small ones.
    ascending, order = weight.detach().double().square().flatten().sort()
    not_smaller = ascending.flip(0).cumsum(0).flip(0)
    # Equal weights get one score, with all of them in the sum: that at the position of the first.
    first_equal = torch.searchsorted(ascending, ascending)
    # A layer of zeros would be 0 / 0; its weights score 0.
    sums = not_smaller[first_equal].clamp_min(torch.finfo(torch.float64).tiny)
    scores = torch.empty_like(ascending)
    scores[order] = ascending / sums
    return scores.reshape(weight.shape)


LAMP = PruningMethod(
    key="lamp",
    title="masked, LAMP",
    kind="mask",
    score=lamp_scores,
    color=palette.BROWN,
    sentence="The weights that are the smallest share of what is left of their layer are masked.",
)
