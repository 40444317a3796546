"""A mask shuffled inside each layer: as many weights of every layer as global L1 takes, but which ones is chance.

If it does as well as the mask that it comes from, only the layers' shares mattered and not the weights. So it is with
networks that have yet to be trained: Su et al. 2020, arXiv 2009.11094; Frankle et al. 2021, arXiv 2009.08576.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from explorer import palette
from explorer.pruning.methods.entry import PruningMethod
from explorer.pruning.methods.magnitude import magnitudes


def shuffled_magnitudes(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """|w| of every weight w, each layer's handed to its places in another order."""
    random = np.random.RandomState(seed)
    shuffled = {}
    for name, scores in magnitudes(weights, seed).items():
        # Whatever the threshold, a layer keeps as many weights as before: its scores are the same, elsewhere.
        order = torch.from_numpy(random.permutation(scores.numel()))
        shuffled[name] = scores.flatten()[order].reshape(scores.shape)
    return shuffled


SHUFFLED = PruningMethod(
    key="shuffled",
    title="masked, global L1 shuffled",
    kind="mask",
    score=shuffled_magnitudes,
    color=palette.SLATE,
    sentence="Of each layer as many weights are masked as by global L1, but which ones inside it is left to chance.",
    order=20,
    seeded=True,
)
